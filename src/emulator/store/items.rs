//! Items of lists and maps.

use super::access::{Reader, Right, Writer};
use super::events::Change;
use super::inputs::{self, Data, IfMatch, Ttl};
use super::model::{Collection, Item, List, Map, Place};
use super::paging::Walk;
use super::views::{Contents, ItemView};
use crate::emulator::failure::Failure;

/// The most items a list or map takes.
const MAX_ITEMS: usize = 1_000_000;

/// The rules in which items of lists and maps differ.
pub(crate) trait ItemRules: Collection {
    const REVISION_MISMATCH: Failure;
    const INVALID_DATA: Failure;

    /// Reads an index or key from a path or from `From`.
    fn parse_key(text: &str) -> Result<Self::Key, Failure>;
}

impl ItemRules for List {
    const REVISION_MISMATCH: Failure = Failure::ListItemRevisionMismatch;
    const INVALID_DATA: Failure = Failure::InvalidListItemData;

    fn parse_key(text: &str) -> Result<u64, Failure> {
        inputs::list_index(text)
    }
}

impl ItemRules for Map {
    const REVISION_MISMATCH: Failure = Failure::MapItemRevisionMismatch;
    const INVALID_DATA: Failure = Failure::InvalidMapItemData;

    /// Any text: what cannot be a key is merely not found.
    fn parse_key(text: &str) -> Result<Box<str>, Failure> {
        Ok(text.into())
    }
}

/// An item to be added.
#[derive(Debug)]
pub(crate) struct NewItem {
    pub(crate) data: Data,
    pub(crate) ttl: Option<Ttl>,
    /// A new TTL of the list or map itself.
    pub(crate) collection_ttl: Option<Ttl>,
}

/// A change of an item; what is not given stays.
#[derive(Debug)]
pub(crate) struct ItemChange {
    pub(crate) data: Option<Data>,
    pub(crate) ttl: Option<Ttl>,
    /// A new TTL of the list or map itself.
    pub(crate) collection_ttl: Option<Ttl>,
}

impl<'a> Reader<'a> {
    pub(crate) fn item<C: Collection>(
        self,
        service: &str,
        collection: &str,
        key: &C::Key,
    ) -> Result<ItemView<'a, C>, Failure> {
        let place = self.find::<C>(service, collection, Right::Read)?;
        self.state.item(place, key)
    }

    /// A page of the items of a list or map.
    pub(crate) fn items<C: Collection>(
        self,
        service: &str,
        collection: &str,
        walk: &Walk<C::Key>,
        size: usize,
    ) -> Result<Contents<C::Key, ItemView<'a, C>>, Failure> {
        let place = self.find::<C>(service, collection, Right::Read)?;
        let view = self.state.view::<C>(place)?;
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

impl<'a> Writer<'a, '_> {
    /// Adds an item to a list; its index is the list's next event.
    pub(crate) fn add_list_item(
        self,
        service: &str,
        list: &str,
        new: NewItem,
    ) -> Result<ItemView<'a, List>, Failure> {
        let place = self.reader().find::<List>(service, list, Right::Write)?;
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
    ) -> Result<ItemView<'a, Map>, Failure> {
        let place = self.reader().find::<Map>(service, map, Right::Write)?;
        let items = &self.state.object::<Map>(place)?.body.items;
        if items.contains_key(key) {
            return Err(Failure::MapItemExists);
        }
        self.insert_item(place, &key.into(), new)
    }

    fn insert_item<C: Collection>(
        mut self,
        place: Place,
        key: &C::Key,
        new: NewItem,
    ) -> Result<ItemView<'a, C>, Failure> {
        let collection = &self.state.object::<C>(place)?.body;
        if collection.items.len() >= MAX_ITEMS {
            return Err(Failure::TooLarge);
        }
        let item = Item {
            data: new.data,
            revision: collection.events,
            created: self.now,
            updated: self.now,
            expires: new.ttl.and_then(|ttl| ttl.expiry(self.now)),
            created_by: self.actor.clone(),
        };
        self.state.insert_item::<C>(place, key, item)?;
        self.emit_item::<C>(place, Change::Created, key, None)?;
        self.set_collection_ttl::<C>(place, new.collection_ttl)?;
        self.state.item(place, key)
    }

    /// Replaces the data of an item, sets its TTL, or both.
    ///
    /// Only data moves the revision and takes a number among the events of the collection;
    /// without a TTL the expiry stays.
    pub(crate) fn update_item<C: ItemRules>(
        mut self,
        service: &str,
        collection: &str,
        key: &C::Key,
        if_match: Option<IfMatch>,
        change: ItemChange,
    ) -> Result<ItemView<'a, C>, Failure> {
        let place = self.find_item::<C>(service, collection, key, if_match)?;
        let now = self.now;
        let kind = if change.data.is_some() {
            Change::Updated
        } else {
            Change::ExpirySet
        };
        self.state.edit_item::<C>(place, key, |item, event| {
            if let Some(data) = change.data {
                item.data = data;
                item.revision = event;
                item.updated = now;
            }
            if let Some(ttl) = change.ttl {
                item.expires = ttl.expiry(now);
            }
        })?;
        self.emit_item::<C>(place, kind, key, None)?;
        self.set_collection_ttl::<C>(place, change.collection_ttl)?;
        self.state.item(place, key)
    }

    pub(crate) fn delete_item<C: ItemRules>(
        mut self,
        service: &str,
        collection: &str,
        key: &C::Key,
        if_match: Option<IfMatch>,
    ) -> Result<Item, Failure> {
        let place = self.find_item::<C>(service, collection, key, if_match)?;
        let item = self.state.remove_item::<C>(place, key, self.now)?;
        self.emit_item::<C>(place, Change::Removed, key, Some(&item))?;
        Ok(item)
    }

    /// Finds the collection of an item that is there in the expected revision, to change it.
    fn find_item<C: ItemRules>(
        &self,
        service: &str,
        collection: &str,
        key: &C::Key,
        if_match: Option<IfMatch>,
    ) -> Result<Place, Failure> {
        let place = self.reader().find::<C>(service, collection, Right::Write)?;
        let revision = self.state.item::<C>(place, key)?.item.revision;
        IfMatch::check(if_match, revision, C::REVISION_MISMATCH)?;
        Ok(place)
    }

    fn set_collection_ttl<C: Collection>(
        &mut self,
        place: Place,
        ttl: Option<Ttl>,
    ) -> Result<(), Failure> {
        let Some(ttl) = ttl else { return Ok(()) };
        let expires = ttl.expiry(self.now);
        self.state
            .edit_object::<C>(place, |object| object.expires = expires)?;
        self.emit_object::<C>(place, Change::ExpirySet, None)
    }
}
