//! How subscribers get the changes and events of a store.

use std::sync::Arc;

use super::events::{Event, Subject};
use super::journal::RecordChange;
use super::model::{Actor, Service, Settings};
use super::sid::Sid;

/// Gets what changes in the store.
///
/// It is called under the lock of the store, so in the order of the writes, each write's records
/// before its events. It must not wait for anything, nor use the store: it queues what takes time.
pub(crate) trait Subscriber: Send + Sync {
    /// A write has changed records. It is called only where the state keeps a journal.
    fn records_changed(&self, _changes: &Arc<Vec<RecordChange>>) {}

    /// Returns whether it may want an event of this service and actor.
    ///
    /// An event is built only when a subscriber wants it, so this must be cheap; it gets events
    /// that others want too.
    fn wants_event(&self, _service: Sid, _settings: &Settings, _actor: &Actor) -> bool {
        false
    }

    /// An event was emitted that this subscriber or another wants.
    fn event(&self, _event: &Arc<Event>) {}
}

pub(crate) type Subscribers = Vec<Arc<dyn Subscriber>>;

/// The events of a write, in their order.
pub(super) struct Events<'a> {
    subscribers: &'a [Arc<dyn Subscriber>],
    events: Vec<Arc<Event>>,
}

impl<'a> Events<'a> {
    pub(super) fn new(subscribers: &'a [Arc<dyn Subscriber>]) -> Self {
        Self {
            subscribers,
            events: Vec::new(),
        }
    }

    /// Returns whether a subscriber may want an event of this service and actor.
    pub(super) fn is_wanted(&self, service: &Service, actor: &Actor) -> bool {
        let (sid, settings) = (service.sid(), &service.settings);
        let mut subscribers = self.subscribers.iter();
        subscribers.any(|subscriber| subscriber.wants_event(sid, settings, actor))
    }

    /// Adds an event, which is built only if a subscriber wants it.
    pub(super) fn add(
        &mut self,
        service: &Service,
        actor: &Actor,
        subject: impl FnOnce() -> Subject,
    ) {
        if self.is_wanted(service, actor) {
            self.events.push(Arc::new(Event {
                service: service.sid(),
                settings: Arc::clone(&service.settings),
                actor: actor.clone(),
                subject: subject(),
            }));
        }
    }

    /// Hands a write's changes of records and its events to the subscribers.
    pub(super) fn emit(self, changes: Vec<RecordChange>) {
        if !changes.is_empty() {
            let changes = Arc::new(changes);
            for subscriber in self.subscribers {
                subscriber.records_changed(&changes);
            }
        }
        for event in &self.events {
            for subscriber in self.subscribers {
                subscriber.event(event);
            }
        }
    }
}
