//! When a request is retried, and how long to wait before.

use std::time::Duration;

use http::StatusCode;

use super::http_service::{HttpError, HttpResponse};
use super::random::Random;
use crate::api::RetryPolicy;
use crate::error::{ConnectionFailure, Doubt};

impl RetryPolicy {
    /// Returns `true` if a call may wait this long in all for refusals for the rate.
    pub(super) fn is_patient(&self, waited: Duration) -> bool {
        self.max_attempts > 1 && waited <= self.patience
    }

    /// How long to wait after so many failed attempts; `None` to give up.
    pub(super) fn delay(
        &self,
        attempts: u32,
        elapsed: Duration,
        asked: Option<Duration>,
        random: &Random,
    ) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        // Clients with the same `Retry-After` should not all retry at once.
        let delay = backoff(self.base_delay, self.max_delay, attempts, random)
            .saturating_add(asked.unwrap_or_default());
        (elapsed.saturating_add(delay) <= self.max_elapsed).then_some(delay)
    }
}

/// Full jitter: any wait from nothing to a bound that doubles with each attempt.
pub(crate) fn backoff(base: Duration, max: Duration, attempts: u32, random: &Random) -> Duration {
    let doubled = base.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    random.part_of(doubled.min(max))
}

/// How an attempt failed, as far as a retry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It did not: this is the response to keep.
    None,
    /// The service rejected the request for its rate.
    RateLimited,
    /// The request did not reach the service.
    NotSent,
    /// A passing fault, after which a write may have taken effect or not.
    Ambiguous,
    /// No response in time: a write may have taken effect, or may still do so.
    Late,
    /// A fault of the service that is no reason to try again at once; a write may have taken effect.
    Fault,
}

impl Failure {
    pub(super) fn of(result: &Result<HttpResponse, HttpError>) -> Self {
        match result {
            Ok(response) => Self::of_status(response.status),
            Err(error) if error.kind() == ConnectionFailure::Timeout => Self::Late,
            Err(error) if error.may_have_been_processed() => Self::Ambiguous,
            Err(_) => Self::NotSent,
        }
    }

    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Self::Ambiguous,
            StatusCode::GATEWAY_TIMEOUT => Self::Late,
            status if status.is_server_error() => Self::Fault,
            _ => Self::None,
        }
    }

    /// Notes what an attempt to write may have done.
    pub(super) fn add_to(self, doubt: &mut Doubt) {
        doubt.may_have_written |= matches!(self, Self::Ambiguous | Self::Late | Self::Fault);
        doubt.in_flight |= self == Self::Late;
    }

    /// Returns `true` if the request may be retried.
    pub(super) fn permits_retry(self, is_repeatable: bool) -> bool {
        match self {
            Self::RateLimited | Self::NotSent => true,
            Self::Ambiguous | Self::Late => is_repeatable,
            Self::Fault | Self::None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caps_hold() {
        let policy = RetryPolicy::default();
        let random = Random::new(None);
        assert!(policy.delay(4, Duration::ZERO, None, &random).is_some());
        assert_eq!(policy.delay(5, Duration::ZERO, None, &random), None);
        assert_eq!(
            policy.delay(1, Duration::from_secs(61), None, &random),
            None
        );
        let asked = Duration::from_secs(7);
        assert!(policy.delay(1, Duration::ZERO, Some(asked), &random) >= Some(asked));
        assert_eq!(
            policy.delay(1, Duration::ZERO, Some(Duration::from_secs(61)), &random),
            None
        );
        assert_eq!(
            RetryPolicy::none().delay(1, Duration::ZERO, None, &random),
            None
        );
    }
}
