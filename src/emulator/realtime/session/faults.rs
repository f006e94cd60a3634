//! Faults for live clients: events that are held back, and what the client is told.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::outgoing::Outgoing;
use crate::emulator::core::OnEvent;
use crate::emulator::realtime::bodies;
use crate::twilsock::Status;

/// The time that an event waits for the one that is to be sent before it.
const REORDER_TIMEOUT: Duration = Duration::from_secs(1);

/// Events that faults hold back.
#[derive(Default)]
pub(super) struct HeldEvents {
    /// Those that are sent later, with the times, in their order.
    delayed: VecDeque<(Instant, Outgoing)>,
    /// One that changes places with the next one, and the time at which it is sent without it.
    swapped: Option<(Instant, Outgoing)>,
}

impl HeldEvents {
    /// The time at which the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let events = self.delayed.front().into_iter().chain(&self.swapped);
        events.map(|(at, _)| *at).min()
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Outgoing> {
        let is_due = |(at, _): &(Instant, Outgoing)| *at <= now;
        let event = if self.delayed.front().is_some_and(is_due) {
            self.delayed.pop_front()
        } else {
            self.swapped.take_if(|swapped| is_due(swapped))
        };
        event.map(|(_, event)| event)
    }

    /// Applies a fault to an event. Returns the events to be sent now.
    pub(super) fn apply(
        &mut self,
        fault: Option<OnEvent>,
        event: Outgoing,
        copy: impl FnOnce(&Outgoing) -> Outgoing,
    ) -> Vec<Outgoing> {
        let now = Instant::now();
        // Those after a delayed event wait too.
        let mut at = self.delayed.back().map(|(at, _)| *at);
        let mut copied = None;
        match fault {
            Some(OnEvent::Delay(delay)) => at = Some(at.unwrap_or(now).max(now + delay)),
            Some(OnEvent::Duplicate) => copied = Some(copy(&event)),
            Some(OnEvent::Reorder) if self.swapped.is_none() => {
                self.swapped = Some((now + REORDER_TIMEOUT, event));
                return Vec::new();
            }
            None | Some(OnEvent::Reorder) => {}
        }
        let swapped = self.swapped.take().map(|(_, event)| event);
        let events = [Some(event), copied, swapped].into_iter().flatten();
        match at {
            None => events.collect(),
            Some(at) => {
                self.delayed.extend(events.map(|event| (at, event)));
                Vec::new()
            }
        }
    }
}

/// A status of a fault, with the texts and codes that the service has for it.
pub(super) fn status_of(code: u16) -> Status {
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

pub(super) fn back_off_policy((shortest, longest): (u64, u64)) -> Vec<u8> {
    bodies::json(&serde_json::json!({
        "backoff_policy": {"reconnect_min_ms": shortest, "reconnect_max_ms": longest},
    }))
}
