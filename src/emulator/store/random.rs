//! The random numbers of an emulator, which a seed can make the same each time.

use std::sync::{Arc, Mutex, PoisonError};

/// A generator of random numbers; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(Option<Arc<Mutex<fastrand::Rng>>>);

impl Random {
    /// A generator that gives the same numbers for the same seed. [`Random::default`] gives others
    /// each time.
    pub(crate) fn seeded(seed: u64) -> Self {
        let generator = fastrand::Rng::with_seed(seed);
        Self(Some(Arc::new(Mutex::new(generator))))
    }

    /// A generator whose numbers do not depend on how many this one gives from now on.
    pub(crate) fn fork(&self) -> Self {
        let forked = |generator: &mut fastrand::Rng| Arc::new(Mutex::new(generator.fork()));
        Self(self.with_seeded(forked))
    }

    /// A number for a SID or the id of a request.
    pub(crate) fn number(&self) -> u128 {
        self.with_seeded(|generator| generator.u128(..))
            .unwrap_or_else(|| fastrand::u128(..))
    }

    /// 32 hex digits that nobody can guess, unless the generator was seeded.
    pub(crate) fn secret(&self) -> Result<String, getrandom::Error> {
        if self.0.is_some() {
            return Ok(format!("{:032x}", self.number()));
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    fn with_seeded<R>(&self, with: impl FnOnce(&mut fastrand::Rng) -> R) -> Option<R> {
        let generator = self.0.as_ref()?;
        // A generator is valid in any state.
        let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
        Some(with(&mut generator))
    }
}
