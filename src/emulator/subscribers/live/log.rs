//! The log of an object: its latest events, for clients that were away for a while.

use std::collections::VecDeque;
use std::sync::Arc;

use super::LiveEvent;

/// The maximum number of events of one object.
const MAX_EVENTS: usize = 500;

/// The latest events of an object, without gaps.
#[derive(Debug)]
pub(super) struct Log {
    events: VecDeque<Arc<LiveEvent>>,
    /// The number of the event before all that it has; -1 where the object had none.
    before: i64,
    size: usize,
}

impl Log {
    /// An empty log of an object whose last event has this number.
    pub(super) fn new(last: i64) -> Self {
        Self {
            events: VecDeque::new(),
            before: last,
            size: 0,
        }
    }

    /// The approximate size of the data of its events, in bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn push(&mut self, event: Arc<LiveEvent>) {
        self.size += event.size();
        self.events.push_back(event);
        if self.events.len() > MAX_EVENTS {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.events.pop_front() {
            self.size -= oldest.size();
            self.before = oldest.id.unwrap_or(self.before);
        }
    }

    /// Drops all events.
    pub(super) fn forget(&mut self) {
        while !self.events.is_empty() {
            self.drop_oldest();
        }
    }

    /// The events after the one with this number; none if the log does not go back that far.
    pub(super) fn after(&self, id: i64) -> Option<Vec<Arc<LiveEvent>>> {
        if id < self.before {
            return None;
        }
        let later = |event: &&Arc<LiveEvent>| event.id.is_some_and(|known| known > id);
        Some(self.events.iter().filter(later).cloned().collect())
    }
}
