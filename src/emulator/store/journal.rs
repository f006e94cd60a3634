//! The journal: the records that writes change, in the form a data file takes them.
//!
//! The functions of `State` that change records enter
//! here the result: whole records by their keys. A key begins with the key of
//! what the record is in, so that all of it is removed at once, and so that in
//! the order of the keys a service comes before its objects, and an object
//! before its items: they can be read back one after the other.

use serde::Serialize;

use super::model::{ItemName, Object, Place, Resource};
use super::records::ToRecord;
use super::registry::Seq;
use super::sid::Kind;

/// A change of the stored records.
#[derive(Debug)]
pub(crate) enum RecordChange {
    /// Removes everything.
    Clear,
    /// Stores a record, in place of any that its key has.
    Put(Key, Vec<u8>),
    /// Removes the record of this key.
    Remove(Key),
    /// Removes all records whose keys begin with this one.
    RemoveAll(Key),
}

/// A record's key: its service, the kind and place of its object, and what
/// it is in there. The counter of places has the empty key.
#[derive(Debug)]
pub(crate) struct Key(Vec<u8>);

/// A key that was read.
#[derive(Debug)]
pub(super) enum ParsedKey<'a> {
    Next,
    Service(Seq),
    Object(Kind, Place),
    Item(Kind, Place, ItemName),
    Grant(Kind, Place, &'a [u8]),
}

const ITEM: u8 = b'i';
const GRANT: u8 = b'p';

impl Key {
    pub(super) fn next() -> Self {
        Self(Vec::new())
    }

    pub(super) fn service(seq: Seq) -> Self {
        Self(seq.to_be_bytes().to_vec())
    }

    pub(super) fn object(kind: Kind, place: Place) -> Self {
        let mut key = Self::service(place.service);
        key.0.push(letter(kind));
        key.0.extend(place.object.to_be_bytes());
        key
    }

    /// The key of an item. Indexes are written so that their order is that of the keys.
    pub(super) fn item(kind: Kind, place: Place, name: &ItemName) -> Self {
        let mut key = Self::object(kind, place);
        key.0.push(ITEM);
        match name {
            ItemName::Index(index) => key.0.extend(index.to_be_bytes()),
            ItemName::Key(text) => key.0.extend(text.bytes()),
        }
        key
    }

    pub(super) fn grant(kind: Kind, place: Place, identity: &str) -> Self {
        let mut key = Self::object(kind, place);
        key.0.push(GRANT);
        key.0.extend(identity.bytes());
        key
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the key of a record; none if it is not one.
    pub(super) fn parse(key: &[u8]) -> Option<ParsedKey<'_>> {
        if key.is_empty() {
            return Some(ParsedKey::Next);
        }
        let (service, key) = split_seq(key)?;
        let Some((letter, key)) = key.split_first() else {
            return Some(ParsedKey::Service(service));
        };
        let kind = kind(*letter)?;
        let (object, key) = split_seq(key)?;
        let place = Place { service, object };
        match key.split_first() {
            None => Some(ParsedKey::Object(kind, place)),
            Some((&ITEM, rest)) => Some(ParsedKey::Item(kind, place, item_name(kind, rest)?)),
            Some((&GRANT, rest)) => Some(ParsedKey::Grant(kind, place, rest)),
            Some(_) => None,
        }
    }
}

fn item_name(kind: Kind, bytes: &[u8]) -> Option<ItemName> {
    match kind {
        Kind::List => {
            let index = bytes.try_into().ok()?;
            Some(ItemName::Index(u64::from_be_bytes(index)))
        }
        Kind::Map => {
            let key = std::str::from_utf8(bytes).ok()?;
            Some(ItemName::Key(key.into()))
        }
        _ => None,
    }
}

fn split_seq(key: &[u8]) -> Option<(Seq, &[u8])> {
    let (seq, rest) = key.split_first_chunk()?;
    Some((Seq::from_be_bytes(*seq), rest))
}

const KINDS: [(Kind, u8); 4] = [
    (Kind::Document, b'd'),
    (Kind::List, b'l'),
    (Kind::Map, b'm'),
    (Kind::Stream, b's'),
];

/// Services and messages are not in a service: they have no letter of their own.
fn letter(kind: Kind) -> u8 {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(b'?', |(_, letter)| *letter)
}

fn kind(letter: u8) -> Option<Kind> {
    let found = KINDS.iter().find(|(_, known)| *known == letter);
    found.map(|(kind, _)| *kind)
}

/// Changes in the order they were made; none are entered unless it is on.
#[derive(Debug, Default)]
pub(super) struct Journal(Option<Vec<RecordChange>>);

impl Journal {
    /// A journal that is on.
    pub(super) fn on() -> Self {
        Self(Some(Vec::new()))
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn enter(&mut self, change: impl FnOnce() -> RecordChange) {
        if let Some(changes) = &mut self.0 {
            changes.push(change());
        }
    }

    pub(super) fn put<V: ToRecord>(&mut self, key: impl FnOnce() -> Key, value: &V) {
        self.enter(|| RecordChange::Put(key(), json(&value.to_record())));
    }

    /// Enters an object without its items and permissions, which have keys of their own.
    pub(super) fn put_object<T: Resource>(&mut self, place: Place, object: &Object<T>) {
        self.put(|| Key::object(T::KIND, place), object);
    }

    pub(super) fn take(&mut self) -> Vec<RecordChange> {
        self.0.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

fn json(record: &impl Serialize) -> Vec<u8> {
    // No record has anything that can fail to serialise.
    serde_json::to_vec(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_written() {
        let place = Place {
            service: 1,
            object: 513,
        };
        let read = |key: &Key| format!("{:?}", Key::parse(key.as_bytes()).unwrap());
        assert_eq!(read(&Key::next()), "Next");
        assert_eq!(read(&Key::service(7)), "Service(7)");
        let object = Key::object(Kind::Map, place);
        assert_eq!(read(&object), format!("Object(Map, {place:?})"));
        let item = Key::item(Kind::Map, place, &ItemName::Key("k".into()));
        assert_eq!(read(&item), format!("Item(Map, {place:?}, Key(\"k\"))"));
        assert!(item.as_bytes().starts_with(object.as_bytes()));
        let grant = Key::grant(Kind::Map, place, "k");
        assert_eq!(read(&grant), format!("Grant(Map, {place:?}, [107])"));
        for key in [&[0; 3][..], &[0; 9], &[0; 18]] {
            assert!(Key::parse(key).is_none());
        }
    }
}
