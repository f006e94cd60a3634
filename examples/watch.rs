//! Live updates: each change of a Map as it happens.
//!
//! `cargo run --example watch --features emulator,realtime`

// README: watch
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::realtime::MapEvent;
use twilio_sync::{Emulator, MapItems};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?.with_identity("wallboard");
    sync.maps().create("calls").await?;
    let calls = sync.map::<Value>("calls");
    calls.set("CA1", &json!({"state": "ringing"})).await?;
    show(&calls).await?;
    Ok(())
}

/// Shows calls until one of them ends.
async fn show(calls: &MapItems<Value>) -> twilio_sync::Result<()> {
    let mut watch = calls.watch();
    while let Some(event) = watch.try_next().await? {
        match event {
            MapEvent::Initial(item) => println!("{} is {}", item.key, item.data["state"]),
            // All that was there has been emitted. What follows happens now.
            MapEvent::Ready => drop(calls.remove("CA1").await?),
            MapEvent::Added(item) => println!("{} is new: {}", item.key, item.data["state"]),
            MapEvent::Updated(item) => println!("{} is now {}", item.key, item.data["state"]),
            MapEvent::Removed(item) => {
                println!("{} has ended", item.position);
                break;
            }
            _ => {}
        }
    }
    Ok(())
}
// end
