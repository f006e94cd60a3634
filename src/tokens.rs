//! Access tokens: what client software shows the service to act as an identity.

use std::fmt::{self, Debug};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::client::{Credentials, SyncClient};
use crate::error::{ConfigurationError, Result};
use crate::value::{Identity, InputError, ServiceReference};

/// The longest lifetime of a token: a day.
pub const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The content type that marks a token as one of Twilio's.
const CONTENT_TYPE: &str = "twilio-fpa;v=1";

/// The name of the Sync grant.
const SYNC_GRANT: &str = "data_sync";

/// The JSON payload of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenClaims {
    /// The token's own name: API key and time of issue.
    pub jti: String,
    /// The API key that signed it.
    pub iss: String,
    /// The account.
    pub sub: String,
    /// When it was issued, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// Before which time it is not valid, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// When it expires, in seconds since 1970.
    pub exp: u64,
    /// Whose it is, under `identity`, and what it allows, by product.
    pub grants: Map<String, Value>,
}

/// An access token for client software, as it is put together; [`sign`](Self::sign) makes it.
///
/// ```
/// use std::time::Duration;
/// use twilio_sync::Credentials;
/// use twilio_sync::tokens::TokenBuilder;
///
/// # fn f() -> twilio_sync::Result<()> {
/// let credentials = Credentials::api_key("AC…", "SK…", "secret")?;
/// let token = TokenBuilder::new(credentials, "bob", "IS…")
///     .lifetime(Duration::from_secs(3600))
///     .sign()?;
/// println!("{}", token.as_str()); // to the browser that asked for it
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it is not signed yet"]
pub struct TokenBuilder {
    credentials: Credentials,
    identity: String,
    service: String,
    endpoint_id: Option<String>,
    lifetime: Duration,
    issued_at: Option<SystemTime>,
    not_before: Option<SystemTime>,
    region: Option<String>,
    grants: Map<String, Value>,
}

impl Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("identity", &self.identity)
            .field("service", &self.service)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl SyncClient {
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
    pub fn access_token(&self, identity: impl Into<String>) -> TokenBuilder {
        TokenBuilder::new(
            self.credentials().clone(),
            identity,
            self.service().as_str(),
        )
        .in_region(self.region())
    }
}

impl TokenBuilder {
    /// A token for an identity of 1 to 256 characters, to use a Service: its SID, or `default`.
    ///
    /// The credentials must be an API key with its secret, which signs the token.
    pub fn new(
        credentials: Credentials,
        identity: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        Self {
            credentials,
            identity: identity.into(),
            service: service.into(),
            endpoint_id: None,
            lifetime: Duration::from_secs(3600),
            issued_at: None,
            not_before: None,
            region: None,
            grants: Map::new(),
        }
    }

    /// The application's own name of the device or browser session.
    pub fn endpoint_id(mut self, endpoint_id: impl Into<String>) -> Self {
        self.endpoint_id = Some(endpoint_id.into());
        self
    }

    /// How long it is valid: 1 second to 24 hours, in whole seconds. Default: an hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The time it is issued at. Default: now.
    pub fn issued_at(mut self, time: SystemTime) -> Self {
        self.issued_at = Some(time);
        self
    }

    /// The time before which it is not valid. Default: none is named.
    pub fn not_before(mut self, time: SystemTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// The region the API key belongs to, such as `ie1`. Default: the client's region,
    /// or none is named, which is `us1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    fn in_region(mut self, region: Option<&str>) -> Self {
        self.region = region.map(ToOwned::to_owned);
        self
    }

    /// Another grant, for another product: `video` with `{"room": "…"}`, say.
    pub fn grant(mut self, name: impl Into<String>, grant: Value) -> Self {
        self.grants.insert(name.into(), grant);
        self
    }

    /// The payload of the token.
    ///
    /// # Errors
    ///
    /// As [`sign`](Self::sign).
    pub fn claims(&self) -> Result<TokenClaims> {
        let key = self.credentials.api_key_sid().ok_or_else(|| {
            ConfigurationError::Missing(vec![
                "an API key with its secret: an auth token cannot sign access tokens".to_owned(),
            ])
        })?;
        let identity = Identity::new(self.identity.as_str())?;
        let service = ServiceReference::new(self.service.as_str())?;
        let seconds = self.lifetime.as_secs();
        if seconds == 0 || self.lifetime > MAX_TOKEN_LIFETIME {
            return Err(InputError::TokenLifetime {
                lifetime: self.lifetime,
            }
            .into());
        }
        let issued = unix(self.issued_at.unwrap_or_else(SystemTime::now));
        let mut sync = Map::new();
        sync.insert("service_sid".to_owned(), service.to_string().into());
        if let Some(endpoint_id) = &self.endpoint_id {
            sync.insert("endpoint_id".to_owned(), endpoint_id.as_str().into());
        }
        for reserved in ["identity", SYNC_GRANT] {
            if self.grants.contains_key(reserved) {
                return Err(InputError::Request {
                    reason: format!("the grant `{reserved}` is made by the builder itself"),
                }
                .into());
            }
        }
        let mut grants = self.grants.clone();
        grants.insert("identity".to_owned(), identity.to_string().into());
        grants.insert(SYNC_GRANT.to_owned(), sync.into());
        let expires = issued.saturating_add(seconds);
        let begins = self.not_before.map(unix);
        if begins.is_some_and(|begins| begins >= expires) {
            return Err(InputError::Request {
                reason: "the token would expire before it becomes valid".to_owned(),
            }
            .into());
        }
        Ok(TokenClaims {
            jti: format!("{key}-{issued}"),
            iss: key.to_string(),
            sub: self.credentials.account_sid().to_string(),
            iat: Some(issued),
            nbf: begins,
            exp: expires,
            grants,
        })
    }

    /// Signs the token. No request is made.
    ///
    /// # Errors
    ///
    /// If the credentials are not an API key, the identity or the Service is not one, or the lifetime
    /// is out of range.
    pub fn sign(&self) -> Result<AccessToken> {
        let claims = self.claims()?;
        let mut header = Header::new(Algorithm::HS256);
        header.cty = Some(CONTENT_TYPE.to_owned());
        if let Some(region) = &self.region {
            header.extras.insert("twr".to_owned(), region.clone());
        }
        choose_crypto();
        let key = EncodingKey::from_secret(self.credentials.secret().expose_secret().as_bytes());
        let token =
            jsonwebtoken::encode(&header, &claims, &key).map_err(|error| InputError::Request {
                reason: format!("the token cannot be signed: {error}"),
            })?;
        Ok(AccessToken(token.into()))
    }
}

/// Chooses the cryptography for tokens, unless the program did. Left to itself, jsonwebtoken panics
/// where another crate of the program turns on a second one.
fn choose_crypto() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A signed access token. It is as good as a password for its lifetime, and does not show in `Debug`.
#[derive(Clone)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// The token, to be given to the client software that asked for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Why a token is not accepted.
#[cfg(feature = "emulator")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token, its signature is wrong, it is not valid yet or any more.
    #[error("the access token is not valid: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    /// It has expired.
    #[error("the access token is not valid: it expired {seconds} seconds ago")]
    Expired {
        /// The seconds since then.
        seconds: u64,
    },
    /// It is not valid yet.
    #[error("the access token is not valid: it becomes valid in {seconds} seconds")]
    NotYetValid {
        /// The seconds until then.
        seconds: u64,
    },
    /// It says something that does not hold.
    #[error("the access token is not valid: {0}")]
    Claim(String),
}

/// Checks a token as the service does, at a time: its signature by the secret of an API key, who made
/// it and for whom, when, and for how long.
#[cfg(feature = "emulator")]
pub(crate) fn verify(
    token: &str,
    account_sid: &str,
    api_key: &str,
    secret: &str,
    now: u64,
) -> Result<TokenClaims, TokenError> {
    use jsonwebtoken::{DecodingKey, Validation};

    let mut validation = Validation::new(Algorithm::HS256);
    // Twilio's helper libraries sign with any of them, as they are told.
    validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    validation.set_issuer(&[api_key]);
    validation.sub = Some(account_sid.to_owned());
    // The clock may be a test's.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    choose_crypto();
    let key = DecodingKey::from_secret(secret.as_bytes());
    let token = jsonwebtoken::decode::<TokenClaims>(token, &key, &validation)?;
    let refuse = |reason: String| Err(TokenError::Claim(reason));
    if token.header.cty.as_deref() != Some(CONTENT_TYPE) {
        return refuse(format!("its content type is not {CONTENT_TYPE}"));
    }
    let claims = token.claims;
    if claims.exp <= now {
        let seconds = now - claims.exp;
        return Err(TokenError::Expired { seconds });
    }
    let begins = claims.nbf.or(claims.iat).unwrap_or(now);
    if begins > now {
        let seconds = begins - now;
        return Err(TokenError::NotYetValid { seconds });
    }
    if claims.exp - begins > MAX_TOKEN_LIFETIME.as_secs() {
        return refuse("it is valid for more than 24 hours".to_owned());
    }
    match claims.grants.get("identity") {
        Some(Value::String(identity)) if Identity::new(identity.as_str()).is_ok() => {}
        _ => return refuse("it names no identity of 1 to 256 characters".to_owned()),
    }
    if !claims.grants.get(SYNC_GRANT).is_some_and(Value::is_object) {
        return refuse("it has no Sync grant".to_owned());
    }
    Ok(claims)
}
