//! The payloads of messages about subscriptions and events, and the bodies of tunnelled responses.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::api::Operation;

/// A kind of object with events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Document,
    List,
    Map,
    Stream,
}

impl Kind {
    /// Its name in subscriptions and errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::List => "list",
            Self::Map => "map",
            Self::Stream => "stream",
        }
    }

    /// The segment of the paths of such objects.
    pub(super) fn segment(self) -> &'static str {
        match self {
            Self::Document => "Documents",
            Self::List => "Lists",
            Self::Map => "Maps",
            Self::Stream => "Streams",
        }
    }

    pub(super) fn has_items(self) -> bool {
        matches!(self, Self::List | Self::Map)
    }

    /// The operation that reads such an object.
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::Document => Operation::FetchDocument,
            Self::List => Operation::FetchSyncList,
            Self::Map => Operation::FetchSyncMap,
            Self::Stream => Operation::FetchSyncStream,
        }
    }
}

/// The index or key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Position {
    Index(i64),
    Key(Box<str>),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}

/// The number of an event, which rises with each change of an object. Before the first one it is -1.
pub(super) type EventId = i64;

/// An object, as a tunnelled request reads it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ObjectBody {
    pub(super) sid: String,
    #[serde(default)]
    pub(super) unique_name: Option<String>,
    #[serde(default)]
    pub(super) account_sid: Box<str>,
    #[serde(default)]
    pub(super) service_sid: Box<str>,
    #[serde(default)]
    pub(super) created_by: Box<str>,
    #[serde(default)]
    pub(super) date_created: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) date_expires: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) last_event_id: Option<EventId>,
}

/// The contents of a Document, as a tunnelled request reads them with the object.
#[derive(Debug, Deserialize)]
pub(super) struct DocumentBody {
    data: Box<RawValue>,
    revision: Box<str>,
    date_created: DateTime<Utc>,
    #[serde(default)]
    date_updated: Option<DateTime<Utc>>,
}

impl DocumentBody {
    /// The record of it, with what the service left out.
    pub(super) fn record<'a>(&'a self, object: &'a ObjectBody) -> RecordBody<'a> {
        let updated = self.date_updated.unwrap_or(self.date_created);
        let content = (&*self.data, &*self.revision);
        RecordBody {
            sid: Some(&object.sid),
            unique_name: object.unique_name.as_deref(),
            date_expires: object.date_expires,
            ..RecordBody::new(
                object,
                content,
                (self.date_created, updated),
                &object.created_by,
            )
        }
    }
}

/// A page of items.
#[derive(Debug, Deserialize)]
pub(super) struct PageBody {
    pub(super) items: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(super) meta: Meta,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

/// An item, as a tunnelled request reads it.
#[derive(Debug, Deserialize)]
pub(super) struct ItemBody {
    #[serde(default)]
    index: Option<i64>,
    #[serde(default)]
    key: Option<Box<str>>,
    pub(super) last_event_id: EventId,
    data: Box<RawValue>,
    revision: Box<str>,
    pub(super) date_created: DateTime<Utc>,
    #[serde(default)]
    date_updated: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) date_expires: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) created_by: Box<str>,
}

impl ItemBody {
    pub(super) fn position(&self) -> Option<Position> {
        position(self.index, self.key.as_deref())
    }

    /// The record of it, with what the service left out.
    pub(super) fn record<'a>(&'a self, kind: Kind, object: &'a ObjectBody) -> RecordBody<'a> {
        let sid = object.sid.as_str();
        let updated = self.date_updated.unwrap_or(self.date_created);
        let content = (&*self.data, &*self.revision);
        RecordBody {
            index: self.index,
            key: self.key.as_deref(),
            list_sid: (kind == Kind::List).then_some(sid),
            map_sid: (kind == Kind::Map).then_some(sid),
            date_expires: self.date_expires,
            ..RecordBody::new(
                object,
                content,
                (self.date_created, updated),
                &self.created_by,
            )
        }
    }
}

fn position(index: Option<i64>, key: Option<&str>) -> Option<Position> {
    let key = key.map(|key| Position::Key(key.into()));
    key.or(index.map(Position::Index))
}

/// The response to a request for subscriptions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AcceptedBody {
    #[serde(default)]
    pub(super) estimated_delivery_in_ms: Option<u64>,
    #[serde(default)]
    pub(super) max_batch_size: Option<usize>,
    #[serde(default)]
    pub(super) ttl_in_s: Option<i64>,
}

/// An error body of a tunnelled response, or of a subscription that failed.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub(super) status: u16,
}

/// The request for subscriptions.
#[derive(Debug, Serialize)]
pub(super) struct SubscriptionsBody<'a> {
    pub(super) event_protocol_version: u8,
    pub(super) action: &'static str,
    pub(super) correlation_id: u64,
    pub(super) retried_requests: u64,
    pub(super) ttl_in_s: i64,
    pub(super) requests: &'a [Wanted],
}

/// An object whose events are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wanted {
    pub(super) object_sid: String,
    pub(super) object_type: &'static str,
    /// The last event that was seen; none where there is no replay.
    pub(super) last_event_id: Option<EventId>,
}

/// The payload of a notification.
#[derive(Debug, Deserialize)]
pub(super) struct NotificationBody {
    pub(super) event_type: String,
    #[serde(default)]
    pub(super) correlation_id: Option<u64>,
    #[serde(default)]
    events: Vec<Box<RawValue>>,
    #[serde(default)]
    event: Option<Box<RawValue>>,
}

impl NotificationBody {
    /// The events, which older versions of the protocol send one by one.
    pub(super) fn events(&self) -> impl Iterator<Item = &RawValue> {
        self.events.iter().chain(&self.event).map(AsRef::as_ref)
    }
}

/// The result of a request for a subscription.
#[derive(Debug, Deserialize)]
pub(super) struct ResultBody {
    pub(super) object_sid: String,
    #[serde(default)]
    pub(super) replay_status: Option<String>,
    #[serde(default)]
    pub(super) last_event_id: Option<EventId>,
    #[serde(default)]
    pub(super) error: Option<Box<RawValue>>,
}

/// An event of an object. Which members it has depends on its type.
#[derive(Debug, Deserialize)]
pub(super) struct EventBody {
    #[serde(default)]
    pub(super) id: Option<EventId>,
    #[serde(default)]
    document_sid: Option<String>,
    #[serde(default)]
    list_sid: Option<String>,
    #[serde(default)]
    map_sid: Option<String>,
    #[serde(default)]
    stream_sid: Option<String>,
    #[serde(default)]
    item_index: Option<i64>,
    #[serde(default)]
    item_key: Option<Box<str>>,
    #[serde(default, alias = "document_data", alias = "message_data")]
    pub(super) item_data: Option<Box<RawValue>>,
    #[serde(default, alias = "document_revision")]
    pub(super) item_revision: Option<Box<str>>,
    #[serde(default)]
    pub(super) message_sid: Option<String>,
    #[serde(default)]
    pub(super) date_created: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) date_expires: Expiry,
}

impl EventBody {
    pub(super) fn object_sid(&self) -> Option<&str> {
        let sids = [
            &self.document_sid,
            &self.list_sid,
            &self.map_sid,
            &self.stream_sid,
        ];
        sids.into_iter().flatten().map(String::as_str).next()
    }

    pub(super) fn position(&self) -> Option<Position> {
        position(self.item_index, self.item_key.as_deref())
    }
}

/// The date in an event when an object or item expires.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Expiry {
    /// It is not said, and so as before.
    #[default]
    AsBefore,
    /// `None` for never.
    At(Option<DateTime<Utc>>),
}

impl Expiry {
    /// The date, given the one before.
    pub(super) fn or(self, before: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        match self {
            Self::AsBefore => before,
            Self::At(date) => date,
        }
    }
}

impl<'de> Deserialize<'de> for Expiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::At)
    }
}

/// The change that an event is of, by its type: `map_item_added` is an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    ItemAdded,
    ItemUpdated,
    ItemRemoved,
    DocumentUpdated,
    MessagePublished,
    /// The object is gone.
    ObjectRemoved,
    /// A change for which a watch emits no event, such as that of the context of a List.
    Other,
}

impl EventType {
    pub(super) fn new(text: &str) -> Self {
        match text {
            "document_updated" => Self::DocumentUpdated,
            "list_item_added" | "map_item_added" => Self::ItemAdded,
            "list_item_updated" | "map_item_updated" => Self::ItemUpdated,
            "list_item_removed" | "map_item_removed" => Self::ItemRemoved,
            "stream_message_published" => Self::MessagePublished,
            "document_removed" | "list_removed" | "map_removed" | "stream_removed" => {
                Self::ObjectRemoved
            }
            _ => Self::Other,
        }
    }
}

/// A record as the REST API has it, made of an event or of what a tunnelled request reads. It has all
/// members of [`MapItem`](crate::MapItem) and the like, also where the service leaves some out.
#[derive(Serialize)]
pub(super) struct RecordBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) list_sid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map_sid: Option<&'a str>,
    pub(super) data: &'a RawValue,
    pub(super) revision: &'a str,
    pub(super) date_expires: Option<DateTime<Utc>>,
    pub(super) date_created: DateTime<Utc>,
    pub(super) date_updated: DateTime<Utc>,
    pub(super) created_by: &'a str,
    pub(super) account_sid: &'a str,
    pub(super) service_sid: &'a str,
}

impl<'a> RecordBody<'a> {
    /// A record with data and revision, the dates of its creation and its last write, and its creator. What
    /// only some records have is left out.
    pub(super) fn new(
        object: &'a ObjectBody,
        (data, revision): (&'a RawValue, &'a str),
        (created, updated): (DateTime<Utc>, DateTime<Utc>),
        creator: &'a str,
    ) -> Self {
        Self {
            sid: None,
            unique_name: None,
            index: None,
            key: None,
            list_sid: None,
            map_sid: None,
            data,
            revision,
            date_expires: None,
            date_created: created,
            date_updated: updated,
            created_by: creator,
            account_sid: &object.account_sid,
            service_sid: &object.service_sid,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Document, ListItem, MapItem};

    fn object() -> ObjectBody {
        let body = json!({"sid": "ET00000000000000000000000000000001", "unique_name": "calls",
            "account_sid": "AC00000000000000000000000000000001",
            "service_sid": "IS00000000000000000000000000000001"});
        serde_json::from_value(body).unwrap()
    }

    fn read<T: serde::de::DeserializeOwned>(record: &RecordBody<'_>) -> T {
        serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
    }

    #[test]
    fn records_are_whole_where_the_service_leaves_members_out() {
        let rest = r#""revision": "1f", "last_event_id": 31, "date_created": "2026-01-01T00:00:00.000Z",
            "data": {"n": 1.50}"#;
        let item: ItemBody = serde_json::from_str(&format!("{{\"key\": \"a\", {rest}}}")).unwrap();
        let read_item: MapItem<Value> = read(&item.record(Kind::Map, &object()));
        assert_eq!(
            (read_item.key.as_str(), &read_item.data),
            ("a", &json!({"n": 1.5}))
        );
        assert_eq!(read_item.map_sid.as_str(), object().sid);
        assert_eq!(read_item.account_sid.as_str(), &*object().account_sid);
        assert_eq!(
            (read_item.created_by.as_str(), read_item.date_expires),
            ("", None)
        );
        let item: ItemBody = serde_json::from_str(&format!("{{\"index\": 7, {rest}}}")).unwrap();
        let read_item: ListItem<Value> = read(&item.record(Kind::List, &object()));
        assert_eq!((read_item.index, read_item.revision.as_str()), (7, "1f"));
        let document: DocumentBody = serde_json::from_str(&format!("{{{rest}}}")).unwrap();
        let read_document: Document<Value> = read(&document.record(&object()));
        assert_eq!(read_document.unique_name.as_deref(), Some("calls"));
        assert_eq!(read_document.date_updated, read_document.date_created);
    }
}
