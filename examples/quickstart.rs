//! The four kinds of objects, on the emulator: it needs no account.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::listing::Order;
use twilio_sync::{Emulator, SyncClient};

#[derive(Debug, Serialize, Deserialize)]
struct Operator {
    name: String,
    busy: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?; // it stops when it is dropped
    let sync = emulator.client()?; // with an account: SyncClient::from_env()?
    documents(&sync).await?;
    lists(&sync).await?;
    maps(&sync).await?;
    streams(&sync).await?;
    Ok(())
}

/// A Document is a JSON object under a unique name.
async fn documents(sync: &SyncClient) -> twilio_sync::Result<()> {
    let desks = sync.documents::<Operator>();
    let mut alice = Operator {
        name: "Alice".to_owned(),
        busy: false,
    };
    let ttl = Duration::from_secs(8 * 3600);
    desks.create("desk-7", &alice).ttl(ttl).await?;
    let desk = desks.get("desk-7").await?; // an error if there is none
    alice.busy = true;
    // Fails if somebody else wrote after `get`.
    desks
        .update("desk-7", &alice)
        .if_match(&desk.revision)
        .await?;
    // Reads, changes and writes, and starts again if somebody else wrote meanwhile.
    desks
        .mutate("desk-7", |operator| operator.busy = false)
        .await?;
    println!("{:?}", desks.get(&desk.sid).await?.data); // a SID is as good as a name
    desks.remove("desk-7").await?;
    println!("{:?}", desks.find("desk-7").await?); // `find` gives an Option
    Ok(())
}

/// A List holds items in order; each has an index.
async fn lists(sync: &SyncClient) -> twilio_sync::Result<()> {
    sync.lists().ensure("log").await?; // creates it if there is none
    let log = sync.list::<Value>("log");
    for number in 1..=3 {
        log.add(&json!({"call": number})).await?;
    }
    let newest = log.items().order(Order::Desc).limit(2);
    let newest: Vec<_> = newest.map_ok(|item| item.data).try_collect().await?;
    println!("{}", json!(newest));
    println!("{}", log.remove_items_with_key("call").await?); // how many
    Ok(())
}

/// A Map holds items under keys.
async fn maps(sync: &SyncClient) -> twilio_sync::Result<()> {
    sync.maps().ensure("phonebook").await?;
    let phones = sync.map::<Operator>("phonebook");
    let bob = Operator {
        name: "Bob".to_owned(),
        busy: false,
    };
    let written = phones.set("+815012345678", &bob).await?; // create or replace
    println!("{:?}", written.outcome);
    phones.remove("+815012345678").await?;
    Ok(())
}

/// A Message Stream carries messages to the clients that are connected. It stores none.
async fn streams(sync: &SyncClient) -> twilio_sync::Result<()> {
    sync.streams().ensure("events").await?;
    let events = sync.stream::<Value>("events");
    println!("{}", events.publish(&json!({"open": true})).await?); // the SID of the message
    Ok(())
}
