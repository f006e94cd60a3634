//! How fast a client sends: no faster than it was told to, and slower after the service said so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many requests a client sends in a second, all its clones and tasks together.
///
/// The service allows 20 writes and 20 reads a second to one object, and 20 creations and removals a
/// second in one Service. A fleet of tasks that stays below is not refused.
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

    /// How many requests may go at once after a pause. Default: 1. 0 counts as 1.
    #[must_use]
    pub fn burst(self, burst: u32) -> Self {
        Self {
            burst: burst.max(1),
            ..self
        }
    }
}

/// Over how long those who were held back are spread at most.
const MAX_SPREAD: Duration = Duration::from_secs(1);

/// The pace of one client.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: Option<RateLimit>,
    /// Whether anybody may have to wait. Tasks that do not have no lock to share.
    is_held: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request would be due if all were evenly spaced.
    due: Option<Instant>,
    /// Nothing is sent before this.
    resume: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            is_held: AtomicBool::new(limit.is_some()),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is two instants, whole whatever happened to whoever held the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests have to wait for their [`turn`](Self::turn). In the usual case they do not,
    /// and need no clock.
    pub(crate) fn is_held(&self) -> bool {
        self.is_held.load(Ordering::Acquire)
    }

    /// Waits until a request may be sent. Requests go in the order in which they asked.
    pub(crate) async fn turn(&self) {
        let slot = self.reserve(Instant::now());
        if let Some(slot) = slot {
            tokio::time::sleep_until(slot).await;
        }
        while let Some(wait) = self.pause(Instant::now()) {
            // Those who were all held back should not all go on at once.
            let spread = wait.min(MAX_SPREAD).mul_f64(fastrand::f64());
            tokio::time::sleep(wait + spread).await;
        }
    }

    /// Holds all requests back for a while, after the service refused one for its rate.
    pub(crate) fn slow_down(&self, delay: Duration) {
        let Some(until) = Instant::now().checked_add(delay) else {
            return;
        };
        let mut state = self.state();
        state.resume = Some(state.resume.map_or(until, |resume| resume.max(until)));
        self.is_held.store(true, Ordering::Release);
    }

    /// How much longer all requests are held back.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        let resume = state.resume?;
        if resume <= now {
            state.resume = None;
            // Under the lock, so that a refusal that comes now is not lost.
            self.is_held.store(self.limit.is_some(), Ordering::Release);
            return None;
        }
        Some(resume - now)
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
        let pace = Pace::new(Some(RateLimit::per_second(10).burst(3)));
        let start = Instant::now() + Duration::from_secs(3600);
        let at = |ms| start + Duration::from_millis(ms);
        let slots = [(); 5].map(|()| pace.reserve(at(0)));
        assert_eq!(slots, [None, None, None, Some(at(100)), Some(at(200))]);
        assert_eq!(pace.reserve(at(150)), Some(at(300)));
        // After a pause the burst is there again, and no more than it.
        let slots = [(); 4].map(|()| pace.reserve(at(5000)));
        assert_eq!(slots, [None, None, None, Some(at(5100))]);
    }

    #[test]
    fn all_wait_after_a_refusal() {
        let pace = Pace::new(None);
        let now = Instant::now();
        assert_eq!(pace.pause(now), None);
        pace.slow_down(Duration::from_secs(60));
        pace.slow_down(Duration::from_secs(1));
        pace.slow_down(Duration::MAX);
        assert!(pace.pause(now) > Some(Duration::from_secs(59)));
        assert_eq!(pace.pause(now + Duration::from_secs(61)), None);
    }
}
