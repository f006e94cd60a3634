//! Export, import and copies of the items of a List or Map.

use std::future::ready;

use chrono::Utc;
use futures_core::Stream;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Line, numbered, numbered_job};
use crate::api::types::{Bounds, Order};
use crate::error::{Error, Result};
use crate::items::Items;
use crate::lists::{List, ListItem};
use crate::maps::{Map, MapItem};
use crate::resource::bulk::{Bulk, job};
use crate::resource::call::{Create, UpdateOrCreate, Written};
use crate::value::Data;

impl ListItem<Data> {
    fn line(self) -> Line {
        Line::of_item(None, Some(self.index), self.data, self.date_expires)
    }
}

impl MapItem<Data> {
    fn line(self) -> Line {
        Line::of_item(Some(self.key), None, self.data, self.date_expires)
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
            let (index, line) = (item.index, item.line());
            let draft = line.draft(Utc::now(), &target);
            let target = target.clone();
            ready(Ok(
                draft.map(|draft| (index, job(Create::new(target, draft))))
            ))
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

    /// Adds the items of an export, one after the other. The keys of the [`Bulk`] are line numbers, from
    /// 0. To resume an import, skip the lines that were done.
    pub fn import<S>(&self, lines: S) -> Bulk<usize, ListItem<T>>
    where
        T: Serialize,
        S: Stream<Item: AsRef<str> + Send> + Send + 'static,
    {
        let target = self.target.clone();
        Bulk::in_order(numbered(lines).filter_map(move |(number, line)| {
            let job = line.map(|line| {
                let draft = line.draft(Utc::now(), &target);
                draft.map(|draft| job(Create::new(target.clone(), draft)))
            });
            ready(numbered_job(number, job))
        }))
    }
}

impl<T: DeserializeOwned + Send + 'static> Items<Map, T> {
    /// Sets all items in another Map, which may be of another Service or account. The keys of the
    /// [`Bulk`] are those of the items. Times to live are carried over.
    pub fn copy_to<U>(&self, target: &Items<Map, U>) -> Bulk<String, Written<MapItem<Data>>> {
        let target = target.target.clone();
        Bulk::new(self.raw().items().try_filter_map(move |item| {
            let (place, key) = (target.item::<Map>(&item.key), item.key.clone());
            let draft = item.line().draft(Utc::now(), &target);
            ready(Ok(
                draft.map(|draft| (key, job(UpdateOrCreate::new(place, draft))))
            ))
        }))
    }

    /// All items as lines of JSON, one [`Line`] each, as a stream. To resume an export, give the last
    /// key it has.
    #[must_use]
    pub fn export(&self, after: Option<&str>) -> BoxStream<'static, Result<Line>> {
        let mut items = self.raw().items();
        if let Some(after) = after {
            items = items
                .starting_at(after.to_owned())
                .bounds(Bounds::Exclusive);
        }
        Box::pin(items.map_ok(MapItem::line))
    }

    /// Sets the items of an export. The keys of the [`Bulk`] are line numbers, from 0. It can be run
    /// again whole, or from the first line that was not done.
    pub fn import<S>(&self, lines: S) -> Bulk<usize, Written<MapItem<T>>>
    where
        T: Serialize,
        S: Stream<Item: AsRef<str> + Send> + Send + 'static,
    {
        let target = self.target.clone();
        Bulk::new(numbered(lines).filter_map(move |(number, line)| {
            let job = line.and_then(|line| match &line.key {
                None => Err(line.lacks("key")),
                Some(key) => {
                    let draft = line.draft(Utc::now(), &target);
                    let place = target.item::<Map>(key);
                    Ok(draft.map(|draft| job(UpdateOrCreate::new(place, draft))))
                }
            });
            ready(numbered_job(number, job))
        }))
    }
}
