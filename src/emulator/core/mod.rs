//! The emulator itself, free of routes and sockets, for every way in.
//!
//! [`http`](super::http) and [`realtime`](super::realtime) decode what they receive, call this and write
//! responses.

mod account;
mod credentials;
mod error;
mod faults;
mod frames;
mod live_faults;
mod log;
mod open;
mod parameters;
mod rate_limits;
mod tokens;

use std::sync::{Arc, Once};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use tokio::runtime::Handle;

pub(crate) use self::account::AccountSettings;
pub(crate) use self::credentials::Credentials;
pub use self::error::EmulatorError;
pub use self::faults::Fault;
pub(crate) use self::faults::{Action, Effect, FaultResponse, Faults, is_of_connection};
pub use self::frames::LoggedFrame;
pub(crate) use self::frames::{FrameLog, Sender};
pub use self::live_faults::LiveFault;
pub(crate) use self::live_faults::{LiveFaults, OnEvent};
pub use self::log::LoggedRequest;
pub(crate) use self::log::{Observer, RequestId, RequestLog};
pub(crate) use self::open::{Contents, OpenDataFile, open};
pub(crate) use self::parameters::Parameters;
pub(crate) use self::rate_limits::{Limited, RateLimits};
use super::store::{Clock, Flaw, Random, Records, Service, ServiceError, Store, Subscribers};
use super::subscribers::LoggedWebhook;
use super::subscribers::data_file::DataFile;
use super::subscribers::live::{self, Live};
use super::subscribers::webhooks::{self, Endpoints, Outbox, WebhookLog};
use crate::value::ServiceSid;
use crate::webhooks::Validator;

/// The characters of a name that are percent-encoded in a path: all but RFC 3986's unreserved ones.
pub(crate) const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parts of an emulator that all requests share.
pub(crate) struct Core {
    pub(crate) store: Store,
    /// Done when the task that removes expired objects and items was started.
    expiring: Once,
    pub(crate) credentials: Credentials,
    /// The default Service that the emulator started with.
    pub(crate) service_sid: ServiceSid,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    /// None where the emulator does not apply them.
    pub(crate) rate_limits: Option<RateLimits>,
    /// Live clients and their subscriptions.
    pub(crate) live: Arc<Live>,
    pub(crate) live_faults: LiveFaults,
    pub(crate) log: RequestLog,
    pub(crate) frames: FrameLog,
    webhooks: Arc<WebhookLog>,
    pub(crate) random: Random,
    /// True if web pages of this machine may have access tokens without credentials.
    pub(crate) page_tokens: bool,
    endpoints: Endpoints,
    data_file: Option<Arc<DataFile>>,
    /// The runtime for delayed events, which may be caused outside of it.
    runtime: Option<Handle>,
}

/// The settings of a core beside its contents.
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
    pub(crate) random: Random,
    pub(crate) rate_limits: bool,
    pub(crate) page_tokens: bool,
}

impl Core {
    /// A core with these contents, and the task that posts its webhooks. Without the task, webhooks
    /// are logged as not sent.
    pub(crate) fn new(
        contents: Contents,
        settings: Settings,
    ) -> Result<(Self, impl Future<Output = ()>), EmulatorError> {
        let Contents {
            account,
            default_service,
            mut state,
            data_file,
        } = contents;
        let Settings {
            clock,
            observer,
            random,
            rate_limits,
            page_tokens,
        } = settings;
        let credentials = Credentials::new(&account)?;
        let webhooks = Arc::new(WebhookLog::default());
        let sender = webhooks::Sender {
            account_sid: account.account_sid,
            validator: Validator::new(account.auth_token.as_str()),
        };
        let (outbox, posting) = Outbox::new(sender, data_file.clone(), Arc::clone(&webhooks));
        // The data file comes first: webhooks wait until it has stored their writes.
        let mut subscribers = Subscribers::new();
        if let Some(file) = data_file.clone() {
            subscribers.push(file);
        }
        let store_random = random.fork();
        let live = Arc::new(Live::new(random.fork(), data_file.clone()));
        live::follow(&live, &clock);
        subscribers.push(Arc::clone(&live) as _);
        subscribers.push(Arc::new(outbox));
        state.set_random(store_random);
        let store = Store::new(state, clock.clone(), default_service, subscribers);
        let core = Self {
            store,
            expiring: Once::new(),
            credentials,
            service_sid: ServiceSid::lenient(&default_service.to_string()),
            clock,
            faults: Faults::default(),
            rate_limits: rate_limits.then(RateLimits::default),
            live,
            live_faults: LiveFaults::default(),
            log: RequestLog::observed_by(observer),
            frames: FrameLog::default(),
            webhooks,
            random,
            page_tokens,
            endpoints: Endpoints::default(),
            data_file,
            runtime: Handle::try_current().ok(),
        };
        core.expire_when_due();
        Ok((core, posting))
    }

    /// Starts the task that removes objects and items when they expire, where there is a runtime and
    /// it was not started yet: an emulator may be created before its runtime.
    pub(crate) fn expire_when_due(&self) {
        if let Ok(runtime) = Handle::try_current() {
            // The task does not keep the store alive.
            self.expiring
                .call_once(|| drop(runtime.spawn(self.store.expire_when_due())));
        }
    }

    /// Drops all Services but the default one, which becomes empty, and all endpoints.
    pub(crate) fn reset(&self) {
        self.store.reset();
        self.live.renew();
        self.endpoints.clear();
    }

    /// Replaces all Services by those of a seed, and drops all endpoints.
    pub(crate) fn seed(&self, seed: Records) -> Result<(), Flaw> {
        self.store.seed(seed)?;
        self.live.renew();
        self.endpoints.clear();
        Ok(())
    }

    /// Drops the endpoints of Services that no longer exist.
    pub(crate) fn remove_stale_endpoints(&self) {
        self.endpoints.remove_stale(&self.store);
    }

    /// The webhooks so far, with those of all that has expired by now.
    ///
    /// Without a runtime nothing else may have removed it.
    pub(crate) fn webhooks(&self) -> Vec<LoggedWebhook> {
        self.store.expire();
        self.webhooks.entries()
    }

    /// Empties the log of webhooks, with those of all that has expired by now.
    pub(crate) fn clear_webhooks(&self) {
        self.store.expire();
        self.webhooks.clear();
    }

    /// Simulates that an endpoint connects to a Service.
    pub(crate) fn connect_endpoint(
        &self,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), ServiceError> {
        self.endpoints
            .connect(&self.store, service, identity, endpoint)
    }

    /// Simulates that an endpoint disconnects; with debouncing, the event follows after the
    /// Service's window.
    pub(crate) fn disconnect_endpoint(
        self: &Arc<Self>,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), ServiceError> {
        let later = self
            .endpoints
            .disconnect(&self.store, service, identity, endpoint)?;
        let Some(later) = later else { return Ok(()) };
        let runtime = self.runtime.clone();
        match runtime.or_else(|| Handle::try_current().ok()) {
            Some(runtime) => {
                // The task does not keep the emulator alive.
                let core = Arc::downgrade(self);
                runtime.spawn(async move {
                    tokio::time::sleep(later.after).await;
                    if let Some(core) = core.upgrade() {
                        core.endpoints.left(&core.store, &later);
                    }
                });
            }
            // There is no timer to wait by.
            None => self.endpoints.left(&self.store, &later),
        }
        Ok(())
    }

    /// Waits until all writes so far are in the data file, if there is one.
    pub(crate) async fn wait_for_data_file(&self) -> Result<(), ServiceError> {
        match &self.data_file {
            Some(file) => file.stored(file.queued()).await,
            None => Ok(()),
        }
    }

    /// The number of writes that were queued for the data file so far.
    pub(crate) fn queued(&self) -> u64 {
        self.data_file.as_ref().map_or(0, |file| file.queued())
    }

    /// Waits until the first `queued` writes are in the data file, if there is one.
    pub(crate) async fn stored(&self, queued: u64) -> Result<(), ServiceError> {
        match &self.data_file {
            Some(file) => file.stored(queued).await,
            None => Ok(()),
        }
    }

    /// Injects a fault for live clients. Those that strike at once do.
    pub(crate) fn inject_live(&self, fault: LiveFault) {
        self.live_faults.inject(fault, &self.live);
    }

    /// The SID of the default Service as it is now: a seed may have changed it.
    pub(crate) fn current_service(&self) -> ServiceSid {
        let service = self
            .store
            .read(|store| store.service("default").map(Service::sid));
        service.map_or_else(
            |_| self.service_sid.clone(),
            |sid| ServiceSid::lenient(&sid.to_string()),
        )
    }
}
