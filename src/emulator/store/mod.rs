//! The service's state and its rules, free of HTTP.
//!
//! One lock guards all of it: writes follow one another, and a reader never
//! sees half of one. Reading and writing happen in a closure that gets a
//! [`Reader`] or a [`Writer`]; what has expired by then is already removed.
//! Every change is an [`Event`], which [subscribers](Subscriber) get under the lock.

mod access;
mod deadlines;
mod documents;
mod dump;
mod endpoints;
mod events;
mod expiry;
mod inputs;
mod items;
mod journal;
mod model;
mod objects;
mod paging;
mod permissions;
mod records;
mod registry;
mod restore;
mod services;
mod sid;
mod state;
mod streams;
mod subscriber;
mod time;
mod views;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use access::{Reader, Writer};
pub(crate) use events::{Change, Event, ObjectState, Subject};
pub(crate) use inputs::{
    Data, IfMatch, Ttl, debouncing_window, friendly_name, identity, map_key, unique_name,
    webhook_url, whole_number,
};
pub(crate) use items::{ItemChange, ItemRules, NewItem};
pub(crate) use journal::RecordChange;
pub(crate) use model::{
    Actor, Collection, Document, Grant, ItemName, Items, List, Map, Permitted, Resource, Service,
    Settings, Stream,
};
pub(crate) use objects::NewObject;
pub(crate) use paging::{Bounds, Edge, Order, Page, Position, Walk};
pub(crate) use records::{Flaw, Records};
pub(crate) use restore::Damage;
pub(crate) use services::SettingsChange;
pub(crate) use sid::{Kind, Sid, looks_like_sid};
pub(crate) use state::State;
pub(crate) use subscriber::{Subscriber, Subscribers};
pub(crate) use time::{Expiry, Millis};
pub(crate) use views::{GrantView, ItemView, ObjectView};

use self::subscriber::Events;
use super::clock::{Clock, OnMove};

/// All services of the account.
pub(crate) struct Store(Arc<Shared>);

struct Shared {
    state: RwLock<State>,
    clock: Clock,
    default_service: Sid,
    subscribers: Subscribers,
    /// Sent when the next expiry may be nearer than it was.
    rescheduled: watch::Sender<()>,
}

impl Store {
    /// A store with this state. What expires is removed at once when `clock` is moved; while it
    /// runs by itself that takes the task of [`expire_when_due`](Self::expire_when_due).
    pub(crate) fn new(
        state: State,
        clock: Clock,
        default_service: Sid,
        subscribers: Subscribers,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            clock,
            default_service,
            subscribers,
            rescheduled: watch::Sender::new(()),
        });
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        shared.clock.on_move(weak);
        Self(shared)
    }

    /// Removes all but the default service, which is new again.
    pub(crate) fn reset(&self) {
        let mut fresh = self.empty();
        fresh.add_default_service(self.0.default_service, self.0.clock.millis());
        self.replace(fresh);
    }

    /// Everything in it, but what has expired.
    pub(crate) fn dump(&self) -> Records {
        self.read(|reader| reader.state.dump())
    }

    /// Puts a seed in place of everything; a seed that has a flaw changes nothing.
    pub(crate) fn seed(&self, records: Records) -> Result<(), Flaw> {
        let mut fresh = self.empty();
        fresh.seed(records, self.0.default_service, self.0.clock.millis())?;
        self.replace(fresh);
        Ok(())
    }

    /// A state that holds nothing, and keeps a journal where this one does.
    fn empty(&self) -> State {
        let mut state = State::default();
        let current = self.0.lock();
        state.set_random(current.random().clone());
        if current.keeps_journal() {
            state.keep_journal();
        }
        state
    }

    fn replace(&self, fresh: State) {
        let mut state = self.0.lock_for_write();
        let old = std::mem::replace(&mut *state, fresh);
        let mut changes = state.take_journal();
        if state.keeps_journal() {
            changes.insert(0, RecordChange::Clear);
        }
        Events::new(&self.0.subscribers).emit(changes);
        // What is large takes time to drop: not under the lock.
        drop(state);
        drop(old);
        self.0.rescheduled.send_replace(());
    }

    /// Reads as the system.
    pub(crate) fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        self.read_as(&Actor::System, read)
    }

    pub(crate) fn read_as<R>(&self, actor: &Actor, read: impl FnOnce(Reader<'_>) -> R) -> R {
        let mut state = self.0.lock();
        // By the time as it is now: the clock may be set back meanwhile.
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
    pub(crate) fn write<R>(&self, write: impl FnOnce(Writer<'_, '_>) -> R) -> R {
        self.write_as(&Actor::System, write)
    }

    pub(crate) fn write_as<R>(&self, actor: &Actor, write: impl FnOnce(Writer<'_, '_>) -> R) -> R {
        self.0.write_as(actor, write)
    }

    /// Removes what expires when it is due, also while nobody uses the store.
    ///
    /// This is for a task of its own. It does not keep the store alive, and ends with it.
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

    fn write_as<R>(&self, actor: &Actor, write: impl FnOnce(Writer<'_, '_>) -> R) -> R {
        let mut state = self.lock_for_write();
        // Read under the lock, so that later writes have later dates.
        let now = self.clock.millis();
        let mut events = Events::new(&self.subscribers);
        let mut writer = Writer {
            state: &mut state,
            now,
            actor: &Actor::System,
            events: &mut events,
        };
        let removed = writer.expire();
        let before = state.next_expiry();
        let written = write(Writer {
            state: &mut state,
            now,
            actor,
            events: &mut events,
        });
        let after = state.next_expiry();
        events.emit(state.take_journal());
        // What is large takes time to drop: not under the lock.
        drop(state);
        drop(removed);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.rescheduled.send_replace(());
        }
        written
    }

    /// Removes what has expired.
    fn expire(&self) {
        if self.lock().is_overdue(self.clock.millis()) {
            self.write_as(&Actor::System, |_| ());
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
mod tests;
