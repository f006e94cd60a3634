//! The emulator's clock: the time by which objects are dated and expire.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// 9998-12-31T00:00:00Z: a year of TTL later, dates still have four-digit years.
const LATEST: i64 = 253_370_678_400_000;

/// The longest time between two looks at the system's time, which can be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The clock of an [`Emulator`](crate::emulator::Emulator).
///
/// [`Clock::system`] runs with the system's time, [`Clock::tokio`] with Tokio's,
/// and [`Clock::manual`] stands still until it is moved. All of them can be moved,
/// so a test can pass a TTL of a year in no time: objects and items that have
/// expired by then are removed before the move returns. Clones share one time. It counts whole
/// milliseconds, from 1970 to 9998.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::emulator::Clock;
///
/// let start = "2026-01-01T00:00:00Z".parse()?;
/// let clock = Clock::manual(start);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!((clock.now() - start).num_seconds(), 60);
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Clock {
    source: Source,
    shared: Arc<Shared>,
}

/// The part that all clones of a clock share.
#[derive(Default)]
struct Shared {
    /// Milliseconds: the offset from the source's time.
    millis: AtomicI64,
    on_move: Mutex<Vec<Weak<dyn OnMove>>>,
}

impl Shared {
    fn starting(start: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self {
            millis: AtomicI64::new(start.timestamp_millis()),
            ..Self::default()
        })
    }
}

/// A value that is called when a clock is moved.
pub(crate) trait OnMove: Send + Sync {
    /// The clock was moved. This is called in the thread that moves it.
    fn moved(&self);
}

#[derive(Clone, Copy)]
enum Source {
    System,
    /// Tokio's clock, since this instant.
    Tokio(Instant),
    Manual,
}

impl Source {
    /// The time of the source; the clock adds its own milliseconds to it.
    fn millis(self) -> i64 {
        match self {
            Self::System => system_millis(),
            Self::Tokio(origin) => i64::try_from(origin.elapsed().as_millis()).unwrap_or(LATEST),
            Self::Manual => 0,
        }
    }
}

impl Clock {
    /// A clock that runs with the system's.
    #[must_use]
    pub fn system() -> Self {
        Self {
            source: Source::System,
            shared: Arc::default(),
        }
    }

    /// A clock that shows `start` now, and runs with Tokio's clock from there: where a test pauses
    /// that or moves it, this one follows.
    ///
    /// Create it on the runtime whose clock it follows.
    #[must_use]
    pub fn tokio(start: DateTime<Utc>) -> Self {
        Self {
            source: Source::Tokio(Instant::now()),
            shared: Shared::starting(start),
        }
    }

    /// A clock that shows `start` until it is moved.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self {
            source: Source::Manual,
            shared: Shared::starting(start),
        }
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.millis()).unwrap_or_default()
    }

    /// Moves it forward by `by`; a clock that runs does so from there.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(LATEST).min(LATEST);
        let system = self.source.millis();
        let advanced = |value: i64| {
            let shown = system.saturating_add(value).clamp(0, LATEST);
            Some(shown.saturating_add(by).min(LATEST) - system)
        };
        // It never refuses.
        let _ = self
            .shared
            .millis
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, advanced);
        self.moved();
    }

    /// Sets it, forward or back; a clock that runs does so from there.
    ///
    /// Objects and items that have expired stay removed when the clock is set back.
    pub fn set(&self, to: DateTime<Utc>) {
        let to = to.timestamp_millis().clamp(0, LATEST);
        self.shared
            .millis
            .store(to - self.source.millis(), Ordering::SeqCst);
        self.moved();
    }

    /// Calls `follower` on each move, as long as it exists.
    pub(crate) fn on_move(&self, follower: Weak<impl OnMove + 'static>) {
        let mut followers = self.followers();
        followers.retain(|follower| follower.strong_count() > 0);
        followers.push(follower);
    }

    fn moved(&self) {
        // Not under the lock: a follower may take its time.
        let followers = self.followers().clone();
        for follower in followers.iter().filter_map(Weak::upgrade) {
            follower.moved();
        }
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Weak<dyn OnMove>>> {
        let followers = self.shared.on_move.lock();
        followers.unwrap_or_else(PoisonError::into_inner)
    }

    /// The time until it shows `millis`, unless it is moved; none for a clock that stands still.
    pub(crate) fn sleep_until(&self, millis: i64) -> Option<Duration> {
        let millis = millis.saturating_sub(self.millis()).max(1);
        let sleep = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        match self.source {
            Source::System => Some(sleep.min(LONGEST_SLEEP)),
            Source::Tokio(_) => Some(sleep),
            Source::Manual => None,
        }
    }

    /// The time for logs: the system's, except that a clock by Tokio's time shows its own, so that a
    /// run can be repeated with the same log.
    pub(crate) fn log_time(&self) -> DateTime<Utc> {
        match self.source {
            Source::Tokio(_) => self.now(),
            Source::System | Source::Manual => Utc::now(),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        let value = self.shared.millis.load(Ordering::SeqCst);
        self.source.millis().saturating_add(value).clamp(0, LATEST)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::System => "system",
            Source::Tokio(_) => "tokio",
            Source::Manual => "manual",
        };
        write!(f, "Clock({source}, {})", self.now())
    }
}

fn system_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_can_be_moved() {
        let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        for clock in [Clock::manual(Utc::now()), Clock::system()] {
            clock.set(start);
            clock.advance(Duration::from_secs(90));
            let passed = (clock.now() - start).num_seconds();
            assert!((90..100).contains(&passed), "{passed}");
        }
    }

    #[test]
    fn no_duration_overflows_it() {
        for clock in [Clock::manual(DateTime::<Utc>::MIN_UTC), Clock::system()] {
            for _ in 0..40_000 {
                clock.advance(Duration::MAX);
            }
            assert_eq!(clock.millis(), LATEST);
        }
    }

    #[test]
    fn it_advances_from_what_it_shows() {
        let clock = Clock::manual(DateTime::<Utc>::MIN_UTC);
        assert_eq!(clock.millis(), 0);
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.millis(), 5);
    }
}
