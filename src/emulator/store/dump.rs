//! Dumps, and the seeds that replace everything.

use super::events::{Change, ObjectState};
use super::inputs::{identity, map_key};
use super::model::{
    Collection, Content, Document, ItemName, Key, List, Map, Object, Permitted, Place, Resource,
    Service, Stream,
};
use super::records::{
    Flaw, GrantRecord, ItemRecord, ObjectRecord, Records, Revision, ServiceRecord,
};
use super::registry::Seq;
use super::service_error::ServiceError;
use super::sid::{Kind, Sid};
use super::state::State;
use super::time::Millis;

/// The largest revision and index of a seed: later ones, which a data file has to take, never reach
/// the end of `u64` from here.
const MAX_SEEDED: u64 = u64::MAX / 2;

/// Dumping.
impl State {
    pub(crate) fn dump(&self) -> Records {
        let services = self.services().records().iter();
        Records {
            services: services
                .map(|(seq, service)| dump_service(*seq, service))
                .collect(),
        }
    }
}

fn dump_service(seq: Seq, service: &Service) -> ServiceRecord {
    ServiceRecord {
        documents: dump_objects::<Document>(seq, service),
        lists: dump_objects::<List>(seq, service),
        maps: dump_objects::<Map>(seq, service),
        streams: dump_objects::<Stream>(seq, service),
        ..ServiceRecord::from(&*service.state)
    }
}

fn dump_objects<T: Resource>(service_seq: Seq, service: &Service) -> Vec<ObjectRecord> {
    let dump = |(seq, object): (&Seq, &Object<T>)| {
        let place = Place {
            service: service_seq,
            object: *seq,
        };
        let mut items = Vec::new();
        object.body.visit_items(&mut |item, name| {
            items.push(ItemRecord::from(item).with_name(name()));
        });
        let grants = object.grants.iter().map(|(identity, grant)| GrantRecord {
            identity: Some(identity.clone()),
            ..GrantRecord::from(*grant)
        });
        ObjectRecord {
            items,
            permissions: grants.collect(),
            ..ObjectRecord::from(ObjectState::new(place, object))
        }
    };
    T::registry(service).records().iter().map(dump).collect()
}

/// Seeding.
impl State {
    /// Adds everything in a seed.
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
        record
            .sid
            .get_or_insert_with(|| self.new_sid(Kind::Service));
        let service = record.into_service(now)?;
        if self.services().has_id(service.state.id) {
            return Err(Flaw::new("its SID is taken"));
        }
        if let Some(name) = &service.state.unique_name
            && self.services().has_name(name)
        {
            return Err(Flaw::from(ServiceError::UniqueNameTaken));
        }
        let service = self.insert_service(service);

        for (at, record) in documents.into_iter().enumerate() {
            self.seed_permitted::<Document>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("documents[{at}]")))?;
        }
        for (at, record) in lists.into_iter().enumerate() {
            self.seed_collection::<List>(service, record, now)
                .map_err(|flaw| flaw.within(format_args!("lists[{at}]")))?;
        }
        for (at, record) in maps.into_iter().enumerate() {
            self.seed_collection::<Map>(service, record, now)
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
        service: Seq,
        mut record: ObjectRecord,
        now: Millis,
    ) -> Result<Place, Flaw> {
        record.sid.get_or_insert_with(|| self.new_sid(T::KIND));
        check_revision(record.revision)?;
        let object: Object<T> = record.into_object(now)?;
        let registry = T::registry(self.service(service)?);
        if registry.has_id(object.id) {
            return Err(Flaw::new("its SID is taken"));
        }
        if let Some(name) = &object.unique_name
            && registry.has_name(name)
        {
            return Err(Flaw::from(ServiceError::UniqueNameTaken));
        }
        Ok(self.insert_object(service, object)?)
    }

    fn seed_permitted<T: Permitted>(
        &mut self,
        service: Seq,
        mut record: ObjectRecord,
        now: Millis,
    ) -> Result<Place, Flaw> {
        let permissions = std::mem::take(&mut record.permissions);
        let place = self.seed_object::<T>(service, record, now)?;
        for (at, record) in permissions.iter().enumerate() {
            let name = record.identity.as_deref().unwrap_or_default();
            let name = identity(name)
                .map_err(|error| Flaw::from(error).within(format_args!("permissions[{at}]")))?;
            self.set_grant::<T>(place, &name, record.grant())?;
        }
        Ok(place)
    }

    fn seed_collection<C: Collection>(
        &mut self,
        service: Seq,
        mut record: ObjectRecord,
        now: Millis,
    ) -> Result<(), Flaw> {
        let items = std::mem::take(&mut record.items);
        let place = self.seed_permitted::<C>(service, record, now)?;
        // The number of the event of an item without a revision.
        let mut next = 0;
        for (at, record) in items.into_iter().enumerate() {
            let within = |flaw: Flaw| flaw.within(format_args!("items[{at}]"));
            let name = item_name(C::KIND, &record, next).map_err(within)?;
            // The number of the event that added the item, where it is known.
            let added = match &name {
                ItemName::Index(index) => Some(*index),
                ItemName::Key(_) => None,
            };
            check_revision(record.revision).map_err(within)?;
            let item = record
                .into_item(added.unwrap_or(next), now)
                .map_err(within)?;
            next = next
                .max(item.revision + 1)
                .max(added.map_or(0, |event| event + 1));
            let key = C::Key::from_name(name).ok_or(ServiceError::NotFound)?;
            if self.object::<C>(place)?.body.items.contains_key(&key) {
                return Err(within(Flaw::from(ServiceError::MapItemExists)));
            }
            self.insert_item_as_is::<C>(place, &key, item)?;
        }
        // No event has the number of another.
        if self.object::<C>(place)?.body.events < next {
            let edit = |object: &mut Object<C>| object.body.events = next;
            self.edit_object(place, Change::Updated, edit)?;
        }
        Ok(())
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

/// Reads an item's index or key from its record; `next` is the index of one that has none.
fn item_name(kind: Kind, record: &ItemRecord, next: u64) -> Result<ItemName, Flaw> {
    if kind == Kind::Map {
        if record.index.is_some() {
            return Err(Flaw::new("an item of a map has a key, not an index"));
        }
        let key = map_key(record.key.as_deref().unwrap_or_default())?;
        return Ok(ItemName::Key(key));
    }
    if record.key.is_some() {
        return Err(Flaw::new("an item of a list has an index, not a key"));
    }
    let index = record.index.unwrap_or(next);
    if index > MAX_SEEDED {
        return Err(Flaw::from(ServiceError::InvalidListIndex));
    }
    Ok(ItemName::Index(index))
}
