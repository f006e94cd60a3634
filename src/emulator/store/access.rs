//! Reading and writing on behalf of an actor.
//!
//! The system may do everything. An identity needs rights: in a Service whose ACL is on, the
//! permissions of a Document, List or Map say what it may do. Message Streams have no permissions.
//! Services, permissions and listings of objects are for the system.

use super::model::{Actor, Grant, Place, Resource, Service};
use super::service_error::ServiceError;
use super::state::State;
use super::time::Millis;

/// Reads the store on behalf of an actor.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(super) state: &'a State,
    pub(super) actor: &'a Actor,
}

/// Changes the store on behalf of an actor.
pub(crate) struct Writer<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: Millis,
    pub(super) actor: &'a Actor,
}

/// A right, one of those that a grant consists of.
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
    /// Finds an object to which the actor has this right.
    pub(super) fn find<T: Resource>(
        self,
        service: &str,
        reference: &str,
        right: Right,
    ) -> Result<Place, ServiceError> {
        let place = self.state.find::<T>(service, reference)?;
        let Actor::Identity(identity) = self.actor else {
            return Ok(place);
        };
        let settings = self.state.service(place.service)?.settings();
        if !settings.acl_enabled || !T::KIND.takes_permissions() {
            return Ok(place);
        }
        let grant = self.state.object::<T>(place)?.grants.get(&***identity);
        if grant.is_some_and(|grant| right.is_in(*grant)) {
            Ok(place)
        } else {
            Err(ServiceError::Forbidden)
        }
    }

    /// Fails for an identity.
    pub(super) fn check_system(self) -> Result<(), ServiceError> {
        match self.actor {
            Actor::System => Ok(()),
            Actor::Identity(_) => Err(ServiceError::Forbidden),
        }
    }

    /// Fails for an identity where the service's ACL is on.
    pub(super) fn check_open(self, service: &Service) -> Result<(), ServiceError> {
        if service.settings().acl_enabled {
            self.check_system()
        } else {
            Ok(())
        }
    }
}

impl<'a> Writer<'a> {
    pub(super) fn new(state: &'a mut State, now: Millis, actor: &'a Actor) -> Self {
        state.events.set_actor(actor);
        Self { state, now, actor }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader {
            state: self.state,
            actor: self.actor,
        }
    }
}
