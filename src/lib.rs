//! Twilio Sync from Rust.
#![allow(dead_code)] // until the helpers use it

#[allow(clippy::pedantic)] // of the generated code
pub mod api;
mod data;
mod error;
mod names;
mod retry;
mod revision;
mod sids;
mod transport;
mod ttl;

pub use error::{Error, InputError, Result};
pub use names::{Identity, ItemKey, UniqueName};
pub use revision::Revision;
