//! The changes of an object that client software has missed, from the state.
//!
//! A Document has one: its data. Of a List or Map these are the items that were written or removed
//! since, each by its last event; of removals only the latest are known.

use super::access::{Reader, Right};
use super::events::{ItemState, ObjectState};
use super::model::{Collection, ItemName, Key, Resource};
use super::service_error::ServiceError;
use super::time::Millis;

/// The last event of an item, or of one that was.
#[derive(Debug)]
pub(crate) enum LastEvent {
    Written(Box<ItemState>),
    Removed {
        collection: Box<ObjectState>,
        name: ItemName,
        event: u64,
        date: Millis,
    },
}

impl Reader<'_> {
    /// An object that the actor may read.
    pub(crate) fn object_state<T: Resource>(
        self,
        service: &str,
        reference: &str,
    ) -> Result<ObjectState, ServiceError> {
        let place = self.find::<T>(service, reference, Right::Read)?;
        Ok(ObjectState::new(place, self.state.object::<T>(place)?))
    }

    /// The items whose last event has this number or a later one, in the order of these events; none if
    /// not all removals since then are known.
    pub(crate) fn changed_items<C: Collection>(
        self,
        service: &str,
        reference: &str,
        from: u64,
    ) -> Result<Option<Vec<(u64, ItemName)>>, ServiceError> {
        let place = self.find::<C>(service, reference, Right::Read)?;
        let body = &self.state.object::<C>(place)?.body;
        if from >= body.events {
            return Ok(Some(Vec::new()));
        }
        // Client software that has seen no event has no items either.
        if from > 0 && from < body.removals.known_from() {
            return Ok(None);
        }
        let written = body.items.iter().map(|(key, item)| (key, item.revision));
        let mut changed: Vec<_> = written
            .chain(body.removals.iter())
            .filter(|(_, event)| *event >= from)
            .map(|(key, event)| (event, key.name()))
            .collect();
        changed.sort_unstable();
        Ok(Some(changed))
    }

    /// The last event of an item, unless another one than `event` has become its last.
    pub(crate) fn last_event<C: Collection>(
        self,
        service: &str,
        reference: &str,
        name: ItemName,
        event: u64,
    ) -> Result<Option<LastEvent>, ServiceError> {
        let place = self.find::<C>(service, reference, Right::Read)?;
        let object = self.state.object::<C>(place)?;
        let key = C::Key::from_name(name.clone()).ok_or(ServiceError::NotFound)?;
        let collection = ObjectState::new(place, object);
        if let Some(item) = object.body.items.get(&key) {
            return Ok((item.revision == event)
                .then(|| LastEvent::Written(Box::new(ItemState::new(collection, name, item)))));
        }
        let removal = object.body.removals.get(&key);
        Ok(removal
            .filter(|(last, _)| *last == event)
            .map(|(event, date)| LastEvent::Removed {
                collection: Box::new(collection),
                name,
                event,
                date,
            }))
    }
}
