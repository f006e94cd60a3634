//! Subscriptions of a live client: their requests, and the events that the client has missed.

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::bodies::{self, LiveBody, Wire, kind_name};
use super::requests::{Caller, RequestError, Response};
use crate::emulator::core::Core;
use crate::emulator::store::{
    Collection, Document, ItemName, Kind, LastEvent, List, Map, ObjectState, Reader, ServiceError,
    Sid, Stream,
};
use crate::emulator::subscribers::live::{LiveEvent, Subscribed, What};

/// The maximum number of objects in a request.
const MAX_BATCH: usize = 1_000;
/// The time after which clients ask again, in milliseconds.
const ESTIMATED_DELIVERY: u64 = 10_000;
/// The version of the form of events.
const VERSION: u8 = 4;

/// The type of messages about subscriptions, and of events that are sent again.
pub(super) const ORDERED: &str = "twilio.sync.event";

/// A request to begin or end subscriptions.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) action: Action,
    /// The name of the request, which its results have.
    pub(super) correlation_id: serde_json::Number,
    #[serde(default)]
    pub(super) requests: Vec<Wanted>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Establish,
    Cancel,
}

/// An object that a client wants events of.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    pub(super) object_sid: String,
    #[serde(default)]
    pub(super) object_type: String,
    /// The last event that the client has seen; without one it wants none of those before now.
    #[serde(default)]
    pub(super) last_event_id: Option<i64>,
}

impl Request {
    /// Reads a request, or gives the response to one that cannot be read.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Response> {
        let request: Self = serde_json::from_slice(payload)
            .map_err(|_| RequestError::from(ServiceError::InvalidBody).response(""))?;
        if request.requests.len() > MAX_BATCH {
            let status = StatusCode::BAD_REQUEST;
            return Err(Response::error(
                status,
                54008,
                "Too many objects in a request",
            ));
        }
        Ok(request)
    }

    /// The response that it was taken. The results follow as messages.
    ///
    /// It states no lifetime of subscriptions: they last as long as the connection.
    pub(super) fn accepted() -> Response {
        #[derive(Serialize)]
        struct Accepted {
            estimated_delivery_in_ms: u64,
            max_batch_size: usize,
        }
        let body = Accepted {
            estimated_delivery_in_ms: ESTIMATED_DELIVERY,
            max_batch_size: MAX_BATCH,
        };
        Response::json(StatusCode::ACCEPTED, &body)
    }
}

impl Wanted {
    /// The SID of the object; none if it is no SID of a kind with events.
    pub(super) fn sid(&self) -> Option<Sid> {
        [Kind::Document, Kind::List, Kind::Map, Kind::Stream]
            .into_iter()
            .find_map(|kind| Sid::parse(kind, &self.object_sid))
    }
}

/// A subscription that has begun, and what the client has missed.
pub(super) struct Begun {
    pub(super) sid: Sid,
    pub(super) subscription: u64,
    /// The number of the last event of the object.
    pub(super) last: Option<i64>,
    pub(super) missed: Missed,
}

/// The events that a client has missed.
pub(super) enum Missed {
    /// All of them, from the log.
    Events(Vec<Arc<LiveEvent>>),
    /// The newest state of a Document.
    Document(Box<ObjectState>),
    /// The last event of each item that has changed, in their order.
    Items {
        items: std::vec::IntoIter<(u64, ItemName)>,
        /// The last event that the client has seen.
        seen: i64,
    },
}

/// Begins a subscription of a client.
pub(super) fn begin(
    core: &Core,
    caller: &Caller,
    client: u64,
    sid: Sid,
    seen: Option<i64>,
) -> Result<Begun, RequestError> {
    core.store
        .read_as(&caller.actor, |reader| match sid.kind() {
            Kind::Document => {
                let state = state::<Document>(reader, caller, sid)?;
                let last = id(state.event_id());
                let (subscription, missed) = subscribe::<Document>(core, client, sid, last, seen)?;
                let missed = match missed {
                    Some(events) => Missed::Events(events),
                    None => Missed::Document(Box::new(state)),
                };
                Ok(Begun {
                    sid,
                    subscription,
                    last: Some(last),
                    missed,
                })
            }
            Kind::List => begin_collection::<List>(core, reader, caller, client, sid, seen),
            Kind::Map => begin_collection::<Map>(core, reader, caller, client, sid, seen),
            Kind::Stream | Kind::Service | Kind::Message => {
                state::<Stream>(reader, caller, sid)?;
                let (subscription, _) = subscribe::<Stream>(core, client, sid, -1, None)?;
                Ok(Begun {
                    sid,
                    subscription,
                    last: None,
                    missed: Missed::Events(Vec::new()),
                })
            }
        })
}

fn begin_collection<C: Collection + Wire>(
    core: &Core,
    reader: Reader<'_>,
    caller: &Caller,
    client: u64,
    sid: Sid,
    seen: Option<i64>,
) -> Result<Begun, RequestError> {
    let state = state::<C>(reader, caller, sid)?;
    let last = id(state.event_id());
    let (subscription, missed) = subscribe::<C>(core, client, sid, last, seen)?;
    let missed = match (missed, seen) {
        (Some(events), _) => Missed::Events(events),
        (None, seen) => {
            let from = seen.map_or(0, |seen| seen.saturating_add(1));
            let from = u64::try_from(from).unwrap_or_default();
            let name = sid.to_string();
            let Some(items) = reader.changed_items::<C>(&caller.service, &name, from)? else {
                core.live.unsubscribe(client, sid);
                let text = "Too many removals were missed: close the object, and open it again";
                return Err(RequestError::Other(StatusCode::GONE, 20_410, text));
            };
            Missed::Items {
                items: items.into_iter(),
                seen: seen.unwrap_or(-1),
            }
        }
    };
    Ok(Begun {
        sid,
        subscription,
        last: Some(last),
        missed,
    })
}

fn id(event: Option<u64>) -> i64 {
    event
        .and_then(|event| i64::try_from(event).ok())
        .unwrap_or(-1)
}

type Missing = Option<Vec<Arc<LiveEvent>>>;

fn subscribe<T: Wire>(
    core: &Core,
    client: u64,
    sid: Sid,
    last: i64,
    seen: Option<i64>,
) -> Result<(u64, Missing), RequestError> {
    if seen.is_some_and(|seen| seen > last) {
        // It was another life of the object, as before a seed with the same SID: the client would drop all
        // events up to the number that it has seen.
        return Err(not_found::<T>());
    }
    let subscribed = core.live.subscribe(client, sid, last, seen);
    let Some(Subscribed {
        subscription,
        missed,
    }) = subscribed
    else {
        let (status, text) = (StatusCode::BAD_REQUEST, "Too many subscriptions");
        return Err(RequestError::Other(status, 54419, text));
    };
    Ok((subscription, missed))
}

/// The object of a SID, which the caller may read.
fn state<T: Wire>(
    reader: Reader<'_>,
    caller: &Caller,
    sid: Sid,
) -> Result<ObjectState, RequestError> {
    reader
        .object_state::<T>(&caller.service, &sid.to_string())
        .map_err(|error| match error {
            ServiceError::NotFound => not_found::<T>(),
            error => error.into(),
        })
}

fn not_found<T: Wire>() -> RequestError {
    RequestError::Other(StatusCode::NOT_FOUND, T::NOT_FOUND, "Object not found")
}

/// Returns whether the caller may still read an object.
pub(super) fn may_read(core: &Core, caller: &Caller, sid: Sid) -> bool {
    core.store
        .read_as(&caller.actor, |reader| match sid.kind() {
            Kind::Document => state::<Document>(reader, caller, sid).is_ok(),
            Kind::List => state::<List>(reader, caller, sid).is_ok(),
            Kind::Map => state::<Map>(reader, caller, sid).is_ok(),
            _ => state::<Stream>(reader, caller, sid).is_ok(),
        })
}

/// The last event of an item that has changed, unless it has changed again: then its event comes later.
pub(super) fn last_event(
    core: &Core,
    caller: &Caller,
    sid: Sid,
    (event, name): (u64, ItemName),
    seen: i64,
) -> Option<LiveBody> {
    let object = sid.to_string();
    let last = core
        .store
        .read_as(&caller.actor, |reader| match sid.kind() {
            Kind::List => reader.last_event::<List>(&caller.service, &object, name, event),
            _ => reader.last_event::<Map>(&caller.service, &object, name, event),
        });
    // The removal of an object comes later, as an event of its own.
    let last: LastEvent = last.ok().flatten()?;
    let service = Sid::parse(Kind::Service, &caller.service)?;
    Some(bodies::last_event(service, &last, seen))
}

/// The type and the JSON of an event.
pub(super) fn body(event: &LiveEvent) -> LiveBody {
    match &event.what {
        What::Changed(changed) => LiveBody {
            event_type: bodies::event_type(changed),
            json: event
                .payload
                .get_or_init(|| bodies::event_json(changed).into())
                .to_vec(),
        },
        What::Removed => bodies::object_removed(event.object),
    }
}

/// The newest event of a Document.
pub(super) fn document(state: &ObjectState) -> LiveBody {
    LiveBody {
        event_type: "document_updated".to_owned(),
        json: bodies::document_json(state),
    }
}

/// The type of the message that an event of an object is sent in, when it is emitted.
pub(super) fn message_type(sid: Sid) -> String {
    match sid.kind() {
        // JavaScript registers no type for Message Streams.
        Kind::Stream | Kind::Service | Kind::Message => ORDERED.to_owned(),
        kind => format!("com.twilio.rtd.cds.{}", kind_name(kind)),
    }
}

/// The payload of a message with events of one type.
pub(super) fn payload(event_type: &str, correlation: Option<&str>, events: &[Vec<u8>]) -> Vec<u8> {
    let mut payload =
        format!("{{\"event_type\":\"{event_type}\",\"event_protocol_version\":{VERSION}");
    if let Some(correlation) = correlation {
        payload.push_str(",\"correlation_id\":");
        payload.push_str(correlation);
    }
    payload.push_str(",\"events\":[");
    let mut payload = payload.into_bytes();
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            payload.push(b',');
        }
        payload.extend(event);
    }
    payload.extend(b"]}");
    payload
}

/// The result of a request for an object.
#[derive(Serialize)]
struct Outcome<'a> {
    object_sid: &'a str,
    object_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RawValue>,
}

/// The result that a subscription has begun, and all missed events were sent.
pub(super) fn established(sid: Sid, last: Option<i64>) -> Vec<u8> {
    bodies::json(&Outcome {
        object_sid: &sid.to_string(),
        object_type: kind_name(sid.kind()),
        replay_status: Some("completed"),
        last_event_id: last,
        error: None,
    })
}

/// The result that a subscription has ended.
pub(super) fn canceled(object_sid: &str, object_type: &str) -> Vec<u8> {
    bodies::json(&Outcome {
        object_sid,
        object_type,
        replay_status: None,
        last_event_id: None,
        error: None,
    })
}

/// The result that a subscription cannot begin.
pub(super) fn failed(wanted: &Wanted, error: &RequestError) -> Vec<u8> {
    let response = error.response("");
    bodies::json(&Outcome {
        object_sid: &wanted.object_sid,
        object_type: &wanted.object_type,
        replay_status: None,
        last_event_id: None,
        error: serde_json::from_slice(&response.body).ok(),
    })
}
