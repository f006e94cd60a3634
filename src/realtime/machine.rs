//! The state of a connection and of all that is watched over it. It does no IO: it is given what came
//! in, and says what to do next and when.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use http::Method as HttpMethod;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::failures::Failures;
use super::status::Status;
use super::subscription::{Read, Subscription, Want};
use super::token::LiveToken;
use super::wire::{
    AcceptedBody, EventBody, EventType, NotificationBody, ResultBody, SubscriptionsBody, Wanted,
};
use crate::error::RealtimeError;
use crate::transport::Random;
use crate::twilsock::{
    Frame, Header, HttpRequest, Method, Reply, Status as ReplyStatus, Token, Values,
};

/// The product that all requests are for.
const PRODUCT: &str = "data_sync";
/// The host in tunnelled requests. The service routes them by their path.
const HOST: &str = "cds.us1.twilio.com";
/// The time that a connection may take until the service has taken the access token.
const OPENING: Duration = Duration::from_secs(10);
/// The time that the source of access tokens has for one.
const FETCH: Duration = Duration::from_secs(30);
/// The time that the service has for the reply to a request.
const REPLY: Duration = Duration::from_secs(30);
/// The silence after which the service is asked for a sign of life, and after which the connection
/// counts as lost.
const QUIET: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(45);
/// A connection that was open for this time ends a row of failures.
const STEADY: Duration = Duration::from_secs(60);
/// The number of objects in a request for subscriptions, unless the service takes fewer.
const MAX_BATCH: usize = 100;
/// The status of a connection whose access token has expired, and Twilio's code of it.
const TOKEN_EXPIRED: u16 = 410;
const EXPIRED: u32 = 20104;
/// The longest pause that the service may ask for.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
/// The status with which the service asks to connect again.
const RECONNECT: u16 = 308;

/// An input of the machine.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// The connection is open.
    Opened,
    /// A message of the service.
    Frame(&'a [u8]),
    /// The connection could not be made, or is lost.
    Lost(String),
    /// The access token that was asked for, or the reason why there is none.
    Token(Result<LiveToken, String>),
}

/// An action that the caller takes for the machine.
#[derive(Debug)]
pub(super) enum Output {
    /// A connection is to be made.
    Connect,
    Send(Message),
    /// The connection is to be ended, after what was sent.
    Disconnect,
    FetchToken,
    /// All that was open when [`Machine::close`] gave this number is closed.
    Closed(u64),
}

/// A frame, which may have an access token that `Debug` does not show.
pub(super) struct Message(pub(super) Vec<u8>);

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} bytes)", self.0.len())
    }
}

#[derive(Debug)]
enum Phase {
    Idle,
    /// A connection is wanted; a token is missing.
    Authorizing,
    Connecting {
        due: Instant,
    },
    /// The first message was sent.
    Initialising {
        due: Instant,
    },
    Live {
        since: Instant,
        heard: Instant,
        /// A sign of life was asked for.
        is_pinged: bool,
    },
    Waiting {
        until: Instant,
        pause: Duration,
        reason: String,
    },
}

/// The purpose of a message that waits for its reply.
#[derive(Debug)]
enum Awaited {
    Init,
    Update,
    Ping,
    Read(u64),
    Subscriptions(Vec<u64>),
}

#[derive(Debug)]
struct Tokens {
    current: Option<LiveToken>,
    /// One is being fetched; the time by which it has to be there.
    fetching: Option<Instant>,
    /// The next time to fetch one after a failure.
    retry: Option<Instant>,
    failures: Failures,
}

#[derive(Debug)]
pub(super) struct Machine {
    phase: Phase,
    tokens: Tokens,
    random: Arc<Random>,
    /// The connections in a row that failed.
    failures: Failures,
    /// The shortest and the longest pause that the service asked for.
    back_off: Option<(Duration, Duration)>,
    continuation: Option<String>,
    replies: HashMap<String, (Awaited, Instant)>,
    next_number: u64,
    max_batch: usize,
    /// The time at which all subscriptions are asked for again.
    renewal: Option<Instant>,
    subscriptions: BTreeMap<u64, Subscription>,
    /// The subscriptions to each SID.
    by_sid: HashMap<String, Vec<u64>>,
    /// A subscription may want something.
    is_dirty: bool,
    /// The earliest time at which a subscription has something to do.
    subscription_due: Option<Instant>,
    outputs: VecDeque<Output>,
    refusal: Option<RealtimeError>,
    /// The number of times that all was to be closed.
    closings: u64,
    /// The connection is to be closed, even if something was watched anew since then.
    is_closing: bool,
}

impl Machine {
    pub(super) fn new(random: Arc<Random>) -> Self {
        Self {
            phase: Phase::Idle,
            tokens: Tokens {
                current: None,
                fetching: None,
                retry: None,
                failures: Failures::default(),
            },
            random,
            failures: Failures::default(),
            back_off: None,
            continuation: None,
            replies: HashMap::new(),
            next_number: 0,
            max_batch: MAX_BATCH,
            renewal: None,
            subscriptions: BTreeMap::new(),
            by_sid: HashMap::new(),
            is_dirty: false,
            subscription_due: None,
            outputs: VecDeque::new(),
            refusal: None,
            closings: 0,
            is_closing: false,
        }
    }

    /// Adds a subscription, and returns its number.
    pub(super) fn add(&mut self, subscription: Subscription) -> u64 {
        let number = self.number();
        self.subscriptions.insert(number, subscription);
        self.is_dirty = true;
        self.refusal = None;
        number
    }

    /// Removes a subscription, and cancels it if nobody else needs it.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(removed) = self.subscriptions.remove(&number) else {
            return;
        };
        self.is_dirty = true;
        let Some(sid) = removed.sid() else { return };
        let others = self.by_sid.get_mut(sid);
        let is_shared = others.is_some_and(|others| {
            others.retain(|other| *other != number);
            !others.is_empty()
        });
        if is_shared || self.by_sid.remove(sid).is_none() {
            return;
        }
        if matches!(self.phase, Phase::Live { .. }) && self.has_active() {
            let wanted = Wanted {
                object_sid: sid.to_owned(),
                object_type: removed.kind().name(),
                last_event_id: None,
            };
            let correlation = self.number();
            self.send_subscriptions("cancel", correlation, &[wanted]);
        }
    }

    pub(super) fn subscription(&mut self, number: u64) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(&number)
    }

    /// The reader of a subscription has made room.
    pub(super) fn reader_has_room(&mut self) {
        self.is_dirty = true;
    }

    /// Returns `true` if something is watched.
    pub(super) fn has_active(&self) -> bool {
        self.subscriptions.values().any(|it| !it.is_ended())
    }

    /// Ends all subscriptions and the connection. [`Output::Closed`] with the number that this returns
    /// says when that is done.
    pub(super) fn close(&mut self) -> u64 {
        for subscription in self.subscriptions.values_mut() {
            subscription.close();
        }
        self.is_closing = true;
        self.closings += 1;
        self.closings
    }

    /// Nobody acts for the machine any more: what was open and under way is gone with them.
    pub(super) fn stopped(&mut self, now: Instant) {
        if self.has_active() {
            self.lost(now, "the task of the connection has ended".to_owned());
        } else {
            self.go_idle();
        }
        self.is_closing = false;
        self.tokens.fetching = None;
        self.outputs.clear();
    }

    /// The number of times that all was to be closed.
    pub(super) fn closings(&self) -> u64 {
        self.closings
    }

    /// The wakers of all readers that wait.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        let subscriptions = self.subscriptions.values_mut();
        subscriptions.filter_map(Subscription::take_waker).collect()
    }

    pub(super) fn status(&self) -> Status {
        match &self.phase {
            Phase::Idle => match &self.refusal {
                Some(error) => Status::Refused(error.clone()),
                None => Status::Idle,
            },
            Phase::Authorizing | Phase::Connecting { .. } | Phase::Initialising { .. } => {
                Status::Connecting
            }
            Phase::Live { .. } => Status::Live,
            Phase::Waiting { pause, reason, .. } => Status::Waiting {
                pause: *pause,
                reason: reason.clone(),
            },
        }
    }

    /// Takes note of what came in.
    pub(super) fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Opened => self.opened(now),
            Input::Frame(bytes) => self.frame(now, bytes),
            Input::Lost(reason) => self.lost(now, reason),
            Input::Token(token) => self.token(now, token),
        }
    }

    /// The next thing to do; none until something comes in, or until the [`deadline`](Self::deadline).
    pub(super) fn poll(&mut self, now: Instant) -> Option<Output> {
        if self.outputs.is_empty() {
            self.tick(now);
        }
        self.outputs.pop_front()
    }

    /// The time at which there is something to do, if nothing comes in before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::Idle | Phase::Authorizing => None,
            Phase::Connecting { due } | Phase::Initialising { due } => Some(*due),
            Phase::Waiting { until, .. } => Some(*until),
            Phase::Live {
                heard, is_pinged, ..
            } => Some(*heard + if *is_pinged { SILENCE } else { QUIET }),
        };
        let renewal = self.tokens.current.as_ref().and_then(|it| it.renewal);
        let live = [
            self.subscription_due,
            self.renewal,
            self.replies.values().map(|(_, due)| *due).min(),
        ];
        let of_live = live.into_iter().flatten().min();
        let of_live = of_live.filter(|_| matches!(self.phase, Phase::Live { .. }));
        let of_token = match self.phase {
            Phase::Idle => None,
            _ => self.tokens.fetching.or(self.tokens.retry).or(renewal),
        };
        [of_phase, of_live, of_token].into_iter().flatten().min()
    }

    fn tick(&mut self, now: Instant) {
        if self.is_closing {
            self.is_closing = false;
            self.go_idle();
            self.outputs.push_back(Output::Closed(self.closings));
            return;
        }
        if !self.has_active() {
            self.go_idle();
            return;
        }
        if self.tokens.fetching.is_some_and(|due| now >= due) {
            let reason = "the token provider did not answer in time".to_owned();
            self.token(now, Err(reason));
        }
        match &self.phase {
            Phase::Idle => self.connect(now),
            Phase::Waiting { until, .. } if now >= *until => self.connect(now),
            Phase::Connecting { due } | Phase::Initialising { due } if now >= *due => {
                self.outputs.push_back(Output::Disconnect);
                let reason = "the service did not answer in time".to_owned();
                self.lost(now, reason);
            }
            Phase::Live {
                heard, is_pinged, ..
            } => {
                let (silence, is_pinged) = (now.saturating_duration_since(*heard), *is_pinged);
                if silence >= SILENCE {
                    self.outputs.push_back(Output::Disconnect);
                    self.lost(now, "the service fell silent".to_owned());
                } else if silence >= QUIET && !is_pinged {
                    self.ping(now);
                }
            }
            _ => {}
        }
        self.renew_token(now);
        if matches!(self.phase, Phase::Live { .. }) {
            self.check_replies(now);
            self.poll_subscriptions(now);
        }
    }

    fn go_idle(&mut self) {
        match self.phase {
            Phase::Idle => return,
            Phase::Live { .. } => {
                let id = self.id();
                self.send(Header::new(id, Method::Close { status: None }), &[]);
                self.outputs.push_back(Output::Disconnect);
            }
            Phase::Connecting { .. } | Phase::Initialising { .. } => {
                self.outputs.push_back(Output::Disconnect);
            }
            Phase::Authorizing | Phase::Waiting { .. } => {}
        }
        self.phase = Phase::Idle;
        self.replies.clear();
    }

    fn connect(&mut self, now: Instant) {
        // One that is due for renewal may have expired while nothing was watched.
        let current = self.tokens.current.take();
        self.tokens.current = current.filter(|token| token.renewal.is_none_or(|due| now < due));
        if self.tokens.current.is_some() {
            self.phase = Phase::Connecting { due: now + OPENING };
            self.outputs.push_back(Output::Connect);
        } else {
            self.phase = Phase::Authorizing;
            self.fetch_token(now);
        }
    }

    fn opened(&mut self, now: Instant) {
        let (Phase::Connecting { .. }, Some(token)) = (&self.phase, &self.tokens.current) else {
            return;
        };
        let init = Method::Init {
            token: Token(token.text().to_owned()),
            continuation_token: self.continuation.clone(),
            capabilities: vec!["client_update".to_owned()],
            registrations: None,
            metadata: Some(json!({
                "env": "Rust", "type": "sync", "sdk": "rust", "ver": env!("CARGO_PKG_VERSION"),
                "sdkv": env!("CARGO_PKG_VERSION"), "os": std::env::consts::OS,
            })),
        };
        self.phase = Phase::Initialising { due: now + OPENING };
        self.ask(now, init, &[], Awaited::Init);
    }

    /// Notes that the connection is lost, and when the next one is tried.
    fn lost(&mut self, now: Instant, reason: String) {
        if matches!(self.phase, Phase::Idle | Phase::Waiting { .. }) {
            return;
        }
        self.wait(now, reason);
    }

    fn wait(&mut self, now: Instant, reason: String) {
        if let Phase::Live { since, .. } = self.phase
            && now.saturating_duration_since(since) >= STEADY
        {
            self.failures = Failures::default();
        }
        let mut pause = self.random.part_of(self.failures.pause());
        if let Some((shortest, longest)) = self.back_off.take() {
            let spread = self.random.part_of(longest.saturating_sub(shortest));
            pause = pause.max(shortest + spread);
        }
        tracing::debug!(reason, ?pause, "no connection for live updates");
        self.replies.clear();
        self.phase = Phase::Waiting {
            until: now + pause,
            pause,
            reason,
        };
    }

    /// Ends all: the service refuses the access token, and another would be refused as well.
    fn refuse(&mut self, status: &ReplyStatus) {
        let error = RealtimeError::Refused {
            status: status.code,
            code: status.error_code,
            message: status.description.clone().unwrap_or_default(),
        };
        for subscription in self.subscriptions.values_mut() {
            subscription.fail(error.clone());
        }
        self.outputs.push_back(Output::Disconnect);
        self.tokens.current = None;
        self.refusal = Some(error);
        self.replies.clear();
        self.phase = Phase::Idle;
    }

    fn token(&mut self, now: Instant, token: Result<LiveToken, String>) {
        self.tokens.fetching = None;
        match token {
            Ok(token) => {
                self.tokens.retry = None;
                self.tokens.failures = Failures::default();
                let update = Method::Update {
                    token: Token(token.text().to_owned()),
                };
                self.tokens.current = Some(token);
                match self.phase {
                    Phase::Authorizing => self.connect(now),
                    Phase::Live { .. } => self.ask(now, update, &[], Awaited::Update),
                    _ => {}
                }
            }
            Err(reason) => {
                self.tokens.retry = Some(now + self.tokens.failures.pause());
                if matches!(self.phase, Phase::Authorizing) {
                    self.wait(now, format!("there is no access token: {reason}"));
                }
            }
        }
    }

    fn fetch_token(&mut self, now: Instant) {
        let is_early = self.tokens.retry.is_some_and(|retry| now < retry);
        if self.tokens.fetching.is_none() && !is_early {
            self.tokens.fetching = Some(now + FETCH);
            self.tokens.retry = None;
            self.outputs.push_back(Output::FetchToken);
        }
    }

    fn renew_token(&mut self, now: Instant) {
        let current = self.tokens.current.as_ref();
        let is_due = current.is_some_and(|token| token.renewal.is_some_and(|due| now >= due));
        if is_due || self.tokens.retry.is_some_and(|retry| now >= retry) {
            self.fetch_token(now);
        }
    }

    /// Forgets a token that the service takes no more, and gets another.
    fn replace_token(&mut self, now: Instant) {
        self.tokens.current = None;
        self.fetch_token(now);
    }

    fn frame(&mut self, now: Instant, bytes: &[u8]) {
        let frame = match Frame::parse(bytes) {
            Ok(frame) => frame,
            // Another connection would get the same message. What an event in it says is missing from
            // the numbers of the next ones, and asked for again.
            Err(error) => {
                let is_reply = Frame::id_of(bytes).is_some_and(|id| self.replies.contains_key(&id));
                if is_reply {
                    self.outputs.push_back(Output::Disconnect);
                    self.lost(
                        now,
                        format!("the service sent a reply that cannot be read: {error}"),
                    );
                } else {
                    tracing::warn!(%error, "a message of the service cannot be read");
                }
                return;
            }
        };
        if let Phase::Live {
            heard, is_pinged, ..
        } = &mut self.phase
        {
            *heard = now;
            *is_pinged = false;
        }
        let Header { id, method, .. } = frame.header;
        match method {
            Method::Reply(reply) => self.reply(now, &id, *reply, frame.payload),
            Method::Notification { .. } => {
                self.acknowledge(id);
                self.notification(now, frame.payload);
            }
            Method::ClientUpdate {
                client_update_type, ..
            } => {
                self.acknowledge(id);
                if client_update_type == "token_about_to_expire" {
                    self.fetch_token(now);
                }
            }
            Method::Close { status } => {
                self.acknowledge(id);
                self.closed(now, &status.unwrap_or_default(), frame.payload);
            }
            _ => self.acknowledge(id),
        }
    }

    fn reply(&mut self, now: Instant, id: &str, reply: Reply, payload: &[u8]) {
        let Some((awaited, _)) = self.replies.remove(id) else {
            return;
        };
        let is_ok = reply.status.code < 300;
        // The status of the service behind, or that of the connection if the request did not get there.
        let status = if is_ok {
            reply.http_status.as_ref().map_or(200, |status| status.code)
        } else {
            0
        };
        match awaited {
            Awaited::Init if is_ok => self.initialised(now, reply),
            Awaited::Init => self.rejected(now, &reply.status, payload),
            Awaited::Update if !is_ok => self.rejected(now, &reply.status, payload),
            Awaited::Update | Awaited::Ping => {}
            Awaited::Read(number) => {
                if let Some(subscription) = self.subscriptions.get_mut(&number) {
                    subscription.read(now, status, payload);
                    if let Some(sid) = subscription.sid() {
                        let numbers = self.by_sid.entry(sid.to_owned()).or_default();
                        if !numbers.contains(&number) {
                            numbers.push(number);
                        }
                    }
                }
                self.is_dirty = true;
            }
            Awaited::Subscriptions(numbers) => self.accepted(now, status, payload, &numbers),
        }
    }

    fn initialised(&mut self, now: Instant, reply: Reply) {
        self.continuation = reply.continuation_token.or(self.continuation.take());
        self.phase = Phase::Live {
            since: now,
            heard: now,
            is_pinged: false,
        };
        self.renewal = None;
        for subscription in self.subscriptions.values_mut() {
            subscription.connected();
        }
        self.is_dirty = true;
    }

    /// The service did not take the token, or not now.
    fn rejected(&mut self, now: Instant, status: &ReplyStatus, payload: &[u8]) {
        match status.code {
            401 | 403 if status.error_code == Some(EXPIRED) => {
                self.outputs.push_back(Output::Disconnect);
                self.wait(now, "the access token has expired".to_owned());
                self.replace_token(now);
            }
            401 | 403 => self.refuse(status),
            _ => {
                self.outputs.push_back(Output::Disconnect);
                self.back_off = back_off(payload);
                self.wait(now, described(status));
            }
        }
    }

    /// The service ends the connection.
    fn closed(&mut self, now: Instant, status: &ReplyStatus, payload: &[u8]) {
        self.back_off = back_off(payload);
        if status.code == 401 {
            self.refuse(status);
            return;
        }
        self.outputs.push_back(Output::Disconnect);
        if status.code == TOKEN_EXPIRED {
            self.replace_token(now);
        }
        let was_live = matches!(self.phase, Phase::Live { .. });
        let is_at_once = was_live && matches!(status.code, RECONNECT | TOKEN_EXPIRED);
        if is_at_once && self.back_off.is_none() && self.failures == Failures::default() {
            self.failures = Failures(1);
            self.replies.clear();
            self.connect(now);
        } else {
            self.lost(now, described(status));
        }
    }

    fn accepted(&mut self, now: Instant, status: u16, payload: &[u8], numbers: &[u64]) {
        let body: Option<AcceptedBody> = serde_json::from_slice(payload).ok();
        let body = body.filter(|_| (200..300).contains(&status));
        if let Some(body) = &body {
            self.max_batch = body.max_batch_size.unwrap_or(MAX_BATCH).clamp(1, MAX_BATCH);
            let lifetime = body
                .ttl_in_s
                .and_then(|seconds| u64::try_from(seconds).ok());
            if let Some(lifetime) = lifetime.filter(|seconds| *seconds > 0) {
                let due = now.checked_add(Duration::from_secs(lifetime));
                self.renewal = self.renewal.or(due);
            }
        }
        for number in numbers {
            let Some(subscription) = self.subscriptions.get_mut(number) else {
                continue;
            };
            match &body {
                Some(body) => {
                    let estimated = body.estimated_delivery_in_ms.unwrap_or_default();
                    subscription.accepted(now, Duration::from_millis(estimated));
                }
                None => subscription.not_accepted(now),
            }
        }
        self.is_dirty = true;
    }

    fn notification(&mut self, now: Instant, payload: &[u8]) {
        let Ok(body) = serde_json::from_slice::<NotificationBody>(payload) else {
            tracing::warn!("a notification cannot be read");
            return;
        };
        match body.event_type.as_str() {
            "subscription_established" | "subscription_failed" | "subscription_canceled" => {
                self.results(now, &body);
                self.is_dirty = true;
            }
            event_type => {
                let event_type = EventType::new(event_type);
                for event in body.events() {
                    self.event(now, body.correlation_id, event_type, event.get());
                }
            }
        }
    }

    fn results(&mut self, now: Instant, body: &NotificationBody) {
        for result in body.events() {
            let Ok(result) = serde_json::from_str::<ResultBody>(result.get()) else {
                tracing::warn!("the result of a subscription cannot be read");
                continue;
            };
            for number in self.subscribers(&result.object_sid) {
                let Some(subscription) = self.subscriptions.get_mut(&number) else {
                    continue;
                };
                match body.event_type.as_str() {
                    "subscription_established" => {
                        subscription.confirmed(now, body.correlation_id, &result);
                    }
                    "subscription_failed" => {
                        subscription.failed(now, body.correlation_id, &result);
                    }
                    _ if body.correlation_id.is_none() => subscription.cancelled(now),
                    _ => {}
                }
            }
        }
    }

    fn event(&mut self, now: Instant, correlation: Option<u64>, event_type: EventType, text: &str) {
        let event = serde_json::from_str::<EventBody>(text).ok();
        let sid = event.as_ref().and_then(EventBody::object_sid);
        let Some(sid) = sid.map(str::to_owned) else {
            tracing::warn!("an event cannot be read");
            return;
        };
        let mut event = event;
        for number in self.subscribers(&sid) {
            // There is seldom more than one, and each needs its own.
            let event = event.take().or_else(|| serde_json::from_str(text).ok());
            let subscription = self.subscriptions.get_mut(&number);
            if let (Some(subscription), Some(event)) = (subscription, event) {
                subscription.event(now, correlation, event_type, event);
                self.is_dirty |= !subscription.is_at_rest();
            }
        }
    }

    /// The subscriptions to an object.
    fn subscribers(&self, sid: &str) -> Vec<u64> {
        self.by_sid.get(sid).cloned().unwrap_or_default()
    }

    fn poll_subscriptions(&mut self, now: Instant) {
        if self.renewal.is_some_and(|due| now >= due) {
            self.renewal = None;
            for subscription in self.subscriptions.values_mut() {
                subscription.subscribe_again();
            }
            self.is_dirty = true;
        }
        let is_due = self.subscription_due.is_some_and(|due| now >= due);
        if !(std::mem::take(&mut self.is_dirty) || is_due) {
            return;
        }
        let (mut reads, mut wanted) = (Vec::new(), Vec::new());
        self.subscription_due = None;
        for (number, subscription) in &mut self.subscriptions {
            match subscription.poll(now) {
                Some(Want::Read(read)) => reads.push((*number, read)),
                Some(Want::Subscribe(object)) => wanted.push((*number, object)),
                None => {}
            }
            let due = subscription.deadline();
            self.subscription_due = [self.subscription_due, due].into_iter().flatten().min();
        }
        for (number, read) in reads {
            self.read(now, number, read);
        }
        wanted.retain(|(number, object)| !self.joins_live(*number, object));
        for batch in self.merged(wanted).chunks(self.max_batch) {
            self.subscribe(now, batch);
        }
    }

    /// Makes a subscription live without a request, where nothing is replayed and another one to the same
    /// object is live. Returns `true` if it did.
    fn joins_live(&mut self, number: u64, object: &Wanted) -> bool {
        let others = self.subscribers(&object.object_sid).into_iter();
        let mut others = others.filter_map(|other| self.subscriptions.get(&other));
        let joins = object.last_event_id.is_none() && others.any(Subscription::is_live);
        if joins && let Some(subscription) = self.subscriptions.get_mut(&number) {
            subscription.join_live();
        }
        joins
    }

    /// Makes one request of all those for an object, since the service has one subscription of it for a
    /// connection. It begins after the first of the events that the subscriptions are waiting for.
    ///
    /// There is none for an object whose missed events are being sent: it would end that.
    fn merged(&self, wanted: Vec<(u64, Wanted)>) -> Vec<(Vec<u64>, Wanted)> {
        let mut merged: BTreeMap<String, (Vec<u64>, Wanted)> = BTreeMap::new();
        for (number, object) in wanted {
            let others = self.subscribers(&object.object_sid).into_iter();
            let others = others.filter_map(|other| self.subscriptions.get(&other));
            if others.clone().any(Subscription::is_in_replay) {
                continue;
            }
            let live = others.filter(|other| other.is_live());
            let last = live.filter_map(Subscription::last_event).min();
            let sid = object.object_sid.clone();
            let (numbers, request) = merged.entry(sid).or_insert((Vec::new(), object.clone()));
            numbers.push(number);
            let lasts = [request.last_event_id, object.last_event_id, last];
            request.last_event_id = lasts.into_iter().flatten().min();
        }
        merged.into_values().collect()
    }

    fn read(&mut self, now: Instant, number: u64, read: Read) {
        let params = read.params.into_iter();
        let request = HttpRequest {
            host: Some(HOST.to_owned()),
            path: read.path,
            method: HttpMethod::GET.to_string(),
            params: params
                .map(|(name, value)| (name.to_owned(), Values::One(value)))
                .collect(),
            headers: BTreeMap::new(),
        };
        self.ask(now, message(request), &[], Awaited::Read(number));
    }

    fn subscribe(&mut self, now: Instant, batch: &[(Vec<u64>, Wanted)]) {
        let correlation = self.number();
        let (mut asked, mut objects) = (Vec::new(), Vec::new());
        for (numbers, object) in batch {
            for number in self.subscribers(&object.object_sid) {
                let Some(subscription) = self.subscriptions.get_mut(&number) else {
                    continue;
                };
                if !numbers.contains(&number) {
                    subscription.asked_with_other(correlation);
                    continue;
                }
                subscription.asked(now, correlation);
                let due = subscription.deadline();
                self.subscription_due = [self.subscription_due, due].into_iter().flatten().min();
                asked.push(number);
            }
            objects.push(object.clone());
        }
        let id = self.send_subscriptions("establish", correlation, &objects);
        let awaited = Awaited::Subscriptions(asked);
        self.replies.insert(id, (awaited, now + REPLY));
    }

    /// Sends a request for subscriptions, or for the end of them, and returns its id.
    fn send_subscriptions(
        &mut self,
        action: &'static str,
        correlation: u64,
        objects: &[Wanted],
    ) -> String {
        let body = SubscriptionsBody {
            event_protocol_version: 4,
            action,
            correlation_id: correlation,
            retried_requests: 0,
            ttl_in_s: -1,
            requests: objects,
        };
        let request = HttpRequest {
            host: Some(HOST.to_owned()),
            path: "/v4/Subscriptions".to_owned(),
            method: HttpMethod::POST.to_string(),
            params: BTreeMap::new(),
            headers: BTreeMap::new(),
        };
        let id = self.id();
        // It has nothing that can fail to serialise.
        let payload = serde_json::to_vec(&body).unwrap_or_default();
        self.send(Header::new(id.clone(), message(request)), &payload);
        id
    }

    fn check_replies(&mut self, now: Instant) {
        let late = self.replies.extract_if(|_, (_, due)| now >= *due);
        let late: Vec<Awaited> = late.map(|(_, (awaited, _))| awaited).collect();
        for awaited in late {
            let numbers = match awaited {
                Awaited::Read(number) => vec![number],
                Awaited::Subscriptions(numbers) => numbers,
                Awaited::Init | Awaited::Update | Awaited::Ping => Vec::new(),
            };
            for number in numbers {
                if let Some(subscription) = self.subscriptions.get_mut(&number) {
                    subscription.timed_out(now);
                }
            }
            self.is_dirty = true;
        }
    }

    fn ping(&mut self, now: Instant) {
        if let Phase::Live { is_pinged, .. } = &mut self.phase {
            *is_pinged = true;
        }
        self.ask(now, Method::Ping, &[], Awaited::Ping);
    }

    fn ask(&mut self, now: Instant, method: Method, payload: &[u8], awaited: Awaited) {
        let id = self.id();
        self.replies.insert(id.clone(), (awaited, now + REPLY));
        self.send(Header::new(id, method), payload);
    }

    fn acknowledge(&mut self, id: String) {
        let reply = Reply {
            status: ReplyStatus::ok(),
            ..Reply::default()
        };
        self.send(Header::new(id, Method::Reply(Box::new(reply))), &[]);
    }

    fn send(&mut self, header: Header, payload: &[u8]) {
        let text = Frame::text(header, payload);
        self.outputs
            .push_back(Output::Send(Message(Frame::write(&text, payload))));
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn id(&mut self) -> String {
        let mut id = String::from("RQ");
        let number = self.number();
        // Writing to a text does not fail.
        let _ = write!(id, "{number:032x}");
        id
    }
}

fn message(http_request: HttpRequest) -> Method {
    Method::Message {
        active_grant: Some(PRODUCT.to_owned()),
        http_request,
    }
}

fn described(status: &ReplyStatus) -> String {
    let text = status.description.as_deref().unwrap_or(&status.text);
    format!("the service ended the connection: {} {text}", status.code)
}

/// The pause that the service asks for.
fn back_off(payload: &[u8]) -> Option<(Duration, Duration)> {
    #[derive(Deserialize)]
    struct Body {
        backoff_policy: Policy,
    }
    #[derive(Deserialize)]
    struct Policy {
        #[serde(default)]
        reconnect_min_ms: u64,
        #[serde(default)]
        reconnect_max_ms: u64,
    }
    let policy = serde_json::from_slice::<Body>(payload).ok()?.backoff_policy;
    let pause = |millis| Duration::from_millis(millis).min(LONGEST_BACK_OFF);
    let shortest = pause(policy.reconnect_min_ms);
    let longest = pause(policy.reconnect_max_ms);
    Some((shortest, longest.max(shortest)))
}
