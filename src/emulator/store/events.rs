//! What happened in a service, for those who want to be told: its webhooks.

use super::inputs::Data;
use super::registry::Seq;
use super::sid::{Kind, Sid};
use super::state::{
    Collection, Document, Item, ItemKey, Object, Place, Resource, Service, State, Stream,
};
use super::views::ObjectView;
use crate::emulator::error::Failure;

/// Something that happened in a service that wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) service: Sid,
    /// Where the service wants to be told.
    pub(crate) url: Box<str>,
    pub(crate) what: Happening,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// To a document, list, map or stream.
    Object(Change, Subject),
    Item {
        change: Change,
        collection: Subject,
        /// Its number among the events of the collection.
        event: u64,
        name: ItemName,
        revision: u64,
        data: Data,
    },
    Message {
        stream: Subject,
        sid: Sid,
        data: Data,
    },
    Endpoint {
        connected: bool,
        identity: Box<str>,
        endpoint: Box<str>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Created,
    Updated,
    Removed,
}

/// An object something happened to.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) sid: Sid,
    pub(crate) unique_name: Option<Box<str>>,
    /// Of all but streams.
    pub(crate) revision: Option<u64>,
    /// Of documents.
    pub(crate) data: Option<Data>,
}

#[derive(Clone, Debug)]
pub(crate) enum ItemName {
    Index(u64),
    Key(Box<str>),
}

/// What events tell of a kind of object beside what all have.
pub(crate) trait Told {
    fn revision(&self) -> Option<u64>;
    fn data(&self) -> Option<&Data> {
        None
    }
}

impl Told for Document {
    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn data(&self) -> Option<&Data> {
        Some(&self.data)
    }
}

impl<K> Told for Collection<K> {
    fn revision(&self) -> Option<u64> {
        Some(self.events)
    }
}

impl Told for Stream {
    fn revision(&self) -> Option<u64> {
        None
    }
}

impl Subject {
    pub(super) fn of<T: Resource>(object: &Object<T>) -> Self {
        Self {
            sid: Sid {
                kind: T::KIND,
                id: object.id,
            },
            unique_name: object.unique_name.clone(),
            revision: object.body.revision(),
            data: object.body.data().cloned(),
        }
    }
}

impl Service {
    /// What happened, if the service wants to be told of what happens over REST.
    pub(super) fn told(&self, what: impl FnOnce() -> Happening) -> Option<Event> {
        let url = self.settings.webhook_url.clone();
        let url = url.filter(|_| self.settings.webhooks_from_rest_enabled)?;
        Some(Event {
            service: self.sid(),
            url,
            what: what(),
        })
    }

    /// What happened to an endpoint, if the service wants to be told.
    pub(super) fn told_of_endpoint(
        &self,
        connected: bool,
        identity: &str,
        endpoint: &str,
    ) -> Option<Event> {
        let url = self.settings.webhook_url.clone();
        let url = url.filter(|_| self.settings.reachability_webhooks_enabled)?;
        Some(Event {
            service: self.sid(),
            url,
            what: Happening::Endpoint {
                connected,
                identity: identity.into(),
                endpoint: endpoint.into(),
            },
        })
    }
}

/// The events of a write, in their order.
#[derive(Debug, Default)]
pub(super) struct Events(Vec<Event>);

impl Events {
    pub(super) fn add(&mut self, event: Option<Event>) {
        self.0.extend(event);
    }

    pub(super) fn into_vec(self) -> Vec<Event> {
        self.0
    }

    pub(super) fn object<T: Resource>(
        &mut self,
        state: &State,
        service: Seq,
        change: Change,
        object: &Object<T>,
    ) -> Result<(), Failure> {
        let service = state.service(service)?;
        let event = service.told(|| Happening::Object(change, Subject::of(object)));
        self.0.extend(event);
        Ok(())
    }

    /// Notes what happened to an item; the event is the latest of its collection.
    pub(super) fn item<K: ItemKey>(
        &mut self,
        state: &State,
        place: Place,
        change: Change,
        key: &K,
        item: &Item,
    ) -> Result<(), Failure> {
        let object = state.object::<Collection<K>>(place)?;
        let event = state.service(place.service)?.told(|| Happening::Item {
            change,
            collection: Subject::of(object),
            event: object.body.events.saturating_sub(1),
            name: key.name(),
            revision: item.revision,
            data: item.data.clone(),
        });
        self.0.extend(event);
        Ok(())
    }
}

impl ObjectView<'_, Stream> {
    /// The message that was published.
    pub(super) fn published(&self, service: &Service, sid: Sid, data: &Data) -> Option<Event> {
        service.told(|| Happening::Message {
            stream: Subject::of(self.object),
            sid,
            data: data.clone(),
        })
    }
}

impl Subject {
    pub(crate) fn kind(&self) -> Kind {
        self.sid.kind
    }
}
