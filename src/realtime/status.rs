//! The state of the connection, as users see it.

use std::time::Duration;

use crate::error::RealtimeError;

/// The state of the connection of a client for live updates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Nothing is watched: there is no connection.
    #[default]
    Idle,
    /// A connection is being made.
    Connecting,
    /// The connection is open.
    Live,
    /// The connection failed, and the next attempt is made after a while.
    Waiting {
        /// The time until the next attempt, counted from when the client began to wait.
        pause: Duration,
        /// The reason why there is no connection.
        reason: String,
    },
    /// The service refused the access token. All watches have ended; the next one tries again.
    Refused(RealtimeError),
}

impl Status {
    /// Returns `true` if the connection is open.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }
}
