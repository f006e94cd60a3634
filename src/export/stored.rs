//! The objects of a Service, of any kind, and their items, as entries.

use std::str::FromStr;

use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;

use super::{Entry, Kind, Place};
use crate::api::types::Bounds;
use crate::client::SyncClient;
use crate::documents::Document;
use crate::error::Result;
use crate::items::Items;
use crate::lists::List;
use crate::maps::Map;
use crate::objects::Objects;
use crate::resource::key::Key;
use crate::resource::kind;
use crate::value::{Data, Revision, UniqueName};

/// An object, item or permission of a Service.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) entry: Entry,
    /// The SID of the object; of an item or permission, that of its object.
    pub(super) sid: String,
    /// The revision of a Document or item.
    pub(super) revision: Option<Revision>,
}

/// Objects, items or permissions, page by page.
pub(super) type StoredStream = BoxStream<'static, Result<Stored>>;

/// Evaluates an expression with the type of a kind of object; items stand for their List or Map.
macro_rules! by_object {
    ($kind:expr, Document => $document:expr, $type:ident => $dataless:expr) => {
        match $crate::export::Kind::object($kind) {
            $crate::export::Kind::Document => $document,
            $crate::export::Kind::List => {
                type $type = $crate::lists::List;
                $dataless
            }
            $crate::export::Kind::Stream => {
                type $type = $crate::streams::MessageStream;
                $dataless
            }
            _ => {
                type $type = $crate::maps::Map;
                $dataless
            }
        }
    };
}
pub(super) use by_object;

/// The key of an object with a unique name or SID. The service accepts no unique name that is a SID.
pub(super) fn key<K: kind::Kind<Sid: FromStr>>(name: &str) -> Key<K> {
    name.parse()
        .map_or_else(|_| name.into(), |sid| Key::of_sid(&sid))
}

impl Stored {
    /// An object without its data.
    fn new<K: kind::Kind>(kind: Kind, object: &K) -> Self {
        let sid = object.sid().to_string();
        // Other clients can make names that address nothing, or another object.
        let name = object
            .unique_name()
            .filter(|name| UniqueName::new(*name).is_ok());
        let mut entry = Entry::new(kind, name.unwrap_or(&sid));
        entry.date_expires = object.date_expires();
        Self {
            entry,
            sid,
            revision: None,
        }
    }

    fn item(mut entry: Entry, sid: impl Into<String>, data: Data, revision: Revision) -> Self {
        entry.data = Some(data);
        Self {
            entry,
            sid: sid.into(),
            revision: Some(revision),
        }
    }

    pub(super) fn document(document: Document<Data>) -> Self {
        let mut stored = Self::new(Kind::Document, &document);
        stored.entry.data = Some(document.data);
        stored.revision = Some(document.revision);
        stored
    }
}

/// All objects of a kind.
pub(super) fn objects(sync: &SyncClient, kind: Kind) -> StoredStream {
    by_object!(
        kind,
        Document => sync.documents().all().map_ok(Stored::document).boxed(),
        K => {
            let all = Objects::<K>::new(sync.clone()).all();
            all.map_ok(move |object| Stored::new(kind, &object)).boxed()
        }
    )
}

/// The object with a unique name or SID.
pub(super) async fn object(sync: &SyncClient, place: &Place) -> Result<Stored> {
    by_object!(
        place.kind,
        Document => sync.documents().get(key(&place.name)).await.map(Stored::document),
        K => {
            let found = Objects::<K>::new(sync.clone()).get(key(&place.name)).await?;
            Ok(Stored::new(place.kind, &found))
        }
    )
}

/// The items of a List or Map, after one of them if that is given; none for another kind. They name it by
/// the name of the place.
pub(super) fn items(
    sync: &SyncClient,
    place: &Place,
    sid: &str,
    after: Option<&Entry>,
) -> StoredStream {
    match place.kind {
        Kind::List => {
            let list: Items<List, Data> = Items::new(sync.clone(), key(sid));
            list.stored(&place.name, after.and_then(|entry| entry.index))
        }
        Kind::Map => {
            let map: Items<Map, Data> = Items::new(sync.clone(), key(sid));
            map.stored(&place.name, after.and_then(|entry| entry.key.as_deref()))
        }
        _ => stream::empty().boxed(),
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<List, T> {
    pub(super) fn stored(&self, name: &str, after: Option<i64>) -> StoredStream {
        let mut items = self.raw().items();
        if let Some(after) = after {
            items = items.from(after).bounds(Bounds::Exclusive);
        }
        let name = name.to_owned();
        let stored = move |item: crate::lists::ListItem<Data>| {
            let mut entry = Entry::new(Kind::ListItem, &name);
            entry.index = Some(item.index);
            entry.date_expires = item.date_expires;
            Stored::item(entry, item.list_sid, item.data, item.revision)
        };
        items.map_ok(stored).boxed()
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<Map, T> {
    pub(super) fn stored(&self, name: &str, after: Option<&str>) -> StoredStream {
        let mut items = self.raw().items();
        if let Some(after) = after {
            items = items
                .starting_at(after.to_owned())
                .bounds(Bounds::Exclusive);
        }
        let name = name.to_owned();
        let stored = move |item: crate::maps::MapItem<Data>| {
            let mut entry = Entry::new(Kind::MapItem, &name);
            entry.key = Some(item.key);
            entry.date_expires = item.date_expires;
            Stored::item(entry, item.map_sid, item.data, item.revision)
        };
        items.map_ok(stored).boxed()
    }
}
