//! Keys of the records in a data file.
//!
//! A key begins with the key of the record that contains its own, so that both are removed at once,
//! and so that in the order of the keys a Service comes before its objects, and an object before
//! its items: they can be read back one after the other.

use super::model::{ItemName, Place};
use super::registry::Seq;
use super::sid::Kind;

/// The key of a record: its Service, the kind and place of its object, and its name in the object.
/// The counter of places has the empty key.
#[derive(Debug)]
pub(crate) struct RecordKey(Vec<u8>);

/// A key that was read back.
#[derive(Debug)]
pub(super) enum ParsedKey<'a> {
    Next,
    Service(Seq),
    Object(Kind, Place),
    Item(Kind, Place, ItemName),
    Grant(Kind, Place, &'a [u8]),
    Removal(Kind, Place, ItemName),
}

const ITEM: u8 = b'i';
const GRANT: u8 = b'p';
const REMOVAL: u8 = b'r';

impl RecordKey {
    pub(crate) fn next() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn service(seq: Seq) -> Self {
        Self(seq.to_be_bytes().to_vec())
    }

    pub(crate) fn object(kind: Kind, place: Place) -> Self {
        let mut key = Self::service(place.service);
        key.0.push(letter(kind));
        key.0.extend(place.object.to_be_bytes());
        key
    }

    /// The key of an item. The order of the keys is that of the indexes.
    pub(crate) fn item(kind: Kind, place: Place, name: &ItemName) -> Self {
        Self::named(kind, place, ITEM, name)
    }

    /// The key of the removal of an item.
    pub(crate) fn removal(kind: Kind, place: Place, name: &ItemName) -> Self {
        Self::named(kind, place, REMOVAL, name)
    }

    fn named(kind: Kind, place: Place, what: u8, name: &ItemName) -> Self {
        let mut key = Self::object(kind, place);
        key.0.push(what);
        match name {
            ItemName::Index(index) => key.0.extend(index.to_be_bytes()),
            ItemName::Key(text) => key.0.extend(text.bytes()),
        }
        key
    }

    pub(crate) fn grant(kind: Kind, place: Place, identity: &str) -> Self {
        let mut key = Self::object(kind, place);
        key.0.push(GRANT);
        key.0.extend(identity.bytes());
        key
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads a key; none if it is not the key of a record.
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
            Some((&REMOVAL, rest)) => Some(ParsedKey::Removal(kind, place, item_name(kind, rest)?)),
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

/// Services and messages are not objects of a Service, so they have no letter.
fn letter(kind: Kind) -> u8 {
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(b'?', |(_, letter)| *letter)
}

fn kind(letter: u8) -> Option<Kind> {
    let found = KINDS.iter().find(|(_, known)| *known == letter);
    found.map(|(kind, _)| *kind)
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
        let read = |key: &RecordKey| format!("{:?}", RecordKey::parse(key.as_bytes()).unwrap());
        assert_eq!(read(&RecordKey::next()), "Next");
        assert_eq!(read(&RecordKey::service(7)), "Service(7)");
        let object = RecordKey::object(Kind::Map, place);
        assert_eq!(read(&object), format!("Object(Map, {place:?})"));
        let item = RecordKey::item(Kind::Map, place, &ItemName::Key("k".into()));
        assert_eq!(read(&item), format!("Item(Map, {place:?}, Key(\"k\"))"));
        assert!(item.as_bytes().starts_with(object.as_bytes()));
        let grant = RecordKey::grant(Kind::Map, place, "k");
        assert_eq!(read(&grant), format!("Grant(Map, {place:?}, [107])"));
        let removal = RecordKey::removal(Kind::List, place, &ItemName::Index(7));
        assert_eq!(
            read(&removal),
            format!("Removal(List, {place:?}, Index(7))")
        );
        for key in [&[0; 3][..], &[0; 9], &[0; 18]] {
            assert!(RecordKey::parse(key).is_none());
        }
    }
}
