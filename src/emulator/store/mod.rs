//! The service's state and its rules, free of HTTP.
//!
//! One lock holds all of it: writes follow one another, and a reader never
//! sees half of one. Reading and writing happen in a closure that gets a
//! [`Reader`] or a [`Writer`]; what has expired by then is already gone.

mod documents;
mod inputs;
mod items;
mod objects;
mod paging;
mod permissions;
mod registry;
mod services;
mod sid;
mod state;
mod views;

use std::fmt;
use std::sync::{PoisonError, RwLock};

pub(crate) use inputs::{
    Data, IfMatch, Ttl, debouncing_window, friendly_name, identity, map_key, unique_name,
    webhook_url, whole_number,
};
pub(crate) use items::{ItemChange, NewItem};
pub(crate) use objects::NewObject;
pub(crate) use paging::{Bounds, Edge, Order, Page, Position, Walk};
pub(crate) use services::SettingsChange;
pub(crate) use sid::{Kind, Sid, looks_like_sid};
pub(crate) use state::{
    Collection, Document, Grant, ItemKey, List, Map, Millis, Permitted, Resource, Service, Stream,
};
pub(crate) use views::{GrantView, ItemView, ObjectView};

use self::state::State;
use super::clock::Clock;

/// All services of the account.
pub(crate) struct Store {
    state: RwLock<State>,
    clock: Clock,
    default_service: Sid,
}

/// What can be asked of the store.
pub(crate) struct Reader<'a> {
    state: &'a State,
}

/// What can be changed in the store.
pub(crate) struct Writer<'a> {
    state: &'a mut State,
    now: Millis,
}

impl Store {
    /// A store that holds nothing but the default service.
    pub(crate) fn new(clock: Clock, default_service: Sid) -> Self {
        let state = RwLock::new(State::with_default_service(default_service, clock.millis()));
        Self {
            state,
            clock,
            default_service,
        }
    }

    /// Drops all but the default service, which is new again.
    pub(crate) fn reset(&self) {
        let fresh = State::with_default_service(self.default_service, self.clock.millis());
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *state, fresh);
        // What is large takes time to drop: not under the lock.
        drop(state);
        drop(old);
    }

    pub(crate) fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        let now = self.clock.millis();
        let mut state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        while state.is_overdue(now) {
            drop(state);
            let mut overdue = self.state.write().unwrap_or_else(PoisonError::into_inner);
            overdue.reap(now);
            drop(overdue);
            state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        }
        read(Reader { state: &state })
    }

    pub(crate) fn write<R>(&self, write: impl FnOnce(Writer<'_>) -> R) -> R {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that later writes have later dates.
        let now = self.clock.millis();
        state.reap(now);
        write(Writer {
            state: &mut state,
            now,
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
