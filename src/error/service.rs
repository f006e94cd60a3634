//! Error responses of the service.

use std::fmt::{self, Display};

use http::StatusCode;

use super::body::ErrorBody;
use super::outcome::WriteOutcome;
use super::summary::CallSummary;

/// An error response of the service.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceError {
    /// The call that failed.
    pub call: CallSummary,
    /// The body of the response.
    pub body: ErrorBody,
    /// The object that is missing if the status is 404, by the operation.
    pub(crate) needs: Option<Needed>,
}

/// An object without which an operation finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    Service,
    Document,
    List,
    Map,
    Stream,
}

impl Needed {
    /// How to create it.
    fn advice(self) -> &'static str {
        match self {
            Self::Service => {
                "check the Service: `services().all()` or `twilio-sync service ls` has those there are, and \
                 `ensure` creates one"
            }
            Self::Document => {
                "create it: `documents().update_or_create(…)`, or `twilio-sync doc set`"
            }
            Self::List => "create it: `lists().ensure(…)`, or `twilio-sync list ensure`",
            Self::Map => "create it: `maps().ensure(…)`, or `twilio-sync map ensure`",
            Self::Stream => "create it: `streams().ensure(…)`, or `twilio-sync stream ensure`",
        }
    }
}

impl ServiceError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.status).unwrap_or_default()
    }

    /// Advice for the caller, for statuses that have one.
    fn advice(&self) -> Option<&'static str> {
        Some(match self.body.status {
            // The conflict may be with the call's own first attempt.
            404 | 409 | 412 if self.call.outcome == WriteOutcome::Unknown => return None,
            404 => self.needs?.advice(),
            401 => "check the account SID and the API key with its secret, or the auth token",
            403 if self.body.code == Some(54007) => {
                "give the identity a permission: `permissions(…).grant(…)`, or `twilio-sync permission grant`"
            }
            409 => "there is one already: update it, or choose another name or key",
            412 => "somebody else wrote meanwhile: read it again and decide anew",
            413 => "send less data",
            429 => {
                "slow down: the service allows 20 writes a second to one object, and fewer of large data"
            }
            500.. => "the fault is the service's: try again later",
            _ => return None,
        })
    }
}

impl Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.call.operation, self.status())?;
        if let Some(code) = self.body.code {
            write!(f, ", code {code}")?;
        }
        match (&self.body.message, &self.body.excerpt) {
            (Some(message), _) => write!(f, ": {message}")?,
            (None, Some(excerpt)) => write!(f, ": no error of Twilio's but {excerpt}")?,
            (None, None) => {}
        }
        write!(f, " [{}]", self.call)?;
        if let Some(more_info) = &self.body.more_info {
            write!(f, " See {more_info}.")?;
        }
        if let Some(advice) = self.advice() {
            write!(f, " What to do: {advice}.")?;
        }
        if let Some(wait) = self.call.retry_after.filter(|wait| !wait.is_zero()) {
            write!(f, " The service asks to wait {} s.", wait.as_secs())?;
        }
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ServiceError {}

/// Returns `true` if the same request may succeed later.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
