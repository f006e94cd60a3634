//! The rate limiter of a client: no more requests than it was set to, or than the service accepts, and
//! none for a while after the service refused one for its rate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::http_service::HttpResponse;
use super::random::Random;
use super::slowed_objects::SlowedObjects;
use crate::api::{Request, retry_after};
use crate::error::ErrorBody;

/// How a client keeps to the rates of the service, all its clones and tasks together.
///
/// The service allows 20 writes and 20 reads a second to one object, fewer writes of large data, and
/// 20 creations and removals a second in one Service. A request above that is refused with status 429
/// and code 54009; it had no effect, and is retried with the patience of
/// [`RetryPolicy::patience`](crate::RetryPolicy::patience).
///
/// ```
/// use twilio_sync::RateLimit;
///
/// let limit = RateLimit::per_second(20).burst(5);
/// # let _ = limit;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimit(Mode);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    Off,
    #[default]
    Adaptive,
    Fixed {
        interval: Duration,
        burst: u32,
    },
}

impl RateLimit {
    /// The default: no limit for an object until the service refuses a write to it for its rate. From
    /// then on the requests of that kind to that object go one after another, at a rate that each
    /// refusal lowers by a fifth and each success raises, faster the longer none was refused. Without a
    /// refusal for some minutes, or a request for ten, the object has no limit again.
    ///
    /// Clients share the rate of an object without knowing of each other, and use all of it. Ten clients
    /// have even shares over ten minutes, with less than a tenth of their requests refused. A thousand have
    /// even shares too, but need about ten minutes to find them, in which more than half of their requests
    /// are refused. Where others stop, those that stay use the whole rate within five minutes.
    #[must_use]
    pub fn adaptive() -> Self {
        Self(Mode::Adaptive)
    }

    /// No limit: a refused call waits and is retried, and other calls do not wait for it.
    #[must_use]
    pub fn off() -> Self {
        Self(Mode::Off)
    }

    /// At most this number of requests a second to all objects together, evenly spaced. 0 counts as 1.
    #[must_use]
    pub fn per_second(requests: u32) -> Self {
        Self(Mode::Fixed {
            interval: Duration::from_secs(1) / requests.max(1),
            burst: 1,
        })
    }

    /// Sets how many requests may go at once after a pause, for [`per_second`](Self::per_second).
    /// Default: 1. 0 counts as 1.
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        match self.0 {
            Mode::Fixed { interval, .. } => Self(Mode::Fixed {
                interval,
                burst: burst.max(1),
            }),
            _ => self,
        }
    }
}

/// The pause after a first refusal, before it is spread: from half of it to one and a half.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Twilio's code for the rate of an object, or of the objects of a Service. 20429 is the account's.
const RATE_OF_OBJECT: i64 = 54009;

/// A response with status 429.
pub(super) struct Refusal<'a> {
    pub(super) response: &'a HttpResponse,
    /// When the attempt was sent.
    pub(super) sent: Instant,
    /// The number of refusals of the call so far, this one included.
    pub(super) number: u32,
    /// The time over which clients with the same `Retry-After` are spread.
    pub(super) spread: Duration,
}

impl Refusal<'_> {
    /// The time that the service asks to wait. No time at all, or a date that has passed, is no answer to
    /// how long.
    fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.response.headers).filter(|asked| !asked.is_zero())
    }

    fn is_of_object(&self) -> bool {
        ErrorBody::read(429, &self.response.body).code == Some(RATE_OF_OBJECT)
    }
}

/// Over how long requests that were held back are spread at most.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// The rate limiter of one client and its clones.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: RateLimit,
    random: Arc<Random>,
    state: Mutex<State>,
    objects: SlowedObjects,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request would be due if all were evenly spaced.
    due: Option<Instant>,
    /// Nothing is sent before this.
    resume: Option<Instant>,
}

impl RateLimiter {
    pub(super) fn new(limit: RateLimit, random: Arc<Random>) -> Self {
        Self {
            limit,
            random,
            state: Mutex::default(),
            objects: SlowedObjects::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves the two instants valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent. Requests go in the order in which they asked.
    pub(super) async fn permit(&self, request: &Request) {
        self.objects.permit(request).await;
        if let Some(slot) = self.reserve(Instant::now()) {
            tokio::time::sleep_until(slot).await;
        }
        while let Some(wait) = self.held_back(Instant::now()) {
            // Requests that were all held back should not all go on at once.
            let spread = self.random.part_of(wait.min(MAX_SPREAD));
            tokio::time::sleep(wait + spread).await;
        }
    }

    /// Takes note that the service accepted a request.
    pub(super) fn accepted(&self, request: &Request) {
        self.objects.accepted(request);
    }

    /// Takes note that the service refused a request for its rate, and returns the time to wait before
    /// the next attempt.
    pub(super) fn refused(&self, request: &Request, refusal: &Refusal<'_>) -> Duration {
        let jitter = |pause: Duration| pause / 2 + self.random.part_of(pause);
        let pause = if self.is_of_object(refusal) {
            self.objects.refused(request, refusal.sent)
        } else {
            // The first pause, doubled with each further refusal of the call.
            FIRST_PAUSE * (1 << refusal.number.saturating_sub(1).min(6))
        };
        match refusal.retry_after() {
            Some(asked) => asked.saturating_add(self.random.part_of(refusal.spread)),
            None => jitter(pause),
        }
    }

    /// Holds other requests back until a refused one is retried.
    pub(super) fn hold_back(&self, request: &Request, refusal: &Refusal<'_>, delay: Duration) {
        if self.is_of_object(refusal) {
            self.objects.pause(request, delay);
        } else if self.limit.0 != Mode::Off {
            // Not of one object: the limit applies to all tasks of the client.
            self.pause(delay);
        }
    }

    fn is_of_object(&self, refusal: &Refusal<'_>) -> bool {
        self.limit.0 == Mode::Adaptive && refusal.is_of_object()
    }

    /// Holds all requests back for a while.
    fn pause(&self, pause: Duration) {
        let Some(until) = Instant::now().checked_add(pause) else {
            return;
        };
        let mut state = self.state();
        state.resume = Some(state.resume.map_or(until, |resume| resume.max(until)));
    }

    /// The time that all requests still have to wait.
    fn held_back(&self, now: Instant) -> Option<Duration> {
        let resume = self.state().resume?;
        resume
            .checked_duration_since(now)
            .filter(|wait| !wait.is_zero())
    }

    /// Takes the next place, and says when it is, unless it is now.
    fn reserve(&self, now: Instant) -> Option<Instant> {
        let Mode::Fixed { interval, burst } = self.limit.0 else {
            return None;
        };
        let mut state = self.state();
        let due = state.due.map_or(now, |due| due.max(now));
        state.due = Some(due + interval);
        let early = interval * (burst - 1);
        let slot = due.checked_sub(early).unwrap_or(now);
        (slot > now).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spaced_with_a_burst() {
        let limiter = RateLimiter::new(
            RateLimit::per_second(10).burst(3),
            Arc::new(Random::new(None)),
        );
        let start = Instant::now() + Duration::from_secs(3600);
        let at = |ms| start + Duration::from_millis(ms);
        let slots = [(); 5].map(|()| limiter.reserve(at(0)));
        assert_eq!(slots, [None, None, None, Some(at(100)), Some(at(200))]);
        assert_eq!(limiter.reserve(at(150)), Some(at(300)));
        // After a pause the burst is there again, and no more than it.
        let slots = [(); 4].map(|()| limiter.reserve(at(5000)));
        assert_eq!(slots, [None, None, None, Some(at(5100))]);
    }

    #[test]
    fn all_wait_after_a_refusal() {
        let limiter = RateLimiter::new(RateLimit::off(), Arc::new(Random::new(None)));
        let now = Instant::now();
        assert_eq!(limiter.held_back(now), None);
        limiter.pause(Duration::from_secs(60));
        limiter.pause(Duration::from_secs(1));
        limiter.pause(Duration::MAX);
        assert!(limiter.held_back(now) > Some(Duration::from_secs(59)));
        assert_eq!(limiter.held_back(now + Duration::from_secs(61)), None);
    }
}
