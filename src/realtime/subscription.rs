//! A watched object: reading what is there, subscribing, and putting events in order. It does no IO:
//! it says what it wants to be sent, and is given what comes back.
//!
//! An object is read first, with the number of its last event, then its items, page by page. After that
//! it is subscribed to from that number on, so that the service sends what happened meanwhile. The same
//! way leads on after each interruption: the service replays what happened since the last event that
//! was emitted. Where it cannot, all is read again, and the difference is emitted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::failures::{Failures, LONGEST_PAUSE};
use super::index::{Index, Known};
use super::order::Order;
use super::wire::{
    DocumentBody, ErrorBody, EventBody, EventId, EventType, ItemBody, Kind, ObjectBody, PageBody,
    Position, RecordBody, ResultBody, Wanted,
};
use crate::error::{self, CallSummary, Error, ResponseError, ServiceError, WriteOutcome, excerpt};

/// The number of events that wait for a reader. When there are more, the object is read again from
/// there once the reader has caught up.
const MAX_QUEUE: usize = 1024;
/// The number of items in a page.
const PAGE_SIZE: usize = 50;
/// The shortest time that the service is given to confirm a subscription, and to send the next event of a
/// replay. It doubles each time that it was too short, this many times.
const CONFIRMATION: Duration = Duration::from_secs(10);
const MAX_DOUBLINGS: u32 = 5;
/// The number of replays that the service may interrupt in a row, before all is read again.
const MAX_INTERRUPTIONS: u32 = 3;
/// The number of messages that are remembered, so that none is emitted twice.
const MAX_MESSAGES: usize = 256;
/// The status of a subscription that the service cannot begin since it does not know all that was missed.
const CANNOT_REPLAY: u16 = 410;

/// A notice to the reader of a watch.
#[derive(Debug)]
pub(super) enum Notice {
    /// An object or item that was there.
    Initial(Record),
    /// All that was there has been emitted, or all differences, up to an event.
    Ready(EventId),
    /// Differences follow, in place of the events that the service cannot replay.
    Resync,
    Added(Record),
    Updated(Record),
    Removed(Removal),
    Message {
        sid: Box<str>,
        data: Box<RawValue>,
    },
    /// Messages may have been published that were not received.
    Missed,
    /// The object is gone.
    Gone,
    Failed(Error),
}

/// An object or item as the REST API has it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) json: Box<str>,
}

/// An item that was removed.
#[derive(Debug)]
pub(super) struct Removal {
    pub(super) position: Position,
    pub(super) data: Option<Box<RawValue>>,
    /// The number of the event; none if a listing showed it.
    pub(super) event: Option<EventId>,
}

/// A request that a subscription wants to be sent.
#[derive(Debug)]
pub(super) enum Want {
    /// A tunnelled request to read the object, or a page of its items.
    Read(Read),
    /// A place in the next request for subscriptions.
    Subscribe(Wanted),
}

/// A tunnelled request that reads.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) path: String,
    /// Names, and values that are percent-encoded.
    pub(super) params: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// The object is to be read.
    Open,
    /// The items after this one are to be read.
    List(Option<Position>),
    /// The events are to be subscribed to.
    Subscribe,
    /// The service sends what was missed, until it confirms the subscription.
    Replay,
    Live,
    /// The queue is full: events are dropped until it is empty.
    Behind,
    Ended,
}

/// How far the present reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// The present contents are emitted.
    First,
    /// All was emitted, and the reader knows it.
    Settled,
    /// All is read again, and the differences are emitted.
    Again,
}

/// The knowledge of items that were there before the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// They are not read: only what changes is emitted.
    Skipped,
    Wanted,
    Done,
}

/// The right to send the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    /// A request failed: the next one is not sent before this.
    Later(Instant),
    /// A request is under way.
    Pending,
}

#[derive(Debug)]
pub(super) struct Subscription {
    kind: Kind,
    /// The unique name or SID that the user gave.
    key: String,
    phase: Phase,
    pass: Pass,
    listing: Listing,
    turn: Turn,
    /// The failed requests in a row.
    failures: Failures,
    object: Option<ObjectBody>,
    index: Index,
    order: Order<(EventType, EventBody)>,
    /// Messages may have been missed.
    is_missed_due: bool,
    /// The number of the last request for the subscription on this connection. Those before it are
    /// abandoned: their results say nothing, and events that they had sent again are as live ones.
    correlation: Option<u64>,
    /// The time by which it has to be confirmed, or the next event of the replay has to come.
    confirmation: Option<Instant>,
    /// The replays in a row that did not come in time.
    late_replays: u32,
    interruptions: u32,
    messages: VecDeque<Box<str>>,
    queue: VecDeque<Notice>,
    waker: Option<Waker>,
}

/// An event that does not have what is needed to emit it.
struct Incomplete;

impl Subscription {
    pub(super) fn new(kind: Kind, key: String, with_initial: bool) -> Self {
        Self {
            kind,
            key,
            phase: Phase::Open,
            pass: Pass::First,
            listing: if with_initial {
                Listing::Wanted
            } else {
                Listing::Skipped
            },
            turn: Turn::Now,
            failures: Failures::default(),
            object: None,
            index: Index::default(),
            order: Order::new(),
            is_missed_due: false,
            correlation: None,
            confirmation: None,
            late_replays: 0,
            interruptions: 0,
            messages: VecDeque::new(),
            queue: VecDeque::new(),
            waker: None,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Returns `true` if it wants nothing but the next event.
    pub(super) fn is_at_rest(&self) -> bool {
        self.phase == Phase::Live && self.order.gap().is_none()
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Returns `true` if the service is sending what was missed.
    pub(super) fn is_in_replay(&self) -> bool {
        self.phase == Phase::Replay
    }

    /// The last event that was emitted, where there is a replay.
    pub(super) fn last_event(&self) -> Option<EventId> {
        (self.kind != Kind::Stream).then_some(self.order.last)
    }

    /// The SID of the object, once it is known.
    pub(super) fn sid(&self) -> Option<&str> {
        self.object.as_ref().map(|object| object.sid.as_str())
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The next notice. Where there is none, the waker is woken by the next one.
    pub(super) fn pop(&mut self, waker: &Waker) -> Option<Notice> {
        let notice = self.queue.pop_front();
        if notice.is_none() && !self.is_ended() {
            self.waker = Some(waker.clone());
        }
        notice
    }

    /// Returns `true` if it waits for the reader, who has made room.
    pub(super) fn waits_for_reader(&self) -> bool {
        match self.phase {
            Phase::Behind => self.queue.is_empty(),
            Phase::List(_) => self.turn != Turn::Pending && self.has_room(PAGE_SIZE),
            Phase::Subscribe => self.has_room(1),
            _ => false,
        }
    }

    /// Ends it with an error.
    pub(super) fn fail(&mut self, error: impl Into<Error>) {
        if !self.is_ended() {
            self.end(Notice::Failed(error.into()));
        }
    }

    /// Ends it: its reader is at the end after what waits in the queue.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Ended;
        self.order.restart(false);
        self.wake();
    }

    /// A new connection is open: nothing of the former one comes any more.
    pub(super) fn connected(&mut self) {
        self.turn = Turn::Now;
        self.correlation = None;
        self.order.reconnected();
        self.subscribe_again();
    }

    /// Has the service send again what comes after the last event that was emitted.
    pub(super) fn subscribe_again(&mut self) {
        if matches!(self.phase, Phase::Live | Phase::Replay) {
            self.is_missed_due |= self.phase == Phase::Live;
            self.phase = Phase::Subscribe;
        }
        self.confirmation = None;
        self.order.restart(false);
    }

    /// The time at which it has something to do, if nothing comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let retry = match self.turn {
            Turn::Later(time) => Some(time),
            Turn::Now | Turn::Pending => None,
        };
        let confirmation = self.confirmation.filter(|_| self.phase == Phase::Replay);
        let times = [retry, confirmation, self.order.gap()];
        times.into_iter().flatten().min()
    }

    /// Does what is due, and gives the next request to send, if there is one. A subscription that is to be
    /// sent is wanted until it was [asked for](Self::asked).
    pub(super) fn poll(&mut self, now: Instant) -> Option<Want> {
        if self.confirmation.is_some_and(|due| now >= due) && self.phase == Phase::Replay {
            self.late_replays += 1;
            self.subscribe_again();
        }
        if self.order.gap().is_some_and(|due| now >= due) {
            self.ask_for_gap();
        }
        match self.turn {
            Turn::Pending => return None,
            Turn::Later(time) if now < time => return None,
            Turn::Later(_) | Turn::Now => self.turn = Turn::Now,
        }
        if self.phase == Phase::Behind && self.queue.is_empty() {
            self.phase = Phase::Subscribe;
        }
        let want = match &self.phase {
            Phase::Open => Want::Read(Read {
                path: self.path(),
                params: Vec::new(),
            }),
            Phase::List(after) if self.has_room(PAGE_SIZE) => Want::Read(self.page(after.as_ref())),
            Phase::Subscribe => {
                if !self.emit_unseen() {
                    return None;
                }
                return self.wanted().map(Want::Subscribe);
            }
            _ => return None,
        };
        self.turn = Turn::Pending;
        Some(want)
    }

    fn path(&self) -> String {
        let key = self.sid().unwrap_or(&self.key);
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        format!("/v3/{}/{key}", self.kind.segment())
    }

    fn page(&self, after: Option<&Position>) -> Read {
        let mut params = vec![
            ("PageSize", PAGE_SIZE.to_string()),
            ("HideExpired", "true".to_owned()),
        ];
        if let Some(after) = after {
            let from = after.to_string();
            params.push((
                "From",
                utf8_percent_encode(&from, NON_ALPHANUMERIC).to_string(),
            ));
            params.push(("Bounds", "exclusive".to_owned()));
        }
        let path = format!("{}/Items", self.path());
        Read { path, params }
    }

    fn wanted(&self) -> Option<Wanted> {
        Some(Wanted {
            object_sid: self.sid()?.to_owned(),
            object_type: self.kind.name(),
            last_event_id: self.last_event(),
        })
    }

    /// A request got no response.
    pub(super) fn timed_out(&mut self, now: Instant) {
        self.pause(now);
    }

    /// The object, or a page of its items, came back.
    pub(super) fn read(&mut self, now: Instant, status: u16, payload: &[u8]) {
        self.turn = Turn::Now;
        if !(200..300).contains(&status) {
            return self.refused(now, status, payload);
        }
        self.failures = Failures::default();
        let read = match &self.phase {
            Phase::Open => self.opened(payload),
            Phase::List(_) => self.listed(payload),
            _ => Ok(()),
        };
        if let Err(error) = read {
            let error = self.unreadable(status, payload, &error);
            self.end(Notice::Failed(error));
        }
    }

    fn refused(&mut self, now: Instant, status: u16, payload: &[u8]) {
        let is_gone = status == 404 && self.object.is_some();
        let is_passing = matches!(status, 0 | 401 | 408 | 412 | 429 | 500..);
        if is_gone {
            self.end(Notice::Gone);
        } else if is_passing {
            self.pause(now);
        } else {
            let error = self.service_error(status, payload);
            self.end(Notice::Failed(error));
        }
    }

    fn opened(&mut self, payload: &[u8]) -> serde_json::Result<()> {
        let object: ObjectBody = serde_json::from_slice(payload)?;
        let last = object.last_event_id.unwrap_or(-1);
        let before = std::mem::replace(&mut self.order.last, last);
        let object = self.object.insert(object);
        self.phase = Phase::Subscribe;
        match self.kind {
            Kind::Document => {
                let document: DocumentBody = serde_json::from_slice(payload)?;
                let record = Record::new(&document.record(object));
                if self.pass != Pass::First {
                    if before != last {
                        self.push(Notice::Updated(record));
                    }
                } else if self.listing == Listing::Wanted {
                    self.push(Notice::Initial(record));
                }
            }
            Kind::List | Kind::Map
                if self.pass != Pass::First || self.listing == Listing::Wanted =>
            {
                self.index.begin_listing(last);
                self.phase = Phase::List(None);
                // Items that were never listed and have not changed since are not emitted.
                if self.listing == Listing::Skipped {
                    self.order.last = before;
                }
            }
            Kind::List | Kind::Map | Kind::Stream => {}
        }
        Ok(())
    }

    fn listed(&mut self, payload: &[u8]) -> serde_json::Result<()> {
        let page: PageBody = serde_json::from_slice(payload)?;
        let mut after = None;
        for raw in &page.items {
            let item: ItemBody = serde_json::from_str(raw.get())?;
            let position = item.position();
            let position = position.ok_or_else(|| missing("an item has neither index nor key"))?;
            self.index.list(&position);
            after = Some(position.clone());
            let known = Known {
                event: item.last_event_id,
                created: item.date_created,
                expires: item.date_expires,
                creator: self.index.creator(&item.created_by),
            };
            let former = self.index.get(&position).map(|known| known.event);
            self.index.insert(position, known);
            let object = self.object.as_ref();
            let object = object.ok_or_else(|| missing("the object was not read"))?;
            let record = Record::new(&item.record(self.kind, object));
            let notice = match former {
                _ if self.pass == Pass::First => Notice::Initial(record),
                None if self.listing != Listing::Skipped
                    || item.last_event_id > self.order.last =>
                {
                    Notice::Added(record)
                }
                Some(former) if former != item.last_event_id => Notice::Updated(record),
                _ => continue,
            };
            self.push(notice);
        }
        if after.is_none() || page.meta.next_token.is_none() {
            self.listing = Listing::Done;
            self.phase = Phase::Subscribe;
            let object = self.object.as_ref();
            let last = object.and_then(|object| object.last_event_id);
            self.order.last = last.unwrap_or(self.order.last);
        } else {
            self.phase = Phase::List(after);
        }
        Ok(())
    }

    /// Emits the removals that a listing showed, as long as there is room.
    fn emit_unseen(&mut self) -> bool {
        while self.has_room(1) {
            let Some(position) = self.index.next_removed() else {
                return true;
            };
            self.push(Notice::Removed(Removal {
                position,
                data: None,
                event: None,
            }));
        }
        false
    }

    /// The request for this subscription is on its way, under a number.
    pub(super) fn asked(&mut self, now: Instant, correlation: u64) {
        self.turn = Turn::Pending;
        self.correlation = Some(correlation);
        self.phase = Phase::Replay;
        self.confirmation = Some(now + self.patience());
    }

    /// A request for another subscription of the object is on its way, which takes the place of the one
    /// that this had sent. The replay for the other one has all that this one misses.
    pub(super) fn asked_with_other(&mut self, correlation: u64) {
        self.correlation = Some(correlation);
    }

    /// The time that the service is given to go on with a replay.
    fn patience(&self) -> Duration {
        CONFIRMATION.saturating_mul(1 << self.late_replays.min(MAX_DOUBLINGS))
    }

    /// Returns `true` if something came of the last request.
    fn has_asked(&self, correlation: Option<u64>) -> bool {
        correlation.is_some() && correlation == self.correlation
    }

    /// The service has taken the request, and says how long it needs.
    pub(super) fn accepted(&mut self, now: Instant, estimated: Duration) {
        self.turn = Turn::Now;
        if self.phase == Phase::Replay {
            let estimated = estimated.clamp(CONFIRMATION, LONGEST_PAUSE);
            self.confirmation = Some(now + estimated.max(self.patience()));
        }
    }

    /// The service has refused the request.
    pub(super) fn not_accepted(&mut self, now: Instant) {
        self.turn = Turn::Now;
        if self.phase == Phase::Replay {
            self.subscribe_again();
        }
        self.pause(now);
    }

    /// The result of a request for this subscription.
    pub(super) fn confirmed(
        &mut self,
        now: Instant,
        correlation: Option<u64>,
        result: &ResultBody,
    ) {
        if !self.has_asked(correlation) {
            return;
        }
        let is_interrupted = result.replay_status.as_deref() == Some("interrupted");
        if self.phase != Phase::Replay {
            if is_interrupted {
                self.lost_with_other();
            }
            return;
        }
        if is_interrupted {
            self.interruptions += 1;
            if self.interruptions > MAX_INTERRUPTIONS {
                self.interruptions = 0;
                self.resync();
            } else {
                self.subscribe_again();
                self.pause(now);
            }
            return;
        }
        self.interruptions = 0;
        self.late_replays = 0;
        self.failures = Failures::default();
        self.confirmation = None;
        let last = result.last_event_id.unwrap_or(self.order.last);
        if self.kind != Kind::Stream && last < self.order.last {
            // The service has lost events, as one that was set back to a backup has.
            self.resync();
            return;
        }
        self.order.end_replay();
        while self.order.has_until(last) {
            if !self.emit_first() {
                return;
            }
        }
        if !self.order.replayed(last) {
            self.subscribe_again();
            return;
        }
        self.go_live();
        self.emit_in_order(now);
        if self.phase == Phase::Live && self.order.has_dropped() {
            self.subscribe_again();
        }
    }

    /// Another subscription to the Message Stream is live, so that the service sends all messages. To ask
    /// for them again might lose some.
    pub(super) fn join_live(&mut self) {
        self.failures = Failures::default();
        self.go_live();
    }

    fn go_live(&mut self) {
        self.phase = Phase::Live;
        if std::mem::take(&mut self.is_missed_due) && self.kind == Kind::Stream {
            self.push(Notice::Missed);
        }
        if std::mem::replace(&mut self.pass, Pass::Settled) != Pass::Settled {
            self.push(Notice::Ready(self.order.last));
        }
    }

    /// The request for another subscription of the object, which took the place of this one, failed.
    fn lost_with_other(&mut self) {
        if self.phase == Phase::Live {
            self.subscribe_again();
        }
    }

    /// The service cannot begin the subscription.
    pub(super) fn failed(&mut self, now: Instant, correlation: Option<u64>, result: &ResultBody) {
        if !self.has_asked(correlation) {
            return;
        }
        if self.phase != Phase::Replay {
            self.lost_with_other();
            return;
        }
        let body = result.error.as_ref().map_or("", |error| error.get());
        let error: ErrorBody = serde_json::from_str(body).unwrap_or_default();
        self.subscribe_again();
        if error.status == CANNOT_REPLAY {
            self.resync();
        } else {
            self.refused(now, error.status, body.as_bytes());
        }
    }

    /// The service has ended the subscription.
    pub(super) fn cancelled(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Live | Phase::Replay) {
            self.subscribe_again();
            self.pause(now);
        }
    }

    /// An event of the object.
    pub(super) fn event(
        &mut self,
        now: Instant,
        correlation: Option<u64>,
        event_type: EventType,
        event: EventBody,
    ) {
        if !matches!(self.phase, Phase::Live | Phase::Replay) {
            return;
        }
        let is_of_replay = self.phase == Phase::Replay && self.has_asked(correlation);
        if is_of_replay {
            self.confirmation = self.confirmation.max(Some(now + self.patience()));
        }
        // One that the service sends again is no news where it was emitted.
        let may_be_late = correlation.is_none() && self.kind.has_items();
        match (event_type, event.id) {
            (EventType::ObjectRemoved, _) => self.end(Notice::Gone),
            (EventType::MessagePublished, _) => self.message(event),
            (_, Some(id)) if self.phase == Phase::Replay && !is_of_replay => {
                self.order.hold_live(id, (event_type, event));
            }
            (_, Some(id)) => match self.order.hold(id, (event_type, event)) {
                None => self.emit_in_order(now),
                Some((event_type, event)) if may_be_late && self.order.is_sparse() => {
                    self.emit(event_type, &event);
                }
                // It was emitted.
                Some(_) => {}
            },
            _ => {}
        }
    }

    fn message(&mut self, event: EventBody) {
        let (Some(sid), Some(data)) = (event.message_sid, event.item_data) else {
            return;
        };
        let sid: Box<str> = sid.into();
        if self.messages.contains(&sid) {
            return;
        }
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(sid.clone());
        if self.has_room(1) {
            self.push(Notice::Message { sid, data });
        } else {
            self.is_missed_due = true;
            self.phase = Phase::Behind;
        }
    }

    /// Emits the events that are in order.
    fn emit_in_order(&mut self, now: Instant) {
        while self.order.has_next(self.phase == Phase::Replay) {
            if !self.emit_first() {
                return;
            }
        }
        if self.phase == Phase::Live && self.order.wait_for_gap(now) {
            self.ask_for_gap();
        }
    }

    /// Has the service send again what is missing before an event that came.
    fn ask_for_gap(&mut self) {
        self.subscribe_again();
        self.order.restart(true);
    }

    /// Emits the first of the events that are held back. Returns `false` if no other can be emitted.
    fn emit_first(&mut self) -> bool {
        if !self.has_room(1) {
            self.order.restart(false);
            self.confirmation = None;
            self.phase = Phase::Behind;
            return false;
        }
        if let Some((event_type, event)) = self.order.pop() {
            self.emit(event_type, &event);
        }
        matches!(self.phase, Phase::Live | Phase::Replay)
    }

    /// Emits an event, unless a newer one of the same item was emitted.
    fn emit(&mut self, event_type: EventType, event: &EventBody) {
        let notice = match event_type {
            EventType::DocumentUpdated => self.document_notice(event),
            EventType::ItemRemoved => self.removal_notice(event),
            EventType::ItemAdded | EventType::ItemUpdated => self.item_notice(event_type, event),
            _ => Ok(None),
        };
        match notice {
            Ok(Some(notice)) => self.push(notice),
            Ok(None) => {}
            Err(Incomplete) => self.resync(),
        }
    }

    fn document_notice(&mut self, event: &EventBody) -> Result<Option<Notice>, Incomplete> {
        let object = self.object.as_mut().ok_or(Incomplete)?;
        object.date_expires = event.date_expires.or(object.date_expires);
        let created = object.date_created.or(event.date_created);
        let created = created.ok_or(Incomplete)?;
        let record = RecordBody {
            sid: Some(&object.sid),
            unique_name: object.unique_name.as_deref(),
            date_expires: object.date_expires,
            ..record(object, event, created, &object.created_by).ok_or(Incomplete)?
        };
        Ok(Some(Notice::Updated(Record::new(&record))))
    }

    fn item_notice(
        &mut self,
        event_type: EventType,
        event: &EventBody,
    ) -> Result<Option<Notice>, Incomplete> {
        let (id, position) = place(event).ok_or(Incomplete)?;
        if self.was_emitted(&position, id) {
            return Ok(None);
        }
        let date = event.date_created.ok_or(Incomplete)?;
        let (is_new, known) = match self.index.get(&position) {
            Some(former) => (
                false,
                Known {
                    event: id,
                    created: former.created,
                    expires: event.date_expires.or(former.expires),
                    creator: Arc::clone(&former.creator),
                },
            ),
            None => (
                self.listing == Listing::Done || event_type == EventType::ItemAdded,
                Known {
                    event: id,
                    created: date,
                    expires: event.date_expires.or(None),
                    creator: self.index.creator(""),
                },
            ),
        };
        let object = self.object.as_ref().ok_or(Incomplete)?;
        let sid = object.sid.as_str();
        let (index, key) = match &position {
            Position::Index(index) => (Some(*index), None),
            Position::Key(key) => (None, Some(&**key)),
        };
        let record = RecordBody {
            index,
            key,
            list_sid: (self.kind == Kind::List).then_some(sid),
            map_sid: (self.kind == Kind::Map).then_some(sid),
            date_expires: known.expires,
            ..record(object, event, known.created, &known.creator).ok_or(Incomplete)?
        };
        let record = Record::new(&record);
        self.index.insert(position, known);
        Ok(Some(if is_new {
            Notice::Added(record)
        } else {
            Notice::Updated(record)
        }))
    }

    fn removal_notice(&mut self, event: &EventBody) -> Result<Option<Notice>, Incomplete> {
        let (id, position) = place(event).ok_or(Incomplete)?;
        if self.was_emitted(&position, id) {
            return Ok(None);
        }
        let was_there = self.index.remove(&position, id);
        let is_emitted = was_there || self.listing != Listing::Done;
        Ok(is_emitted.then(|| {
            Notice::Removed(Removal {
                position,
                data: event.item_data.clone(),
                event: Some(id),
            })
        }))
    }

    /// Returns `true` if an event of an item was emitted, or a newer one.
    fn was_emitted(&self, position: &Position, id: EventId) -> bool {
        let last = self.index.last_event(position);
        last.is_some_and(|last| last >= id)
    }

    /// Reads all again, to emit the differences from what was emitted.
    pub(super) fn resync(&mut self) {
        self.subscribe_again();
        self.phase = Phase::Open;
        if std::mem::replace(&mut self.pass, Pass::Again) == Pass::Settled {
            self.push(Notice::Resync);
        }
    }

    fn pause(&mut self, now: Instant) {
        self.turn = Turn::Later(now + self.failures.pause());
    }

    fn has_room(&self, count: usize) -> bool {
        self.queue.len() + count <= MAX_QUEUE
    }

    fn push(&mut self, notice: Notice) {
        self.queue.push_back(notice);
        self.wake();
    }

    fn end(&mut self, notice: Notice) {
        self.phase = Phase::Ended;
        self.order.restart(false);
        self.push(notice);
    }

    fn wake(&mut self) {
        if let Some(waker) = self.take_waker() {
            waker.wake();
        }
    }

    /// The waker of the reader, if it waits.
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    fn summary(&self) -> CallSummary {
        CallSummary {
            operation: self.kind.operation().id(),
            method: Method::GET,
            path: self.path(),
            attempts: self.failures.0 + 1,
            elapsed: Duration::ZERO,
            request_id: None,
            date: None,
            outcome: WriteOutcome::NotDone,
            in_flight: false,
            read_back: None,
            retry_after: None,
        }
    }

    fn service_error(&self, status: u16, payload: &[u8]) -> Error {
        Error::Service(Box::new(ServiceError {
            call: self.summary(),
            body: error::ErrorBody::read(status, payload),
            needs: self.kind.operation().needs(),
        }))
    }

    fn unreadable(&self, status: u16, payload: &[u8], error: &serde_json::Error) -> Error {
        Error::Response(Box::new(ResponseError {
            call: self.summary(),
            status: http::StatusCode::from_u16(status).unwrap_or_default(),
            reason: error.to_string(),
            excerpt: excerpt(payload).into_owned(),
        }))
    }
}

impl Record {
    fn new(record: &RecordBody<'_>) -> Self {
        // It has nothing that can fail to serialise.
        let json = serde_json::to_string(record).unwrap_or_default().into();
        Self { json }
    }
}

/// The members that all records have; none if the event does not say what they are.
fn record<'a>(
    object: &'a ObjectBody,
    event: &'a EventBody,
    created: chrono::DateTime<chrono::Utc>,
    creator: &'a str,
) -> Option<RecordBody<'a>> {
    let content = (event.item_data.as_deref()?, event.item_revision.as_deref()?);
    let dates = (created, event.date_created?);
    Some(RecordBody::new(object, content, dates, creator))
}

/// The number of an event, and the item that it is of.
fn place(event: &EventBody) -> Option<(EventId, Position)> {
    Some((event.id?, event.position()?))
}

fn missing(what: &str) -> serde_json::Error {
    serde::de::Error::custom(what)
}
