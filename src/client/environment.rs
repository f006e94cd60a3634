//! Settings from environment variables.

use super::builder::SyncClientBuilder;
use super::credentials::Credentials;
use crate::error::{ConfigurationError, Result};
use crate::value::{AccountSid, ApiKeySid};

impl SyncClientBuilder {
    /// Takes credentials, Service and address from the environment, by the names in the table of
    /// [`SyncClient::from_env`](crate::SyncClient::from_env). Other settings can be made before or after.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use twilio_sync::SyncClient;
    /// let sync = SyncClient::builder().from_env()?.timeout(Duration::from_secs(5)).build()?;
    /// # Ok::<(), twilio_sync::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If variables are missing, which are named all at once, or have unusable values.
    #[allow(
        clippy::wrong_self_convention,
        reason = "a setting like the others, of a builder"
    )]
    pub fn from_env(self) -> Result<Self> {
        self.from_variables(|name| std::env::var(name).ok())
    }

    /// The same with a function in place of the environment. Empty values count as missing.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    #[allow(
        clippy::wrong_self_convention,
        reason = "a setting like the others, of a builder"
    )]
    pub fn from_variables(self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
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
        let mut builder = self.credentials(credentials).service(service);
        builder.region = value("TWILIO_REGION").or(builder.region);
        builder.edge = value("TWILIO_EDGE").or(builder.edge);
        builder.base_url = value("TWILIO_SYNC_BASE_URL").or(builder.base_url);
        #[cfg(feature = "realtime")]
        {
            let url = value("TWILIO_SYNC_REALTIME_URL");
            builder.realtime.url = url.or(builder.realtime.url);
        }
        Ok(builder)
    }
}
