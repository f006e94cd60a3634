//! Maps: items under keys.

use futures_util::stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::SyncClient;
use crate::items::Items;
use crate::objects::Objects;
use crate::resource::bulk::Bulk;
use crate::resource::call::{Create, Merge, UpdateOrCreate, Written};
use crate::resource::contract::checked;
use crate::resource::key::{IntoKey, Position};
use crate::resource::kind::{Collection, Dataless, Item, Named, kind, resource};
use crate::resource::listing::Listing;
use crate::resource::outcome::Removal;
use crate::resource::record::{data_record, dataless_record, record};
use crate::resource::upsert::Upserts;
use crate::resource::write::Draft;
use crate::value::{InputError, ItemKey, MapSid, Revision};

record! {
    /// A Map, without its items. Those are at [`SyncClient::map`].
    Map {
        /// Its SID.
        sid: MapSid,
        /// Its unique name; `None` if it was created without one.
        unique_name: Option<String>,
        /// The version, which changes with every write to the Map or one of its items.
        revision: Revision,
    }
}

dataless_record!(Map { revision }, "map");

resource! {
    Map, ListSyncMap in "maps",
    CreateSyncMap(Some("UniqueName")), FetchSyncMap, UpdateSyncMap("CollectionTtl"), DeleteSyncMap
}

kind!(Map, MapSid);

impl Dataless for Map {}

impl Collection for Map {
    type Item<T: DeserializeOwned + Send + 'static> = MapItem<T>;
}

/// The Maps of a Service. The items of one are at [`SyncClient::map`].
pub type Maps = Objects<Map>;

record! {
    /// An item of a Map.
    MapItem<T> {
        /// Its key, unique within the Map.
        key: String,
        /// The Map it is in.
        map_sid: MapSid,
    }
}

data_record!(MapItem { key, map_sid } of map_sid, |item| format!(
    "item \"{}\" of map {}",
    item.key, item.map_sid
));

resource! {
    MapItem<T>, ListSyncMapItem in "items",
    CreateSyncMapItem(Some("Key")), FetchSyncMapItem, UpdateSyncMapItem("ItemTtl"), DeleteSyncMapItem
}

impl<T: DeserializeOwned + Send + 'static> Named for MapItem<T> {}

impl<T> Item for MapItem<T> {
    type Collection = Map;
    type Position = String;

    fn position(&self) -> String {
        self.key.clone()
    }
}

/// A text that no key can be fails the call when it is sent.
impl From<String> for Position<Map> {
    fn from(key: String) -> Self {
        Self::new(ItemKey::new(key).map(String::from))
    }
}

impl From<&str> for Position<Map> {
    fn from(key: &str) -> Self {
        key.to_owned().into()
    }
}

impl From<&String> for Position<Map> {
    fn from(key: &String) -> Self {
        key.clone().into()
    }
}

impl From<ItemKey> for Position<Map> {
    fn from(key: ItemKey) -> Self {
        Self::new(Ok(key.into()))
    }
}

impl From<&ItemKey> for Position<Map> {
    fn from(key: &ItemKey) -> Self {
        key.clone().into()
    }
}

/// The items, with data of type `T`, of one Map.
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
/// let item = phones.get("+815012345678").await?;
/// assert_eq!(item.data, alice);
///
/// phones.remove("+815012345678").if_match(&item.revision).await?;
/// assert_eq!(phones.find("+815012345678").await?, None);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
pub type MapItems<T> = Items<Map, T>;

impl SyncClient {
    /// The Maps of the Service.
    #[must_use]
    pub fn maps(&self) -> Maps {
        Maps::new(self.clone())
    }

    /// The items, with data of type `T`, of a Map: its unique name or SID.
    #[must_use]
    pub fn map<T>(&self, key: impl IntoKey<Map>) -> MapItems<T> {
        MapItems::new(self.clone(), key)
    }
}

checked!(Items<Map, T>);

impl<T: DeserializeOwned + Send + 'static> Items<Map, T> {
    /// The items whose keys begin with a text, as a stream. Only the pages that hold them are read.
    pub fn items_with_prefix(&self, prefix: impl Into<String>) -> Listing<MapItem<T>> {
        self.items().with_prefix(prefix.into(), |item| &item.key)
    }

    /// Removes the items whose keys begin with a text, whatever they hold, with one request for each
    /// and one for each page that holds them. The keys of the [`Bulk`] are those of the items. Items
    /// that are added meanwhile may stay.
    ///
    /// # Errors
    ///
    /// [`InputError::EmptyPrefix`](crate::error::InputError::EmptyPrefix) if the text is empty, which
    /// all keys begin with; [`remove_all`](Self::remove_all) is for that.
    pub fn remove_with_prefix(&self, prefix: impl Into<String>) -> Bulk<String, Removal> {
        let prefix = prefix.into();
        let raw = self.raw();
        if prefix.is_empty() {
            let refused = raw.items().failed(InputError::EmptyPrefix);
            return raw.remove_listed(refused);
        }
        let items = raw.items_with_prefix(prefix);
        raw.remove_listed(items)
    }
}

impl<T> Items<Map, T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Sets an item: replaces its data, or creates it if there is none. The result says which. Its data
    /// may have 16 KiB of JSON text.
    ///
    /// Cost: one request if it exists, two if not; more if others create and remove it meanwhile.
    pub fn set(&self, key: impl Into<Position<Map>>, data: &T) -> UpdateOrCreate<MapItem<T>> {
        UpdateOrCreate::new(self.item(key), Draft::of(&self.target, data))
    }

    /// Sets many items. The keys of the [`Bulk`] are those of the items. Keys should differ: of two items
    /// with one key either may be last.
    ///
    /// Cost: one request for each if all exist or all are new, but for two for the first if it is
    /// new; two at each change from one to the other.
    pub fn set_many<I, K>(&self, items: I) -> Bulk<String, Written<MapItem<T>>>
    where
        I: IntoIterator<Item = (K, T)>,
        I::IntoIter: Send + 'static,
        K: Into<String>,
    {
        let (map, upserts) = (self.clone(), Upserts::default());
        let jobs = items.into_iter().map(move |(key, data)| {
            let key = key.into();
            let draft = Draft::of(&map.target, &data);
            let job = upserts.job(map.item(&key), draft);
            Ok((key, job))
        });
        Bulk::new(stream::iter(jobs))
    }

    /// Creates an item.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, key: impl Into<Position<Map>>, data: &T) -> Create<MapItem<T>> {
        Create::new(self.item(key), Draft::of(&self.target, data))
    }

    /// Merges a JSON Merge Patch (RFC 7396) into the data of an item, or creates the item from it:
    /// members that are null are removed, objects are merged, all else is replaced. The patch leaves all other
    /// members as they are.
    ///
    /// Cost: two requests in the quiet case, one if nothing changes.
    pub fn merge<P>(&self, key: impl Into<Position<Map>>, patch: &P) -> Merge<MapItem<T>>
    where
        P: Serialize + ?Sized,
    {
        // The patch need not fit `T`, nor a contract; the result of it must.
        Merge::new(self.item(key), Draft::of(&self.target.unchecked(), patch))
    }
}
