//! The rates that the service allows, for an emulator that applies them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::emulator::store::{ServiceError, Sid};

/// The window over which requests are counted, in seconds.
const WINDOW: f64 = 10.0;
/// The number of levels at which those that have run empty are removed.
const SWEEP: usize = 4096;

/// A request that counts for a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Limited {
    /// A write to an object or its items; the text is its kind.
    Write(&'static str, Sid),
    /// The creation or removal of an object of a Service.
    Lifecycle(Sid),
    /// A message of a Stream.
    Message(Sid),
}

impl Limited {
    /// The requests a second that are allowed.
    fn per_second(self) -> f64 {
        match self {
            Self::Write(..) | Self::Lifecycle(_) => 20.0,
            Self::Message(_) => 30.0,
        }
    }

    /// The number of requests that one with data of this size counts for: a write for 1 up to 1 KiB and 10
    /// from 10 KiB, a message for 1 up to 1 KiB and as many from 3 KiB as leave 7 a second.
    #[allow(clippy::cast_precision_loss)] // data is at most some KiB
    fn weight(self, size: usize) -> f64 {
        const HEAVIEST_MESSAGE: f64 = 30.0 / 7.0;
        let size = size as f64 / 1024.0;
        match self {
            Self::Write(..) => size.clamp(1.0, 10.0),
            Self::Message(_) => {
                let above = (size.clamp(1.0, 3.0) - 1.0) / 2.0;
                1.0 + above * (HEAVIEST_MESSAGE - 1.0)
            }
            Self::Lifecycle(_) => 1.0,
        }
    }

    fn error(self) -> ServiceError {
        match self {
            Self::Write(kind, sid) => ServiceError::RateLimited("write-", kind, sid),
            Self::Lifecycle(sid) => ServiceError::RateLimited("write-", "service", sid),
            Self::Message(sid) => ServiceError::RateLimited("publish-", "stream", sid),
        }
    }
}

/// The requests of a limit that were accepted, less those that it allows in the time since then.
struct Level {
    requests: f64,
    at: Instant,
}

impl Level {
    fn now(&self, limit: Limited, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.requests - passed * limit.per_second()).max(0.0)
    }
}

/// The levels of all limits, by Tokio's time.
#[derive(Default)]
pub(crate) struct RateLimits(Mutex<HashMap<Limited, Level>>);

impl RateLimits {
    /// Counts a request with data of this size; fails if it is one too many, which does not count.
    pub(crate) fn count(&self, limit: Limited, size: usize) -> Result<(), ServiceError> {
        let now = Instant::now();
        let mut levels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= SWEEP {
            levels.retain(|limit, level| level.now(*limit, now) > 0.0);
        }
        let entry = levels.entry(limit);
        let level = match &entry {
            Entry::Occupied(level) => level.get().now(limit, now),
            Entry::Vacant(_) => 0.0,
        };
        let requests = level + limit.weight(size);
        // The sum of weights is not exact.
        if requests > WINDOW * limit.per_second() + 1e-6 {
            return Err(limit.error());
        }
        entry.insert_entry(Level { requests, at: now });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::emulator::store::Kind;

    /// The number of requests that are accepted in a row.
    fn accepted(limits: &RateLimits, limit: Limited, size: usize) -> usize {
        (0..1000)
            .take_while(|_| limits.count(limit, size).is_ok())
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_of_ten_seconds_less_for_large_data() {
        let map = Sid::new(Kind::Map, 1);
        for (limit, size, window, second) in [
            (Limited::Write("map", map), 0, 200, 20),
            (Limited::Write("map", map), 1024, 200, 20),
            (Limited::Write("map", map), 2048, 100, 10),
            (Limited::Write("map", map), 10 * 1024, 20, 2),
            (Limited::Write("map", map), 16 * 1024, 20, 2),
            (Limited::Lifecycle(map), 0, 200, 20),
            (Limited::Message(map), 0, 300, 30),
            (Limited::Message(map), 1024, 300, 30),
            (Limited::Message(map), 3 * 1024, 70, 7),
            (Limited::Message(map), 4 * 1024, 70, 7),
        ] {
            let limits = RateLimits::default();
            assert_eq!(accepted(&limits, limit, size), window, "{limit:?} {size}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(accepted(&limits, limit, size), second, "{limit:?} {size}");
            tokio::time::advance(Duration::from_secs(3600)).await;
            assert_eq!(accepted(&limits, limit, size), window, "{limit:?} {size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_object_has_its_own() {
        let limits = RateLimits::default();
        for id in 0..2 {
            let limit = Limited::Write("map", Sid::new(Kind::Map, id));
            assert_eq!(accepted(&limits, limit, 0), 200);
            assert_eq!(limits.count(limit, 0), Err(limit.error()));
        }
    }
}
