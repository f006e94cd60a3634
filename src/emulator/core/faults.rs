//! Scripted faults: an effect, and the requests it is for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::api::Operation;

/// A error to simulate for a request, for
/// [`Emulator::inject`](crate::emulator::Emulator::inject).
///
/// A fault strikes the next request, unless it is set otherwise: [`on`](Self::on)
/// limits it to an operation, [`nth`](Self::nth) skips requests before
/// it, [`times`](Self::times) and [`always`](Self::always) make it strike more. Where
/// several faults could strike a request, the one injected first does, and
/// only it is used up; all of them count the request.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::api::Operation;
/// use twilio_sync::emulator::Fault;
///
/// Fault::status(503).on(Operation::CreateSyncListItem).times(2);
/// Fault::cut_after_write().nth(3);
/// Fault::delay(Duration::from_millis(200)).always();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    action: Action,
    operation: Option<Operation>,
    /// The number of matching requests that pass before it.
    passing: u64,
    /// The number of requests it still strikes.
    left: Times,
}

/// The number of times that a fault still strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times(pub(super) u64);

impl Times {
    pub(super) const NEVER: Self = Self(0);
    pub(super) const ONCE: Self = Self(1);
    pub(super) const ALWAYS: Self = Self(u64::MAX);

    /// Uses one, and returns whether any are left.
    pub(super) fn use_one(&mut self) -> bool {
        if *self != Self::ALWAYS {
            self.0 = self.0.saturating_sub(1);
        }
        *self != Self::NEVER
    }
}

/// The effect of a fault on a request.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) delay: Duration,
    /// The request is handled before the effect.
    pub(crate) after_write: bool,
    pub(crate) effect: Effect,
}

#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Only the delay.
    Wait,
    Respond(FaultResponse),
    /// Closes the connection without a response.
    Cut,
    /// Promises the whole body, sends half of it and closes the connection.
    Truncate,
    /// Replaces the body by bytes that are not JSON.
    Garble,
}

/// A response in place of the emulator's own.
#[derive(Clone, Debug)]
pub(crate) struct FaultResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Twilio's error body for the status when not given.
    pub(crate) body: Option<Bytes>,
}

impl FaultResponse {
    /// The code and the text of its error body, for a write or a read.
    pub(crate) fn error(&self, is_write: bool) -> (u32, &'static str) {
        // The rate limit of a write is that of its object, that of a read the account's.
        if self.status == StatusCode::TOO_MANY_REQUESTS && is_write {
            return (54009, "Rate limit exceeded");
        }
        // Twilio's general codes are 20 followed by the status.
        let code = 20_000 + u32::from(self.status.as_u16());
        let text = self.status.canonical_reason().unwrap_or("Scripted fault");
        (code, text)
    }
}

impl Fault {
    fn new(effect: Effect, after_write: bool) -> Self {
        Self {
            action: Action {
                delay: Duration::ZERO,
                after_write,
                effect,
            },
            operation: None,
            passing: 0,
            left: Times::ONCE,
        }
    }

    /// Responds with a status in place of handling the request.
    ///
    /// The body is Twilio's error body unless [`body`](Self::body) sets one. A
    /// number that is no final status (200 to 999) counts as 500.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(|status| !status.is_informational())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = FaultResponse {
            status,
            headers: HeaderMap::new(),
            body: None,
        };
        Self::new(Effect::Respond(response), false)
    }

    /// Closes the connection in place of handling the request.
    pub fn cut() -> Self {
        Self::new(Effect::Cut, false)
    }

    /// Handles the request, then closes the connection without a response.
    pub fn cut_after_write() -> Self {
        Self::new(Effect::Cut, true)
    }

    /// Handles the request, sends half of the response's body and closes the
    /// connection; a response without a body is not sent at all.
    pub fn truncate() -> Self {
        Self::new(Effect::Truncate, true)
    }

    /// Handles the request, and responds with its status and a body that is no
    /// JSON; a response without a body is not sent at all.
    pub fn garbage() -> Self {
        Self::new(Effect::Garble, true)
    }

    /// Waits, then handles the request as usual. The time is Tokio's.
    pub fn delay(delay: Duration) -> Self {
        Self::new(Effect::Wait, true).delayed(delay)
    }

    /// Waits before doing what it does.
    pub fn delayed(mut self, delay: Duration) -> Self {
        self.action.delay = delay;
        self
    }

    /// Handles the request before responding with the status: the write takes effect.
    pub fn after_write(mut self) -> Self {
        self.action.after_write = true;
        self
    }

    /// Adds a header to the response of [`status`](Self::status); other faults have none to add to.
    ///
    /// Those that frame the response or belong to its connection, such as
    /// `Content-Length` and `Transfer-Encoding`, are not taken.
    pub fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        if is_of_connection(&name) {
            return self;
        }
        if let Effect::Respond(response) = &mut self.action.effect {
            response.headers.append(name, value.into());
        }
        self
    }

    /// Sets the body of the response of [`status`](Self::status); other faults have none to set.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        if let Effect::Respond(response) = &mut self.action.effect {
            response.body = Some(body.into());
        }
        self
    }

    /// Strikes requests of this operation only.
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Strikes first at the `n`th matching request from now, counted from 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.passing = n.saturating_sub(1);
        self
    }

    /// Strikes `k` matching requests.
    pub fn times(mut self, k: u64) -> Self {
        self.left = Times(k);
        self
    }

    /// Strikes every matching request until the faults are cleared.
    pub fn always(self) -> Self {
        self.times(Times::ALWAYS.0)
    }

    /// Counts a request, and returns whether the fault strikes it.
    fn sees(&mut self, operation: Option<Operation>) -> bool {
        if self.operation.is_some() && self.operation != operation {
            return false;
        }
        if self.passing > 0 {
            self.passing -= 1;
            return false;
        }
        true
    }
}

/// Returns true if a header is about the framing of the message or its connection, which hyper sets.
pub(crate) fn is_of_connection(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 6] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    NAMES.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The faults that have not struck yet, in the order they were injected.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn inject(&self, fault: Fault) {
        if fault.left != Times::NEVER {
            self.lock().push(fault);
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The effect on a request, if any; `operation` is none for a path the API does not have.
    pub(crate) fn strike(&self, operation: Option<Operation>) -> Option<Action> {
        let mut faults = self.lock();
        let mut first = None;
        for (at, fault) in faults.iter_mut().enumerate() {
            if fault.sees(operation) && first.is_none() {
                first = Some(at);
            }
        }
        let at = first?;
        let fault = faults.get_mut(at)?;
        if fault.left.use_one() {
            return Some(fault.action.clone());
        }
        Some(faults.remove(at).action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: Option<Operation> = Some(Operation::CreateSyncListItem);
    const GET: Option<Operation> = Some(Operation::FetchSyncListItem);

    fn statuses(faults: &Faults, requests: &[Option<Operation>]) -> Vec<u16> {
        let status = |action: Action| match action.effect {
            Effect::Respond(response) => response.status.as_u16(),
            _ => 1,
        };
        let strike = |operation: &Option<Operation>| faults.strike(*operation).map_or(0, status);
        requests.iter().map(strike).collect()
    }

    #[test]
    fn faults_count_matching_requests() {
        let faults = Faults::default();
        faults.inject(
            Fault::status(503)
                .on(Operation::CreateSyncListItem)
                .nth(2)
                .times(2),
        );
        assert_eq!(
            statuses(&faults, &[GET, ADD, GET, ADD, None, ADD, ADD]),
            [0, 0, 0, 503, 0, 503, 0]
        );
    }

    #[test]
    fn the_framing_stays_as_it_is() {
        let value = HeaderValue::from_static("7");
        let fault = Fault::status(503)
            .header(header::CONTENT_LENGTH, value.clone())
            .header(HeaderName::from_static("keep-alive"), value.clone())
            .header(header::RETRY_AFTER, value);
        let Effect::Respond(response) = fault.action.effect else {
            panic!("{fault:?}");
        };
        assert_eq!(response.headers.len(), 1);
    }

    #[test]
    fn faults_follow_one_another() {
        let faults = Faults::default();
        faults.inject(Fault::status(503).times(2));
        faults.inject(Fault::cut());
        faults.inject(Fault::status(429).nth(5));
        assert_eq!(statuses(&faults, &[GET; 7]), [503, 503, 1, 0, 429, 0, 0]);
        faults.inject(Fault::status(0).always());
        assert_eq!(statuses(&faults, &[None; 2]), [500, 500]);
        faults.clear();
        assert_eq!(statuses(&faults, &[GET]), [0]);
    }
}
