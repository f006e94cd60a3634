//! Lists: items in the order in which they were added.

use chrono::Utc;
use futures_core::Stream;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Data;
use crate::api::types::{
    Bounds, CreateSyncListItemRequest, CreateSyncListRequest, Order, SyncList,
    UpdateSyncListItemRequest, UpdateSyncListRequest,
};
use crate::bulk::{Bulk, InOrder, failed, gone};
use crate::call::{Create, Remove, Update};
use crate::error::{Error, InputError, Result};
use crate::facade::{checked, dataless_facade, facade};
use crate::handle::handle;
use crate::item::{has_only_key, item};
use crate::mutate::{Mutate, Verdict};
use crate::paging::Listing;
use crate::permissions::permissions;
use crate::resource::{
    Address, Creatable, Draft, Item, ItemAddress, Locate, Resource, Write, found,
};
use crate::sids::ListSid;
use crate::transfer::{Line, numbered, numbered_job};

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
    list: list_sync_list,
    raw: SyncList,
}

dataless_facade!(Lists, "List", SyncList, ListPage);

permissions!(Lists, "List", ListSid);

item! {
    /// An item of a List.
    ListItem {
        /// Its index. An index is never given out twice, so there are gaps.
        index: i64,
        /// The List it is in.
        list_sid: ListSid,
    },
    title: "item {} of list {}",
    found by: i64, |index| *index,
    starts at: i64,
    fetch: fetch_sync_list_item,
    update: update_sync_list_item(UpdateSyncListItemRequest),
    delete: delete_sync_list_item,
    list: list_sync_list_item,
}

impl ListItem<Data> {
    fn line(self) -> Line {
        Line::of_item(None, Some(self.index), self.data, self.date_expires)
    }
}

impl<T: DeserializeOwned + Send + 'static> Creatable for ListItem<T> {
    /// The List; the service gives out the index.
    type Place = Address;

    fn found_at(_: &Address) -> Option<&ItemAddress<i64>> {
        None
    }

    async fn create(list: &Address, write: &mut Write) -> Result<Self> {
        let sync = list.sync();
        let form = CreateSyncListItemRequest {
            data: write.data.take().unwrap_or_default(),
            item_ttl: write.ttl,
            collection_ttl: write.collection_ttl,
            ttl: None,
        };
        let request =
            sync.responses()
                .create_sync_list_item(sync.service(), list.reference()?, &form);
        let result = list.context.record(request).await;
        write.data = Some(form.data);
        result.map_err(Error::after_write)
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
    /// use futures_util::{StreamExt, TryStreamExt};
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

/// How often the removal of an item follows those who change it meanwhile.
const REMOVAL_ATTEMPTS: u32 = 20;

checked!(List<T>, address.context);

impl<T> List<T> {
    /// The same with data as it comes, and nothing asked of it.
    fn raw(&self) -> List<Data> {
        List::at(self.address.unchecked())
    }

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
        let (key, context) = (key.into(), self.address.context.clone());
        // Those that are not asked for need not fit `T`.
        let items = self.raw().items();
        Box::pin(items.try_filter_map(move |item| {
            let wanted = has_only_key(&item.data, &key).then(|| item.typed(&context));
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
        let raw = self.raw();
        let mut items = raw.items();
        let mut removed = 0;
        while let Some(item) = items.try_next().await? {
            if has_only_key(&item.data, &key) {
                removed += usize::from(raw.remove_item_with_key(item, &key).await?);
            }
        }
        Ok(removed)
    }
}

impl List<Data> {
    /// Removes an item that has the key alone, unless it no longer has when it comes to it, and says
    /// whether it did.
    async fn remove_item_with_key(&self, mut item: ListItem<Data>, key: &str) -> Result<bool> {
        let address = self.item(item.index);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match ListItem::<Data>::delete_at(&address, &item.revision).await {
                Ok(()) => return Ok(true),
                Err(error) if error.is_not_found() => return Ok(false),
                Err(error) if error.is_revision_conflict() && attempts < REMOVAL_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
            match found(ListItem::fetch(&address).await)? {
                Some(changed) if has_only_key(&changed.data, key) => item = changed,
                _ => return Ok(false),
            }
        }
    }
}

/// Many items at once.
impl<T: DeserializeOwned + Send + 'static> List<T> {
    /// Removes the items that pass a test, with one request for each and one for each 100 items read.
    /// Each is removed only if it is still what was tested. The keys of the [`Bulk`] are indexes.
    pub fn remove_where(
        &self,
        test: impl Fn(&ListItem<T>) -> bool + Send + Sync + 'static,
    ) -> Bulk<i64, ()> {
        let raw = self.raw();
        let context = self.address.context.clone();
        Bulk::new(raw.items().try_filter_map(move |item| {
            let (index, revision) = (item.index, item.revision.clone());
            let job = match item.typed(&context) {
                Ok(item) if !test(&item) => None,
                Ok(_) => Some(gone(raw.remove(index).if_match(revision).into_future())),
                Err(error) => Some(failed(error)),
            };
            std::future::ready(Ok(job.map(|job| (index, job))))
        }))
    }

    /// Removes all items, with one request for each and one for each 100 items read, whatever they
    /// hold. The keys of the [`Bulk`] are indexes. Items that are added meanwhile may stay.
    pub fn remove_all(&self) -> Bulk<i64, ()> {
        let raw = self.raw();
        Bulk::new(
            raw.items()
                .map_ok(move |item| (item.index, gone(raw.remove(item.index).into_future()))),
        )
    }

    /// Adds all items, in order, to another List, which may be of another Service or account. The
    /// keys of the bulk are the indexes here. Times to live are carried over. Items that are added
    /// here meanwhile are left out, so that a List can be copied to itself.
    pub fn copy_to<U>(&self, target: &List<U>) -> InOrder<i64, ListItem<Data>> {
        let target = target.address.clone();
        let items = || self.raw().items();
        let (mut newest, items) = (items().order(Order::Desc).limit(1), items());
        let items = stream::once(async move {
            let last = newest.try_next().await?.map_or(-1, |item| item.index);
            let is_old = move |item: &ListItem<Data>| std::future::ready(Ok(item.index <= last));
            Ok::<_, Error>(items.try_take_while(is_old))
        });
        Bulk::in_order(items.try_flatten().try_filter_map(move |item| {
            let (index, line) = (item.index, item.line());
            let draft = line.draft(Utc::now(), &target.context);
            let job = draft.map(|draft| (index, Create::new(target.clone(), draft).into_future()));
            std::future::ready(Ok(job))
        }))
    }

    /// All items as lines of JSON, one [`Line`] each, as a stream. To resume an export, give the last
    /// index it has.
    #[must_use]
    pub fn export(&self, after: Option<i64>) -> BoxStream<'static, Result<Line>> {
        let mut items = self.raw().items();
        if let Some(after) = after {
            items = items.from(after).bounds(Bounds::Exclusive);
        }
        Box::pin(items.map_ok(ListItem::line))
    }
}

impl<T> List<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Adds many items, one after the other, so that they come to stand in this order. One request
    /// for each. The keys of the bulk are positions in what is given, from 0.
    ///
    /// It stops at the first failure; the error says where. If that item's outcome is unknown, read
    /// the end of the List before you go on.
    pub fn add_many<I>(&self, items: I) -> InOrder<usize, ListItem<T>>
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        let list = self.clone();
        let items = items.into_iter().enumerate();
        let jobs = items.map(move |(at, item)| Ok((at, list.add(&item).into_future())));
        Bulk::in_order(stream::iter(jobs))
    }

    /// Adds the items of an export, one after the other. The keys of the bulk are line numbers, from
    /// 0. To resume an import, skip the lines that were done.
    pub fn import<S>(&self, lines: S) -> InOrder<usize, ListItem<T>>
    where
        S: Stream + Send + 'static,
        S::Item: AsRef<str> + Send,
    {
        let address = self.address.clone();
        Bulk::in_order(numbered(lines).filter_map(move |(number, line)| {
            let job = line.map(|line| {
                let draft = line.draft(Utc::now(), &address.context);
                draft.map(|draft| Create::new(address.clone(), draft).into_future())
            });
            std::future::ready(numbered_job(number, job))
        }))
    }

    /// Adds an item at the end. One request. Its data may have 16 KiB of JSON text.
    ///
    /// An item that may have been added is never sent again: if the connection breaks while it is on
    /// its way, the call fails with [`is_outcome_unknown`](crate::Error::is_outcome_unknown).
    pub fn add(&self, data: &T) -> Create<ListItem<T>> {
        Create::new(self.address.clone(), Draft::of(&self.address.context, data))
    }

    /// Replaces the data of the item with an index. One request.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, index: i64, data: &T) -> Update<ListItem<T>> {
        Update::new(self.item(index), Draft::of(&self.address.context, data))
    }

    /// Changes the data of the item with an index by a function of what is there, without undoing
    /// what others write at the same time.
    pub fn mutate<'a, F, V>(&self, index: i64, change: F) -> Mutate<'a, ListItem<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.item(index), change)
    }
}
