//! Lists: items in the order in which they were added.

use std::collections::HashMap;

use futures_util::{TryStreamExt, stream};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::client::SyncClient;
use crate::error::Result;
use crate::items::Items;
use crate::objects::Objects;
use crate::resource::bulk::{Bulk, job};
use crate::resource::call::Create;
use crate::resource::contract::checked;
use crate::resource::key::{IntoKey, Position};
use crate::resource::kind::{Collection, Dataless, Item, kind, resource};
use crate::resource::listing::{Found, Listing};
use crate::resource::record::{data_record, dataless_record, record};
use crate::resource::swap::{Known, Rounds, Step, Swapped, swap};
use crate::resource::write::{Draft, Write};
use crate::value::{Data, InputError, ListSid, Revision};

record! {
    /// A List, without its items. Those are at [`SyncClient::list`].
    List {
        /// Its SID.
        sid: ListSid,
        /// Its unique name; `None` if it was created without one.
        unique_name: Option<String>,
        /// The version, which changes with every write to the List or one of its items.
        revision: Revision,
    }
}

dataless_record!(List { revision }, "list");

resource! {
    List, ListSyncList in "lists",
    CreateSyncList(Some("UniqueName")), FetchSyncList, UpdateSyncList("CollectionTtl"), DeleteSyncList
}

kind!(List, ListSid);

impl Dataless for List {}

impl Collection for List {
    type Item<T: DeserializeOwned + Send + 'static> = ListItem<T>;
}

/// The Lists of a Service. The items of one are at [`SyncClient::list`].
pub type Lists = Objects<List>;

record! {
    /// An item of a List.
    ListItem<T> {
        /// Its index. An index is never given out twice, so there are gaps.
        index: i64,
        /// The List it is in.
        list_sid: ListSid,
    }
}

data_record!(ListItem { index, list_sid } of list_sid, |item| format!(
    "item {} of list {}",
    item.index, item.list_sid
));

resource! {
    ListItem<T>, ListSyncListItem in "items",
    CreateSyncListItem(None), FetchSyncListItem, UpdateSyncListItem("ItemTtl"), DeleteSyncListItem
}

impl<T> Item for ListItem<T> {
    type Collection = List;
    type Position = i64;

    fn position(&self) -> i64 {
        self.index
    }
}

/// An index below 0 fails the call when it is sent.
impl From<i64> for Position<List> {
    fn from(index: i64) -> Self {
        Self::new(match index {
            0.. => Ok(index.to_string()),
            _ => Err(InputError::Index { index }),
        })
    }
}

impl From<i32> for Position<List> {
    fn from(index: i32) -> Self {
        i64::from(index).into()
    }
}

impl From<u64> for Position<List> {
    fn from(index: u64) -> Self {
        Self::read(index)
    }
}

impl From<usize> for Position<List> {
    fn from(index: usize) -> Self {
        Self::read(index)
    }
}

/// The items, with data of type `T`, of one List.
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
/// assert_eq!(log.remove_items_with_key("call").await?, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
pub type ListItems<T> = Items<List, T>;

impl SyncClient {
    /// The Lists of the Service.
    #[must_use]
    pub fn lists(&self) -> Lists {
        Lists::new(self.clone())
    }

    /// The items, with data of type `T`, of a List: its unique name or SID.
    #[must_use]
    pub fn list<T>(&self, key: impl IntoKey<List>) -> ListItems<T> {
        ListItems::new(self.clone(), key)
    }
}

checked!(Items<List, T>);

/// How often the removal of an item follows those who change it meanwhile.
const REMOVAL_ROUNDS: Rounds = Rounds::at_once(20);

impl<T: DeserializeOwned + Send + 'static> Items<List, T> {
    /// The items whose data is an object with this key and no other, as a stream. All items are
    /// read, 100 with each request. Those that are not asked for need not fit `T`.
    pub fn items_with_key(&self, key: impl Into<String>) -> Listing<ListItem<T>> {
        let key = key.into();
        self.items()
            .judged(move |item, _| Found::if_matching(has_only_key(&item.data, &key)))
    }

    /// Removes the items whose data is an object with this key and no other, and gives their number; those
    /// that another call may have removed are not counted. It
    /// reads all items, 100 with each request, and takes one request for each removal.
    ///
    /// An item that others change or remove meanwhile is judged by its data at the time of the removal.
    ///
    /// # Errors
    ///
    /// If the items cannot be read, or one cannot be removed; those before it are removed by then.
    pub async fn remove_items_with_key(&self, key: impl Into<String>) -> Result<usize> {
        let key = key.into();
        let raw = self.raw();
        let mut items = raw.items_with_key(&key);
        let mut removed = 0;
        while let Some(item) = items.try_next().await? {
            removed += usize::from(raw.remove_item_with_key(item, &key).await?);
        }
        Ok(removed)
    }
}

impl Items<List, Data> {
    /// Removes an item that has the key alone, unless it no longer has when it comes to it: whether it
    /// did.
    async fn remove_item_with_key(&self, item: ListItem<Data>, key: &str) -> Result<bool> {
        let target = self.item(item.index);
        let decide = |known: &Known<ListItem<Data>>| {
            Ok(match known {
                Known::Unread => Step::Read,
                Known::Found(item) if has_only_key(&item.data, key) => {
                    Step::Remove(item.revision.clone())
                }
                Known::Found(_) | Known::Absent(_) => Step::Keep,
            })
        };
        let write = Write::default();
        let swapped = swap(
            &target,
            &write,
            REMOVAL_ROUNDS,
            Known::Found(Box::new(item)),
            decide,
        )
        .await?;
        Ok(matches!(swapped, Swapped::Removed))
    }
}

impl<T> Items<List, T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Adds an item at the end. Its data may have 16 KiB of JSON text.
    ///
    /// If the connection breaks while the item is on its way, the call fails with
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown); it is retried only with
    /// [`at_least_once`](Create::at_least_once).
    pub fn add(&self, data: &T) -> Create<ListItem<T>> {
        Create::new(self.target.clone(), Draft::of(&self.target, data))
    }

    /// Adds many items, one after the other, so that they come to stand in this order. One request
    /// for each. The keys of the [`Bulk`] are positions in what is given, from 0.
    ///
    /// It stops at the first failure; the error says where. If that item's outcome is unknown, read
    /// the end of the List before you go on.
    pub fn add_many<I>(&self, items: I) -> Bulk<usize, ListItem<T>>
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        let list = self.clone();
        let items = items.into_iter().enumerate();
        let jobs = items.map(move |(at, item)| Ok((at, job(list.add(&item)))));
        Bulk::in_order(stream::iter(jobs))
    }
}

/// Returns `true` if data is an object with one member, of this name. A member that is there twice is one.
#[expect(
    clippy::zero_sized_map_values,
    reason = "only the names of the members are read"
)]
fn has_only_key(data: &Data, key: &str) -> bool {
    let members = data.decode::<HashMap<String, IgnoredAny>>();
    members.is_ok_and(|members| members.keys().eq([key]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_that_key_alone() {
        let has = |json: &str| has_only_key(&Data::from_json(json.to_owned()).unwrap(), "call");
        assert!(has(r#"{"call": {"deep": [1]}}"#));
        assert!(has(r#"{"\u0063all": 1}"#));
        assert!(has(r#"{"call": 1, "call": 2}"#));
        for json in [
            r#"{"call": 1, "x": 2}"#,
            r#"{"x": 1, "call": 2}"#,
            r#"{"x": 1}"#,
            "{}",
            "[\"call\"]",
            "\"call\"",
            "null",
        ] {
            assert!(!has(json), "{json}");
        }
    }
}
