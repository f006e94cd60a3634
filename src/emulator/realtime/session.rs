//! A connection of a live client, from its first message to its end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::{HeaderMap, Method as HttpMethod, StatusCode, Uri};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::bodies::LiveBody;
use super::requests::{Caller, RequestError, Response, Routed};
use super::subscriptions::{self, Action, Begun, Missed, ORDERED};
use super::{Endpoint, Realtime, continuation};
use crate::emulator::core::{
    Action as FaultAction, Core, Effect, LoggedFrame, LoggedRequest, OnEvent, RequestId, Sender,
};
use crate::emulator::store::{Actor, Millis, ServiceError, Sid};
use crate::emulator::subscribers::live::{Connection, LiveEvent, Notice, Order, What};
use crate::tokens::TokenError;
use crate::twilsock::{
    AccountDescriptor, ContinuationStatus, Frame, Header, HttpRequest, InitRegistration, Method,
    OfflineStorage, Reply, Status, Token,
};

/// The time in which the first message must come.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time between two pings: Kotlin gives up a connection that was silent for 45 seconds.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The time after which a silent client is given up.
const SILENCE: Duration = Duration::from_secs(65);
/// The time to wait for a client that does not take what is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The time to close a WebSocket in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// The time that an event waits for the one that is to be sent before it.
const REORDER_TIMEOUT: Duration = Duration::from_secs(1);
/// The rest of the life of a token at which its client gets a warning.
const WARNING: Millis = 240_000;
/// The messages that are carried out before their replies are sent.
const MESSAGES_AT_A_TIME: usize = 64;
/// The events that are sent in one turn.
const EVENTS_AT_A_TIME: usize = 256;
/// The events of one message.
const EVENTS_IN_A_MESSAGE: usize = 50;
/// The maximum number of requests that a fault delays at a time.
const MAX_DELAYED: usize = 256;

/// The reason of the end when the emulator stops.
const STOPS: &str = "the emulator stops";

const PRODUCT: &str = "data_sync";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The end of a connection.
enum End {
    /// Without a word.
    Cut,
    /// With a status of the `WebSocket` protocol and a reason.
    Close(CloseCode, &'static str),
}

/// A frame to be sent.
struct Outgoing {
    header: Header,
    payload: Vec<u8>,
    /// The number of writes that must be on disk before.
    after: u64,
}

/// A client whose first message was accepted.
struct Client {
    connection: Connection,
    caller: Caller,
    identity: String,
    service: Sid,
    endpoint: Endpoint,
    /// The time at which its token expires.
    expires: Millis,
    /// The time of the warning before that; none when it was sent.
    warning: Option<Millis>,
    /// The numbers of its subscriptions.
    subscriptions: HashMap<Sid, u64>,
    /// Subscriptions whose missed events are being sent.
    replays: VecDeque<Replay>,
    /// Events that a fault delays.
    held: VecDeque<(Instant, Outgoing)>,
    /// An event that a fault has changed places with the next one.
    swapped: Option<(Instant, Outgoing)>,
}

/// A subscription whose missed events are being sent.
struct Replay {
    begun: Begun,
    correlation: String,
}

/// A request that a fault delays.
struct Delayed {
    id: String,
    request: HttpRequest,
    payload: Vec<u8>,
    fault: FaultAction,
    entry: LoggedRequest,
}

/// The reason that a connection wakes up.
enum Wake {
    Ends,
    Cut,
    Order(Order),
    Delayed(Box<Delayed>),
    Notice(Notice),
    Message(Option<Result<Message, SocketError>>),
    Timer,
}

pub(super) struct Session {
    realtime: Arc<Realtime>,
    socket: Socket,
    client: Option<Client>,
    out: VecDeque<Outgoing>,
    delayed: FuturesUnordered<BoxFuture<'static, Box<Delayed>>>,
    /// The time of the last frame from the client.
    heard: Instant,
    ping: Instant,
    /// The end that follows when all is sent.
    end: Option<End>,
    /// The time until which a fault has it neither send nor read.
    stalled: Option<Instant>,
}

impl Session {
    pub(super) fn new(realtime: Arc<Realtime>, socket: Socket) -> Self {
        let now = Instant::now();
        Self {
            realtime,
            socket,
            client: None,
            out: VecDeque::new(),
            delayed: FuturesUnordered::new(),
            heard: now,
            ping: now + PING_INTERVAL,
            end: None,
            stalled: None,
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.realtime.core
    }

    /// Serves the connection until it ends, or until the sender of `ends` is dropped.
    pub(super) async fn run(mut self, mut ends: watch::Receiver<()>) {
        let end = loop {
            let wake = self.wake(&mut ends).await;
            if let Err(end) = self.handle(wake) {
                break end;
            }
            if self.stalled.is_some() {
                continue;
            }
            if let Err(end) = self.handle_waiting() {
                break end;
            }
            self.queue_events();
            if let Err(end) = self.send(&mut ends).await {
                break end;
            }
            if let Some(end) = self.end.take() {
                break end;
            }
        };
        if let Some(client) = self.client.take() {
            self.core().live.leave(client.connection.id);
            self.realtime.disconnect(&client.endpoint);
        }
        if let End::Close(code, reason) = end {
            let frame = CloseFrame {
                code,
                reason: reason.into(),
            };
            let closing = async {
                if self.socket.close(Some(frame)).await.is_ok() {
                    // Until the client has closed it too.
                    while let Some(Ok(_)) = self.socket.next().await {}
                }
            };
            let _ = timeout(CLOSE_TIMEOUT, closing).await;
        }
    }

    /// Waits until there is something to do.
    async fn wake(&mut self, ends: &mut watch::Receiver<()>) -> Wake {
        async fn receive<T>(receiver: Option<&mut mpsc::Receiver<T>>) -> Option<T> {
            match receiver {
                Some(receiver) => receiver.recv().await,
                None => pending().await,
            }
        }
        let timer = self.timer();
        // Events wait while missed ones are sent.
        let mut is_replaying = false;
        let (mut notices, mut orders, mut cut) = (None, None, None);
        if let Some(client) = &mut self.client {
            is_replaying = !client.replays.is_empty();
            notices = Some(&mut client.connection.notices).filter(|_| !is_replaying);
            orders = Some(&mut client.connection.orders);
            cut = Some(&client.connection.cut);
        }
        let is_cut = async {
            match cut {
                Some(cut) => cut.notified().await,
                None => pending().await,
            }
        };
        if let Some(until) = self.stalled {
            return tokio::select! {
                biased;
                _ = ends.changed() => Wake::Ends,
                () = is_cut => Wake::Cut,
                () = sleep_until(until) => {
                    self.stalled = None;
                    self.heard = Instant::now();
                    Wake::Timer
                }
            };
        }
        let delayed = &mut self.delayed;
        let has_room = delayed.len() < MAX_DELAYED;
        let delayed = async {
            match delayed.next().await {
                Some(delayed) => delayed,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = ends.changed() => Wake::Ends,
            () = is_cut => Wake::Cut,
            order = receive(orders) => order.map_or(Wake::Cut, Wake::Order),
            delayed = delayed => Wake::Delayed(delayed),
            message = self.socket.next(), if has_room => Wake::Message(message),
            notice = receive(notices) => notice.map_or(Wake::Cut, Wake::Notice),
            () = std::future::ready(()), if is_replaying => Wake::Timer,
            () = sleep_until(timer) => Wake::Timer,
        }
    }

    /// The time of the next thing to do.
    fn timer(&self) -> Instant {
        let now = Instant::now();
        let Some(client) = &self.client else {
            return self.heard + INIT_TIMEOUT;
        };
        let mut next = self.ping.min(self.heard + SILENCE);
        let due = client.warning.unwrap_or(client.expires).min(client.expires);
        // A clock that stands still calls when it is moved.
        if let Some(wait) = self.core().clock.sleep_until(due) {
            next = next.min(now + wait);
        }
        let held = client.held.front().map(|(at, _)| *at);
        let swapped = client.swapped.as_ref().map(|(at, _)| *at);
        held.into_iter().chain(swapped).fold(next, Instant::min)
    }

    fn handle(&mut self, wake: Wake) -> Result<(), End> {
        match wake {
            Wake::Ends => return Err(End::Close(CloseCode::Away, STOPS)),
            Wake::Cut | Wake::Message(None | Some(Err(_))) => return Err(End::Cut),
            Wake::Order(order) => self.carry_out(&order)?,
            Wake::Delayed(delayed) => self.apply_delayed(*delayed)?,
            Wake::Notice(notice) => self.notice(notice),
            Wake::Message(Some(Ok(message))) => self.message(message)?,
            Wake::Timer => {}
        }
        self.on_time()
    }

    /// Carries out the messages that have come by now.
    fn handle_waiting(&mut self) -> Result<(), End> {
        for _ in 1..MESSAGES_AT_A_TIME {
            if self.end.is_some() || self.delayed.len() >= MAX_DELAYED {
                break;
            }
            match self.socket.next().now_or_never() {
                None => break,
                Some(None | Some(Err(_))) => return Err(End::Cut),
                Some(Some(Ok(message))) => self.message(message)?,
            }
        }
        Ok(())
    }

    /// Does what is due.
    fn on_time(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let Some(client) = &mut self.client else {
            if now >= self.heard + INIT_TIMEOUT {
                return Err(End::Close(CloseCode::Normal, "no-init-from-client"));
            }
            return Ok(());
        };
        let clock = self.realtime.core.clock.millis();
        if clock >= client.expires {
            self.expire_token();
            return Ok(());
        }
        if client.warning.is_some_and(|warning| clock >= warning) {
            client.warning = None;
            let method = Method::ClientUpdate {
                client_update_type: "token_about_to_expire".to_owned(),
                client_update_message: format!(
                    "Your token is about to expire. Time left: less than {WARNING} ms"
                ),
            };
            self.push_message(method, Vec::new());
        }
        if now >= self.heard + SILENCE {
            return Err(End::Cut);
        }
        if now >= self.ping {
            self.ping = now + PING_INTERVAL;
            self.push_message(Method::Ping, Vec::new());
        }
        Ok(())
    }

    fn expire_token(&mut self) {
        self.close(
            Status::error(410, "TOKEN_EXPIRED", 51207, "Token expired"),
            None,
        );
    }

    /// Sends a message that says why the connection ends, and ends it.
    fn close(&mut self, status: Status, back_off: Option<(u64, u64)>) {
        let payload = back_off.map(back_off_policy).unwrap_or_default();
        let method = Method::Close {
            status: Some(status),
        };
        self.push_message(method, payload);
        self.end = Some(End::Close(CloseCode::Normal, ""));
    }

    fn carry_out(&mut self, order: &Order) -> Result<(), End> {
        match *order {
            Order::Cut => return Err(End::Cut),
            Order::Stall(time) => self.stalled = Some(Instant::now() + time),
            Order::Close { status, back_off } => self.close(status_of(status), back_off),
            Order::ExpireToken => self.expire_token(),
            // The time is looked at after each order.
            Order::ClockMoved => {}
        }
        Ok(())
    }

    // Messages

    fn message(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            Message::Binary(bytes) => {
                self.frame(&bytes);
                Ok(())
            }
            Message::Text(_) => {
                self.refuse_frame("frames are binary messages");
                Ok(())
            }
            Message::Close(_) => Err(End::Cut),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn refuse_frame(&mut self, reason: &str) {
        self.close(
            Status::error(406, "NOT_ACCEPTABLE_MESSAGE", 51214, reason),
            None,
        );
    }

    fn frame(&mut self, bytes: &[u8]) {
        let (header, text, payload) = match Frame::parse(bytes) {
            Ok(Frame {
                header,
                text,
                payload,
            }) => (header, text, payload),
            Err(error) => {
                let reason = match Frame::id_of(bytes) {
                    Some(id) => format!("message {id:.64}: {error}"),
                    None => error.to_string(),
                };
                self.refuse_frame(&reason);
                return;
            }
        };
        let has_token = matches!(header.method, Method::Init { .. } | Method::Update { .. });
        if has_token {
            self.log_frame(Sender::Client, without_token(text).as_bytes(), payload);
        } else {
            self.log_frame(Sender::Client, text, payload);
        }
        let id = header.id;
        match header.method {
            Method::Init {
                token,
                continuation_token,
                capabilities,
                registrations,
                ..
            } => self.init(
                id,
                &token,
                continuation_token.as_deref(),
                &capabilities,
                registrations,
            ),
            Method::Update { token } => self.update(id, &token),
            Method::Message { http_request, .. } => self.request(id, http_request, payload),
            Method::Ping => self.push_reply(id, ok()),
            Method::Close { .. } => {
                self.push_reply(id, ok());
                self.end = Some(End::Close(CloseCode::Normal, ""));
            }
            // Telemetry, which wants no reply, and what only the service sends.
            Method::Reply(_) | Method::Other => {}
            Method::Notification { .. } | Method::ClientUpdate { .. } => {
                self.refuse_frame("only the service sends such messages");
            }
        }
    }

    fn log_frame(&self, sender: Sender, header: &[u8], payload: &[u8]) {
        let (endpoint, identity) = match &self.client {
            Some(client) => (&*client.caller.endpoint, client.identity.as_str()),
            None => ("", ""),
        };
        self.core().frames.push(LoggedFrame {
            endpoint: endpoint.into(),
            identity: identity.into(),
            sender,
            header: String::from_utf8_lossy(header).into(),
            payload: String::from_utf8_lossy(payload).into(),
            time: self.core().clock.log_time(),
        });
    }

    fn push_message(&mut self, method: Method, payload: Vec<u8>) {
        let message = self.new_message(method, payload);
        self.out.push_back(message);
    }

    fn new_message(&mut self, method: Method, payload: Vec<u8>) -> Outgoing {
        let id = format!("TM{:032x}", self.core().random.number());
        Outgoing {
            header: Header::new(id, method),
            payload,
            after: 0,
        }
    }

    fn push_reply(&mut self, id: String, reply: Reply) {
        self.push_full_reply(id, reply, Vec::new(), 0);
    }

    fn push_full_reply(&mut self, id: String, reply: Reply, payload: Vec<u8>, after: u64) {
        self.out.push_back(Outgoing {
            header: Header::new(id, Method::Reply(Box::new(reply))),
            payload,
            after,
        });
    }

    fn init(
        &mut self,
        id: String,
        token: &Token,
        continuation_token: Option<&str>,
        capabilities: &[String],
        registrations: Option<Vec<InitRegistration>>,
    ) {
        if self.client.is_some() {
            self.refuse_frame("the connection has begun already");
            return;
        }
        let core = Arc::clone(self.core());
        let (claims, service) = match core.verify_token(&token.0) {
            Ok(verified) => verified,
            Err(error) => {
                self.refuse(id, token_status(&error), None);
                return;
            }
        };
        let identity = claims.grants["identity"].as_str().unwrap_or_default();
        if let Some(fault) = core.live_faults.strike_connection(identity) {
            self.refuse(id, status_of(fault.status), fault.back_off);
            return;
        }
        let secret = core.credentials.api_secret();
        let service_sid = service.to_string();
        let (endpoint, status) =
            match continuation::endpoint(continuation_token, identity, &service_sid, secret) {
                Ok(endpoint) => (endpoint, None),
                Err(reason) => {
                    let endpoint = format!("twi1-{:032x}", core.random.number());
                    (endpoint, Some(reason.parts()))
                }
            };
        let endpoint: Arc<str> = endpoint.into();
        let confirmed = ["client_update", "offline_storage", "account_descriptor"];
        let confirmed = confirmed
            .into_iter()
            .filter(|known| capabilities.iter().any(|wanted| wanted == known));
        let storage_id = storage_id(&service_sid, identity, core.live.life());
        let storage = OfflineStorage { storage_id };
        let reply = Reply {
            status: Status::ok(),
            capabilities: Some(confirmed.map(str::to_owned).collect()),
            continuation_token: Some(continuation::token(
                &endpoint,
                identity,
                &service_sid,
                secret,
            )),
            continuation_token_status: Some(ContinuationStatus {
                reissued: status.is_some(),
                reissue_reason: status.map(|(reason, _)| reason.to_owned()),
                reissue_message: status.map(|(_, message)| message.to_owned()),
            }),
            offline_storage: Some(BTreeMap::from([(PRODUCT.to_owned(), storage)])),
            account_descriptor: Some(AccountDescriptor {
                account_sid: core.credentials.account_sid().to_string(),
                instance_sids: BTreeMap::from([(PRODUCT.to_owned(), service_sid.clone())]),
                identity: identity.to_owned(),
            }),
            init_registrations: Some(registered(&core, registrations.unwrap_or_default())),
            ..Reply::default()
        };
        let expires = i64::try_from(claims.exp).unwrap_or(i64::MAX);
        let expires = expires.saturating_mul(1_000);
        let client = Client {
            connection: core.live.enter(service, identity),
            caller: Caller {
                service: service_sid.clone(),
                actor: Actor::identity(identity),
                endpoint: Arc::clone(&endpoint),
            },
            identity: identity.to_owned(),
            service,
            endpoint: (service_sid, identity.to_owned(), endpoint),
            expires,
            warning: Some(warning(core.clock.millis(), expires)),
            subscriptions: HashMap::new(),
            replays: VecDeque::new(),
            held: VecDeque::new(),
            swapped: None,
        };
        self.realtime.connect(&client.endpoint);
        self.client = Some(client);
        self.ping = Instant::now() + PING_INTERVAL;
        self.push_reply(id, reply);
    }

    /// Refuses a first message, which ends the connection.
    fn refuse(&mut self, id: String, status: Status, back_off: Option<(u64, u64)>) {
        let reply = Reply {
            status,
            ..Reply::default()
        };
        let payload = back_off.map(back_off_policy).unwrap_or_default();
        self.push_full_reply(id, reply, payload, 0);
        self.end = Some(End::Close(CloseCode::Normal, ""));
    }

    fn update(&mut self, id: String, token: &Token) {
        let core = Arc::clone(self.core());
        let Some(client) = &mut self.client else {
            self.refuse_frame("the first message of a connection is init");
            return;
        };
        let refused = |status| Reply {
            status,
            ..Reply::default()
        };
        let reply = match core.verify_token(&token.0) {
            Err(error) => refused(token_status(&error)),
            Ok((claims, _)) if claims.grants["identity"] != *client.identity => {
                refused(Status::error(
                    401,
                    "UNAUTHORIZED",
                    51215,
                    "Can't update token, new token was issued for other identity/instance/product.",
                ))
            }
            Ok((_, service)) if service != client.service => {
                self.close(
                    Status::error(
                        308,
                        "UPDATE_IS_FORBIDDEN",
                        51232,
                        "Token from update is unauthorised or different from initial",
                    ),
                    None,
                );
                return;
            }
            Ok((claims, _)) => {
                let expires = i64::try_from(claims.exp).unwrap_or(i64::MAX);
                client.expires = expires.saturating_mul(1_000);
                client.warning = Some(warning(core.clock.millis(), client.expires));
                ok()
            }
        };
        self.push_reply(id, reply);
    }

    // Requests

    fn request(&mut self, id: String, request: HttpRequest, payload: &[u8]) {
        if self.client.is_none() {
            self.refuse_frame("the first message of a connection is init");
            return;
        }
        let core = Arc::clone(self.core());
        let operation = Routed::new(&request).and_then(|routed| routed.operation());
        let entry = self.entry(&request, operation, payload);
        match core.faults.strike(operation) {
            None => {
                let response = self.respond(&request, payload);
                self.push_response(id, &request, response, entry);
                self.begin_subscriptions(&request, payload);
            }
            Some(fault) => {
                let delay = fault.delay;
                let delayed = Box::new(Delayed {
                    id,
                    request,
                    payload: payload.to_vec(),
                    fault,
                    entry,
                });
                self.delayed.push(
                    async move {
                        if !delay.is_zero() {
                            sleep(delay).await;
                        }
                        delayed
                    }
                    .boxed(),
                );
            }
        }
    }

    fn apply_delayed(&mut self, delayed: Delayed) -> Result<(), End> {
        let Delayed {
            id,
            request,
            payload,
            fault,
            entry,
        } = delayed;
        let handled = fault.after_write.then(|| self.respond(&request, &payload));
        let log = &self.realtime.core.log;
        match (fault.effect, handled) {
            (Effect::Wait, Some(response)) => {
                self.push_response(id, &request, response, entry);
                self.begin_subscriptions(&request, &payload);
            }
            (Effect::Respond(fault), _) => {
                let mut response = RequestError::Other(
                    fault.status,
                    20_000 + u32::from(fault.status.as_u16()),
                    fault.status.canonical_reason().unwrap_or("Scripted fault"),
                )
                .response("");
                response.code = None;
                if let Some(body) = fault.body {
                    response.body = body.to_vec();
                }
                self.push_response(id, &request, response, entry);
            }
            (Effect::Garble, Some(mut response)) => {
                response.body = b"{\"sid\": \xff\xfe<html>".to_vec();
                self.push_response(id, &request, response, entry);
            }
            (Effect::Cut | Effect::Truncate, _) | (_, None) => {
                // It is logged without a response.
                drop(log.enter(entry));
                return Err(End::Cut);
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        request: &HttpRequest,
        operation: Option<crate::api::Operation>,
        payload: &[u8],
    ) -> LoggedRequest {
        let core = self.core();
        let method = HttpMethod::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let query: Vec<String> = request
            .params
            .iter()
            .filter_map(|(name, values)| Some(format!("{name}={}", values.first()?)))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{separator}{}", request.path, query.join("&"));
        let uri: Uri = target.parse().unwrap_or_default();
        let mut headers = HeaderMap::new();
        if let Some(value) = request
            .header("if-match")
            .and_then(|value| value.parse().ok())
        {
            headers.insert(http::header::IF_MATCH, value);
        }
        let request_id = RequestId::new(&core.random);
        let received = core.clock.log_time();
        let mut entry =
            LoggedRequest::new(operation, &method, &uri, &headers, request_id, received);
        let identity = self.client.as_ref().map_or("", |client| &client.identity);
        entry.set_tunnelled(identity, payload);
        entry
    }

    fn respond(&self, request: &HttpRequest, payload: &[u8]) -> Response {
        let not_found = || RequestError::from(ServiceError::NotFound).response(&request.path);
        let (Some(client), Some(routed)) = (&self.client, Routed::new(request)) else {
            return not_found();
        };
        if routed.is_of_subscriptions() {
            return match subscriptions::Request::read(payload) {
                Ok(_) => subscriptions::Request::accepted(),
                Err(response) => response,
            };
        }
        routed.respond(self.core(), &client.caller, request, payload)
    }

    fn push_response(
        &mut self,
        id: String,
        request: &HttpRequest,
        response: Response,
        entry: LoggedRequest,
    ) {
        let core = Arc::clone(self.core());
        core.log
            .enter(entry)
            .respond(response.status, response.code);
        let mut headers =
            BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        if let Some(etag) = response.etag {
            headers.insert("etag".to_owned(), format!("\"{etag:x}\""));
        }
        if let Some(request_id) = request.header("twilio-request-id") {
            headers.insert("twilio-request-id".to_owned(), request_id.to_owned());
        }
        let is_success = response.status.is_success();
        let reply = Reply {
            status: Status::ok(),
            http_status: Some(Status {
                code: response.status.as_u16(),
                text: if is_success { "OK" } else { "ERROR" }.to_owned(),
                ..Status::default()
            }),
            http_headers: Some(headers),
            ..Reply::default()
        };
        let is_read = request.method == "GET";
        let after = if is_read { 0 } else { core.queued() };
        self.push_full_reply(id, reply, response.body, after);
    }

    // Subscriptions

    /// Begins or ends the subscriptions of a request that was accepted.
    fn begin_subscriptions(&mut self, request: &HttpRequest, payload: &[u8]) {
        if !Routed::new(request).is_some_and(|routed| routed.is_of_subscriptions()) {
            return;
        }
        let Ok(request) = subscriptions::Request::read(payload) else {
            return;
        };
        let core = Arc::clone(self.core());
        let Some(client) = &mut self.client else {
            return;
        };
        let correlation = request.correlation_id.to_string();
        let mut results = Vec::new();
        let mut failures = Vec::new();
        for wanted in &request.requests {
            let sid = wanted.sid();
            if request.action == Action::Cancel {
                if let Some(sid) = sid {
                    client.end_subscription(&core, sid);
                }
                let canceled = subscriptions::canceled(&wanted.object_sid, &wanted.object_type);
                results.push(canceled);
                continue;
            }
            let Some(sid) = sid else {
                let error = RequestError::Other(StatusCode::NOT_FOUND, 54100, "Object not found");
                failures.push(subscriptions::failed(wanted, &error));
                continue;
            };
            client.end_subscription(&core, sid);
            let (id, seen) = (client.connection.id, wanted.last_event_id);
            match subscriptions::begin(&core, &client.caller, id, sid, seen) {
                Err(error) => failures.push(subscriptions::failed(wanted, &error)),
                Ok(begun) => {
                    client.subscriptions.insert(sid, begun.subscription);
                    match &begun.missed {
                        Missed::Events(events) if events.is_empty() => {
                            results.push(subscriptions::established(sid, begun.last));
                        }
                        _ => client.replays.push_back(Replay {
                            begun,
                            correlation: correlation.clone(),
                        }),
                    }
                }
            }
        }
        let result = match request.action {
            Action::Establish => "subscription_established",
            Action::Cancel => "subscription_canceled",
        };
        for (event_type, events) in [(result, results), ("subscription_failed", failures)] {
            for events in events.chunks(EVENTS_IN_A_MESSAGE) {
                let payload = subscriptions::payload(event_type, Some(&correlation), events);
                self.push_message(notification(ORDERED), payload);
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        let Some(client) = &mut self.client else {
            return;
        };
        match notice {
            Notice::Event {
                subscription,
                event,
            } => {
                if client.subscriptions.get(&event.object) == Some(&subscription) {
                    if matches!(event.what, What::Removed) {
                        client.subscriptions.remove(&event.object);
                    }
                    self.push_event(&event);
                }
            }
            Notice::Forbidden {
                subscription,
                object,
            } => {
                if client.subscriptions.get(&object) == Some(&subscription) {
                    client.subscriptions.remove(&object);
                    self.push_canceled(object);
                }
            }
            Notice::Recheck => {
                let core = Arc::clone(&self.realtime.core);
                let ended: Vec<Sid> = client
                    .subscriptions
                    .keys()
                    .copied()
                    .filter(|sid| !subscriptions::may_read(&core, &client.caller, *sid))
                    .collect();
                for object in ended {
                    if let Some(client) = &mut self.client {
                        client.end_subscription(&core, object);
                    }
                    self.push_canceled(object);
                }
            }
        }
    }

    /// Sends that a subscription was ended by the service. JavaScript subscribes again, and gets the error
    /// of that.
    fn push_canceled(&mut self, object: Sid) {
        let kind = super::bodies::kind_name(object.kind());
        let canceled = subscriptions::canceled(&object.to_string(), kind);
        let payload = subscriptions::payload("subscription_canceled", Some("null"), &[canceled]);
        self.push_message(notification(ORDERED), payload);
    }

    fn push_event(&mut self, event: &LiveEvent) {
        let LiveBody { event_type, json } = subscriptions::body(event);
        let payload = subscriptions::payload(&event_type, None, &[json]);
        let method = notification(&subscriptions::message_type(event.object));
        let mut message = self.new_message(method, payload);
        message.after = event.after;
        let faults = &self.realtime.core.live_faults;
        let Some(client) = &mut self.client else {
            return;
        };
        let now = Instant::now();
        // Those after a delayed event wait too.
        let mut at = client.held.back().map(|(at, _)| *at);
        let mut copy = None;
        match faults.strike_event(&client.identity) {
            Some(OnEvent::Delay(delay)) => at = Some(at.unwrap_or(now).max(now + delay)),
            Some(OnEvent::Duplicate) => {
                let method = notification(&subscriptions::message_type(event.object));
                copy = Some((method, message.payload.clone()));
            }
            Some(OnEvent::Reorder) if client.swapped.is_none() => {
                client.swapped = Some((now + REORDER_TIMEOUT, message));
                return;
            }
            None | Some(OnEvent::Reorder) => {}
        }
        let swapped = client.swapped.take().map(|(_, message)| message);
        let after = message.after;
        let copy = copy.map(|(method, payload)| {
            let mut copy = self.new_message(method, payload);
            copy.after = after;
            copy
        });
        for message in [Some(message), copy, swapped].into_iter().flatten() {
            match (at, &mut self.client) {
                (Some(at), Some(client)) => client.held.push_back((at, message)),
                _ => self.out.push_back(message),
            }
        }
    }

    /// Adds events that wait, and missed ones, to what is sent next.
    fn queue_events(&mut self) {
        let now = Instant::now();
        if let Some(client) = &mut self.client {
            while client.held.front().is_some_and(|(at, _)| *at <= now) {
                self.out
                    .extend(client.held.pop_front().map(|(_, message)| message));
            }
            if client.swapped.as_ref().is_some_and(|(at, _)| *at <= now) {
                self.out
                    .extend(client.swapped.take().map(|(_, message)| message));
            }
        }
        self.queue_missed();
        for _ in 0..EVENTS_AT_A_TIME {
            let Some(client) = &mut self.client else {
                return;
            };
            if self.end.is_some() || !client.replays.is_empty() {
                return;
            }
            match client.connection.notices.try_recv() {
                Ok(notice) => self.notice(notice),
                Err(_) => return,
            }
        }
    }

    /// Adds missed events, up to as many as are sent in one turn.
    fn queue_missed(&mut self) {
        let core = Arc::clone(self.core());
        let mut left = EVENTS_AT_A_TIME;
        while left > 0 {
            let Some(client) = &mut self.client else {
                return;
            };
            let Some(mut replay) = client.replays.pop_front() else {
                return;
            };
            let Begun {
                sid,
                subscription,
                last,
                ..
            } = replay.begun;
            if client.subscriptions.get(&sid) != Some(&subscription) {
                continue;
            }
            let mut after = 0;
            let mut events = Vec::new();
            let is_complete = match &mut replay.begun.missed {
                Missed::Events(missed) => {
                    let taken = missed.drain(..left.min(missed.len()));
                    for event in taken {
                        after = after.max(event.after);
                        events.push(subscriptions::body(&event));
                    }
                    missed.is_empty()
                }
                Missed::Document(state) => {
                    after = core.queued();
                    events.push(subscriptions::document(state));
                    true
                }
                Missed::Items(items) => {
                    after = core.queued();
                    for item in items.by_ref().take(left) {
                        let last = subscriptions::last_event(&core, &client.caller, sid, item);
                        events.extend(last);
                    }
                    items.len() == 0
                }
            };
            left = left.saturating_sub(events.len().max(1));
            let correlation = replay.correlation.clone();
            if !is_complete {
                client.replays.push_front(replay);
            }
            self.push_missed(&events, &correlation, after);
            if is_complete {
                let established = subscriptions::established(sid, last);
                let payload = subscriptions::payload(
                    "subscription_established",
                    Some(&correlation),
                    &[established],
                );
                self.push_message(notification(ORDERED), payload);
            }
        }
    }

    /// Adds missed events in their order; those of one type that follow one another go together.
    fn push_missed(&mut self, events: &[LiveBody], correlation: &str, after: u64) {
        for group in events.chunk_by(|one, next| one.event_type == next.event_type) {
            for group in group.chunks(EVENTS_IN_A_MESSAGE) {
                let Some(first) = group.first() else { continue };
                let bodies: Vec<Vec<u8>> = group.iter().map(|body| body.json.clone()).collect();
                let payload = subscriptions::payload(&first.event_type, Some(correlation), &bodies);
                let mut message = self.new_message(notification(ORDERED), payload);
                message.after = after;
                self.out.push_back(message);
            }
        }
    }

    // Sending

    /// Sends all that is queued, once its writes are on disk. A client that does not take it is cut off.
    async fn send(&mut self, ends: &mut watch::Receiver<()>) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let core = Arc::clone(self.core());
        let after = self.out.iter().map(|message| message.after).max();
        if core.stored(after.unwrap_or_default()).await.is_err() {
            // A write that is not on disk is not acknowledged.
            return Err(End::Cut);
        }
        let out = std::mem::take(&mut self.out);
        let mut frames = Vec::with_capacity(out.len());
        for message in out {
            let text = Frame::text(message.header, &message.payload);
            self.log_frame(Sender::Service, &text, &message.payload);
            frames.push(Frame::write(&text, &message.payload));
        }
        let Self { socket, client, .. } = self;
        let sending = async {
            for frame in frames {
                socket.feed(Message::Binary(frame.into())).await?;
            }
            socket.flush().await
        };
        let is_cut = async {
            match client {
                Some(client) => client.connection.cut.notified().await,
                None => pending().await,
            }
        };
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = timeout(SEND_TIMEOUT, &mut sending) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(End::Cut),
            },
            () = is_cut => Err(End::Cut),
            _ = ends.changed() => match timeout(CLOSE_TIMEOUT, sending).await {
                Ok(Ok(())) => Err(End::Close(CloseCode::Away, STOPS)),
                Ok(Err(_)) | Err(_) => Err(End::Cut),
            },
        }
    }
}

impl Client {
    fn end_subscription(&mut self, core: &Core, object: Sid) {
        if self.subscriptions.remove(&object).is_some() {
            core.live.unsubscribe(self.connection.id, object);
        }
    }
}

/// The text of a header without its access token.
fn without_token(text: &[u8]) -> String {
    let mut header: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    if let Some(token) = header.get_mut("token") {
        *token = "…".into();
    }
    header.to_string()
}

fn ok() -> Reply {
    Reply {
        status: Status::ok(),
        ..Reply::default()
    }
}

fn notification(message_type: &str) -> Method {
    Method::Notification {
        message_type: message_type.to_owned(),
        notification_ctx_id: String::new(),
    }
}

/// The status of a token that is not accepted.
fn token_status(error: &TokenError) -> Status {
    use jsonwebtoken::errors::ErrorKind;

    let (code, text) = match error {
        TokenError::Expired { .. } => (20104, "Access Token expired or expiration date invalid"),
        TokenError::NotYetValid { .. } => (20105, "Access Token not yet valid"),
        TokenError::Claim(_) => (20106, "Invalid Access Token grants"),
        TokenError::Invalid(error) => match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidSubject => {
                (20151, "The authorization with Token failed")
            }
            ErrorKind::InvalidIssuer => (20103, "Invalid Access Token issuer/subject"),
            _ => (20101, "Invalid Access Token"),
        },
    };
    Status::error(401, "UNAUTHORIZED", code, text)
}

/// A status of a fault, with the texts and codes that the service has for it.
fn status_of(code: u16) -> Status {
    let (text, error, description) = match code {
        308 => ("OFFLOAD", 51200, "Connection is offloaded"),
        401 => ("UNAUTHORIZED", 20101, "Invalid Access Token"),
        403 => ("FORBIDDEN", 20403, "Forbidden"),
        410 => ("TOKEN_EXPIRED", 51207, "Token expired"),
        429 => ("TOO_MANY_REQUESTS", 51202, "Too many requests"),
        _ => ("SCRIPTED_FAULT", 20500, "Scripted fault"),
    };
    Status::error(code, text, error, description)
}

fn back_off_policy((shortest, longest): (u64, u64)) -> Vec<u8> {
    super::bodies::json(&serde_json::json!({
        "backoff_policy": {"reconnect_min_ms": shortest, "reconnect_max_ms": longest},
    }))
}

/// The registrations of a client, with ids.
fn registered(core: &Core, registrations: Vec<InitRegistration>) -> Vec<InitRegistration> {
    let named = registrations.into_iter().map(|registration| {
        let id = format!("{:032x}", core.random.number());
        InitRegistration {
            notification_ctx_id: Some(id),
            ..registration
        }
    });
    named.collect()
}

/// The time at which a client is warned that its token expires: four minutes before, or halfway where less
/// is left.
fn warning(now: Millis, expires: Millis) -> Millis {
    let left = expires.saturating_sub(now);
    expires.saturating_sub(WARNING.min(left / 2))
}

/// The name of the browser's storage for what this identity has read in this life of the store.
fn storage_id(service: &str, identity: &str, life: u128) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("{life:032x}{service}{identity}"));
    let mut id = String::new();
    for byte in hash.finalize() {
        // Writing to text does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
