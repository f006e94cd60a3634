//! Lists: items in the order in which they were added.

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Data;
use crate::api::types::{
    CreateSyncListItemRequest, CreateSyncListRequest, SyncList, SyncListItem,
    UpdateSyncListItemRequest, UpdateSyncListRequest,
};
use crate::error::{InputError, Result};
use crate::facade::{dataless_facade, facade};
use crate::handle::handle;
use crate::item::{has_only_key, item};
use crate::mutate::Mutate;
use crate::paging::Listing;
use crate::resource::{
    Address, Creatable, Create, Draft, ItemAddress, Remove, Resource, Update, Write, found,
};
use crate::sids::ListSid;

facade! {
    /// The Lists of a Service. What is in one of them is at [`SyncClient::list`](crate::SyncClient::list).
    Lists, "List", SyncList, ListSid,
    create: create_sync_list(|write, name| CreateSyncListRequest {
        unique_name: Some(name),
        collection_ttl: write.ttl,
        ttl: None,
    }),
    fetch: fetch_sync_list,
    update: update_sync_list(|write| UpdateSyncListRequest {
        collection_ttl: write.ttl,
        ttl: None,
    }),
    delete: delete_sync_list,
    list: list_sync_list.lists,
    read: Ok,
}

dataless_facade!(Lists, "List", SyncList);

item! {
    /// An item of a List.
    ListItem {
        /// Its index. An index is never given out twice, so there are gaps.
        index: i64,
        /// The List it is in.
        list_sid: ListSid,
    },
    raw: SyncListItem,
    title: "item {} of list {}",
    found by: i64, |index| *index,
    starts at: i64,
    fetch: fetch_sync_list_item,
    update: update_sync_list_item(UpdateSyncListItemRequest),
    delete: delete_sync_list_item,
    list: list_sync_list_item,
}

impl<T: DeserializeOwned + Send + 'static> Creatable for ListItem<T> {
    /// The List; the service gives out the index.
    type Place = Address;

    async fn create(list: &Address, write: Write) -> Result<Self> {
        let sync = &list.sync;
        let form = CreateSyncListItemRequest {
            data: write.data.unwrap_or_default(),
            item_ttl: write.ttl,
            collection_ttl: write.collection_ttl,
            ttl: None,
        };
        let request = sync
            .api()
            .create_sync_list_item(sync.service(), list.reference()?, &form);
        Self::read(sync.call(request).await?)
    }
}

handle! {
    /// The items, of type `T`, of one List.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// use futures_util::TryStreamExt;
    /// use serde_json::{Value, json};
    ///
    /// sync.lists().create("log").await?;
    /// let log = sync.list::<Value>("log");
    /// let item = log.add(&json!({"call": 1})).await?;
    /// log.add(&json!({"text": "hello"})).await?;
    ///
    /// let calls: Vec<_> = log.items_with_key("call").try_collect().await?;
    /// assert_eq!(calls, [item]);
    /// assert_eq!(log.remove_items("call").await?, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    List, ListSid
}

impl<T> List<T> {
    fn item(&self, index: i64) -> ItemAddress<i64> {
        let index = if index < 0 {
            Err(InputError::Index { index })
        } else {
            Ok(index)
        };
        ItemAddress::new(self.address.clone(), index)
    }
}

impl<T: DeserializeOwned + Send + 'static> List<T> {
    /// Reads the item with an index; `None` if there is none, or no such List. One request.
    ///
    /// # Errors
    ///
    /// If the service cannot tell, or the data does not fit `T`.
    pub async fn get(&self, index: i64) -> Result<Option<ListItem<T>>> {
        found(ListItem::fetch(&self.item(index)).await)
    }

    /// Removes the item with an index. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn remove(&self, index: i64) -> Remove<ListItem<T>> {
        Remove::new(self.item(index), Draft::default())
    }

    /// The items as a stream, by index unless asked otherwise. One request for each 100.
    pub fn items(&self) -> Listing<ListItem<T>> {
        Listing::new(self.address.clone())
    }

    /// The items whose data is an object with this key and no other, as a stream. All items are
    /// read, 100 with each request.
    pub fn items_with_key(
        &self,
        key: impl Into<String>,
    ) -> BoxStream<'static, Result<ListItem<T>>> {
        let key = key.into();
        // Those that are not asked for need not fit `T`.
        let items = Listing::<ListItem<Data>>::new(self.address.clone());
        Box::pin(items.try_filter_map(move |item| {
            let wanted = has_only_key(&item.data, &key).then(|| item.typed());
            std::future::ready(wanted.transpose())
        }))
    }

    /// Removes the items whose data is an object with this key and no other, and says how many they
    /// were. It reads all items, 100 with each request, and takes one request for each removal.
    ///
    /// An item that others change or remove meanwhile is judged by what it has become.
    ///
    /// # Errors
    ///
    /// If the items cannot be read, or one cannot be removed; those before it are gone by then.
    pub async fn remove_items(&self, key: impl Into<String>) -> Result<usize> {
        let key = key.into();
        let mut items = Listing::<ListItem<Data>>::new(self.address.clone());
        let mut removed = 0;
        while let Some(item) = items.try_next().await? {
            removed += usize::from(self.remove_item_with_key(item, &key).await?);
        }
        Ok(removed)
    }

    /// Removes an item if it still is one with the key alone, and says whether it did.
    async fn remove_item_with_key(&self, mut item: ListItem<Data>, key: &str) -> Result<bool> {
        let address = self.item(item.index);
        while has_only_key(&item.data, key) {
            match ListItem::<Data>::delete(&address, Some(&item.revision)).await {
                Ok(()) => return Ok(true),
                Err(error) if error.is_not_found() => return Ok(false),
                Err(error) if error.is_revision_conflict() => {}
                Err(error) => return Err(error),
            }
            match found(ListItem::fetch(&address).await)? {
                Some(changed) => item = changed,
                None => return Ok(false),
            }
        }
        Ok(false)
    }
}

impl<T> List<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Adds an item at the end. One request. Its data may have 16 KiB of JSON text.
    ///
    /// An item that may have been added is never sent again: if the connection breaks while it is on
    /// its way, the call fails with [`is_outcome_unknown`](crate::Error::is_outcome_unknown).
    pub fn add(&self, data: &T) -> Create<ListItem<T>> {
        Create::new(self.address.clone(), Draft::of(data))
    }

    /// Replaces the data of the item with an index. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, index: i64, data: &T) -> Update<ListItem<T>> {
        Update::new(self.item(index), Draft::of(data))
    }

    /// Changes the data of the item with an index by a function of what is there, without undoing
    /// what others write at the same time.
    pub fn mutate<F>(&self, index: i64, change: F) -> Mutate<ListItem<T>, F>
    where
        F: FnMut(&mut T) + Send + 'static,
    {
        Mutate::new(self.item(index), change)
    }
}
