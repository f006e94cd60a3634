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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::super::What;
    use super::*;
    use crate::emulator::store::{Kind, Sid};

    fn event(id: i64) -> Arc<LiveEvent> {
        Arc::new(LiveEvent {
            object: Sid::new(Kind::Map, 1),
            id: Some(id),
            what: What::Removed,
            after: 0,
            payload: OnceLock::new(),
        })
    }

    fn ids(log: &Log, after: i64) -> Option<Vec<i64>> {
        let events = log.after(after)?;
        Some(events.iter().filter_map(|event| event.id).collect())
    }

    #[test]
    fn it_goes_back_to_where_it_began_and_no_further() {
        let mut log = Log::new(4);
        assert_eq!((ids(&log, 3), ids(&log, 4)), (None, Some(vec![])));
        (5..8).for_each(|id| log.push(event(id)));
        assert_eq!(ids(&log, 3), None);
        assert_eq!(ids(&log, 4), Some(vec![5, 6, 7]));
        assert_eq!(ids(&log, 6), Some(vec![7]));
        assert_eq!(ids(&log, 9), Some(vec![]));
    }

    #[test]
    fn it_is_bounded_and_can_forget() {
        let mut log = Log::new(-1);
        let last = i64::try_from(MAX_EVENTS).unwrap() + 9;
        (0..=last).for_each(|id| log.push(event(id)));
        assert_eq!(
            (ids(&log, 8), ids(&log, 9).map(|ids| ids.len())),
            (None, Some(MAX_EVENTS))
        );
        assert!(log.size() > 0);
        log.forget();
        assert_eq!(
            (log.size(), ids(&log, last - 1), ids(&log, last)),
            (0, None, Some(vec![]))
        );
        log.push(event(last + 1));
        assert_eq!(ids(&log, last), Some(vec![last + 1]));
    }
}
