//! The settings of live updates.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use url::Url;

use super::builder::SyncClientBuilder;
use super::endpoint::{checked_base_url, region};
use super::{Shared, SyncClient};
use crate::error::{ConfigurationError, Result};

/// A function that gives access tokens.
#[derive(Clone)]
pub(crate) struct TokenProvider(Arc<dyn Fn() -> Provided + Send + Sync>);

type Provided = BoxFuture<'static, std::result::Result<SecretString, String>>;

impl TokenProvider {
    pub(crate) fn provide(&self) -> Provided {
        (self.0)()
    }
}

impl Debug for TokenProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenProvider")
    }
}

/// The settings of live updates.
#[derive(Clone, Debug, Default)]
pub(super) struct RealtimeSettings {
    pub(super) identity: Option<String>,
    pub(super) provider: Option<TokenProvider>,
    pub(super) url: Option<String>,
}

impl SyncClientBuilder {
    /// The identity that watches, of 1 to 256 characters. The client signs access tokens for it with its
    /// API key, and renews them. In a Service with `acl_enabled` the identity needs permission to read
    /// what it watches, even if the credentials may read all.
    pub fn identity(mut self, identity: impl Into<String>) -> Self {
        self.realtime.identity = Some(identity.into());
        self
    }

    /// A function that gives access tokens for live updates, for a program without an API key. It is
    /// called before the first connection, and when a token is about to expire; a failure is retried
    /// after a pause, and so is a call that takes longer than 30 seconds. It goes before an
    /// [`identity`](Self::identity).
    ///
    /// ```
    /// # async fn ask_my_server() -> Result<String, std::io::Error> { Ok("eyJ…".to_owned()) }
    /// # fn f() {
    /// let builder = twilio_sync::SyncClient::builder().token_provider(|| ask_my_server());
    /// # let _ = builder;
    /// # }
    /// ```
    pub fn token_provider<F, E>(mut self, provide: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::result::Result<String, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let provide = move || {
            let token = provide();
            async move {
                let token = token.await;
                token.map(Into::into).map_err(|error| error.to_string())
            }
            .boxed()
        };
        self.realtime.provider = Some(TokenProvider(Arc::new(provide)));
        self
    }

    /// Another address for live updates, such as an emulator's `realtime_url`. Default: that of the
    /// region, or that of the emulator if the base URL is one.
    ///
    /// It needs `wss`, since it gets access tokens; the logs of `tungstenite` have them too, see
    /// [`realtime`](crate::realtime#access-tokens-in-logs). Only loopback addresses may have `ws`.
    pub fn realtime_url(mut self, url: impl Into<String>) -> Self {
        self.realtime.url = Some(url.into());
        self
    }
}

impl SyncClient {
    /// The same client for live updates as another identity, with a connection of its own. See
    /// [`SyncClientBuilder::identity`].
    #[must_use]
    pub fn with_identity(&self, identity: impl Into<String>) -> Self {
        let mut shared = Shared::clone(&self.0);
        shared.realtime.identity = Some(identity.into());
        shared.realtime.provider = None;
        shared.connection = Arc::default();
        Self(Arc::new(shared))
    }

    /// The identity for live updates, if one is set.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.0.realtime.identity.as_deref()
    }

    pub(crate) fn token_provider(&self) -> Option<&TokenProvider> {
        self.0.realtime.provider.as_ref()
    }

    /// The address for live updates, with `http` or `https` for `ws` or `wss`.
    pub(crate) fn realtime_url(&self) -> Result<Url, ConfigurationError> {
        if let Some(url) = &self.0.realtime.url {
            let url = match url.split_once("://") {
                Some(("ws", rest)) => format!("http://{rest}"),
                Some(("wss", rest)) => format!("https://{rest}"),
                _ => url.clone(),
            };
            return checked_base_url(&url);
        }
        let mut url = self.0.base_url.clone();
        let is_twilios = url
            .host_str()
            .is_some_and(|host| host == "twilio.com" || host.ends_with(".twilio.com"));
        if is_twilios {
            let region = self.0.region.as_deref().or_else(|| region(&url));
            let region = region.unwrap_or("us1");
            return checked_base_url(&format!("https://tsock.{region}.twilio.com/v3/wsconnect"));
        }
        url.set_path("/v3/wsconnect");
        Ok(url)
    }

    /// The time that a connection may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }

    /// The connection that `realtime` keeps in this client, made at first use.
    pub(crate) fn connection<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        if let Some(kept) = self.connection_made() {
            return Ok(kept);
        }
        let new = Arc::new(make()?);
        // Another call may have been first.
        let kept = self.0.connection.get_or_init(|| Arc::clone(&new) as _);
        Ok(Arc::clone(kept).downcast().unwrap_or(new))
    }

    /// The same, if it was made.
    pub(crate) fn connection_made<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.connection.get().cloned()?.downcast().ok()
    }
}
