//! The lifecycle that every kind of named object has.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use crate::api::{Call, Read};
use crate::client::SyncClient;
use crate::resource::call::{Create, Ensure, Remove, Update};
use crate::resource::key::{IntoKey, Key};
use crate::resource::kind::{Dataless, Kind};
use crate::resource::listing::{Found, Listing};
use crate::resource::target::{Target, unless_absent};
use crate::resource::write::Draft;
use crate::value::Ttl;

/// The objects of one kind in a Service: [`Documents`](crate::Documents), [`Lists`](crate::Lists),
/// [`Maps`](crate::Maps), [`MessageStreams`](crate::MessageStreams).
///
/// Each call takes a unique name, or a SID of this kind. It is one request, unless it says otherwise.
pub struct Objects<K> {
    pub(crate) target: Target,
    kind: PhantomData<fn() -> K>,
}

impl<K> Debug for Objects<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.target).finish()
    }
}

impl<K> Clone for Objects<K> {
    fn clone(&self) -> Self {
        Self {
            target: self.target.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> Objects<K> {
    pub(crate) fn new(sync: SyncClient) -> Self {
        Self {
            target: Target::service(sync),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Objects<K> {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn get(&self, key: impl IntoKey<K>) -> Call<K> {
        self.target.object(key).fetch()
    }

    /// Reads an object; `None` if there is none.
    ///
    /// Where no call of the client has succeeded in this Service yet, a second request reads the Service,
    /// so that `None` means that it exists.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub fn find(&self, key: impl IntoKey<K>) -> Call<Option<K>> {
        self.target.object(key).find(K::FETCH)
    }

    /// Looks for an object: its SID, or `None` if there is none. Cost and errors are those of
    /// [`find`](Self::find).
    pub fn search(&self, key: impl IntoKey<K>) -> Call<Option<K::Sid>> {
        let read: Read<Option<K::Sid>> = Box::new(|response| {
            // The data need not fit.
            unless_absent(response, |it| Ok(K::names(&it.json()?).0.clone()))
        });
        let target = self.target.object(key);
        target.call::<()>(K::FETCH).asking_above().read_by(read)
    }

    /// Sets after how long an object expires, counted from now.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn set_ttl(&self, key: impl IntoKey<K>, ttl: impl Into<Ttl>) -> Update<K> {
        Update::new(self.target.object(key), Draft::default()).ttl(ttl)
    }

    /// Removes an object, and all that is in it.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn remove(&self, key: impl IntoKey<K>) -> Remove<K> {
        Remove::new(self.target.object(key), Draft::default())
    }

    /// Removes the object with a SID, as [`remove`](Self::remove) does, for those who know helpers of
    /// this name elsewhere.
    pub fn remove_by_id(&self, sid: &K::Sid) -> Remove<K> {
        self.remove(Key::<K>::of_sid(sid))
    }

    /// Every object of this kind, as a stream. One request for each 100.
    pub fn all(&self) -> Listing<K> {
        Listing::new(self.target.clone())
    }

    /// Every object of this kind whose unique name begins with a text, as a stream. The service cannot
    /// look for them: all are read, one request for each 100.
    pub fn all_with_prefix(&self, prefix: impl Into<String>) -> Listing<K> {
        let prefix = prefix.into();
        self.all().judged(move |raw, _| {
            let (_, name) = K::names(raw);
            Found::if_matching(name.is_some_and(|name| name.starts_with(&prefix)))
        })
    }
}

impl<K: Dataless> Objects<K> {
    /// Creates an object under a unique name.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, name: impl Into<String>) -> Create<K> {
        Create::new(self.target.object::<K>(name.into()), Draft::default())
    }

    /// Finds the object with a unique name, or creates it if there is none; a time to live applies in
    /// the latter case.
    ///
    /// Cost: one request if it exists, two if not.
    pub fn ensure(&self, name: impl Into<String>) -> Ensure<K> {
        Ensure::new(self.target.object::<K>(name.into()), Draft::default())
    }
}
