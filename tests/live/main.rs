//! Live updates against the emulator, over real sockets.

mod ends;
mod faults;
#[cfg(target_os = "linux")]
mod figures;
mod soak;
mod tasks;
mod watches;
