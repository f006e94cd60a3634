//! Maps: items under keys.

use chrono::Utc;
use futures_core::Stream;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Data;
use crate::api::types::{
    Bounds, CreateSyncMapItemRequest, CreateSyncMapRequest, Order, SyncMap,
    UpdateSyncMapItemRequest, UpdateSyncMapRequest,
};
use crate::bulk::{Bulk, failed, gone};
use crate::call::{Create, Remove, Update, UpdateOrCreate, Written};
use crate::error::{Error, Result};
use crate::facade::{checked, dataless_facade, facade};
use crate::handle::handle;
use crate::item::item;
use crate::mutate::{Mutate, Verdict};
use crate::names::ItemKey;
use crate::paging::{Found, Listing, Search};
use crate::permissions::permissions;
use crate::resource::{Creatable, Draft, ItemAddress, Locate, Resource, Write, found};
use crate::sids::MapSid;
use crate::transfer::{Line, numbered, numbered_job};
use crate::upsert::Policy;

facade! {
    /// The Maps of a Service. What is in one of them is at [`SyncClient::map`](crate::SyncClient::map).
    Maps, "Map", SyncMap, MapSid,
    create: create_sync_map(|write, name| CreateSyncMapRequest {
        unique_name: Some(name),
        collection_ttl: write.ttl,
        ttl: None,
    }),
    fetch: fetch_sync_map,
    update: update_sync_map(|write| UpdateSyncMapRequest {
        collection_ttl: write.ttl,
        ttl: None,
    }),
    delete: delete_sync_map,
    list: list_sync_map,
    raw: SyncMap,
}

dataless_facade!(Maps, "Map", SyncMap, MapPage);

permissions!(Maps, "Map", MapSid);

item! {
    /// An item of a Map.
    MapItem {
        /// Its key, unique within the Map.
        key: String,
        /// The Map it is in.
        map_sid: MapSid,
    },
    title: "item \"{}\" of map {}",
    found by: ItemKey, |key| key,
    starts at: String,
    fetch: fetch_sync_map_item,
    update: update_sync_map_item(UpdateSyncMapItemRequest),
    delete: delete_sync_map_item,
    list: list_sync_map_item,
}

impl MapItem<Data> {
    fn line(self) -> Line {
        Line::of_item(Some(self.key), None, self.data, self.date_expires)
    }
}

impl<T: DeserializeOwned + Send + 'static> Creatable for MapItem<T> {
    type Place = ItemAddress<ItemKey>;

    fn found_at(place: &Self::Place) -> Option<&Self::Place> {
        Some(place)
    }

    async fn create(address: &Self::Place, write: &mut Write) -> Result<Self> {
        let sync = address.parent.sync();
        let form = CreateSyncMapItemRequest {
            key: address.position()?.clone(),
            data: write.data.take().unwrap_or_default(),
            item_ttl: write.ttl,
            collection_ttl: write.collection_ttl,
            ttl: None,
        };
        let request = sync.responses().create_sync_map_item(
            sync.service(),
            address.parent.reference()?,
            &form,
        );
        let result = address.parent.context.record(request).await;
        write.data = Some(form.data);
        result.map_err(Error::after_write)
    }
}

handle! {
    /// The items, of type `T`, of one Map.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// sync.maps().create("phonebook").await?;
    /// let phones = sync.map::<serde_json::Value>("phonebook");
    ///
    /// let alice = serde_json::json!({"name": "Alice"});
    /// let written = phones.set("+815012345678", &alice).await?;
    /// assert!(written.is_created());
    /// let item = phones.get("+815012345678").await?.expect("just set");
    /// assert_eq!(item.data, alice);
    ///
    /// phones.remove("+815012345678").if_match(&item.revision).await?;
    /// assert_eq!(phones.get("+815012345678").await?, None);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    Map, MapSid
}

checked!(Map<T>, address.context);

impl<T> Map<T> {
    /// The same with data as it comes, and nothing asked of it.
    fn raw(&self) -> Map<Data> {
        Map::at(self.address.unchecked())
    }

    fn item(&self, key: impl Into<String>) -> ItemAddress<ItemKey> {
        ItemAddress::new(self.address.clone(), ItemKey::new(key))
    }
}

impl<T: DeserializeOwned + Send + 'static> Map<T> {
    /// Reads the item with a key; `None` if there is none, or no such Map. One request.
    ///
    /// # Errors
    ///
    /// If the service cannot tell, or the data does not fit `T`.
    pub async fn get(&self, key: impl Into<String>) -> Result<Option<MapItem<T>>> {
        found(MapItem::fetch(&self.item(key)).await)
    }

    /// The items as a stream, by key unless asked otherwise. One request for each 100.
    pub fn items(&self) -> Listing<MapItem<T>> {
        Listing::new(self.address.clone())
    }

    /// The items whose keys begin with a text, as a stream. Only the pages that hold them are read.
    pub fn items_with_prefix(
        &self,
        prefix: impl Into<String>,
    ) -> Search<MapItem<T>, MapItem<Data>> {
        let (prefix, context) = (prefix.into(), self.address.context.clone());
        // Keys are listed in order, so those with a prefix stand together.
        let listing = self
            .raw()
            .items()
            .order(Order::Asc)
            .from(prefix.clone())
            .prefetch(false);
        let judge = move |item: &MapItem<Data>| {
            if item.key.starts_with(&prefix) {
                Found::Match
            } else {
                Found::End
            }
        };
        Search::new(listing, judge, move |item| item.typed(&context))
    }

    /// Removes the item with a key. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn remove(&self, key: impl Into<String>) -> Remove<MapItem<T>> {
        Remove::new(self.item(key), Draft::default())
    }
}

/// Many items at once.
impl<T: DeserializeOwned + Send + 'static> Map<T> {
    /// Removes the items that pass a test, with one request for each and one for each 100 items read.
    /// Each is removed only if it is still what was tested. The keys of the [`Bulk`] are those of the
    /// items.
    pub fn remove_where(
        &self,
        test: impl Fn(&MapItem<T>) -> bool + Send + Sync + 'static,
    ) -> Bulk<String, ()> {
        let raw = self.raw();
        let context = self.address.context.clone();
        Bulk::new(raw.items().try_filter_map(move |item| {
            let (key, revision) = (item.key.clone(), item.revision.clone());
            let job = match item.typed(&context) {
                Ok(item) if !test(&item) => None,
                Ok(_) => Some(gone(raw.remove(&key).if_match(revision).into_future())),
                Err(error) => Some(failed(error)),
            };
            std::future::ready(Ok(job.map(|job| (key, job))))
        }))
    }

    /// Removes all items, with one request for each and one for each 100 items read, whatever they
    /// hold. The keys of the [`Bulk`] are those of the items. Items that are set meanwhile may stay.
    pub fn remove_all(&self) -> Bulk<String, ()> {
        let raw = self.raw();
        Bulk::new(raw.items().map_ok(move |item| {
            let job = gone(raw.remove(&item.key).into_future());
            (item.key, job)
        }))
    }

    /// Sets all items in another Map, which may be of another Service or account. The keys of the
    /// [`Bulk`] are those of the items. Times to live are carried over.
    pub fn copy_to<U>(&self, target: &Map<U>) -> Bulk<String, Written<MapItem<Data>>> {
        let target = Map::<Data>::at(target.address.clone());
        let items = self.raw().items();
        Bulk::new(items.try_filter_map(move |item| {
            let (address, key) = (target.item(&item.key), item.key.clone());
            let draft = item.line().draft(Utc::now(), &target.address.context);
            let job = draft.map(|draft| (key, UpdateOrCreate::new(address, draft).into_future()));
            std::future::ready(Ok(job))
        }))
    }

    /// All items as lines of JSON, one [`Line`] each, as a stream. To resume an export, give the last
    /// key it has.
    #[must_use]
    pub fn export(&self, after: Option<&str>) -> BoxStream<'static, Result<Line>> {
        let mut items = self.raw().items();
        if let Some(after) = after {
            items = items.from(after).bounds(Bounds::Exclusive);
        }
        Box::pin(items.map_ok(MapItem::line))
    }
}

impl<T> Map<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Sets many items. The keys of the [`Bulk`] are those of the items. Cost: as
    /// [`set`](Self::set) for each. Keys should differ: of two items with one key either may be last.
    pub fn set_many<I, K>(&self, items: I) -> Bulk<String, Written<MapItem<T>>>
    where
        I: IntoIterator<Item = (K, T)>,
        I::IntoIter: Send + 'static,
        K: Into<String>,
    {
        let map = self.clone();
        let jobs = items.into_iter().map(move |(key, data)| {
            let key = key.into();
            let call = map.set(&key, &data).into_future();
            Ok((key, call))
        });
        Bulk::new(stream::iter(jobs))
    }

    /// Sets the items of an export. The keys of the [`Bulk`] are line numbers, from 0. It can be run
    /// again whole, or from the first line that was not done.
    pub fn import<S>(&self, lines: S) -> Bulk<usize, Written<MapItem<T>>>
    where
        S: Stream + Send + 'static,
        S::Item: AsRef<str> + Send,
    {
        let map = self.clone();
        Bulk::new(numbered(lines).filter_map(move |(number, line)| {
            let job = line.and_then(|line| match &line.key {
                None => Err(line.lacks("key")),
                Some(key) => {
                    let draft = line.draft(Utc::now(), &map.address.context);
                    let address = map.item(key);
                    Ok(draft.map(|draft| UpdateOrCreate::new(address, draft).into_future()))
                }
            });
            std::future::ready(numbered_job(number, job))
        }))
    }

    /// Sets the item with a key: replaces its data, or creates it if there is none. The result says
    /// which. [`policy`](UpdateOrCreate::policy) can ask for something else. Its data may have 16 KiB
    /// of JSON text.
    ///
    /// Cost: one request if it exists, two if not; more if others create and remove it meanwhile.
    pub fn set(&self, key: impl Into<String>, data: &T) -> UpdateOrCreate<MapItem<T>> {
        UpdateOrCreate::new(self.item(key), Draft::of(&self.address.context, data))
    }

    /// Merges a JSON Merge Patch (RFC 7396) into the data of the item with a key, or creates the item
    /// from it: members that are null are removed, objects are merged, all else is replaced.
    ///
    /// Cost: two requests in the quiet case, one if nothing changes.
    pub fn merge<P>(&self, key: impl Into<String>, patch: &P) -> UpdateOrCreate<MapItem<T>>
    where
        P: Serialize + ?Sized,
    {
        // The patch need not fit `T`, nor a contract; what comes of it must.
        let draft = Draft::of_patch(&self.address.context, patch);
        UpdateOrCreate::new(self.item(key), draft).policy(Policy::Merge)
    }

    /// Creates the item with a key. One request.
    ///
    /// It fails with [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, key: impl Into<String>, data: &T) -> Create<MapItem<T>> {
        Create::new(self.item(key), Draft::of(&self.address.context, data))
    }

    /// Replaces the data of the item with a key. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, key: impl Into<String>, data: &T) -> Update<MapItem<T>> {
        Update::new(self.item(key), Draft::of(&self.address.context, data))
    }

    /// Changes the data of the item with a key by a function of what is there, without undoing what
    /// others write at the same time.
    pub fn mutate<'a, F, V>(&self, key: impl Into<String>, change: F) -> Mutate<'a, MapItem<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.item(key), change)
    }
}
