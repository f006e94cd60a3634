//! An access token, with which a browser or phone connects.

// README: tokens
use std::time::Duration;

use twilio_sync::SyncClient;
use twilio_sync::tokens::AccessToken;

/// The credentials of the client must be an API key, whose secret signs the token. No request is sent.
fn token(sync: &SyncClient, identity: &str) -> twilio_sync::Result<AccessToken> {
    let hour = Duration::from_secs(3600);
    sync.access_token(identity).lifetime(hour).sign()
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let token = token(&emulator.client()?, "alice")?;
    // `as_str` is for the client software; `Debug` does not show it. A test can check it.
    let claims = emulator.verify_token(token.as_str())?;
    println!("{}", claims.grants["identity"]);
    Ok(())
}
