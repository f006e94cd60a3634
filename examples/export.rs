//! Export as JSON lines, import, and copies from place to place.

// README: export
use futures_util::{TryStreamExt, stream};
use serde_json::Value;
use twilio_sync::SyncClient;

/// Copies a phone book, by way of lines that could be written to a file.
async fn copy_phone_book(sync: &SyncClient, other: &SyncClient) -> twilio_sync::Result<usize> {
    let phones = sync.map::<Value>("phonebook");
    let lines: Vec<String> = phones
        .export(None)
        .map_ok(|line| line.to_string()) // {"kind":"map_item",…}
        .try_collect()
        .await?;

    other.maps().ensure("phonebook").await?;
    let copies = other.map::<Value>("phonebook");
    let done = copies.import(stream::iter(lines)).await?;

    // Without a file between them: a copy in the same Service, or in another.
    other.maps().ensure("phonebook-2").await?;
    phones.copy_to(&other.map::<Value>("phonebook-2")).await?;
    Ok(done.keys.len())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    let staging = sync.services().create("staging").await?;
    let other = sync.with_service(staging.sid.as_str())?;
    sync.maps().create("phonebook").await?;
    let alice = serde_json::json!({"name": "Alice"});
    sync.map("phonebook").set("+815012345678", &alice).await?;
    println!("{} items", copy_phone_book(&sync, &other).await?);
    Ok(())
}
