//! The three kinds of things that histories are about, with the calls that all of them have.

use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::call::{Outcome, Update, Written};
use twilio_sync::kind::Resource;
use twilio_sync::{
    Document, Documents, List, Lists, MapItem, MapItems, Result, Revision, SyncClient,
};

/// The kinds of things that histories are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Documents,
    MapItems,
    Lists,
}

/// An object or item as a call returned it.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The SID of the object; for an item, that of its Map.
    pub(crate) sid: String,
    pub(crate) revision: Revision,
    pub(crate) value: i64,
}

impl From<Document<Value>> for Snapshot {
    fn from(document: Document<Value>) -> Self {
        let value = value_of(&document.data);
        Self {
            sid: document.sid.to_string(),
            revision: document.revision,
            value,
        }
    }
}

impl From<MapItem<Value>> for Snapshot {
    fn from(item: MapItem<Value>) -> Self {
        let value = value_of(&item.data);
        Self {
            sid: item.map_sid.to_string(),
            revision: item.revision,
            value,
        }
    }
}

impl From<List> for Snapshot {
    fn from(list: List) -> Self {
        Self {
            sid: list.sid.to_string(),
            revision: list.revision,
            value: 0,
        }
    }
}

fn value_of(data: &Value) -> i64 {
    data["n"].as_i64().expect("a number that a task wrote")
}

/// Where the calls of a task go.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Documents(Documents<Value>),
    MapItems(MapItems<Value>),
    Lists(Lists),
}

const MAP: &str = "map";

impl Place {
    pub(crate) fn new(kind: Kind, sync: &SyncClient) -> Self {
        match kind {
            Kind::Documents => Self::Documents(sync.documents()),
            Kind::MapItems => Self::MapItems(sync.map(MAP)),
            Kind::Lists => Self::Lists(sync.lists()),
        }
    }

    /// Creates what must be there before the first call.
    pub(crate) async fn prepare(kind: Kind, sync: &SyncClient) -> Result<()> {
        if kind == Kind::MapItems {
            sync.maps().create(MAP).await?;
        }
        Ok(())
    }

    pub(crate) async fn create(&self, name: &str, value: i64, ttl: Duration) -> Result<Snapshot> {
        let data = json!({"n": value});
        Ok(match self {
            Self::Documents(documents) => documents.create(name, &data).ttl(ttl).await?.into(),
            Self::MapItems(items) => items.create(name, &data).ttl(ttl).await?.into(),
            Self::Lists(lists) => lists.create(name).ttl(ttl).await?.into(),
        })
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Snapshot> {
        Ok(match self {
            Self::Documents(documents) => documents.get(name).await?.into(),
            Self::MapItems(items) => items.get(name).await?.into(),
            Self::Lists(lists) => lists.get(name).await?.into(),
        })
    }

    /// Replaces the data of what exists; a List has none, and gets a time to live.
    pub(crate) async fn update(
        &self,
        name: &str,
        value: i64,
        ttl: Option<Duration>,
        at: Option<&Revision>,
    ) -> Result<Snapshot> {
        let data = json!({"n": value});
        match self {
            Self::Documents(documents) => send(documents.update(name, &data), ttl, at).await,
            Self::MapItems(items) => send(items.update(name, &data), ttl, at).await,
            Self::Lists(lists) => send(lists.set_ttl(name, ttl.unwrap_or_default()), ttl, at).await,
        }
    }

    /// Replaces the data, or creates it; a List is created if there is none.
    pub(crate) async fn set(
        &self,
        name: &str,
        value: i64,
        how: Setting,
    ) -> Result<(Outcome, Snapshot)> {
        let data = json!({"n": value});
        Ok(match (self, how) {
            (Self::Documents(documents), Setting::Replace) => {
                split(documents.update_or_create(name, &data).await?)
            }
            (Self::Documents(documents), Setting::UnlessEqual) => split(
                documents
                    .update_or_create(name, &data)
                    .unless_equal()
                    .await?,
            ),
            (Self::Documents(documents), Setting::Merge) => {
                split(documents.merge(name, &data).await?)
            }
            (Self::MapItems(items), Setting::Replace) => split(items.set(name, &data).await?),
            (Self::MapItems(items), Setting::UnlessEqual) => {
                split(items.set(name, &data).unless_equal().await?)
            }
            (Self::MapItems(items), Setting::Merge) => split(items.merge(name, &data).await?),
            (Self::Lists(lists), _) => split(lists.ensure(name).await?),
        })
    }

    /// Adds one to the number, and sets a time to live if it is given; a List has no number.
    pub(crate) async fn increment(&self, name: &str, ttl: Option<Duration>) -> Result<Snapshot> {
        let add = |data: &mut Value| data["n"] = json!(value_of(data) + 1);
        Ok(match (self, ttl) {
            (Self::Documents(documents), None) => documents.mutate(name, add).await?.object.into(),
            (Self::Documents(documents), Some(ttl)) => {
                let change = documents.mutate(name, add).ttl(ttl);
                change.await?.object.into()
            }
            (Self::MapItems(items), None) => items.mutate(name, add).await?.object.into(),
            (Self::MapItems(items), Some(ttl)) => {
                items.mutate(name, add).ttl(ttl).await?.object.into()
            }
            (Self::Lists(_), _) => unreachable!("a List has no data"),
        })
    }

    /// Sets a time to live, and leaves the data as it is.
    pub(crate) async fn expire(&self, name: &str, ttl: Duration) -> Result<Snapshot> {
        match self {
            Self::Documents(documents) => send(documents.set_ttl(name, ttl), None, None).await,
            Self::MapItems(items) => send(items.set_ttl(name, ttl), None, None).await,
            Self::Lists(lists) => send(lists.set_ttl(name, ttl), None, None).await,
        }
    }

    /// Removes by name; of a version that was seen, only that one.
    pub(crate) async fn remove(&self, name: &str, version: Option<&Snapshot>) -> Result<()> {
        match (self, version) {
            (Self::Documents(documents), None) => documents.remove(name).await,
            (Self::Documents(documents), Some(seen)) => {
                documents.remove_by_id(&seen.sid.parse().unwrap()).await
            }
            (Self::MapItems(items), None) => items.remove(name).await,
            (Self::MapItems(items), Some(seen)) => {
                items.remove(name).if_match(seen.revision.clone()).await
            }
            (Self::Lists(lists), None) => lists.remove(name).await,
            (Self::Lists(lists), Some(seen)) => {
                lists.remove_by_id(&seen.sid.parse().unwrap()).await
            }
        }
    }
}

/// The ways to replace data or create it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Setting {
    Replace,
    UnlessEqual,
    Merge,
}

fn split<R: Into<Snapshot>>(written: Written<R>) -> (Outcome, Snapshot) {
    (written.outcome, written.object.into())
}

/// Sends an update, with a time to live and at a revision if they are given.
async fn send<R: Resource + Into<Snapshot>>(
    mut update: Update<R>,
    ttl: Option<Duration>,
    at: Option<&Revision>,
) -> Result<Snapshot> {
    if let Some(ttl) = ttl {
        update = update.ttl(ttl);
    }
    if let Some(at) = at {
        update = update.if_match(at.clone());
    }
    Ok(update.await?.into())
}
