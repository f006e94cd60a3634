//! Subscriptions of a client, and the events that it gets: those it has missed, then those that are emitted.

use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;

use super::outgoing::{Outgoing, notification};
use super::{Client, Session};
use crate::emulator::core::Core;
use crate::emulator::realtime::bodies::{self, LiveBody};
use crate::emulator::realtime::requests::{RequestError, Routed};
use crate::emulator::realtime::subscriptions::{self, Action, Begun, Missed, ORDERED};
use crate::emulator::store::Sid;
use crate::emulator::subscribers::live::{LiveEvent, Notice, What};
use crate::twilsock::HttpRequest;

/// The events that are sent in one turn.
const EVENTS_AT_A_TIME: usize = 256;
/// The events of one message.
const EVENTS_IN_A_MESSAGE: usize = 50;

/// A subscription whose missed events are being sent.
pub(super) struct Replay {
    begun: Begun,
    correlation: String,
}

impl Session {
    /// Begins or ends the subscriptions of a request that was accepted.
    pub(super) fn begin_subscriptions(&mut self, request: &HttpRequest, payload: &[u8]) {
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
                // A client must not know the number of an event that a crash could undo.
                self.push_message_after(notification(ORDERED), payload, core.queued());
            }
        }
    }

    pub(super) fn notice(&mut self, notice: Notice) {
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
        let kind = bodies::kind_name(object.kind());
        let canceled = subscriptions::canceled(&object.to_string(), kind);
        let payload = subscriptions::payload("subscription_canceled", Some("null"), &[canceled]);
        self.push_message(notification(ORDERED), payload);
    }

    fn push_event(&mut self, event: &LiveEvent) {
        let LiveBody { event_type, json } = subscriptions::body(event);
        let payload = subscriptions::payload(&event_type, None, &[json]);
        let core = Arc::clone(self.core());
        let Some(client) = &mut self.client else {
            return;
        };
        let message = |payload| {
            let method = notification(&subscriptions::message_type(event.object));
            Outgoing::new(&core.random, method, payload, event.after)
        };
        let fault = core.live_faults.strike_event(&client.identity);
        let copy = |event: &Outgoing| message(event.payload.clone());
        let events = client.held.apply(fault, message(payload), copy);
        self.out.extend(events);
    }

    /// Adds events that wait, and missed ones, to what is sent next.
    pub(super) fn queue_events(&mut self) {
        let now = Instant::now();
        if let Some(client) = &mut self.client {
            while let Some(event) = client.held.take_due(now) {
                self.out.push_back(event);
            }
        }
        self.queue_missed();
        for _ in 0..EVENTS_AT_A_TIME {
            let is_full = self.is_full();
            let Some(client) = &mut self.client else {
                return;
            };
            if is_full || self.end.is_some() || !client.replays.is_empty() {
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
        while left > 0 && !self.is_full() {
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
                Missed::Items { items, seen } => {
                    after = core.queued();
                    for item in items.by_ref().take(left) {
                        let caller = &client.caller;
                        let last = subscriptions::last_event(&core, caller, sid, item, *seen);
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
                self.push_message_after(notification(ORDERED), payload, core.queued());
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
                self.push_message_after(notification(ORDERED), payload, after);
            }
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
