//! Contracts: data checked against the JSON Schema of its type.

// README: contracts
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twilio_sync::contract::contract_schema;
use twilio_sync::{Error, SyncClient};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Call {
    #[schemars(regex(pattern = r"^\+[0-9]+$"))]
    from: String,
}

async fn add_call(sync: &SyncClient, from: &str) -> twilio_sync::Result<()> {
    // `checked` is there for Documents, Lists, Maps and Message Streams. Data is checked before it
    // is written, and after it is read.
    let calls = sync.list::<Call>("calls").checked();
    let from = from.to_owned();
    match calls.add(&Call { from }).await {
        Err(Error::Contract(error)) => println!("not sent: {error}"),
        result => println!("item {}", result?.index),
    }
    Ok(())
}

/// The schema, for those who write the same data in other languages.
fn schema() -> schemars::Schema {
    contract_schema::<Call>()
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    sync.lists().create("calls").await?;
    add_call(&sync, "+815012345678").await?;
    add_call(&sync, "anonymous").await?;
    println!("{}", serde_json::to_string(&schema())?);
    Ok(())
}
