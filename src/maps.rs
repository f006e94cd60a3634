//! Maps: items under keys.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::types::{
    CreateSyncMapItemRequest, CreateSyncMapRequest, SyncMap, SyncMapItem, UpdateSyncMapItemRequest,
    UpdateSyncMapRequest,
};
use crate::error::Result;
use crate::facade::{dataless_facade, facade};
use crate::handle::handle;
use crate::item::item;
use crate::mutate::Mutate;
use crate::names::ItemKey;
use crate::paging::Listing;
use crate::resource::{
    Creatable, Create, Draft, ItemAddress, Remove, Resource, Update, UpdateOrCreate, Write, found,
};
use crate::sids::MapSid;

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
    list: list_sync_map.maps,
    read: Ok,
}

dataless_facade!(Maps, "Map", SyncMap);

item! {
    /// An item of a Map.
    MapItem {
        /// Its key, unique within the Map.
        key: String,
        /// The Map it is in.
        map_sid: MapSid,
    },
    raw: SyncMapItem,
    title: "item \"{}\" of map {}",
    found by: ItemKey, |key| key,
    starts at: String,
    fetch: fetch_sync_map_item,
    update: update_sync_map_item(UpdateSyncMapItemRequest),
    delete: delete_sync_map_item,
    list: list_sync_map_item,
}

impl<T: DeserializeOwned + Send + 'static> Creatable for MapItem<T> {
    type Place = ItemAddress<ItemKey>;

    async fn create(address: &Self::Place, write: Write) -> Result<Self> {
        let sync = &address.parent.sync;
        let form = CreateSyncMapItemRequest {
            key: address.position()?.clone(),
            data: write.data.unwrap_or_default(),
            item_ttl: write.ttl,
            collection_ttl: write.collection_ttl,
            ttl: None,
        };
        let request =
            sync.api()
                .create_sync_map_item(sync.service(), address.parent.reference()?, &form);
        Self::read(sync.call(request).await?)
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

impl<T> Map<T> {
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

    /// Removes the item with a key. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn remove(&self, key: impl Into<String>) -> Remove<MapItem<T>> {
        Remove::new(self.item(key), Draft::default())
    }
}

impl<T> Map<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Sets the item with a key: replaces its data, or creates it if there is none. The result says
    /// which. Its data may have 16 KiB of JSON text.
    ///
    /// Cost: one request if it exists, two if not; more if others create and remove it meanwhile.
    pub fn set(&self, key: impl Into<String>, data: &T) -> UpdateOrCreate<MapItem<T>> {
        UpdateOrCreate::new(self.item(key), Draft::of(data))
    }

    /// Creates the item with a key. One request.
    ///
    /// It fails with [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, key: impl Into<String>, data: &T) -> Create<MapItem<T>> {
        Create::new(self.item(key), Draft::of(data))
    }

    /// Replaces the data of the item with a key. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, key: impl Into<String>, data: &T) -> Update<MapItem<T>> {
        Update::new(self.item(key), Draft::of(data))
    }

    /// Changes the data of the item with a key by a function of what is there, without undoing what
    /// others write at the same time.
    pub fn mutate<F>(&self, key: impl Into<String>, change: F) -> Mutate<MapItem<T>, F>
    where
        F: FnMut(&mut T) + Send + 'static,
    {
        Mutate::new(self.item(key), change)
    }
}
