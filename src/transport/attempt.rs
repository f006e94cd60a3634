//! Attempts, as an observer sees them.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};

/// One attempt of a call, for the callback of
/// [`SyncClientBuilder::on_attempt`](crate::SyncClientBuilder::on_attempt).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The operation, by the name of its method in [`api`](crate::api), as `fetch_document`; `request`
    /// for a request of one's own.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path, names percent-encoded.
    pub path: String,
    /// The number of the attempt within its call, from 1.
    pub number: u32,
    /// The status of the response; `None` if none came, or not all of it.
    pub status: Option<StatusCode>,
    /// How long this attempt took.
    pub elapsed: Duration,
    /// How long the client waits before the next attempt; `None` if this was the last.
    pub next_delay: Option<Duration>,
}

/// A callback that sees each attempt.
#[derive(Clone)]
pub(crate) struct Observer(Arc<dyn Fn(&Attempt) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        Self(Arc::new(observe))
    }

    pub(super) fn observe(&self, attempt: &Attempt) {
        (self.0)(attempt);
    }
}

impl Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
