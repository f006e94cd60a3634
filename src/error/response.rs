//! Responses that cannot be used.

use std::fmt::{self, Display};

use http::StatusCode;

use super::summary::CallSummary;

/// A response that the operation does not have: not JSON, a missing member, an unknown status.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResponseError {
    /// The call that failed.
    pub call: CallSummary,
    /// The HTTP status.
    pub status: StatusCode,
    /// The reason why it cannot be used.
    pub reason: String,
    /// The start of the body.
    pub excerpt: String,
}

impl Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} failed: the response ({}) cannot be used: {} [{}] It begins: {}",
            self.call.operation, self.status, self.reason, self.call, self.excerpt
        )?;
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ResponseError {}
