//! What Documents, Lists, Maps, Message Streams and items have in common: an address, and calls
//! that create, read, write and remove what is there.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use crate::api::ObjectReference;
use crate::client::SyncClient;
use crate::data::{self, MAX_DATA_SIZE};
use crate::error::{InputError, Result};
use crate::names::UniqueName;
use crate::revision::Revision;
use crate::ttl;

/// The future behind a call with options.
pub(crate) type CallFuture<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Where an object is: a client with its Service, and a name or SID that was checked.
#[derive(Clone, Debug)]
pub struct Address {
    pub(crate) sync: SyncClient,
    reference: Result<ObjectReference, InputError>,
}

impl Address {
    pub(crate) fn by_name(sync: SyncClient, name: impl Into<String>) -> Self {
        Self {
            sync,
            reference: UniqueName::new(name).map(ObjectReference::from),
        }
    }

    pub(crate) fn by_id<S>(sync: SyncClient, sid: S) -> Self
    where
        ObjectReference: TryFrom<S, Error = InputError>,
    {
        Self {
            sync,
            reference: ObjectReference::try_from(sid),
        }
    }

    /// The segment of the path, or why there is none.
    pub(crate) fn reference(&self) -> Result<&ObjectReference> {
        self.reference
            .as_ref()
            .map_err(|error| error.clone().into())
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
    position: Result<P, InputError>,
}

impl<P> ItemAddress<P> {
    pub(crate) fn new(parent: Address, position: Result<P, InputError>) -> Self {
        Self { parent, position }
    }

    /// The index or key, or why there is none.
    pub(crate) fn position(&self) -> Result<&P> {
        self.position.as_ref().map_err(|error| error.clone().into())
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
}

/// A write as it is put together: checked when it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    data: Option<Result<String, InputError>>,
    ttl: Option<Duration>,
    collection_ttl: Option<Duration>,
    if_match: Option<Revision>,
}

impl Draft {
    /// A draft with data. The value is encoded at once and need not live on.
    pub(crate) fn of<T: Serialize + ?Sized>(data: &T) -> Self {
        Self::of_limited("data", MAX_DATA_SIZE, data)
    }

    pub(crate) fn of_limited<T: Serialize + ?Sized>(
        what: &'static str,
        limit: usize,
        data: &T,
    ) -> Self {
        Self {
            data: Some(data::encode(what, limit, data)),
            ..Self::default()
        }
    }

    pub(crate) fn finish(self) -> Result<Write, InputError> {
        Ok(Write {
            data: self.data.transpose()?,
            ttl: self.ttl.map(ttl::seconds).transpose()?,
            collection_ttl: self.collection_ttl.map(ttl::seconds).transpose()?,
            if_match: self.if_match,
        })
    }
}

/// A Document, List, Map, Message Stream or item, and the calls that reach one.
///
/// Implemented by this crate only.
pub trait Resource: Sized + Send + 'static {
    /// Where one is.
    type Address: Clone + Debug + Send + Sync;

    /// Reads it.
    fn fetch(address: &Self::Address) -> impl Future<Output = Result<Self>> + Send;

    /// Writes to it; it must exist.
    fn update(address: &Self::Address, write: Write) -> impl Future<Output = Result<Self>> + Send;

    /// Removes it.
    fn delete(
        address: &Self::Address,
        if_match: Option<&Revision>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// A resource that can be created. Implemented by this crate only.
pub trait Creatable: Resource {
    /// Where one is created.
    type Place: Clone + Debug + Send + Sync;

    /// Creates it.
    fn create(place: &Self::Place, write: Write) -> impl Future<Output = Result<Self>> + Send;
}

/// A resource that is created under the name or key by which it is found.
pub trait Named: Creatable<Place = <Self as Resource>::Address> {}

impl<R: Creatable<Place = <R as Resource>::Address>> Named for R {}

/// An item of a List or Map. Implemented by this crate only.
pub trait Item: Resource {
    /// What a listing of such items can start at.
    type Position: fmt::Display;
}

/// What became of an object by a call that may create, change or leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It did not exist and was created.
    Created,
    /// It existed and was written to.
    Updated,
    /// It existed and was left as it was.
    Unchanged,
}

/// An object or item after a call that may create, change or leave it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written<R> {
    /// What became of it.
    pub outcome: Outcome,
    /// The object or item as it is now.
    pub object: R,
    /// How many times a write was tried, or would have been; more than 1 if others interfered.
    pub attempts: u32,
}

impl<R> Written<R> {
    pub(crate) fn new(object: R, outcome: Outcome, attempts: u32) -> Self {
        Self {
            outcome,
            object,
            attempts,
        }
    }

    /// Whether the call created it.
    #[must_use]
    pub fn is_created(&self) -> bool {
        self.outcome == Outcome::Created
    }
}

/// How often a call that updates or creates follows others that create and remove the same object
/// at the same time.
const ROUNDS: u32 = 8;

/// Finds an object or creates it, however others create and remove it meanwhile, within bounds.
async fn find_or_create<R, F, C>(
    find: impl Fn() -> F + Send,
    create: impl Fn() -> C + Send,
    found: Outcome,
) -> Result<Written<R>>
where
    F: Future<Output = Result<R>> + Send,
    C: Future<Output = Result<R>> + Send,
{
    let mut round = 1;
    loop {
        match find().await {
            Ok(object) => return Ok(Written::new(object, found, round)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        match create().await {
            Ok(object) => return Ok(Written::new(object, Outcome::Created, round)),
            Err(error) if error.is_already_exists() && round < ROUNDS => round += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Defines a call on a [`Resource`] whose options hang on it and that `.await` sends.
macro_rules! call {
    (
        $(#[$doc:meta])*
        $name:ident<R: $bound:ident>, $output:ty,
        |$address:ident: $address_type:ty, $draft:ident| $send:expr
    ) => {
        $(#[$doc])*
        #[must_use = "nothing is sent before `.await`"]
        pub struct $name<R: $bound> {
            address: $address_type,
            draft: Draft,
        }

        impl<R: $bound> $name<R> {
            pub(crate) fn new(address: $address_type, draft: Draft) -> Self {
                Self { address, draft }
            }
        }

        impl<R: $bound> Debug for $name<R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("address", &self.address)
                    .finish_non_exhaustive()
            }
        }

        impl<R: $bound> IntoFuture for $name<R> {
            type Output = Result<$output>;
            type IntoFuture = CallFuture<$output>;

            fn into_future(self) -> Self::IntoFuture {
                let Self { address: $address, draft: $draft } = self;
                Box::pin(async move { $send })
            }
        }
    };
}

/// Gives calls the option of a time to live.
macro_rules! ttl_option {
    ($($name:ident<R: $bound:ident>),*) => {$(
        impl<R: $bound> $name<R> {
            /// After how long it expires and is removed: at most one year, in whole seconds, a part
            /// of a second counting as one; zero for never. Without it, what is new never expires,
            /// and the expiry of what exists stays as it is.
            pub fn ttl(mut self, ttl: Duration) -> Self {
                self.draft.ttl = Some(ttl);
                self
            }
        }

        impl<R: $bound + Item> $name<R> {
            /// After how long, from now, the List or Map with all its items expires and is removed:
            /// at most one year, zero for never. Without it, its expiry stays as it is.
            pub fn collection_ttl(mut self, ttl: Duration) -> Self {
                self.draft.collection_ttl = Some(ttl);
                self
            }
        }
    )*};
}

call! {
    /// Creates an object or item. It fails if there is one of that name or key.
    Create<R: Creatable>, R, |address: R::Place, draft| R::create(&address, draft.finish()?).await
}

call! {
    /// Writes to an object or item. It fails if there is none.
    Update<R: Resource>, R, |address: R::Address, draft| R::update(&address, draft.finish()?).await
}

call! {
    /// Writes to an object or item, or creates it if there is none.
    UpdateOrCreate<R: Named>, Written<R>, |address: R::Address, draft| {
        let write = draft.finish()?;
        find_or_create(
            || R::update(&address, write.clone()),
            || R::create(&address, write.clone()),
            Outcome::Updated,
        )
        .await
    }
}

call! {
    /// Finds an object, or creates it if there is none.
    Ensure<R: Named>, Written<R>, |address: R::Address, draft| {
        let write = draft.finish()?;
        find_or_create(
            || R::fetch(&address),
            || R::create(&address, write.clone()),
            Outcome::Unchanged,
        )
        .await
    }
}

call! {
    /// Removes an item.
    Remove<R: Item>, (), |address: R::Address, draft| R::delete(&address, draft.if_match.as_ref()).await
}

ttl_option!(
    Create<R: Creatable>,
    Update<R: Resource>,
    UpdateOrCreate<R: Named>,
    Ensure<R: Named>
);

impl<R: Resource> Update<R> {
    /// Writes only if the object or item still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    pub fn if_match(mut self, revision: impl Into<Revision>) -> Self {
        self.draft.if_match = Some(revision.into());
        self
    }
}

impl<R: Item> Remove<R> {
    /// Removes the item only if it still has this revision, and fails with
    /// [`is_revision_conflict`](crate::Error::is_revision_conflict) if it has another.
    pub fn if_match(mut self, revision: impl Into<Revision>) -> Self {
        self.draft.if_match = Some(revision.into());
        self
    }
}

/// Makes `Ok(None)` of the failure of a call that says there is nothing.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
