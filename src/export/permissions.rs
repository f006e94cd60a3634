//! Permissions in an export: reading and writing those of Documents, Lists and Maps.

use std::str::FromStr;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::stored::{Stored, StoredStream, key};
use super::{Entry, Kind, Place};
use crate::client::SyncClient;
use crate::documents::Document;
use crate::error::Result;
use crate::lists::List;
use crate::maps::Map;
use crate::objects::Objects;
use crate::permissions::{Access, Permitted};
use crate::resource::bulk::JobOptions;
use crate::resource::kind;
use crate::value::Data;

/// The permissions for the object with a SID, which they name by the name of the place; none for a Message
/// Stream.
///
/// Cost: one request for each 100, at least one.
pub(super) fn stored(sync: &SyncClient, place: &Place, sid: &str) -> StoredStream {
    match place.kind {
        Kind::Document => listed::<Document<Data>>(sync, place, sid),
        Kind::List => listed::<List>(sync, place, sid),
        Kind::Map => listed::<Map>(sync, place, sid),
        _ => stream::empty().boxed(),
    }
}

fn listed<K>(sync: &SyncClient, place: &Place, sid: &str) -> StoredStream
where
    K: Permitted + kind::Kind<Sid: FromStr>,
{
    let Some(kind) = place.kind.permissions() else {
        return stream::empty().boxed();
    };
    let permissions = Objects::<K>::new(sync.clone()).permissions(key::<K>(sid));
    let (name, sid) = (place.name.clone(), sid.to_owned());
    let stored = move |permission: crate::permissions::Permission<K::Sid>| {
        let mut entry = Entry::new(kind, &name);
        entry.identity = Some(permission.identity);
        entry.access = Some(permission.access);
        Stored {
            entry,
            sid: sid.clone(),
            revision: None,
        }
    };
    permissions.all().map_ok(stored).boxed()
}

/// Gives an identity the rights of an entry for the object with a unique name or SID; without rights, it
/// removes the permission. One request.
pub(super) async fn write(
    sync: &SyncClient,
    object: &str,
    entry: &Entry,
    access: Option<Access>,
    options: &JobOptions,
) -> Result<()> {
    match entry.kind.object() {
        Kind::Document => write_to::<Document<Data>>(sync, object, entry, access, options).await,
        Kind::List => write_to::<List>(sync, object, entry, access, options).await,
        _ => write_to::<Map>(sync, object, entry, access, options).await,
    }
}

async fn write_to<K>(
    sync: &SyncClient,
    object: &str,
    entry: &Entry,
    access: Option<Access>,
    options: &JobOptions,
) -> Result<()>
where
    K: Permitted + kind::Kind<Sid: FromStr>,
{
    let mut objects = Objects::<K>::new(sync.clone());
    objects.target.options = options.options.clone();
    let permissions = objects.permissions(key::<K>(object));
    let identity = entry.identity.as_deref().unwrap_or_default();
    match access {
        Some(access) => permissions.grant(identity, access).await.map(drop),
        None => permissions.revoke(identity).await.map(drop),
    }
}
