//! What Documents, Lists, Maps, Message Streams and items have in common: an address, and what can be
//! done there.

use std::fmt::{self, Debug};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{Data, ObjectReference};
use crate::client::SyncClient;
use crate::context::Context;
use crate::data::MAX_DATA_SIZE;
use crate::error::{Error, InputError, Result};
use crate::names::UniqueName;
use crate::revision::Revision;
use crate::settle::Settled;
use crate::ttl;

/// Where an object is: a client with its Service, and a name or SID that was checked.
#[derive(Clone, Debug)]
pub struct Address {
    pub(crate) context: Context,
    /// The error in a box, for addresses are moved about.
    reference: Result<ObjectReference, Box<InputError>>,
}

impl Address {
    pub(crate) fn by_name(context: Context, name: impl Into<String>) -> Self {
        Self {
            context,
            reference: UniqueName::new(name)
                .map(ObjectReference::from)
                .map_err(Box::new),
        }
    }

    pub(crate) fn by_id<S>(context: Context, sid: S) -> Self
    where
        ObjectReference: TryFrom<S, Error = InputError>,
    {
        Self {
            context,
            reference: ObjectReference::try_from(sid).map_err(Box::new),
        }
    }

    pub(crate) fn sync(&self) -> &SyncClient {
        &self.context.sync
    }

    /// The segment of the path, or why there is none.
    pub(crate) fn reference(&self) -> Result<&ObjectReference> {
        self.reference
            .as_ref()
            .map_err(|error| InputError::clone(error).into())
    }

    /// The name to create an object under. A SID is none.
    pub(crate) fn unique_name(&self) -> Result<UniqueName> {
        Ok(UniqueName::new(self.reference()?.as_str())?)
    }
}

/// Where an item is: its List and index, or its Map and key.
#[derive(Clone, Debug)]
pub struct ItemAddress<P> {
    pub(crate) parent: Address,
    position: Result<P, Box<InputError>>,
}

impl<P> ItemAddress<P> {
    pub(crate) fn new(parent: Address, position: Result<P, InputError>) -> Self {
        Self {
            parent,
            position: position.map_err(Box::new),
        }
    }

    /// The index or key, or why there is none.
    pub(crate) fn position(&self) -> Result<&P> {
        self.position
            .as_ref()
            .map_err(|error| InputError::clone(error).into())
    }
}

/// An address, whatever of. Implemented by this crate only.
pub trait Locate: Clone + Debug + Send + Sync + 'static {
    /// The client, and what it asks of data.
    fn context(&self) -> &Context;

    /// The same address, with nothing asked of data.
    #[must_use]
    fn unchecked(&self) -> Self;

    /// What to call what is there in an error.
    fn describe(&self) -> String;
}

impl Locate for Address {
    fn context(&self) -> &Context {
        &self.context
    }

    fn unchecked(&self) -> Self {
        Self {
            context: self.context.unchecked(),
            reference: self.reference.clone(),
        }
    }

    fn describe(&self) -> String {
        match &self.reference {
            Ok(reference) => format!("\"{reference}\""),
            Err(error) => error.to_string(),
        }
    }
}

impl<P: Clone + Debug + fmt::Display + Send + Sync + 'static> Locate for ItemAddress<P> {
    fn context(&self) -> &Context {
        &self.parent.context
    }

    fn unchecked(&self) -> Self {
        Self {
            parent: self.parent.unchecked(),
            position: self.position.clone(),
        }
    }

    fn describe(&self) -> String {
        match &self.position {
            Ok(position) => format!("item \"{position}\" of {}", self.parent.describe()),
            Err(error) => error.to_string(),
        }
    }
}

/// What a write sends.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// JSON text.
    pub(crate) data: Option<String>,
    pub(crate) ttl: Option<i64>,
    pub(crate) collection_ttl: Option<i64>,
    pub(crate) if_match: Option<Revision>,
    /// Whether the data is a patch, which nothing is asked of; what comes of it is checked.
    pub(crate) is_patch: bool,
}

/// A write as it is put together: checked when it is sent.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// JSON text, or why there is none.
    pub(crate) data: Option<Result<String, Box<Error>>>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) collection_ttl: Option<Duration>,
    pub(crate) if_match: Option<Revision>,
    pub(crate) is_patch: bool,
}

impl Draft {
    /// A draft with data. The value is encoded at once and need not live on.
    pub(crate) fn of<T: Serialize + ?Sized>(context: &Context, data: &T) -> Self {
        Self {
            data: Some(
                context
                    .encode("data", MAX_DATA_SIZE, data)
                    .map_err(Box::new),
            ),
            ..Self::default()
        }
    }

    /// A draft with a patch, which need not be what is asked of data.
    pub(crate) fn of_patch<P: Serialize + ?Sized>(context: &Context, patch: &P) -> Self {
        Self {
            is_patch: true,
            ..Self::of(&context.unchecked(), patch)
        }
    }

    pub(crate) fn finish(self) -> Result<Write> {
        Ok(Write {
            data: self.data.transpose().map_err(|error| *error)?,
            ttl: self.ttl.map(ttl::seconds).transpose()?,
            collection_ttl: self.collection_ttl.map(ttl::seconds).transpose()?,
            if_match: self.if_match.map(checked).transpose()?,
            is_patch: self.is_patch,
        })
    }
}

/// A revision that can be sent in a header.
fn checked(revision: Revision) -> Result<Revision, InputError> {
    if revision
        .as_str()
        .bytes()
        .all(|byte| matches!(byte, b'!'..=b'~'))
    {
        Ok(revision)
    } else {
        Err(InputError::Revision {
            revision: revision.to_string(),
        })
    }
}

/// Keeps the traits of this crate to its own types.
pub trait Sealed {}

/// A Document, List, Map, Message Stream or item, and the calls that reach one.
///
/// Implemented by this crate only; a bound of functions over any of them.
pub trait Resource: Sealed + Sized + Send + 'static {
    /// Where one is.
    #[doc(hidden)]
    type Address: Locate;

    /// Reads it.
    #[doc(hidden)]
    fn fetch(address: &Self::Address) -> impl Future<Output = Result<Self>> + Send;

    /// Writes to it; it must exist. After an answer the write is there to be made again.
    #[doc(hidden)]
    fn update(
        address: &Self::Address,
        write: &mut Write,
    ) -> impl Future<Output = Result<Self>> + Send;

    /// Reads it back after a write of unknown outcome that met a conflict, to find out whose write it
    /// was that the conflict is with.
    #[doc(hidden)]
    fn settle(
        address: &Self::Address,
        write: &Write,
        begun: DateTime<Utc>,
    ) -> impl Future<Output = Result<Settled<Self>>> + Send {
        // Without data there is nothing to tell one's own write by.
        let _ = (address, write, begun);
        std::future::ready(Ok(Settled::Unknown))
    }

    /// Removes it.
    #[doc(hidden)]
    fn delete(address: &Self::Address) -> impl Future<Output = Result<()>> + Send;
}

/// A resource that can be created. Implemented by this crate only.
pub trait Creatable: Resource {
    /// Where one is created.
    #[doc(hidden)]
    type Place: Clone + Debug + Send + Sync;

    /// Creates it. After an answer the write is there to be made again.
    #[doc(hidden)]
    fn create(place: &Self::Place, write: &mut Write) -> impl Future<Output = Result<Self>> + Send;

    /// Where one that was created there is found, if that can be told beforehand.
    #[doc(hidden)]
    fn found_at(place: &Self::Place) -> Option<&Self::Address>;
}

/// A resource that is created under the name or key by which it is found.
pub trait Named: Creatable<Place = <Self as Resource>::Address> {}

impl<R: Creatable<Place = <R as Resource>::Address>> Named for R {}

/// A resource with data and a revision. Implemented by this crate only.
pub trait Versioned: Resource {
    /// The type of the data.
    type Data: Serialize + DeserializeOwned + Send;

    /// The same with its data as it came.
    #[doc(hidden)]
    type Raw: Versioned<Data = Data, Address = Self::Address>;

    /// The revision it was read at.
    #[doc(hidden)]
    fn revision(&self) -> &Revision;

    /// The data.
    #[doc(hidden)]
    fn data(&self) -> &Self::Data;

    /// The data, to be changed.
    #[doc(hidden)]
    fn data_mut(&mut self) -> &mut Self::Data;

    /// When it was created.
    #[doc(hidden)]
    fn date_created(&self) -> DateTime<Utc>;

    /// What to call it in an error.
    #[doc(hidden)]
    fn title(&self) -> String;

    /// Decodes the data.
    #[doc(hidden)]
    fn decode(raw: Self::Raw, context: &Context) -> Result<Self>;
}

/// An item of a List or Map. Implemented by this crate only.
pub trait Item: Resource {
    /// What a listing of such items can start at.
    type Position: fmt::Display;

    /// Removes it if it still has that revision.
    #[doc(hidden)]
    fn delete_at(
        address: &Self::Address,
        revision: &Revision,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Makes `Ok(None)` of the failure of a call that says there is nothing.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
