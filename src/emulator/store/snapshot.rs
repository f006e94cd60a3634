//! Everything at once: dumped, and put in place by a seed.

use std::fmt;

use super::inputs::{self, friendly_name, identity, map_key, unique_name};
use super::registry::Registry;
use super::sid::{Kind, Sid};
use super::state::{
    Collection, Document, ItemKey, List, Map, Millis, Object, Permitted, Place, Resource, Service,
    State, Stream,
};
use super::written::{
    GrantRecord, Instant, ItemRecord, ObjectRecord, Records, Revision, ServiceRecord, Written,
    or_now,
};
use crate::emulator::error::Failure;

/// The largest revision and index a seed may have. Those that writes come to
/// later, which a data file has to take, never reach the end of `u64` from here.
const MAX_SEEDED: u64 = u64::MAX / 2;

/// What is wrong with a seed, and where.
#[derive(Debug)]
pub(crate) struct Flaw {
    place: String,
    reason: String,
}

impl Flaw {
    fn new(reason: impl fmt::Display) -> Self {
        Self {
            place: String::new(),
            reason: reason.to_string(),
        }
    }

    /// The same, seen from outside.
    fn within(mut self, place: impl fmt::Display) -> Self {
        let dot = if self.place.is_empty() { "" } else { "." };
        self.place = format!("{place}{dot}{}", self.place);
        self
    }
}

impl From<Failure> for Flaw {
    fn from(failure: Failure) -> Self {
        Self::new(failure.message(""))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Dumping.
impl State {
    pub(super) fn dump(&self) -> Records {
        let services = self.services().records().values();
        Records {
            services: services.map(dump_service).collect(),
        }
    }
}

fn dump_service(service: &Service) -> ServiceRecord {
    ServiceRecord {
        documents: dump_objects::<Document>(service, |_| Vec::new()),
        lists: dump_objects::<List>(service, dump_items),
        maps: dump_objects::<Map>(service, dump_items),
        streams: dump_objects::<Stream>(service, |_| Vec::new()),
        ..service.written()
    }
}

fn dump_objects<T: Resource>(
    service: &Service,
    items: impl Fn(&T) -> Vec<ItemRecord>,
) -> Vec<ObjectRecord> {
    let objects = T::registry(service).records().values();
    objects
        .map(|object| ObjectRecord {
            items: items(&object.body),
            permissions: dump_grants(object),
            ..object.written()
        })
        .collect()
}

fn dump_items<K: ItemKey>(collection: &Collection<K>) -> Vec<ItemRecord> {
    let items = collection.items.iter();
    items
        .map(|(key, item)| {
            let mut record = item.written();
            key.name_in(&mut record);
            record
        })
        .collect()
}

fn dump_grants<T>(object: &Object<T>) -> Vec<GrantRecord> {
    let grants = object.grants.iter();
    grants
        .map(|(identity, grant)| GrantRecord {
            identity: Some(identity.clone()),
            ..grant.written()
        })
        .collect()
}

/// Seeding.
impl State {
    /// Puts everything of a seed beside what is there.
    ///
    /// The default service has the SID `default_service` unless the seed gives another.
    pub(super) fn seed(
        &mut self,
        records: Records,
        default_service: Sid,
        now: Millis,
    ) -> Result<(), Flaw> {
        for (at, record) in records.services.into_iter().enumerate() {
            self.seed_service(record, default_service, now)
                .map_err(|flaw| flaw.within(format_args!("services[{at}]")))?;
        }
        Ok(())
    }

    fn seed_service(
        &mut self,
        mut record: ServiceRecord,
        default_service: Sid,
        now: Millis,
    ) -> Result<(), Flaw> {
        let documents = std::mem::take(&mut record.documents);
        let lists = std::mem::take(&mut record.lists);
        let maps = std::mem::take(&mut record.maps);
        let streams = std::mem::take(&mut record.streams);

        if record.sid.is_none() && record.unique_name.is_some() {
            record.sid = Some(default_service);
        }
        let service = Service::read(record, now)?;
        if self.services().has_id(service.id) {
            return Err(Flaw::new("its SID is taken"));
        }
        if let Some(name) = &service.unique_name
            && self.services().has_name(name)
        {
            return Err(Flaw::from(Failure::UniqueNameTaken));
        }
        let service = self.insert_service(service);

        for (at, record) in documents.into_iter().enumerate() {
            self.seed_permitted::<Document>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("documents[{at}]")))?;
        }
        for (at, record) in lists.into_iter().enumerate() {
            self.seed_collection::<u64>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("lists[{at}]")))?;
        }
        for (at, record) in maps.into_iter().enumerate() {
            self.seed_collection::<Box<str>>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("maps[{at}]")))?;
        }
        for (at, record) in streams.into_iter().enumerate() {
            self.seed_object::<Stream>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("streams[{at}]")))?;
        }
        Ok(())
    }

    fn seed_object<T: Resource>(
        &mut self,
        service: u64,
        record: ObjectRecord,
        now: Millis,
    ) -> Result<Place, Flaw> {
        check_revision(record.revision)?;
        let object = Object::<T>::read(record, now)?;
        let registry: &Registry<Object<T>> = T::registry(self.service(service)?);
        if registry.has_id(object.id) {
            return Err(Flaw::new("its SID is taken"));
        }
        if let Some(name) = &object.unique_name
            && registry.has_name(name)
        {
            return Err(Flaw::from(Failure::UniqueNameTaken));
        }
        Ok(self.insert_object(service, object)?)
    }

    fn seed_permitted<T: Permitted>(
        &mut self,
        service: u64,
        mut record: ObjectRecord,
        now: Millis,
    ) -> Result<Place, Flaw> {
        let permissions = std::mem::take(&mut record.permissions);
        let place = self.seed_object::<T>(service, record, now)?;
        for (at, record) in permissions.iter().enumerate() {
            let name = record.identity.as_deref().unwrap_or_default();
            let name = identity(name)
                .map_err(|failure| Flaw::from(failure).within(format_args!("permissions[{at}]")))?;
            self.set_grant::<T>(place, name, record.grant())?;
        }
        Ok(place)
    }

    fn seed_collection<K: ItemKey>(
        &mut self,
        service: u64,
        mut record: ObjectRecord,
        now: Millis,
    ) -> Result<(), Flaw> {
        let items = std::mem::take(&mut record.items);
        let place = self.seed_permitted::<Collection<K>>(service, record, now)?;
        // The event of an item that does not say which it came from.
        let mut next = 0;
        for (at, record) in items.into_iter().enumerate() {
            let within = |flaw: Flaw| flaw.within(format_args!("items[{at}]"));
            let key = K::of_record(&record, next).map_err(within)?;
            check_revision(record.revision).map_err(within)?;
            let item = record.into_item(key.event().unwrap_or(next), now);
            next = next
                .max(item.revision + 1)
                .max(key.event().map_or(0, |event| event + 1));
            let there = &self.object::<Collection<K>>(place)?.body.items;
            if there.contains_key(&key) {
                return Err(within(Flaw::from(Failure::MapItemExists)));
            }
            self.insert_item_as_is(place, &key, item)?;
        }
        // No event happens twice.
        if self.object::<Collection<K>>(place)?.body.events < next {
            self.edit_object::<Collection<K>>(place, |object| object.body.events = next)?;
        }
        Ok(())
    }
}

impl Service {
    /// Reads a service, without what it holds.
    pub(super) fn read(mut record: ServiceRecord, now: Millis) -> Result<Self, Flaw> {
        if record
            .unique_name
            .as_deref()
            .is_some_and(|name| name != "default")
        {
            return Err(Flaw::new(
                "a service has the unique name \"default\", or none",
            ));
        }
        if let Some(name) = &record.friendly_name {
            friendly_name(name)?;
        }
        if let Some(url) = &record.webhook_url {
            inputs::webhook_url(url)?;
        }
        if let Some(window) = record.reachability_debouncing_window {
            inputs::debouncing_window(&window.to_string())?;
        }
        let mut service = Self::new(
            sid_or_random(record.sid, Kind::Service)?,
            record.unique_name.take(),
            record.settings(),
            now,
        );
        service.created = or_now(record.date_created, now);
        service.updated = or_now(record.date_updated, now);
        Ok(service)
    }
}

impl<T: Resource> Object<T> {
    /// Reads an object, without its items and permissions.
    pub(super) fn read(mut record: ObjectRecord, now: Millis) -> Result<Self, Flaw> {
        if let Some(name) = &record.unique_name {
            unique_name(name)?;
        }
        let object = Self {
            id: sid_or_random(record.sid, T::KIND)?.id,
            created: or_now(record.date_created, now),
            updated: or_now(record.date_updated, now),
            expires: record.date_expires.map(|Instant(at)| at),
            grants: std::collections::BTreeMap::new(),
            body: T::read(&mut record)?,
            unique_name: record.unique_name,
        };
        // What the kind has was taken; what is left belongs to another kind.
        let left = [
            ("revision", record.revision.is_some()),
            ("data", record.data.is_some()),
            ("items", !record.items.is_empty()),
            ("permissions", !record.permissions.is_empty()),
        ];
        match left.iter().find(|(_, left)| *left) {
            Some((name, _)) => Err(Flaw::new(format_args!("it cannot have {name}"))),
            None => Ok(object),
        }
    }
}

/// Refuses a revision that leaves too little room for later ones.
fn check_revision(revision: Option<Revision>) -> Result<(), Flaw> {
    match revision {
        Some(Revision(revision)) if revision > MAX_SEEDED => Err(Flaw::new(format_args!(
            "the revision {revision:x} is too large: at most {MAX_SEEDED:x} can be seeded"
        ))),
        _ => Ok(()),
    }
}

fn sid_or_random(sid: Option<Sid>, kind: Kind) -> Result<Sid, Flaw> {
    match sid {
        None => Ok(Sid::random(kind)),
        Some(sid) if sid.kind == kind => Ok(sid),
        Some(sid) => Err(Flaw::new(format_args!(
            "{sid} is the SID of something else"
        ))),
    }
}

/// How items are found, in a dump.
pub(crate) trait RecordedKey: Sized {
    /// Writes it into the item's record.
    fn name_in(&self, record: &mut ItemRecord);
    /// Reads it from the item's record; `next` is for what needs none.
    fn of_record(record: &ItemRecord, next: u64) -> Result<Self, Flaw>;
    /// The event that made the item, where the key tells.
    fn event(&self) -> Option<u64>;
}

impl RecordedKey for u64 {
    fn name_in(&self, record: &mut ItemRecord) {
        record.index = Some(*self);
    }

    fn of_record(record: &ItemRecord, next: u64) -> Result<Self, Flaw> {
        if record.key.is_some() {
            return Err(Flaw::new("an item of a list has an index, not a key"));
        }
        let index = record.index.unwrap_or(next);
        if index > MAX_SEEDED {
            return Err(Flaw::from(Failure::InvalidListIndex));
        }
        Ok(index)
    }

    fn event(&self) -> Option<u64> {
        Some(*self)
    }
}

impl RecordedKey for Box<str> {
    fn name_in(&self, record: &mut ItemRecord) {
        record.key = Some(self.clone());
    }

    fn of_record(record: &ItemRecord, _: u64) -> Result<Self, Flaw> {
        if record.index.is_some() {
            return Err(Flaw::new("an item of a map has a key, not an index"));
        }
        Ok(map_key(record.key.as_deref().unwrap_or_default())?)
    }

    fn event(&self) -> Option<u64> {
        None
    }
}
