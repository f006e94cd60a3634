//! The objects that a client has slowed down, since the service refused requests to them for their rate.
//!
//! A refusal is the only thing that a client learns of others, so its rate follows refusals alone. Each
//! one lowers the rate by a fifth. Each success raises it, by so much that the rate is what it was when
//! the next refusal is expected. Once that is overdue others have left, and the rise grows with the cube of
//! the number of refusals that did not come: slow while that may be chance. Clients that share an object
//! have the same part of their requests refused; as one with a high rate expects fewer, it falls, and
//! one with a low rate rises, until their rates are the same. An object that was never refused is not
//! here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use crate::api::Request;

/// The rate after the first refusal, in requests a second: a fifth below what the service allows at most.
/// A client that sent at exactly that rate would get each place as it becomes free, and others none.
const FIRST_RATE: f64 = 16.0;
/// The lowest rate: 1,000 clients can share the rate of one object.
const LOWEST_RATE: f64 = 0.02;
/// A rate above this is no limit any more, and is dropped.
const HIGHEST_RATE: f64 = 1000.0;
/// A refusal leaves this part of the rate. A larger cut takes more from a client that was refused by
/// chance than it can win back.
const CUT: f64 = 0.8;
/// The number of refusals a second that a client expects: the part of its requests that is refused falls
/// with its rate, which is what makes rates equal.
const EXPECTED_REFUSALS: f64 = 1.0 / 70.0;
/// The largest part of its requests that a client expects to be refused. Below a rate of 0.12 rates are
/// no longer made equal.
const MOST_REFUSED: f64 = 0.125;
/// The shortest and the longest wait after a refusal, before it is spread. Between them it is the time
/// between two requests. With a low rate a request that was refused is retried sooner, so that some
/// refusals in a row do not exhaust the patience of a call.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An object to which nothing was sent for this time is dropped.
const DISUSE: Duration = Duration::from_secs(600);
/// The number of objects with a rate. Where there are more, the one that was refused longest ago is
/// dropped.
const MAX_OBJECTS: usize = 1024;

/// The requests that share a limit of the service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: KeyKind,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum KeyKind {
    Read,
    Write,
    /// Creations and removals of objects, which share a limit in each Service.
    Lifecycle,
}

impl Key {
    fn of(request: &Request) -> Self {
        let path = request.path();
        // `/v1/Services/{service}/Maps/{map}/Items/{key}`: the object is segment 5, the Service 3.
        let segments = path.split('/').skip(1).count();
        let kind = match (request.method(), segments) {
            (method, _) if method.is_safe() => KeyKind::Read,
            (&Method::POST, 4) | (&Method::DELETE, 5) => KeyKind::Lifecycle,
            _ => KeyKind::Write,
        };
        let length = match kind {
            KeyKind::Lifecycle => 3,
            // Permissions have a limit of their own.
            _ if path.split('/').nth(6) == Some("Permissions") => 6,
            _ => 5,
        };
        let end = path.match_indices('/').nth(length).map(|(at, _)| at);
        Self {
            kind,
            path: path[..end.unwrap_or(path.len())].to_owned(),
        }
    }
}

/// The limiter of the requests that share one limit.
#[derive(Debug)]
struct ObjectLimiter {
    /// Held by the request that goes next: requests go in the order in which they asked.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<RateState>,
}

#[derive(Debug)]
struct RateState {
    /// Requests a second.
    rate: f64,
    /// Nothing is sent before this.
    next: Instant,
    refused: Instant,
    /// The number of refusals that were expected since the last one; none came.
    overdue: f64,
}

impl ObjectLimiter {
    fn new(now: Instant) -> Self {
        Self {
            queue: tokio::sync::Mutex::default(),
            state: Mutex::new(RateState {
                rate: FIRST_RATE,
                next: now,
                refused: now,
                overdue: 0.0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, RateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RateState {
    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.rate.recip())
    }

    /// The time that the next request still has to wait; none if it goes now.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        let wait = self.next.saturating_duration_since(now);
        if wait.is_zero() {
            self.next = now + self.interval();
            return None;
        }
        Some(wait)
    }

    fn lower(&mut self, now: Instant) {
        self.rate = (self.rate * CUT).max(LOWEST_RATE);
        self.refused = now;
        self.overdue = 0.0;
        // The refused request took no place.
        self.next = now;
    }

    fn raise(&mut self) {
        let expected = MOST_REFUSED.min(EXPECTED_REFUSALS / self.rate);
        self.overdue += expected;
        let rise = (1.0 - CUT) * expected * self.overdue.max(1.0).powi(3);
        self.rate *= 1.0 + rise.min(1.0);
    }

    fn is_disused(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.next) > DISUSE
    }
}

#[derive(Debug, Default)]
pub(super) struct SlowedObjects {
    /// `true` once there is one: until then nothing is looked up.
    any: AtomicBool,
    limiters: Mutex<HashMap<Key, Arc<ObjectLimiter>>>,
}

impl SlowedObjects {
    fn limiters(&self) -> MutexGuard<'_, HashMap<Key, Arc<ObjectLimiter>>> {
        self.limiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, request: &Request) -> Option<Arc<ObjectLimiter>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let key = Key::of(request);
        let limiter = self.limiters().get(&key).cloned()?;
        if limiter.state().is_disused(Instant::now()) {
            self.remove(&key);
            return None;
        }
        Some(limiter)
    }

    fn remove(&self, key: &Key) {
        let mut limiters = self.limiters();
        limiters.remove(key);
        self.any.store(!limiters.is_empty(), Ordering::Relaxed);
    }

    /// Waits until a request may be sent.
    pub(super) async fn permit(&self, request: &Request) {
        let Some(limiter) = self.get(request) else {
            return;
        };
        let _queue = limiter.queue.lock().await;
        loop {
            // A refusal may move it meanwhile.
            let wait = limiter.state().wait(Instant::now());
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) fn accepted(&self, request: &Request) {
        let Some(limiter) = self.get(request) else {
            return;
        };
        let mut state = limiter.state();
        state.raise();
        if state.rate > HIGHEST_RATE {
            drop(state);
            self.remove(&Key::of(request));
        }
    }

    /// Takes note of a refusal, and returns the pause after it.
    pub(super) fn refused(&self, request: &Request, sent: Instant) -> Duration {
        let now = Instant::now();
        let limiter = self.get(request).unwrap_or_else(|| self.add(request, now));
        let mut state = limiter.state();
        // A request that was under way at an earlier refusal says nothing new.
        if sent > state.refused {
            state.lower(now);
        }
        state.interval().clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    /// Holds the requests to an object back.
    pub(super) fn pause(&self, request: &Request, pause: Duration) {
        if let (Some(limiter), Some(until)) = (self.get(request), Instant::now().checked_add(pause))
        {
            let mut state = limiter.state();
            state.next = state.next.max(until);
        }
    }

    fn add(&self, request: &Request, now: Instant) -> Arc<ObjectLimiter> {
        let mut limiters = self.limiters();
        if limiters.len() >= MAX_OBJECTS {
            limiters.retain(|_, limiter| !limiter.state().is_disused(now));
        }
        if limiters.len() >= MAX_OBJECTS {
            let oldest = limiters
                .iter()
                .min_by_key(|(_, limiter)| limiter.state().refused);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                limiters.remove(&oldest);
            }
        }
        self.any.store(true, Ordering::Relaxed);
        match limiters.entry(Key::of(request)) {
            // Another request was refused meanwhile.
            Entry::Occupied(limiter) => Arc::clone(limiter.get()),
            Entry::Vacant(place) => {
                let key = place.key();
                tracing::info!(path = %key.path, kind = ?key.kind, "slowed down: refused for its rate");
                Arc::clone(place.insert(Arc::new(ObjectLimiter::new(now))))
            }
        }
    }
}
