//! Removal of objects and items that have expired.
//!
//! An object or item that expires is removed by the system, as by a request. The items of a List
//! or Map that expires are removed with it, without events of their own, as when it is deleted.
//! Those that expired before it are removed one by one.

use std::any::Any;

use super::access::Writer;
use super::deadlines::Target;
use super::model::{Collection, Document, Key, List, Map, Place, Resource, Stream};
use super::service_error::ServiceError;
use super::sid::Kind;
use super::time::Millis;

/// Removed objects, which may be large: they are dropped after the lock is released.
pub(super) type Removed = Vec<Box<dyn Any + Send + Sync>>;

impl Writer<'_> {
    /// Removes all objects and items that have expired, in the order of the deadlines.
    pub(super) fn expire(&mut self) -> Removed {
        let mut removed = Removed::new();
        while let Some((at, target)) = self.state.take_due(self.now) {
            // The deadlines are exact, so the object or item of each exists.
            let _ = self.expire_target(target, at, &mut removed);
        }
        removed
    }

    fn expire_target(
        &mut self,
        target: Target,
        at: Millis,
        removed: &mut Removed,
    ) -> Result<(), ServiceError> {
        let Target { kind, place, item } = target;
        match (kind, item) {
            (Kind::Document, None) => self.expire_object::<Document>(place, removed),
            (Kind::List, None) => self.expire_object::<List>(place, removed),
            (Kind::Map, None) => self.expire_object::<Map>(place, removed),
            (Kind::Stream, None) => self.expire_object::<Stream>(place, removed),
            (Kind::List, Some(name)) => {
                let key = Key::from_name(name).ok_or(ServiceError::NotFound)?;
                self.expire_item::<List>(place, &key, at)
            }
            (Kind::Map, Some(name)) => {
                let key = Key::from_name(name).ok_or(ServiceError::NotFound)?;
                self.expire_item::<Map>(place, &key, at)
            }
            // Nothing else expires.
            (Kind::Service | Kind::Message, _) | (Kind::Document | Kind::Stream, Some(_)) => Ok(()),
        }
    }

    fn expire_object<T: Resource>(
        &mut self,
        place: Place,
        removed: &mut Removed,
    ) -> Result<(), ServiceError> {
        let object = self.state.remove_object::<T>(place)?;
        removed.push(Box::new(object));
        Ok(())
    }

    fn expire_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        at: Millis,
    ) -> Result<(), ServiceError> {
        self.state.remove_item::<C>(place, key, at).map(drop)
    }
}
