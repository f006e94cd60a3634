//! Live updates against the emulator, over real sockets.

mod faults;
mod soak;
mod watches;
