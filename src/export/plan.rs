//! The changes that make a Service, or an object of it, equal to an export.
//!
//! The export is in memory; the Service is read once, as a stream.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::contents::{Contents, Line, Object};
use super::stored::{self, Stored, StoredStream};
use super::{Entry, Kind, Place, SettingChange, permissions};
use crate::client::SyncClient;
use crate::error::Result;
use crate::value::Revision;

/// The maximum difference of equal dates of expiry: they are set as times to live, in whole seconds, and
/// requests take time.
const TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// The differences between a Service, or an object of it, and an export: what
/// [`apply`](Self::apply) changes.
///
/// Map items are compared by key, permissions by identity, and List items by position, since indexes are
/// not reused. Data is compared as JSON, with exact numbers, and dates of expiry within five seconds.
/// Expired lines are neither created nor removed. Objects without a usable unique name, and items and
/// permissions whose key or identity no path can carry, stay as they are.
///
/// Settings are compared where the heading has them, and only in a comparison of the whole Service.
/// Permissions are compared where the heading says that the export has all of them; otherwise only those
/// are that have a line.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use twilio_sync::export::{Contents, Plan, Verb};
///
/// sync.documents().create("desk-8", &serde_json::json!({})).await?;
/// let file = r#"{"kind":"document","unique_name":"desk-7","data":{"busy":true}}"#;
/// let contents = Contents::read(file.as_bytes())?;
/// let mut plan = Plan::new(&sync, contents, None, |_| ()).await?;
/// assert_eq!(plan.changes.len(), 2);
/// plan.changes.retain(|change| change.verb != Verb::Remove);
/// plan.apply(&sync, |_| ()).await?;
/// assert!(sync.documents::<serde_json::Value>().get("desk-7").await.is_ok());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Plan {
    /// The changes, by the kind of their object.
    pub changes: Vec<Change>,
    /// The settings that differ, by name.
    pub settings: Vec<SettingChange>,
    /// `true` if the export has an object that has not expired.
    pub has_any: bool,
    /// The unique name, in the Service, of the object that is compared alone.
    pub unique_name: Option<String>,
    /// The number of objects in the Service without a usable unique name.
    pub unnamed: u64,
    /// The number of objects in the export without a usable unique name.
    pub unnamed_in_export: u64,
    /// The number of items and permissions, in the Service and in the export, whose key or identity no
    /// path can carry.
    pub unaddressable: u64,
    /// The number of expired lines.
    pub expired: u64,
}

/// A change of an object, item or permission. An object is removed with its permissions and items, which
/// are not listed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change {
    /// The kind of change.
    pub verb: Verb,
    /// The object, item or permission, as it is in the export; without data, expiry and rights if it is
    /// removed.
    pub entry: Entry,
    /// The same in the Service; `None` if it is created.
    pub old: Option<Entry>,
    /// The SID of the object, or of that of an item or permission, if it exists: another one may get its
    /// name.
    pub(super) sid: Option<String>,
    /// The old revision of a Document or item.
    pub(super) revision: Option<Revision>,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verb {
    /// It is in the export only.
    Create,
    /// It differs.
    Update,
    /// It is in the Service only.
    Remove,
}

impl Change {
    /// The creation of an object, item or permission, or the addition of an item to a List.
    #[must_use]
    pub fn create(entry: Entry) -> Self {
        Self {
            verb: Verb::Create,
            entry,
            old: None,
            sid: None,
            revision: None,
        }
    }
}

/// Returns `true` if two dates of expiry are equal within five seconds, or both are absent.
#[must_use]
pub fn is_same_expiry(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.signed_duration_since(other).abs() <= TOLERANCE,
        (one, other) => one == other,
    }
}

impl Entry {
    /// Returns `true` if the data is the same as JSON, or both have none.
    #[must_use]
    pub fn has_same_data(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Some(one), Some(other)) => one.is_same_json(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.has_same_data(other)
            && is_same_expiry(self.date_expires, other.date_expires)
            && self.access == other.access
    }
}

impl Plan {
    /// Compares an export with the Service, or with one object in it. `read` is called for each object
    /// and item of the Service that is read.
    ///
    /// Cost: that of an [`Export`](super::Export), without the permissions and items of objects that the
    /// export does not have; one more for settings.
    ///
    /// # Errors
    ///
    /// [`Error::Read`](crate::Error::Read) if the only object in the export has no usable unique name, and
    /// [`is_not_found`](crate::Error::is_not_found) if the object is given by a SID and does not exist.
    pub async fn new(
        sync: &SyncClient,
        mut contents: Contents,
        object: Option<&Place>,
        read: impl FnMut(&Entry) + Send,
    ) -> Result<Self> {
        let mut plan = Self {
            unaddressable: contents.unaddressable,
            ..Self::default()
        };
        let heading = contents.heading.take();
        let has_permissions = heading.as_ref().is_some_and(|heading| heading.permissions);
        if object.is_none() {
            plan.unnamed_in_export = contents.take_unnamed()?;
            if let Some(settings) = heading.and_then(|heading| heading.settings) {
                let service = sync.services().get(sync.service().clone()).await?;
                plan.settings = settings.changes(service);
            }
        }
        let mut objects = contents.objects;
        objects.retain(|it| object.is_none_or(|place| it.place == *place));
        let mut planner = Planner {
            sync,
            read,
            places: HashMap::with_capacity(objects.len()),
            plan,
            is_single: object.is_some(),
            has_permissions,
            wanted: Vec::with_capacity(objects.len()),
        };
        for object in objects {
            planner.plan.has_any |= !object.has_expired();
            let at = planner.wanted.len();
            planner.places.insert(object.place.clone(), at);
            planner.wanted.push(Some(object));
        }
        let Some(place) = object else {
            for kind in Kind::OBJECTS {
                planner.kind(kind, stored::objects(sync, kind)).await?;
            }
            return Ok(planner.plan);
        };
        let found = match stored::object(sync, place).await {
            Err(error) if error.is_not_found() && !place.is_sid() => None,
            found => Some(found?),
        };
        planner.plan.unique_name = found.as_ref().and_then(|it| it.entry.unique_name.clone());
        let found = found.map(|mut found| {
            // It may be given by its SID.
            found.entry.rename(&place.name);
            Ok(found)
        });
        planner
            .kind(place.kind, stream::iter(found).boxed())
            .await?;
        Ok(planner.plan)
    }
}

/// Makes a plan.
struct Planner<'a, F> {
    sync: &'a SyncClient,
    plan: Plan,
    read: F,
    /// The objects in the export, in order, that were not found yet.
    wanted: Vec<Option<Object>>,
    places: HashMap<Place, usize>,
    /// `true` if one object is compared, not the Service.
    is_single: bool,
    /// `true` if all permissions of an object are in the export.
    has_permissions: bool,
}

impl<F: FnMut(&Entry) + Send> Planner<'_, F> {
    /// Compares the objects of a kind.
    async fn kind(&mut self, kind: Kind, mut existing: StoredStream) -> Result<()> {
        while let Some(old) = existing.try_next().await? {
            (self.read)(&old.entry);
            let place = old.entry.place();
            let at = place.and_then(|place| self.places.get(&place));
            let object = at.and_then(|at| self.wanted[*at].take());
            match object {
                Some(object) => self.object(old, object).await?,
                None if old.entry.unique_name.is_none() && !self.is_single => {
                    self.plan.unnamed += 1;
                }
                None => self.compare(old, None),
            }
        }
        for at in 0..self.wanted.len() {
            if let Some(missing) = self.wanted[at].take_if(|object| object.place.kind == kind) {
                self.create(missing);
            }
        }
        Ok(())
    }

    /// Compares an object that exists.
    async fn object(&mut self, old: Stored, object: Object) -> Result<()> {
        if object.has_expired() {
            self.plan.expired += object.lines().count() as u64;
            return Ok(());
        }
        let sid = old.sid.clone();
        // Without a line of the object, only permissions and items are compared.
        if let Some(line) = object.line {
            self.compare(old, Some(line.entry));
        }
        if self.has_permissions || !object.permissions.is_empty() {
            let stored = permissions::stored(self.sync, &object.place, &sid);
            self.by_key(&sid, stored, object.permissions).await?;
        }
        let stored = stored::items(self.sync, &object.place, &sid, None);
        match object.place.kind {
            Kind::Map => self.by_key(&sid, stored, object.items).await,
            _ => self.list_items(&sid, stored, object.items).await,
        }
    }

    /// Compares the items of a List by position.
    async fn list_items(
        &mut self,
        sid: &str,
        mut stored: StoredStream,
        items: Vec<Line>,
    ) -> Result<()> {
        let mut items = items.into_iter().map(|line| line.entry).peekable();
        // Expired items before the next one: they may still exist, with a later expiry.
        let mut expired: VecDeque<Entry> = VecDeque::new();
        while let Some(old) = stored.try_next().await? {
            (self.read)(&old.entry);
            while let Some(item) = items.next_if(Entry::has_expired) {
                self.plan.expired += 1;
                expired.push_back(item);
            }
            if items.peek().is_none_or(|next| !next.is_same(&old.entry))
                && let Some(at) = expired.iter().position(|it| it.has_same_data(&old.entry))
            {
                expired.drain(..=at);
                continue;
            }
            expired.clear();
            self.compare(old, items.next());
        }
        for item in items {
            self.add(Some(sid), item);
        }
        Ok(())
    }

    /// Compares the items of a Map by key, or permissions by identity.
    async fn by_key(
        &mut self,
        sid: &str,
        mut stored: StoredStream,
        lines: Vec<Line>,
    ) -> Result<()> {
        let mut items: Vec<_> = lines.into_iter().map(|line| Some(line.entry)).collect();
        let key = |entry: &Entry| entry.key_or_identity().map(str::to_owned);
        let keys = items.iter().flatten().map(key);
        let places: HashMap<_, _> = keys.zip(0_usize..).collect();
        while let Some(old) = stored.try_next().await? {
            (self.read)(&old.entry);
            if old.entry.is_unaddressable() {
                self.plan.unaddressable += 1;
                continue;
            }
            let item = places.get(&key(&old.entry));
            let item = item.and_then(|at| items[*at].take());
            if item.is_none() && old.entry.kind.is_permission() && !self.has_permissions {
                continue;
            }
            self.compare(old, item);
        }
        for item in items.into_iter().flatten() {
            self.add(Some(sid), item);
        }
        Ok(())
    }

    /// Compares an object or item that exists.
    fn compare(&mut self, old: Stored, new: Option<Entry>) {
        let Stored {
            entry: old,
            sid,
            revision,
        } = old;
        let (verb, mut entry) = match new {
            Some(new) if new.has_expired() => {
                self.plan.expired += 1;
                return;
            }
            Some(new) if new.is_same(&old) => return,
            Some(new) => (Verb::Update, new),
            None => {
                let mut entry = Entry::new(old.kind, old.name().unwrap_or_default());
                entry.key.clone_from(&old.key);
                entry.identity.clone_from(&old.identity);
                (Verb::Remove, entry)
            }
        };
        // That in the export is of another time.
        entry.index = old.index;
        self.plan.changes.push(Change {
            verb,
            entry,
            old: Some(old),
            sid: Some(sid),
            revision,
        });
    }

    /// Adds an object or item that does not exist.
    fn add(&mut self, sid: Option<&str>, entry: Entry) {
        if entry.has_expired() {
            self.plan.expired += 1;
            return;
        }
        self.plan.changes.push(Change {
            sid: sid.map(str::to_owned),
            ..Change::create(entry)
        });
    }

    /// Adds an object that does not exist, with its permissions and items.
    fn create(&mut self, object: Object) {
        if object.has_expired() {
            self.plan.expired += object.lines().count() as u64;
            return;
        }
        match object.line {
            Some(line) => self.add(None, line.entry),
            // A Document cannot be created without data.
            None if object.place.kind == Kind::Document => {}
            None => self.add(None, object.place.into()),
        }
        for line in object.permissions.into_iter().chain(object.items) {
            self.add(None, line.entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_expiry_may_be_seconds_apart() {
        let now = Utc::now();
        let at = |seconds| Some(now + TimeDelta::seconds(seconds));
        assert!(is_same_expiry(None, None) && is_same_expiry(at(0), at(5)));
        assert!(!is_same_expiry(at(6), at(0)) && !is_same_expiry(None, at(0)));
    }
}
