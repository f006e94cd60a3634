//! Access tokens: the check that connections of live clients and tests have in common, and tokens for
//! development.

use std::time::{Duration, UNIX_EPOCH};

use super::Core;
use crate::client::Credentials;
use crate::emulator::store::{Service, Sid};
use crate::error::Result as ClientResult;
use crate::tokens::{AccessToken, TokenBuilder, TokenClaims, TokenError, verify};

impl Core {
    /// Checks an access token: by the secret of the API key, at the time of the clock, for a Service that
    /// exists, whose SID is returned too.
    pub(crate) fn verify_token(&self, token: &str) -> Result<(TokenClaims, Sid), TokenError> {
        let credentials = &self.credentials;
        let claims = verify(
            token,
            credentials.account_sid().as_str(),
            credentials.api_key().as_str(),
            credentials.api_secret(),
            self.seconds(),
        )?;
        let service = claims.grants["data_sync"]["service_sid"].as_str();
        let found = service.and_then(|service| {
            self.store
                .read(|store| store.service(service).map(Service::sid).ok())
        });
        match found {
            Some(sid) => Ok((claims, sid)),
            None => Err(TokenError::Claim(format!(
                "it is for the Service {service:?}, which does not exist"
            ))),
        }
    }

    /// An access token that is valid from now on.
    pub(crate) fn token(
        &self,
        identity: &str,
        service: &str,
        lifetime: Duration,
    ) -> ClientResult<AccessToken> {
        let credentials = &self.credentials;
        let credentials = Credentials::api_key(
            credentials.account_sid().as_str(),
            credentials.api_key().as_str(),
            credentials.api_secret(),
        )?;
        TokenBuilder::new(credentials, identity, service)
            .lifetime(lifetime)
            .issued_at(UNIX_EPOCH + Duration::from_secs(self.seconds()))
            .sign()
    }

    /// The time of the clock, in seconds since 1970.
    fn seconds(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp()).unwrap_or_default()
    }
}
