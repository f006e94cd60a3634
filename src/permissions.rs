//! Permissions: what an identity may do with an object through client software.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::{BitOr, BitOrAssign};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::api::{Call, Form, Operation, RawResponse, Read};
use crate::documents::Document;
use crate::error::Result;
use crate::lists::List;
use crate::maps::Map;
use crate::objects::Objects;
use crate::resource::contract::Contract;
use crate::resource::key::IntoKey;
use crate::resource::kind::{Kind, Listed, Sealed};
use crate::resource::listing::Listing;
use crate::resource::record::Record;
use crate::resource::target::{Target, unless_absent};
use crate::value::{DocumentSid, Identity, InputError, ListSid, MapSid};

/// The rights of an identity: any of reading, writing and managing. In JSON it is an object with the
/// members `read`, `write` and `manage`.
///
/// ```
/// use twilio_sync::permissions::Access;
///
/// let access = Access::READ | Access::WRITE;
/// assert!(access.contains(Access::READ) && !access.contains(Access::MANAGE));
/// assert_eq!(access.to_string(), "read, write");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Access(u8);

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Read the object and its items.
    pub const READ: Self = Self(1);
    /// Change the data of a Document; create, change and remove items of a List or Map.
    pub const WRITE: Self = Self(2);
    /// Remove the object.
    pub const MANAGE: Self = Self(4);
    /// All of it.
    pub const ALL: Self = Self(7);

    /// Returns `true` if all of another access is in this one.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    fn of(read: bool, write: bool, manage: bool) -> Self {
        let flag = |is_set, access| if is_set { access } else { Self::NONE };
        flag(read, Self::READ) | flag(write, Self::WRITE) | flag(manage, Self::MANAGE)
    }
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Access {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READ, "read"),
            (Self::WRITE, "write"),
            (Self::MANAGE, "manage"),
        ];
        let held: Vec<_> = names
            .iter()
            .filter(|(access, _)| self.contains(*access))
            .map(|(_, name)| *name)
            .collect();
        f.write_str(if held.is_empty() { "none" } else { "" })?;
        f.write_str(&held.join(", "))
    }
}

impl Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({self})")
    }
}

/// The permission of an identity for an object, whose SID is an `S`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "RawPermission<S>", bound(deserialize = "S: Deserialize<'de>"))]
#[non_exhaustive]
pub struct Permission<S> {
    /// The identity.
    pub identity: String,
    /// Its rights; `read`, `write` and `manage` in JSON.
    #[serde(flatten)]
    pub access: Access,
    /// The object.
    pub object_sid: S,
}

impl Serialize for Access {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rights = serializer.serialize_struct("Access", 3)?;
        rights.serialize_field("read", &self.contains(Self::READ))?;
        rights.serialize_field("write", &self.contains(Self::WRITE))?;
        rights.serialize_field("manage", &self.contains(Self::MANAGE))?;
        rights.end()
    }
}

impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rights {
            read: bool,
            write: bool,
            manage: bool,
        }

        let rights = Rights::deserialize(deserializer)?;
        Ok(Self::of(rights.read, rights.write, rights.manage))
    }
}

/// A permission as the service sends it.
#[derive(Deserialize)]
struct RawPermission<S> {
    identity: String,
    read: bool,
    write: bool,
    manage: bool,
    #[serde(alias = "document_sid", alias = "list_sid", alias = "map_sid")]
    object_sid: S,
}

impl<S> From<RawPermission<S>> for Permission<S> {
    fn from(raw: RawPermission<S>) -> Self {
        Self {
            identity: raw.identity,
            access: Access::of(raw.read, raw.write, raw.manage),
            object_sid: raw.object_sid,
        }
    }
}

/// A kind of object that has permissions: Documents, Lists, Maps. Implemented by this crate only.
pub trait Permitted: Kind<Sid: PermittedSid> {}

/// The SID of a kind of object that has permissions. Implemented by this crate only.
pub trait PermittedSid: DeserializeOwned + Send + 'static {
    #[doc(hidden)]
    const FETCH: Operation;
    #[doc(hidden)]
    const UPDATE: Operation;
    #[doc(hidden)]
    const DELETE: Operation;
    #[doc(hidden)]
    const LIST: Operation;
}

/// Derives the wiring of the permissions of a kind of object.
macro_rules! permitted {
    ($record:ident $(<$data:ident>)?, $sid:ident, $fetch:ident, $update:ident, $delete:ident, $list:ident) => {
        impl$(<$data: DeserializeOwned + Send + 'static>)? Permitted for $record $(<$data>)? {}

        impl PermittedSid for $sid {
            const FETCH: Operation = Operation::$fetch;
            const UPDATE: Operation = Operation::$update;
            const DELETE: Operation = Operation::$delete;
            const LIST: Operation = Operation::$list;
        }
    };
}

permitted!(
    Document<T>,
    DocumentSid,
    FetchDocumentPermission,
    UpdateDocumentPermission,
    DeleteDocumentPermission,
    ListDocumentPermission
);
permitted!(
    List,
    ListSid,
    FetchSyncListPermission,
    UpdateSyncListPermission,
    DeleteSyncListPermission,
    ListSyncListPermission
);
permitted!(
    Map,
    MapSid,
    FetchSyncMapPermission,
    UpdateSyncMapPermission,
    DeleteSyncMapPermission,
    ListSyncMapPermission
);

impl<S> Sealed for Permission<S> {}

impl<S: PermittedSid> Record for Permission<S> {
    type Raw = Self;

    fn typed(raw: Self, _: Option<&Contract>, _: bool) -> Result<Self> {
        Ok(raw)
    }

    fn title(&self) -> String {
        format!("the permission of \"{}\"", self.identity)
    }
}

impl<S: PermittedSid> Listed for Permission<S> {
    const LIST: Operation = S::LIST;
    const MEMBER: &'static str = "permissions";
}

impl<K: Permitted> Objects<K> {
    /// The permissions of an object.
    #[must_use]
    pub fn permissions(&self, key: impl IntoKey<K>) -> Permissions<K> {
        Permissions {
            target: self.target.object(key).inside(),
            kind: PhantomData,
        }
    }
}

/// The permissions of one object of the kind `K`.
///
/// They matter only to client software, and only if the Service has `acl_enabled`; the REST API may do
/// everything.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use twilio_sync::permissions::Access;
///
/// sync.maps().create("phonebook").await?;
/// let permissions = sync.maps().permissions("phonebook");
/// permissions.grant("alice", Access::READ | Access::WRITE).await?;
/// assert_eq!(permissions.find("bob").await?, None);
///
/// // Alice loses write, Bob gets read, and everybody else loses all rights.
/// let wanted = [("alice", Access::READ), ("bob", Access::READ)];
/// let changes = permissions.set_all(wanted).await?;
/// assert_eq!((changes.granted, changes.changed), (vec!["bob".to_owned()], vec!["alice".to_owned()]));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
pub struct Permissions<K> {
    target: Target,
    kind: PhantomData<fn() -> K>,
}

impl<K> Debug for Permissions<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permissions").field(&self.target).finish()
    }
}

impl<K> Clone for Permissions<K> {
    fn clone(&self) -> Self {
        Self {
            target: self.target.clone(),
            kind: PhantomData,
        }
    }
}

/// The number of permissions that are set or removed at a time.
const CONCURRENCY: usize = 8;

/// The changes that [`Permissions::set_all`] made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionChanges {
    /// Identities that have a permission now and did not before.
    pub granted: Vec<String>,
    /// Identities whose permission is another now.
    pub changed: Vec<String>,
    /// Identities that have no permission any more.
    pub revoked: Vec<String>,
    /// Identities whose permission was right already.
    pub unchanged: Vec<String>,
}

/// One thing to do to bring about what is wanted.
enum Step {
    Set(Identity, Access),
    Revoke(Identity),
}

impl<K: Permitted> Permissions<K> {
    fn identity<I>(&self, identity: I) -> Target
    where
        I: TryInto<Identity, Error: Into<InputError>>,
    {
        self.target
            .identity(identity.try_into().map_err(Into::into))
    }

    /// Replaces the rights of an identity. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such object.
    pub fn grant<I>(&self, identity: I, access: Access) -> Call<Permission<K::Sid>>
    where
        I: TryInto<Identity, Error: Into<InputError>>,
    {
        let right = |right| {
            Some(if access.contains(right) {
                "true"
            } else {
                "false"
            })
        };
        let form = Form::default()
            .field("Read", right(Access::READ))
            .field("Write", right(Access::WRITE))
            .field("Manage", right(Access::MANAGE));
        let target = self.identity(identity);
        target.record(K::Sid::UPDATE).with_fields(form)
    }

    /// Reads the permission of an identity. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if it has none, or there is no such object.
    pub fn get<I>(&self, identity: I) -> Call<Permission<K::Sid>>
    where
        I: TryInto<Identity, Error: Into<InputError>>,
    {
        self.identity(identity).record(K::Sid::FETCH)
    }

    /// Reads the permission of an identity; `None` if it has none. One request.
    ///
    /// Where no call of this value or its clones has succeeded yet, a second request reads the object, so
    /// that `None` means that it exists.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such object.
    pub fn find<I>(&self, identity: I) -> Call<Option<Permission<K::Sid>>>
    where
        I: TryInto<Identity, Error: Into<InputError>>,
    {
        self.identity(identity).find(K::Sid::FETCH)
    }

    /// Removes the permission of an identity: whether there was one. One request.
    pub fn revoke<I>(&self, identity: I) -> Call<bool>
    where
        I: TryInto<Identity, Error: Into<InputError>>,
    {
        let read: Read<bool> =
            Box::new(|response| Ok(unless_absent(response, RawResponse::json::<()>)?.is_some()));
        let target = self.identity(identity);
        target.call::<()>(K::Sid::DELETE).read_by(read)
    }

    /// All permissions of the object, as a stream. One request for each 100.
    pub fn all(&self) -> Listing<Permission<K::Sid>> {
        Listing::new(self.target.clone())
    }

    /// Brings the permissions of the object to what is given, with the fewest calls: identities that
    /// are not named lose theirs, and so do those with [`Access::NONE`]; what is right already is not
    /// touched. Of an identity that is named twice the last counts. One request for each 100
    /// permissions there are, and one for each change.
    ///
    /// # Errors
    ///
    /// If the permissions cannot be read, or one cannot be changed; others may be changed by then.
    /// Doing it again does what is left.
    pub async fn set_all<I, N>(&self, wanted: I) -> Result<PermissionChanges>
    where
        I: IntoIterator<Item = (N, Access)>,
        N: Into<String>,
    {
        let mut left = BTreeMap::new();
        for (identity, access) in wanted {
            left.insert(Identity::new(identity)?, access);
        }
        left.retain(|_, access| *access != Access::NONE);
        let mut changes = PermissionChanges::default();
        let mut steps = Vec::new();
        let current: Vec<_> = self.all().try_collect().await?;
        for permission in current {
            let identity = Identity::new(permission.identity.as_str())?;
            match left.remove(&identity) {
                Some(access) if access == permission.access => {
                    changes.unchanged.push(permission.identity);
                }
                Some(access) => {
                    changes.changed.push(permission.identity);
                    steps.push(Step::Set(identity, access));
                }
                None => {
                    changes.revoked.push(permission.identity);
                    steps.push(Step::Revoke(identity));
                }
            }
        }
        for (identity, access) in left {
            changes.granted.push(identity.to_string());
            steps.push(Step::Set(identity, access));
        }
        let steps = stream::iter(steps).map(|step| async move {
            match step {
                Step::Set(identity, access) => self.grant(identity, access).await.map(drop),
                Step::Revoke(identity) => self.revoke(identity).await.map(drop),
            }
        });
        steps
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        Ok(changes)
    }
}
