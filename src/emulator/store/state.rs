//! The whole state, and the only functions that change it.
//!
//! These functions preserve the invariants: a unique name leads to one record, a deadline stands
//! for exactly the records that expire, and each change is one event. The rules of the service are
//! in the files beside this one; all changes go through the functions of [`State`].

use std::sync::Arc;

use super::deadlines::{Deadlines, Target};
use super::events::{Change, Events, ItemState, ObjectState, PermissionState, Subject};
use super::inputs::Data;
use super::model::{
    Collection, Content, Document, Grant, Item, Key, List, Map, Object, Place, Resource, Service,
    ServiceState, Stream,
};
use super::random::Random;
use super::registry::{Registry, Seq};
use super::service_error::ServiceError;
use super::sid::{Id, Kind, Sid};
use super::time::{Expiry, Millis};
use super::views::{ItemView, ObjectView};

#[derive(Debug, Default)]
pub(crate) struct State {
    services: Registry<Service>,
    deadlines: Deadlines,
    /// The place of the next record.
    next: Seq,
    pub(super) events: Events,
    random: Random,
}

/// Random SIDs.
impl State {
    /// Sets the generator of new SIDs.
    pub(crate) fn set_random(&mut self, random: Random) {
        self.random = random;
    }

    /// A new SID of this kind.
    pub(super) fn new_sid(&self, kind: Kind) -> Sid {
        Sid::new(kind, self.random.number())
    }
}

/// Reading.
impl State {
    pub(super) fn services(&self) -> &Registry<Service> {
        &self.services
    }

    pub(super) fn find_service(&self, reference: &str) -> Result<Seq, ServiceError> {
        self.services
            .find(Kind::Service, reference)
            .ok_or(ServiceError::NotFound)
    }

    pub(super) fn service(&self, seq: Seq) -> Result<&Service, ServiceError> {
        self.services.get(seq).ok_or(ServiceError::NotFound)
    }

    pub(super) fn find<T: Resource>(
        &self,
        service: &str,
        reference: &str,
    ) -> Result<Place, ServiceError> {
        let service = self.find_service(service)?;
        T::registry(self.service(service)?)
            .find(T::KIND, reference)
            .map(|object| Place { service, object })
            .ok_or(ServiceError::NotFound)
    }

    pub(super) fn object<T: Resource>(&self, place: Place) -> Result<&Object<T>, ServiceError> {
        T::registry(self.service(place.service)?)
            .get(place.object)
            .ok_or(ServiceError::NotFound)
    }

    pub(super) fn view<T: Resource>(
        &self,
        place: Place,
    ) -> Result<ObjectView<'_, T>, ServiceError> {
        let service = self.service(place.service)?.sid();
        let object = self.object::<T>(place)?;
        Ok(ObjectView {
            service,
            sid: object.sid(),
            object,
        })
    }

    pub(super) fn item<C: Collection>(
        &self,
        place: Place,
        key: &C::Key,
    ) -> Result<ItemView<'_, C>, ServiceError> {
        let collection = self.view::<C>(place)?;
        let items = &collection.object.body.items;
        let (key, item) = items.get_key_value(key).ok_or(ServiceError::NotFound)?;
        Ok(ItemView {
            service: collection.service,
            collection: collection.sid,
            key,
            item,
        })
    }

    /// The time at which the next object or item expires.
    pub(super) fn next_expiry(&self) -> Option<Expiry> {
        self.deadlines.first()
    }

    /// Returns whether something has expired and was not removed yet.
    pub(super) fn is_overdue(&self, now: Millis) -> bool {
        self.next_expiry().is_some_and(|at| at.millis() <= now)
    }
}

#[cfg(test)]
impl State {
    pub(crate) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    pub(crate) fn next_place(&self) -> Seq {
        self.next
    }
}

/// Changing Services: each function leaves every index and deadline correct.
impl State {
    /// A place for a new record.
    fn place(&mut self) -> Seq {
        let seq = self.next;
        self.next += 1;
        seq
    }

    /// Makes all new places come after this one.
    pub(super) fn set_next(&mut self, next: Seq) {
        self.next = next;
    }

    pub(super) fn insert_service(&mut self, service: Service) -> Seq {
        let seq = self.place();
        self.insert_service_at(seq, service);
        seq
    }

    pub(super) fn insert_service_at(&mut self, seq: Seq, service: Service) {
        self.events
            .add(&service, || Some(Subject::Service(Change::Created, seq)));
        self.services.insert(seq, service);
    }

    pub(super) fn edit_service(
        &mut self,
        seq: Seq,
        edit: impl FnOnce(&mut ServiceState),
    ) -> Result<&Service, ServiceError> {
        let service = self.services.get_mut(seq).ok_or(ServiceError::NotFound)?;
        edit(Arc::make_mut(&mut service.state));
        self.events
            .add(service, || Some(Subject::Service(Change::Updated, seq)));
        Ok(service)
    }

    /// Gives a Service another SID, which must be free.
    pub(super) fn rename_service(&mut self, seq: Seq, id: Id) -> Result<(), ServiceError> {
        let mut service = self.services.remove(seq).ok_or(ServiceError::NotFound)?;
        Arc::make_mut(&mut service.state).id = id;
        self.events
            .add(&service, || Some(Subject::Service(Change::Updated, seq)));
        self.services.insert(seq, service);
        Ok(())
    }

    /// Removes a Service and all that it contains.
    pub(super) fn remove_service(&mut self, seq: Seq) -> Result<Service, ServiceError> {
        let service = self.services.remove(seq).ok_or(ServiceError::NotFound)?;
        self.events
            .add(&service, || Some(Subject::Service(Change::Removed, seq)));
        self.deadlines.remove_all::<Document>(seq, &service);
        self.deadlines.remove_all::<List>(seq, &service);
        self.deadlines.remove_all::<Map>(seq, &service);
        self.deadlines.remove_all::<Stream>(seq, &service);
        Ok(service)
    }
}

/// Changing objects and what they contain.
impl State {
    pub(super) fn insert_object<T: Resource>(
        &mut self,
        service: Seq,
        object: Object<T>,
    ) -> Result<Place, ServiceError> {
        let place = Place {
            service,
            object: self.place(),
        };
        self.insert_object_at(place, object)?;
        Ok(place)
    }

    pub(super) fn insert_object_at<T: Resource>(
        &mut self,
        place: Place,
        object: Object<T>,
    ) -> Result<(), ServiceError> {
        let service = self.services.get_mut(place.service);
        let service = service.ok_or(ServiceError::NotFound)?;
        self.deadlines.change(None, object.history.expires, || {
            Target::object(T::KIND, place)
        });
        T::registry_mut(service).insert(place.object, object);
        self.add_event::<T>(place, |object| Subject::Object(Change::Created, object));
        Ok(())
    }

    pub(super) fn edit_object<T: Resource>(
        &mut self,
        place: Place,
        change: Change,
        edit: impl FnOnce(&mut Object<T>),
    ) -> Result<(), ServiceError> {
        let object = object_mut(&mut self.services, place)?;
        let before = object.history.expires;
        edit(object);
        self.deadlines.change(before, object.history.expires, || {
            Target::object(T::KIND, place)
        });
        self.add_event::<T>(place, |object| Subject::Object(change, object));
        Ok(())
    }

    /// Removes an object with its items and permissions.
    pub(super) fn remove_object<T: Resource>(
        &mut self,
        place: Place,
    ) -> Result<Object<T>, ServiceError> {
        let service = self.services.get_mut(place.service);
        let service = service.ok_or(ServiceError::NotFound)?;
        let object = T::registry_mut(service).remove(place.object);
        let object = object.ok_or(ServiceError::NotFound)?;
        self.deadlines.remove(place, &object);
        self.events.add(service, || {
            let object = ObjectState::new(place, &object);
            Some(Subject::Object(Change::Removed, object))
        });
        Ok(object)
    }

    /// Adds an item whose revision is the number of the collection's next event.
    pub(super) fn insert_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        item: Item,
    ) -> Result<(), ServiceError> {
        let object = object_mut::<C>(&mut self.services, place)?;
        object.body.events = item.revision + 1;
        object.history.updated = item.history.updated;
        self.insert_item_as_is::<C>(place, key, item)
    }

    /// Adds an item that takes no number among the events of the collection.
    pub(super) fn insert_item_as_is<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        item: Item,
    ) -> Result<(), ServiceError> {
        let object = object_mut::<C>(&mut self.services, place)?;
        self.deadlines.change(None, item.history.expires, || {
            Target::item(C::KIND, place, key.name())
        });
        object.body.items.insert(key.clone(), item);
        self.add_item_event::<C>(place, Change::Created, key);
        Ok(())
    }

    /// Changes an item; when its revision changes, it takes the collection's next event.
    pub(super) fn edit_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        change: Change,
        edit: impl FnOnce(&mut Item, u64),
    ) -> Result<(), ServiceError> {
        let object = object_mut::<C>(&mut self.services, place)?;
        let item = object.body.items.get_mut(key);
        let item = item.ok_or(ServiceError::NotFound)?;
        let (revision, expires) = (item.revision, item.history.expires);
        edit(item, object.body.events);
        self.deadlines.change(expires, item.history.expires, || {
            Target::item(C::KIND, place, key.name())
        });
        if item.revision != revision {
            object.body.events = item.revision + 1;
            object.history.updated = item.history.updated;
        }
        self.add_item_event::<C>(place, change, key);
        Ok(())
    }

    /// Removes an item, which takes the collection's next event.
    pub(super) fn remove_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        now: Millis,
    ) -> Result<Item, ServiceError> {
        let object = object_mut::<C>(&mut self.services, place)?;
        let item = object.body.items.remove(key);
        let item = item.ok_or(ServiceError::NotFound)?;
        let forgotten = object.body.removals.add(key, object.body.events, now);
        object.body.events += 1;
        object.history.updated = now;
        self.deadlines.change(item.history.expires, None, || {
            Target::item(C::KIND, place, key.name())
        });
        self.add_event::<C>(place, |collection| {
            let mut state = ItemState::new(collection, key.name(), &item);
            state.forgotten = forgotten.map(|key| key.name());
            Subject::Item(Change::Removed, state)
        });
        Ok(item)
    }

    /// Adds the removal of an item that was there before.
    pub(super) fn add_removal<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        event: u64,
        date: Millis,
    ) -> Result<(), ServiceError> {
        let object = object_mut::<C>(&mut self.services, place)?;
        object.body.removals.add(key, event, date);
        Ok(())
    }

    pub(super) fn set_grant<T: Resource>(
        &mut self,
        place: Place,
        identity: &str,
        grant: Grant,
    ) -> Result<(), ServiceError> {
        let object = object_mut::<T>(&mut self.services, place)?;
        let change = match object.grants.insert(identity.into(), grant) {
            Some(_) => Change::Updated,
            None => Change::Created,
        };
        self.add_grant_event::<T>(place, change, identity, grant);
        Ok(())
    }

    pub(super) fn remove_grant<T: Resource>(
        &mut self,
        place: Place,
        identity: &str,
    ) -> Result<Grant, ServiceError> {
        let object = object_mut::<T>(&mut self.services, place)?;
        let grant = object.grants.remove(identity);
        let grant = grant.ok_or(ServiceError::NotFound)?;
        self.add_grant_event::<T>(place, Change::Removed, identity, grant);
        Ok(grant)
    }

    /// Removes the nearest deadline, if it is due: its object or item has to be removed.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<(Millis, Target)> {
        let (at, target) = self.deadlines.pop_due(now)?;
        Some((at.millis(), target))
    }
}

/// Events.
impl State {
    /// Adds the event of a message, which changes nothing in the state.
    pub(super) fn add_message(
        &mut self,
        place: Place,
        sid: Sid,
        data: &Data,
    ) -> Result<(), ServiceError> {
        self.object::<Stream>(place)?;
        self.add_event::<Stream>(place, |stream| Subject::Message {
            stream,
            sid,
            data: data.clone(),
        });
        Ok(())
    }

    /// Adds the event of an endpoint, which changes nothing in the state.
    pub(super) fn add_endpoint(
        &mut self,
        service: Seq,
        connected: bool,
        endpoint: Box<str>,
    ) -> Result<(), ServiceError> {
        let service = self.services.get(service).ok_or(ServiceError::NotFound)?;
        let subject = || Subject::Endpoint {
            connected,
            endpoint,
        };
        self.events.add(service, || Some(subject()));
        Ok(())
    }

    /// Adds an event of an object, or of a part of it.
    fn add_event<T: Resource>(
        &mut self,
        place: Place,
        subject: impl FnOnce(ObjectState) -> Subject,
    ) {
        if let Some(service) = self.services.get(place.service) {
            self.events.add(service, || {
                let object = T::registry(service).get(place.object)?;
                Some(subject(ObjectState::new(place, object)))
            });
        }
    }

    fn add_item_event<C: Collection>(&mut self, place: Place, change: Change, key: &C::Key) {
        let Some(service) = self.services.get(place.service) else {
            return;
        };
        self.events.add(service, || {
            let object = C::registry(service).get(place.object)?;
            let item = object.body.items.get(key)?;
            let state = ItemState::new(ObjectState::new(place, object), key.name(), item);
            Some(Subject::Item(change, state))
        });
    }

    fn add_grant_event<T: Resource>(
        &mut self,
        place: Place,
        change: Change,
        identity: &str,
        grant: Grant,
    ) {
        self.add_event::<T>(place, |object| {
            let state = PermissionState::new(object, identity, grant);
            Subject::Permission(change, state)
        });
    }

    /// An empty state that can replace this one. Its places come after all those of this one.
    pub(super) fn successor(&self) -> Self {
        Self {
            next: self.next,
            random: self.random.clone(),
            ..Self::default()
        }
    }

    /// Replaces everything by `fresh`, which the events `created` create. Returns the old state.
    pub(super) fn replace(&mut self, mut fresh: Self, created: Events) -> Self {
        let mut events = self.events.of_replacement();
        for (seq, service) in self.services.records() {
            events.add(service, || Some(Subject::Service(Change::Removed, *seq)));
        }
        events.append(created);
        events.emit();
        fresh.events = std::mem::take(&mut self.events);
        fresh.next = fresh.next.max(self.next);
        std::mem::replace(self, fresh)
    }

    /// Adds the events that create all that this state contains.
    pub(super) fn add_creation(&self, events: &mut Events) {
        for (seq, service) in self.services.records() {
            events.add(service, || Some(Subject::Service(Change::Created, *seq)));
            add_objects::<Document>(*seq, service, events);
            add_objects::<List>(*seq, service, events);
            add_objects::<Map>(*seq, service, events);
            add_objects::<Stream>(*seq, service, events);
        }
    }
}

/// Adds the events that create the objects of a kind, with all that they contain.
fn add_objects<T: Resource>(seq: Seq, service: &Service, events: &mut Events) {
    for (object_seq, object) in T::registry(service).records() {
        let place = Place {
            service: seq,
            object: *object_seq,
        };
        let state = || ObjectState::new(place, object);
        events.add(service, || Some(Subject::Object(Change::Created, state())));
        object.body.visit_items(&mut |item, name| {
            events.add(service, || {
                let state = ItemState::new(state(), name(), item);
                Some(Subject::Item(Change::Created, state))
            });
        });
        for (identity, grant) in &object.grants {
            events.add(service, || {
                let state = PermissionState::new(state(), identity, *grant);
                Some(Subject::Permission(Change::Created, state))
            });
        }
    }
}

fn object_mut<T: Resource>(
    services: &mut Registry<Service>,
    place: Place,
) -> Result<&mut Object<T>, ServiceError> {
    services
        .get_mut(place.service)
        .and_then(|service| T::registry_mut(service).get_mut(place.object))
        .ok_or(ServiceError::NotFound)
}
