//! The call an error is about.

use std::fmt::{self, Display};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::Method;

use super::outcome::{ReadBack, WriteOutcome};

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
    /// The effect of the call.
    pub outcome: WriteOutcome,
    /// `true` if an attempt to write got no response in time: the service may still carry it out.
    pub in_flight: bool,
    /// The result of reading back, if the outcome is unknown and the call read back.
    pub read_back: Option<ReadBack>,
    /// The time after which the last response asks to try again, from its `Retry-After`.
    pub retry_after: Option<Duration>,
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
        if self.outcome != WriteOutcome::Unknown {
            return Ok(());
        }
        f.write_str(if self.in_flight {
            " The write may have taken effect, or may still do so: "
        } else {
            " The write may have taken effect: "
        })?;
        match &self.read_back {
            Some(read_back) => write!(f, "{read_back}."),
            None => f.write_str("read before you repeat it."),
        }
    }
}
