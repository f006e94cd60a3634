//! Items of Lists and Maps.

use super::access::{Reader, Right, Writer};
use super::events::Change;
use super::inputs::{self, Data, IfMatch, Ttl};
use super::model::{Collection, History, Item, List, Map, Object, Place};
use super::paging::Walk;
use super::service_error::ServiceError;
use super::sid::Sid;
use super::time::Millis;
use super::views::{Contents, ItemView};

/// The maximum number of items in a List or Map.
const MAX_ITEMS: usize = 1_000_000;

/// The rules in which items of lists and maps differ.
pub(crate) trait ItemRules: Collection {
    const REVISION_MISMATCH: ServiceError;
    const INVALID_DATA: ServiceError;

    /// Reads an index or key from a path or from `From`.
    fn parse_key(text: &str) -> Result<Self::Key, ServiceError>;
}

impl ItemRules for List {
    const REVISION_MISMATCH: ServiceError = ServiceError::ListItemRevisionMismatch;
    const INVALID_DATA: ServiceError = ServiceError::InvalidListItemData;

    fn parse_key(text: &str) -> Result<u64, ServiceError> {
        inputs::list_index(text)
    }
}

impl ItemRules for Map {
    const REVISION_MISMATCH: ServiceError = ServiceError::MapItemRevisionMismatch;
    const INVALID_DATA: ServiceError = ServiceError::InvalidMapItemData;

    /// Accepts any text: one that cannot be a key is not found.
    fn parse_key(text: &str) -> Result<Box<str>, ServiceError> {
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

/// A change of an item; members that are absent stay as they are.
#[derive(Debug)]
pub(crate) struct ItemChange {
    pub(crate) data: Option<Data>,
    pub(crate) ttl: Option<Ttl>,
    /// A new TTL of the list or map itself.
    pub(crate) collection_ttl: Option<Ttl>,
}

/// An item that was removed: itself, the number of the event, and its date.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) item: Item,
    pub(crate) event: u64,
    pub(crate) date: Millis,
}

/// The condition that there is no item of a key yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Absent;

impl<'a> Reader<'a> {
    pub(crate) fn item<C: Collection>(
        self,
        service: &str,
        collection: &str,
        key: &C::Key,
    ) -> Result<ItemView<'a, C>, ServiceError> {
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
    ) -> Result<Contents<C::Key, ItemView<'a, C>>, ServiceError> {
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

impl<'a> Writer<'a> {
    /// Adds an item to a list; its index is the list's next event.
    pub(crate) fn add_list_item(
        self,
        service: &str,
        list: &str,
        new: NewItem,
    ) -> Result<ItemView<'a, List>, ServiceError> {
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
    ) -> Result<ItemView<'a, Map>, ServiceError> {
        let place = self.reader().find::<Map>(service, map, Right::Write)?;
        let items = &self.state.object::<Map>(place)?.body.items;
        if items.contains_key(key) {
            return Err(ServiceError::MapItemExists);
        }
        self.insert_item(place, &key.into(), new)
    }

    /// Sets the item of a key: replaces its data, or adds it to the map. Returns whether it was added.
    ///
    /// The condition is an expected revision, or that there is no such item.
    pub(crate) fn set_map_item(
        self,
        service: &str,
        map: &str,
        key: &str,
        condition: Option<Result<IfMatch, Absent>>,
        new: NewItem,
    ) -> Result<(ItemView<'a, Map>, bool), ServiceError> {
        let place = self.reader().find::<Map>(service, map, Right::Write)?;
        let exists = self
            .state
            .object::<Map>(place)?
            .body
            .items
            .contains_key(key);
        let if_match = match (condition, exists) {
            (Some(Ok(_)), false) | (Some(Err(Absent)), true) => {
                return Err(Map::REVISION_MISMATCH);
            }
            (None | Some(Err(Absent)), _) => None,
            (Some(Ok(if_match)), true) => Some(if_match),
        };
        let key = key.into();
        if !exists {
            return Ok((self.insert_item(place, &key, new)?, true));
        }
        let change = ItemChange {
            data: Some(new.data),
            ttl: new.ttl,
            collection_ttl: new.collection_ttl,
        };
        let view = self.update_item::<Map>(service, map, &key, if_match, change)?;
        Ok((view, false))
    }

    fn insert_item<C: Collection>(
        mut self,
        place: Place,
        key: &C::Key,
        new: NewItem,
    ) -> Result<ItemView<'a, C>, ServiceError> {
        let collection = &self.state.object::<C>(place)?.body;
        if collection.items.len() >= MAX_ITEMS {
            return Err(ServiceError::TooLarge);
        }
        let item = Item {
            data: new.data,
            revision: collection.events,
            history: History::new(self.actor, self.now, new.ttl),
        };
        self.state.insert_item::<C>(place, key, item)?;
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
    ) -> Result<ItemView<'a, C>, ServiceError> {
        let place = self.find_item::<C>(service, collection, key, if_match)?;
        let now = self.now;
        let kind = Change::of_data(change.data.as_ref());
        self.state.edit_item::<C>(place, key, kind, |item, event| {
            if let Some(data) = change.data {
                item.data = data;
                item.revision = event;
                item.history.updated = now;
            }
            if let Some(ttl) = change.ttl {
                item.history.expires = ttl.expiry(now);
            }
        })?;
        self.set_collection_ttl::<C>(place, change.collection_ttl)?;
        self.state.item(place, key)
    }

    pub(crate) fn delete_item<C: ItemRules>(
        self,
        service: &str,
        collection: &str,
        key: &C::Key,
        if_match: Option<IfMatch>,
    ) -> Result<Removed, ServiceError> {
        let place = self.find_item::<C>(service, collection, key, if_match)?;
        let item = self.state.remove_item::<C>(place, key, self.now)?;
        let next = self.state.object::<C>(place)?.body.events;
        Ok(Removed {
            item,
            event: next.saturating_sub(1),
            date: self.now,
        })
    }

    /// The SIDs of a collection that the actor may write to: of its Service, and its own.
    pub(crate) fn place<C: Collection>(
        &self,
        service: &str,
        collection: &str,
    ) -> Result<(Sid, Sid), ServiceError> {
        let place = self.reader().find::<C>(service, collection, Right::Write)?;
        let view = self.state.view::<C>(place)?;
        Ok((view.service, view.sid))
    }

    /// Finds the collection of an item that is there in the expected revision, to change it.
    fn find_item<C: ItemRules>(
        &self,
        service: &str,
        collection: &str,
        key: &C::Key,
        if_match: Option<IfMatch>,
    ) -> Result<Place, ServiceError> {
        let place = self.reader().find::<C>(service, collection, Right::Write)?;
        let revision = self.state.item::<C>(place, key)?.item.revision;
        IfMatch::check(if_match, revision, C::REVISION_MISMATCH)?;
        Ok(place)
    }

    fn set_collection_ttl<C: Collection>(
        &mut self,
        place: Place,
        ttl: Option<Ttl>,
    ) -> Result<(), ServiceError> {
        let Some(ttl) = ttl else { return Ok(()) };
        let expires = ttl.expiry(self.now);
        let edit = |object: &mut Object<C>| object.history.expires = expires;
        self.state.edit_object(place, Change::ExpirySet, edit)
    }
}
