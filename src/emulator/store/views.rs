//! Records with the SIDs of what they are in: all that is needed to show them.

use super::paging::Page;
use super::sid::{Kind, Sid};
use super::state::{Collection, Grant, Item, ItemKey, Object, Place, Resource, Service, State};
use crate::emulator::error::Failure;

/// An object of a service.
#[derive(Debug)]
pub(crate) struct ObjectView<'a, T> {
    pub(crate) service: Sid,
    pub(crate) sid: Sid,
    pub(crate) object: &'a Object<T>,
}

/// An item of a list or map.
#[derive(Debug)]
pub(crate) struct ItemView<'a, K> {
    pub(crate) service: Sid,
    pub(crate) collection: Sid,
    pub(crate) key: &'a K,
    pub(crate) item: &'a Item,
}

/// What an identity may do with an object.
#[derive(Debug)]
pub(crate) struct GrantView<'a> {
    pub(crate) service: Sid,
    pub(crate) object: Sid,
    pub(crate) identity: &'a str,
    pub(crate) grant: Grant,
}

/// A page of what an object holds.
#[derive(Debug)]
pub(crate) struct Contents<K, V> {
    pub(crate) service: Sid,
    pub(crate) object: Sid,
    pub(crate) page: Page<K, V>,
}

impl Service {
    pub(crate) fn sid(&self) -> Sid {
        Sid {
            kind: Kind::Service,
            id: self.id,
        }
    }
}

impl<'a, T: Resource> ObjectView<'a, T> {
    pub(super) fn new(service: Sid, object: &'a Object<T>) -> Self {
        let sid = Sid {
            kind: T::KIND,
            id: object.id,
        };
        Self {
            service,
            sid,
            object,
        }
    }
}

impl State {
    pub(super) fn view<T: Resource>(&self, place: Place) -> Result<ObjectView<'_, T>, Failure> {
        let service = self.service(place.service)?.sid();
        Ok(ObjectView::new(service, self.object(place)?))
    }

    pub(super) fn item<K: ItemKey>(
        &self,
        place: Place,
        key: &K,
    ) -> Result<ItemView<'_, K>, Failure> {
        let collection = self.view::<Collection<K>>(place)?;
        let items = &collection.object.body.items;
        let (key, item) = items.get_key_value(key).ok_or(Failure::NotFound)?;
        Ok(ItemView {
            service: collection.service,
            collection: collection.sid,
            key,
            item,
        })
    }
}
