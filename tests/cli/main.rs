//! The program `twilio-sync` as its users run it: as a process.

mod api;
mod completions;
mod doctor;
mod secrets;
mod session;
mod sessions;
mod terminal;
mod transfer;
