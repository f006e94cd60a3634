//! The state of the service and its rules, free of HTTP.
//!
//! One lock guards all of it: writes follow one another, and a reader never sees half of one. A
//! closure reads or writes with a [`Reader`] or [`Writer`]; objects and items that have expired by
//! then are already removed. Every change is an [`Event`], which [subscribers](Subscriber) receive
//! under the lock.

mod access;
mod clock;
mod deadlines;
mod documents;
mod dump;
mod endpoints;
mod events;
mod expiry;
mod inputs;
mod items;
mod keys;
mod model;
mod objects;
mod paging;
mod permissions;
mod random;
mod records;
mod registry;
mod replay;
mod restore;
mod service_error;
mod services;
mod sid;
mod state;
mod streams;
mod time;
mod views;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use access::{Reader, Writer};
pub use clock::Clock;
pub(crate) use events::{
    Cause, Change, Event, ItemState, ObjectState, Subject, Subscriber, Subscribers,
};
pub(crate) use inputs::{
    Data, IfMatch, Ttl, debouncing_window, friendly_name, identity, map_key, unique_name,
    webhook_url, whole_number,
};
pub(crate) use items::{Absent, ItemChange, ItemRules, NewItem, Removed};
pub(crate) use keys::RecordKey;
pub(crate) use model::{
    Actor, Collection, Document, Grant, History, Item, ItemName, Items, Key, List, Map, Permitted,
    Resource, Service, ServiceState, Stream,
};
pub(crate) use objects::NewObject;
pub(crate) use paging::{Bounds, Edge, Order, Page, Position, Walk};
pub(crate) use random::Random;
pub(crate) use records::{
    Flaw, GrantRecord, ItemRecord, ObjectRecord, Records, RemovalRecord, ServiceRecord,
};
pub(crate) use replay::LastEvent;
pub(crate) use restore::Damage;
pub(crate) use service_error::ServiceError;
pub(crate) use services::SettingsChange;
pub(crate) use sid::{Kind, Sid, is_sid_shaped};
pub(crate) use state::State;
pub(crate) use time::Millis;
pub(crate) use views::{GrantView, ItemView, ObjectView};

pub(crate) use self::clock::OnMove;
use self::events::Events;

/// All Services of the account.
pub(crate) struct Store(Arc<Shared>);

struct Shared {
    state: RwLock<State>,
    clock: Clock,
    default_service: Sid,
    /// Sent when the next expiry may be nearer than it was.
    rescheduled: watch::Sender<()>,
}

impl Store {
    /// A store with this state. Objects and items that expire are removed at once when `clock` is
    /// moved; while it runs by itself, the task of [`expire_when_due`](Self::expire_when_due)
    /// removes them.
    pub(crate) fn new(
        mut state: State,
        clock: Clock,
        default_service: Sid,
        subscribers: Subscribers,
    ) -> Self {
        state.events = Events::new(subscribers);
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            clock,
            default_service,
            rescheduled: watch::Sender::new(()),
        });
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        shared.clock.on_move(weak);
        Self(shared)
    }

    /// Removes all Services, and adds the default one again, which is empty.
    pub(crate) fn reset(&self) {
        let mut fresh = self.0.lock().successor();
        fresh.add_default_service(self.0.default_service, self.0.clock.millis());
        self.replace(fresh);
    }

    /// All Services without anything that has expired.
    pub(crate) fn dump(&self) -> Records {
        self.read(|reader| reader.state.dump())
    }

    /// Replaces all Services by those of a seed; an invalid seed changes nothing.
    pub(crate) fn seed(&self, records: Records) -> Result<(), Flaw> {
        let mut fresh = self.0.lock().successor();
        fresh.seed(records, self.0.default_service, self.0.clock.millis())?;
        self.replace(fresh);
        Ok(())
    }

    fn replace(&self, fresh: State) {
        let mut created = self.0.lock().events.of_replacement();
        // Before the lock is taken, as there can be many.
        fresh.add_creation(&mut created);
        let mut state = self.0.lock_for_write();
        let old = state.replace(fresh, created);
        // A large state takes time to drop: not under the lock.
        drop(state);
        drop(old);
        self.0.rescheduled.send_replace(());
    }

    /// Removes all objects and items that have expired.
    pub(crate) fn expire(&self) {
        self.0.expire();
    }

    /// Reads as the system.
    pub(crate) fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        self.read_as(&Actor::System, read)
    }

    pub(crate) fn read_as<R>(&self, actor: &Actor, read: impl FnOnce(Reader<'_>) -> R) -> R {
        let mut state = self.0.lock();
        // The time is read again, as the clock may be set back meanwhile.
        while state.is_overdue(self.0.clock.millis()) {
            drop(state);
            self.0.expire();
            state = self.0.lock();
        }
        read(Reader {
            state: &state,
            actor,
        })
    }

    /// Writes as the system.
    pub(crate) fn write<R>(&self, write: impl FnOnce(Writer<'_>) -> R) -> R {
        self.write_as(&Actor::System, write)
    }

    pub(crate) fn write_as<R>(&self, actor: &Actor, write: impl FnOnce(Writer<'_>) -> R) -> R {
        self.0.write_from(actor, None, write)
    }

    /// Writes as an actor, with an endpoint of its own where it is client software.
    pub(crate) fn write_from<R>(
        &self,
        actor: &Actor,
        endpoint: Option<&Arc<str>>,
        write: impl FnOnce(Writer<'_>) -> R,
    ) -> R {
        self.0.write_from(actor, endpoint, write)
    }

    /// Removes objects and items when they expire, also while nobody uses the store.
    ///
    /// It runs in a task of its own, does not keep the store alive, and ends with it.
    pub(crate) fn expire_when_due(&self) -> impl Future<Output = ()> + Send + 'static {
        let store = Arc::downgrade(&self.0);
        let mut rescheduled = self.0.rescheduled.subscribe();
        async move {
            loop {
                let Some(sleep) = store.upgrade().map(|store| store.until_next_expiry()) else {
                    return;
                };
                let change = rescheduled.changed();
                // A change is an error when the store was dropped: it cannot be upgraded then.
                let _ = match sleep {
                    None => Ok(change.await),
                    Some(sleep) => timeout(sleep, change).await,
                };
                match store.upgrade() {
                    Some(store) => store.expire(),
                    None => return,
                }
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_for_write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_from<R>(
        &self,
        actor: &Actor,
        endpoint: Option<&Arc<str>>,
        write: impl FnOnce(Writer<'_>) -> R,
    ) -> R {
        let mut state = self.lock_for_write();
        // Read under the lock, so that later writes have later dates.
        let now = self.clock.millis();
        let removed = Writer::new(&mut state, now, &Actor::System).expire();
        let before = state.next_expiry();
        let writer = Writer::new(&mut state, now, actor);
        writer.state.events.set_endpoint(endpoint);
        let written = write(writer);
        let after = state.next_expiry();
        state.events.emit();
        // Large objects take time to drop: not under the lock.
        drop(state);
        drop(removed);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.rescheduled.send_replace(());
        }
        written
    }

    fn expire(&self) {
        if self.lock().is_overdue(self.clock.millis()) {
            self.write_from(&Actor::System, None, |_| ());
        }
    }

    /// The time until something expires; none if nothing does, or only when the clock is moved.
    fn until_next_expiry(&self) -> Option<Duration> {
        let at = self.lock().next_expiry()?.millis();
        self.clock.sleep_until(at)
    }
}

impl OnMove for Shared {
    fn moved(&self) {
        self.expire();
        self.rescheduled.send_replace(());
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
