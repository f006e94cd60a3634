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
    pub(super) account_sid: Box<str>,
    pub(super) service_sid: Box<str>,
    #[serde(default)]
    pub(super) created_by: Box<str>,
    pub(super) date_created: DateTime<Utc>,
    #[serde(default)]
    pub(super) date_expires: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) last_event_id: Option<EventId>,
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

/// The members of an item by which a watch tells whether it has changed.
#[derive(Debug, Deserialize)]
pub(super) struct ItemBody {
    #[serde(default)]
    index: Option<i64>,
    #[serde(default)]
    key: Option<Box<str>>,
    pub(super) last_event_id: EventId,
    pub(super) date_created: DateTime<Utc>,
    #[serde(default)]
    pub(super) date_expires: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) created_by: Box<str>,
}

impl ItemBody {
    pub(super) fn position(&self) -> Option<Position> {
        position(self.index, self.key.as_deref())
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

/// The change that an event tells of, by the end of its type: `map_item_added` is an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventType {
    ItemAdded,
    ItemUpdated,
    ItemRemoved,
    DocumentUpdated,
    MessagePublished,
    /// The object is gone.
    ObjectRemoved,
    /// A change of which a watch tells nothing, such as that of the context of a List.
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

/// A record as the REST API has it, made of an event. Its members go into those of
/// [`MapItem`](crate::MapItem) and the like.
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
