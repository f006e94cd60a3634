//! Records with the SIDs of their Service and object, for the bodies of responses.

use super::model::{Collection, Grant, Item, Object, Resource};
use super::paging::Page;
use super::sid::Sid;

/// An object of a service.
#[derive(Debug)]
pub(crate) struct ObjectView<'a, T: Resource> {
    pub(crate) service: Sid,
    pub(crate) sid: Sid,
    pub(crate) object: &'a Object<T>,
}

/// An item of a list or map.
#[derive(Debug)]
pub(crate) struct ItemView<'a, C: Collection> {
    pub(crate) service: Sid,
    pub(crate) collection: Sid,
    pub(crate) key: &'a C::Key,
    pub(crate) item: &'a Item,
}

/// The rights of an identity to an object.
#[derive(Debug)]
pub(crate) struct GrantView<'a> {
    pub(crate) service: Sid,
    pub(crate) object: Sid,
    pub(crate) identity: &'a str,
    pub(crate) grant: Grant,
}

/// A page of the items or permissions of an object.
#[derive(Debug)]
pub(crate) struct Contents<K, V> {
    pub(crate) service: Sid,
    pub(crate) object: Sid,
    pub(crate) page: Page<K, V>,
}
