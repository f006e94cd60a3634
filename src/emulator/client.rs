//! Clients of an emulator.

use super::Emulator;
use crate::client::{SyncClient, SyncClientBuilder};
use crate::credentials::Credentials;
use crate::error::Result;

impl Emulator {
    /// A client of this emulator and its default service.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be made.
    pub fn client(&self) -> Result<SyncClient> {
        self.client_builder()?.build()
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
            .service(self.service_sid())
            .base_url(self.url()))
    }
}
