//! The emulator's clock: the time by which objects are dated and expire.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// 9998-12-31T00:00:00Z: a year of TTL later, dates still have four-digit years.
const LATEST: i64 = 253_370_678_400_000;

/// The clock an [`Emulator`](super::Emulator) lives by.
///
/// [`Clock::system`] runs with the system's time; [`Clock::manual`] stands
/// still until it is moved. Both can be moved, so a test can pass a TTL of a
/// year in no time. Clones share one time. Whole milliseconds count; the
/// instants before 1970 and after 9998 are out of reach.
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
    /// Milliseconds: the offset from the system's time, or the time itself.
    millis: Arc<AtomicI64>,
}

#[derive(Clone, Copy)]
enum Source {
    System,
    Manual,
}

impl Source {
    /// What the clock's own milliseconds are counted from.
    fn millis(self) -> i64 {
        match self {
            Self::System => system_millis(),
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
            millis: Arc::default(),
        }
    }

    /// A clock that shows `start` until it is moved.
    #[must_use]
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self {
            source: Source::Manual,
            millis: Arc::new(AtomicI64::new(start.timestamp_millis())),
        }
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.millis()).unwrap_or_default()
    }

    /// Moves it forward by `by`; a clock of the system's time runs on from there.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(LATEST).min(LATEST);
        let system = self.source.millis();
        let advanced = |value: i64| {
            let shown = system.saturating_add(value).clamp(0, LATEST);
            Some(shown.saturating_add(by).min(LATEST) - system)
        };
        // It never refuses.
        let _ = self
            .millis
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, advanced);
    }

    /// Sets it, forward or back; a clock of the system's time runs on from there.
    ///
    /// What has expired stays gone when the clock is set back.
    pub fn set(&self, to: DateTime<Utc>) {
        let to = to.timestamp_millis().clamp(0, LATEST);
        self.millis
            .store(to - self.source.millis(), Ordering::SeqCst);
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(&self) -> i64 {
        let value = self.millis.load(Ordering::SeqCst);
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
