//! The objects of a Service, of any kind.

use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use twilio_sync::export::{Kind, Place};
use twilio_sync::value::{Data, ServiceSid};
use twilio_sync::{Document, List, Map, MessageStream, Revision, SyncClient};

use crate::io::input::Reference;
use crate::io::noun::Noun;

/// An object that exists.
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
    /// Its unique name, or its SID if it has none.
    pub(crate) fn place(&self, kind: Kind) -> Place {
        Place::new(kind, self.unique_name.as_ref().unwrap_or(&self.sid))
    }
}

impl From<Document<Data>> for Existing {
    fn from(document: Document<Data>) -> Self {
        Self {
            sid: document.sid.into(),
            unique_name: document.unique_name,
            date_expires: document.date_expires,
            data: Some(document.data),
            revision: Some(document.revision),
        }
    }
}

/// Derives the conversion of the kinds without data.
macro_rules! without_data {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Existing {
            fn from(object: $kind) -> Self {
                Self {
                    sid: object.sid.into(),
                    unique_name: object.unique_name,
                    date_expires: object.date_expires,
                    data: None,
                    revision: None,
                }
            }
        }
    )*};
}

without_data!(List, Map, MessageStream);

/// The SID of the Service: `default` is another one for each account.
pub(crate) async fn service_sid(sync: &SyncClient) -> twilio_sync::Result<String> {
    let service = sync.service();
    match service.as_str().parse::<ServiceSid>() {
        Ok(sid) => Ok(sid.into()),
        Err(_) => Ok(sync.services().get(service).await?.sid.into()),
    }
}

/// All objects of a kind.
pub(crate) fn all(
    sync: &SyncClient,
    kind: Kind,
) -> BoxStream<'static, twilio_sync::Result<Existing>> {
    fn all<K: Noun + Into<Existing>>(
        sync: &SyncClient,
    ) -> BoxStream<'static, twilio_sync::Result<Existing>> {
        K::objects(sync).all().map_ok(K::into).boxed()
    }
    match kind {
        Kind::Document => all::<Document<Data>>(sync),
        Kind::List | Kind::ListItem => all::<List>(sync),
        Kind::Map | Kind::MapItem => all::<Map>(sync),
        Kind::Stream => all::<MessageStream>(sync),
    }
}

/// The object with a unique name or SID, if there is one.
pub(crate) async fn find(
    sync: &SyncClient,
    place: &Place,
) -> twilio_sync::Result<Option<Existing>> {
    async fn find<K: Noun + Into<Existing>>(
        sync: &SyncClient,
        name: &str,
    ) -> twilio_sync::Result<Option<Existing>> {
        let found = K::objects(sync).find(Reference::new(name)).await?;
        Ok(found.map(K::into))
    }
    let name = &place.name;
    match place.kind {
        Kind::Document => find::<Document<Data>>(sync, name).await,
        Kind::List | Kind::ListItem => find::<List>(sync, name).await,
        Kind::Map | Kind::MapItem => find::<Map>(sync, name).await,
        Kind::Stream => find::<MessageStream>(sync, name).await,
    }
}
