//! The access tokens of a connection.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use crate::client::{SyncClient, TokenProvider};
use crate::error::{ConfigurationError, Result};
use crate::tokens::TokenBuilder;

/// The part of its lifetime after which a token is renewed.
const RENEWAL: f64 = 0.8;
/// The shortest time until a token is renewed, whatever its lifetime.
const SHORTEST: Duration = Duration::from_secs(1);

/// An access token, and when another one is needed.
#[derive(Clone, Debug)]
pub(super) struct LiveToken {
    text: SecretString,
    /// None if its lifetime is not known: the service says when it ends.
    pub(super) renewal: Option<Instant>,
}

impl LiveToken {
    pub(super) fn new(text: SecretString, now: Instant) -> Self {
        let lifetime = lifetime(text.expose_secret());
        let renewal = lifetime.map(|lifetime| lifetime.mul_f64(RENEWAL).max(SHORTEST));
        Self {
            // One that lasts longer than time can be counted is never renewed.
            renewal: renewal.and_then(|renewal| now.checked_add(renewal)),
            text,
        }
    }

    pub(super) fn text(&self) -> &str {
        self.text.expose_secret()
    }
}

/// The time until a token expires, as it says.
fn lifetime(token: &str) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(claims.exp).saturating_sub(now))
}

/// The source of access tokens.
#[derive(Clone, Debug)]
pub(super) enum TokenSource {
    /// The client signs them.
    Signed(Box<TokenBuilder>),
    Provided(TokenProvider),
}

impl TokenSource {
    /// The source that a client is set up with.
    pub(super) fn new(sync: &SyncClient) -> Result<Self> {
        if let Some(provider) = sync.token_provider() {
            return Ok(Self::Provided(provider.clone()));
        }
        let Some(identity) = sync.identity() else {
            let missing = "the identity that watches: `SyncClientBuilder::identity`, \
                           `SyncClient::with_identity` or a `token_provider`";
            return Err(ConfigurationError::Missing(vec![missing.to_owned()]).into());
        };
        let builder = sync.access_token(identity);
        builder.claims()?;
        Ok(Self::Signed(Box::new(builder)))
    }

    /// A new token.
    pub(super) async fn token(self) -> Result<LiveToken, String> {
        let text = match self {
            Self::Signed(builder) => {
                let token = builder.sign().map_err(|error| error.to_string())?;
                token.as_str().into()
            }
            Self::Provided(provider) => provider.provide().await?,
        };
        Ok(LiveToken::new(text, Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_last_longer_than_time_can_be_counted() {
        let now = Instant::now();
        let token = |exp: u64| {
            let claims = URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{exp}}}"));
            LiveToken::new(format!("e30.{claims}.x").into(), now)
        };
        assert_eq!(token(u64::MAX).renewal, None);
        assert_eq!(token(0).renewal, Some(now + SHORTEST));
    }
}
