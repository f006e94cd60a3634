//! The call an error is about.

use std::fmt::{self, Display};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::Method;

/// One call of an operation, with all its attempts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallSummary {
    /// The operation, by its name in [`api`](crate::api), as `fetch_document`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, names percent-encoded.
    pub path: String,
    /// The number of requests that were sent.
    pub attempts: u32,
    /// How long all attempts took, waits between them included.
    pub elapsed: Duration,
    /// The service's own name of the last request, for its support.
    pub request_id: Option<String>,
    /// The service's own time of the last response.
    pub date: Option<DateTime<Utc>>,
    /// `true` if this was a write that may have taken effect though it failed.
    pub outcome_unknown: bool,
}

impl Display for CallSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if let Some(id) = &self.request_id {
            write!(f, "; request {id}")?;
        }
        match self.attempts {
            1 => write!(f, "; 1 attempt"),
            n => write!(f, "; {n} attempts"),
        }
    }
}

impl CallSummary {
    pub(super) fn fmt_outcome(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.outcome_unknown {
            f.write_str(" The write may have taken effect: read before you repeat it.")?;
        }
        Ok(())
    }
}
