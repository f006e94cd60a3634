//! The objects of a Service, whatever their kind.

use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use twilio_sync::api::Data;
use twilio_sync::{
    Document, DocumentSid, List, ListSid, Map, MapSid, Revision, ServiceSid, StreamSid, SyncClient,
    SyncList, SyncMap, SyncStream,
};

use super::Place;
use super::entry::ObjectKind;
use crate::input::{Reference, by};

/// An object that is there.
#[derive(Clone, Debug)]
pub(crate) struct Existing {
    pub(crate) sid: String,
    pub(crate) unique_name: Option<String>,
    pub(crate) date_expires: Option<DateTime<Utc>>,
    /// Of a Document.
    pub(crate) data: Option<Data>,
    /// Of a Document.
    pub(crate) revision: Option<Revision>,
}

impl Existing {
    /// What it is found by.
    pub(crate) fn place(&self, kind: ObjectKind) -> Place {
        Place {
            kind,
            name: self.unique_name.as_ref().unwrap_or(&self.sid).clone(),
        }
    }
}

impl From<Document<Data>> for Existing {
    fn from(document: Document<Data>) -> Self {
        Self {
            sid: document.sid.to_string(),
            unique_name: document.unique_name,
            date_expires: document.date_expires,
            data: Some(document.data),
            revision: Some(document.revision),
        }
    }
}

/// Of the kinds that have no data of their own.
macro_rules! without_data {
    ($($object:ty),*) => {$(
        impl From<$object> for Existing {
            fn from(object: $object) -> Self {
                Self {
                    sid: object.sid.to_string(),
                    unique_name: object.unique_name,
                    date_expires: object.date_expires,
                    data: None,
                    revision: None,
                }
            }
        }
    )*};
}

without_data!(SyncList, SyncMap, SyncStream);

/// The SID of the Service: `default` is another one for each account.
pub(crate) async fn service_sid(sync: &SyncClient) -> twilio_sync::Result<String> {
    match sync.service().as_str().parse::<ServiceSid>() {
        Ok(sid) => Ok(sid.to_string()),
        Err(_) => Ok(sync.services().get_default().await?.sid.to_string()),
    }
}

/// All objects of a kind.
pub(crate) fn all(
    sync: &SyncClient,
    kind: ObjectKind,
) -> BoxStream<'static, twilio_sync::Result<Existing>> {
    match kind {
        ObjectKind::Document => {
            let documents = sync.documents::<Data>().all();
            documents.map_ok(Existing::from).boxed()
        }
        ObjectKind::List => sync.lists().all().map_ok(Existing::from).boxed(),
        ObjectKind::Map => sync.maps().all().map_ok(Existing::from).boxed(),
        ObjectKind::Stream => sync.streams().all().map_ok(Existing::from).boxed(),
    }
}

/// The object with a unique name or SID, if there is one.
pub(crate) async fn find(
    sync: &SyncClient,
    place: &Place,
) -> twilio_sync::Result<Option<Existing>> {
    let name = &place.name;
    macro_rules! get {
        ($facade:expr, $sid:ty) => {
            by!(await $facade, Reference::<$sid>::new(name), get / get_by_id()).map(Existing::from)
        };
    }
    let found = match place.kind {
        ObjectKind::Document => get!(sync.documents::<Data>(), DocumentSid),
        ObjectKind::List => get!(sync.lists(), ListSid),
        ObjectKind::Map => get!(sync.maps(), MapSid),
        ObjectKind::Stream => get!(sync.streams(), StreamSid),
    };
    match found {
        Ok(existing) => Ok(Some(existing)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The List with a unique name or SID.
pub(crate) fn list(sync: &SyncClient, name: &str) -> List<Data> {
    by!(
        sync,
        Reference::<ListSid>::new(name),
        list / list_by_id::<Data>()
    )
}

/// The Map with a unique name or SID.
pub(crate) fn map(sync: &SyncClient, name: &str) -> Map<Data> {
    by!(
        sync,
        Reference::<MapSid>::new(name),
        map / map_by_id::<Data>()
    )
}
