//! The items of one List or Map.

use std::fmt::{self, Debug};
use std::future::ready;
use std::marker::PhantomData;

use futures_util::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Call;
use crate::client::SyncClient;
use crate::resource::bulk::{Bulk, failed, removal};
use crate::resource::call::{Remove, Update};
use crate::resource::key::{IntoKey, Position};
use crate::resource::kind::{Collection, Item, Resource};
use crate::resource::listing::Listing;
use crate::resource::mutate::{Mutate, Verdict};
use crate::resource::outcome::Removal;
use crate::resource::record::{Record, Versioned};
use crate::resource::target::Target;
use crate::resource::write::Draft;
use crate::value::{Data, Ttl};

/// The items, with data of type `T`, of one List or Map: [`ListItems`](crate::ListItems),
/// [`MapItems`](crate::MapItems).
///
/// An item of a List is found by its index, an item of a Map by its key. Each call is one request,
/// unless it says otherwise.
pub struct Items<C, T> {
    /// The List or Map.
    pub(crate) target: Target,
    kind: PhantomData<fn() -> (C, T)>,
}

impl<C, T> Debug for Items<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Items").field(&self.target).finish()
    }
}

impl<C, T> Clone for Items<C, T> {
    fn clone(&self) -> Self {
        Self::at(self.target.clone())
    }
}

impl<C, T> Items<C, T> {
    pub(crate) fn new(sync: SyncClient, key: impl IntoKey<C>) -> Self {
        Self::at(Target::service(sync).at(key.into_key()).inside())
    }

    fn at(target: Target) -> Self {
        Self {
            target,
            kind: PhantomData,
        }
    }

    /// The same with data as it comes, and nothing asked of it.
    pub(crate) fn raw(&self) -> Items<C, Data> {
        Items::at(self.target.unchecked())
    }
}

impl<C: Collection, T: DeserializeOwned + Send + 'static> Items<C, T> {
    pub(crate) fn item(&self, position: impl Into<Position<C>>) -> Target {
        self.target.item(position)
    }

    /// Reads an item.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn get(&self, position: impl Into<Position<C>>) -> Call<C::Item<T>> {
        self.item(position).fetch()
    }

    /// Reads an item; `None` if there is none.
    ///
    /// Where no call of this value or its clones has succeeded yet, a second request reads the List or
    /// Map, so that `None` means that it exists.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such List or Map; `ensure` creates it.
    pub fn find(&self, position: impl Into<Position<C>>) -> Call<Option<C::Item<T>>> {
        self.item(position).find(<C::Item<T>>::FETCH)
    }

    /// Sets after how long an item expires, counted from now. Its data stays as it is.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn set_ttl(
        &self,
        position: impl Into<Position<C>>,
        ttl: impl Into<Ttl>,
    ) -> Update<C::Item<T>> {
        Update::new(self.item(position), Draft::default()).ttl(ttl)
    }

    /// Removes an item.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn remove(&self, position: impl Into<Position<C>>) -> Remove<C::Item<T>> {
        Remove::new(self.item(position), Draft::default())
    }

    /// The items as a stream, by index or key unless asked otherwise. One request for each 100.
    pub fn items(&self) -> Listing<C::Item<T>> {
        Listing::new(self.target.clone())
    }

    /// Removes the items that pass a test, with one request for each and one for each 100 items read.
    /// Each is removed only if it is still what was tested. The keys of the [`Bulk`] are the indexes or
    /// keys of the items.
    pub fn remove_where(
        &self,
        test: impl Fn(&C::Item<T>) -> bool + Send + Sync + 'static,
    ) -> Bulk<<C::Item<Data> as Item>::Position, Removal> {
        let raw = self.raw();
        let contract = self.target.contract.clone();
        Bulk::of_removals(raw.items().try_filter_map(move |item| {
            let position = item.position();
            let revision = item.revision().clone();
            let job = match <C::Item<T>>::typed(item, contract.as_deref(), false) {
                Ok(item) if !test(&item) => None,
                Ok(_) => {
                    let place = raw.item(Position::read(&position));
                    Some(removal::<C::Item<T>>(place, Some(revision)))
                }
                Err(error) => Some(failed(error)),
            };
            ready(Ok(job.map(|job| (position, job))))
        }))
    }

    /// Removes all items, with one request for each and one for each 100 items read, whatever they
    /// hold. The keys of the [`Bulk`] are the indexes or keys of the items. Items that are added
    /// meanwhile may stay.
    pub fn remove_all(&self) -> Bulk<<C::Item<Data> as Item>::Position, Removal> {
        let raw = self.raw();
        raw.remove_listed(raw.items())
    }
}

impl<C: Collection> Items<C, Data> {
    /// Removes the items of a listing.
    pub(crate) fn remove_listed(
        &self,
        items: Listing<C::Item<Data>>,
    ) -> Bulk<<C::Item<Data> as Item>::Position, Removal> {
        let raw = self.clone();
        Bulk::of_removals(items.map_ok(move |item| {
            let position = item.position();
            let place = raw.item(Position::read(&position));
            (position, removal::<C::Item<Data>>(place, None))
        }))
    }
}

impl<C, T> Items<C, T>
where
    C: Collection,
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Replaces the data of an item.
    ///
    /// Without [`if_match`](Update::if_match) it overwrites whatever others wrote.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn update(&self, position: impl Into<Position<C>>, data: &T) -> Update<C::Item<T>> {
        Update::new(self.item(position), Draft::of(&self.target, data))
    }

    /// Changes the data of an item by a function of what is there, without undoing what others write at
    /// the same time.
    pub fn mutate<'a, F, V>(
        &self,
        position: impl Into<Position<C>>,
        change: F,
    ) -> Mutate<'a, C::Item<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.item(position), change)
    }
}
