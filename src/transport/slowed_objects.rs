//! The objects that a client has slowed down, since the service refused requests to them for their rate.
//!
//! A refusal halves the rate at which the client sends to the object, and holds the next request back
//! for a second, or for the time between two requests if that is longer. Each success raises the rate a
//! little. An object that was never refused is not here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::rate_limit::FIRST_PAUSE;
use crate::api::Request;

/// The rate after the first refusal, in requests a second: half of what the service allows at most.
const FIRST_RATE: f64 = 10.0;
/// The lowest rate: a fleet of 2,000 clients can share the rate of one object.
const LOWEST_RATE: f64 = 0.01;
/// A rate above this is no limit any more, and is dropped.
const HIGHEST_RATE: f64 = 1000.0;
/// A success raises a rate by this many requests a second, whatever it was: a client with a low rate
/// gains on one with a high rate.
const RISE: f64 = 0.02;
/// A success raises no rate by a larger part than this.
const HIGHEST_RISE: f64 = 0.08;
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

/// The rate of one key.
#[derive(Debug)]
struct Pace {
    /// The request that goes next has it: requests go in the order in which they asked.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<PaceState>,
}

#[derive(Debug)]
struct PaceState {
    /// Requests a second.
    rate: f64,
    /// Nothing is sent before this.
    next: Instant,
    refused: Instant,
    /// `true` if a request was accepted since the last refusal.
    accepted: bool,
}

impl Pace {
    fn state(&self) -> MutexGuard<'_, PaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PaceState {
    fn new(now: Instant) -> Self {
        Self {
            rate: FIRST_RATE,
            next: now,
            refused: now,
            accepted: false,
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.rate.recip())
    }

    /// The time that the next request still has to wait; none if it takes its turn now.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        let wait = self.next.saturating_duration_since(now);
        if wait.is_zero() {
            self.next = now + self.interval();
            return None;
        }
        Some(wait)
    }

    fn halve(&mut self, now: Instant) {
        // Two refusals in a row: not even one request a second is accepted.
        let rate = if self.accepted {
            self.rate
        } else {
            self.rate.min(1.0)
        };
        self.rate = (rate / 2.0).max(LOWEST_RATE);
        self.refused = now;
        self.accepted = false;
    }

    fn raise(&mut self) {
        self.accepted = true;
        self.rate += RISE.min(HIGHEST_RISE * self.rate);
    }
}

#[derive(Debug, Default)]
pub(super) struct SlowedObjects {
    /// `true` once there is one: until then nothing is looked up.
    any: AtomicBool,
    paces: Mutex<HashMap<Key, Arc<Pace>>>,
}

impl SlowedObjects {
    fn paces(&self) -> MutexGuard<'_, HashMap<Key, Arc<Pace>>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, request: &Request) -> Option<Arc<Pace>> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        self.paces().get(&Key::of(request)).cloned()
    }

    /// Waits until a request may be sent.
    pub(super) async fn permit(&self, request: &Request) {
        let Some(pace) = self.get(request) else {
            return;
        };
        let _turn = pace.turn.lock().await;
        loop {
            // A refusal may move it meanwhile.
            let wait = pace.state().wait(Instant::now());
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) fn accepted(&self, request: &Request) {
        let Some(pace) = self.get(request) else {
            return;
        };
        let mut state = pace.state();
        state.raise();
        if state.rate > HIGHEST_RATE {
            drop(state);
            self.paces().remove(&Key::of(request));
        }
    }

    /// Takes note of a refusal, and returns the pause after it.
    pub(super) fn refused(&self, request: &Request, sent: Instant) -> Duration {
        let now = Instant::now();
        let pace = self.get(request).unwrap_or_else(|| self.add(request, now));
        let mut state = pace.state();
        // A request that was under way at an earlier refusal says nothing new.
        if sent > state.refused {
            state.halve(now);
        }
        state.interval().max(FIRST_PAUSE)
    }

    /// Holds the requests to an object back.
    pub(super) fn pause(&self, request: &Request, pause: Duration) {
        if let (Some(pace), Some(until)) = (self.get(request), Instant::now().checked_add(pause)) {
            let mut state = pace.state();
            state.next = state.next.max(until);
        }
    }

    fn add(&self, request: &Request, now: Instant) -> Arc<Pace> {
        let key = Key::of(request);
        tracing::info!(path = %key.path, kind = ?key.kind, "slowed down: refused for its rate");
        self.any.store(true, Ordering::Relaxed);
        let mut paces = self.paces();
        if paces.len() >= MAX_OBJECTS {
            let oldest = paces.iter().min_by_key(|(_, pace)| pace.state().refused);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                paces.remove(&oldest);
            }
        }
        let pace = paces.entry(key).or_insert_with(|| {
            Arc::new(Pace {
                turn: tokio::sync::Mutex::default(),
                state: Mutex::new(PaceState::new(now)),
            })
        });
        Arc::clone(pace)
    }
}
