//! The service's state and its rules, free of HTTP.
//!
//! One lock holds all of it: writes follow one another, and a reader never
//! sees half of one. Reading and writing happen in a closure that gets a
//! [`Reader`] or a [`Writer`]; what has expired by then is already gone.

mod documents;
mod events;
mod inputs;
mod items;
mod journal;
mod objects;
mod paging;
mod permissions;
mod registry;
mod restore;
mod services;
mod sid;
mod snapshot;
mod state;
mod views;
mod written;

use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

pub(crate) use events::{Change as EventChange, Event, Happening, ItemName, Subject};
pub(crate) use inputs::{
    Data, IfMatch, Ttl, debouncing_window, friendly_name, identity, map_key, unique_name,
    webhook_url, whole_number,
};
pub(crate) use items::{ItemChange, NewItem};
pub(crate) use journal::Change;
pub(crate) use objects::NewObject;
pub(crate) use paging::{Bounds, Edge, Order, Page, Position, Walk};
pub(crate) use restore::Damage;
pub(crate) use services::SettingsChange;
pub(crate) use sid::{Kind, Sid, looks_like_sid};
pub(crate) use snapshot::Flaw;
pub(crate) use state::{
    Collection, Document, Grant, ItemKey, List, Map, Millis, Permitted, Resource, Service, State,
    Stream,
};
pub(crate) use views::{GrantView, ItemView, ObjectView};
pub(crate) use written::Records;

use self::events::Events;
use super::clock::Clock;
use super::error::Failure;

/// All services of the account.
pub(crate) struct Store {
    state: RwLock<State>,
    clock: Clock,
    default_service: Sid,
    outlet: Box<dyn Outlet>,
}

/// Where writes lead to beside the store itself: a data file, webhooks.
///
/// It is told under the lock of the store, so in the order of the writes; it
/// must not wait for anything.
pub(crate) trait Outlet: Send + Sync {
    /// A write has changed records.
    fn changed(&self, changes: Vec<Change>);
    /// Something has happened that a service wants to be told of.
    fn happened(&self, event: Event);
}

/// What can be asked of the store.
pub(crate) struct Reader<'a> {
    state: &'a State,
}

/// What can be changed in the store.
pub(crate) struct Writer<'a> {
    state: &'a mut State,
    now: Millis,
    events: &'a mut Events,
}

impl Store {
    /// A store of this state, which begins with what it had before.
    pub(crate) fn new(
        state: State,
        clock: Clock,
        default_service: Sid,
        outlet: Box<dyn Outlet>,
    ) -> Self {
        Self {
            state: RwLock::new(state),
            clock,
            default_service,
            outlet,
        }
    }

    /// Drops all but the default service, which is new again.
    pub(crate) fn reset(&self) {
        let mut fresh = self.empty();
        fresh.begin(self.default_service, self.clock.millis());
        self.replace(fresh);
    }

    /// Everything that is kept, but what has expired.
    pub(crate) fn dump(&self) -> Records {
        self.read(|reader| reader.state.dump())
    }

    /// Puts a seed in place of everything; a seed that has a flaw changes nothing.
    pub(crate) fn seed(&self, records: Records) -> Result<(), Flaw> {
        let mut fresh = self.empty();
        fresh.seed(records, self.default_service, self.clock.millis())?;
        self.replace(fresh);
        Ok(())
    }

    /// A state that holds nothing, and keeps a journal where this one does.
    fn empty(&self) -> State {
        let mut state = State::default();
        if self.lock().keeps_journal() {
            state.keep_journal();
        }
        state
    }

    fn replace(&self, fresh: State) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *state, fresh);
        let mut changes = state.take_journal();
        if state.keeps_journal() {
            changes.insert(0, Change::Clear);
            self.outlet.changed(changes);
        }
        // What is large takes time to drop: not under the lock.
        drop(state);
        drop(old);
    }

    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        let mut state = self.lock();
        // By the time as it is now: the clock may be set back meanwhile.
        while state.is_overdue(self.clock.millis()) {
            drop(state);
            self.write(|_| ());
            state = self.lock();
        }
        read(Reader { state: &state })
    }

    pub(crate) fn write<R>(&self, write: impl FnOnce(Writer<'_>) -> R) -> R {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that later writes have later dates.
        let now = self.clock.millis();
        let gone = state.reap(now);
        let mut events = Events::default();
        let written = write(Writer {
            state: &mut state,
            now,
            events: &mut events,
        });
        let changes = state.take_journal();
        if !changes.is_empty() {
            self.outlet.changed(changes);
        }
        for event in events.into_vec() {
            self.outlet.happened(event);
        }
        // What is large takes time to drop: not under the lock.
        drop(state);
        drop(gone);
        written
    }

    /// Publishes a message to those who want to be told; it is not kept.
    pub(crate) fn publish(
        &self,
        service: &str,
        stream: &str,
        sid: Sid,
        data: &Data,
    ) -> Result<(), Failure> {
        // Nothing is changed, but it has its turn among what is.
        self.write(|writer| {
            let reader = Reader {
                state: writer.state,
            };
            let event = reader.publish(service, stream, sid, data)?;
            writer.events.add(event);
            Ok(())
        })
    }

    /// Tells of an endpoint that came or went, where the service wants to be told.
    pub(crate) fn endpoint(
        &self,
        service: &str,
        connected: bool,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), Failure> {
        self.write(|writer| {
            let state = &*writer.state;
            let service = state.service(state.find_service(service)?)?;
            let event = service.told_of_endpoint(connected, identity, endpoint);
            writer.events.add(event);
            Ok(())
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
