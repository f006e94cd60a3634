//! Writing to an object that may or may not exist.

// README: upserts
use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::SyncClient;
use twilio_sync::call::Outcome;

async fn upserts(sync: &SyncClient) -> twilio_sync::Result<()> {
    let desks = sync.documents::<Value>();
    let free = json!({"name": "Alice", "busy": false});

    // Replaces the data, or creates the Document. Of a Map's items this is `set`.
    let written = desks.update_or_create("desk-7", &free).await?;
    assert_eq!(written.outcome, Outcome::Created);

    // Writes nothing if the data is equal already, so that nobody is notified of no change.
    let written = desks
        .update_or_create("desk-7", &free)
        .unless_equal()
        .await?;
    assert_eq!(written.outcome, Outcome::Unchanged);

    // Changes some members and keeps the others: a JSON Merge Patch, in which null removes a member.
    let patch = json!({"busy": true, "name": null});
    let written = desks
        .merge("desk-7", &patch)
        .ttl(Duration::from_secs(600))
        .await?;
    assert_eq!(written.object.data, json!({"busy": true}));

    // Only creates, or only updates.
    let error = desks.create("desk-7", &free).await.unwrap_err();
    assert!(error.is_already_exists());
    let error = desks.update("desk-8", &free).await.unwrap_err();
    assert!(error.is_not_found());
    Ok(())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    upserts(&emulator.client()?).await?;
    // What each call cost.
    for request in emulator.requests() {
        println!(
            "{} {} {:?}",
            request.method(),
            request.path(),
            request.status()
        );
    }
    Ok(())
}
