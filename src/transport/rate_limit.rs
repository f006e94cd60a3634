//! The rate limiter of a client: no more requests than it was set to, and none for a while after the
//! service rejected one for its rate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::random::Random;

/// The most requests that a client sends in a second, all its clones and tasks together.
///
/// The service allows 20 writes and 20 reads a second to one object, and 20 creations and removals a
/// second in one Service. Requests below these limits are not rejected for their rate.
///
/// ```
/// use twilio_sync::RateLimit;
///
/// let limit = RateLimit::per_second(20).burst(5);
/// # let _ = limit;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    interval: Duration,
    burst: u32,
}

impl RateLimit {
    /// So many requests a second, evenly spaced. 0 counts as 1.
    #[must_use]
    pub fn per_second(requests: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / requests.max(1),
            burst: 1,
        }
    }

    /// Sets how many requests may go at once after a pause. Default: 1. 0 counts as 1.
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        Self {
            burst: burst.max(1),
            ..self
        }
    }
}

/// Over how long requests that were held back are spread at most.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// The rate limiter of one client and its clones.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: Option<RateLimit>,
    random: Arc<Random>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request would be due if all were evenly spaced.
    due: Option<Instant>,
    /// Nothing is sent before this.
    resume: Option<Instant>,
}

impl RateLimiter {
    pub(super) fn new(limit: Option<RateLimit>, random: Arc<Random>) -> Self {
        Self {
            limit,
            random,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves the two instants valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may be sent. Requests go in the order in which they asked.
    pub(super) async fn permit(&self) {
        if let Some(slot) = self.reserve(Instant::now()) {
            tokio::time::sleep_until(slot).await;
        }
        while let Some(wait) = self.held_back(Instant::now()) {
            // Requests that were all held back should not all go on at once.
            let spread = self.random.part_of(wait.min(MAX_SPREAD));
            tokio::time::sleep(wait + spread).await;
        }
    }

    /// Holds all requests back for a while.
    pub(super) fn pause(&self, pause: Duration) {
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
        let limit = self.limit?;
        let mut state = self.state();
        let due = state.due.map_or(now, |due| due.max(now));
        state.due = Some(due + limit.interval);
        let early = limit.interval * (limit.burst - 1);
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
            Some(RateLimit::per_second(10).burst(3)),
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
        let limiter = RateLimiter::new(None, Arc::new(Random::new(None)));
        let now = Instant::now();
        assert_eq!(limiter.held_back(now), None);
        limiter.pause(Duration::from_secs(60));
        limiter.pause(Duration::from_secs(1));
        limiter.pause(Duration::MAX);
        assert!(limiter.held_back(now) > Some(Duration::from_secs(59)));
        assert_eq!(limiter.held_back(now + Duration::from_secs(61)), None);
    }
}
