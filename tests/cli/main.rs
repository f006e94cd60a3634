//! The program `twilio-sync` as its users run it: as a process.

mod api;
mod completions;
mod doctor;
#[cfg(unix)]
mod edges;
mod outcomes;
mod secrets;
mod service;
mod session;
mod sessions;
mod terminal;
mod transfer;
mod watch;
