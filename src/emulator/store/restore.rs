//! The state as a data file has kept it.

use std::fmt;

use serde::de::DeserializeOwned;

use super::journal::{Key, Parsed};
use super::sid::Kind;
use super::state::{
    Document, Grant, Item, ItemKey, List, Map, Millis, Object, Permitted, Place, Resource, Service,
    State, Stream,
};
use super::written::{GrantRecord, ItemRecord, ObjectRecord, ServiceRecord};

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(String);

impl Damage {
    fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl State {
    /// Takes a record out of a data file.
    ///
    /// They come in the order of their keys. As the key of what holds a record
    /// is a prefix of the record's own, it comes first: the service, then the
    /// object, then its items and permissions.
    pub(crate) fn restore(&mut self, key: &[u8], record: &[u8], now: Millis) -> Result<(), Damage> {
        match Key::parse(key).ok_or_else(|| Damage::new("a key of no kind"))? {
            Parsed::Next => {
                self.set_next(read(record)?);
                Ok(())
            }
            Parsed::Service(seq) => {
                let record = read::<ServiceRecord>(record)?;
                let service = Service::read(record, now).map_err(Damage::new)?;
                self.insert_service_at(seq, service);
                Ok(())
            }
            Parsed::Object(kind, place) => match kind {
                Kind::Document => self.restore_object::<Document>(place, record, now),
                Kind::List => self.restore_object::<List>(place, record, now),
                Kind::Map => self.restore_object::<Map>(place, record, now),
                Kind::Stream => self.restore_object::<Stream>(place, record, now),
                Kind::Service | Kind::Message => Err(misplaced()),
            },
            Parsed::Item(Kind::List, place, key) => {
                self.restore_item::<u64>(place, key, record, now)
            }
            Parsed::Item(Kind::Map, place, key) => {
                self.restore_item::<Box<str>>(place, key, record, now)
            }
            Parsed::Grant(kind, place, identity) => match kind {
                Kind::Document => self.restore_grant::<Document>(place, identity, record),
                Kind::List => self.restore_grant::<List>(place, identity, record),
                Kind::Map => self.restore_grant::<Map>(place, identity, record),
                _ => Err(misplaced()),
            },
            Parsed::Item(..) => Err(misplaced()),
        }
    }

    fn restore_object<T: Resource>(
        &mut self,
        place: Place,
        record: &[u8],
        now: Millis,
    ) -> Result<(), Damage> {
        let object = Object::<T>::read(read::<ObjectRecord>(record)?, now).map_err(Damage::new)?;
        self.insert_object_at(place, object)
            .map_err(|_| misplaced())
    }

    fn restore_item<K: ItemKey>(
        &mut self,
        place: Place,
        key: &[u8],
        record: &[u8],
        now: Millis,
    ) -> Result<(), Damage> {
        let key = K::read_bytes(key).ok_or_else(misplaced)?;
        let item: Item = read::<ItemRecord>(record)?.into_item(0, now);
        self.insert_item_as_is(place, &key, item)
            .map_err(|_| misplaced())
    }

    fn restore_grant<T: Permitted>(
        &mut self,
        place: Place,
        identity: &[u8],
        record: &[u8],
    ) -> Result<(), Damage> {
        let identity = std::str::from_utf8(identity).map_err(|_| misplaced())?;
        let grant: Grant = read::<GrantRecord>(record)?.grant();
        self.set_grant::<T>(place, identity.into(), grant)
            .map_err(|_| misplaced())
    }
}

fn read<R: DeserializeOwned>(record: &[u8]) -> Result<R, Damage> {
    serde_json::from_slice(record).map_err(Damage::new)
}

fn misplaced() -> Damage {
    Damage::new("a record out of place")
}
