//! Clients of an emulator.

use super::Emulator;
use crate::client::{Credentials, SyncClient, SyncClientBuilder};
use crate::error::Result;

impl Emulator {
    /// A client of this emulator and its current default Service.
    ///
    /// Keep the emulator alive for as long as the client is used: when it is dropped it stops, and
    /// calls fail as they do where nothing listens. `Emulator::start().await?.client()?` gives a
    /// client without an emulator.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be created.
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
    pub fn verify_token(
        &self,
        token: &str,
    ) -> std::result::Result<crate::tokens::TokenClaims, crate::tokens::TokenError> {
        self.core().verify_token(token).map(|(claims, _)| claims)
    }

    /// The builder of a client of this emulator, for more settings. As for [`client`](Self::client),
    /// keep the emulator alive.
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
    /// Never: the emulator's SIDs are well-formed.
    pub fn client_builder(&self) -> Result<SyncClientBuilder> {
        let (account, key) = (self.account_sid().as_str(), self.api_key().as_str());
        let builder = SyncClient::builder()
            .credentials(Credentials::api_key(account, key, self.api_secret())?)
            .service(self.core().current_service())
            .base_url(self.url());
        Ok(match self.server {
            Some(_) => builder,
            None => builder.http_service(self.http_service()),
        })
    }
}
