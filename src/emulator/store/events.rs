//! What changes in a service, for its subscribers.
//!
//! Every change is one event: of an object, an item, a message or an endpoint. Changes of
//! permissions and of services themselves are none, nor are the items that go along when their
//! object is removed.

use std::sync::Arc;

use super::inputs::Data;
use super::model::{Actor, Content, Item, ItemName, Object, Parts, Resource, Settings};
use super::sid::{Kind, Sid};
use super::time::{Expiry, Millis};

/// A change in a service.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) service: Sid,
    /// The settings of the service when it was emitted.
    pub(crate) settings: Arc<Settings>,
    /// Who made the change.
    pub(crate) actor: Actor,
    pub(crate) subject: Subject,
}

/// What the change was made to.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// A document, list, map or stream.
    Object(Change, ObjectState),
    /// An item of a list or map.
    Item(Change, ItemState),
    /// A message that was published to a stream.
    Message {
        stream: ObjectState,
        sid: Sid,
        data: Data,
    },
    /// An endpoint that connected or disconnected. The actor is its identity.
    Endpoint { connected: bool, endpoint: Box<str> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    /// Its data was written.
    Updated,
    /// Only its expiry was set. Nothing but a document takes a number of its own for that.
    ExpirySet,
    /// By a request, or because it expired.
    Removed,
}

/// An object after the change; before it, where it was removed.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "webhooks do not have all members; other subscribers need them"
    )
)]
pub(crate) struct ObjectState {
    pub(crate) sid: Sid,
    pub(crate) unique_name: Option<Box<str>>,
    /// The number of the latest event of the object: of this one, if such events have numbers.
    pub(crate) event_id: Option<u64>,
    /// All but streams have one.
    pub(crate) revision: Option<u64>,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) expires: Option<Expiry>,
    pub(crate) created_by: Actor,
    /// Only documents have it.
    pub(crate) data: Option<Data>,
}

/// An item after the change; before it, where it was removed.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "webhooks do not have all members; other subscribers need them"
    )
)]
pub(crate) struct ItemState {
    /// The list or map it is in, whose latest event is that of the item.
    pub(crate) collection: ObjectState,
    pub(crate) name: ItemName,
    pub(crate) revision: u64,
    pub(crate) created: Millis,
    pub(crate) updated: Millis,
    pub(crate) expires: Option<Expiry>,
    pub(crate) created_by: Actor,
    pub(crate) data: Data,
}

impl ObjectState {
    pub(super) fn new<T: Resource>(object: &Object<T>) -> Self {
        let Parts { revision, data, .. } = object.body.parts();
        Self {
            sid: object.sid(),
            unique_name: object.unique_name.clone(),
            event_id: object.body.last_event(),
            revision,
            created: object.created,
            updated: object.updated,
            expires: object.expires,
            created_by: object.created_by.clone(),
            data,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.sid.kind
    }
}

impl ItemState {
    pub(super) fn new<T: Resource>(collection: &Object<T>, name: ItemName, item: &Item) -> Self {
        Self {
            collection: ObjectState::new(collection),
            name,
            revision: item.revision,
            created: item.created,
            updated: item.updated,
            expires: item.expires,
            created_by: item.created_by.clone(),
            data: item.data.clone(),
        }
    }
}
