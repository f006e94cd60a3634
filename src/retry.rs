//! When a request is sent again, and how long to wait before.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode, header::RETRY_AFTER};

use crate::error::is_transient;

/// How often and how long a client repeats a call that failed for a passing reason.
///
/// Repeated are calls refused with 429, answered with 502, 503 or 504, or broken off on the way,
/// the latter two only where a second write does no harm: never the adding of a list item or the
/// publishing of a message. Between attempts the client waits a random part of a delay that doubles
/// each time, and never less than a `Retry-After` asks for.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_attempts(10).max_elapsed(Duration::from_secs(300));
/// let never = RetryPolicy::none();
/// # let _ = (patient, never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    base_delay: Duration,
    max_delay: Duration,
    max_elapsed: Duration,
}

impl Default for RetryPolicy {
    /// At most 5 attempts within 60 seconds, with delays from 100 milliseconds to 5 seconds.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            max_elapsed: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// One attempt a call.
    #[must_use]
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// How many requests one call may take, the first included. 0 counts as 1.
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        Self {
            max_attempts: max_attempts.max(1),
            ..self
        }
    }

    /// The longest wait before the second attempt; it doubles with each further one.
    #[must_use]
    pub fn base_delay(self, base_delay: Duration) -> Self {
        Self { base_delay, ..self }
    }

    /// The longest wait between two attempts, unless a `Retry-After` asks for more.
    #[must_use]
    pub fn max_delay(self, max_delay: Duration) -> Self {
        Self { max_delay, ..self }
    }

    /// No attempt is planned for later than this after the first one began. Waiting for the client's
    /// rate limit comes on top.
    #[must_use]
    pub fn max_elapsed(self, max_elapsed: Duration) -> Self {
        Self {
            max_elapsed,
            ..self
        }
    }

    /// How long to hold others back after a refusal that is not tried again.
    pub(crate) fn pause(&self, retry_after: Option<Duration>) -> Duration {
        let pause = retry_after.unwrap_or_else(|| backoff(self.base_delay, self.max_delay, 1));
        pause.min(self.max_delay)
    }

    /// How long to wait after so many failed attempts; `None` to give up.
    pub(crate) fn delay(
        &self,
        attempts: u32,
        elapsed: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        // Those who were all told the same time to wait should not all come back at once.
        let delay = backoff(self.base_delay, self.max_delay, attempts)
            .saturating_add(retry_after.unwrap_or_default());
        (elapsed.saturating_add(delay) <= self.max_elapsed).then_some(delay)
    }
}

/// Full jitter: any wait from nothing to a bound that doubles with each attempt.
pub(crate) fn backoff(base: Duration, max: Duration, attempts: u32) -> Duration {
    let doubled = base.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    doubled.min(max).mul_f64(fastrand::f64())
}

/// The wait a response asks for, given in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// How an attempt failed, as far as repeating it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The service did not take the request up, so that it can be sent again.
    NotProcessed,
    /// A passing fault, after which a write may have taken effect or not.
    Ambiguous,
    /// A fault of the service that is no reason to ask again at once; a write may have taken effect.
    Fault,
    /// The answer to keep.
    Final,
}

impl Failure {
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::NotProcessed,
            status if is_transient(status) => Self::Ambiguous,
            status if status.is_server_error() => Self::Fault,
            _ => Self::Final,
        }
    }

    pub(crate) fn of_connection(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::NotProcessed
        } else {
            Self::Ambiguous
        }
    }

    /// Whether a write may have taken effect.
    pub(crate) fn may_have_written(self) -> bool {
        matches!(self, Self::Ambiguous | Self::Fault)
    }

    /// Whether to send the request again.
    pub(crate) fn permits_repeat(self, is_repeatable: impl FnOnce() -> bool) -> bool {
        match self {
            Self::NotProcessed => true,
            Self::Ambiguous => is_repeatable(),
            Self::Fault | Self::Final => false,
        }
    }
}

/// Whether an operation can be sent again after an attempt that may have taken effect.
///
/// It can where a second write leaves what the first one left, and where a name keeps a second
/// object from coming into being.
pub(crate) fn is_repeatable(operation: &str, method: &Method, form: Option<&[u8]>) -> bool {
    if method != Method::POST || operation.starts_with("update_") {
        return true;
    }
    match operation {
        "create_sync_map_item" => true,
        "create_document" | "create_sync_list" | "create_sync_map" | "create_sync_stream" => form
            .is_some_and(|form| {
                form.split(|byte| *byte == b'&')
                    .any(|field| field.starts_with(b"UniqueName="))
            }),
        _ => false,
    }
}

/// One attempt of a call, for the callback of
/// [`SyncClientBuilder::on_attempt`](crate::SyncClientBuilder::on_attempt).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The operation, by its name in [`api`](crate::api), as `fetch_document`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, names percent-encoded.
    pub path: String,
    /// Which attempt of the call this was, from 1.
    pub number: u32,
    /// The status of the answer; `None` if none came, or not all of it.
    pub status: Option<StatusCode>,
    /// How long this attempt took.
    pub elapsed: Duration,
    /// How long the client waits before the next attempt; `None` if this was the last.
    pub next_delay: Option<Duration>,
}

/// A callback that sees each attempt.
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) Arc<dyn Fn(&Attempt) + Send + Sync>);

impl Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caps_hold() {
        let policy = RetryPolicy::default();
        assert!(policy.delay(4, Duration::ZERO, None).is_some());
        assert_eq!(policy.delay(5, Duration::ZERO, None), None);
        assert_eq!(policy.delay(1, Duration::from_secs(61), None), None);
        let asked = Duration::from_secs(7);
        assert!(policy.delay(1, Duration::ZERO, Some(asked)) >= Some(asked));
        assert_eq!(
            policy.delay(1, Duration::ZERO, Some(Duration::from_secs(61))),
            None
        );
        assert_eq!(RetryPolicy::none().delay(1, Duration::ZERO, None), None);
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("3"), Some(Duration::from_secs(3)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(read(&later) > Some(Duration::from_secs(90)));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn what_adds_is_never_repeated() {
        let post = Method::POST;
        assert!(!is_repeatable(
            "create_sync_list_item",
            &post,
            Some(b"Data=1")
        ));
        assert!(!is_repeatable(
            "create_stream_message",
            &post,
            Some(b"Data=1")
        ));
        assert!(!is_repeatable(
            "create_service",
            &post,
            Some(b"FriendlyName=x")
        ));
        assert!(!is_repeatable(
            "create_document",
            &post,
            Some(b"Data=UniqueName")
        ));
        assert!(is_repeatable(
            "create_document",
            &post,
            Some(b"Data=1&UniqueName=x")
        ));
        assert!(is_repeatable("create_sync_map_item", &post, Some(b"Key=x")));
        assert!(is_repeatable("update_sync_list_item", &post, None));
        assert!(is_repeatable("delete_document", &Method::DELETE, None));
        assert!(is_repeatable("fetch_document", &Method::GET, None));
    }
}
