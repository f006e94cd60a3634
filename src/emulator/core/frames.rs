//! The log of the frames that live clients and the emulator exchange.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::emulator::subscribers::recent::{self, Recent};

/// A frame that was sent or received over the connection of a live client.
///
/// The log has the newest 10,000, or fewer when they exceed 16 MiB. Access tokens are left out.
#[derive(Clone, Debug)]
pub struct LoggedFrame {
    pub(crate) endpoint: Arc<str>,
    pub(crate) identity: Arc<str>,
    pub(crate) sender: Sender,
    pub(crate) header: Box<str>,
    pub(crate) payload: Box<str>,
    pub(crate) time: DateTime<Utc>,
}

/// The end of a connection that sent a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sender {
    Client,
    Service,
}

impl LoggedFrame {
    /// The endpoint of the client; empty before its first message was accepted.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The identity of the client; empty before its first message was accepted.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Returns true if the client sent it, false if the emulator did.
    #[must_use]
    pub fn is_from_client(&self) -> bool {
        self.sender == Sender::Client
    }

    /// The header: JSON text.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The payload: JSON text, or empty.
    #[must_use]
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// The time at which it was sent or received.
    #[must_use]
    pub fn time(&self) -> DateTime<Utc> {
        self.time
    }
}

impl recent::Entry for LoggedFrame {
    fn size(&self) -> usize {
        // The frames of a client share its identity and its endpoint.
        self.header.len() + self.payload.len()
    }
}

/// The newest frames, the oldest of them first.
pub(crate) type FrameLog = Recent<LoggedFrame>;
