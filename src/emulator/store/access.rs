//! Reading and writing as somebody.
//!
//! The system may do everything. An identity needs rights: on a service whose ACL is on it may do
//! with a document, list or map what the object's permissions grant it. Streams take no
//! permissions. Services, permissions and listings of a service's objects are for the system.

use super::events::{Change, ItemState, ObjectState, Subject};
use super::model::{Actor, Collection, Grant, Item, Key, Object, Place, Resource, Service};
use super::state::State;
use super::subscriber::Events;
use super::time::Millis;
use crate::emulator::failure::Failure;

/// Reads the store on behalf of an actor.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(super) state: &'a State,
    pub(super) actor: &'a Actor,
}

/// Changes the store on behalf of an actor.
pub(crate) struct Writer<'a, 'e> {
    pub(super) state: &'a mut State,
    pub(super) now: Millis,
    pub(super) actor: &'a Actor,
    pub(super) events: &'a mut Events<'e>,
}

/// What an access needs a grant of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// To see the object and its items.
    Read,
    /// To change the object's data and expiry, and to add, change and remove items.
    Write,
    /// To remove the object.
    Manage,
}

impl Right {
    fn is_in(self, grant: Grant) -> bool {
        match self {
            Self::Read => grant.read,
            Self::Write => grant.write,
            Self::Manage => grant.manage,
        }
    }
}

impl Reader<'_> {
    /// Finds an object with which the actor may do this.
    pub(super) fn find<T: Resource>(
        self,
        service: &str,
        reference: &str,
        right: Right,
    ) -> Result<Place, Failure> {
        let place = self.state.find::<T>(service, reference)?;
        let Actor::Identity(identity) = self.actor else {
            return Ok(place);
        };
        let settings = &self.state.service(place.service)?.settings;
        if !settings.acl_enabled || !T::KIND.takes_permissions() {
            return Ok(place);
        }
        let grant = self.state.object::<T>(place)?.grants.get(&***identity);
        if grant.is_some_and(|grant| right.is_in(*grant)) {
            Ok(place)
        } else {
            Err(Failure::Forbidden)
        }
    }

    /// Fails for an identity.
    pub(super) fn check_system(self) -> Result<(), Failure> {
        match self.actor {
            Actor::System => Ok(()),
            Actor::Identity(_) => Err(Failure::Forbidden),
        }
    }

    /// Fails for an identity where the service's ACL is on.
    pub(super) fn check_open(self, service: &Service) -> Result<(), Failure> {
        if service.settings.acl_enabled {
            self.check_system()
        } else {
            Ok(())
        }
    }
}

impl Writer<'_, '_> {
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            state: self.state,
            actor: self.actor,
        }
    }

    /// Emits an event of an object; one that was removed is no longer in its service.
    pub(super) fn emit_object<T: Resource>(
        &mut self,
        place: Place,
        change: Change,
        object: Option<&Object<T>>,
    ) -> Result<(), Failure> {
        let service = self.state.service(place.service)?;
        // Before anything is looked up.
        if !self.events.is_wanted(service, self.actor) {
            return Ok(());
        }
        let object = match object {
            Some(object) => object,
            None => self.state.object(place)?,
        };
        self.events.add(service, self.actor, || {
            Subject::Object(change, ObjectState::new(object))
        });
        Ok(())
    }

    /// Emits an event of an item, which is the latest of its collection.
    pub(super) fn emit_item<C: Collection>(
        &mut self,
        place: Place,
        change: Change,
        key: &C::Key,
        item: Option<&Item>,
    ) -> Result<(), Failure> {
        let service = self.state.service(place.service)?;
        if !self.events.is_wanted(service, self.actor) {
            return Ok(());
        }
        let item = match item {
            Some(item) => item,
            None => self.state.item::<C>(place, key)?.item,
        };
        let collection = self.state.object::<C>(place)?;
        self.events.add(service, self.actor, || {
            Subject::Item(change, ItemState::new(collection, key.name(), item))
        });
        Ok(())
    }
}
