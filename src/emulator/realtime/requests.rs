//! Tunnelled requests: the REST API as live clients use it, with JSON, on behalf of an identity.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::bodies::{
    BASE, ItemBody, ItemsBody, LiveState, Meta, ObjectBody, Wire, WireCollection, json,
};
use crate::api::Operation;
use crate::emulator::core::{Core, Limited};
use crate::emulator::store::{
    Absent, Actor, Bounds, Data, Document, Edge, IfMatch, ItemChange, Items, Key, Kind, List, Map,
    NewItem, NewObject, ObjectView, Order, Position, Reader, ServiceError, Sid, Stream, Ttl, Walk,
    Writer, map_key, unique_name, whole_number,
};
use crate::twilsock::HttpRequest;

const DEFAULT_PAGE: usize = 50;
const MAX_PAGE: usize = 100;

/// The client software that makes requests.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The Service of its token: a SID.
    pub(super) service: String,
    pub(super) actor: Actor,
    pub(super) endpoint: Arc<str>,
}

/// The response to a request.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    /// Twilio's code of an error.
    pub(super) code: Option<u32>,
    pub(super) etag: Option<u64>,
    /// The headers that a fault has set.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            status,
            code: None,
            etag: None,
            headers: BTreeMap::new(),
            body: json(body),
        }
    }

    pub(super) fn error(status: StatusCode, code: u32, message: &str) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            status: u16,
            code: u32,
            message: &'a str,
        }
        let body = Body {
            status: status.as_u16(),
            code,
            message,
        };
        Self {
            code: Some(code),
            ..Self::json(status, &body)
        }
    }
}

/// An error of the service, or one that only client software gets.
#[derive(Debug)]
pub(super) enum RequestError {
    Service(ServiceError),
    /// A status, a code and a message.
    Other(StatusCode, u32, &'static str),
}

impl From<ServiceError> for RequestError {
    fn from(error: ServiceError) -> Self {
        Self::Service(error)
    }
}

impl RequestError {
    pub(super) fn response(&self, path: &str) -> Response {
        match self {
            Self::Service(error) => {
                Response::error(error.status(), error.code(), &error.message(path))
            }
            Self::Other(status, code, message) => Response::error(*status, *code, message),
        }
    }
}

type Outcome = Result<Response, RequestError>;

/// A request after routing.
#[derive(Debug)]
pub(super) struct Routed<'a> {
    /// The segments of the path behind the version and the Service, decoded.
    segments: Vec<Cow<'a, str>>,
    /// The Service in the path, if there is one.
    service: Option<Cow<'a, str>>,
    method: Method,
}

impl<'a> Routed<'a> {
    /// Takes the path and the method of a request apart; none for a path that is not UTF-8.
    pub(super) fn new(request: &'a HttpRequest) -> Option<Self> {
        let path = request.path.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v3/").or(path.strip_prefix("/v4/"))?;
        let decoded = path
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8().ok());
        let mut segments = decoded.collect::<Option<Vec<_>>>()?;
        let mut service = None;
        if segments.len() > 2 && segments.first().is_some_and(|first| first == "Services") {
            service = segments.drain(..2).nth(1);
        }
        Some(Self {
            segments,
            service,
            method: Method::from_bytes(request.method.as_bytes()).ok()?,
        })
    }

    fn segment(&self, at: usize) -> &str {
        self.segments.get(at).map_or("", |segment| segment)
    }

    /// Returns whether it is the request that begins and ends subscriptions.
    pub(super) fn is_of_subscriptions(&self) -> bool {
        self.segments.len() == 1
            && self.segment(0) == "Subscriptions"
            && self.method == Method::POST
    }

    /// The operation of the REST API that does the same, if there is one.
    pub(super) fn operation(&self) -> Option<Operation> {
        use Operation as O;
        let one_of = |fetch, update, delete| match self.method.as_str() {
            "GET" => Some(fetch),
            "POST" => Some(update),
            "DELETE" => Some(delete),
            _ => None,
        };
        let (is_get, is_post) = (self.method == Method::GET, self.method == Method::POST);
        match (self.segment(0), self.segment(2), self.segments.len()) {
            ("Documents", _, 1) if is_post => Some(O::CreateDocument),
            ("Lists", _, 1) if is_post => Some(O::CreateSyncList),
            ("Maps", _, 1) if is_post => Some(O::CreateSyncMap),
            ("Streams", _, 1) if is_post => Some(O::CreateSyncStream),
            ("Documents", _, 2) => one_of(O::FetchDocument, O::UpdateDocument, O::DeleteDocument),
            ("Lists", _, 2) => one_of(O::FetchSyncList, O::UpdateSyncList, O::DeleteSyncList),
            ("Maps", _, 2) => one_of(O::FetchSyncMap, O::UpdateSyncMap, O::DeleteSyncMap),
            ("Streams", _, 2) => {
                one_of(O::FetchSyncStream, O::UpdateSyncStream, O::DeleteSyncStream)
            }
            ("Streams", "Messages", 3) if is_post => Some(O::CreateStreamMessage),
            ("Lists", "Items", 3) if is_get => Some(O::ListSyncListItem),
            ("Lists", "Items", 3) if is_post => Some(O::CreateSyncListItem),
            ("Maps", "Items", 3) if is_get => Some(O::ListSyncMapItem),
            ("Maps", "Items", 3) if is_post => Some(O::CreateSyncMapItem),
            ("Lists", "Items", 4) => one_of(
                O::FetchSyncListItem,
                O::UpdateSyncListItem,
                O::DeleteSyncListItem,
            ),
            // It adds the item too, where there is none.
            ("Maps", "Items", 4) if self.method == Method::PUT => Some(O::UpdateSyncMapItem),
            ("Maps", "Items", 4) => one_of(
                O::FetchSyncMapItem,
                O::UpdateSyncMapItem,
                O::DeleteSyncMapItem,
            ),
            _ => None,
        }
    }

    /// Responds to a request.
    pub(super) fn respond(
        &self,
        core: &Core,
        caller: &Caller,
        request: &HttpRequest,
        payload: &[u8],
    ) -> Response {
        let call = Call {
            core,
            caller,
            account: core.credentials.account_sid().as_str(),
            request,
            payload,
            routed: self,
        };
        call.respond()
            .unwrap_or_else(|error| error.response(&request.path))
    }
}

/// The body of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body<'a> {
    unique_name: Option<Box<str>>,
    key: Option<Box<str>>,
    #[serde(borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    ttl: Value,
    item_ttl: Value,
    collection_ttl: Value,
}

/// Reads a value that is there, also where it is `null`, which is no data.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

/// Reads a TTL: a number of seconds.
fn ttl(value: &Value) -> Result<Option<Ttl>, ServiceError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(seconds) => Ttl::parse(&seconds.to_string()),
        _ => Err(ServiceError::InvalidTtl),
    }
}

impl Body<'_> {
    fn ttl_or(&self, name: &Value) -> Result<Option<Ttl>, ServiceError> {
        match ttl(name)? {
            None => ttl(&self.ttl),
            given => Ok(given),
        }
    }
}

struct Call<'a> {
    core: &'a Core,
    caller: &'a Caller,
    account: &'a str,
    request: &'a HttpRequest,
    payload: &'a [u8],
    routed: &'a Routed<'a>,
}

impl Call<'_> {
    fn read<R>(&self, read: impl FnOnce(Reader<'_>) -> R) -> R {
        self.core.store.read_as(&self.caller.actor, read)
    }

    fn write<R>(&self, write: impl FnOnce(Writer<'_>) -> R) -> R {
        let Caller {
            actor, endpoint, ..
        } = self.caller;
        self.core.store.write_from(actor, Some(endpoint), write)
    }

    fn service(&self) -> &str {
        &self.caller.service
    }

    /// The object of the path, by SID or unique name.
    fn object(&self) -> &str {
        self.routed.segment(1)
    }

    /// The body, which only these requests have: what comes with a GET or DELETE is no body.
    fn body(&self) -> Result<Body<'_>, ServiceError> {
        if self.payload.is_empty() {
            return Ok(Body::default());
        }
        serde_json::from_slice(self.payload).map_err(|_| ServiceError::InvalidBody)
    }

    fn parameter(&self, name: &str) -> Result<Option<String>, ServiceError> {
        let value = self
            .request
            .params
            .get(name)
            .and_then(|values| values.first());
        let decoded = value.map(|value| percent_decode_str(value).decode_utf8());
        let decoded = decoded.transpose();
        let decoded = decoded.map_err(|_| ServiceError::InvalidBody)?;
        Ok(decoded.map(Cow::into_owned))
    }

    fn if_match(&self) -> Result<Option<IfMatch>, ServiceError> {
        let header = self.request.header("if-match");
        header
            .map(|text| IfMatch::parse(text.as_bytes()))
            .transpose()
    }

    fn respond(&self) -> Outcome {
        let service = self.routed.service.as_deref();
        if service.is_some_and(|service| service != self.service() && service != "default") {
            return Err(ServiceError::Forbidden.into());
        }
        let segments: Vec<&str> = self.routed.segments.iter().map(|text| &**text).collect();
        if segments.contains(&"") {
            return Err(ServiceError::NotFound.into());
        }
        match segments.as_slice() {
            ["Configuration"] if self.routed.method == Method::GET => Ok(self.configuration()),
            ["Documents", rest @ ..] => self.document(rest),
            ["Lists", _, "Context"] if self.routed.method == Method::GET => self.context(),
            ["Lists", _, "Items", rest @ ..] => self.items_of_list(rest),
            ["Lists", rest @ ..] => self.collection::<List>(rest),
            ["Maps", _, "Items", rest @ ..] => self.items_of_map(rest),
            ["Maps", rest @ ..] => self.collection::<Map>(rest),
            ["Streams", _, "Messages"] if self.routed.method == Method::POST => self.publish(),
            ["Streams", rest @ ..] => self.stream(rest),
            ["Insights", ..] => Err(RequestError::Other(
                StatusCode::NOT_IMPLEMENTED,
                20501,
                "The emulator has no live queries",
            )),
            _ => Err(ServiceError::NotFound.into()),
        }
    }

    fn configuration(&self) -> Response {
        let plain = format!("{BASE}/v3");
        let service = format!("{BASE}/v3/Services/{}", self.service());
        let links = serde_json::json!({ "links": {
            "subscriptions": format!("{BASE}/v4/Subscriptions"),
            "documents": format!("{plain}/Documents"),
            "document": format!("{service}/Documents/{{id}}"),
            "lists": format!("{plain}/Lists"),
            "list": format!("{service}/Lists/{{listId}}"),
            "list_items": format!("{service}/Lists/{{listId}}/Items"),
            "list_item": format!("{service}/Lists/{{listId}}/Items/{{itemId}}"),
            "maps": format!("{plain}/Maps"),
            "map": format!("{service}/Maps/{{mapId}}"),
            "map_items": format!("{service}/Maps/{{mapId}}/Items"),
            "map_item": format!("{service}/Maps/{{mapId}}/Items/{{itemId}}"),
            "streams": format!("{plain}/Streams"),
            "stream": format!("{service}/Streams/{{streamId}}"),
            "stream_messages": format!("{service}/Streams/{{streamId}}/Messages"),
            "insights_items": format!("{plain}/Insights/{{indexName}}/Items"),
        }});
        Response::json(StatusCode::OK, &links)
    }

    /// The error that there is no such object, with the code and message that client software knows.
    fn without_object<T: Wire>(&self, error: ServiceError) -> RequestError {
        if error != ServiceError::NotFound {
            return error.into();
        }
        if self.read(|reader| reader.service(self.service()).is_err()) {
            return RequestError::Other(StatusCode::NOT_FOUND, 54050, "Service not found");
        }
        let (code, message) = if crate::emulator::store::is_sid_shaped(self.object()) {
            (T::NOT_FOUND, "Object not found")
        } else {
            (54300, "Unique name not found")
        };
        RequestError::Other(StatusCode::NOT_FOUND, code, message)
    }

    /// The error that there is no such item, or no such object.
    fn without_item<C: WireCollection>(&self, error: ServiceError) -> RequestError {
        let found = self.read(|reader| reader.object_state::<C>(self.service(), self.object()));
        if error == ServiceError::NotFound && found.is_ok() {
            let code = C::ITEM_NOT_FOUND;
            return RequestError::Other(StatusCode::NOT_FOUND, code, "Item not found");
        }
        self.without_object::<C>(error)
    }

    /// Counts a request with this data for the rate of its object, where rates are applied.
    fn count<T: Wire>(
        &self,
        limited: impl FnOnce(Sid) -> Limited,
        data: Option<&RawValue>,
    ) -> Result<(), ServiceError> {
        let Some(limits) = &self.core.rate_limits else {
            return Ok(());
        };
        let found = self.read(|reader| reader.object_state::<T>(self.service(), self.object()));
        match found {
            Ok(object) => {
                let size = data.map_or(0, |data| data.get().len());
                limits.count(limited(object.sid), size)
            }
            Err(_) => Ok(()),
        }
    }

    fn count_write<T: Wire>(&self, data: Option<&RawValue>) -> Result<(), ServiceError> {
        self.count::<T>(|sid| Limited::Write(T::NAME, sid), data)
    }

    fn count_lifecycle(&self) -> Result<(), ServiceError> {
        let Some(limits) = &self.core.rate_limits else {
            return Ok(());
        };
        match Sid::parse(Kind::Service, self.service()) {
            Some(service) => limits.count(Limited::Lifecycle(service), 0),
            None => Ok(()),
        }
    }

    /// Starts the log of an object that the client opens, under the lock of the store.
    fn watch<T: Wire>(&self, view: &ObjectView<'_, T>) {
        let last = view.object.body.last_event().unwrap_or(-1);
        self.core.live.watch(view.service, view.sid, last);
    }

    fn fetch<T: Wire>(&self) -> Outcome {
        let fetched = self.read(|reader| {
            let view = reader.object::<T>(self.service(), self.object())?;
            self.watch(&view);
            Ok(object_response(StatusCode::OK, self.account, &view, true))
        });
        fetched.map_err(|error| self.without_object::<T>(error))
    }

    fn create<T: Wire>(&self, body: &Body<'_>, content: T::Body) -> Outcome {
        self.count_lifecycle()?;
        let new = NewObject {
            unique_name: body.unique_name.as_deref().map(unique_name).transpose()?,
            ttl: body.ttl_or(&body.collection_ttl)?,
            body: content,
        };
        let created = self.write(|writer| {
            let view = writer.create::<T>(self.service(), new)?;
            self.watch(&view);
            Ok(object_response(
                StatusCode::CREATED,
                self.account,
                &view,
                false,
            ))
        });
        created.map_err(|error| self.without_object::<T>(error))
    }

    fn set_ttl<T: Wire>(&self) -> Outcome {
        self.count_write::<T>(None)?;
        let body = self.body()?;
        let ttl = body.ttl_or(&body.collection_ttl)?;
        let ttl = ttl.ok_or(ServiceError::NoParameters)?;
        let set = self.write(|writer| {
            let view = writer.set_ttl::<T>(self.service(), self.object(), ttl)?;
            let body = ObjectBody::new::<T>(self.account, &view, false);
            Ok(Response::json(StatusCode::OK, &body))
        });
        set.map_err(|error| self.without_object::<T>(error))
    }

    fn delete<T: Wire>(&self) -> Outcome {
        self.count_lifecycle()?;
        let removed = self.write(|writer| writer.delete::<T>(self.service(), self.object()));
        let removed = removed.map_err(|error| self.without_object::<T>(error))?;
        // A large object takes time to drop: not under the lock.
        drop(removed);
        Ok(Response {
            status: StatusCode::NO_CONTENT,
            code: None,
            etag: None,
            headers: BTreeMap::new(),
            body: Vec::new(),
        })
    }

    fn document(&self, rest: &[&str]) -> Outcome {
        match (self.routed.method.as_str(), rest) {
            ("POST", []) => {
                let body = self.body()?;
                let data = match document_data(&body)? {
                    Some(data) => data,
                    None => Data::empty()?,
                };
                self.create::<Document>(&body, Document::new(data))
            }
            ("GET", [_]) => self.fetch::<Document>(),
            ("POST", [_]) => {
                let body = self.body()?;
                self.count_write::<Document>(body.data)?;
                let (data, ttl) = (document_data(&body)?, ttl(&body.ttl)?);
                if data.is_none() && ttl.is_none() {
                    return Err(ServiceError::NoParameters.into());
                }
                let (service, object, if_match) = (self.service(), self.object(), self.if_match()?);
                let updated = self.write(|writer| {
                    let view = writer.update_document(service, object, if_match, data, ttl)?;
                    Ok(object_response(StatusCode::OK, self.account, &view, false))
                });
                updated.map_err(|error| self.without_object::<Document>(error))
            }
            ("DELETE", [_]) => self.delete::<Document>(),
            (_, [] | [_]) => Err(ServiceError::MethodNotAllowed.into()),
            _ => Err(ServiceError::NotFound.into()),
        }
    }

    fn stream(&self, rest: &[&str]) -> Outcome {
        match (self.routed.method.as_str(), rest) {
            ("POST", []) => self.create::<Stream>(&self.body()?, Stream),
            ("GET", [_]) => self.fetch::<Stream>(),
            ("POST", [_]) => self.set_ttl::<Stream>(),
            ("DELETE", [_]) => self.delete::<Stream>(),
            (_, [] | [_]) => Err(ServiceError::MethodNotAllowed.into()),
            _ => Err(ServiceError::NotFound.into()),
        }
    }

    fn collection<C: WireCollection>(&self, rest: &[&str]) -> Outcome {
        match (self.routed.method.as_str(), rest) {
            ("POST", []) => {
                let body = self.body()?;
                let context = body.context.filter(|_| C::KIND == Kind::List);
                let context =
                    context.map(|text| Data::parse(text.get(), ServiceError::InvalidBody));
                self.create::<C>(&body, Items::with_context(context.transpose()?))
            }
            ("GET", [_]) if C::KIND == Kind::Map && self.includes_items()? => {
                self.fetch_with_items::<C>()
            }
            ("GET", [_]) => self.fetch::<C>(),
            ("POST", [_]) => self.set_ttl::<C>(),
            ("DELETE", [_]) => self.delete::<C>(),
            (_, [] | [_]) => Err(ServiceError::MethodNotAllowed.into()),
            _ => Err(ServiceError::NotFound.into()),
        }
    }

    fn includes_items(&self) -> Result<bool, ServiceError> {
        Ok(self.parameter("Include")?.as_deref() == Some("items"))
    }

    fn fetch_with_items<C: WireCollection>(&self) -> Outcome {
        let (service, object) = (self.service(), self.object());
        let fetched = self.read(|reader| {
            let view = reader.object::<C>(service, object)?;
            self.watch(&view);
            let items = reader.items::<C>(service, object, &Walk::default(), MAX_PAGE)?;
            let mut body = ObjectBody::new::<C>(self.account, &view, true);
            let items = items.page.entries.iter();
            body.items = Some(
                items
                    .map(|view| ItemBody::new(self.account, view, true))
                    .collect(),
            );
            Ok(Response::json(StatusCode::OK, &body))
        });
        fetched.map_err(|error| self.without_object::<C>(error))
    }

    fn context(&self) -> Outcome {
        #[derive(Serialize)]
        struct Context<'a> {
            data: &'a RawValue,
            last_event_id: i64,
        }
        let fetched = self.read(|reader| {
            let view = reader.object::<List>(self.service(), self.object())?;
            let empty = Data::empty()?;
            let context = view.object.body.context.as_ref().unwrap_or(&empty);
            let body = Context {
                data: context.json(),
                // It does not change, so its event is that of the creation.
                last_event_id: 0,
            };
            Ok(Response::json(StatusCode::OK, &body))
        });
        fetched.map_err(|error| self.without_object::<List>(error))
    }

    fn publish(&self) -> Outcome {
        #[derive(Serialize)]
        struct Published {
            sid: Sid,
        }
        let body = self.body()?;
        self.count::<Stream>(Limited::Message, body.data)?;
        let data = body.data.ok_or(ServiceError::InvalidMessageData)?;
        let data = Data::parse_message(data.get())?;
        let sid = Sid::new(Kind::Message, self.core.random.number());
        let (service, stream) = (self.service(), self.object());
        self.write(|writer| writer.publish(service, stream, sid, &data))
            .map_err(|error| self.without_object::<Stream>(error))?;
        Ok(Response::json(StatusCode::CREATED, &Published { sid }))
    }

    fn items_of_list(&self, rest: &[&str]) -> Outcome {
        match (self.routed.method.as_str(), rest) {
            ("POST", []) => {
                let body = self.body()?;
                self.count_write::<List>(body.data)?;
                let new = new_item::<List>(&body)?;
                let added = self.write(|writer| {
                    let view = writer.add_list_item(self.service(), self.object(), new)?;
                    let body = ItemBody::new(self.account, &view, false);
                    Ok(Response::json(StatusCode::CREATED, &body))
                });
                added.map_err(|error| self.without_object::<List>(error))
            }
            _ => self.items::<List>(rest, "Index"),
        }
    }

    fn items_of_map(&self, rest: &[&str]) -> Outcome {
        match (self.routed.method.as_str(), rest) {
            ("POST", []) => {
                let body = self.body()?;
                self.count_write::<Map>(body.data)?;
                let key = body.key.as_deref().ok_or(ServiceError::InvalidMapKey)?;
                let (key, new) = (map_key(key)?, new_item::<Map>(&body)?);
                let added = self.write(|writer| {
                    let view = writer.create_map_item(self.service(), self.object(), &key, new)?;
                    let body = ItemBody::new(self.account, &view, false);
                    Ok(Response::json(StatusCode::CREATED, &body))
                });
                added.map_err(|error| self.without_object::<Map>(error))
            }
            ("PUT", [key]) => self.put_item(key),
            _ => self.items::<Map>(rest, "Key"),
        }
    }

    /// Sets the item of a key; the status says whether it was added.
    fn put_item(&self, key: &str) -> Outcome {
        let body = self.body()?;
        self.count_write::<Map>(body.data)?;
        let key = map_key(key)?;
        let new = new_item::<Map>(&body)?;
        // JavaScript states a revision of -1 for an item that it did not find.
        let condition = match self.request.header("if-match") {
            Some("-1") => Some(Err(Absent)),
            _ => self.if_match()?.map(Ok),
        };
        let (service, map) = (self.service(), self.object());
        let set = self.write(|writer| {
            let (view, added) = writer.set_map_item(service, map, &key, condition, new)?;
            let status = if added {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let body = ItemBody::new(self.account, &view, false);
            Ok(Response::json(status, &body))
        });
        set.map_err(|error| self.without_object::<Map>(error))
    }

    /// The requests for items that Lists and Maps have in common.
    fn items<C: WireCollection>(&self, rest: &[&str], name: &str) -> Outcome
    where
        C::Key: Serialize + DeserializeOwned,
    {
        match (self.routed.method.as_str(), rest) {
            ("GET", []) => match self.parameter(name)? {
                Some(key) => self.page_of_one::<C>(&C::parse_key(&key)?),
                None => self.page::<C>(),
            },
            ("GET", [key]) => {
                let key = C::parse_key(key)?;
                let fetched = self.read(|reader| {
                    let view = reader.item::<C>(self.service(), self.object(), &key)?;
                    let body = ItemBody::new(self.account, &view, true);
                    Ok(Response::json(StatusCode::OK, &body))
                });
                fetched.map_err(|error| self.without_item::<C>(error))
            }
            ("POST", [key]) => self.update_item::<C>(&C::parse_key(key)?),
            ("DELETE", [key]) => self.delete_item::<C>(&C::parse_key(key)?),
            (_, [] | [_]) => Err(ServiceError::MethodNotAllowed.into()),
            _ => Err(ServiceError::NotFound.into()),
        }
    }

    /// A page with the item of an index or key, or with none.
    fn page_of_one<C: WireCollection>(&self, key: &C::Key) -> Outcome {
        let (service, object) = (self.service(), self.object());
        let page = self.read(|reader| {
            reader.object_state::<C>(service, object)?;
            let view = match reader.item::<C>(service, object, key) {
                Err(ServiceError::NotFound) => None,
                found => Some(found?),
            };
            let items = view.iter();
            let body = ItemsBody {
                items: items
                    .map(|view| ItemBody::new(self.account, view, true))
                    .collect(),
                meta: Meta {
                    key: "items",
                    next_token: None,
                    previous_token: None,
                },
            };
            Ok(Response::json(StatusCode::OK, &body))
        });
        page.map_err(|error| self.without_object::<C>(error))
    }

    fn page<C: WireCollection>(&self) -> Outcome
    where
        C::Key: Serialize + DeserializeOwned,
    {
        let walk = self.walk::<C>()?;
        let size = match self.parameter("PageSize")? {
            Some(size) => whole_number(&size)
                .and_then(|size| usize::try_from(size).ok())
                .filter(|size| (1..=1_000).contains(size))
                .ok_or(ServiceError::InvalidPageSize)?,
            None => DEFAULT_PAGE,
        };
        let (service, object, size) = (self.service(), self.object(), size.min(MAX_PAGE));
        let page = self.read(|reader| {
            let page = reader.items::<C>(service, object, &walk, size)?.page;
            let items = page.entries.iter();
            let body = ItemsBody {
                items: items
                    .map(|view| ItemBody::new(self.account, view, true))
                    .collect(),
                meta: Meta {
                    key: "items",
                    next_token: page.next.as_ref().map(Walk::token),
                    previous_token: page.previous.as_ref().map(Walk::token),
                },
            };
            Ok(Response::json(StatusCode::OK, &body))
        });
        page.map_err(|error| self.without_object::<C>(error))
    }

    /// The page that the parameters request. A start is a place in the whole collection: client software
    /// takes a page without a page before it as the first one of all.
    fn walk<C: WireCollection>(&self) -> Result<Walk<C::Key>, ServiceError>
    where
        C::Key: DeserializeOwned,
    {
        if let Some(token) = self.parameter("PageToken")? {
            return Walk::from_token(&token).ok_or(ServiceError::InvalidPageToken);
        }
        let order = match self.parameter("Order")?.as_deref() {
            None | Some("asc") => Order::Asc,
            Some("desc") => Order::Desc,
            Some(_) => return Err(ServiceError::InvalidOrder),
        };
        let bounds = match self.parameter("Bounds")?.as_deref() {
            None | Some("inclusive") => Bounds::Inclusive,
            Some("exclusive") => Bounds::Exclusive,
            Some(_) => return Err(ServiceError::InvalidBounds),
        };
        let position = match self.parameter("From")? {
            None => Position::Start,
            Some(from) => Position::Next(Edge(C::parse_key(&from)?, bounds)),
        };
        Ok(Walk {
            order,
            from: None,
            position,
        })
    }

    fn update_item<C: WireCollection>(&self, key: &C::Key) -> Outcome {
        let body = self.body()?;
        self.count_write::<C>(body.data)?;
        let change = ItemChange {
            data: item_data::<C>(&body)?,
            ttl: body.ttl_or(&body.item_ttl)?,
            collection_ttl: ttl(&body.collection_ttl)?,
        };
        if change.data.is_none() && change.ttl.is_none() {
            return Err(ServiceError::NoParameters.into());
        }
        let (service, object, if_match) = (self.service(), self.object(), self.if_match()?);
        let updated = self.write(|writer| {
            let view = writer.update_item::<C>(service, object, key, if_match, change)?;
            let body = ItemBody::new(self.account, &view, false);
            Ok(Response::json(StatusCode::OK, &body))
        });
        updated.map_err(|error| self.without_item::<C>(error))
    }

    fn delete_item<C: WireCollection>(&self, key: &C::Key) -> Outcome {
        self.count_write::<C>(None)?;
        let (service, object, if_match) = (self.service(), self.object(), self.if_match()?);
        let removed = self.write(|writer| {
            let place = writer.place::<C>(service, object)?;
            let removed = writer.delete_item::<C>(service, object, key, if_match)?;
            Ok((place, removed))
        });
        let (place, removed) = removed.map_err(|error| self.without_item::<C>(error))?;
        let body = ItemBody::removed(self.account, place, key.name(), &removed);
        Ok(Response::json(StatusCode::OK, &body))
    }
}

/// The response with an object, and with its revision where it has one.
fn object_response<T: Wire>(
    status: StatusCode,
    account: &str,
    view: &ObjectView<'_, T>,
    with_data: bool,
) -> Response {
    Response {
        etag: view.object.body.revision(),
        ..Response::json(status, &ObjectBody::new::<T>(account, view, with_data))
    }
}

fn document_data(body: &Body<'_>) -> Result<Option<Data>, ServiceError> {
    let parse = |text: &RawValue| Data::parse(text.get(), ServiceError::InvalidDocumentData);
    body.data.map(parse).transpose()
}

fn item_data<C: WireCollection>(body: &Body<'_>) -> Result<Option<Data>, ServiceError> {
    let parse = |text: &RawValue| Data::parse(text.get(), C::INVALID_DATA);
    body.data.map(parse).transpose()
}

fn new_item<C: WireCollection>(body: &Body<'_>) -> Result<NewItem, ServiceError> {
    Ok(NewItem {
        data: item_data::<C>(body)?.ok_or(C::INVALID_DATA)?,
        ttl: body.ttl_or(&body.item_ttl)?,
        collection_ttl: ttl(&body.collection_ttl)?,
    })
}
