//! Errors: what a program asks of one, and writes of unknown outcome.

// README: errors
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::SyncClient;
use twilio_sync::listing::Order;

/// Adds a call to the log once, whatever happens to the connection.
async fn log_call(sync: &SyncClient, id: &str) -> twilio_sync::Result<()> {
    let log = sync.list::<Value>("log");
    match log.add(&json!({"call": id})).await {
        Ok(item) => println!("added as item {}", item.index),
        // The service may have added it before the connection broke. A retry could add it twice, so
        // the library sends none. Look for it first.
        Err(error) if error.is_outcome_unknown() => {
            println!("{error}");
            let newest = log.items().order(Order::Desc).limit(20);
            let newest: Vec<_> = newest.try_collect().await?;
            if !newest.iter().any(|item| item.data["call"] == id) {
                return Err(error); // it is not there
            }
            println!("it was added");
        }
        Err(error) if error.is_not_found() => println!("create the List \"log\" first"),
        Err(error) => return Err(error),
    }
    Ok(())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use twilio_sync::Emulator;
    use twilio_sync::api::Operation;
    use twilio_sync::emulator::Fault;

    let emulator = Emulator::start().await?;
    let sync = emulator.client()?;
    log_call(&sync, "call-1").await?;
    sync.lists().create("log").await?;
    // The item is added, and the connection is cut before the response.
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncListItem));
    log_call(&sync, "call-1").await?;
    Ok(())
}
