//! Removal of what has expired.
//!
//! An object or item that expires is removed by the system, as by a request. The items of a list
//! or map that expires go along with it, without events of their own, as they do when it is
//! deleted. Those that expired before it are removed one by one.

use std::any::Any;

use super::access::Writer;
use super::deadlines::Target;
use super::events::Change;
use super::model::{Collection, Document, Key, List, Map, Place, Resource, Stream};
use super::sid::Kind;
use super::time::Millis;
use crate::emulator::failure::Failure;

/// What was removed and may be large: to be dropped when the lock is not held.
pub(super) type Removed = Vec<Box<dyn Any + Send + Sync>>;

impl Writer<'_, '_> {
    /// Removes all that has expired, in the order of the deadlines.
    pub(super) fn expire(&mut self) -> Removed {
        let mut removed = Removed::new();
        while let Some((at, target)) = self.state.take_due(self.now) {
            // The deadlines are exact, so each of these is there to be removed.
            let _ = self.expire_target(target, at, &mut removed);
        }
        removed
    }

    fn expire_target(
        &mut self,
        target: Target,
        at: Millis,
        removed: &mut Removed,
    ) -> Result<(), Failure> {
        let Target { kind, place, item } = target;
        match (kind, item) {
            (Kind::Document, None) => self.expire_object::<Document>(place, removed),
            (Kind::List, None) => self.expire_object::<List>(place, removed),
            (Kind::Map, None) => self.expire_object::<Map>(place, removed),
            (Kind::Stream, None) => self.expire_object::<Stream>(place, removed),
            (Kind::List, Some(name)) => {
                let key = Key::from_name(name).ok_or(Failure::NotFound)?;
                self.expire_item::<List>(place, &key, at)
            }
            (Kind::Map, Some(name)) => {
                let key = Key::from_name(name).ok_or(Failure::NotFound)?;
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
    ) -> Result<(), Failure> {
        let object = self.state.remove_object::<T>(place)?;
        self.emit_object(place, Change::Removed, Some(&object))?;
        removed.push(Box::new(object));
        Ok(())
    }

    fn expire_item<C: Collection>(
        &mut self,
        place: Place,
        key: &C::Key,
        at: Millis,
    ) -> Result<(), Failure> {
        let item = self.state.remove_item::<C>(place, key, at)?;
        self.emit_item::<C>(place, Change::Removed, key, Some(&item))
    }
}
