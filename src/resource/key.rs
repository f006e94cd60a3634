//! Keys: what addresses an object among those of its kind, and an item in its List or Map.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use crate::resource::kind::{Collection, Kind};
use crate::value::{InputError, ItemKey, ObjectReference, UniqueName};

/// The address of an object of a kind: its unique name, or its SID.
///
/// Every call that takes one takes a text, which is a unique name, or a SID of that kind. A text that no
/// name can be fails the call when it is sent. The SID of another kind does not compile:
///
/// ```compile_fail,E0277
/// # async fn f(sync: twilio_sync::SyncClient) -> twilio_sync::Result<()> {
/// let list = sync.lists().get("log").await?;
/// sync.maps().remove(&list.sid).await?; // the SID of a List
/// # Ok(())
/// # }
/// ```
pub struct Key<K> {
    reference: Result<ObjectReference, Box<InputError>>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Key<K> {
    fn new(reference: Result<ObjectReference, InputError>) -> Self {
        Self {
            reference: reference.map_err(Box::new),
            kind: PhantomData,
        }
    }

    pub(crate) fn into_reference(self) -> Result<ObjectReference, Box<InputError>> {
        self.reference
    }
}

impl<K: Kind> Key<K> {
    pub(crate) fn of_sid(sid: &K::Sid) -> Self {
        Self::new(K::reference(sid))
    }
}

impl<K> Clone for Key<K> {
    fn clone(&self) -> Self {
        Self {
            reference: self.reference.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> Debug for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.reference).finish()
    }
}

impl<K> From<&str> for Key<K> {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

impl<K> From<String> for Key<K> {
    fn from(name: String) -> Self {
        Self::new(UniqueName::new(name).map(ObjectReference::from))
    }
}

impl<K> From<&String> for Key<K> {
    fn from(name: &String) -> Self {
        Self::from(name.clone())
    }
}

impl<K> From<UniqueName> for Key<K> {
    fn from(name: UniqueName) -> Self {
        Self::new(Ok(name.into()))
    }
}

impl<K> From<&UniqueName> for Key<K> {
    fn from(name: &UniqueName) -> Self {
        Self::from(name.clone())
    }
}

impl<K> From<&Self> for Key<K> {
    fn from(key: &Self) -> Self {
        key.clone()
    }
}

/// A value that addresses an object of the kind `K`: whatever becomes a [`Key`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not address a `{K}`",
    label = "neither a unique name nor a SID of this kind",
    note = "pass a unique name (`&str`, `String`, `UniqueName`) or the SID of an object of this very kind"
)]
pub trait IntoKey<K> {
    /// Makes it a key.
    fn into_key(self) -> Key<K>;
}

#[diagnostic::do_not_recommend]
impl<K, N: Into<Key<K>>> IntoKey<K> for N {
    fn into_key(self) -> Key<K> {
        self.into()
    }
}

/// The place of an item in a List or Map: its index, or its key.
///
/// A number that no index can be, and a text that no key can be, fails the call when it is sent.
pub struct Position<C> {
    text: Result<String, Box<InputError>>,
    collection: PhantomData<fn() -> C>,
}

impl<C: Collection> Position<C> {
    pub(crate) fn new(text: Result<String, InputError>) -> Self {
        Self {
            text: text.map_err(Box::new),
            collection: PhantomData,
        }
    }

    /// The position of an item that was read. Other clients can create keys that no path can carry.
    pub(crate) fn read(text: impl fmt::Display) -> Self {
        Self::new(ItemKey::new(text.to_string()).map(String::from))
    }

    pub(crate) fn into_text(self) -> Result<String, Box<InputError>> {
        self.text
    }
}

impl<C> Clone for Position<C> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            collection: PhantomData,
        }
    }
}

impl<C> Debug for Position<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Position").field(&self.text).finish()
    }
}
