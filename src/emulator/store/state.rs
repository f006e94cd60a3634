//! The records themselves, and the only functions that change them.
//!
//! Everything here keeps the invariants: a unique name leads to one record, a
//! deadline stands for exactly the records that expire. The rules of the
//! service are in the files beside this one; every change they make passes
//! through the functions of [`State`], which enter it in the [`Journal`].

use std::collections::{BTreeMap, BTreeSet};

use super::events::{ItemName, Told};
use super::inputs::{self, Data};
use super::journal::{Change, Journal, Key};
use super::registry::{Record, Registry, Seq};
use super::sid::{Id, Kind};
use super::snapshot::RecordedKey;
use super::written::Recorded;
use crate::emulator::error::Failure;

/// Milliseconds since 1970.
pub(crate) type Millis = i64;

/// A service instance and all it holds.
#[derive(Debug)]
pub(crate) struct Service {
    pub(super) id: Id,
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) settings: Settings,
    pub(super) documents: Registry<Object<Document>>,
    pub(super) lists: Registry<Object<List>>,
    pub(super) maps: Registry<Object<Map>>,
    pub(super) streams: Registry<Object<Stream>>,
}

/// What a service can be set to.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the API has that many flags")]
pub(crate) struct Settings {
    pub(crate) friendly_name: Option<Box<str>>,
    pub(crate) webhook_url: Option<Box<str>>,
    pub(crate) webhooks_from_rest_enabled: bool,
    pub(crate) reachability_webhooks_enabled: bool,
    pub(crate) acl_enabled: bool,
    pub(crate) reachability_debouncing_enabled: bool,
    /// Milliseconds.
    pub(crate) reachability_debouncing_window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            friendly_name: None,
            webhook_url: None,
            webhooks_from_rest_enabled: false,
            reachability_webhooks_enabled: false,
            acl_enabled: false,
            reachability_debouncing_enabled: false,
            reachability_debouncing_window: 5_000,
        }
    }
}

/// What documents, lists, maps and streams have in common.
#[derive(Debug)]
pub(crate) struct Object<T> {
    pub(super) id: Id,
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) expires: Option<Millis>,
    /// By identity.
    pub(super) grants: BTreeMap<Box<str>, Grant>,
    pub(crate) body: T,
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) data: Data,
    /// The number of data writes since it was made.
    pub(crate) revision: u64,
}

/// Items by index (a list) or by key (a map).
#[derive(Debug)]
pub(crate) struct Collection<K> {
    /// The number of items added, changed and removed so far, which is also
    /// the number of the next such event.
    pub(crate) events: u64,
    pub(super) items: BTreeMap<K, Item>,
}

impl<K> Default for Collection<K> {
    fn default() -> Self {
        Self {
            events: 0,
            items: BTreeMap::new(),
        }
    }
}

pub(crate) type List = Collection<u64>;
pub(crate) type Map = Collection<Box<str>>;

/// A stream keeps nothing: its messages pass.
#[derive(Debug)]
pub(crate) struct Stream;

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) data: Data,
    /// The event that wrote it.
    pub(crate) revision: u64,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) expires: Option<Millis>,
}

/// What an identity may do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) manage: bool,
}

impl Record for Service {
    fn id(&self) -> Id {
        self.id
    }

    fn unique_name(&self) -> Option<&str> {
        self.unique_name.as_deref()
    }
}

impl<T> Record for Object<T> {
    fn id(&self) -> Id {
        self.id
    }

    fn unique_name(&self) -> Option<&str> {
        self.unique_name.as_deref()
    }
}

/// Where an object is: its service and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) service: Seq,
    pub(super) object: Seq,
}

/// A kind of object that services hold.
pub(crate) trait Resource: Recorded + Told + Sized + 'static {
    const KIND: Kind;

    /// Where a service keeps them.
    fn registry(service: &Service) -> &Registry<Object<Self>>;
    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>>;

    /// The deadlines of what the object holds.
    fn inner_deadlines(&self, _place: Place) -> Vec<Deadline> {
        Vec::new()
    }
}

/// A kind of object that takes permissions.
pub(crate) trait Permitted: Resource {}

impl Permitted for Document {}
impl<K: ItemKey> Permitted for Collection<K> {}

impl Resource for Document {
    const KIND: Kind = Kind::Document;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.documents
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.documents
    }
}

impl Resource for Stream {
    const KIND: Kind = Kind::Stream;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.streams
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.streams
    }
}

impl<K: ItemKey> Resource for Collection<K> {
    const KIND: Kind = K::COLLECTION;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        K::registry(service)
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        K::registry_mut(service)
    }

    fn inner_deadlines(&self, place: Place) -> Vec<Deadline> {
        let deadline = |(key, item): (&K, &Item)| Some((item.expires?, K::target(place, key)));
        self.items.iter().filter_map(deadline).collect()
    }
}

/// What items are found by: the index in a list, the key in a map.
pub(crate) trait ItemKey: RecordedKey + Ord + Clone + 'static {
    /// What they are items of.
    const COLLECTION: Kind;
    const REVISION_MISMATCH: Failure;
    const INVALID_DATA: Failure;

    /// Reads one from a path or from `From`.
    fn parse(text: &str) -> Result<Self, Failure>;
    fn target(place: Place, key: &Self) -> Target;
    /// The name that events have for it.
    fn name(&self) -> ItemName;
    /// Writes it as the end of an item's key in the journal, in the order of the items.
    fn write(&self, key: &mut Vec<u8>);
    /// Reads what [`write`](Self::write) wrote.
    fn read_bytes(bytes: &[u8]) -> Option<Self>;
    fn registry(service: &Service) -> &Registry<Object<Collection<Self>>>;
    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Collection<Self>>>;
}

impl ItemKey for u64 {
    const COLLECTION: Kind = Kind::List;
    const REVISION_MISMATCH: Failure = Failure::ListItemRevisionMismatch;
    const INVALID_DATA: Failure = Failure::InvalidListItemData;

    fn parse(text: &str) -> Result<Self, Failure> {
        inputs::list_index(text)
    }

    fn target(place: Place, key: &Self) -> Target {
        Target::ListItem(place, *key)
    }

    fn name(&self) -> ItemName {
        ItemName::Index(*self)
    }

    fn write(&self, key: &mut Vec<u8>) {
        key.extend(self.to_be_bytes());
    }

    fn read_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }

    fn registry(service: &Service) -> &Registry<Object<List>> {
        &service.lists
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<List>> {
        &mut service.lists
    }
}

impl ItemKey for Box<str> {
    const COLLECTION: Kind = Kind::Map;
    const REVISION_MISMATCH: Failure = Failure::MapItemRevisionMismatch;
    const INVALID_DATA: Failure = Failure::InvalidMapItemData;

    /// Any text: what cannot be a key is merely not found.
    fn parse(text: &str) -> Result<Self, Failure> {
        Ok(text.into())
    }

    fn target(place: Place, key: &Self) -> Target {
        Target::MapItem(place, key.clone())
    }

    fn name(&self) -> ItemName {
        ItemName::Key(self.clone())
    }

    fn write(&self, key: &mut Vec<u8>) {
        key.extend(self.bytes());
    }

    fn read_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(Into::into)
    }

    fn registry(service: &Service) -> &Registry<Object<Map>> {
        &service.maps
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Map>> {
        &mut service.maps
    }
}

/// What expires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Object(Kind, Place),
    ListItem(Place, u64),
    MapItem(Place, Box<str>),
}

/// What has expired and may be large.
#[derive(Debug)]
#[expect(dead_code, reason = "it is only there to be dropped")]
pub(super) enum Gone {
    List(Object<List>),
    Map(Object<Map>),
}

/// When something expires, and what.
pub(crate) type Deadline = (Millis, Target);

/// Deadlines, the nearest first.
#[derive(Debug, Default)]
struct Deadlines(BTreeSet<Deadline>);

impl Deadlines {
    /// Follows a change of expiry.
    fn moved(&mut self, before: Option<Millis>, now: Option<Millis>, target: impl Fn() -> Target) {
        if before == now {
            return;
        }
        if let Some(at) = before {
            self.0.remove(&(at, target()));
        }
        if let Some(at) = now {
            self.0.insert((at, target()));
        }
    }

    /// Forgets what an object that goes was waiting for.
    fn forget<T: Resource>(&mut self, place: Place, object: &Object<T>) {
        self.moved(object.expires, None, || Target::Object(T::KIND, place));
        for deadline in object.body.inner_deadlines(place) {
            self.0.remove(&deadline);
        }
    }

    fn forget_all<T: Resource>(&mut self, seq: Seq, service: &Service) {
        for (object_seq, object) in T::registry(service).records() {
            let place = Place {
                service: seq,
                object: *object_seq,
            };
            self.forget(place, object);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    services: Registry<Service>,
    deadlines: Deadlines,
    /// The place of the next record.
    next: Seq,
    journal: Journal,
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

    /// Whether something has expired and is still here.
    pub(super) fn is_overdue(&self, now: Millis) -> bool {
        self.deadlines.0.first().is_some_and(|(at, _)| *at <= now)
    }
}

#[cfg(test)]
impl State {
    pub(super) fn deadline_count(&self) -> usize {
        self.deadlines.0.len()
    }

    pub(super) fn next_place(&self) -> Seq {
        self.next
    }
}

/// Changing: each function leaves every index and deadline right.
impl State {
    /// A place for a new record.
    fn place(&mut self) -> Seq {
        let seq = self.next;
        self.set_next(seq + 1);
        seq
    }

    pub(super) fn set_next(&mut self, next: Seq) {
        self.next = next;
        self.journal.put(Key::next, &next);
    }

    pub(super) fn insert_service(&mut self, service: Service) -> Seq {
        let seq = self.place();
        self.insert_service_at(seq, service);
        seq
    }

    pub(super) fn insert_service_at(&mut self, seq: Seq, service: Service) {
        self.journal.put(|| Key::service(seq), &service);
        self.services.insert(seq, service);
    }

    pub(super) fn edit_service(
        &mut self,
        seq: Seq,
        edit: impl FnOnce(&mut Service),
    ) -> Result<&Service, Failure> {
        let service = self.services.get_mut(seq).ok_or(Failure::NotFound)?;
        edit(service);
        self.journal.put(|| Key::service(seq), &*service);
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
        self.journal.enter(|| Change::RemoveAll(Key::service(seq)));
        self.deadlines.forget_all::<Document>(seq, &service);
        self.deadlines.forget_all::<List>(seq, &service);
        self.deadlines.forget_all::<Map>(seq, &service);
        self.deadlines.forget_all::<Stream>(seq, &service);
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
            .moved(None, object.expires, || Target::Object(T::KIND, place));
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
            .moved(before, object.expires, || Target::Object(T::KIND, place));
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
        let key = || Key::object(T::KIND, place);
        self.journal.enter(|| Change::RemoveAll(key()));
        self.deadlines.forget(place, &object);
        Ok(object)
    }

    /// Adds an item whose revision is the collection's next event.
    pub(super) fn insert_item<K: ItemKey>(
        &mut self,
        place: Place,
        key: &K,
        item: Item,
    ) -> Result<(), Failure> {
        let object = object_mut::<Collection<K>>(&mut self.services, place)?;
        object.body.events = item.revision + 1;
        object.updated = item.updated;
        self.journal.put_object(place, object);
        self.insert_item_as_is(place, key, item)
    }

    /// Adds an item, which is no event.
    pub(super) fn insert_item_as_is<K: ItemKey>(
        &mut self,
        place: Place,
        key: &K,
        item: Item,
    ) -> Result<(), Failure> {
        let object = object_mut::<Collection<K>>(&mut self.services, place)?;
        self.journal.put(|| Key::item(place, key), &item);
        self.deadlines
            .moved(None, item.expires, || K::target(place, key));
        object.body.items.insert(key.clone(), item);
        Ok(())
    }

    /// Changes an item; when its revision changes, it takes the collection's next event.
    pub(super) fn edit_item<K: ItemKey>(
        &mut self,
        place: Place,
        key: &K,
        edit: impl FnOnce(&mut Item, u64),
    ) -> Result<(), Failure> {
        let object = object_mut::<Collection<K>>(&mut self.services, place)?;
        let item = object.body.items.get_mut(key).ok_or(Failure::NotFound)?;
        let (revision, expires) = (item.revision, item.expires);
        edit(item, object.body.events);
        self.journal.put(|| Key::item(place, key), &*item);
        self.deadlines
            .moved(expires, item.expires, || K::target(place, key));
        if item.revision != revision {
            object.body.events = item.revision + 1;
            object.updated = item.updated;
            self.journal.put_object(place, object);
        }
        Ok(())
    }

    /// Takes out an item, which is an event of its collection.
    pub(super) fn remove_item<K: ItemKey>(
        &mut self,
        place: Place,
        key: &K,
        now: Millis,
    ) -> Result<Item, Failure> {
        let object = object_mut::<Collection<K>>(&mut self.services, place)?;
        let item = object.body.items.remove(key).ok_or(Failure::NotFound)?;
        object.body.events += 1;
        object.updated = now;
        self.journal.enter(|| Change::Remove(Key::item(place, key)));
        self.journal.put_object(place, object);
        self.deadlines
            .moved(item.expires, None, || K::target(place, key));
        Ok(item)
    }

    pub(super) fn set_grant<T: Permitted>(
        &mut self,
        place: Place,
        identity: Box<str>,
        grant: Grant,
    ) -> Result<(), Failure> {
        let object = object_mut::<T>(&mut self.services, place)?;
        self.journal
            .put(|| Key::grant(T::KIND, place, &identity), &grant);
        object.grants.insert(identity, grant);
        Ok(())
    }

    pub(super) fn remove_grant<T: Permitted>(
        &mut self,
        place: Place,
        identity: &str,
    ) -> Result<Grant, Failure> {
        let object = object_mut::<T>(&mut self.services, place)?;
        let grant = object.grants.remove(identity).ok_or(Failure::NotFound)?;
        self.journal
            .enter(|| Change::Remove(Key::grant(T::KIND, place, identity)));
        Ok(grant)
    }

    /// Takes out what has expired. An item that expires is removed like any other.
    ///
    /// What is large is handed out, to be dropped when the lock is not held.
    pub(super) fn reap(&mut self, now: Millis) -> Vec<Gone> {
        let mut gone = Vec::new();
        while self.is_overdue(now)
            && let Some((at, target)) = self.deadlines.0.pop_first()
        {
            // The deadlines are exact, so each of these is there to be removed.
            let _ = match target {
                Target::Object(Kind::Document, at) => self.remove_object::<Document>(at).map(drop),
                Target::Object(Kind::List, at) => self
                    .remove_object(at)
                    .map(|list| gone.push(Gone::List(list))),
                Target::Object(Kind::Map, at) => {
                    self.remove_object(at).map(|map| gone.push(Gone::Map(map)))
                }
                Target::Object(Kind::Stream, at) => self.remove_object::<Stream>(at).map(drop),
                // Services and messages have no TTL.
                Target::Object(Kind::Service | Kind::Message, _) => Ok(()),
                Target::ListItem(place, index) => self.remove_item(place, &index, at).map(drop),
                Target::MapItem(place, key) => self.remove_item(place, &key, at).map(drop),
            };
        }
        gone
    }

    /// Has every change from now on entered in the journal.
    pub(crate) fn keep_journal(&mut self) {
        self.journal = Journal::kept();
    }

    pub(super) fn keeps_journal(&self) -> bool {
        self.journal.is_kept()
    }

    /// What has changed since the journal was taken last.
    pub(crate) fn take_journal(&mut self) -> Vec<Change> {
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
