//! The bodies of tunnelled responses, and the events of subscriptions.
//!
//! The names are those of the REST API, with members of their own: ids of events, dates with
//! milliseconds, and URLs that client software comes back with.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use percent_encoding::utf8_percent_encode;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::emulator::core::PATH_SEGMENT;
use crate::emulator::store::{
    Change, Collection, Document, Event, History, Item, ItemName, ItemRules, ItemState, ItemView,
    Items, Kind, LastEvent, List, Map, Millis, ObjectState, ObjectView, Removed, Resource, Sid,
    Stream, Subject,
};

/// The address of the service behind, which client software only takes apart: all requests for it come
/// through the connection.
pub(super) const BASE: &str = "https://cds.us1.twilio.com";

/// A kind of object, as client software knows it.
pub(super) trait Wire: Resource<Body: LiveState> {
    /// In paths.
    const SEGMENT: &'static str;
    /// In events and subscriptions.
    const NAME: &'static str;
    /// The code of the error that there is no such object.
    const NOT_FOUND: u32;
    /// The resources under an object: names and the segments of their paths.
    const LINKS: &'static [(&'static str, &'static str)];
}

/// The state of an object, as client software knows it.
pub(super) trait LiveState {
    /// The number of the last event; -1 where there was none.
    fn last_event(&self) -> Option<i64>;
    fn revision(&self) -> Option<u64>;
    fn data(&self) -> Option<&RawValue> {
        None
    }
}

/// A kind of object with items, as client software knows it.
pub(super) trait WireCollection: Wire + ItemRules {
    /// The code of the error that there is no such item.
    const ITEM_NOT_FOUND: u32;
}

/// A number of the store as client software knows it.
fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

impl Wire for Document {
    const SEGMENT: &'static str = "Documents";
    const NAME: &'static str = "document";
    const NOT_FOUND: u32 = 54100;
    const LINKS: &'static [(&'static str, &'static str)] = &[];
}

impl LiveState for Document {
    fn last_event(&self) -> Option<i64> {
        Some(number(Document::last_event(self)))
    }

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn data(&self) -> Option<&RawValue> {
        Some(self.data.json())
    }
}

impl Wire for List {
    const SEGMENT: &'static str = "Lists";
    const NAME: &'static str = "list";
    const NOT_FOUND: u32 = 54150;
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("items", "Items"), ("context", "Context")];
}

impl Wire for Map {
    const SEGMENT: &'static str = "Maps";
    const NAME: &'static str = "map";
    const NOT_FOUND: u32 = 54200;
    const LINKS: &'static [(&'static str, &'static str)] = &[("items", "Items")];
}

impl<K> LiveState for Items<K> {
    fn last_event(&self) -> Option<i64> {
        Some(number(self.events) - 1)
    }

    fn revision(&self) -> Option<u64> {
        Some(self.events)
    }
}

impl Wire for Stream {
    const SEGMENT: &'static str = "Streams";
    const NAME: &'static str = "stream";
    const NOT_FOUND: u32 = 54250;
    const LINKS: &'static [(&'static str, &'static str)] = &[("messages", "Messages")];
}

impl LiveState for Stream {
    fn last_event(&self) -> Option<i64> {
        None
    }

    fn revision(&self) -> Option<u64> {
        None
    }
}

impl WireCollection for List {
    const ITEM_NOT_FOUND: u32 = 54151;
}

impl WireCollection for Map {
    const ITEM_NOT_FOUND: u32 = 54201;
}

/// The name of a kind in events and subscriptions.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Document => Document::NAME,
        Kind::List => List::NAME,
        Kind::Map => Map::NAME,
        Kind::Stream => Stream::NAME,
        Kind::Service | Kind::Message => "",
    }
}

fn segment(kind: Kind) -> &'static str {
    match kind {
        Kind::Document => Document::SEGMENT,
        Kind::List => List::SEGMENT,
        Kind::Map => Map::SEGMENT,
        Kind::Stream | Kind::Service | Kind::Message => Stream::SEGMENT,
    }
}

fn object_url(service: Sid, object: Sid) -> String {
    format!(
        "{BASE}/v3/Services/{service}/{}/{object}",
        segment(object.kind())
    )
}

fn item_url(service: Sid, collection: Sid, name: &ItemName) -> String {
    let url = object_url(service, collection);
    let name = name.to_string();
    format!("{url}/Items/{}", utf8_percent_encode(&name, PATH_SEGMENT))
}

/// An object.
#[derive(Serialize)]
pub(super) struct ObjectBody<'a> {
    sid: Sid,
    unique_name: Option<&'a str>,
    account_sid: &'a str,
    service_sid: Sid,
    created_by: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
    links: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_id: Option<i64>,
    #[serde(flatten)]
    dates: Dates,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) items: Option<Vec<ItemBody<'a>>>,
}

impl<'a> ObjectBody<'a> {
    /// The body with data, where the object has it: the response to a write has none.
    pub(super) fn new<T: Wire>(
        account: &'a str,
        view: &ObjectView<'a, T>,
        with_data: bool,
    ) -> Self {
        let url = object_url(view.service, view.sid);
        let links = T::LINKS.iter();
        let links = links.map(|(name, segment)| (*name, format!("{url}/{segment}")));
        let body = &view.object.body;
        Self {
            sid: view.sid,
            unique_name: view.object.unique_name.as_deref(),
            account_sid: account,
            service_sid: view.service,
            created_by: view.object.history.created_by.name(),
            kind: T::NAME,
            links: links.collect(),
            url,
            revision: body.revision().map(Revision),
            last_event_id: body.last_event(),
            dates: Dates::from(&view.object.history),
            data: body.data().filter(|_| with_data),
            items: None,
        }
    }
}

/// An item of a List or Map.
#[derive(Serialize)]
pub(super) struct ItemBody<'a> {
    #[serde(flatten)]
    name: Name,
    #[serde(flatten)]
    collection: InCollection,
    account_sid: &'a str,
    service_sid: Sid,
    created_by: &'a str,
    url: String,
    revision: Revision,
    last_event_id: i64,
    #[serde(flatten)]
    dates: Dates,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// The collection of an item.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum InCollection {
    ListSid(Sid),
    MapSid(Sid),
}

impl InCollection {
    fn new(sid: Sid) -> Self {
        match sid.kind() {
            Kind::List => Self::ListSid(sid),
            _ => Self::MapSid(sid),
        }
    }
}

/// The index or key of an item.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Index(u64),
    Key(Box<str>),
}

impl From<ItemName> for Name {
    fn from(name: ItemName) -> Self {
        match name {
            ItemName::Index(index) => Self::Index(index),
            ItemName::Key(key) => Self::Key(key),
        }
    }
}

impl<'a> ItemBody<'a> {
    /// The body with data: the response to a write has none.
    pub(super) fn new<C: Collection>(
        account: &'a str,
        view: &ItemView<'a, C>,
        with_data: bool,
    ) -> Self {
        let place = (view.service, view.collection);
        let name = crate::emulator::store::Key::name(view.key);
        Self::of(account, place, name, view.item, with_data)
    }

    /// The body of an item that was removed.
    pub(super) fn removed(
        account: &'a str,
        place: (Sid, Sid),
        name: ItemName,
        removed: &'a Removed,
    ) -> Self {
        let mut body = Self::of(account, place, name, &removed.item, false);
        body.revision = Revision(removed.event);
        body.last_event_id = number(removed.event);
        body.dates.date_updated = Date(removed.date);
        body
    }

    fn of(
        account: &'a str,
        (service, collection): (Sid, Sid),
        name: ItemName,
        item: &'a Item,
        with_data: bool,
    ) -> Self {
        Self {
            url: item_url(service, collection, &name),
            name: name.into(),
            collection: InCollection::new(collection),
            account_sid: account,
            service_sid: service,
            created_by: item.history.created_by.name(),
            revision: Revision(item.revision),
            last_event_id: number(item.revision),
            dates: Dates::from(&item.history),
            data: with_data.then(|| item.data.json()),
        }
    }
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
struct Dates {
    date_created: Date,
    date_updated: Date,
    date_expires: Option<Date>,
}

impl From<&History> for Dates {
    fn from(history: &History) -> Self {
        Self {
            date_created: Date(history.created),
            date_updated: Date(history.updated),
            date_expires: history.expires.map(|expiry| Date(expiry.millis())),
        }
    }
}

/// A page of items.
#[derive(Serialize)]
pub(super) struct ItemsBody<'a> {
    pub(super) items: Vec<ItemBody<'a>>,
    pub(super) meta: Meta,
}

/// The pages beside a page.
#[derive(Serialize)]
pub(super) struct Meta {
    pub(super) key: &'static str,
    pub(super) next_token: Option<String>,
    pub(super) previous_token: Option<String>,
}

/// A date with milliseconds.
#[derive(Clone, Copy)]
struct Date(Millis);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let date = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        serializer.serialize_str(&date.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A revision: lower-case hex.
struct Revision(u64);

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:x}", self.0))
    }
}

/// The type of an event, such as `map_item_added`, and its JSON.
pub(super) struct LiveBody {
    pub(super) event_type: String,
    pub(super) json: Vec<u8>,
}

/// The type of an event of the store.
pub(super) fn event_type(event: &Event) -> String {
    match &event.subject {
        Subject::Object(_, object) => format!("{}_updated", kind_name(object.kind())),
        Subject::Item(change, item) => {
            let change = match change {
                Change::Created => "added",
                Change::Removed => "removed",
                Change::Updated | Change::ExpirySet => "updated",
            };
            format!("{}_item_{change}", kind_name(item.collection.kind()))
        }
        Subject::Message { .. } => "stream_message_published".to_owned(),
        Subject::Service(..) | Subject::Permission(..) | Subject::Endpoint { .. } => String::new(),
    }
}

/// The JSON of an event of the store.
pub(super) fn event_json(event: &Event) -> Vec<u8> {
    let service = event.service.sid();
    match &event.subject {
        Subject::Object(_, object) => document_json(object),
        Subject::Item(Change::Removed, item) => {
            let event = item.collection.event_id().unwrap_or_default();
            // The store has set the date of the collection to that of the removal.
            let at = item.collection.history.updated;
            removal_json(&item.collection, &item.name, Some(&item.item), event, at)
        }
        Subject::Item(_, item) => item_json(service, item, item.collection.event_id()),
        Subject::Message { stream, sid, data } => message_json(stream.sid, *sid, data.json()),
        Subject::Service(..) | Subject::Permission(..) | Subject::Endpoint { .. } => Vec::new(),
    }
}

fn message_json(stream: Sid, message: Sid, data: &RawValue) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        stream_sid: Sid,
        message_sid: Sid,
        message_data: &'a RawValue,
    }
    json(&Body {
        stream_sid: stream,
        message_sid: message,
        message_data: data,
    })
}

/// The JSON of the newest event of a Document.
pub(super) fn document_json(object: &ObjectState) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        id: i64,
        document_sid: Sid,
        document_unique_name: Option<&'a str>,
        document_revision: Revision,
        document_data: Option<&'a RawValue>,
        date_created: Date,
        date_expires: Option<Date>,
    }
    json(&Body {
        id: number(object.event_id().unwrap_or_default()),
        document_sid: object.sid,
        document_unique_name: object.unique_name.as_deref(),
        document_revision: Revision(object.parts.revision.unwrap_or_default()),
        document_data: object
            .parts
            .data
            .as_ref()
            .map(crate::emulator::store::Data::json),
        date_created: Date(object.history.updated),
        date_expires: object.history.expires.map(|expiry| Date(expiry.millis())),
    })
}

/// The JSON of an event of an item that is there.
fn item_json(service: Sid, state: &ItemState, event: Option<u64>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        id: i64,
        #[serde(flatten)]
        collection: InCollection,
        #[serde(flatten)]
        revision: CollectionRevision,
        #[serde(flatten)]
        name: EventName<'a>,
        item_url: String,
        #[serde(rename = "item_data")]
        data: &'a RawValue,
        item_revision: Revision,
        date_created: Date,
        date_expires: Option<Date>,
    }
    let (collection, item) = (&state.collection, &state.item);
    let event = event.unwrap_or(item.revision);
    json(&Body {
        id: number(event),
        collection: InCollection::new(collection.sid),
        revision: CollectionRevision::new(collection.kind(), event),
        name: EventName::from(&state.name),
        item_url: item_url(service, collection.sid, &state.name),
        data: item.data.json(),
        item_revision: Revision(item.revision),
        date_created: Date(item.history.updated),
        date_expires: item.history.expires.map(|expiry| Date(expiry.millis())),
    })
}

/// The JSON of the removal of an item, whose data may not be known any more.
fn removal_json(
    collection: &ObjectState,
    name: &ItemName,
    item: Option<&Item>,
    event: u64,
    at: Millis,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        id: i64,
        #[serde(flatten)]
        collection: InCollection,
        #[serde(flatten)]
        revision: CollectionRevision,
        #[serde(flatten)]
        name: EventName<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        item_data: Option<&'a RawValue>,
        item_revision: Revision,
        date_created: Date,
    }
    json(&Body {
        id: number(event),
        collection: InCollection::new(collection.sid),
        revision: CollectionRevision::new(collection.kind(), event),
        name: EventName::from(name),
        item_data: item.map(|item| item.data.json()),
        item_revision: Revision(event),
        date_created: Date(at),
    })
}

/// The last event of an item, as an event that a client has missed, which has seen those up to `seen`.
pub(super) fn last_event(service: Sid, last: &LastEvent, seen: i64) -> LiveBody {
    match last {
        LastEvent::Written(item) => {
            let change = if is_new(item, seen) {
                "added"
            } else {
                "updated"
            };
            LiveBody {
                event_type: format!("{}_item_{change}", kind_name(item.collection.kind())),
                json: item_json(service, item, Some(item.item.revision)),
            }
        }
        LastEvent::Removed {
            collection,
            name,
            event,
            date,
        } => LiveBody {
            event_type: format!("{}_item_removed", kind_name(collection.kind())),
            json: removal_json(collection, name, None, *event, *date),
        },
    }
}

/// Returns whether an item that was written after the event `seen` was added after it too.
///
/// The index of a List's item is the number of the event that added it. Of a Map's item that number is
/// known only where no write has followed, which its dates say.
fn is_new(state: &ItemState, seen: i64) -> bool {
    match &state.name {
        ItemName::Index(index) => number(*index) > seen,
        ItemName::Key(_) => seen < 0 || state.item.history.created == state.item.history.updated,
    }
}

/// The removal of an object.
pub(super) fn object_removed(object: Sid) -> LiveBody {
    let name = kind_name(object.kind());
    let key = format!("{name}_sid");
    let body: BTreeMap<String, Sid> = [(key, object)].into();
    LiveBody {
        event_type: format!("{name}_removed"),
        json: json(&body),
    }
}

/// The revision of a collection after an event.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum CollectionRevision {
    ListRevision(Revision),
    MapRevision(Revision),
}

impl CollectionRevision {
    fn new(kind: Kind, event: u64) -> Self {
        let revision = Revision(event.saturating_add(1));
        match kind {
            Kind::List => Self::ListRevision(revision),
            _ => Self::MapRevision(revision),
        }
    }
}

/// The index or key of an item in an event.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum EventName<'a> {
    ItemIndex(u64),
    ItemKey(&'a str),
}

impl<'a> From<&'a ItemName> for EventName<'a> {
    fn from(name: &'a ItemName) -> Self {
        match name {
            ItemName::Index(index) => Self::ItemIndex(*index),
            ItemName::Key(key) => Self::ItemKey(key),
        }
    }
}

pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    // No body has anything that can fail to serialise.
    serde_json::to_vec(body).unwrap_or_default()
}
