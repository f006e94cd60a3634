//! Scripted faults of the connections of live clients.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::faults::Times;
use crate::emulator::subscribers::live::{Live, Order};

/// A fault of the connections of live clients, for
/// [`Emulator::inject_live`](crate::emulator::Emulator::inject_live).
///
/// [`cut`](Self::cut), [`stall`](Self::stall), [`close`](Self::close),
/// [`expire_token`](Self::expire_token) and [`forget_log`](Self::forget_log) strike at once, at the
/// connections that there are. The others strike the next event, or the next connection, as often as
/// [`times`](Self::times) says. [`identity`](Self::identity) limits each of them to an identity.
///
/// Tunnelled calls are requests too: a [`Fault`](crate::emulator::Fault) strikes them as it does those
/// over HTTP.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::emulator::LiveFault;
///
/// LiveFault::cut();
/// LiveFault::close(308).back_off(Duration::from_millis(500), Duration::from_secs(2));
/// LiveFault::delay(Duration::from_millis(200)).identity("alice").times(3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is injected"]
pub struct LiveFault {
    action: Action,
    identity: Option<String>,
    /// The number of events or connections it still strikes.
    left: Times,
}

#[derive(Clone, Debug)]
enum Action {
    /// Strikes the connections that there are.
    Now(Order),
    ForgetLog,
    /// Strikes events.
    Event(OnEvent),
    /// Strikes connections that begin.
    Refuse(Rejection),
}

/// The effect of a fault on an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnEvent {
    Delay(Duration),
    Duplicate,
    /// It is sent after the event that follows it.
    Reorder,
}

/// The rejection of a connection: a status, and the time to stay away, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejection {
    pub(crate) status: u16,
    pub(crate) back_off: Option<(u64, u64)>,
}

impl LiveFault {
    fn new(action: Action) -> Self {
        Self {
            action,
            identity: None,
            left: Times::ONCE,
        }
    }

    /// Ends the connections without a word, as a broken network does.
    pub fn cut() -> Self {
        Self::new(Action::Now(Order::Cut))
    }

    /// Sends nothing to the clients and reads nothing from them for this time.
    ///
    /// Meanwhile [`cut`](Self::cut) works at once, another `stall` sets a new time, also a shorter one, and
    /// [`close`](Self::close) and [`expire_token`](Self::expire_token) wait until it is over.
    pub fn stall(time: Duration) -> Self {
        Self::new(Action::Now(Order::Stall(time)))
    }

    /// Closes the connections with this status: 308 has clients connect again, 410 says that the token
    /// has expired, 401 that it is refused; clients connect again after 429 and others too.
    pub fn close(status: u16) -> Self {
        Self::new(Action::Now(Order::Close {
            status,
            back_off: None,
        }))
    }

    /// Has the access tokens of the connections expire now, whatever they state.
    pub fn expire_token() -> Self {
        Self::new(Action::Now(Order::ExpireToken))
    }

    /// Drops the logs of events, so that clients that come back get what they have missed from the
    /// state: each Document and item once, in its last form.
    pub fn forget_log() -> Self {
        Self::new(Action::ForgetLog)
    }

    /// Refuses the next connection with this status: 429 has clients stay away for a while, 401 and 403
    /// refuse the token, and others have clients try again.
    pub fn refuse(status: u16) -> Self {
        Self::new(Action::Refuse(Rejection {
            status,
            back_off: None,
        }))
    }

    /// Sends the next event this much later, and those after it not before.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Action::Event(OnEvent::Delay(delay)))
    }

    /// Sends the next event twice.
    pub fn duplicate() -> Self {
        Self::new(Action::Event(OnEvent::Duplicate))
    }

    /// Sends the next event after the one that follows it, or after a second.
    pub fn reorder() -> Self {
        Self::new(Action::Event(OnEvent::Reorder))
    }

    /// Sets the shortest and the longest time that clients stay away after [`close`](Self::close) and
    /// [`refuse`](Self::refuse); other faults have none.
    pub fn back_off(mut self, shortest: Duration, longest: Duration) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let times = Some((millis(shortest), millis(longest)));
        match &mut self.action {
            Action::Now(Order::Close { back_off, .. }) => *back_off = times,
            Action::Refuse(rejection) => rejection.back_off = times,
            _ => {}
        }
        self
    }

    /// Strikes the connections of this identity only.
    pub fn identity(mut self, identity: impl Into<String>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Strikes this many events or connections; those that strike at once do it once.
    pub fn times(mut self, k: u64) -> Self {
        self.left = Times(k);
        self
    }

    /// Strikes every event or connection until the faults are cleared.
    pub fn always(self) -> Self {
        self.times(Times::ALWAYS.0)
    }

    fn is_for(&self, identity: &str) -> bool {
        self.identity.as_deref().is_none_or(|only| only == identity)
    }
}

/// The faults that have not struck yet, in the order they were injected.
#[derive(Debug, Default)]
pub(crate) struct LiveFaults(Mutex<Vec<LiveFault>>);

impl LiveFaults {
    fn lock(&self) -> MutexGuard<'_, Vec<LiveFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Injects a fault; one that strikes at once does so, at the clients of `live`.
    pub(super) fn inject(&self, fault: LiveFault, live: &Live) {
        match &fault.action {
            Action::Now(order) => {
                live.order(fault.identity.as_deref(), order);
            }
            Action::ForgetLog => live.forget_logs(),
            Action::Event(_) | Action::Refuse(_) => {
                if fault.left != Times::NEVER {
                    self.lock().push(fault);
                }
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The effect on an event for an identity, if any.
    pub(crate) fn strike_event(&self, identity: &str) -> Option<OnEvent> {
        self.strike(identity, |action| match action {
            Action::Event(effect) => Some(*effect),
            _ => None,
        })
    }

    /// The rejection of a connection of an identity, if any.
    pub(crate) fn strike_connection(&self, identity: &str) -> Option<Rejection> {
        self.strike(identity, |action| match action {
            Action::Refuse(rejection) => Some(*rejection),
            _ => None,
        })
    }

    /// Uses the first fault that `effect` takes.
    fn strike<E>(&self, identity: &str, effect: impl Fn(&Action) -> Option<E>) -> Option<E> {
        let mut faults = self.lock();
        let found = faults.iter().enumerate().find_map(|(at, fault)| {
            let effect = fault.is_for(identity).then(|| effect(&fault.action))?;
            Some((at, effect?))
        });
        let (at, effect) = found?;
        if !faults.get_mut(at)?.left.use_one() {
            drop(faults.remove(at));
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::store::Random;

    #[test]
    fn faults_strike_their_identity_as_often_as_they_say() {
        let (faults, live) = (LiveFaults::default(), Live::new(Random::default(), None));
        faults.inject(LiveFault::duplicate().identity("alice").times(2), &live);
        faults.inject(LiveFault::refuse(429), &live);
        assert!(faults.strike_event("bob").is_none());
        assert!(faults.strike_event("alice").is_some());
        assert!(faults.strike_event("alice").is_some());
        assert!(faults.strike_event("alice").is_none());
        let rejection = faults.strike_connection("bob").unwrap();
        assert_eq!((rejection.status, rejection.back_off), (429, None));
        assert!(faults.strike_connection("bob").is_none());
        faults.inject(LiveFault::reorder().always(), &live);
        assert!((0..9).all(|_| faults.strike_event("carol").is_some()));
        faults.clear();
        assert!(faults.strike_event("carol").is_none());
    }
}
