//! Services: the containers of all objects, and the settings these share.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::api::types::UpdateServiceRequest;
use crate::api::{Call, Operation, call_options};
use crate::client::SyncClient;
use crate::error::Result;
use crate::resource::call::{Outcome, Written};
use crate::resource::contract::Contract;
use crate::resource::kind::{Listed, Sealed};
use crate::resource::listing::Listing;
use crate::resource::record::Record;
use crate::resource::target::Target;
use crate::value::{AccountSid, InputError, ServiceReference, ServiceSid};

/// Most characters in a friendly name.
pub const MAX_FRIENDLY_NAME_LENGTH: usize = 255;

/// Most characters in a webhook's address.
pub const MAX_WEBHOOK_URL_LENGTH: usize = 512;

/// How long an endpoint must be away before it counts as disconnected, at least and at most.
pub const DEBOUNCING_WINDOW: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30);

/// A Service: the container of Documents, Lists, Maps and Message Streams, with the settings they share.
///
/// It serialises as the service writes it, but for the links, and deserialises from what the service
/// writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the API has that many settings"
)]
pub struct Service {
    /// Its SID.
    pub sid: ServiceSid,
    /// The name that the platform gave it: `default` for the account's default Service. It cannot be set.
    pub unique_name: Option<String>,
    /// A name for people; `None` if none was given.
    pub friendly_name: Option<String>,
    /// The address to which the events of its objects are posted; `None` for no webhooks.
    pub webhook_url: Option<String>,
    /// `true` if changes made through the REST API are posted too.
    pub webhooks_from_rest_enabled: bool,
    /// `true` if it is posted when a client endpoint connects or disconnects.
    pub reachability_webhooks_enabled: bool,
    /// `true` if a short loss of an endpoint's connection is not posted.
    pub reachability_debouncing_enabled: bool,
    /// For how many milliseconds an endpoint must be away before that is posted.
    pub reachability_debouncing_window: i64,
    /// `true` if client endpoints need a permission to use an object. The REST API never needs one.
    pub acl_enabled: bool,
    /// When it was created.
    pub date_created: DateTime<Utc>,
    /// When it was last changed.
    pub date_updated: DateTime<Utc>,
    /// The account it belongs to.
    pub account_sid: AccountSid,
}

impl Sealed for Service {}

impl Record for Service {
    type Raw = Self;

    fn typed(raw: Self, _: Option<&Contract>, _: bool) -> Result<Self> {
        Ok(raw)
    }

    fn title(&self) -> String {
        format!("service {}", self.sid)
    }
}

impl Listed for Service {
    const LIST: Operation = Operation::ListService;
    const MEMBER: &'static str = "services";
}

/// The Services of the account.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// let services = sync.services();
/// let staging = services.ensure("staging").acl_enabled(true).await?.object;
/// let sync = sync.with_service(staging.sid.as_str())?; // a client of that Service
///
/// services.update(&staging.sid).webhook_url("https://example.com/sync").await?;
/// services.remove(&staging.sid).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Services {
    target: Target,
}

impl SyncClient {
    /// The Services of the account.
    #[must_use]
    pub fn services(&self) -> Services {
        Services {
            target: Target::service(self.clone()),
        }
    }

    /// The SID of the Service of this client.
    ///
    /// Cost: no request if the client was given the SID, one for `default`, which is another Service for
    /// each account.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub async fn service_sid(&self) -> Result<ServiceSid> {
        let service = self.service();
        match service.as_str().parse() {
            Ok(sid) => Ok(sid),
            Err(_) => Ok(self.services().get(service).await?.sid),
        }
    }
}

impl Services {
    /// The Service at a SID or `default`.
    fn at<S>(&self, service: S) -> Target
    where
        S: TryInto<ServiceReference, Error: Into<InputError>>,
    {
        match service.try_into() {
            Ok(service) => Target::service(self.target.sync.of_service(service)),
            Err(error) => self.target.clone().failed(error.into()),
        }
    }

    /// Creates a Service. One request.
    ///
    /// Friendly names are for people: the service does not keep two Services from having the same.
    /// [`ensure`](Self::ensure) looks first.
    pub fn create(&self, friendly_name: impl Into<String>) -> CreateService {
        let call = ServiceCall::new(self.target.clone(), Operation::CreateService);
        call.friendly_name(friendly_name)
    }

    /// Reads a Service: its SID, or `default` for the account's default Service. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub fn get<S>(&self, service: S) -> Call<Service>
    where
        S: TryInto<ServiceReference, Error: Into<InputError>>,
    {
        self.at(service).record(Operation::FetchService)
    }

    /// Reads a Service; `None` if there is none. One request.
    pub fn find<S>(&self, service: S) -> Call<Option<Service>>
    where
        S: TryInto<ServiceReference, Error: Into<InputError>>,
    {
        self.at(service).find(Operation::FetchService)
    }

    /// Looks for the first Service with a friendly name; `None` if there is none. The service cannot
    /// look for it: one request for each 100 Services up to it.
    ///
    /// # Errors
    ///
    /// If the list cannot be read.
    pub async fn search(&self, friendly_name: impl Into<String>) -> Result<Option<Service>> {
        first_named(&self.target, friendly_name.into()).await
    }

    /// Finds the first Service with a friendly name, or creates it; the settings apply in the latter
    /// case. The result says which.
    ///
    /// Cost: that of [`search`](Self::search), and one request to create. Two programs that do this at
    /// the same time may create two.
    pub fn ensure(&self, friendly_name: impl Into<String>) -> EnsureService {
        let call = ServiceCall::new(self.target.clone(), Operation::CreateService);
        call.friendly_name(friendly_name)
    }

    /// Changes settings of a Service; those not named stay as they are. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub fn update<S>(&self, service: S) -> UpdateService
    where
        S: TryInto<ServiceReference, Error: Into<InputError>>,
    {
        ServiceCall::new(self.at(service), Operation::UpdateService)
    }

    /// Removes a Service with all Documents, Lists, Maps and Message Streams in it. There is no way
    /// back. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub fn remove<S>(&self, service: S) -> Call<()>
    where
        S: TryInto<ServiceReference, Error: Into<InputError>>,
    {
        self.at(service).call(Operation::DeleteService)
    }

    /// All Services of the account, as a stream. One request for each 100.
    pub fn all(&self) -> Listing<Service> {
        Listing::new(self.target.clone())
    }
}

/// The first Service with a friendly name.
async fn first_named(target: &Target, friendly_name: String) -> Result<Option<Service>> {
    let all = Listing::<Service>::new(target.clone()).prefetch(false);
    let is_named = move |service: &Service| service.friendly_name.as_ref() == Some(&friendly_name);
    all.matching(is_named).try_next().await
}

/// A call that takes settings of a Service, and gives an `R`: [`CreateService`], [`UpdateService`],
/// [`EnsureService`].
#[derive(Clone)]
#[must_use = "nothing is sent before `.await`"]
pub struct ServiceCall<R> {
    target: Target,
    operation: Operation,
    /// The settings to create a Service and to change one are the same.
    form: UpdateServiceRequest,
    window: Option<Duration>,
    result: PhantomData<fn() -> R>,
}

/// Creates a Service.
pub type CreateService = ServiceCall<Service>;

/// Changes settings of a Service.
pub type UpdateService = ServiceCall<Service>;

/// Finds a Service, or creates it if there is none.
pub type EnsureService = ServiceCall<Written<Service>>;

impl<R> Debug for ServiceCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceCall")
            .field("operation", &self.operation)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

call_options!([R] ServiceCall<R>, target.options);

impl<R> ServiceCall<R> {
    fn new(target: Target, operation: Operation) -> Self {
        Self {
            target,
            operation,
            form: UpdateServiceRequest::default(),
            window: None,
            result: PhantomData,
        }
    }

    /// Takes all settings of a form, but for the debouncing window.
    pub(crate) fn form(mut self, form: UpdateServiceRequest) -> Self {
        self.form = form;
        self
    }

    /// A name for people, up to 255 characters.
    pub fn friendly_name(mut self, name: impl Into<String>) -> Self {
        self.form.friendly_name = Some(name.into());
        self
    }

    /// The address to which the events of its objects are posted, up to 512 characters; empty for none.
    pub fn webhook_url(mut self, url: impl Into<String>) -> Self {
        self.form.webhook_url = Some(url.into());
        self
    }

    /// Sets whether changes made through the REST API are posted too.
    pub fn webhooks_from_rest_enabled(mut self, enabled: bool) -> Self {
        self.form.webhooks_from_rest_enabled = Some(enabled);
        self
    }

    /// Sets whether it is posted when a client endpoint connects or disconnects.
    pub fn reachability_webhooks_enabled(mut self, enabled: bool) -> Self {
        self.form.reachability_webhooks_enabled = Some(enabled);
        self
    }

    /// Sets whether client endpoints need a permission to use an object.
    pub fn acl_enabled(mut self, enabled: bool) -> Self {
        self.form.acl_enabled = Some(enabled);
        self
    }

    /// Sets whether a short loss of an endpoint's connection is not posted.
    pub fn reachability_debouncing_enabled(mut self, enabled: bool) -> Self {
        self.form.reachability_debouncing_enabled = Some(enabled);
        self
    }

    /// For how long an endpoint must be away before that is posted: 1 to 30 seconds, in whole
    /// milliseconds.
    pub fn reachability_debouncing_window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// The call, its settings checked.
    fn checked(self) -> Result<Call<Service>, InputError> {
        let mut form = self.form;
        let friendly_name = (
            "friendly name",
            MAX_FRIENDLY_NAME_LENGTH,
            &form.friendly_name,
        );
        let webhook_url = ("webhook URL", MAX_WEBHOOK_URL_LENGTH, &form.webhook_url);
        for (what, limit, text) in [friendly_name, webhook_url] {
            let text = text.as_deref().unwrap_or_default();
            let length = text.chars().count();
            if length > limit {
                return Err(InputError::too_long(what, limit, length, text));
            }
        }
        if let Some(window) = self.window {
            if !DEBOUNCING_WINDOW.contains(&window) {
                return Err(InputError::DebouncingWindow { window });
            }
            form.reachability_debouncing_window = i64::try_from(window.as_millis()).ok();
        }
        Ok(self.target.record(self.operation).with_form(&form))
    }
}

impl IntoFuture for ServiceCall<Service> {
    type Output = Result<Service>;
    type IntoFuture = BoxFuture<'static, Result<Service>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.checked()?.await })
    }
}

impl IntoFuture for ServiceCall<Written<Service>> {
    type Output = Result<Written<Service>>;
    type IntoFuture = BoxFuture<'static, Result<Written<Service>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let target = self.target.clone();
            let name = self.form.friendly_name.clone().unwrap_or_default();
            // Refused before anything is read, not only if there is something to create.
            let create = self.checked()?;
            match first_named(&target, name).await? {
                Some(service) => Ok(Written::new(service, Outcome::Unchanged, 1)),
                None => Ok(Written::new(create.await?, Outcome::Created, 1)),
            }
        })
    }
}
