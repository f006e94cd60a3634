//! Kinds: the facts in which Documents, Lists, Maps, Message Streams and items differ.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Operation;
use crate::resource::record::{Record, Versioned};
use crate::value::{Data, InputError, ObjectReference};

/// Keeps the traits of this crate to its own types.
pub trait Sealed {}

/// A record that the service lists in pages. Implemented by this crate only.
pub trait Listed: Sealed {
    /// The operation that reads a page.
    #[doc(hidden)]
    const LIST: Operation;

    /// The member of a page that has the records.
    #[doc(hidden)]
    const MEMBER: &'static str;
}

/// A Document, List, Map, Message Stream or item: what can be read, written and removed at its place.
///
/// Implemented by this crate only; a bound of functions over any of them.
pub trait Resource: Record {
    #[doc(hidden)]
    const CREATE: Operation;
    #[doc(hidden)]
    const FETCH: Operation;
    #[doc(hidden)]
    const UPDATE: Operation;
    #[doc(hidden)]
    const DELETE: Operation;

    /// The form field with the time to live.
    #[doc(hidden)]
    const TTL: &'static str;

    /// The form field with the name or key of what is created; none where the service gives it.
    #[doc(hidden)]
    const NAME: Option<&'static str>;

    /// `true` if the revision is the number of writes, from 0, in hexadecimal digits.
    #[doc(hidden)]
    const REVISION_COUNTS_WRITES: bool = false;
}

/// A kind of object with a name of its own: Documents, Lists, Maps, Message Streams.
///
/// Implemented by this crate only; a bound of functions over any [`Objects`](crate::kind::Objects).
pub trait Kind: Resource {
    /// The SID of an object of this kind.
    type Sid: Clone + Debug + Display + Serialize + Send + 'static;

    /// The SID as a segment of a path, if it can be one.
    #[doc(hidden)]
    fn reference(sid: &Self::Sid) -> Result<ObjectReference, InputError>;

    /// The SID of this object.
    fn sid(&self) -> &Self::Sid;

    /// The unique name of this object; `None` if it was created without one.
    fn unique_name(&self) -> Option<&str>;

    /// The date when this object expires; `None` if it does not.
    fn date_expires(&self) -> Option<DateTime<Utc>>;

    /// SID and unique name of an object whose data is as it came.
    #[doc(hidden)]
    fn names(raw: &Self::Raw) -> (&Self::Sid, Option<&str>);
}

/// A resource that is created under the name or key by which it is found: not an item of a List, whose
/// index the service gives.
pub trait Named: Resource {}

/// A kind of object without data of its own: Lists, Maps, Message Streams.
pub trait Dataless: Kind {}

/// A kind of object that holds items: Lists and Maps.
pub trait Collection: Dataless {
    /// An item with data of type `T`.
    type Item<T: DeserializeOwned + Send + 'static>: Item<Collection = Self>
        + Versioned<Data = T, Untyped = Self::Item<Data>>;
}

/// An item of a List or Map.
pub trait Item: Sealed {
    /// The kind of object it is in.
    type Collection: Collection;

    /// Its index or key.
    type Position: Clone + Debug + Display + FromStr + Ord + Send + Sync + 'static;

    /// The index or key of this item.
    fn position(&self) -> Self::Position;
}

/// Derives the wiring of a resource: its operations and the names of its form fields.
macro_rules! resource {
    (
        $record:ident $(<$data:ident>)?, $list:ident in $member:literal,
        $create:ident($name:expr), $fetch:ident, $update:ident($ttl:literal), $delete:ident
        $(, $($constant:tt)*)?
    ) => {
        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? crate::resource::kind::Listed for $record $(<$data>)? {
            const LIST: crate::api::Operation = crate::api::Operation::$list;
            const MEMBER: &'static str = $member;
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? crate::resource::kind::Resource for $record $(<$data>)? {
            const CREATE: crate::api::Operation = crate::api::Operation::$create;
            const FETCH: crate::api::Operation = crate::api::Operation::$fetch;
            const UPDATE: crate::api::Operation = crate::api::Operation::$update;
            const DELETE: crate::api::Operation = crate::api::Operation::$delete;
            const TTL: &'static str = $ttl;
            const NAME: Option<&'static str> = $name;
            $($($constant)*)?
        }
    };
}

/// Derives the wiring of a kind of object beyond that: its SID, which addresses it as its name does.
macro_rules! kind {
    ($record:ident $(<$data:ident>)?, $sid:ident) => {
        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? crate::resource::kind::Kind for $record $(<$data>)? {
            type Sid = crate::value::$sid;

            fn reference(sid: &Self::Sid) -> Result<crate::value::ObjectReference, crate::value::InputError> {
                sid.try_into()
            }

            fn sid(&self) -> &Self::Sid {
                &self.sid
            }

            fn unique_name(&self) -> Option<&str> {
                self.unique_name.as_deref()
            }

            fn date_expires(&self) -> Option<chrono::DateTime<chrono::Utc>> {
                self.date_expires
            }

            fn names(raw: &Self::Raw) -> (&Self::Sid, Option<&str>) {
                (&raw.sid, raw.unique_name.as_deref())
            }
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? From<&crate::value::$sid> for crate::resource::key::Key<$record $(<$data>)?> {
            fn from(sid: &crate::value::$sid) -> Self {
                Self::of_sid(sid)
            }
        }

        impl$(<$data: serde::de::DeserializeOwned + Send + 'static>)? From<crate::value::$sid> for crate::resource::key::Key<$record $(<$data>)?> {
            fn from(sid: crate::value::$sid) -> Self {
                Self::of_sid(&sid)
            }
        }
    };
}

pub(crate) use {kind, resource};
