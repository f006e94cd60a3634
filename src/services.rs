//! Services: the containers of all objects, and the settings these share.

use std::fmt::{self, Debug};
use std::time::Duration;

use futures_util::TryStreamExt;

use crate::api::ServiceReference;
use crate::api::types::{CreateServiceRequest, Service, UpdateServiceRequest};
use crate::call::{CallFuture, Outcome, Written};
use crate::client::SyncClient;
use crate::error::{InputError, Result};
use crate::paging::{Listed, Listing, Page, PageQuery};
use crate::resource::Sealed;
use crate::sids::ServiceSid;

/// Most characters in a friendly name.
pub const MAX_FRIENDLY_NAME_LENGTH: usize = 255;

/// Most characters in a webhook's address.
pub const MAX_WEBHOOK_URL_LENGTH: usize = 512;

/// How long an endpoint must be away before it counts as disconnected, at least and at most.
pub const DEBOUNCING_WINDOW: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30);

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
/// services.remove(&staging.sid, &staging.sid).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Services {
    sync: SyncClient,
}

impl Services {
    pub(crate) fn new(sync: SyncClient) -> Self {
        Self { sync }
    }

    /// Creates a Service. One request.
    ///
    /// Friendly names are for people: the service does not keep two Services from having the same.
    /// [`ensure`](Self::ensure) looks first.
    pub fn create(&self, friendly_name: impl Into<String>) -> CreateService {
        CreateService {
            change: Change::new(&self.sync, Some(friendly_name.into())),
        }
    }

    /// Reads the Service with a SID. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub async fn get(&self, sid: &ServiceSid) -> Result<Service> {
        let service = ServiceReference::try_from(sid)?;
        self.sync
            .call(self.sync.api().fetch_service(&service))
            .await
    }

    /// Reads the account's default Service. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if the account has none.
    pub async fn get_default(&self) -> Result<Service> {
        let service = ServiceReference::default_service();
        self.sync
            .call(self.sync.api().fetch_service(&service))
            .await
    }

    /// Looks for the first Service with a friendly name; `None` if there is none. The service cannot
    /// look for it: one request for each 100 Services up to it.
    ///
    /// # Errors
    ///
    /// If the list cannot be read.
    pub async fn search(&self, friendly_name: &str) -> Result<Option<Service>> {
        let name = friendly_name.to_owned();
        let all = self.all().prefetch(false);
        let mut found = all.matching(move |service| service.friendly_name.as_ref() == Some(&name));
        found.try_next().await
    }

    /// Finds the first Service with a friendly name, or creates it; the settings apply in the latter
    /// case. The result says which.
    ///
    /// Cost: that of [`search`](Self::search), and one request to create. Two programs that do this at
    /// the same time may create two.
    pub fn ensure(&self, friendly_name: impl Into<String>) -> EnsureService {
        EnsureService {
            change: Change::new(&self.sync, Some(friendly_name.into())),
        }
    }

    /// Changes settings of the Service with a SID; those not named stay as they are. One request.
    pub fn update(&self, sid: &ServiceSid) -> UpdateService {
        UpdateService {
            change: Change::new(&self.sync, None),
            sid: sid.clone(),
        }
    }

    /// Removes the Service with a SID, with all Documents, Lists, Maps and Message Streams in it. There
    /// is no way back, so it asks for the SID twice. One request.
    ///
    /// # Errors
    ///
    /// [`InputError::Confirmation`] if the two SIDs differ, and nothing is sent;
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub async fn remove(&self, sid: &ServiceSid, confirmation: &ServiceSid) -> Result<()> {
        if sid != confirmation {
            return Err(InputError::Confirmation {
                sid: sid.to_string(),
                confirmation: confirmation.to_string(),
            }
            .into());
        }
        let service = ServiceReference::try_from(sid)?;
        self.sync
            .call(self.sync.api().delete_service(&service))
            .await
    }

    /// All Services of the account, as a stream. One request for each 100.
    pub fn all(&self) -> Listing<Service> {
        Listing::new(self.sync.clone())
    }
}

impl Sealed for Service {}

impl Listed for Service {
    type Scope = SyncClient;

    async fn page(sync: &SyncClient, query: &PageQuery) -> Result<Page<Self>> {
        let request =
            sync.api()
                .list_service(query.page, query.page_size, query.page_token.as_deref());
        let page = sync.call(request).await?;
        Ok(Page {
            records: page.services.into_iter().map(Ok).collect(),
            meta: page.meta,
        })
    }
}

/// Settings to be made.
#[derive(Clone, Debug)]
struct Change {
    sync: SyncClient,
    form: UpdateServiceRequest,
    window: Option<Duration>,
}

impl Change {
    fn new(sync: &SyncClient, friendly_name: Option<String>) -> Self {
        Self {
            sync: sync.clone(),
            form: UpdateServiceRequest {
                friendly_name,
                ..UpdateServiceRequest::default()
            },
            window: None,
        }
    }

    /// The form, checked.
    fn form(&self) -> Result<UpdateServiceRequest> {
        let mut form = self.form.clone();
        let length = |what, limit, text: &Option<String>| match text {
            Some(text) if text.chars().count() > limit => Err(InputError::too_long(
                what,
                limit,
                text.chars().count(),
                text,
            )),
            _ => Ok(()),
        };
        length(
            "friendly name",
            MAX_FRIENDLY_NAME_LENGTH,
            &form.friendly_name,
        )?;
        length("webhook URL", MAX_WEBHOOK_URL_LENGTH, &form.webhook_url)?;
        if let Some(window) = self.window {
            if !DEBOUNCING_WINDOW.contains(&window) {
                return Err(InputError::DebouncingWindow { window }.into());
            }
            form.reachability_debouncing_window = i64::try_from(window.as_millis()).ok();
        }
        Ok(form)
    }

    async fn create(&self) -> Result<Service> {
        let form = self.form()?;
        let form = CreateServiceRequest {
            acl_enabled: form.acl_enabled,
            friendly_name: form.friendly_name,
            reachability_debouncing_enabled: form.reachability_debouncing_enabled,
            reachability_debouncing_window: form.reachability_debouncing_window,
            reachability_webhooks_enabled: form.reachability_webhooks_enabled,
            webhook_url: form.webhook_url,
            webhooks_from_rest_enabled: form.webhooks_from_rest_enabled,
        };
        self.sync.call(self.sync.api().create_service(&form)).await
    }

    async fn update(&self, sid: &ServiceSid) -> Result<Service> {
        let form = self.form()?;
        let service = ServiceReference::try_from(sid)?;
        self.sync
            .call(self.sync.api().update_service(&service, &form))
            .await
    }

    async fn ensure(&self) -> Result<Written<Service>> {
        // Refused before anything is read, not only if there is something to create.
        self.form()?;
        let name = self.form.friendly_name.as_deref().unwrap_or_default();
        match Services::new(self.sync.clone()).search(name).await? {
            Some(service) => Ok(Written::new(service, Outcome::Unchanged, 1)),
            None => Ok(Written::new(self.create().await?, Outcome::Created, 1)),
        }
    }
}

/// Defines a call that takes settings.
macro_rules! settings {
    ($(#[$doc:meta])* $name:ident { $($sid:ident: $sid_type:ty)? }.$send:ident -> $output:ty) => {
        $(#[$doc])*
        #[derive(Clone)]
        #[must_use = "nothing is sent before `.await`"]
        pub struct $name {
            change: Change,
            $($sid: $sid_type,)?
        }

        impl Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("form", &self.change.form)
                    .finish_non_exhaustive()
            }
        }

        impl $name {
            /// Where to post the events of the objects in it, up to 512 characters; empty for nowhere.
            pub fn webhook_url(mut self, url: impl Into<String>) -> Self {
                self.change.form.webhook_url = Some(url.into());
                self
            }

            /// Whether to post the changes made through the REST API too.
            pub fn webhooks_from_rest_enabled(mut self, enabled: bool) -> Self {
                self.change.form.webhooks_from_rest_enabled = Some(enabled);
                self
            }

            /// Whether to post when a client endpoint connects or disconnects.
            pub fn reachability_webhooks_enabled(mut self, enabled: bool) -> Self {
                self.change.form.reachability_webhooks_enabled = Some(enabled);
                self
            }

            /// Whether client endpoints need a permission to use an object.
            pub fn acl_enabled(mut self, enabled: bool) -> Self {
                self.change.form.acl_enabled = Some(enabled);
                self
            }

            /// Whether a short loss of an endpoint's connection is not told.
            pub fn reachability_debouncing_enabled(mut self, enabled: bool) -> Self {
                self.change.form.reachability_debouncing_enabled = Some(enabled);
                self
            }

            /// For how long an endpoint must be away before that is told: 1 to 30 seconds, in whole
            /// milliseconds.
            pub fn reachability_debouncing_window(mut self, window: Duration) -> Self {
                self.change.window = Some(window);
                self
            }
        }

        impl IntoFuture for $name {
            type Output = Result<$output>;
            type IntoFuture = CallFuture<$output>;

            fn into_future(self) -> Self::IntoFuture {
                Box::pin(async move { self.change.$send($(&self.$sid)?).await })
            }
        }
    };
}

settings! {
    /// Creates a Service.
    CreateService {}.create -> Service
}

settings! {
    /// Changes settings of a Service.
    UpdateService { sid: ServiceSid }.update -> Service
}

settings! {
    /// Finds a Service, or creates it if there is none.
    EnsureService {}.ensure -> Written<Service>
}

impl UpdateService {
    /// A name for people, up to 255 characters.
    pub fn friendly_name(mut self, name: impl Into<String>) -> Self {
        self.change.form.friendly_name = Some(name.into());
        self
    }
}
