//! Events: one for each change, in the order of the writes, with its actor.
//!
//! A mirror of the store can be built from them alone. An object or Service that is removed takes
//! with it all that it contains, for which there are no events. A reset or seed is the removal of
//! all Services, and the creation of those that replace them with all that they contain.

use std::fmt;
use std::sync::Arc;

use super::inputs::Data;
use super::model::{
    Actor, Content, Grant, History, Item, ItemName, Object, Parts, Place, Resource, Service,
    ServiceState,
};
use super::registry::Seq;
use super::sid::{Kind, Sid};

/// A change in a Service.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The Service after the change; before it, where it was removed.
    pub(crate) service: Arc<ServiceState>,
    pub(crate) actor: Actor,
    /// The endpoint of the actor, where it is client software.
    pub(crate) endpoint: Option<Arc<str>>,
    pub(crate) cause: Cause,
    pub(crate) subject: Subject,
}

/// The cause of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A write of the actor, or the expiry of an object or item.
    #[default]
    Write,
    /// A reset or a seed, which is no write of the service's.
    Replacement,
}

/// The subject of a change.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// The Service itself, by its place in the order of creation.
    Service(Change, Seq),
    /// A Document, List, Map or Message Stream.
    Object(Change, ObjectState),
    /// An item of a List or Map.
    Item(Change, ItemState),
    /// A permission of a Document, List or Map.
    Permission(Change, PermissionState),
    /// A message that was published to a Message Stream.
    Message {
        stream: ObjectState,
        sid: Sid,
        data: Data,
    },
    /// An endpoint that connected or disconnected. The actor is its identity.
    Endpoint { connected: bool, endpoint: Box<str> },
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    /// Its data, settings or rights were written.
    Updated,
    /// Only its expiry was set. Such events have a number for Documents only.
    ExpirySet,
    /// It was removed by a request, or because it expired.
    Removed,
}

impl Change {
    /// The change of a Document or item by a write, which has data or only a TTL.
    pub(super) fn of_data(data: Option<&Data>) -> Self {
        match data {
            Some(_) => Self::Updated,
            None => Self::ExpirySet,
        }
    }
}

/// An object after the change; before it, where it was removed.
#[derive(Clone, Debug)]
pub(crate) struct ObjectState {
    pub(crate) place: Place,
    pub(crate) sid: Sid,
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) history: History,
    pub(crate) parts: Parts,
}

/// An item after the change; before it, where it was removed.
#[derive(Clone, Debug)]
pub(crate) struct ItemState {
    /// The List or Map of the item, after the change.
    pub(crate) collection: ObjectState,
    pub(crate) name: ItemName,
    pub(crate) item: Item,
    /// The item whose removal is dropped, as this removal is one too many to remember.
    pub(crate) forgotten: Option<ItemName>,
}

/// A permission after the change; before it, where it was removed.
#[derive(Clone, Debug)]
pub(crate) struct PermissionState {
    pub(crate) object: ObjectState,
    pub(crate) identity: Box<str>,
    pub(crate) grant: Grant,
}

impl ObjectState {
    pub(super) fn new<T: Resource>(place: Place, object: &Object<T>) -> Self {
        Self {
            place,
            sid: object.sid(),
            unique_name: object.unique_name.clone(),
            history: object.history.clone(),
            parts: object.body.parts(),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.sid.kind
    }

    /// The number of the latest event of the object; none where no event has a number yet.
    ///
    /// The creation of a Document is event 0. Of Lists and Maps only changes of items have numbers.
    pub(crate) fn event_id(&self) -> Option<u64> {
        let revision = self.parts.revision?;
        match self.parts.ttl_writes {
            Some(ttl_writes) => Some(revision.saturating_add(ttl_writes)),
            None => revision.checked_sub(1),
        }
    }
}

impl ItemState {
    pub(super) fn new(collection: ObjectState, name: ItemName, item: &Item) -> Self {
        Self {
            collection,
            name,
            item: item.clone(),
            forgotten: None,
        }
    }
}

impl PermissionState {
    pub(super) fn new(object: ObjectState, identity: &str, grant: Grant) -> Self {
        Self {
            object,
            identity: identity.into(),
            grant,
        }
    }
}

/// Receives the events of a store.
///
/// It is called under the lock of the store, so in the order of the writes. It must not wait for
/// anything, nor use the store: it queues work that takes time.
pub(crate) trait Subscriber: Send + Sync {
    /// Returns whether it may want an event with this Service, actor and cause.
    ///
    /// An event is built only when a subscriber wants it, so this must be cheap; it receives events
    /// that others want too.
    fn wants(&self, service: &ServiceState, actor: &Actor, cause: Cause) -> bool;

    /// Receives the events of a write, in their order: all of the write, or none.
    fn receive(&self, events: &[Arc<Event>]);
}

pub(crate) type Subscribers = Vec<Arc<dyn Subscriber>>;

/// The subscribers of a state, and the events of the write under way.
#[derive(Default)]
pub(super) struct Events {
    subscribers: Arc<Subscribers>,
    actor: Actor,
    endpoint: Option<Arc<str>>,
    cause: Cause,
    list: Vec<Arc<Event>>,
}

impl Events {
    pub(super) fn new(subscribers: Subscribers) -> Self {
        Self {
            subscribers: Arc::new(subscribers),
            ..Self::default()
        }
    }

    /// Events for the same subscribers, of a reset or seed.
    pub(super) fn of_replacement(&self) -> Self {
        Self {
            subscribers: Arc::clone(&self.subscribers),
            cause: Cause::Replacement,
            ..Self::default()
        }
    }

    /// Sets the actor of the events from now on, which has no endpoint.
    pub(super) fn set_actor(&mut self, actor: &Actor) {
        self.actor = actor.clone();
        self.endpoint = None;
    }

    /// Sets the endpoint of the actor.
    pub(super) fn set_endpoint(&mut self, endpoint: Option<&Arc<str>>) {
        self.endpoint = endpoint.cloned();
    }

    /// Adds an event, which is built only if a subscriber wants it.
    pub(super) fn add(&mut self, service: &Service, subject: impl FnOnce() -> Option<Subject>) {
        let (actor, cause) = (&self.actor, self.cause);
        let mut subscribers = self.subscribers.iter();
        if !subscribers.any(|subscriber| subscriber.wants(&service.state, actor, cause)) {
            return;
        }
        self.list.extend(subject().map(|subject| {
            Arc::new(Event {
                service: Arc::clone(&service.state),
                actor: actor.clone(),
                endpoint: self.endpoint.clone(),
                cause,
                subject,
            })
        }));
    }

    /// Adds events after these.
    pub(super) fn append(&mut self, mut later: Self) {
        self.list.append(&mut later.list);
    }

    /// Gives the events to the subscribers.
    pub(super) fn emit(&mut self) {
        if self.list.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.list);
        for subscriber in &*self.subscribers {
            subscriber.receive(&events);
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}
