//! A local Twilio Sync service, for tests and for work without an account.
//!
//! [`Emulator::start`] gives a service of its own on a port of its own, with
//! everything in memory; it ends when it is dropped. It keeps the rules of
//! the real one (revisions and `If-Match`, unique names, list indexes, TTLs,
//! paging, limits), answers with its errors and posts its webhooks. Beyond
//! that a test can move its [`Clock`], script a [`Fault`], read its logs of
//! requests and webhooks, and put everything in place with a
//! [seed](Emulator::seed). With a [data file](EmulatorBuilder::data_file) it
//! keeps what it has.
//!
//! ```
//! # async fn example() -> Result<(), twilio_sync::emulator::EmulatorError> {
//! use twilio_sync::emulator::Emulator;
//!
//! let emulator = Emulator::start().await?;
//! println!("{} {}", emulator.url(), emulator.account_sid());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! What a test controls is there for programs in other languages too, over
//! HTTP under `/_emulator/`; the program `twilio-sync emulator` (feature
//! `cli`) runs it for them. `docs/emulator.md` has both, and a table of what
//! is documented of the service and what is inferred.
//!
//! It is made for tests, not for the open network: rate limits are not
//! applied, and it speaks plain HTTP/1.1.

mod builder;
mod client;
mod clock;
mod data_file;
mod error;
mod faults;
mod http;
mod log;
mod recent;
mod server;
mod store;
mod webhooks;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::builder::EmulatorBuilder;
pub use self::clock::Clock;
pub use self::faults::Fault;
pub use self::log::LoggedRequest;
pub use self::webhooks::LoggedWebhook;
pub use crate::api::Operation;

use self::data_file::DataFile;
use self::http::Api;
use self::store::Records;

/// A running emulator; dropping it stops it.
pub struct Emulator {
    api: Arc<Api>,
    url: String,
    service_sid: String,
    /// Sent to stop when all is answered, dropped to stop at once.
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    data_file: Option<Kept>,
}

/// A data file, and the thread that writes it.
struct Kept {
    file: Arc<DataFile>,
    writer: thread::JoinHandle<()>,
}

impl Emulator {
    /// Starts an emulator on 127.0.0.1 and a free port, with credentials and
    /// a default service of its own.
    ///
    /// It runs on the Tokio runtime it is started on, which needs its I/O and
    /// time drivers.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub async fn start() -> Result<Self, EmulatorError> {
        Self::builder().start().await
    }

    /// Sets up an emulator before it starts.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Where it listens: `http://127.0.0.1:PORT`, the base URL for clients.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The account SID, `AC…`: the user name that goes with the auth token.
    #[must_use]
    pub fn account_sid(&self) -> &str {
        self.api.credentials.account_sid()
    }

    /// The auth token.
    #[must_use]
    pub fn auth_token(&self) -> &str {
        self.api.credentials.auth_token()
    }

    /// The API key, `SK…`: the user name that goes with the API secret.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.api.credentials.api_key()
    }

    /// The API secret.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        self.api.credentials.api_secret()
    }

    /// The SID of the default service that the emulator started with, `IS…`.
    ///
    /// A [reset](Self::reset) brings that service back. A [seed](Self::seed) may
    /// have a default service with another SID, and a request may delete it:
    /// the reference `default` leads to what is there now.
    #[must_use]
    pub fn service_sid(&self) -> &str {
        &self.service_sid
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.api.clock
    }

    /// The requests it got, in the order they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.api.log.requests()
    }

    /// Empties the log of requests.
    pub fn clear_requests(&self) {
        self.api.log.clear();
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.api.faults.inject(fault);
    }

    /// Forgets the faults that were injected.
    pub fn clear_faults(&self) {
        self.api.faults.clear();
    }

    /// The webhooks it posted, in the order of what they tell of; those it
    /// dropped, as too many were waiting, come before the ones that waited.
    ///
    /// A service has them posted when it has a `webhook_url`, and
    /// `webhooks_from_rest_enabled`. They follow the writes, so one may be
    /// still on its way when the write is answered.
    #[must_use]
    pub fn webhooks(&self) -> Vec<LoggedWebhook> {
        self.api.webhooks.entries()
    }

    /// Empties the log of webhooks.
    pub fn clear_webhooks(&self) {
        self.api.webhooks.clear();
    }

    /// Acts as if an endpoint had connected to a service, by its SID or `default`.
    ///
    /// That is told by the webhook `endpoint_connected` where the service has
    /// `reachability_webhooks_enabled`. Nothing else comes of it: no client
    /// can really connect here.
    ///
    /// # Errors
    ///
    /// If there is no such service.
    pub fn connect_endpoint(
        &self,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), EmulatorError> {
        self.api
            .connect_endpoint(service, identity, endpoint)
            .map_err(|_| EmulatorError::UnknownService(service.to_owned()))
    }

    /// Acts as if an endpoint that had connected were gone.
    ///
    /// That is told by the webhook `endpoint_disconnected`: at once, or with
    /// `reachability_debouncing_enabled` when the endpoint has stayed away for
    /// the service's window, by the system's time.
    ///
    /// # Errors
    ///
    /// If there is no such service.
    pub fn disconnect_endpoint(
        &self,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), EmulatorError> {
        self.api
            .disconnect_endpoint(service, identity, endpoint)
            .map_err(|_| EmulatorError::UnknownService(service.to_owned()))
    }

    /// Drops all services but the default one, which is empty and has its
    /// first settings again, and all endpoints. Faults, logs and clock stay as
    /// they are.
    ///
    /// A data file has it no later than the next write that is answered.
    pub fn reset(&self) {
        self.api.reset();
    }

    /// Everything it keeps, in the form [`seed`](Self::seed) takes.
    ///
    /// What has the same content is the same value, whenever it is asked for.
    #[must_use]
    pub fn dump(&self) -> Value {
        // No record has anything that can fail to serialise.
        serde_json::to_value(self.api.store.dump()).unwrap_or_default()
    }

    /// Puts a seed in place of everything: a dump, or something written by hand.
    ///
    /// The names are those of the API's bodies; all of them may be left out
    /// but an item's `data` and `key`. SIDs are then new ones (of the service
    /// named `default`, the one this emulator began with), and dates now. A
    /// seed without the service `default` leaves none. Endpoints are gone.
    /// Nothing is told by webhooks. A data file has it no later than the next write that is
    /// answered.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serde_json::json;
    /// use twilio_sync::Emulator;
    ///
    /// let emulator = Emulator::start().await?;
    /// emulator.seed(json!({"services": [{
    ///     "unique_name": "default",
    ///     "documents": [{"unique_name": "desk-7", "data": {"busy": true}}],
    ///     "maps": [{"unique_name": "phones", "items": [{"key": "alice", "data": {}}]}],
    /// }]}))?;
    /// let phones = emulator.client()?.map::<serde_json::Value>("phones");
    /// assert!(phones.find("alice").await?.is_some());
    ///
    /// let dump = emulator.dump();
    /// emulator.reset();
    /// emulator.seed(dump.clone())?;
    /// assert_eq!(emulator.dump(), dump);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the seed has a flaw, which the error names; then nothing has changed.
    pub fn seed(&self, seed: Value) -> Result<(), EmulatorError> {
        let seed: Records = serde_json::from_value(seed)
            .map_err(|error| EmulatorError::InvalidSeed(error.to_string()))?;
        self.api
            .seed(seed)
            .map_err(|flaw| EmulatorError::InvalidSeed(flaw.to_string()))
    }

    /// Stops: takes no more connections, answers what has been asked, for up
    /// to ten seconds, and closes the data file.
    ///
    /// An emulator that is dropped ends its connections at once. Its data
    /// file has all that was acknowledged then too.
    pub async fn stop(self) {
        // If it has ended already, there is nothing to be told.
        let _ = self.stop.send(());
        if let Err(error) = self.server.await {
            tracing::warn!(%error, "the emulator ended badly");
        }
        if let Some(Kept { file, writer }) = self.data_file {
            file.close();
            // The thread ends when it has written what it was handed.
            if tokio::task::spawn_blocking(|| writer.join()).await.is_err() {
                tracing::warn!("the data file of the emulator was not closed");
            }
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url)
            .field("account_sid", &self.account_sid())
            .field("service_sid", &self.service_sid)
            .field("clock", self.clock())
            .finish_non_exhaustive()
    }
}

/// What can go wrong with an emulator itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// Another program has the port.
    #[error(
        "{address} is in use: stop what listens there, or choose another port (0 takes a free one)"
    )]
    PortInUse {
        /// What was to be listened on.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose an address of this machine and a port you may use")]
    Unavailable {
        /// What was to be listened on.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A SID that was set is none of its kind.
    #[error(
        "{given:?} is no {what}: give {prefix} and 32 lower-case hex digits, or none to have one chosen"
    )]
    InvalidSid {
        /// Which one.
        what: &'static str,
        /// What it has to begin with.
        prefix: &'static str,
        /// What was given.
        given: String,
    },
    /// The system has no random bytes to make secrets of.
    #[error(
        "the system gives no random bytes for the secrets: set an auth token and an API secret"
    )]
    NoRandomness(#[source] io::Error),
    /// The runtime it was to start on is shutting down.
    #[error("the runtime ended while the emulator started")]
    Interrupted(#[source] io::Error),
    /// Another emulator has the data file.
    #[error(
        "another process has the data file {} open: stop that one, or choose another file",
        path.display()
    )]
    DataFileInUse {
        /// Which file.
        path: PathBuf,
    },
    /// The data file cannot be used.
    #[error("the data file {} cannot be used", path.display())]
    DataFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A seed has a flaw.
    #[error("the seed cannot be used: {0}")]
    InvalidSeed(String),
    /// There is no such service.
    #[error("there is no service {0:?}: give its SID, or \"default\"")]
    UnknownService(String),
}
