//! Calls that lost against the writes of others, up to their limit.

use std::time::Duration;

use super::Error;
use crate::value::Revision;

/// A call that gave up, since others wrote each time between its read and its write.
#[derive(Debug, thiserror::Error)]
#[error(
    "{object} was changed by others in each of {attempts} attempts within {elapsed:.1?}; try again, or \
     allow more attempts or time"
)]
#[non_exhaustive]
pub struct ContentionError {
    /// The object or item, as `document "desk-7"`.
    pub object: String,
    /// How often it was read, changed and tried to be written.
    pub attempts: u32,
    /// How long that took.
    pub elapsed: Duration,
    /// The revision of the last read, which was outdated by the time of the last write; `None` if
    /// there was nothing to read.
    pub revision: Option<Revision>,
    /// The response to the last write.
    pub source: Error,
}
