//! Every helper once, with its result.
//!
//! It runs on the embedded emulator, or on the real service if credentials are in the environment
//! (see `SyncClient::from_env`). It removes everything that it creates.

use std::env;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::listing::{Bounds, Order};
use twilio_sync::{Emulator, SyncClient, Ttl};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The operator at a desk, who takes calls.
#[derive(Debug, Serialize, Deserialize)]
struct Operator {
    name: String,
    busy: bool,
}

/// An entry of the phone book.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    name: String,
    calls: u32,
}

/// Prints a call, runs it, and prints its result.
macro_rules! show {
    ($call:expr) => {{
        println!("  {}", one_line(stringify!($call)));
        let result = $call.await?;
        println!("      {}", shortened(&result));
        result
    }};
}

/// The source of a call without the line breaks of its formatting.
fn one_line(call: &str) -> String {
    let words: Vec<_> = call.split_whitespace().collect();
    words.join(" ").replace(" .", ".")
}

fn shortened(result: &impl Debug) -> String {
    let text = format!("{result:?}");
    match text.char_indices().nth(150) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[tokio::main]
async fn main() -> Outcome {
    // The emulator stops when it is dropped.
    let has_credentials = ["TWILIO_ACCOUNT_SID", "MASTER_ACCOUNT_SID", "ACCOUNT_SID"]
        .map(env::var_os)
        .iter()
        .flatten()
        .any(|value| !value.is_empty());
    let (sync, _emulator) = if has_credentials {
        println!("On the real service, with the credentials of the environment.");
        (SyncClient::from_env()?, None)
    } else {
        let emulator = Emulator::start().await?;
        println!(
            "On the embedded emulator at {}; no credentials are set.",
            emulator.url()
        );
        (emulator.client()?, Some(emulator))
    };
    // Names of its own, so that no other object is touched.
    let run = format!("tour-{}", std::process::id());
    desks(&sync, &format!("{run}-desk")).await?;
    call_log(&sync, &format!("{run}-log")).await?;
    phone_book(&sync, &format!("{run}-phonebook")).await?;
    announcements(&sync, &format!("{run}-events")).await?;
    Ok(())
}

async fn desks(sync: &SyncClient, name: &str) -> Outcome {
    println!("\nDocuments: the operator at each desk");
    let desks = sync.documents::<Operator>();
    let alice = Operator {
        name: "Alice".to_owned(),
        busy: false,
    };
    let bob = Operator {
        name: "Bob".to_owned(),
        busy: false,
    };

    show!(desks.create(name, &alice).ttl(Duration::from_secs(180)));
    let document = show!(desks.get(name));
    show!(desks.search(name));
    show!(desks.search("a desk that is not there"));
    show!(desks.find("a desk that is not there"));
    show!(desks.update(name, &bob).if_match(&document.revision));
    match desks
        .update(name, &alice)
        .if_match(&document.revision)
        .await
    {
        Err(error) if error.is_revision_conflict() => {
            println!("  (the same, with the outdated revision)\n      {error}");
        }
        other => return Err(format!("an outdated write should fail, not be {other:?}").into()),
    }
    show!(desks.update_or_create(name, &alice));
    show!(desks.mutate(name, |operator| operator.busy = true));
    show!(desks.set_ttl(name, Ttl::NEVER));
    let sid = show!(desks.update(name, &bob)).sid;
    // A SID is as good as a name in every call.
    show!(desks.get(&sid));
    show!(desks.update(&sid, &alice));
    // Other people's documents need not fit `Operator`.
    show!(
        sync.documents::<Value>()
            .all()
            .limit(3)
            .try_collect::<Vec<_>>()
    );
    show!(desks.remove(name));
    let sid = show!(desks.create(name, &bob)).sid;
    show!(desks.remove_by_id(&sid));
    Ok(())
}

async fn call_log(sync: &SyncClient, name: &str) -> Outcome {
    println!("\nLists: calls, in order");
    let lists = sync.lists();
    show!(lists.create(name));
    show!(lists.get(name));
    show!(lists.search(name));
    show!(lists.ensure(name));
    let log = sync.list::<Value>(name);
    show!(log.add(&json!({"call": "from Alice"})));
    show!(
        log.add(&json!({"text": "from Bob"}))
            .ttl(Duration::from_secs(3600))
    );
    let last = show!(log.add(&json!({"call": "from Carol"})));
    show!(log.get(last.index));
    show!(
        log.update(last.index, &json!({"call": "from Carla"}))
            .if_match(&last.revision)
    );
    show!(log.mutate(last.index, |item| item["call"] = json!("from Caroline")));
    show!(
        log.items()
            .order(Order::Desc)
            .limit(2)
            .try_collect::<Vec<_>>()
    );
    show!(
        log.items()
            .from(1)
            .bounds(Bounds::Exclusive)
            .try_collect::<Vec<_>>()
    );
    show!(log.items_with_key("text").try_collect::<Vec<_>>());
    show!(log.remove_items_with_key("call"));
    let rest: Vec<_> = show!(log.items().try_collect());
    for item in rest {
        show!(log.remove(item.index));
    }
    let sid = show!(lists.set_ttl(name, Duration::from_secs(60))).sid;
    show!(lists.remove_by_id(&sid));
    show!(lists.create(name));
    show!(lists.remove(name));
    Ok(())
}

async fn phone_book(sync: &SyncClient, name: &str) -> Outcome {
    println!("\nMaps: the phone book itself");
    let maps = sync.maps();
    show!(maps.create(name));
    show!(maps.get(name));
    show!(maps.search(name));
    let phones = sync.map::<Entry>(name);
    let alice = Entry {
        name: "Alice".to_owned(),
        calls: 0,
    };
    let bob = Entry {
        name: "Bob".to_owned(),
        calls: 0,
    };
    show!(phones.set("+815012345678", &alice));
    show!(phones.set("+815012345678", &alice));
    show!(phones.create("+815087654321", &bob));
    show!(phones.get("+815012345678"));
    show!(phones.find("+810000000000"));
    show!(phones.mutate("+815012345678", |entry| entry.calls += 1));
    show!(
        phones
            .update("+815087654321", &alice)
            .ttl(Duration::from_secs(60))
    );
    show!(
        phones
            .items()
            .from("+815")
            .limit(10)
            .try_collect::<Vec<_>>()
    );
    show!(phones.set_ttl("+815087654321", Ttl::NEVER));
    show!(phones.remove("+815012345678"));
    let sid = show!(maps.ensure(name)).object.sid;
    show!(maps.remove_by_id(&sid));
    show!(maps.create(name));
    show!(maps.remove(name));
    Ok(())
}

async fn announcements(sync: &SyncClient, name: &str) -> Outcome {
    println!("\nMessage Streams: messages to the clients that are connected");
    let streams = sync.streams();
    show!(streams.create(name));
    show!(streams.get(name));
    show!(streams.search(name));
    show!(sync.stream(name).publish(&json!({"open": true})));
    let sid = show!(streams.ensure(name)).object.sid;
    show!(streams.remove_by_id(&sid));
    show!(streams.create(name));
    show!(streams.remove(name));
    Ok(())
}
