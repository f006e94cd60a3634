//! A call is a value: options are set on it, it can be inspected, and `.await` sends it.

// README: calls
use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::Value;
use twilio_sync::{RetryPolicy, SyncClient};

async fn read_desks(sync: &SyncClient, names: &[String]) -> twilio_sync::Result<()> {
    let desks = sync.documents::<Value>();

    // Options of this call alone, in place of those of the client.
    let call = desks.get("desk-7").timeout(Duration::from_secs(2));
    let call = call.retry(RetryPolicy::none());
    println!("{} {}", call.method(), call.path()); // nothing is sent yet

    // The value, with the HTTP response around it.
    let response = call.response().await?;
    println!("{} {:?}", response.status, response.request_id());
    println!("{}", response.value.data);

    // `join_all`, `tokio::spawn` and the like take futures: `into_future` makes one.
    let calls = names.iter().map(|name| desks.get(name).into_future());
    println!("{} Documents", try_join_all(calls).await?.len());
    Ok(())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    let names = ["desk-7", "desk-8"].map(str::to_owned);
    for name in &names {
        sync.documents()
            .create(name, &serde_json::json!({"busy": false}))
            .await?;
    }
    read_desks(&sync, &names).await?;
    Ok(())
}
