//! Export, import and copies of the items of a List or Map.

use std::future::ready;

use futures_core::Stream;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Entry, Kind, LineError, Record, draft};
use crate::api::types::Order;
use crate::error::{Error, Result};
use crate::items::Items;
use crate::lists::{List, ListItem};
use crate::maps::{Map, MapItem};
use crate::resource::bulk::{Bulk, Job, failed, job};
use crate::resource::call::{Create, Written};
use crate::resource::upsert::Upserts;
use crate::value::{Data, Ttl};

/// The items among the lines of an export, with the work for each. The keys are the numbers of lines,
/// from 0. Items that have expired have no work.
fn jobs<S, R: Send + 'static>(
    lines: S,
    kind: Kind,
    job: impl Fn(&Entry) -> Result<Option<Job<R>>> + Send + 'static,
) -> impl Stream<Item = Result<(usize, Job<R>)>> + Send + 'static
where
    S: Stream<Item: AsRef<str> + Send> + Send + 'static,
{
    lines.enumerate().filter_map(move |(number, line)| {
        let work = match item(line.as_ref(), kind) {
            Ok(Some(entry)) => job(&entry),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        };
        let work = work.unwrap_or_else(|error| Some(failed(error)));
        ready(work.map(|job| Ok((number, job))))
    })
}

/// The item in a line; none if the line is blank, of the List or Map itself, or the first or last one.
fn item(line: &str, kind: Kind) -> Result<Option<Entry>, LineError> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    match Record::parse(line)? {
        Record::Entry(entry) if entry.kind == kind => Ok(Some(entry)),
        Record::Entry(entry) if entry.kind != kind.object() => {
            Err(LineError::kind(&entry.kind, &kind))
        }
        Record::Entry(_) | Record::Heading(_) | Record::End(_) => Ok(None),
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<List, T> {
    /// Adds all items, in order, to another List, which may be of another Service or account. The
    /// keys of the [`Bulk`] are the indexes here. Times to live are carried over. Items that are added
    /// here meanwhile are left out, so that a List can be copied to itself.
    pub fn copy_to<U>(&self, target: &Items<List, U>) -> Bulk<i64, ListItem<Data>> {
        let target = target.target.clone();
        let items = || self.raw().items();
        let (mut newest, items) = (items().order(Order::Desc).limit(1), items());
        let items = stream::once(async move {
            let last = newest.try_next().await?.map_or(-1, |item| item.index);
            let is_old = move |item: &ListItem<Data>| ready(Ok(item.index <= last));
            Ok::<_, Error>(items.try_take_while(is_old))
        });
        Bulk::in_order(items.try_flatten().try_filter_map(move |item| {
            let draft =
                Ttl::until(item.date_expires).map(|ttl| draft(&target, Some(&item.data), ttl));
            let target = target.clone();
            ready(Ok(
                draft.map(|draft| (item.index, job(Create::new(target, draft))))
            ))
        }))
    }

    /// Exports all items as a stream of entries. To resume an export, give the last index it has.
    #[must_use]
    pub fn export(&self, after: Option<i64>) -> BoxStream<'static, Result<Entry>> {
        let items = self.stored(self.target.name(), after);
        items.map_ok(|stored| stored.entry).boxed()
    }

    /// Adds the items of an export, one after the other, whatever List they were in. Its heading, its end
    /// and the line of the List are skipped. The keys of the [`Bulk`] are line numbers, from 0. To resume
    /// an import, skip the lines that were done.
    ///
    /// A line of another kind fails with [`Error::Line`].
    pub fn import<S>(&self, lines: S) -> Bulk<usize, ListItem<T>>
    where
        T: Serialize,
        S: Stream<Item: AsRef<str> + Send> + Send + 'static,
    {
        let target = self.target.clone();
        Bulk::in_order(jobs(lines, Kind::ListItem, move |entry| {
            let draft = entry.draft(Kind::ListItem, &target)?;
            Ok(draft.map(|draft| job(Create::new(target.clone(), draft))))
        }))
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<Map, T> {
    /// Sets all items in another Map, which may be of another Service or account. The keys of the
    /// [`Bulk`] are those of the items. Times to live are carried over.
    pub fn copy_to<U>(&self, target: &Items<Map, U>) -> Bulk<String, Written<MapItem<Data>>> {
        let (target, upserts) = (target.target.clone(), Upserts::default());
        Bulk::new(self.raw().items().try_filter_map(move |item| {
            let place = target.item::<Map>(&item.key);
            let draft =
                Ttl::until(item.date_expires).map(|ttl| draft(&target, Some(&item.data), ttl));
            let job = draft.map(|draft| upserts.job(place, draft));
            ready(Ok(job.map(|job| (item.key, job))))
        }))
    }

    /// Exports all items as a stream of entries. To resume an export, give the last key it has.
    #[must_use]
    pub fn export(&self, after: Option<&str>) -> BoxStream<'static, Result<Entry>> {
        let items = self.stored(self.target.name(), after);
        items.map_ok(|stored| stored.entry).boxed()
    }

    /// Sets the items of an export, whatever Map they were in. Its heading, its end and the line of the
    /// Map are skipped. The keys of the [`Bulk`] are line numbers, from 0. It can be run again whole, or
    /// from the first line that was not done.
    ///
    /// Cost: as [`set_many`](Items::set_many).
    ///
    /// A line of another kind fails with [`Error::Line`].
    pub fn import<S>(&self, lines: S) -> Bulk<usize, Written<MapItem<T>>>
    where
        T: Serialize,
        S: Stream<Item: AsRef<str> + Send> + Send + 'static,
    {
        let (target, upserts) = (self.target.clone(), Upserts::default());
        Bulk::new(jobs(lines, Kind::MapItem, move |entry| {
            let draft = entry.draft(Kind::MapItem, &target)?;
            let place = target.item::<Map>(entry.key.as_deref().unwrap_or_default());
            Ok(draft.map(|draft| upserts.job(place, draft)))
        }))
    }
}
