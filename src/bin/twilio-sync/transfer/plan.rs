//! The changes that make a Service, or an object of it, equal to a file.
//!
//! The file is in memory; the Service is read once, as a stream.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use serde::Serialize;
use twilio_sync::export::{Kind, Place};
use twilio_sync::value::Data;
use twilio_sync::{Revision, SyncClient, Ttl};

use super::absent;
use super::contents::{Contents, Item, Object};
use super::counts::plural;
use super::expiry::is_same_expiry;
use super::objects::{self, Existing};
use super::progress::Progress;
use crate::io::failure::Result;
use crate::io::input::Reference;
use crate::io::output::Output;

/// The changes to make.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    /// Whether the file has an object that has not expired.
    pub(crate) has_any: bool,
    /// The unique name, in the Service, of the object given on the command line.
    pub(crate) found: Option<String>,
    /// The number of objects in the Service without a unique name.
    unnamed: u64,
    /// The number of expired lines: they are neither created nor removed.
    expired: u64,
}

/// One change. An object is removed with its items, which are not listed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    /// The unique name or SID of the object; of an item, that of its List or Map.
    pub(crate) name: String,
    /// The SID of that object, if it exists, since another one may get its name.
    pub(crate) sid: Option<String>,
    /// The index of a List's item; of a new one, the index in the file.
    pub(crate) index: Option<i64>,
    /// The key of a Map's item.
    pub(crate) key: Option<String>,
    /// The old state; none if it is created.
    pub(crate) old: Option<Old>,
    /// The new state; none if it is removed.
    pub(crate) new: Option<State>,
}

/// The state of an object or item that is compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct State {
    /// None for a List, Map or Message Stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

/// The state in the Service.
#[derive(Clone, Debug)]
pub(crate) struct Old {
    pub(crate) state: State,
    /// Of a Document or item.
    pub(crate) revision: Option<Revision>,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    Update,
    Remove,
}

impl Change {
    pub(crate) fn verb(&self) -> Verb {
        match (&self.old, &self.new) {
            (None, _) => Verb::Create,
            (Some(_), Some(_)) => Verb::Update,
            (Some(_), None) => Verb::Remove,
        }
    }

    /// The SID, or the name of an object that does not exist.
    pub(crate) fn address(&self) -> &str {
        self.sid.as_deref().unwrap_or(&self.name)
    }

    fn new(kind: Kind, name: &str, sid: Option<String>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            sid,
            index: None,
            key: None,
            old: None,
            new: None,
        }
    }
}

impl From<Item> for State {
    fn from(item: Item) -> Self {
        Self {
            data: Some(item.data),
            date_expires: item.date_expires,
        }
    }
}

impl Old {
    fn new(
        data: Option<Data>,
        date_expires: Option<DateTime<Utc>>,
        revision: Option<Revision>,
    ) -> Self {
        Self {
            state: State { data, date_expires },
            revision,
        }
    }
}

impl State {
    fn is_same(&self, other: &Self) -> bool {
        self.has_same_data(other) && is_same_expiry(self.date_expires, other.date_expires)
    }

    fn has_same_data(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Some(one), Some(other)) => one.is_same_json(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    fn has_expired(&self) -> bool {
        Ttl::until(self.date_expires).is_none()
    }
}

impl Plan {
    /// Compares a file with the Service.
    pub(crate) async fn make(
        sync: &SyncClient,
        contents: Contents,
        target: Option<&Place>,
        progress: Progress,
    ) -> Result<Self> {
        let objects = contents.objects;
        let mut planner = Planner {
            sync,
            plan: Self::default(),
            progress,
            order: objects.iter().map(|object| object.place.clone()).collect(),
            wanted: HashMap::new(),
        };
        for object in objects {
            planner.plan.has_any |= Ttl::until(object.date_expires).is_some();
            planner.wanted.insert(object.place.clone(), object);
        }
        if let Some(target) = target {
            let found = objects::find(sync, target).await?;
            if found.is_none() && target.is_sid() {
                return Err(absent(target));
            }
            planner.plan.found = found.as_ref().and_then(|found| found.unique_name.clone());
            let existing = stream::iter(found.map(|mut existing| {
                // It may be given by its SID.
                existing.unique_name = Some(target.name.clone());
                Ok(existing)
            }));
            planner.kind(target.kind, existing).await?;
        } else {
            for kind in Kind::OBJECTS {
                planner.kind(kind, objects::all(sync, kind)).await?;
            }
        }
        Ok(planner.plan)
    }

    /// Prints notices of what was not compared.
    pub(crate) fn print_left_out(&self, out: &Output) {
        if self.unnamed > 0 {
            out.notice(format_args!(
                "Left out {} without a unique name.",
                plural(self.unnamed, "object")
            ));
        }
        if self.expired > 0 {
            out.notice(format_args!(
                "Left out {} that expired meanwhile.",
                plural(self.expired, "line")
            ));
        }
    }

    /// The number of changes of a kind.
    pub(crate) fn count(&self, verb: Verb) -> u64 {
        let changes = self.changes.iter();
        changes.filter(|change| change.verb() == verb).count() as u64
    }
}

/// Makes a plan.
struct Planner<'a> {
    sync: &'a SyncClient,
    plan: Plan,
    progress: Progress,
    /// The objects in the file, in order.
    order: Vec<Place>,
    /// Those that were not found yet.
    wanted: HashMap<Place, Object>,
}

impl Planner<'_> {
    /// Compares the objects of a kind.
    async fn kind(
        &mut self,
        kind: Kind,
        mut existing: impl Stream<Item = twilio_sync::Result<Existing>> + Unpin,
    ) -> Result<()> {
        while let Some(existing) = existing.try_next().await? {
            self.progress.advance(1);
            let Some(name) = existing.unique_name.clone() else {
                self.plan.unnamed += 1;
                continue;
            };
            let place = Place::new(kind, name);
            let object = self.wanted.remove(&place);
            self.object(&place, object, existing).await?;
        }
        let missing: Vec<_> = self
            .order
            .iter()
            .filter(|place| place.kind == kind)
            .filter_map(|place| self.wanted.remove(place))
            .collect();
        for object in missing {
            self.create(object);
        }
        Ok(())
    }

    /// Compares an object that exists.
    async fn object(
        &mut self,
        place: &Place,
        object: Option<Object>,
        existing: Existing,
    ) -> Result<()> {
        let sid = existing.sid;
        let change = Change::new(place.kind, &place.name, Some(sid.clone()));
        let old = Old::new(existing.data, existing.date_expires, existing.revision);
        let Some(object) = object else {
            self.compare(change, old, None);
            return Ok(());
        };
        if Ttl::until(object.date_expires).is_none() {
            self.plan.expired += object.lines();
            return Ok(());
        }
        self.progress.at(place);
        // Without a line of the object, only items are compared.
        if object.line.is_some() {
            let new = State {
                data: object.data,
                date_expires: object.date_expires,
            };
            self.compare(change, old, Some(new));
        }
        match place.kind {
            Kind::List => self.list_items(&place.name, sid, object.items).await,
            Kind::Map => self.map_items(&place.name, sid, object.items).await,
            _ => Ok(()),
        }
    }

    /// Compares the items of a List by position, since indexes are not reused.
    async fn list_items(&mut self, name: &str, sid: String, items: Vec<Item>) -> Result<()> {
        let mut items = items
            .into_iter()
            .map(|item| (item.index, State::from(item)))
            .peekable();
        // Expired items before the next one: they may still exist, with a later expiry.
        let mut expired: VecDeque<State> = VecDeque::new();
        let mut stored = self.sync.list(Reference::new(&sid)).items();
        while let Some(found) = stored.try_next().await? {
            self.progress.advance(1);
            let old = Old::new(Some(found.data), found.date_expires, Some(found.revision));
            while let Some((_, item)) = items.next_if(|(_, item)| item.has_expired()) {
                self.plan.expired += 1;
                expired.push_back(item);
            }
            let next = items.peek();
            if next.is_none_or(|(_, next)| !next.is_same(&old.state))
                && let Some(at) = expired
                    .iter()
                    .position(|item| item.has_same_data(&old.state))
            {
                expired.drain(..=at);
                continue;
            }
            expired.clear();
            let mut change = Change::new(Kind::ListItem, name, Some(sid.clone()));
            change.index = Some(found.index);
            self.compare(change, old, items.next().map(|(_, item)| item));
        }
        for (index, item) in items {
            let mut change = Change::new(Kind::ListItem, name, Some(sid.clone()));
            change.index = index;
            self.add(change, item);
        }
        Ok(())
    }

    /// Compares the items of a Map by key.
    async fn map_items(&mut self, name: &str, sid: String, items: Vec<Item>) -> Result<()> {
        let mut places: HashMap<String, usize> = HashMap::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            places.insert(item.key.clone().unwrap_or_default(), at);
        }
        let mut items: Vec<_> = items.into_iter().map(Some).collect();
        let mut stored = self.sync.map(Reference::new(&sid)).items();
        while let Some(found) = stored.try_next().await? {
            self.progress.advance(1);
            let item = places.get(&found.key).and_then(|at| items[*at].take());
            let old = Old::new(Some(found.data), found.date_expires, Some(found.revision));
            let mut change = Change::new(Kind::MapItem, name, Some(sid.clone()));
            change.key = Some(found.key);
            self.compare(change, old, item.map(State::from));
        }
        for item in items.into_iter().flatten() {
            let mut change = Change::new(Kind::MapItem, name, Some(sid.clone()));
            change.key.clone_from(&item.key);
            self.add(change, item.into());
        }
        Ok(())
    }

    /// Compares an object or item that exists.
    fn compare(&mut self, mut change: Change, old: Old, new: Option<State>) {
        if new.as_ref().is_some_and(State::has_expired) {
            self.plan.expired += 1;
            return;
        }
        if new.as_ref().is_none_or(|new| !new.is_same(&old.state)) {
            change.old = Some(old);
            change.new = new;
            self.plan.changes.push(change);
        }
    }

    /// Adds an object or item that does not exist.
    fn add(&mut self, mut change: Change, new: State) {
        if new.has_expired() {
            self.plan.expired += 1;
            return;
        }
        change.new = Some(new);
        self.plan.changes.push(change);
    }

    /// Adds an object that does not exist, with its items.
    fn create(&mut self, object: Object) {
        if Ttl::until(object.date_expires).is_none() {
            self.plan.expired += object.lines();
            return;
        }
        let Place { kind, name, .. } = object.place;
        let new = State {
            data: object.data,
            date_expires: object.date_expires,
        };
        self.add(Change::new(kind, &name, None), new);
        let kind = match kind {
            Kind::List => Kind::ListItem,
            _ => Kind::MapItem,
        };
        for item in object.items {
            let mut change = Change::new(kind, &name, None);
            change.index = item.index;
            change.key.clone_from(&item.key);
            self.add(change, item.into());
        }
    }
}
