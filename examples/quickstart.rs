//! Fifteen lines of Twilio Sync, on the embedded emulator.

use serde_json::{Value, json};
use twilio_sync::Emulator;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?; // with an account: SyncClient::from_env()?

    sync.maps().ensure("phonebook").await?;
    let phones = sync.map::<Value>("phonebook");
    phones
        .set("+815012345678", &json!({"name": "Alice", "calls": 0}))
        .await?;
    phones
        .mutate("+815012345678", |entry| entry["calls"] = json!(1))
        .await?;
    println!(
        "{:?}",
        phones.get("+815012345678").await?.map(|item| item.data)
    );
    Ok(())
}
