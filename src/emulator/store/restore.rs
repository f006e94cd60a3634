//! The state from the records of a data file.

use std::fmt;

use serde::de::DeserializeOwned;

use super::keys::{ParsedKey, RecordKey};
use super::model::{
    Collection, Document, ItemName, Key, List, Map, Permitted, Place, Resource, Stream,
};
use super::records::{Flaw, GrantRecord, ItemRecord, ObjectRecord, RemovalRecord, ServiceRecord};
use super::sid::Kind;
use super::state::State;
use super::time::Millis;

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(String);

impl Damage {
    fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl From<Flaw> for Damage {
    fn from(flaw: Flaw) -> Self {
        Self::new(flaw)
    }
}

impl State {
    /// Adds a record of a data file.
    ///
    /// Records come in the order of their keys, so a Service comes before its objects, and an object
    /// before its items and permissions.
    pub(crate) fn restore(&mut self, key: &[u8], record: &[u8], now: Millis) -> Result<(), Damage> {
        match RecordKey::parse(key).ok_or_else(|| Damage::new("a key of no kind"))? {
            ParsedKey::Next => {
                self.set_next(read(record)?);
                Ok(())
            }
            ParsedKey::Service(seq) => {
                let service = read::<ServiceRecord>(record)?.into_service(now)?;
                self.insert_service_at(seq, service);
                Ok(())
            }
            ParsedKey::Object(kind, place) => match kind {
                Kind::Document => self.restore_object::<Document>(place, record, now),
                Kind::List => self.restore_object::<List>(place, record, now),
                Kind::Map => self.restore_object::<Map>(place, record, now),
                Kind::Stream => self.restore_object::<Stream>(place, record, now),
                Kind::Service | Kind::Message => Err(misplaced()),
            },
            ParsedKey::Item(Kind::List, place, name) => {
                self.restore_item::<List>(place, name, record, now)
            }
            ParsedKey::Item(Kind::Map, place, name) => {
                self.restore_item::<Map>(place, name, record, now)
            }
            ParsedKey::Grant(kind, place, identity) => match kind {
                Kind::Document => self.restore_grant::<Document>(place, identity, record),
                Kind::List => self.restore_grant::<List>(place, identity, record),
                Kind::Map => self.restore_grant::<Map>(place, identity, record),
                _ => Err(misplaced()),
            },
            ParsedKey::Removal(Kind::List, place, name) => {
                self.restore_removal::<List>(place, name, record)
            }
            ParsedKey::Removal(Kind::Map, place, name) => {
                self.restore_removal::<Map>(place, name, record)
            }
            ParsedKey::Item(..) | ParsedKey::Removal(..) => Err(misplaced()),
        }
    }

    fn restore_object<T: Resource>(
        &mut self,
        place: Place,
        record: &[u8],
        now: Millis,
    ) -> Result<(), Damage> {
        let object = read::<ObjectRecord>(record)?.into_object::<T>(now)?;
        self.insert_object_at(place, object)
            .map_err(|_| misplaced())
    }

    fn restore_item<C: Collection>(
        &mut self,
        place: Place,
        name: ItemName,
        record: &[u8],
        now: Millis,
    ) -> Result<(), Damage> {
        let key = C::Key::from_name(name).ok_or_else(misplaced)?;
        let item = read::<ItemRecord>(record)?.into_item(0, now)?;
        self.insert_item_as_is::<C>(place, &key, item)
            .map_err(|_| misplaced())
    }

    fn restore_removal<C: Collection>(
        &mut self,
        place: Place,
        name: ItemName,
        record: &[u8],
    ) -> Result<(), Damage> {
        let key = C::Key::from_name(name).ok_or_else(misplaced)?;
        let (event, date) = read::<RemovalRecord>(record)?.parts();
        self.add_removal::<C>(place, &key, event, date)
            .map_err(|_| misplaced())
    }

    fn restore_grant<T: Permitted>(
        &mut self,
        place: Place,
        identity: &[u8],
        record: &[u8],
    ) -> Result<(), Damage> {
        let identity = std::str::from_utf8(identity).map_err(|_| misplaced())?;
        let grant = read::<GrantRecord>(record)?.grant();
        self.set_grant::<T>(place, identity, grant)
            .map_err(|_| misplaced())
    }
}

fn read<R: DeserializeOwned>(record: &[u8]) -> Result<R, Damage> {
    serde_json::from_slice(record).map_err(Damage::new)
}

fn misplaced() -> Damage {
    Damage::new("a record out of place")
}
