//! Failures in a row, and the pause after them.

use std::time::Duration;

const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The number of failures in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures(pub(super) u32);

impl Failures {
    /// Counts a failure, and returns the pause after it, which doubles with each one.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = SHORTEST_PAUSE.saturating_mul(1 << self.0.min(10));
        self.0 = self.0.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }
}
