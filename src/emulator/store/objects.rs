//! What documents, lists, maps and streams have in common.

use std::collections::BTreeMap;

use super::events::{Change, Event};
use super::inputs::{Data, Ttl};
use super::paging::{Page, Walk};
use super::registry::Seq;
use super::sid::Sid;
use super::state::{Object, Resource, Stream};
use super::views::ObjectView;
use super::{Reader, Writer};
use crate::emulator::error::Failure;

/// An object to be made.
#[derive(Debug)]
pub(crate) struct NewObject<T> {
    pub(crate) unique_name: Option<Box<str>>,
    pub(crate) ttl: Option<Ttl>,
    pub(crate) body: T,
}

impl<'a> Reader<'a> {
    pub(crate) fn object<T: Resource>(
        self,
        service: &str,
        reference: &str,
    ) -> Result<ObjectView<'a, T>, Failure> {
        self.state.view(self.state.find::<T>(service, reference)?)
    }

    /// A page of a service's objects, in the order they were made, and the service's SID.
    pub(crate) fn objects<T: Resource>(
        self,
        service: &str,
        walk: &Walk<Seq>,
        size: usize,
    ) -> Result<(Sid, Page<Seq, ObjectView<'a, T>>), Failure> {
        let service = self.state.service(self.state.find_service(service)?)?;
        let sid = service.sid();
        let records = T::registry(service).records();
        let page = walk.page(records, size, |_, object| ObjectView::new(sid, object));
        Ok((sid, page))
    }

    /// Publishes a message: what becomes of it, as it is not kept.
    pub(crate) fn publish(
        self,
        service: &str,
        stream: &str,
        sid: Sid,
        data: &Data,
    ) -> Result<Option<Event>, Failure> {
        let place = self.state.find::<Stream>(service, stream)?;
        let view = self.state.view::<Stream>(place)?;
        Ok(view.published(self.state.service(place.service)?, sid, data))
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn create<T: Resource>(
        self,
        service: &str,
        new: NewObject<T>,
    ) -> Result<ObjectView<'a, T>, Failure> {
        let seq = self.state.find_service(service)?;
        let registry = T::registry(self.state.service(seq)?);
        if let Some(name) = &new.unique_name
            && registry.has_name(name)
        {
            return Err(Failure::UniqueNameTaken);
        }
        let object = Object {
            id: Sid::random(T::KIND).id,
            unique_name: new.unique_name,
            created: self.now,
            updated: self.now,
            expires: new.ttl.and_then(|ttl| ttl.expiry(self.now)),
            grants: BTreeMap::new(),
            body: new.body,
        };
        let place = self.state.insert_object(seq, object)?;
        let view = self.state.view(place)?;
        self.events
            .object(self.state, seq, Change::Created, view.object)?;
        Ok(view)
    }

    /// Counts a new TTL from now; neither revision nor date of update moves.
    pub(crate) fn set_ttl<T: Resource>(
        self,
        service: &str,
        reference: &str,
        ttl: Ttl,
    ) -> Result<ObjectView<'a, T>, Failure> {
        let place = self.state.find::<T>(service, reference)?;
        let expires = ttl.expiry(self.now);
        self.state
            .edit_object::<T>(place, |object| object.expires = expires)?;
        self.state.view(place)
    }

    /// Takes out an object with all it holds.
    pub(crate) fn delete<T: Resource>(
        self,
        service: &str,
        reference: &str,
    ) -> Result<Object<T>, Failure> {
        let place = self.state.find::<T>(service, reference)?;
        let object = self.state.remove_object(place)?;
        self.events
            .object(self.state, place.service, Change::Removed, &object)?;
        Ok(object)
    }
}
