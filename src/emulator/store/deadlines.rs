//! The times at which objects and items expire.

use std::collections::BTreeSet;

use super::model::{Content, ItemName, Object, Place, Resource, Service};
use super::registry::Seq;
use super::sid::Kind;
use super::time::{Expiry, Millis};

/// An object that expires, or an item of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) item: Option<ItemName>,
}

impl Target {
    pub(super) fn object(kind: Kind, place: Place) -> Self {
        Self {
            kind,
            place,
            item: None,
        }
    }

    pub(super) fn item(kind: Kind, place: Place, name: ItemName) -> Self {
        Self {
            kind,
            place,
            item: Some(name),
        }
    }
}

/// The deadlines of all objects and items that expire, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Expiry, Target)>);

impl Deadlines {
    /// Changes a deadline from `before` to `after`.
    pub(super) fn change(
        &mut self,
        before: Option<Expiry>,
        after: Option<Expiry>,
        target: impl Fn() -> Target,
    ) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.0.remove(&(at, target()));
        }
        if let Some(at) = after {
            self.0.insert((at, target()));
        }
    }

    /// Removes the deadlines of an object and its items.
    pub(super) fn remove<T: Resource>(&mut self, place: Place, object: &Object<T>) {
        self.change(object.history.expires, None, || {
            Target::object(T::KIND, place)
        });
        object.body.visit_items(&mut |item, name| {
            self.change(item.history.expires, None, || {
                Target::item(T::KIND, place, name())
            });
        });
    }

    /// Removes the deadlines of all objects of a kind in a service.
    pub(super) fn remove_all<T: Resource>(&mut self, seq: Seq, service: &Service) {
        for (object_seq, object) in T::registry(service).records() {
            let place = Place {
                service: seq,
                object: *object_seq,
            };
            self.remove(place, object);
        }
    }

    /// The nearest deadline.
    pub(super) fn first(&self) -> Option<Expiry> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Removes the nearest deadline, if it is due.
    pub(super) fn pop_due(&mut self, now: Millis) -> Option<(Expiry, Target)> {
        let first = self.first()?;
        (first.millis() <= now)
            .then(|| self.0.pop_first())
            .flatten()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
