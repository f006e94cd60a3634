//! The plain types of the store: Services, objects, items and permissions.
//!
//! A kind of object is a type that implements [`Resource`]: [`Document`], [`List`], [`Map`] or
//! [`Stream`]. Lists and maps are [collections](Collection) too.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::inputs::{Data, Ttl};
use super::registry::{Record, Registry, Seq};
use super::service_error::ServiceError;
use super::sid::{Id, Kind, Sid};
use super::time::{Expiry, Millis};

/// An actor, which reads and writes.
///
/// It is as small as a pointer, as each item has its creator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The account itself, over REST, and the service when something expires.
    #[default]
    System,
    /// Client software that connected with an access token.
    Identity(Arc<String>),
}

impl Actor {
    pub(crate) fn identity(name: &str) -> Self {
        Self::Identity(Arc::new(name.to_owned()))
    }

    /// `system`, or the identity: what `created_by` shows.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::System => "system",
            Self::Identity(name) => name,
        }
    }
}

/// A Service and all that is in it.
#[derive(Debug)]
pub(crate) struct Service {
    /// Shared with the events that were emitted while it was in force.
    pub(crate) state: Arc<ServiceState>,
    pub(super) documents: Registry<Object<Document>>,
    pub(super) lists: Registry<Object<List>>,
    pub(super) maps: Registry<Object<Map>>,
    pub(super) streams: Registry<Object<Stream>>,
}

impl Service {
    pub(super) fn new(
        sid: Sid,
        unique_name: Option<Box<str>>,
        settings: Settings,
        now: Millis,
    ) -> Self {
        Self::from_state(ServiceState {
            id: sid.id,
            unique_name,
            created: now,
            updated: now,
            settings,
        })
    }

    /// A Service with nothing in it.
    pub(super) fn from_state(state: ServiceState) -> Self {
        Self {
            state: Arc::new(state),
            documents: Registry::default(),
            lists: Registry::default(),
            maps: Registry::default(),
            streams: Registry::default(),
        }
    }

    pub(crate) fn sid(&self) -> Sid {
        self.state.sid()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.state.settings
    }
}

/// A Service without its objects.
#[derive(Clone, Debug)]
pub(crate) struct ServiceState {
    pub(super) id: Id,
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) settings: Settings,
}

impl ServiceState {
    pub(crate) fn sid(&self) -> Sid {
        Sid {
            kind: Kind::Service,
            id: self.id,
        }
    }
}

/// The settings of a Service, with the names of the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the API has that many flags")]
pub(crate) struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) friendly_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_url: Option<Box<str>>,
    pub(crate) webhooks_from_rest_enabled: bool,
    pub(crate) reachability_webhooks_enabled: bool,
    pub(crate) acl_enabled: bool,
    pub(crate) reachability_debouncing_enabled: bool,
    /// Milliseconds.
    pub(crate) reachability_debouncing_window: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            friendly_name: None,
            webhook_url: None,
            webhooks_from_rest_enabled: false,
            reachability_webhooks_enabled: false,
            acl_enabled: false,
            reachability_debouncing_enabled: false,
            reachability_debouncing_window: 5_000,
        }
    }
}

/// A document, list, map or stream.
#[derive(Debug)]
pub(crate) struct Object<T: Resource> {
    pub(super) id: Id,
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) history: History,
    /// By identity.
    pub(super) grants: BTreeMap<Box<str>, Grant>,
    pub(crate) body: T::Body,
}

impl<T: Resource> Object<T> {
    pub(super) fn sid(&self) -> Sid {
        Sid {
            kind: T::KIND,
            id: self.id,
        }
    }
}

/// The dates of an object or item, and its creator.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) expires: Option<Expiry>,
    pub(crate) created_by: Actor,
}

impl History {
    /// The history of an object or item that `actor` creates now.
    pub(super) fn new(actor: &Actor, now: Millis, ttl: Option<Ttl>) -> Self {
        Self {
            created: now,
            updated: now,
            expires: ttl.and_then(|ttl| ttl.expiry(now)),
            created_by: actor.clone(),
        }
    }
}

/// One JSON object with a revision.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) data: Data,
    /// The number of data writes since it was created.
    pub(crate) revision: u64,
    /// The number of writes of a TTL alone: events that do not move the revision.
    pub(super) ttl_writes: u64,
}

impl Document {
    pub(crate) fn new(data: Data) -> Self {
        Self {
            data,
            revision: 0,
            ttl_writes: 0,
        }
    }

    /// The number of its last event: its creation is event 0.
    pub(crate) fn last_event(&self) -> u64 {
        self.revision.saturating_add(self.ttl_writes)
    }
}

/// The kind of Lists, whose items are found by index.
#[derive(Debug)]
pub(crate) enum List {}

/// The kind of Maps, whose items are found by key.
#[derive(Debug)]
pub(crate) enum Map {}

/// The kind of Message Streams, whose messages are not stored.
#[derive(Debug)]
pub(crate) struct Stream;

/// The items of a List or Map.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the items are its first subject")]
pub(crate) struct Items<K> {
    /// The number of items added, changed and removed so far, which is also
    /// the number of the next such event.
    pub(crate) events: u64,
    pub(super) items: BTreeMap<K, Item>,
    /// The items that were removed, for clients that were away meanwhile.
    pub(super) removals: Removals<K>,
    /// A description of the List by the client software that created it.
    pub(crate) context: Option<Data>,
}

impl<K> Items<K> {
    /// No items, in a List with this description.
    pub(crate) fn with_context(context: Option<Data>) -> Self {
        Self {
            context,
            ..Self::default()
        }
    }
}

/// The latest removals of a List or Map, by index or key: the number of the event, and its date.
///
/// A removal stays when its key is there again, so that a full list is known to have dropped others.
#[derive(Debug)]
pub(crate) struct Removals<K>(BTreeMap<K, (u64, Millis)>);

/// The number of removals that a List or Map remembers.
const MAX_REMOVALS: usize = 1_000;

impl<K> Default for Removals<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Key> Removals<K> {
    /// Adds a removal. Returns the key of the oldest one if that is dropped for it.
    pub(super) fn add(&mut self, key: &K, event: u64, date: Millis) -> Option<K> {
        self.0.insert(key.clone(), (event, date));
        if self.0.len() <= MAX_REMOVALS {
            return None;
        }
        let (oldest, _) = self.oldest()?;
        self.0.remove(&oldest);
        Some(oldest)
    }

    fn oldest(&self) -> Option<(K, u64)> {
        let oldest = self.iter().min_by_key(|(_, event)| *event);
        oldest.map(|(key, event)| (key.clone(), event))
    }

    /// The number of the first event since which all removals are known.
    pub(super) fn known_from(&self) -> u64 {
        if self.0.len() < MAX_REMOVALS {
            return 0;
        }
        self.oldest().map_or(0, |(_, event)| event)
    }

    pub(super) fn get(&self, key: &K) -> Option<(u64, Millis)> {
        self.0.get(key).copied()
    }

    /// The removals with the numbers of their events.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        self.0.iter().map(|(key, (event, _))| (key, *event))
    }
}

impl<K> Default for Items<K> {
    fn default() -> Self {
        Self {
            events: 0,
            items: BTreeMap::new(),
            removals: Removals::default(),
            context: None,
        }
    }
}

/// An item of a List or Map.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) data: Data,
    /// The event that wrote it.
    pub(crate) revision: u64,
    pub(crate) history: History,
}

/// The index or key of an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ItemName {
    Index(u64),
    Key(Box<str>),
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Key(key) => f.write_str(key),
        }
    }
}

/// The rights of an identity to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) manage: bool,
}

impl Grant {
    /// The rights of the creator of an object.
    pub(crate) const ALL: Self = Self {
        read: true,
        write: true,
        manage: true,
    };
}

impl Record for Service {
    fn id(&self) -> Id {
        self.state.id
    }

    fn unique_name(&self) -> Option<&str> {
        self.state.unique_name.as_deref()
    }
}

impl<T: Resource> Record for Object<T> {
    fn id(&self) -> Id {
        self.id
    }

    fn unique_name(&self) -> Option<&str> {
        self.unique_name.as_deref()
    }
}

/// The place of an object in the order of creation, and that of its Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) service: Seq,
    pub(crate) object: Seq,
}

/// A kind of object.
pub(crate) trait Resource: Sized + 'static {
    const KIND: Kind;
    /// The members that only objects of this kind have.
    type Body: Content + Debug + Send + Sync;

    /// The objects of this kind in a Service.
    fn registry(service: &Service) -> &Registry<Object<Self>>;
    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>>;
}

/// The members that only objects of one kind have, for records and events.
pub(crate) trait Content: Sized {
    /// A copy of the members, without items.
    fn parts(&self) -> Parts;
    /// Takes the members from `parts`; one that is absent has its first value.
    fn from_parts(parts: &mut Parts) -> Result<Self, ServiceError>;
    /// Calls `visit` with each item, and a function that returns its index or key.
    fn visit_items(&self, _visit: &mut dyn FnMut(&Item, &dyn Fn() -> ItemName)) {}
    /// Counts a write of the object's TTL alone, where such events have numbers.
    fn count_ttl_write(&mut self) {}
}

/// The members of a [`Content`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// All but streams have one.
    pub(crate) revision: Option<u64>,
    /// The number of writes of a TTL alone; only Documents have it.
    pub(crate) ttl_writes: Option<u64>,
    /// Only Documents have it.
    pub(crate) data: Option<Data>,
    /// Only Lists have it.
    pub(crate) context: Option<Data>,
}

/// A kind of object that takes permissions.
pub(crate) trait Permitted: Resource {}

/// A kind of object with items.
pub(crate) trait Collection:
    Permitted + Resource<Body = Items<<Self as Collection>::Key>>
{
    type Key: Key;
}

/// An index or key, by which an item is found.
pub(crate) trait Key: Ord + Clone + Debug + Send + Sync + 'static {
    fn name(&self) -> ItemName;
    /// The key of this name; none if it is the name of another kind's item.
    fn from_name(name: ItemName) -> Option<Self>;
}

impl Resource for Document {
    const KIND: Kind = Kind::Document;
    type Body = Self;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.documents
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.documents
    }
}

impl Resource for List {
    const KIND: Kind = Kind::List;
    type Body = Items<u64>;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.lists
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.lists
    }
}

impl Resource for Map {
    const KIND: Kind = Kind::Map;
    type Body = Items<Box<str>>;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.maps
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.maps
    }
}

impl Resource for Stream {
    const KIND: Kind = Kind::Stream;
    type Body = Self;

    fn registry(service: &Service) -> &Registry<Object<Self>> {
        &service.streams
    }

    fn registry_mut(service: &mut Service) -> &mut Registry<Object<Self>> {
        &mut service.streams
    }
}

impl Content for Document {
    fn parts(&self) -> Parts {
        Parts {
            revision: Some(self.revision),
            ttl_writes: Some(self.ttl_writes),
            data: Some(self.data.clone()),
            context: None,
        }
    }

    fn from_parts(parts: &mut Parts) -> Result<Self, ServiceError> {
        Ok(Self {
            data: match parts.data.take() {
                Some(data) => data,
                None => Data::empty()?,
            },
            revision: parts.revision.take().unwrap_or_default(),
            ttl_writes: parts.ttl_writes.take().unwrap_or_default(),
        })
    }

    fn count_ttl_write(&mut self) {
        self.ttl_writes += 1;
    }
}

impl<K: Key> Content for Items<K> {
    fn parts(&self) -> Parts {
        Parts {
            revision: Some(self.events),
            context: self.context.clone(),
            ..Parts::default()
        }
    }

    fn from_parts(parts: &mut Parts) -> Result<Self, ServiceError> {
        Ok(Self {
            events: parts.revision.take().unwrap_or_default(),
            context: parts.context.take(),
            ..Self::default()
        })
    }

    fn visit_items(&self, visit: &mut dyn FnMut(&Item, &dyn Fn() -> ItemName)) {
        for (key, item) in &self.items {
            visit(item, &|| key.name());
        }
    }
}

impl Content for Stream {
    fn parts(&self) -> Parts {
        Parts::default()
    }

    fn from_parts(_: &mut Parts) -> Result<Self, ServiceError> {
        Ok(Self)
    }
}

impl Permitted for Document {}
impl Permitted for List {}
impl Permitted for Map {}

impl Collection for List {
    type Key = u64;
}

impl Collection for Map {
    type Key = Box<str>;
}

impl Key for u64 {
    fn name(&self) -> ItemName {
        ItemName::Index(*self)
    }

    fn from_name(name: ItemName) -> Option<Self> {
        match name {
            ItemName::Index(index) => Some(index),
            ItemName::Key(_) => None,
        }
    }
}

impl Key for Box<str> {
    fn name(&self) -> ItemName {
        ItemName::Key(self.clone())
    }

    fn from_name(name: ItemName) -> Option<Self> {
        match name {
            ItemName::Key(key) => Some(key),
            ItemName::Index(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A List can have a million items.
    #[test]
    fn an_item_is_small() {
        assert!(size_of::<Item>() <= 56, "{}", size_of::<Item>());
    }
}
