//! The state machine against a model of the service, under virtual time: whatever happens to the
//! connection, a reader ends with the state of the service, and sees each event once and in order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::machine::{Input, Machine, Output};
use super::subscription::{Notice, Subscription, Want};
use super::token::LiveToken;
use super::wire::{EventId, EventType, Kind, Position};
use crate::transport::Random;
use crate::twilsock::{Frame, Header, HttpRequest, Method, Reply, Status, Values};

const SID: &str = "MP00000000000000000000000000000001";
/// The time that a message takes.
const WAY: Duration = Duration::from_millis(5);
/// The time in which a client must be right again after the last fault.
const RECOVERY: Duration = Duration::from_secs(600);

/// A change of the Map, a fault, or a whim of the reader.
#[derive(Clone, Debug)]
enum Action {
    Set(u8, u16),
    Remove(u8),
    Burst(u16),
    Cut,
    Close(u16),
    Stall(u16),
    Interrupt(u8),
    CutLog,
    Duplicate,
    Swap,
    Lose,
    Delay(u16),
    ExpireToken,
    FailTokens(u8),
    ForgetReply,
    PauseReader(usize, u16),
    /// The second reader begins anew.
    Rewatch,
}

fn actions() -> impl Strategy<Value = Vec<(u16, Action)>> {
    let action = prop_oneof![
        12 => (0..6u8, any::<u16>()).prop_map(|(key, value)| Action::Set(key, value)),
        4 => (0..6u8).prop_map(Action::Remove),
        1 => (500..1500u16).prop_map(Action::Burst),
        2 => Just(Action::Cut),
        1 => prop_oneof![Just(308), Just(410), Just(429), Just(500)].prop_map(Action::Close),
        1 => (1..60_000u16).prop_map(Action::Stall),
        1 => (1..6u8).prop_map(Action::Interrupt),
        1 => Just(Action::CutLog),
        1 => Just(Action::Duplicate),
        1 => Just(Action::Swap),
        1 => Just(Action::Lose),
        1 => (1..5000u16).prop_map(Action::Delay),
        1 => Just(Action::ExpireToken),
        1 => (1..4u8).prop_map(Action::FailTokens),
        1 => Just(Action::ForgetReply),
        2 => (0..2usize, 1..60_000u16).prop_map(|(which, time)| Action::PauseReader(which, time)),
        1 => Just(Action::Rewatch),
    ];
    vec((0..800u16, action), 1..60)
}

/// The connection of the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Closed,
    Open,
    Subscribed,
}

/// How the service sends missed events: after a delay, so many at a time, and a pause after them.
#[derive(Clone, Copy, Debug)]
struct Pace {
    delay: Duration,
    events: usize,
    pause: Duration,
}

impl Pace {
    const AT_ONCE: Self = Self {
        delay: Duration::ZERO,
        events: usize::MAX,
        pause: Duration::ZERO,
    };

    /// So many events at a time, and a pause after them.
    fn slow(events: usize, pause: Duration) -> Self {
        Self {
            delay: Duration::ZERO,
            events,
            pause,
        }
    }
}

fn paces() -> impl Strategy<Value = Pace> {
    let delay = prop_oneof![3 => Just(0), 1 => 0..40_000u64];
    let pace = (delay, 5..300usize, 0..300u64).prop_map(|(delay, events, pause)| Pace {
        delay: Duration::from_millis(delay),
        events,
        pause: Duration::from_millis(pause),
    });
    prop_oneof![Just(Pace::AT_ONCE), pace]
}

/// Missed events that are being sent.
struct Replay {
    correlation: Option<u64>,
    events: VecDeque<(EventId, &'static str, Value)>,
    /// The last event when it began.
    last: EventId,
    /// The time at which the next ones are sent.
    next: Instant,
}

/// The service, with one Map and one client.
struct Service {
    now: Instant,
    pace: Pace,
    replay: Option<Replay>,
    /// The number of replays.
    replays: u32,
    items: BTreeMap<String, (EventId, u64)>,
    next_id: EventId,
    /// The step between the numbers of events: more than 1 leaves numbers out.
    step: EventId,
    log: VecDeque<(EventId, &'static str, Value)>,
    /// The last event that is not in the log any more.
    log_start: EventId,
    connection: Connection,
    /// The messages on their way to the client, with the times of their arrival.
    sent: VecDeque<(Instant, Vec<u8>)>,
    /// Nothing arrives before this.
    stalled: Instant,
    next_message: u64,
    interrupts: u8,
    failing_tokens: u8,
    token_is_expired: bool,
    forgets_reply: bool,
    /// The fault of the next event.
    next_event: Option<Action>,
    swapped: Option<Vec<u8>>,
    /// All events from the first of this number on can be replayed.
    is_complete: bool,
}

impl Service {
    fn new(now: Instant, step: EventId, pace: Pace) -> Self {
        Self {
            now,
            pace,
            replay: None,
            replays: 0,
            items: BTreeMap::new(),
            next_id: 0,
            step,
            log: VecDeque::new(),
            log_start: -1,
            connection: Connection::Closed,
            sent: VecDeque::new(),
            stalled: now,
            next_message: 0,
            interrupts: 0,
            failing_tokens: 0,
            token_is_expired: false,
            forgets_reply: false,
            next_event: None,
            swapped: None,
            is_complete: step == 1,
        }
    }

    fn is_open(&self) -> bool {
        self.connection != Connection::Closed
    }

    fn last(&self) -> EventId {
        self.next_id - self.step
    }

    fn send(&mut self, method: Method, id: Option<String>, payload: &[u8]) {
        let bytes = self.message(method, id, payload);
        self.deliver(bytes);
    }

    fn message(&mut self, method: Method, id: Option<String>, payload: &[u8]) -> Vec<u8> {
        self.next_message += 1;
        let id = id.unwrap_or_else(|| format!("TM{}", self.next_message));
        Frame::write(&Frame::text(Header::new(id, method), payload), payload)
    }

    fn deliver(&mut self, bytes: Vec<u8>) {
        let arrival = (self.now + WAY).max(self.stalled);
        let last = self.sent.back().map_or(arrival, |(time, _)| *time);
        self.sent.push_back((arrival.max(last), bytes));
    }

    fn reply(&mut self, id: String, status: u16, body: &Value) {
        let http = Status {
            code: status,
            ..Status::ok()
        };
        let reply = Reply {
            status: Status::ok(),
            http_status: Some(http),
            ..Reply::default()
        };
        let body = body.to_string();
        self.send(Method::Reply(Box::new(reply)), Some(id), body.as_bytes());
    }

    fn event(&mut self, kind: &str, correlation: Option<u64>, body: &Value) -> Vec<u8> {
        let mut payload = json!({"event_type": kind, "events": [body]});
        if let Some(correlation) = correlation {
            payload["correlation_id"] = correlation.into();
        }
        let method = Method::Notification {
            message_type: "twilio.sync.event".to_owned(),
            notification_ctx_id: String::new(),
        };
        self.message(method, None, payload.to_string().as_bytes())
    }

    fn change(&mut self, key: &str, value: Option<u64>) {
        let id = self.next_id;
        let kind = match (value, self.items.contains_key(key)) {
            (Some(_), true) => "map_item_updated",
            (Some(_), false) => "map_item_added",
            (None, true) => "map_item_removed",
            (None, false) => return,
        };
        self.next_id += self.step;
        match value {
            Some(value) => drop(self.items.insert(key.to_owned(), (id, value))),
            None => drop(self.items.remove(key)),
        }
        let body = json!({"id": id, "map_sid": SID, "item_key": key, "item_data": {"value": value},
            "item_revision": format!("{id:x}"), "date_created": "2026-01-01T00:00:00.000Z"});
        self.log.push_back((id, kind, body.clone()));
        if self.connection == Connection::Subscribed {
            let bytes = self.event(kind, None, &body);
            self.deliver_event(bytes);
        }
    }

    /// Sends an event, or does to it what a fault wants.
    fn deliver_event(&mut self, bytes: Vec<u8>) {
        match self.next_event.take() {
            // The one that waits already is sent.
            Some(Action::Swap) => {
                if let Some(swapped) = self.swapped.replace(bytes) {
                    self.deliver(swapped);
                }
                return;
            }
            // Without a gap in the numbers nobody can know of it, nor where a replay leaves some out.
            Some(Action::Lose) if self.step == 1 && self.log_start < 0 => return,
            Some(Action::Duplicate) => self.deliver(bytes.clone()),
            Some(Action::Delay(time)) => {
                let time = Duration::from_millis(time.into());
                self.stalled = self.stalled.max(self.now + time);
            }
            _ => {}
        }
        self.deliver(bytes);
        if let Some(swapped) = self.swapped.take() {
            self.deliver(swapped);
        }
    }

    fn disconnect(&mut self) {
        self.connection = Connection::Closed;
        self.replay = None;
        self.sent.clear();
        self.swapped = None;
    }

    fn close(&mut self, code: u16) {
        let status = Some(Status::error(code, "CLOSED", 0, "closed"));
        self.send(Method::Close { status }, None, &[]);
        self.connection = Connection::Open;
        self.replay = None;
    }

    fn receive(&mut self, bytes: &[u8]) {
        let frame = Frame::parse(bytes).expect("a frame of the client");
        let id = frame.header.id.clone();
        match frame.header.method {
            Method::Init { .. } | Method::Update { .. } => {
                let status = if std::mem::take(&mut self.token_is_expired) {
                    Status::error(401, "UNAUTHORIZED", 20104, "expired")
                } else {
                    Status::ok()
                };
                let reply = Reply {
                    status,
                    ..Reply::default()
                };
                self.send(Method::Reply(Box::new(reply)), Some(id), &[]);
            }
            Method::Ping => {
                self.send(Method::Reply(Box::default()), Some(id), &[]);
            }
            Method::Message { http_request, .. } => {
                if std::mem::take(&mut self.forgets_reply) {
                    return;
                }
                self.request(id, &http_request, frame.payload);
            }
            _ => {}
        }
    }

    fn request(&mut self, id: String, request: &HttpRequest, payload: &[u8]) {
        let path: Vec<&str> = request.path.split('/').collect();
        match path.as_slice() {
            ["", "v3", "Maps", _] => {
                let body = json!({"sid": SID, "unique_name": "map", "account_sid": "AC", "service_sid": "IS",
                    "date_created": "2026-01-01T00:00:00.000Z", "last_event_id": self.last()});
                self.reply(id, 200, &body);
            }
            ["", "v3", "Maps", _, "Items"] => {
                let from = request.params.get("From").and_then(Values::first);
                let from = from.map(|from| percent_decode_str(from).decode_utf8_lossy());
                let rest = self.items.iter().filter(|(key, _)| match &from {
                    Some(from) => key.as_str() > from.as_ref(),
                    None => true,
                });
                let mut items: Vec<Value> = rest
                    .map(|(key, (id, value))| {
                        json!({"key": key, "last_event_id": id, "revision": format!("{id:x}"),
                            "date_created": "2026-01-01T00:00:00.000Z", "data": {"value": value}})
                    })
                    .collect();
                let more = items.len() > 3;
                items.truncate(3);
                let token = more.then_some("more");
                let body = json!({"items": items, "meta": {"next_token": token}});
                self.reply(id, 200, &body);
            }
            _ => self.subscriptions(id, payload),
        }
    }

    fn subscriptions(&mut self, id: String, payload: &[u8]) {
        let body: Value = serde_json::from_slice(payload).expect("a request for subscriptions");
        let correlation = body["correlation_id"].as_u64();
        self.reply(
            id,
            202,
            &json!({"estimated_delivery_in_ms": 2000, "max_batch_size": 100}),
        );
        // Another request for an object is the end of what is sent for the one before.
        self.replay = None;
        if body["action"] != "establish" {
            self.connection = Connection::Open;
            return;
        }
        let requests = body["requests"].as_array().expect("requests");
        let seen = requests
            .last()
            .and_then(|last| last["last_event_id"].as_i64());
        let seen = seen.unwrap_or(self.last());
        self.connection = Connection::Subscribed;
        if self.interrupts > 0 {
            self.interrupts -= 1;
            let result = json!({"object_sid": SID, "replay_status": "interrupted"});
            let event = self.event("subscription_established", correlation, &result);
            return self.deliver(event);
        }
        let events = if seen >= self.log_start {
            let log = self.log.iter().filter(|(id, ..)| *id > seen);
            log.cloned().collect()
        } else {
            self.missed_in_state(seen)
        };
        self.replays += 1;
        self.replay = Some(Replay {
            correlation,
            events,
            last: self.last(),
            next: self.now + self.pace.delay,
        });
        self.go_on_with_replay();
    }

    /// The last event of each item, in their order.
    fn missed_in_state(&mut self, seen: EventId) -> VecDeque<(EventId, &'static str, Value)> {
        self.is_complete = false;
        let mut events: Vec<(EventId, &str, Value)> = Vec::new();
        for (key, (id, value)) in self.items.iter().filter(|(_, (id, _))| *id > seen) {
            let body = json!({"id": id, "map_sid": SID, "item_key": key, "item_data": {"value": value},
                "item_revision": format!("{id:x}"), "date_created": "2026-01-01T00:00:00.000Z"});
            events.push((*id, "map_item_updated", body));
        }
        for (id, kind, body) in &self.log {
            let key = body["item_key"].as_str().unwrap_or_default();
            if *id > seen && *kind == "map_item_removed" && !self.items.contains_key(key) {
                events.push((*id, kind, body.clone()));
            }
        }
        events.sort_by_key(|(id, ..)| *id);
        events.into()
    }

    /// Sends the missed events whose time has come, and that those were all.
    fn go_on_with_replay(&mut self) {
        while let Some(mut replay) = self.replay.take() {
            if replay.next > self.now {
                self.replay = Some(replay);
                return;
            }
            let count = self.pace.events.min(replay.events.len());
            for (_, kind, body) in replay.events.drain(..count) {
                let event = self.event(kind, replay.correlation, &body);
                self.deliver(event);
            }
            if replay.events.is_empty() {
                let result = json!({"object_sid": SID, "replay_status": "completed",
                    "last_event_id": replay.last});
                let event = self.event("subscription_established", replay.correlation, &result);
                return self.deliver(event);
            }
            replay.next = self.now + self.pace.pause;
            self.replay = Some(replay);
        }
    }
}

/// A reader, with what was emitted to it.
struct Reader {
    number: u64,
    /// It reads nothing before this.
    resumes: Instant,
    items: BTreeMap<String, u64>,
    /// The last event of each item.
    last: BTreeMap<String, EventId>,
    emitted: BTreeSet<EventId>,
    is_ready: bool,
    /// The last event before all was emitted for the first time.
    ready_at: Option<EventId>,
    was_resynced: bool,
}

impl Reader {
    fn new(machine: &mut Machine, now: Instant) -> Self {
        Self {
            number: machine.add(Subscription::new(Kind::Map, "map".to_owned(), true)),
            resumes: now,
            items: BTreeMap::new(),
            last: BTreeMap::new(),
            emitted: BTreeSet::new(),
            is_ready: false,
            ready_at: None,
            was_resynced: false,
        }
    }

    fn read(&mut self, notice: Notice) {
        match notice {
            Notice::Initial(record) | Notice::Added(record) | Notice::Updated(record) => {
                let record: Value = serde_json::from_str(&record.json).expect("a record");
                let key = record["key"].as_str().expect("a key").to_owned();
                let id = record["revision"].as_str().expect("a revision");
                let id = EventId::from_str_radix(id, 16).expect("a number");
                self.event(&key, id);
                let value = record["data"]["value"].as_u64().expect("a value");
                self.items.insert(key, value);
            }
            Notice::Removed(removal) => {
                let Position::Key(key) = removal.position else {
                    panic!("an index")
                };
                if let Some(id) = removal.event {
                    self.event(&key, id);
                }
                self.items.remove(&*key);
            }
            Notice::Ready(last) => {
                self.is_ready = true;
                self.ready_at.get_or_insert(last);
            }
            Notice::Resync => {
                self.is_ready = false;
                self.was_resynced = true;
            }
            notice => panic!("{notice:?}"),
        }
    }

    fn event(&mut self, key: &str, id: EventId) {
        assert!(self.emitted.insert(id), "event {id} was emitted twice");
        let last = self.last.insert(key.to_owned(), id);
        assert!(
            last.is_none_or(|last| last < id),
            "{key}: {id} after {last:?}"
        );
    }
}

struct World {
    service: Service,
    machine: Machine,
    readers: [Reader; 2],
    /// A connection or token that is under way.
    connecting: Option<Instant>,
    fetching: Option<Instant>,
}

impl World {
    fn new(step: EventId, pace: Pace) -> Self {
        let now = Instant::now();
        let mut machine = Machine::new(Arc::new(Random::new(Some(1))));
        Self {
            service: Service::new(now, step, pace),
            readers: [0, 1].map(|_| Reader::new(&mut machine, now)),
            machine,
            connecting: None,
            fetching: None,
        }
    }

    fn act(&mut self, action: Action) {
        let now = self.service.now;
        let millis = |time: u16| Duration::from_millis(time.into());
        let service = &mut self.service;
        match action {
            Action::Set(key, value) => service.change(&format!("k {key}/ž"), Some(value.into())),
            Action::Remove(key) => service.change(&format!("k {key}/ž"), None),
            Action::Burst(count) => {
                for n in 0..count {
                    service.change(&format!("k {}/ž", n % 6), Some(n.into()));
                }
            }
            Action::Cut => {
                if service.is_open() {
                    service.disconnect();
                    self.machine.handle(now, Input::Lost("cut".to_owned()));
                }
            }
            Action::Close(code) if service.is_open() => {
                service.token_is_expired = code == 410;
                service.close(code);
            }
            Action::Close(_) => {}
            Action::Stall(time) => {
                service.stalled = service.stalled.max(now + millis(time));
                for (time, _) in &mut service.sent {
                    *time = (*time).max(service.stalled);
                }
            }
            Action::Interrupt(times) => service.interrupts = times,
            Action::CutLog => service.log_start = service.last(),
            Action::ExpireToken => service.token_is_expired = true,
            Action::FailTokens(times) => service.failing_tokens = times,
            Action::ForgetReply => service.forgets_reply = true,
            Action::PauseReader(which, time) => self.readers[which].resumes = now + millis(time),
            Action::Rewatch => {
                self.machine.remove(self.readers[1].number);
                self.readers[1] = Reader::new(&mut self.machine, now);
            }
            fault => service.next_event = Some(fault),
        }
    }

    /// Lets everything happen that is due before a time.
    fn run_until(&mut self, end: Instant) {
        loop {
            self.settle();
            let resumes = self.readers.iter().map(|reader| reader.resumes);
            let times = [
                self.service.sent.front().map(|(time, _)| *time),
                self.machine.deadline(),
                self.connecting,
                self.fetching,
                resumes.filter(|time| *time > self.service.now).min(),
                self.service.replay.as_ref().map(|replay| replay.next),
            ];
            let next = times.into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.service.now = end;
                return;
            };
            self.service.now = self.service.now.max(next);
            let now = self.service.now;
            if self.connecting.is_some_and(|time| time <= now) {
                self.connecting = None;
                self.service.connection = Connection::Open;
                self.machine.handle(now, Input::Opened);
            }
            if self.fetching.is_some_and(|time| time <= now) {
                self.fetching = None;
                let token = if self.service.failing_tokens > 0 {
                    self.service.failing_tokens -= 1;
                    Err("no token".to_owned())
                } else {
                    Ok(LiveToken::new("token".into(), now))
                };
                self.machine.handle(now, Input::Token(token));
            }
            self.service.go_on_with_replay();
            while let Some((time, _)) = self.service.sent.front()
                && *time <= now
                && let Some((_, bytes)) = self.service.sent.pop_front()
            {
                self.machine.handle(now, Input::Frame(&bytes));
                self.settle();
            }
        }
    }

    /// Does what the machine wants, and reads what there is.
    fn settle(&mut self) {
        let now = self.service.now;
        loop {
            while let Some(output) = self.machine.poll(now) {
                match output {
                    Output::Connect => self.connecting = Some(now + WAY),
                    Output::Send(message) if self.service.is_open() => {
                        self.service.receive(&message.0);
                    }
                    Output::Send(_) | Output::Closed(_) => {}
                    Output::Disconnect => {
                        self.connecting = None;
                        self.service.disconnect();
                    }
                    Output::FetchToken => self.fetching = Some(now + WAY),
                }
            }
            let mut has_room = false;
            for reader in self.readers.iter_mut().filter(|it| now >= it.resumes) {
                let subscription = self.machine.subscription(reader.number);
                let subscription = subscription.expect("the subscription");
                while let Some(notice) = subscription.pop(Waker::noop()) {
                    has_room |= subscription.waits_for_reader();
                    reader.read(notice);
                }
            }
            if !has_room {
                return;
            }
            self.machine.reader_has_room();
        }
    }
}

/// The number of cases: `TWILIO_SYNC_LONG_TESTS` makes it that of the long form.
fn cases() -> ProptestConfig {
    let is_long = std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some();
    ProptestConfig::with_cases(if is_long { 20_000 } else { 500 })
}

fn check(actions: Vec<(u16, Action)>, step: EventId, pace: Pace) {
    let mut world = World::new(step, pace);
    for (pause, action) in actions {
        world.act(action);
        world.run(Duration::from_millis(pause.into()));
    }
    // All is well from here on. The last change shows what was lost before it.
    world.service.next_event = None;
    world.service.interrupts = 0;
    world.run(RECOVERY);
    world.act(Action::Set(0, 1));
    world.run(RECOVERY);
    world.assert_right();
}

impl World {
    fn run(&mut self, time: Duration) {
        self.run_until(self.service.now + time);
    }

    /// The readers have what the service has, and each event was emitted to them.
    fn assert_right(&self) {
        let items = self.service.items.iter();
        let expected: BTreeMap<_, _> = items
            .map(|(key, (_, value))| (key.clone(), *value))
            .collect();
        let status = self.machine.status();
        assert!(status.is_live(), "{status:?}");
        for reader in &self.readers {
            assert_eq!(reader.items, expected);
            assert!(reader.is_ready, "the reader does not know that it has all");
            if let (true, Some(ready)) = (self.service.is_complete, reader.ready_at) {
                let log = self.service.log.iter().map(|(id, ..)| *id);
                let emitted = &reader.emitted;
                let lost: Vec<_> = log
                    .filter(|id| *id > ready && !emitted.contains(id))
                    .collect();
                assert!(lost.is_empty() || reader.was_resynced, "lost: {lost:?}");
            }
        }
    }
}

/// A world whose readers have been given all, with a service that sends missed events slowly.
fn settled(pace: Pace) -> World {
    let mut world = World::new(1, pace);
    world.act(Action::Set(0, 1));
    world.run(Duration::from_secs(10));
    world.assert_right();
    world
}

#[test]
fn live_events_beyond_those_held_during_a_replay_come_again() {
    let mut world = settled(Pace::slow(50, Duration::from_millis(500)));
    world.act(Action::Cut);
    world.act(Action::Burst(600));
    world.run(Duration::from_secs(3));
    assert!(world.service.replay.is_some());
    world.act(Action::Burst(300));
    // No change follows that would show what is missing.
    world.run(Duration::from_secs(60));
    world.assert_right();
}

#[test]
fn events_of_an_abandoned_replay_are_none_of_the_next_one() {
    let mut world = settled(Pace::slow(100, Duration::from_millis(1)));
    world.act(Action::Cut);
    world.act(Action::Burst(1500));
    world.act(Action::Burst(1500));
    // The reader falls behind during the replay, and goes on while the rest of it is on its way.
    world.act(Action::PauseReader(0, 5000));
    world.act(Action::PauseReader(1, 5000));
    while world.service.replay.is_none() {
        world.run(Duration::from_millis(1));
    }
    world.run(Duration::from_millis(16));
    world.act(Action::Stall(10_000));
    world.run(RECOVERY);
    world.assert_right();
}

#[test]
fn a_replay_that_takes_long_is_not_begun_again() {
    let mut world = settled(Pace::slow(5, Duration::from_secs(1)));
    world.act(Action::Cut);
    world.act(Action::Burst(500));
    let before = world.service.replays;
    world.run(Duration::from_secs(110));
    assert_eq!(world.service.replays, before + 1);
    world.assert_right();
}

#[test]
fn a_replay_that_is_late_each_time_is_given_more_time() {
    let mut world = settled(Pace::AT_ONCE);
    world.service.pace.delay = Duration::from_secs(60);
    world.act(Action::Cut);
    world.act(Action::Set(1, 1));
    // It waits for 10, 20, 40 and 80 seconds.
    world.run(Duration::from_secs(140));
    world.assert_right();
}

#[test]
fn watches_of_one_object_that_are_at_different_events_miss_none() {
    let mut world = settled(Pace::AT_ONCE);
    // The first reader falls behind the other one, and catches up while there is no connection.
    world.act(Action::PauseReader(0, 2000));
    world.act(Action::Burst(1100));
    world.run(Duration::from_millis(1995));
    world.act(Action::Cut);
    world.run(Duration::from_secs(60));
    world.assert_right();
    // One that begins during the replay for the other does not end it.
    world.service.pace = Pace::slow(10, Duration::from_millis(500));
    world.act(Action::Cut);
    world.act(Action::Burst(200));
    world.run(Duration::from_secs(2));
    world.act(Action::Rewatch);
    world.run(Duration::from_secs(15));
    world.assert_right();
}

fn machine() -> Machine {
    Machine::new(Arc::new(Random::new(Some(1))))
}

fn watch(machine: &mut Machine) -> u64 {
    machine.add(Subscription::new(Kind::Map, "map".to_owned(), true))
}

#[test]
fn a_token_that_nobody_fetches_any_more_is_fetched_again() {
    let now = Instant::now();
    let mut machine = machine();
    let number = watch(&mut machine);
    assert!(matches!(machine.poll(now), Some(Output::FetchToken)));
    machine.remove(number);
    assert!(machine.poll(now).is_none());
    machine.stopped(now);
    watch(&mut machine);
    assert!(matches!(machine.poll(now), Some(Output::FetchToken)));

    // The task ends while something is watched.
    machine.stopped(now);
    let retry = machine.deadline().expect("a time");
    assert!(matches!(machine.poll(retry), Some(Output::FetchToken)));
}

#[test]
fn a_token_provider_that_does_not_answer_is_asked_again() {
    let mut now = Instant::now();
    let mut machine = machine();
    watch(&mut machine);
    assert!(matches!(machine.poll(now), Some(Output::FetchToken)));
    for _ in 0..5 {
        let output = loop {
            now = machine.deadline().expect("a time");
            if let Some(output) = machine.poll(now) {
                break output;
            }
        };
        assert!(matches!(output, Output::FetchToken), "{output:?}");
    }
}

#[test]
fn the_connection_is_closed_before_that_is_said_and_even_if_something_is_watched_anew() {
    let mut world = settled(Pace::AT_ONCE);
    let now = world.service.now;
    let number = world.machine.close();
    watch(&mut world.machine);
    assert!(matches!(world.machine.poll(now), Some(Output::Send(_))));
    assert!(matches!(world.machine.poll(now), Some(Output::Disconnect)));
    let closed = world.machine.poll(now);
    assert!(matches!(closed, Some(Output::Closed(it)) if it == number));
    // The new one has a connection of its own.
    assert!(matches!(world.machine.poll(now), Some(Output::Connect)));
}

/// A subscription to a Document that has emitted its state after an event.
fn document(now: Instant, last: EventId) -> Subscription {
    let mut subscription = Subscription::new(Kind::Document, "desk".to_owned(), true);
    read_document(&mut subscription, now, last);
    confirm(&mut subscription, now, 1, last);
    assert!(matches!(
        subscription.pop(Waker::noop()),
        Some(Notice::Initial(_))
    ));
    assert!(matches!(
        subscription.pop(Waker::noop()),
        Some(Notice::Ready(_))
    ));
    subscription
}

fn read_document(subscription: &mut Subscription, now: Instant, last: EventId) {
    assert!(matches!(subscription.poll(now), Some(Want::Read(_))));
    let body = json!({"sid": "ET1", "unique_name": "desk", "account_sid": "AC", "service_sid": "IS",
        "date_created": "2026-01-01T00:00:00.000Z", "last_event_id": last, "revision": "0", "data": {}});
    subscription.read(now, 200, body.to_string().as_bytes());
}

fn confirm(subscription: &mut Subscription, now: Instant, correlation: u64, last: EventId) {
    assert!(matches!(subscription.poll(now), Some(Want::Subscribe(_))));
    subscription.asked(now, correlation);
    subscription.accepted(now, Duration::ZERO);
    let result = json!({"object_sid": "ET1", "replay_status": "completed", "last_event_id": last});
    let result = serde_json::from_value(result).expect("a result");
    subscription.confirmed(now, Some(correlation), &result);
}

#[test]
fn a_document_of_a_service_that_was_set_back_is_read_again() {
    let now = Instant::now();
    let mut subscription = document(now, 9);
    subscription.connected();
    confirm(&mut subscription, now, 2, 5);
    assert!(matches!(
        subscription.pop(Waker::noop()),
        Some(Notice::Resync)
    ));
    read_document(&mut subscription, now, 5);
    confirm(&mut subscription, now, 3, 5);
    let emitted = subscription.pop(Waker::noop());
    assert!(matches!(emitted, Some(Notice::Updated(_))), "{emitted:?}");
    let event = json!({"id": 6, "document_sid": "ET1", "document_data": {}, "document_revision": "6",
        "date_created": "2026-01-01T00:00:00.000Z"});
    let event = serde_json::from_value(event).expect("an event");
    assert!(matches!(
        subscription.pop(Waker::noop()),
        Some(Notice::Ready(5))
    ));
    subscription.event(now, None, EventType::DocumentUpdated, event);
    let emitted = subscription.pop(Waker::noop());
    assert!(matches!(emitted, Some(Notice::Updated(_))), "{emitted:?}");
}

proptest! {
    #![proptest_config(cases())]

    // One service in four leaves out numbers.
    #[test]
    fn a_reader_is_right_in_the_end_and_sees_each_event_once(
        actions in actions(),
        step in prop_oneof![3 => Just(1i64), 1 => 2..5i64],
        pace in paces(),
    ) {
        check(actions, step, pace);
    }
}

#[test]
fn a_message_that_cannot_be_read_ends_no_connection() {
    let mut world = settled(Pace::AT_ONCE);
    for text in [
        r#"{"id":"TM1","method":"notification","payload_size":"none"}"#,
        "{}",
        "no JSON",
    ] {
        world.service.deliver(Frame::write(text.as_bytes(), b""));
    }
    world.service.deliver(b"no frame".to_vec());
    world.run(Duration::from_secs(1));
    assert!(world.machine.status().is_live());
    assert!(world.service.is_open());
}
