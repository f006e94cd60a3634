//! How often and how long a failed call is retried.

use std::time::Duration;

/// How often and how long a client retries a call that failed for a passing reason.
///
/// A call is retried after status 429, 502, 503 or 504, and if no complete response was received. A write
/// that may have taken effect is retried only where a second attempt cannot do it twice, or with
/// [`at_least_once`](crate::api::Call::at_least_once). Between attempts the client waits a random part of a
/// delay that doubles each time, and never less than a `Retry-After` asks for.
///
/// Status 429 says that the service refused the request for its rate, and that it had no effect. It is
/// retried with a [`patience`](Self::patience) of its own, after about a second first; the attempts and
/// the time it takes count neither for `max_attempts` nor for `max_elapsed`.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_attempts(10).max_elapsed(Duration::from_secs(300));
/// let never = RetryPolicy::none();
/// assert_ne!(patient, never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) base_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) max_elapsed: Duration,
    pub(crate) patience: Duration,
}

impl Default for RetryPolicy {
    /// At most 5 attempts within 60 seconds, with delays from 100 milliseconds to 5 seconds; 10 minutes
    /// of patience with refusals for the rate.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(5),
            max_elapsed: Duration::from_secs(60),
            patience: Duration::from_secs(600),
        }
    }
}

impl RetryPolicy {
    /// One attempt a call.
    #[must_use]
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets how many requests one call may take, the first included, refusals for the rate not counted.
    /// 0 counts as 1, which also means no retry after a refusal for the rate.
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

    /// No attempt is planned for later than this after the first one started. Waiting for the client's
    /// rate limit comes on top.
    #[must_use]
    pub fn max_elapsed(self, max_elapsed: Duration) -> Self {
        Self {
            max_elapsed,
            ..self
        }
    }

    /// Sets how long a call waits in all because the service refuses it for its rate (status 429). It
    /// counts the waits after refusals, and not the time that a call waits behind others of the same
    /// client. Default: 10 minutes, since a fleet of 1,000 clients that share the 20 writes a second of
    /// one object get through once in 50 seconds. One attempt ([`none`](Self::none)) means no patience.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}
