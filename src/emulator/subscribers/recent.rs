//! Logs with the newest entries only.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The maximum number of entries.
const MAX_ENTRIES: usize = 10_000;
/// The maximum size of all entries, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// An entry of a log.
pub(crate) trait Entry: Clone {
    /// Its approximate size in bytes, without its fixed part.
    fn size(&self) -> usize;
}

#[derive(Debug)]
struct Entries<T> {
    entries: VecDeque<T>,
    bytes: usize,
}

/// The newest entries, the oldest of them first.
#[derive(Debug)]
pub(crate) struct Recent<T>(Mutex<Entries<T>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            entries: VecDeque::new(),
            bytes: 0,
        }))
    }
}

impl<T: Entry> Recent<T> {
    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, entry: T) {
        let mut log = self.lock();
        log.bytes += entry.size();
        log.entries.push_back(entry);
        while log.entries.len() > MAX_ENTRIES || log.bytes > MAX_BYTES {
            let Some(oldest) = log.entries.pop_front() else {
                break;
            };
            log.bytes -= oldest.size();
        }
    }

    pub(crate) fn entries(&self) -> Vec<T> {
        self.lock().entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        let mut log = self.lock();
        log.bytes = 0;
        let old = std::mem::take(&mut log.entries);
        // A large log takes time to drop: not under the lock.
        drop(log);
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for usize {
        fn size(&self) -> usize {
            *self
        }
    }

    #[test]
    fn the_oldest_are_removed_first() {
        let log = Recent::default();
        for _ in 0..MAX_ENTRIES + 5 {
            log.push(0);
        }
        assert_eq!(log.entries().len(), MAX_ENTRIES);
        log.push(MAX_BYTES);
        log.push(1);
        assert_eq!(log.entries(), [1]);
        log.clear();
        assert!(log.entries().is_empty());
        log.push(MAX_BYTES);
        assert_eq!(log.entries().len(), 1);
    }
}
