//! Objects: reading, creating and removing them, and setting their TTL.

use std::collections::BTreeMap;

use super::access::{Reader, Right, Writer};
use super::events::Change;
use super::inputs::Ttl;
use super::model::{Actor, Content, Grant, History, Object, Resource};
use super::paging::{Page, Walk};
use super::registry::Seq;
use super::service_error::ServiceError;
use super::sid::Sid;
use super::views::ObjectView;

/// An object to be created.
#[derive(Debug)]
pub(crate) struct NewObject<B> {
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) body: B,
}

impl<'a> Reader<'a> {
    pub(crate) fn object<T: Resource>(
        self,
        service: &str,
        reference: &str,
    ) -> Result<ObjectView<'a, T>, ServiceError> {
        let place = self.find::<T>(service, reference, Right::Read)?;
        self.state.view(place)
    }

    /// A page of a service's objects, in the order of creation, and the service's SID.
    pub(crate) fn objects<T: Resource>(
        self,
        service: &str,
        walk: &Walk<Seq>,
        size: usize,
    ) -> Result<(Sid, Page<Seq, ObjectView<'a, T>>), ServiceError> {
        let service = self.state.service(self.state.find_service(service)?)?;
        self.check_open(service)?;
        let sid = service.sid();
        let records = T::registry(service).records();
        let page = walk.page(records, size, |_, object| ObjectView {
            service: sid,
            sid: object.sid(),
            object,
        });
        Ok((sid, page))
    }
}

impl<'a> Writer<'a> {
    /// Creates an object. An identity that creates one gets all rights to it.
    pub(crate) fn create<T: Resource>(
        self,
        service: &str,
        new: NewObject<T::Body>,
    ) -> Result<ObjectView<'a, T>, ServiceError> {
        let seq = self.state.find_service(service)?;
        let registry = T::registry(self.state.service(seq)?);
        if let Some(name) = &new.unique_name
            && registry.has_name(name)
        {
            return Err(ServiceError::UniqueNameTaken);
        }
        let object = Object::<T> {
            id: self.state.new_sid(T::KIND).id,
            unique_name: new.unique_name,
            history: History::new(self.actor, self.now, new.ttl),
            grants: BTreeMap::new(),
            body: new.body,
        };
        let place = self.state.insert_object(seq, object)?;
        if let Actor::Identity(identity) = self.actor
            && T::KIND.takes_permissions()
        {
            self.state.set_grant::<T>(place, identity, Grant::ALL)?;
        }
        self.state.view(place)
    }

    /// Counts a new TTL from now; neither revision nor date of update moves.
    pub(crate) fn set_ttl<T: Resource>(
        self,
        service: &str,
        reference: &str,
        ttl: Ttl,
    ) -> Result<ObjectView<'a, T>, ServiceError> {
        let place = self.reader().find::<T>(service, reference, Right::Write)?;
        let expires = ttl.expiry(self.now);
        let edit = |object: &mut Object<T>| {
            object.history.expires = expires;
            object.body.count_ttl_write();
        };
        self.state.edit_object(place, Change::ExpirySet, edit)?;
        self.state.view(place)
    }

    /// Removes an object with all that it contains.
    pub(crate) fn delete<T: Resource>(
        self,
        service: &str,
        reference: &str,
    ) -> Result<Object<T>, ServiceError> {
        let place = self.reader().find::<T>(service, reference, Right::Manage)?;
        self.state.remove_object(place)
    }
}
