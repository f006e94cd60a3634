//! The builder of a client.

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::credentials::Credentials;
use super::endpoint::{checked_base_url, is_loopback, twilio_url};
use super::{Shared, SyncClient};
use crate::api::{Client, RetryPolicy, Sender};
use crate::error::{ConfigurationError, Result};
use crate::transport::{
    Attempt, HttpService, Observer, Random, RateLimit, ReqwestService, Settings, Transport,
};
use crate::value::ServiceReference;

/// Sets up a [`SyncClient`]. Credentials and a Service are needed, the rest is optional.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::{Credentials, RetryPolicy, SyncClient};
///
/// # fn f() -> twilio_sync::Result<()> {
/// let sync = SyncClient::builder()
///     .credentials(Credentials::api_key("AC…", "SK…", "secret")?)
///     .service("IS…")
///     .region("ie1")
///     .timeout(Duration::from_secs(10))
///     .retry(RetryPolicy::default().max_attempts(3))
///     .on_attempt(|attempt| println!("{} {:?}", attempt.operation, attempt.status))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SyncClientBuilder {
    credentials: Option<Credentials>,
    service: Option<String>,
    pub(super) region: Option<String>,
    pub(super) edge: Option<String>,
    pub(super) base_url: Option<String>,
    connect_timeout: Duration,
    timeout: Duration,
    retry: RetryPolicy,
    at_least_once: bool,
    observer: Option<Observer>,
    rate_limit: RateLimit,
    connector: Option<Connector>,
    random_seed: Option<u64>,
    #[cfg(feature = "realtime")]
    pub(super) realtime: super::realtime::RealtimeSettings,
}

impl Default for SyncClientBuilder {
    fn default() -> Self {
        Self {
            credentials: None,
            service: None,
            region: None,
            edge: None,
            base_url: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            at_least_once: false,
            observer: None,
            rate_limit: RateLimit::adaptive(),
            connector: None,
            random_seed: None,
            #[cfg(feature = "realtime")]
            realtime: super::realtime::RealtimeSettings::default(),
        }
    }
}

impl SyncClientBuilder {
    /// The credentials of the account.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The Service to work with: its SID, or `default` for the account's default Service.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// The region that processes the calls, such as `ie1`. Default: Twilio's own, `us1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The edge at which the calls enter Twilio's network, such as `dublin`.
    pub fn edge(mut self, edge: impl Into<String>) -> Self {
        self.edge = Some(edge.into());
        self
    }

    /// Another address of the service, such as an emulator's; region and edge do not matter then.
    ///
    /// It needs `https`, for the credentials travel with each request. Only loopback addresses may
    /// have `http`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// How long connecting may take. Default: 10 seconds.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// How long one attempt of a call may take, connecting included. Default: 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How calls that failed for a passing reason are retried.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Makes every write of the client [at least once](crate::api::Call::at_least_once).
    pub fn at_least_once(mut self) -> Self {
        self.at_least_once = true;
        self
    }

    /// Sets how the client and its clones keep to the rates of the service. Default:
    /// [`RateLimit::adaptive`].
    ///
    /// A 429 that is not of one object holds back all requests of the client until the refused one is
    /// retried, unless the limit is [`off`](RateLimit::off).
    pub fn rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// A function that sees each attempt of each call after it, for counters and logs. It should
    /// return at once.
    pub fn on_attempt(mut self, observe: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        self.observer = Some(Observer::new(observe));
        self
    }

    /// The HTTP service that requests are sent by, in place of reqwest with its default settings: a
    /// [`ReqwestService`] of one's own, say, with a proxy. The
    /// [`connect_timeout`](Self::connect_timeout) is that service's own. Live updates have their own
    /// connection, which does not go through it.
    pub fn http_service(mut self, http_service: impl HttpService) -> Self {
        let http_service = Arc::new(http_service);
        self.connector = Some(Connector(Arc::new(move |settings| {
            Arc::new(Transport::new(settings, Arc::clone(&http_service)))
        })));
        self
    }

    /// The seed of the client's random waits, so that a run can be repeated. Default: one of the
    /// system's.
    pub fn random_seed(mut self, seed: u64) -> Self {
        self.random_seed = Some(seed);
        self
    }

    /// Makes the client. No request is sent.
    ///
    /// # Errors
    ///
    /// If credentials or Service are missing, or an address or a name in one is unusable.
    pub fn build(self) -> Result<SyncClient> {
        let mut missing = Vec::new();
        if self.credentials.is_none() {
            missing.push("credentials".to_owned());
        }
        if self.service.is_none() {
            missing.push("the service, a SID (IS…) or `default`".to_owned());
        }
        let (Some(credentials), Some(service)) = (&self.credentials, &self.service) else {
            return Err(ConfigurationError::Missing(missing).into());
        };
        let service =
            ServiceReference::new(service).map_err(|source| ConfigurationError::Value {
                setting: "the service".to_owned(),
                source,
            })?;
        let url = match &self.base_url {
            Some(url) => checked_base_url(url)?,
            None => twilio_url(self.region.as_deref(), self.edge.as_deref())?,
        };
        let settings = Settings {
            base_url: url,
            authorization: credentials.authorization(),
            timeout: self.timeout,
            retry: self.retry,
            at_least_once: self.at_least_once,
            rate_limit: self.rate_limit,
            observer: self.observer,
            random: Arc::new(Random::new(self.random_seed)),
        };
        let (base_url, random) = (settings.base_url.clone(), Arc::clone(&settings.random));
        let at_least_once = settings.at_least_once;
        let sender: Arc<dyn Sender> = if let Some(Connector(connect)) = self.connector {
            connect(settings)
        } else {
            let http = http_client(self.connect_timeout, &settings.base_url)?;
            Arc::new(Transport::new(
                settings,
                Arc::new(ReqwestService::new(http)),
            ))
        };
        Ok(SyncClient(Arc::new(Shared {
            api: Client::new(sender),
            base_url,
            #[cfg(feature = "tokens")]
            region: self.region,
            random,
            at_least_once,
            service,
            credentials: credentials.clone(),
            exists: Arc::default(),
            #[cfg(feature = "realtime")]
            connect_timeout: self.connect_timeout,
            #[cfg(feature = "realtime")]
            realtime: self.realtime,
            #[cfg(feature = "realtime")]
            connection: Arc::default(),
        })))
    }
}

/// Makes the transport over an HTTP service whose type only this knows.
#[derive(Clone)]
struct Connector(Arc<dyn Fn(Settings) -> Arc<dyn Sender> + Send + Sync>);

impl Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// A client of reqwest for an address, with the settings that the transport needs.
pub(crate) fn http_client(
    connect_timeout: Duration,
    url: &Url,
) -> Result<reqwest::Client, ConfigurationError> {
    if url.scheme() == "https" && cfg!(not(any(feature = "rustls", feature = "native-tls"))) {
        return Err(ConfigurationError::BaseUrl {
            url: url.to_string(),
            reason: "this program was built without TLS; turn on the feature `rustls` or \
                     `native-tls` of twilio-sync, or set an HTTP service that has it"
                .to_owned(),
        });
    }
    let mut http = reqwest::Client::builder()
        // Credentials go only to the address of the client.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        // Whatever features others ask of reqwest.
        .http1_only()
        // reqwest would keep a copy of each request for retries of its own; the transport retries.
        .retry(reqwest::retry::never().max_retries_per_request(0));
    if is_loopback(url) {
        // A proxy of the environment is for addresses outside of this machine.
        http = http.no_proxy();
    }
    let http = http.build();
    http.map_err(|error| ConfigurationError::HttpClient(error.into()))
}
