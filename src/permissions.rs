//! Permissions: what an identity may do with an object through client software.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::ops::{BitOr, BitOrAssign};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::api::types::{
    UpdateDocumentPermissionRequest, UpdateSyncListPermissionRequest,
    UpdateSyncMapPermissionRequest,
};
use crate::error::Result;
use crate::names::Identity;
use crate::paging::{Listed, Listing, Page, PageQuery};
use crate::resource::{Address, Sealed, found};
use crate::sids::{DocumentSid, ListSid, MapSid};

/// What an identity may do: any of reading, writing and managing.
///
/// ```
/// use twilio_sync::Access;
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

    /// Whether all of another access is in this one.
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

/// What an identity may do with an object, which `S` is the SID of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission<S> {
    /// The identity.
    pub identity: String,
    /// What it may do.
    pub access: Access,
    /// The object.
    pub object_sid: S,
}

/// The permissions of one object, which `S` is the SID of.
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
/// use twilio_sync::Access;
///
/// sync.maps().create("phonebook").await?;
/// let permissions = sync.maps().permissions("phonebook");
/// permissions.grant("alice", Access::READ | Access::WRITE).await?;
/// assert_eq!(permissions.get("bob").await?, None);
///
/// // Alice loses write, Bob gets read, and whoever else had something loses it.
/// let wanted = [("alice", Access::READ), ("bob", Access::READ)];
/// let changes = permissions.set_all(wanted).await?;
/// assert_eq!((changes.granted, changes.changed), (vec!["bob".to_owned()], vec!["alice".to_owned()]));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
pub struct Permissions<S> {
    address: Address,
    kind: std::marker::PhantomData<fn() -> S>,
}

impl<S> Debug for Permissions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<S> Clone for Permissions<S> {
    fn clone(&self) -> Self {
        Self::new(self.address.clone())
    }
}

/// The SID of a kind of object that has permissions. Implemented by this crate only.
pub trait Permitted: Sealed + Sized + Send + 'static {
    /// Reads the permission of an identity.
    #[doc(hidden)]
    fn fetch(
        address: &Address,
        identity: &Identity,
    ) -> impl Future<Output = Result<Permission<Self>>> + Send;

    /// Sets it.
    #[doc(hidden)]
    fn set(
        address: &Address,
        identity: &Identity,
        access: Access,
    ) -> impl Future<Output = Result<Permission<Self>>> + Send;

    /// Removes it.
    #[doc(hidden)]
    fn delete(address: &Address, identity: &Identity) -> impl Future<Output = Result<()>> + Send;

    /// Reads a page of all of them.
    #[doc(hidden)]
    fn list(
        address: &Address,
        query: &PageQuery,
    ) -> impl Future<Output = Result<Page<Permission<Self>>>> + Send;
}

/// How many permissions are set or removed at a time.
const CONCURRENCY: usize = 8;

/// What [`Permissions::set_all`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionChanges {
    /// Identities that had no permission and have one now.
    pub granted: Vec<String>,
    /// Identities whose permission is another now.
    pub changed: Vec<String>,
    /// Identities that have no permission any more.
    pub revoked: Vec<String>,
    /// Identities that had what they should have.
    pub unchanged: Vec<String>,
}

/// One thing to do to bring about what is wanted.
enum Step {
    Set(Identity, Access),
    Revoke(Identity),
}

impl<S> Permissions<S> {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            kind: std::marker::PhantomData,
        }
    }
}

impl<S: Permitted> Permissions<S> {
    /// Sets what an identity may do; it replaces what it could do before. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such object.
    pub async fn grant(
        &self,
        identity: impl Into<String>,
        access: Access,
    ) -> Result<Permission<S>> {
        S::set(&self.address, &Identity::new(identity)?, access).await
    }

    /// What an identity may do; `None` if it has no permission, or there is no such object. One
    /// request.
    ///
    /// # Errors
    ///
    /// If the service cannot tell.
    pub async fn get(&self, identity: impl Into<String>) -> Result<Option<Permission<S>>> {
        found(S::fetch(&self.address, &Identity::new(identity)?).await)
    }

    /// Removes the permission of an identity, and says whether there was one. One request.
    ///
    /// # Errors
    ///
    /// If the service cannot do it.
    pub async fn revoke(&self, identity: impl Into<String>) -> Result<bool> {
        let revoked = found(S::delete(&self.address, &Identity::new(identity)?).await)?;
        Ok(revoked.is_some())
    }

    /// All permissions of the object, as a stream. One request for each 100.
    pub fn all(&self) -> Listing<Permission<S>> {
        Listing::new(self.address.clone())
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
                Step::Set(identity, access) => {
                    S::set(&self.address, &identity, access).await.map(drop)
                }
                Step::Revoke(identity) => {
                    found(S::delete(&self.address, &identity).await).map(drop)
                }
            }
        });
        steps
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        Ok(changes)
    }
}

impl<S> Sealed for Permission<S> {}

impl<S: Permitted> Listed for Permission<S> {
    type Scope = Address;

    async fn page(address: &Address, query: &PageQuery) -> Result<Page<Self>> {
        S::list(address, query).await
    }
}

/// Connects the permissions of one kind of object to the generated client.
macro_rules! permitted {
    ($sid:ident, $field:ident, $fetch:ident, $update:ident($form:ident), $delete:ident, $list:ident) => {
        impl Sealed for $sid {}

        impl Permitted for $sid {
            async fn fetch(address: &Address, identity: &Identity) -> Result<Permission<Self>> {
                let sync = address.sync();
                let request = sync.api().$fetch(sync.service(), address.reference()?, identity);
                let raw = sync.call(request).await?;
                Ok(permitted!(@read raw, $field))
            }

            async fn set(address: &Address, identity: &Identity, access: Access) -> Result<Permission<Self>> {
                let sync = address.sync();
                let form = $form {
                    read: access.contains(Access::READ),
                    write: access.contains(Access::WRITE),
                    manage: access.contains(Access::MANAGE),
                };
                let request = sync.api().$update(sync.service(), address.reference()?, identity, &form);
                let raw = sync.call(request).await?;
                Ok(permitted!(@read raw, $field))
            }

            async fn delete(address: &Address, identity: &Identity) -> Result<()> {
                let sync = address.sync();
                let request = sync.api().$delete(sync.service(), address.reference()?, identity);
                sync.call(request).await
            }

            async fn list(address: &Address, query: &PageQuery) -> Result<Page<Permission<Self>>> {
                let sync = address.sync();
                let request = sync.api().$list(
                    sync.service(),
                    address.reference()?,
                    query.page,
                    query.page_size,
                    query.page_token.as_deref(),
                );
                let page = sync.call(request).await?;
                let records = page.permissions.into_iter();
                Ok(Page {
                    records: records.map(|raw| Ok(permitted!(@read raw, $field))).collect(),
                    meta: page.meta,
                })
            }
        }
    };
    (@read $raw:ident, $field:ident) => {
        Permission {
            identity: $raw.identity,
            access: Access::of($raw.read, $raw.write, $raw.manage),
            object_sid: $raw.$field,
        }
    };
}

permitted!(
    DocumentSid,
    document_sid,
    fetch_document_permission,
    update_document_permission(UpdateDocumentPermissionRequest),
    delete_document_permission,
    list_document_permission
);
permitted!(
    ListSid,
    list_sid,
    fetch_sync_list_permission,
    update_sync_list_permission(UpdateSyncListPermissionRequest),
    delete_sync_list_permission,
    list_sync_list_permission
);
permitted!(
    MapSid,
    map_sid,
    fetch_sync_map_permission,
    update_sync_map_permission(UpdateSyncMapPermissionRequest),
    delete_sync_map_permission,
    list_sync_map_permission
);

/// Gives a facade the permissions of its objects.
macro_rules! permissions {
    ($facade:ident $(<$data:ident>)?, $noun:literal, $sid:ident) => {
        impl$(<$data>)? $facade $(<$data>)? {
            #[doc = concat!("The permissions of the ", $noun, " with a unique name.")]
            #[must_use]
            pub fn permissions(&self, name: impl Into<String>) -> $crate::Permissions<$crate::sids::$sid> {
                $crate::Permissions::new(self.by_name(name))
            }

            #[doc = concat!("The permissions of the ", $noun, " with a SID.")]
            #[must_use]
            pub fn permissions_by_id(&self, sid: &$crate::sids::$sid) -> $crate::Permissions<$crate::sids::$sid> {
                $crate::Permissions::new(self.by_id(sid))
            }
        }
    };
}

pub(crate) use permissions;
