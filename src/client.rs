//! [`SyncClient`], and the ways to set one up.

use std::env;
use std::fmt::{self, Debug};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use progenitor_client::ResponseValue;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::answer;
use crate::api::{self, ErrorBody, Responses, ServiceReference};
use crate::credentials::Credentials;
use crate::documents::Documents;
use crate::error::{ConfigurationError, InputError, Result};
use crate::lists::{List, Lists};
use crate::maps::{Map, Maps};
use crate::pace::RateLimit;
use crate::report::Reported;
use crate::retry::{Attempt, Observer, RetryPolicy};
use crate::services::Services;
use crate::sids::{AccountSid, ApiKeySid, ListSid, MapSid, StreamSid};
use crate::streams::{Stream, Streams};
use crate::transport::{self, Transport};

/// Static, so that no copy of the header counts uses of the text.
const USER_AGENT: &str = concat!("twilio-sync-rust/", env!("CARGO_PKG_VERSION"));

/// A client of one Sync Service.
///
/// It is cheap to clone, and the clones share their connections. The helpers are grouped by the kind
/// of object: [`documents`](Self::documents), [`lists`](Self::lists), [`maps`](Self::maps) and
/// [`streams`](Self::streams) create, find and remove objects; [`list`](Self::list),
/// [`map`](Self::map) and [`stream`](Self::stream) work with what is in one of them.
///
/// It speaks HTTP/1.1. Each call at a time has a connection of its own, which is kept for the next.
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

/// What the clones of a client have in common.
///
/// Each call counts itself as a user of it. What all calls read must not lie in the cache line with
/// that count, which processors would take from one another all the time.
#[derive(Clone)]
#[repr(align(128))]
struct Shared {
    api: api::Client,
    service: ServiceReference,
    #[cfg(feature = "tokens")]
    credentials: Credentials,
}

impl Debug for SyncClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncClient")
            .field("base_url", &self.0.api.baseurl)
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
    ///
    /// # Errors
    ///
    /// If variables are missing, which are named all at once, or have unusable values.
    pub fn from_env() -> Result<Self> {
        SyncClientBuilder::from_variables(|name| env::var(name).ok())?.build()
    }

    /// The same client for another Service: a SID, or `default`.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn with_service(&self, service: impl Into<String>) -> Result<Self> {
        let service = ServiceReference::new(service)?;
        Ok(Self(Arc::new(Shared {
            service,
            ..Shared::clone(&self.0)
        })))
    }

    /// The Service this client works with.
    #[must_use]
    pub fn service(&self) -> &ServiceReference {
        &self.0.service
    }

    /// The generated client, with a method for each of the 48 operations. See [`api`].
    #[must_use]
    pub fn api(&self) -> &api::Client {
        &self.0.api
    }

    /// The generated client for those who read the answers themselves.
    pub(crate) fn responses(&self) -> Responses<'_> {
        Responses(self.api())
    }

    /// Awaits a call of the generated client.
    ///
    /// ```no_run
    /// # async fn f(sync: twilio_sync::SyncClient) -> twilio_sync::Result<()> {
    /// let service = sync.call(sync.api().fetch_service(sync.service())).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the call fails, in this crate's [`Error`](crate::Error) rather than the generated one: it
    /// says which call failed, after how many attempts, and whether a write may have taken effect.
    pub fn call<R: DeserializeOwned>(
        &self,
        request: impl Future<Output = Result<ResponseValue<R>, api::Error<ErrorBody>>>,
    ) -> impl Future<Output = Result<R>> {
        Reported::new(request, answer::value)
    }

    /// Sends a request of one's own the way the generated client does: with the credentials, again
    /// where that is due and harmless, with the same errors. For an operation that the generated client
    /// does not have, or whose answer is wanted as it came; `None` if that has no body.
    ///
    /// The operation's name, in lower case with underscores, is told in errors. A POST that may have
    /// taken effect is repeated only if the name says that a second one does no harm, as those that
    /// begin with `update_` do.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// let url = format!("{}/v1/Services/{}", emulator.url(), sync.service());
    /// let request = reqwest::Request::new(http::Method::GET, url.parse()?);
    /// let answer = sync.send("fetch_service", request).await?;
    /// assert!(answer.is_some_and(|body| body.as_str().contains("acl_enabled")));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// If the request is for another address than this client's, or its body is a stream, which could
    /// not be sent again; and as [`call`](Self::call).
    pub fn send(
        &self,
        operation: &'static str,
        request: reqwest::Request,
    ) -> impl Future<Output = Result<Option<api::Data>>> {
        Reported::new(
            transport::sent(self.api(), operation, request),
            answer::value,
        )
    }

    /// The Documents of the Service, holding values of type `T`.
    #[must_use]
    pub fn documents<T>(&self) -> Documents<T> {
        Documents::new(self.clone())
    }

    /// The Lists of the Service.
    #[must_use]
    pub fn lists(&self) -> Lists {
        Lists::new(self.clone())
    }

    /// The items, of type `T`, of the List with a unique name.
    ///
    /// The name is checked when a call is made.
    #[must_use]
    pub fn list<T>(&self, name: impl Into<String>) -> List<T> {
        List::by_name(self.clone(), name)
    }

    /// The items, of type `T`, of the List with a SID.
    #[must_use]
    pub fn list_by_id<T>(&self, sid: &ListSid) -> List<T> {
        List::by_id(self.clone(), sid)
    }

    /// The Maps of the Service.
    #[must_use]
    pub fn maps(&self) -> Maps {
        Maps::new(self.clone())
    }

    /// The items, of type `T`, of the Map with a unique name.
    ///
    /// The name is checked when a call is made.
    #[must_use]
    pub fn map<T>(&self, name: impl Into<String>) -> Map<T> {
        Map::by_name(self.clone(), name)
    }

    /// The items, of type `T`, of the Map with a SID.
    #[must_use]
    pub fn map_by_id<T>(&self, sid: &MapSid) -> Map<T> {
        Map::by_id(self.clone(), sid)
    }

    /// An access token with which client software acts as an identity of 1 to 256 characters in the
    /// Service of this client. The client's credentials must be an API key. No request is made.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// let token = sync.access_token("bob").sign()?;
    /// let claims = emulator.verify_token(token.as_str())?;
    /// assert_eq!(claims.grants["identity"], "bob");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    #[cfg(feature = "tokens")]
    pub fn access_token(&self, identity: impl Into<String>) -> crate::tokens::TokenBuilder {
        let credentials = self.0.credentials.clone();
        crate::tokens::TokenBuilder::new(credentials, identity, self.service().as_str())
    }

    /// The Services of the account.
    #[must_use]
    pub fn services(&self) -> Services {
        Services::new(self.clone())
    }

    /// The Message Streams of the Service.
    #[must_use]
    pub fn streams(&self) -> Streams {
        Streams::new(self.clone())
    }

    /// The Message Stream with a unique name, for messages of type `T`.
    ///
    /// The name is checked when a call is made.
    #[must_use]
    pub fn stream<T>(&self, name: impl Into<String>) -> Stream<T> {
        Stream::by_name(self.clone(), name)
    }

    /// The Message Stream with a SID, for messages of type `T`.
    #[must_use]
    pub fn stream_by_id<T>(&self, sid: &StreamSid) -> Stream<T> {
        Stream::by_id(self.clone(), sid)
    }
}

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
    region: Option<String>,
    edge: Option<String>,
    base_url: Option<String>,
    connect_timeout: Duration,
    timeout: Duration,
    retry: RetryPolicy,
    observer: Option<Observer>,
    rate_limit: Option<RateLimit>,
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
            observer: None,
            rate_limit: None,
        }
    }
}

impl SyncClientBuilder {
    /// A builder with the settings that a function finds under the names of
    /// [`SyncClient::from_env`]'s variables. Empty values count as missing.
    ///
    /// # Errors
    ///
    /// If settings are missing, which are named all at once, or a SID is not one.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &'static str| {
            let value = lookup(name).filter(|value| !value.is_empty());
            value.map(|value| (name, value))
        };
        let is_key = |found: &(&str, String)| found.1.starts_with(ApiKeySid::PREFIX);
        let mut missing = Vec::new();

        // Where an API key stands in its place, as it did for Twilio Functions, the older
        // `ACCOUNT_SID` is not the account's.
        let account = get("TWILIO_ACCOUNT_SID");
        let older_account = get("ACCOUNT_SID").filter(|found| !is_key(found));
        let master_account = get("MASTER_ACCOUNT_SID");
        let older_key = get("ACCOUNT_SID").filter(is_key);

        // The current names go before the older ones, an API key before the auth token; an older
        // token goes with the account that stands beside it.
        let (key, secret, account) = if let Some(key) = get("TWILIO_API_KEY") {
            let secret = get("TWILIO_API_SECRET");
            if secret.is_none() {
                missing.push("TWILIO_API_SECRET, the secret of TWILIO_API_KEY".to_owned());
            }
            (
                Some(key),
                secret,
                account.or(master_account).or(older_account),
            )
        } else if let Some(token) = get("TWILIO_AUTH_TOKEN") {
            (
                None,
                Some(token),
                account.or(master_account).or(older_account),
            )
        } else {
            let secret = get("AUTH_TOKEN");
            if secret.is_none() {
                missing.push(
                    "TWILIO_API_KEY (SK…) and TWILIO_API_SECRET, or TWILIO_AUTH_TOKEN (or AUTH_TOKEN)"
                        .to_owned(),
                );
            }
            (
                older_key,
                secret,
                older_account.or(account).or(master_account),
            )
        };
        if account.is_none() {
            missing.insert(
                0,
                "TWILIO_ACCOUNT_SID (or MASTER_ACCOUNT_SID, or ACCOUNT_SID), the account's SID (AC…)"
                    .to_owned(),
            );
        }
        let service = get("TWILIO_SYNC_SERVICE_SID").or_else(|| get("SYNC_SERVICE_SID"));
        if service.is_none() {
            missing.push(
                "TWILIO_SYNC_SERVICE_SID (or SYNC_SERVICE_SID), the Service's SID (IS…) or `default`"
                    .to_owned(),
            );
        }
        let (Some(account), Some((_, secret)), Some((_, service)), true) =
            (account, secret, service, missing.is_empty())
        else {
            return Err(ConfigurationError::Missing(missing).into());
        };
        let named = |setting: &str| {
            let setting = setting.to_owned();
            move |source| ConfigurationError::Value { setting, source }
        };
        AccountSid::new(&*account.1).map_err(named(account.0))?;
        if let Some((name, key)) = &key {
            ApiKeySid::new(&**key).map_err(named(name))?;
        }
        let credentials = match key {
            Some((_, key)) => Credentials::api_key(account.1, key, secret),
            None => Credentials::auth_token(account.1, secret),
        }?;
        let value = |name| get(name).map(|(_, value)| value);
        Ok(Self {
            region: value("TWILIO_REGION"),
            edge: value("TWILIO_EDGE"),
            base_url: value("TWILIO_SYNC_BASE_URL"),
            ..Self::default().credentials(credentials).service(service)
        })
    }

    /// Who calls.
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

    /// How calls that failed for a passing reason are repeated.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How many requests the client and its clones send in a second. Default: no limit.
    ///
    /// Whatever the limit, a 429 holds back all requests of the client until the one that met it is
    /// sent again, or for at most the retry policy's longest delay if it is not.
    pub fn rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limit = Some(rate_limit);
        self
    }

    /// A function that sees each attempt of each call after it, for counters and logs. It should
    /// return at once.
    pub fn on_attempt(mut self, observe: impl Fn(&Attempt) + Send + Sync + 'static) -> Self {
        self.observer = Some(Observer(Arc::new(observe)));
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
        let mut http = reqwest::Client::builder()
            .user_agent(HeaderValue::from_static(USER_AGENT))
            .default_headers(HeaderMap::from_iter([(
                header::ACCEPT,
                HeaderValue::from_static("application/json"),
            )]))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            .tcp_nodelay(true)
            // Whatever features others ask of reqwest. The repetition that it has of its own is for
            // refusals of HTTP/2, and copies each request to be ready; the transport has another.
            .http1_only()
            .retry(reqwest::retry::never().max_retries_per_request(0));
        if is_loopback(&url) {
            // A proxy of the environment is for what is outside of this machine.
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| ConfigurationError::HttpClient(error.into()))?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let transport = Transport::new(
            url,
            credentials.authorization(),
            self.retry,
            self.observer,
            self.rate_limit,
        );
        Ok(SyncClient(Arc::new(Shared {
            api: api::Client::new_with_client(&base, http, transport),
            service,
            #[cfg(feature = "tokens")]
            credentials: credentials.clone(),
        })))
    }
}

/// The address of Twilio's own service: `sync[.edge][.region].twilio.com`.
fn twilio_url(region: Option<&str>, edge: Option<&str>) -> Result<Url, ConfigurationError> {
    // An edge without a region is one of the first region's.
    let region = region.or(edge.map(|_| "us1"));
    let mut host = "sync".to_owned();
    for (setting, label) in [("the edge", edge), ("the region", region)] {
        let Some(label) = label else { continue };
        let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if label.is_empty() || !label.chars().all(is_label) {
            return Err(ConfigurationError::Value {
                setting: setting.to_owned(),
                source: InputError::Request {
                    reason: format!(
                        "\"{label}\" is not part of a host name: lower-case letters, digits and \
                         hyphens are"
                    ),
                },
            });
        }
        host.push('.');
        host.push_str(label);
    }
    checked_base_url(&format!("https://{host}.twilio.com"))
}

fn checked_base_url(text: &str) -> Result<Url, ConfigurationError> {
    let refuse = |url: &str, reason: &str| {
        Err(ConfigurationError::BaseUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        // The text may hold a password where it cannot be told apart; it is not shown.
        Err(error) => return refuse("given", &format!("{error}")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        // Neither fails on a URL with a host, and one without has no user either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        return refuse(
            url.as_str(),
            "credentials do not belong in it; use `credentials`",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse(url.as_str(), "it must end with its path");
    }
    match url.scheme() {
        "https" if cfg!(any(feature = "rustls", feature = "native-tls")) => Ok(url),
        "https" => refuse(
            url.as_str(),
            "this program was built without TLS; turn on the feature `rustls` or `native-tls` of \
             twilio-sync",
        ),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse(
            url.as_str(),
            "credentials travel with each request, so it needs https; only a loopback address may \
             have http",
        ),
        _ => refuse(url.as_str(), "it must begin with https://"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
