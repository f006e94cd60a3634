//! Randomness that can be seeded, so that a run can be repeated.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The generator of a client's random waits.
#[derive(Debug)]
pub(crate) struct Random(Mutex<fastrand::Rng>);

impl Random {
    /// A generator with a seed, or with one of the system's.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let generator = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self(Mutex::new(generator))
    }

    /// A random part of a duration.
    pub(crate) fn part_of(&self, duration: Duration) -> Duration {
        // A panic under the lock leaves the generator valid.
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        duration.mul_f64(generator.f64())
    }
}
