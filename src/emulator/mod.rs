//! A local Twilio Sync service, for tests and for work without an account.
//!
//! [`Emulator::start`] starts one on a port of its own, with everything in memory; it stops when
//! it is dropped. [`Emulator::in_process`] needs no socket and runs under paused time. Both have
//! the rules of the real service (revisions and `If-Match`, unique names, list indexes, TTLs,
//! paging, limits), its error responses and its webhooks. Beyond that a test can move the
//! [`Clock`], inject a [`Fault`], read the logs of requests and webhooks, and set the contents by a
//! [seed](Emulator::seed). A [data file](EmulatorBuilder::data_file) makes it persistent.
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
//! Programs in other languages have the same controls over
//! HTTP under `/_emulator/`; the program `twilio-sync emulator` (feature
//! `cli`) runs it for them. `docs/emulator.md` describes both, and says which rules
//! are documented by the service and which are inferred.
//!
//! It is for tests, not for the open network: it speaks plain HTTP/1.1, and has rate limits only if they are
//! [asked for](EmulatorBuilder::rate_limits).

mod builder;
mod client;
mod core;
mod http;
mod in_process;
mod realtime;
mod server;
mod store;
mod subscribers;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub use self::builder::EmulatorBuilder;
pub use self::core::{EmulatorError, Fault, LiveFault, LoggedFrame, LoggedRequest};
pub use self::in_process::EmulatorService;
pub use self::store::Clock;
pub use self::subscribers::LoggedWebhook;
pub use crate::api::Operation;

use self::core::{Core, OpenDataFile};
use self::http::Api;
use self::store::Records;
use crate::value::{AccountSid, ApiKeySid, ServiceSid};

/// A running emulator; dropping it stops it.
pub struct Emulator {
    api: Arc<Api>,
    url: String,
    /// None for an emulator in process.
    server: Option<Server>,
    /// Dropped with the emulator, which ends the calls in process.
    running: watch::Sender<()>,
    data_file: Option<OpenDataFile>,
}

/// The task that serves the socket.
struct Server {
    /// Sent to complete the requests under way and stop, dropped to stop at once.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Emulator {
    fn new(core: Core, authority: String, data_file: Option<OpenDataFile>) -> Self {
        Self {
            url: format!("http://{authority}"),
            api: Arc::new(Api::new(Arc::new(core), authority)),
            server: None,
            running: watch::Sender::new(()),
            data_file,
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.api.core
    }

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

    /// Creates an emulator in this process, without a socket or a task: its [`client`](Self::client)
    /// calls it directly, as does any client with its [`http_service`](Self::http_service).
    ///
    /// It behaves as one over HTTP does, with faults, delays and cut connections, and all of its
    /// waiting is by Tokio's clock. So client and emulator run in one thread and under paused time,
    /// where retries and delays pass at once; with a
    /// [`random_seed`](EmulatorBuilder::random_seed) of both, and a clock that starts at a
    /// given time, each run is the same:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use twilio_sync::emulator::{Clock, Emulator, Fault};
    ///
    /// // With #[tokio::test(start_paused = true)], the retry below takes no time.
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// runtime.block_on(async {
    ///     let emulator = Emulator::builder()
    ///         .random_seed(7)
    ///         .clock(Clock::tokio("2026-01-01T00:00:00Z".parse()?))
    ///         .in_process()?;
    ///     let sync = emulator.client_builder()?.random_seed(7).build()?;
    ///     emulator.inject(Fault::status(503));
    ///     let desks = sync.documents::<serde_json::Value>();
    ///     let set = desks.update_or_create("desk-7", &serde_json::json!({"busy": true}));
    ///     set.at_least_once().await?;
    ///     assert_eq!(emulator.requests()[0].status().map(|status| status.as_u16()), Some(503));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// It may be created before its runtime, which needs its time driver only. Objects and items that
    /// expire are removed when they are due from the first call on; before it, at the latest when
    /// anything is read from the emulator, its [webhooks](Self::webhooks) included. Differences to an emulator that was
    /// [started](Self::start):
    ///
    /// - A request runs in the task of its caller. Only the write of a delayed fault, the
    ///   debounced event of an endpoint and the removal of what expires run in tasks of the
    ///   runtime, so that they take place even without a call.
    /// - Webhooks are not posted: the [log](Self::webhooks) has them, signed, as not sent.
    /// - [`url`](Self::url) is an address that nothing listens on.
    /// - There are no live updates: they need a socket.
    /// - [`stop`](Self::stop) does not wait: calls under way fail.
    /// - With a data file, do not pause time: while its thread writes, paused time would run on.
    ///
    /// # Errors
    ///
    /// If the system has no random bytes for the secrets.
    pub fn in_process() -> Result<Self, EmulatorError> {
        Self::builder().in_process()
    }

    /// Sets up an emulator before it starts.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// The base URL for clients: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL for live clients, Twilio's realtime SDKs: `ws://127.0.0.1:PORT/v3/wsconnect`.
    ///
    /// JavaScript takes it as the option `Twilsock: {uri}` of its `SyncClient`, with a token of
    /// [`access_token`](crate::SyncClient::access_token).
    #[must_use]
    pub fn realtime_url(&self) -> String {
        let authority = self.url.strip_prefix("http://").unwrap_or(&self.url);
        format!("ws://{authority}{}", realtime::PATH)
    }

    /// Injects a fault for live clients.
    pub fn inject_live(&self, fault: LiveFault) {
        self.core().inject_live(fault);
    }

    /// Drops the faults for live clients that were injected.
    pub fn clear_live_faults(&self) {
        self.core().live_faults.clear();
    }

    /// The number of live clients that are connected.
    #[must_use]
    pub fn live_clients(&self) -> usize {
        self.core().live.clients()
    }

    /// The frames that live clients and the emulator have exchanged, in their order.
    #[must_use]
    pub fn frames(&self) -> Vec<LoggedFrame> {
        self.core().frames.entries()
    }

    /// Empties the log of frames.
    pub fn clear_frames(&self) {
        self.core().frames.clear();
    }

    /// The account SID, `AC…`: the user name that goes with the auth token.
    #[must_use]
    pub fn account_sid(&self) -> &AccountSid {
        self.core().credentials.account_sid()
    }

    /// The auth token.
    #[must_use]
    pub fn auth_token(&self) -> &str {
        self.core().credentials.auth_token()
    }

    /// The API key, `SK…`: the user name that goes with the API secret.
    #[must_use]
    pub fn api_key(&self) -> &ApiKeySid {
        self.core().credentials.api_key()
    }

    /// The API secret.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        self.core().credentials.api_secret()
    }

    /// The SID of the default service that the emulator started with, `IS…`.
    ///
    /// A [reset](Self::reset) brings that service back. A [seed](Self::seed) may
    /// have a default service with another SID, and a request may delete it:
    /// the reference `default` leads to what is there now.
    #[must_use]
    pub fn service_sid(&self) -> &ServiceSid {
        &self.core().service_sid
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.core().clock
    }

    /// The requests it received, in the order of their responses.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.core().log.requests()
    }

    /// Empties the log of requests.
    pub fn clear_requests(&self) {
        self.core().log.clear();
    }

    /// Injects a fault.
    pub fn inject(&self, fault: Fault) {
        self.core().faults.inject(fault);
    }

    /// Drops the faults that were injected.
    pub fn clear_faults(&self) {
        self.core().faults.clear();
    }

    /// The webhooks it posted, in the order of their events; those it
    /// dropped because the queue was full come before those in the queue.
    ///
    /// A Service with a `webhook_url` has webhooks for what live clients write, and with
    /// `webhooks_from_rest_enabled` for what is written by REST and what expires. They follow the writes, so
    /// one may still be under way at the response to its write.
    #[must_use]
    pub fn webhooks(&self) -> Vec<LoggedWebhook> {
        self.core().webhooks()
    }

    /// Empties the log of webhooks.
    pub fn clear_webhooks(&self) {
        self.core().clear_webhooks();
    }

    /// Simulates that an endpoint connects to a Service, given by its SID or `default`.
    ///
    /// The only effect is the webhook `endpoint_connected`, where the Service has
    /// `reachability_webhooks_enabled`.
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
        self.core()
            .connect_endpoint(service, identity, endpoint)
            .map_err(|_| EmulatorError::UnknownService(service.to_owned()))
    }

    /// Simulates that a connected endpoint disconnects.
    ///
    /// The effect is the webhook `endpoint_disconnected`: at once, or with
    /// `reachability_debouncing_enabled` when the endpoint stays disconnected for
    /// the Service's window, by Tokio's clock.
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
        self.core()
            .disconnect_endpoint(service, identity, endpoint)
            .map_err(|_| EmulatorError::UnknownService(service.to_owned()))
    }

    /// Drops all services but the default one, which is empty and has its
    /// first settings again, and all endpoints. Faults, logs and clock stay as
    /// they are.
    ///
    /// A data file has it by the response to the next write.
    pub fn reset(&self) {
        self.core().reset();
    }

    /// Everything it stores, in the form of a [`seed`](Self::seed).
    ///
    /// Equal contents give equal values.
    #[must_use]
    pub fn dump(&self) -> Value {
        // No record has anything that can fail to serialise.
        serde_json::to_value(self.core().store.dump()).unwrap_or_default()
    }

    /// Replaces everything by a seed: a dump, or one written by hand.
    ///
    /// The names are those of the API's bodies; all of them may be left out
    /// but an item's `data` and `key`. SIDs are then new ones (of the service
    /// named `default`, the one this emulator started with), and dates now. A
    /// seed without the service `default` leaves none. Endpoints are dropped.
    /// No webhooks are posted. A data file has it by the response to the next write.
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
        self.core()
            .seed(seed)
            .map_err(|flaw| EmulatorError::InvalidSeed(flaw.to_string()))
    }

    /// Stops: accepts no more connections, completes the requests under way, for up
    /// to ten seconds, and closes the data file.
    ///
    /// An emulator that is dropped ends its connections at once. Its data
    /// file has all acknowledged writes then too.
    pub async fn stop(self) {
        let Self {
            api,
            server,
            running,
            data_file,
            ..
        } = self;
        if let Some(Server { stop, task }) = server {
            // If the task has ended already, it receives nothing.
            let _ = stop.send(());
            if let Err(error) = task.await {
                tracing::warn!(%error, "the task of the emulator failed");
            }
        }
        drop((api, running));
        if let Some(data_file) = data_file {
            data_file.close().await;
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url)
            .field("account_sid", &self.account_sid())
            .field("service_sid", &self.service_sid())
            .field("clock", self.clock())
            .finish_non_exhaustive()
    }
}
