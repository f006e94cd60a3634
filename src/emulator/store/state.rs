//! The whole state, and the only functions that change it.
//!
//! Everything here preserves the invariants: a unique name leads to one record, a
//! deadline stands for exactly the records that expire. The rules of the
//! service are in the files beside this one; every change they make passes
//! through the functions of [`State`], which enter it in the [`Journal`].

use super::deadlines::{Deadlines, Target};
use super::journal::{Journal, Key as RecordKey, RecordChange};
use super::model::{
    Collection, Document, Grant, Item, Key, List, Map, Object, Place, Resource, Service, Stream,
};
use super::registry::{Registry, Seq};
use super::sid::{Id, Kind, Sid};
use super::time::{Expiry, Millis};
use super::views::{ItemView, ObjectView};
use crate::emulator::failure::Failure;
use crate::emulator::random::Random;

#[derive(Debug, Default)]
pub(crate) struct State {
    services: Registry<Service>,
    deadlines: Deadlines,
    /// The place of the next record.
    next: Seq,
    journal: Journal,
    random: Random,
}

/// Random SIDs.
impl State {
    /// Sets the generator of new SIDs.
    pub(crate) fn set_random(&mut self, random: Random) {
        self.random = random;
    }

    pub(super) fn random(&self) -> &Random {
        &self.random
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

    pub(super) fn find_service(&self, reference: &str) -> Result<Seq, Failure> {
        self.services
            .find(Kind::Service, reference)
            .ok_or(Failure::NotFound)
    }

    pub(super) fn service(&self, seq: Seq) -> Result<&Service, Failure> {
        self.services.get(seq).ok_or(Failure::NotFound)
    }

    pub(super) fn find<T: Resource>(
        &self,
        service: &str,
        reference: &str,
    ) -> Result<Place, Failure> {
        let service = self.find_service(service)?;
        T::registry(self.service(service)?)
            .find(T::KIND, reference)
            .map(|object| Place { service, object })
            .ok_or(Failure::NotFound)
    }

    pub(super) fn object<T: Resource>(&self, place: Place) -> Result<&Object<T>, Failure> {
        T::registry(self.service(place.service)?)
            .get(place.object)
            .ok_or(Failure::NotFound)
    }

    pub(super) fn view<T: Resource>(&self, place: Place) -> Result<ObjectView<'_, T>, Failure> {
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
    ) -> Result<ItemView<'_, C>, Failure> {
        let collection = self.view::<C>(place)?;
        let items = &collection.object.body.items;
        let (key, item) = items.get_key_value(key).ok_or(Failure::NotFound)?;
        Ok(ItemView {
            service: collection.service,
            collection: collection.sid,
            key,
            item,
        })
    }

    /// When the next object or item expires.
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
    pub(super) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    pub(super) fn next_place(&self) -> Seq {
        self.next
    }
}

/// Changing: each function leaves every index and deadline correct.
impl State {
    /// A place for a new record.
    fn place(&mut self) -> Seq {
        let seq = self.next;
        self.set_next(seq + 1);
        seq
    }

    pub(super) fn set_next(&mut self, next: Seq) {
        self.next = next;
        self.journal.put(RecordKey::next, &next);
    }

    pub(super) fn insert_service(&mut self, service: Service) -> Seq {
        let seq = self.place();
        self.insert_service_at(seq, service);
        seq
    }

    pub(super) fn insert_service_at(&mut self, seq: Seq, service: Service) {
        self.journal.put(|| RecordKey::service(seq), &service);
        self.services.insert(seq, service);
    }

    pub(super) fn edit_service(
        &mut self,
        seq: Seq,
        edit: impl FnOnce(&mut Service),
    ) -> Result<&Service, Failure> {
        let service = self.services.get_mut(seq).ok_or(Failure::NotFound)?;
        edit(service);
        self.journal.put(|| RecordKey::service(seq), &*service);
        Ok(service)
    }

    /// Gives a service another SID, which must be free.
    pub(super) fn rename_service(&mut self, seq: Seq, id: Id) -> Result<(), Failure> {
        let mut service = self.services.remove(seq).ok_or(Failure::NotFound)?;
        service.id = id;
        self.insert_service_at(seq, service);
        Ok(())
    }

    /// Takes out a service and all it holds.
    pub(super) fn remove_service(&mut self, seq: Seq) -> Result<Service, Failure> {
        let service = self.services.remove(seq).ok_or(Failure::NotFound)?;
        self.journal
            .enter(|| RecordChange::RemoveAll(RecordKey::service(seq)));
        self.deadlines.remove_all::<Document>(seq, &service);
        self.deadlines.remove_all::<List>(seq, &service);
        self.deadlines.remove_all::<Map>(seq, &service);
        self.deadlines.remove_all::<Stream>(seq, &service);
        Ok(service)
    }

    pub(super) fn insert_object<T: Resource>(
        &mut self,
        service: Seq,
        object: Object<T>,
    ) -> Result<Place, Failure> {
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
    ) -> Result<(), Failure> {
        let within = self
            .services
            .get_mut(place.service)
            .ok_or(Failure::NotFound)?;
        self.deadlines
            .change(None, object.expires, || Target::object(T::KIND, place));
        self.journal.put_object(place, &object);
        T::registry_mut(within).insert(place.object, object);
        Ok(())
    }

    pub(super) fn edit_object<T: Resource>(
        &mut self,
        place: Place,
        edit: impl FnOnce(&mut Object<T>),
    ) -> Result<(), Failure> {
        let object = object_mut(&mut self.services, place)?;
        let before = object.expires;
        edit(object);
        self.journal.put_object(place, object);
        self.deadlines
            .change(before, object.expires, || Target::object(T::KIND, place));
        Ok(())
    }

    /// Takes out an object with its items and permissions.
    pub(super) fn remove_object<T: Resource>(
        &mut self,
        place: Place,
    ) -> Result<Object<T>, Failure> {
        let service = self.services.get_mut(place.service);
        let object = service
            .and_then(|service| T::registry_mut(service).remove(place.object))
            .ok_or(Failure::NotFound)?;
        self.journal
            .enter(|| RecordChange::RemoveAll(RecordKey::object(T::KIND, place)));
        self.deadlines.remove(place, &object);
        Ok(object)
    }

    /// Adds an item whose revision is the collection's next event.
    pub(super) fn insert_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        item: Item,
    ) -> Result<(), Failure> {
        let object = object_mut::<C>(&mut self.services, place)?;
        object.body.events = item.revision + 1;
        object.updated = item.updated;
        self.journal.put_object(place, object);
        self.insert_item_as_is::<C>(place, key, item)
    }

    /// Adds an item, which is no event.
    pub(super) fn insert_item_as_is<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        item: Item,
    ) -> Result<(), Failure> {
        let object = object_mut::<C>(&mut self.services, place)?;
        self.journal
            .put(|| RecordKey::item(C::KIND, place, &key.name()), &item);
        self.deadlines.change(None, item.expires, || {
            Target::item(C::KIND, place, key.name())
        });
        object.body.items.insert(key.clone(), item);
        Ok(())
    }

    /// Changes an item; when its revision changes, it takes the collection's next event.
    pub(super) fn edit_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        edit: impl FnOnce(&mut Item, u64),
    ) -> Result<(), Failure> {
        let object = object_mut::<C>(&mut self.services, place)?;
        let item = object.body.items.get_mut(key).ok_or(Failure::NotFound)?;
        let (revision, expires) = (item.revision, item.expires);
        edit(item, object.body.events);
        self.journal
            .put(|| RecordKey::item(C::KIND, place, &key.name()), &*item);
        self.deadlines.change(expires, item.expires, || {
            Target::item(C::KIND, place, key.name())
        });
        if item.revision != revision {
            object.body.events = item.revision + 1;
            object.updated = item.updated;
            self.journal.put_object(place, object);
        }
        Ok(())
    }

    /// Takes out an item, which is an event of its collection.
    pub(super) fn remove_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        now: Millis,
    ) -> Result<Item, Failure> {
        let object = object_mut::<C>(&mut self.services, place)?;
        let item = object.body.items.remove(key).ok_or(Failure::NotFound)?;
        object.body.events += 1;
        object.updated = now;
        self.journal
            .enter(|| RecordChange::Remove(RecordKey::item(C::KIND, place, &key.name())));
        self.journal.put_object(place, object);
        self.deadlines.change(item.expires, None, || {
            Target::item(C::KIND, place, key.name())
        });
        Ok(item)
    }

    pub(super) fn set_grant<T: Resource>(
        &mut self,
        place: Place,
        identity: Box<str>,
        grant: Grant,
    ) -> Result<(), Failure> {
        let object = object_mut::<T>(&mut self.services, place)?;
        self.journal
            .put(|| RecordKey::grant(T::KIND, place, &identity), &grant);
        object.grants.insert(identity, grant);
        Ok(())
    }

    pub(super) fn remove_grant<T: Resource>(
        &mut self,
        place: Place,
        identity: &str,
    ) -> Result<Grant, Failure> {
        let object = object_mut::<T>(&mut self.services, place)?;
        let grant = object.grants.remove(identity).ok_or(Failure::NotFound)?;
        self.journal
            .enter(|| RecordChange::Remove(RecordKey::grant(T::KIND, place, identity)));
        Ok(grant)
    }

    /// Takes out the nearest deadline, if it has come: what it is for has to be removed.
    pub(super) fn take_due(&mut self, now: Millis) -> Option<(Millis, Target)> {
        let (at, target) = self.deadlines.pop_due(now)?;
        Some((at.millis(), target))
    }

    /// Has every change from now on entered in the journal.
    pub(crate) fn keep_journal(&mut self) {
        self.journal = Journal::on();
    }

    pub(super) fn keeps_journal(&self) -> bool {
        self.journal.is_on()
    }

    /// What has changed since the journal was taken last.
    pub(crate) fn take_journal(&mut self) -> Vec<RecordChange> {
        self.journal.take()
    }
}

fn object_mut<T: Resource>(
    services: &mut Registry<Service>,
    place: Place,
) -> Result<&mut Object<T>, Failure> {
    services
        .get_mut(place.service)
        .and_then(|service| T::registry_mut(service).get_mut(place.object))
        .ok_or(Failure::NotFound)
}
