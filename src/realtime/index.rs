//! The items that a watch has told of.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::wire::{EventId, Position};

/// The number of removed items whose last event is remembered.
const MAX_REMOVED: usize = 256;

/// The facts about an item that its next event does not repeat, and the number that shows whether an
/// event is newer.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) event: EventId,
    pub(super) created: DateTime<Utc>,
    pub(super) expires: Option<DateTime<Utc>>,
    /// The identity of the creator; empty if no response said it.
    pub(super) creator: Arc<str>,
}

/// The items of a List or Map, without their data.
#[derive(Debug, Default)]
pub(super) struct Index {
    items: HashMap<Position, Known>,
    /// Each creator once.
    creators: HashSet<Arc<str>>,
    /// The last events of items that were removed, the oldest first.
    removed: VecDeque<(Position, EventId)>,
    /// The items that a listing has not come upon yet.
    unseen: BTreeSet<Position>,
}

impl Index {
    pub(super) fn get(&self, position: &Position) -> Option<&Known> {
        self.items.get(position)
    }

    /// The last event of an item, removed or not, as far as it is known.
    pub(super) fn last_event(&self, position: &Position) -> Option<EventId> {
        let removed = || self.removed.iter().rev();
        let removed = || removed().find(|(name, _)| name == position).map(|it| it.1);
        let known = self.items.get(position).map(|known| known.event);
        known.or_else(removed)
    }

    /// Notes an item; returns `true` if it is new.
    pub(super) fn insert(&mut self, position: Position, known: Known) -> bool {
        match self.items.entry(position) {
            Entry::Occupied(mut entry) => {
                entry.insert(known);
                false
            }
            Entry::Vacant(entry) => {
                entry.insert(known);
                true
            }
        }
    }

    /// Notes a removal; returns `true` if the item was there.
    pub(super) fn remove(&mut self, position: &Position, event: EventId) -> bool {
        if self.removed.len() >= MAX_REMOVED {
            self.removed.pop_front();
        }
        self.removed.push_back((position.clone(), event));
        self.items.remove(position).is_some()
    }

    /// Forgets the removed items: the service was set back, and counts its events from lower numbers again.
    pub(super) fn forget_removed(&mut self) {
        self.removed.clear();
    }

    /// The one text of a creator.
    pub(super) fn creator(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.creators.get(name) {
            return Arc::clone(known);
        }
        let creator: Arc<str> = name.into();
        self.creators.insert(Arc::clone(&creator));
        creator
    }

    /// Begins a listing, after which the items that it did not come upon are the removed ones.
    pub(super) fn begin_listing(&mut self) {
        self.unseen = self.items.keys().cloned().collect();
    }

    pub(super) fn list(&mut self, position: &Position) {
        self.unseen.remove(position);
    }

    /// The next item that the listing did not come upon; it is not known any more.
    pub(super) fn next_removed(&mut self) -> Option<Position> {
        let position = self.unseen.pop_first()?;
        self.items.remove(&position);
        Some(position)
    }
}
