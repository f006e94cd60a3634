//! Items of lists and maps.

use super::events::Change;
use super::inputs::{Data, IfMatch, Ttl};
use super::paging::Walk;
use super::state::{Collection, Item, ItemKey, List, Map, Millis, Place};
use super::views::{Contents, ItemView};
use super::{Reader, Writer};
use crate::emulator::error::Failure;

/// The most items a list or map takes.
const MAX_ITEMS: usize = 1_000_000;

/// An item to be added.
#[derive(Debug)]
pub(crate) struct NewItem {
    pub(crate) data: Data,
    pub(crate) ttl: Option<Ttl>,
    /// A new TTL of the list or map itself.
    pub(crate) collection_ttl: Option<Ttl>,
}

/// What is to be changed of an item.
#[derive(Debug)]
pub(crate) struct ItemChange {
    pub(crate) data: Option<Data>,
    pub(crate) ttl: Option<Ttl>,
    /// A new TTL of the list or map itself.
    pub(crate) collection_ttl: Option<Ttl>,
}

impl<'a> Reader<'a> {
    pub(crate) fn item<K: ItemKey>(
        self,
        service: &str,
        collection: &str,
        key: &K,
    ) -> Result<ItemView<'a, K>, Failure> {
        let place = self.state.find::<Collection<K>>(service, collection)?;
        self.state.item(place, key)
    }

    /// A page of the items of a list or map.
    pub(crate) fn items<K: ItemKey>(
        self,
        service: &str,
        collection: &str,
        walk: &Walk<K>,
        size: usize,
    ) -> Result<Contents<K, ItemView<'a, K>>, Failure> {
        let place = self.state.find::<Collection<K>>(service, collection)?;
        let view = self.state.view::<Collection<K>>(place)?;
        let (service, collection) = (view.service, view.sid);
        let page = walk.page(&view.object.body.items, size, |key, item| ItemView {
            service,
            collection,
            key,
            item,
        });
        Ok(Contents {
            service,
            object: collection,
            page,
        })
    }
}

impl<'a> Writer<'a> {
    /// Adds an item to a list; its index is the list's next event.
    pub(crate) fn add_list_item(
        self,
        service: &str,
        list: &str,
        new: NewItem,
    ) -> Result<ItemView<'a, u64>, Failure> {
        let place = self.state.find::<List>(service, list)?;
        let index = self.state.object::<List>(place)?.body.events;
        self.insert_item(place, &index, new)
    }

    /// Adds an item to a map, where its key must be free.
    pub(crate) fn create_map_item(
        self,
        service: &str,
        map: &str,
        key: &str,
        new: NewItem,
    ) -> Result<ItemView<'a, Box<str>>, Failure> {
        let place = self.state.find::<Map>(service, map)?;
        if self
            .state
            .object::<Map>(place)?
            .body
            .items
            .contains_key(key)
        {
            return Err(Failure::MapItemExists);
        }
        self.insert_item(place, &key.into(), new)
    }

    fn insert_item<K: ItemKey>(
        mut self,
        place: Place,
        key: &K,
        new: NewItem,
    ) -> Result<ItemView<'a, K>, Failure> {
        let collection = &self.state.object::<Collection<K>>(place)?.body;
        if collection.items.len() >= MAX_ITEMS {
            return Err(Failure::TooLarge);
        }
        let item = Item {
            data: new.data,
            revision: collection.events,
            created: self.now,
            updated: self.now,
            expires: expiry(new.ttl, self.now),
        };
        self.state.insert_item(place, key, item)?;
        self.set_collection_ttl::<K>(place, new.collection_ttl)?;
        let view = self.state.item(place, key)?;
        self.events
            .item(self.state, place, Change::Created, key, view.item)?;
        Ok(view)
    }

    /// Replaces the data of an item, sets its TTL, or both.
    ///
    /// Only data is an event and moves the revision; without a TTL the expiry stays.
    pub(crate) fn update_item<K: ItemKey>(
        mut self,
        service: &str,
        collection: &str,
        key: &K,
        if_match: Option<IfMatch>,
        change: ItemChange,
    ) -> Result<ItemView<'a, K>, Failure> {
        let place = self.matching(service, collection, key, if_match)?;
        let now = self.now;
        let written = change.data.is_some();
        self.state.edit_item(place, key, |item, event| {
            if let Some(data) = change.data {
                item.data = data;
                item.revision = event;
                item.updated = now;
            }
            if let Some(ttl) = change.ttl {
                item.expires = ttl.expiry(now);
            }
        })?;
        self.set_collection_ttl::<K>(place, change.collection_ttl)?;
        let view = self.state.item(place, key)?;
        if written {
            self.events
                .item(self.state, place, Change::Updated, key, view.item)?;
        }
        Ok(view)
    }

    pub(crate) fn delete_item<K: ItemKey>(
        self,
        service: &str,
        collection: &str,
        key: &K,
        if_match: Option<IfMatch>,
    ) -> Result<Item, Failure> {
        let place = self.matching(service, collection, key, if_match)?;
        let item = self.state.remove_item(place, key, self.now)?;
        self.events
            .item(self.state, place, Change::Removed, key, &item)?;
        Ok(item)
    }

    /// Finds the collection of an item that is there in the expected revision.
    fn matching<K: ItemKey>(
        &self,
        service: &str,
        collection: &str,
        key: &K,
        if_match: Option<IfMatch>,
    ) -> Result<Place, Failure> {
        let place = self.state.find::<Collection<K>>(service, collection)?;
        let revision = self.state.item(place, key)?.item.revision;
        IfMatch::check(if_match, revision, K::REVISION_MISMATCH)?;
        Ok(place)
    }

    fn set_collection_ttl<K: ItemKey>(
        &mut self,
        place: Place,
        ttl: Option<Ttl>,
    ) -> Result<(), Failure> {
        let Some(ttl) = ttl else { return Ok(()) };
        let expires = ttl.expiry(self.now);
        self.state
            .edit_object::<Collection<K>>(place, |object| object.expires = expires)
    }
}

fn expiry(ttl: Option<Ttl>, now: Millis) -> Option<Millis> {
    ttl.and_then(|ttl| ttl.expiry(now))
}
