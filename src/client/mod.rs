//! [`SyncClient`], and the ways to set one up.

mod builder;
mod credentials;
mod endpoint;
mod environment;
#[cfg(feature = "realtime")]
mod realtime;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use url::Url;

pub use builder::SyncClientBuilder;
#[cfg(feature = "realtime")]
pub(crate) use builder::http_client;
pub use credentials::Credentials;
#[cfg(feature = "realtime")]
pub(crate) use realtime::TokenProvider;

use crate::api;
use crate::error::Result;
use crate::transport::Random;
use crate::value::ServiceReference;

/// A client of one Sync Service.
///
/// It is cheap to clone, and the clones share their connections. The helpers are grouped by the kind
/// of object: [`documents`](Self::documents), [`lists`](Self::lists), [`maps`](Self::maps) and
/// [`streams`](Self::streams) create, find and remove objects; [`list`](Self::list),
/// [`map`](Self::map) and [`stream`](Self::stream) work with what is in one of them.
///
/// It speaks HTTP/1.1. Concurrent calls use a connection each; connections are reused.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::{Value, json};
/// use twilio_sync::Emulator;
///
/// let emulator = Emulator::start().await?;
/// let sync = emulator.client()?; // or SyncClient::from_env()?
///
/// let desks = sync.documents::<Value>();
/// desks.create("desk-7", &json!({"busy": false})).await?;
/// desks.mutate("desk-7", |desk| desk["busy"] = json!(true)).await?;
/// assert_eq!(desks.get("desk-7").await?.data, json!({"busy": true}));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct SyncClient(Arc<Shared>);

/// The state that the clones of a client share.
#[derive(Clone)]
struct Shared {
    api: api::Client,
    base_url: Url,
    /// The region that processes the calls, if one is set.
    #[cfg(feature = "tokens")]
    region: Option<String>,
    random: Arc<Random>,
    at_least_once: bool,
    service: ServiceReference,
    credentials: Credentials,
    /// `true` once a call has shown that the Service exists.
    exists: Arc<AtomicBool>,
    #[cfg(feature = "realtime")]
    connect_timeout: std::time::Duration,
    #[cfg(feature = "realtime")]
    realtime: realtime::RealtimeSettings,
    /// The connection for live updates, of a type that only `realtime` knows.
    #[cfg(feature = "realtime")]
    connection: Arc<std::sync::OnceLock<Arc<dyn std::any::Any + Send + Sync>>>,
}

impl Debug for SyncClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncClient")
            .field("base_url", &self.0.base_url.as_str())
            .field("service", &self.0.service.as_str())
            .finish_non_exhaustive()
    }
}

impl SyncClient {
    /// A client set up step by step.
    pub fn builder() -> SyncClientBuilder {
        SyncClientBuilder::default()
    }

    /// A client set up from environment variables.
    ///
    /// | variable | or | what |
    /// | --- | --- | --- |
    /// | `TWILIO_ACCOUNT_SID` | `MASTER_ACCOUNT_SID`, `ACCOUNT_SID` | the account, `AC…` |
    /// | `TWILIO_API_KEY` and `TWILIO_API_SECRET` | `ACCOUNT_SID` (holding `SK…`) and `AUTH_TOKEN` | an API key |
    /// | `TWILIO_AUTH_TOKEN` | `AUTH_TOKEN` | the auth token, instead of an API key |
    /// | `TWILIO_SYNC_SERVICE_SID` | `SYNC_SERVICE_SID` | the Service, `IS…` or `default` |
    /// | `TWILIO_REGION`, `TWILIO_EDGE` | | where to call, optional |
    /// | `TWILIO_SYNC_BASE_URL` | | another address of the service, optional |
    /// | `TWILIO_SYNC_REALTIME_URL` | | another address for live updates, optional; with the feature `realtime` |
    ///
    /// # Errors
    ///
    /// If variables are missing, which are named all at once, or have unusable values.
    pub fn from_env() -> Result<Self> {
        Self::builder().from_env()?.build()
    }

    /// The same client for another Service: a SID, or `default`.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn with_service(&self, service: impl Into<String>) -> Result<Self> {
        Ok(self.of_service(ServiceReference::new(service)?))
    }

    /// The same client for another Service.
    pub(crate) fn of_service(&self, service: ServiceReference) -> Self {
        Self(Arc::new(Shared {
            service,
            exists: Arc::default(),
            // An access token is for one Service.
            #[cfg(feature = "realtime")]
            connection: Arc::default(),
            ..Shared::clone(&self.0)
        }))
    }

    /// The Service this client works with.
    #[must_use]
    pub fn service(&self) -> &ServiceReference {
        &self.0.service
    }

    /// The low-level API, with a method for each of the 48 operations. See [`api`].
    #[must_use]
    pub fn api(&self) -> &api::Client {
        &self.0.api
    }

    /// The knowledge of the client and its clones that the Service exists.
    pub(crate) fn exists(&self) -> &Arc<AtomicBool> {
        &self.0.exists
    }

    /// The generator of the client's random waits.
    pub(crate) fn random(&self) -> &Arc<Random> {
        &self.0.random
    }

    pub(crate) fn is_at_least_once(&self) -> bool {
        self.0.at_least_once
    }

    /// The credentials of the client.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// The region that processes the calls: the one that was set, or else that of Twilio's address;
    /// `None` for the first region.
    #[cfg(feature = "tokens")]
    pub(crate) fn region(&self) -> Option<&str> {
        self.0
            .region
            .as_deref()
            .or_else(|| endpoint::region(&self.0.base_url))
    }

    /// The address of the service.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.0.base_url
    }
}
