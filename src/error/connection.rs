//! Calls without a complete response.

use std::fmt::{self, Display};

use super::configuration::innermost;
use super::summary::CallSummary;

/// A call without a complete response.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionError {
    /// The call that failed.
    pub call: CallSummary,
    /// How the connection failed.
    pub kind: ConnectionFailure,
    /// The cause, without the address.
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// No connection was made, so the request was not sent.
    #[error("cannot connect")]
    Connect,
    /// The response did not come in time.
    #[error("no response in time")]
    Timeout,
    /// The response started, and its end is missing.
    #[error("the response was truncated")]
    Truncated,
    /// The response has a body that is too large to be read.
    #[error("the response is too large")]
    TooLarge,
    /// The connection failed before a response came.
    #[error("the connection failed")]
    Other,
}

impl ConnectionError {
    pub(crate) fn new(
        call: CallSummary,
        kind: ConnectionFailure,
        source: Box<dyn std::error::Error + Send + Sync>,
    ) -> Self {
        Self { call, kind, source }
    }
}

impl Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = innermost(self.source.as_ref());
        let Self { call, kind, .. } = self;
        write!(f, "{} failed: {kind}: {cause} [{call}]", call.operation)?;
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}
