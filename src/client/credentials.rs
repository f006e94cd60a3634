//! Who calls, and how that is proven: an API key with its secret, or the account's auth token.

use std::fmt::{self, Debug};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::value::{AccountSid, ApiKeySid, InputError};

/// Credentials of a Twilio account.
///
/// Prefer an API key: it can be revoked alone. The secret never shows in `Debug`, errors or logs.
///
/// ```
/// use twilio_sync::Credentials;
///
/// let credentials = Credentials::api_key(
///     "AC0123456789abcdef0123456789abcdef",
///     "SK0123456789abcdef0123456789abcdef",
///     "the secret",
/// )?;
/// assert!(!format!("{credentials:?}").contains("the secret"));
/// # Ok::<(), twilio_sync::error::InputError>(())
/// ```
#[derive(Clone)]
pub struct Credentials {
    account_sid: AccountSid,
    api_key: Option<ApiKeySid>,
    secret: SecretString,
}

impl Credentials {
    /// An API key (`SK…`) with its secret, and the account (`AC…`) it belongs to.
    ///
    /// # Errors
    ///
    /// If one of the SIDs is not one, or the secret is empty.
    pub fn api_key(
        account_sid: impl Into<String>,
        api_key: impl Into<String>,
        secret: impl Into<SecretString>,
    ) -> Result<Self, InputError> {
        Ok(Self {
            account_sid: AccountSid::new(account_sid)?,
            api_key: Some(ApiKeySid::new(api_key)?),
            secret: checked_secret("API secret", secret.into())?,
        })
    }

    /// The account (`AC…`) with its auth token.
    ///
    /// # Errors
    ///
    /// If the SID is not one, or the token is empty.
    pub fn auth_token(
        account_sid: impl Into<String>,
        auth_token: impl Into<SecretString>,
    ) -> Result<Self, InputError> {
        Ok(Self {
            account_sid: AccountSid::new(account_sid)?,
            api_key: None,
            secret: checked_secret("auth token", auth_token.into())?,
        })
    }

    /// The account.
    #[must_use]
    pub fn account_sid(&self) -> &AccountSid {
        &self.account_sid
    }

    /// The API key, if that is what these credentials are.
    #[must_use]
    pub fn api_key_sid(&self) -> Option<&ApiKeySid> {
        self.api_key.as_ref()
    }

    /// The API key's secret, or the auth token.
    #[cfg(feature = "tokens")]
    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// The `Authorization` header, marked as sensitive so that no log shows it.
    pub(crate) fn authorization(&self) -> HeaderValue {
        let user = self
            .api_key
            .as_ref()
            .map_or(self.account_sid.as_str(), ApiKeySid::as_str);
        let encoded = STANDARD.encode(format!("{user}:{}", self.secret.expose_secret()));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
            .expect("base64 is made of what a header may have");
        value.set_sensitive(true);
        value
    }
}

/// Fails if a secret has nothing but white space.
fn checked_secret(what: &'static str, secret: SecretString) -> Result<SecretString, InputError> {
    if secret.expose_secret().trim().is_empty() {
        return Err(InputError::EmptySecret { what });
    }
    Ok(secret)
}

impl Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("account_sid", &self.account_sid)
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}
