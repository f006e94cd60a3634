//! Clients of an emulator.

use super::Emulator;
use super::store::Service;
use crate::client::{Credentials, SyncClient, SyncClientBuilder};
use crate::error::Result;

impl Emulator {
    /// A client of this emulator and the default service it has now.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn client(&self) -> Result<SyncClient> {
        self.client_builder()?.build()
    }

    /// Checks an access token as the service does when client software connects with it: signed by the
    /// emulator's API key for its account, valid now by its clock and for no more than 24 hours, with
    /// an identity and a grant for a Service that exists.
    ///
    /// # Errors
    ///
    /// If it is not; the error says why.
    #[cfg(feature = "tokens")]
    pub fn verify_token(
        &self,
        token: &str,
    ) -> std::result::Result<crate::tokens::TokenClaims, crate::tokens::TokenError> {
        let now = u64::try_from(self.clock().now().timestamp()).unwrap_or_default();
        let claims = crate::tokens::verify(
            token,
            self.account_sid(),
            self.api_key(),
            self.api_secret(),
            now,
        )?;
        let service = claims.grants["data_sync"]["service_sid"].as_str();
        match service {
            Some(service) if self.api.store.read(|store| store.service(service).is_ok()) => {
                Ok(claims)
            }
            service => Err(crate::tokens::TokenError::Claim(format!(
                "it is for the Service {service:?}, which does not exist"
            ))),
        }
    }

    /// A client of this emulator, with settings still to be made.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use twilio_sync::{Emulator, RetryPolicy};
    ///
    /// let emulator = Emulator::start().await?;
    /// let sync = emulator.client_builder()?.retry(RetryPolicy::none()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Never, as long as the emulator's own SIDs are well-formed, which it sees to.
    pub fn client_builder(&self) -> Result<SyncClientBuilder> {
        let credentials =
            Credentials::api_key(self.account_sid(), self.api_key(), self.api_secret())?;
        Ok(SyncClient::builder()
            .credentials(credentials)
            .service(self.current_service())
            .base_url(self.url()))
    }

    /// The SID of the default service, which a seed may have changed.
    fn current_service(&self) -> String {
        let service = self
            .api
            .store
            .read(|store| store.service("default").map(Service::sid));
        service.map_or_else(|_| self.service_sid().to_owned(), |sid| sid.to_string())
    }
}
