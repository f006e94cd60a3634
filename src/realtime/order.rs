//! The order of the events of an object, which the service may send late, twice, or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::wire::EventId;

/// The number of events that are held back to be put in order.
const MAX_HELD: usize = 256;
/// The time that an event waits for one before it, until the service is asked to send that again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Events in the order of their numbers. One that comes before its time is held back until those before
/// it are there, or until the service has shown that there are none.
#[derive(Debug)]
pub(super) struct Order<E> {
    /// The last event up to which all came.
    pub(super) last: EventId,
    held: BTreeMap<EventId, E>,
    /// Events that came live while the service replays others.
    live: BTreeMap<EventId, E>,
    /// The first and the last of the live events for which there was no room. From the first one on, none
    /// is held.
    dropped: Option<(EventId, EventId)>,
    /// The time at which the missing events are asked for.
    gap: Option<Instant>,
    /// A replay was asked for since an event was missing.
    is_replay_of_gap: bool,
    /// The service leaves out numbers: a missing one is no lost event.
    is_sparse: bool,
}

impl<E> Order<E> {
    pub(super) fn new() -> Self {
        Self {
            last: -1,
            held: BTreeMap::new(),
            live: BTreeMap::new(),
            dropped: None,
            gap: None,
            is_replay_of_gap: false,
            is_sparse: false,
        }
    }

    /// Takes an event; gives it back if it is not newer than the last one.
    pub(super) fn hold(&mut self, id: EventId, event: E) -> Option<E> {
        if id <= self.last {
            return Some(event);
        }
        self.held.entry(id).or_insert(event);
        None
    }

    /// Takes an event that came live while the service replays others. It is emitted after them.
    pub(super) fn hold_live(&mut self, id: EventId, event: E) {
        if id <= self.last {
            return;
        }
        // The replay has brought those up to the last one.
        self.dropped = self.dropped.filter(|(_, last)| *last > self.last);
        while let Some(entry) = self.live.first_entry()
            && *entry.key() <= self.last
        {
            entry.remove();
        }
        if let Some((first, last)) = &mut self.dropped
            && id > *first
        {
            *last = id.max(*last);
            return;
        }
        self.live.entry(id).or_insert(event);
        if self.live.len() > MAX_HELD
            && let Some((first, _)) = self.live.pop_last()
        {
            let last = self.dropped.map_or(first, |(_, last)| last);
            self.dropped = Some((first, last));
        }
    }

    /// Returns `true` if events for which there was no room have to come again.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.is_some_and(|(_, last)| last > self.last)
    }

    /// The service has replayed all up to an event: what came live follows.
    pub(super) fn end_replay(&mut self) {
        let live = std::mem::take(&mut self.live);
        for (id, event) in live {
            self.hold(id, event);
        }
    }

    /// Returns `true` if an event is the next one. In a replay its end decides, unless too many are held.
    pub(super) fn has_next(&self, is_replay: bool) -> bool {
        let Some((id, _)) = self.held.first_key_value() else {
            return false;
        };
        *id == self.last + 1
            || if is_replay {
                self.held.len() > MAX_HELD
            } else {
                self.is_sparse
            }
    }

    /// Returns `true` if an event is held that is not newer than this one.
    pub(super) fn has_until(&self, last: EventId) -> bool {
        let first = self.held.first_key_value();
        first.is_some_and(|(id, _)| *id <= last)
    }

    /// The first of the events that are held.
    pub(super) fn pop(&mut self) -> Option<E> {
        let (id, event) = self.held.pop_first()?;
        // The replay did not have what was missed before it.
        self.is_sparse |= self.is_replay_of_gap && id > self.last + 1;
        self.last = id;
        Some(event)
    }

    /// Begins to wait for missing events. Returns `true` if they are to be asked for now.
    pub(super) fn wait_for_gap(&mut self, now: Instant) -> bool {
        if self.held.is_empty() {
            self.gap = None;
            return false;
        }
        self.gap.get_or_insert(now + PATIENCE);
        self.held.len() > MAX_HELD
    }

    /// The time at which missing events are asked for.
    pub(super) fn gap(&self) -> Option<Instant> {
        self.gap
    }

    /// Begins anew after the last event: what is held comes again.
    pub(super) fn restart(&mut self, is_replay_of_gap: bool) {
        self.held.clear();
        self.live.clear();
        self.dropped = None;
        self.gap = None;
        self.is_replay_of_gap = is_replay_of_gap;
    }

    /// A replay was emitted up to an event. Returns `false` if an event before that was dropped. Those after
    /// it come again when [`has_dropped`](Self::has_dropped) says so.
    pub(super) fn replayed(&mut self, last: EventId) -> bool {
        let dropped = self.dropped.map(|(first, _)| first);
        if dropped.is_some_and(|dropped| self.last < dropped && dropped <= last) {
            return false;
        }
        self.last = self.last.max(last);
        self.is_replay_of_gap = false;
        true
    }

    /// A new connection may be to another version of the service.
    pub(super) fn reconnected(&mut self) {
        self.is_sparse = false;
    }

    /// Returns `true` if numbers are left out, so that an event that comes late may still be news.
    pub(super) fn is_sparse(&self) -> bool {
        self.is_sparse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(order: &mut Order<EventId>, is_replay: bool) -> Vec<EventId> {
        let mut emitted = Vec::new();
        while order.has_next(is_replay) {
            emitted.extend(order.pop());
        }
        emitted
    }

    #[test]
    fn events_wait_for_those_before_them() {
        let now = Instant::now();
        let mut order = Order::new();
        assert_eq!(order.hold(1, 1), None);
        assert_eq!(emitted(&mut order, false), Vec::<EventId>::new());
        assert!(!order.wait_for_gap(now));
        assert_eq!(order.gap(), Some(now + PATIENCE));
        assert_eq!(order.hold(0, 0), None);
        assert_eq!(order.hold(1, 7), None);
        assert_eq!(emitted(&mut order, false), [0, 1]);
        assert!(!order.wait_for_gap(now));
        assert_eq!(order.gap(), None);
        assert_eq!(order.hold(1, 1), Some(1));
    }

    #[test]
    fn a_gap_that_no_replay_fills_is_none() {
        let mut order = Order::new();
        order.hold(5, 5);
        order.restart(true);
        order.hold(5, 5);
        assert!(!order.has_next(true));
        assert!(order.has_until(5));
        assert_eq!(order.pop(), Some(5));
        assert!(order.replayed(5));
        assert!(order.is_sparse());
        order.hold(9, 9);
        assert_eq!(emitted(&mut order, false), [9]);
        order.reconnected();
        order.hold(12, 12);
        assert_eq!(emitted(&mut order, false), Vec::<EventId>::new());
    }

    #[test]
    fn live_events_follow_those_of_a_replay() {
        let mut order = Order::new();
        for id in 500..1000 {
            order.hold_live(id, id);
        }
        for id in 0..600 {
            order.hold(id, id);
        }
        assert!(emitted(&mut order, true).into_iter().eq(0..600));
        order.end_replay();
        assert!(order.replayed(599));
        let held = 500 + i64::try_from(MAX_HELD).unwrap();
        assert!(emitted(&mut order, false).into_iter().eq(600..held));
        // There was no room for those after that.
        assert!(order.has_dropped());
        order.restart(false);
        assert!(!order.has_dropped());

        // The replay had all for which there was no room.
        let mut order = Order::new();
        for id in 0..600 {
            order.hold_live(id, id);
            order.hold(id, id);
        }
        assert!(emitted(&mut order, true).into_iter().eq(0..600));
        order.hold_live(600, 600);
        order.end_replay();
        assert!(order.replayed(599));
        assert_eq!(emitted(&mut order, false), [600]);
        assert!(!order.has_dropped());

        // A service that does not say which events it replays.
        let mut order = Order::new();
        for id in 0..600 {
            order.hold_live(id, id);
        }
        order.end_replay();
        assert_eq!(emitted(&mut order, true).len(), MAX_HELD);
        assert!(!order.replayed(599));
    }

    #[test]
    fn a_long_replay_with_gaps_is_told_before_its_end() {
        let mut order = Order::new();
        for id in 0..1000 {
            order.hold(2 * id + 1, 2 * id + 1);
        }
        assert_eq!(emitted(&mut order, true).len(), 1000 - MAX_HELD);
    }
}
