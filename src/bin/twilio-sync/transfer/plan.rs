//! What is to be done to a Service, or an object of it, for it to be as a file says.
//!
//! What a file says is in memory; what the Service has is read once, as it comes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use twilio_sync::api::Data;
use twilio_sync::{Revision, SyncClient};

use super::Target;
use super::contents::{Contents, Item, Object};
use super::entry::{Kind, ObjectKind, many};
use super::left;
use super::objects::{self, Existing};
use super::progress::Progress;
use super::same::{is_same_data, is_same_expiry};
use crate::failure::Result;
use crate::output::Output;

/// All changes there are to make.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    /// Objects without a unique name, which no file has.
    unnamed: u64,
}

/// One change. An object that is to be removed goes with all that is in it, which is not listed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    /// The unique name, or SID, of the object or of what the item is in.
    pub(crate) name: String,
    /// Of a List's item: the index it has, or had where it is to be created.
    pub(crate) index: Option<i64>,
    /// Of a Map's item.
    pub(crate) key: Option<String>,
    /// What is there; none if it is to be created.
    pub(crate) old: Option<Old>,
    /// What is to be there; none if it is to be removed.
    pub(crate) new: Option<State>,
}

/// What can differ.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// None of a List, Map or Message Stream.
    pub(crate) data: Option<Data>,
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

/// What is there.
#[derive(Clone, Debug)]
pub(crate) struct Old {
    pub(crate) state: State,
    /// Of what has data.
    pub(crate) revision: Option<Revision>,
    /// Of an object.
    pub(crate) sid: Option<String>,
}

/// What is done by a change.
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

    fn of_object(kind: ObjectKind, name: &str) -> Self {
        Self {
            kind: kind.kind(),
            name: name.to_owned(),
            index: None,
            key: None,
            old: None,
            new: None,
        }
    }

    fn of_item(kind: Kind, name: &str, index: Option<i64>, key: Option<String>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            index,
            key,
            old: None,
            new: None,
        }
    }
}

impl From<Existing> for Old {
    fn from(existing: Existing) -> Self {
        Self {
            state: State {
                data: existing.data,
                date_expires: existing.date_expires,
            },
            revision: existing.revision,
            sid: Some(existing.sid),
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

/// What makes an item that is there an [`Old`].
macro_rules! old_item {
    ($item:ident) => {
        Old {
            state: State {
                data: Some($item.data),
                date_expires: $item.date_expires,
            },
            revision: Some($item.revision),
            sid: None,
        }
    };
}

impl State {
    fn is_same(&self, other: &Self) -> bool {
        let is_same_data = match (&self.data, &other.data) {
            (Some(one), Some(other)) => is_same_data(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        is_same_data && is_same_expiry(self.date_expires, other.date_expires)
    }
}

impl Plan {
    /// Compares what a file says with what is there.
    pub(crate) async fn make(
        sync: &SyncClient,
        contents: Contents,
        target: Option<&Target>,
        progress: Progress,
    ) -> Result<Self> {
        // What has expired is as good as not there.
        let is_left = |object: &Object| left(object.date_expires).is_some();
        let mut making = Making {
            sync,
            plan: Self::default(),
            progress,
            order: Vec::new(),
            wanted: HashMap::new(),
        };
        for mut object in contents.objects.into_iter().filter(is_left) {
            object
                .items
                .retain(|item| left(item.date_expires).is_some());
            let place = (object.kind, object.name.clone());
            making.order.push(place.clone());
            making.wanted.insert(place, object);
        }
        if let Some(target) = target {
            let found = objects::find(sync, target.kind, &target.name).await?;
            if found.is_none() && target.is_sid() {
                return Err(target.absent());
            }
            let existing = stream::iter(found.map(|mut existing| {
                // However it is addressed.
                existing.unique_name = Some(target.name.clone());
                Ok(existing)
            }));
            making.kind(target.kind, existing).await?;
        } else {
            for kind in ObjectKind::ALL {
                making.kind(kind, objects::all(sync, kind)).await?;
            }
        }
        Ok(making.plan)
    }

    /// Tells of what was not compared.
    pub(crate) fn tell_left_out(&self, out: &Output) {
        if self.unnamed > 0 {
            out.notice(format_args!(
                "Left out {} without a unique name.",
                many(self.unnamed, "object")
            ));
        }
    }

    /// How many of its changes do something.
    pub(crate) fn count(&self, verb: Verb) -> u64 {
        let changes = self.changes.iter();
        changes.filter(|change| change.verb() == verb).count() as u64
    }
}

/// A plan that is being made.
struct Making<'a> {
    sync: &'a SyncClient,
    plan: Plan,
    progress: Progress,
    /// What the file has, in its order.
    order: Vec<(ObjectKind, String)>,
    /// What of it was not met yet.
    wanted: HashMap<(ObjectKind, String), Object>,
}

impl Making<'_> {
    /// Compares the objects of a kind.
    async fn kind(
        &mut self,
        kind: ObjectKind,
        mut existing: impl Stream<Item = twilio_sync::Result<Existing>> + Unpin,
    ) -> Result<()> {
        while let Some(existing) = existing.try_next().await? {
            self.progress.advance(1);
            let Some(name) = existing.unique_name.clone() else {
                self.plan.unnamed += 1;
                continue;
            };
            if let Some(object) = self.wanted.remove(&(kind, name.clone())) {
                self.object(object, existing).await?;
            } else {
                self.plan.changes.push(Change {
                    old: Some(existing.into()),
                    ..Change::of_object(kind, &name)
                });
            }
        }
        let missing: Vec<_> = self
            .order
            .iter()
            .filter(|place| place.0 == kind)
            .filter_map(|place| self.wanted.remove(place))
            .collect();
        for object in missing {
            self.create(object);
        }
        Ok(())
    }

    /// Compares an object that the file has and that is there.
    async fn object(&mut self, object: Object, existing: Existing) -> Result<()> {
        self.progress.at(object.kind.noun(), &object.name);
        let old = Old::from(existing);
        let new = State {
            data: object.data,
            date_expires: object.date_expires,
        };
        // Lines of items alone say nothing of what they are in.
        if object.line.is_some() && !new.is_same(&old.state) {
            self.plan.changes.push(Change {
                old: Some(old),
                new: Some(new),
                ..Change::of_object(object.kind, &object.name)
            });
        }
        match object.kind {
            ObjectKind::List => self.list_items(&object.name, object.items).await,
            ObjectKind::Map => self.map_items(&object.name, object.items).await,
            ObjectKind::Document | ObjectKind::Stream => Ok(()),
        }
    }

    /// Compares the items of a List by position: indexes are not given out again.
    async fn list_items(&mut self, name: &str, items: Vec<Item>) -> Result<()> {
        let mut items = items.into_iter();
        let mut stored = objects::list(self.sync, name).items();
        while let Some(found) = stored.try_next().await? {
            self.progress.advance(1);
            let change = Change::of_item(Kind::ListItem, name, Some(found.index), None);
            self.item(change, old_item!(found), items.next());
        }
        for item in items {
            self.plan.changes.push(Change {
                new: Some(item.clone().into()),
                ..Change::of_item(Kind::ListItem, name, item.index, None)
            });
        }
        Ok(())
    }

    /// Compares the items of a Map by key.
    async fn map_items(&mut self, name: &str, items: Vec<Item>) -> Result<()> {
        let mut places: HashMap<String, usize> = HashMap::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            places.insert(item.key.clone().unwrap_or_default(), at);
        }
        let mut items: Vec<_> = items.into_iter().map(Some).collect();
        let mut stored = objects::map(self.sync, name).items();
        while let Some(found) = stored.try_next().await? {
            self.progress.advance(1);
            let item = places.get(&found.key).and_then(|at| items[*at].take());
            let change = Change::of_item(Kind::MapItem, name, None, Some(found.key));
            self.item(change, old_item!(found), item);
        }
        for item in items.into_iter().flatten() {
            self.plan.changes.push(Change {
                new: Some(item.clone().into()),
                ..Change::of_item(Kind::MapItem, name, None, item.key)
            });
        }
        Ok(())
    }

    /// Compares an item that is there.
    fn item(&mut self, change: Change, old: Old, item: Option<Item>) {
        let new = item.map(State::from);
        if new.as_ref().is_none_or(|new| !new.is_same(&old.state)) {
            self.plan.changes.push(Change {
                old: Some(old),
                new,
                ..change
            });
        }
    }

    /// Takes an object that is not there, with its items.
    fn create(&mut self, object: Object) {
        self.plan.changes.push(Change {
            new: Some(State {
                data: object.data,
                date_expires: object.date_expires,
            }),
            ..Change::of_object(object.kind, &object.name)
        });
        let kind = match object.kind {
            ObjectKind::List => Kind::ListItem,
            _ => Kind::MapItem,
        };
        for item in object.items {
            self.plan.changes.push(Change {
                new: Some(item.clone().into()),
                ..Change::of_item(kind, &object.name, item.index, item.key)
            });
        }
    }
}
