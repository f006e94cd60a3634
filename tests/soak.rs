//! Many tasks, many faults: what was acknowledged is there, and nothing else.
//!
//! `TWILIO_SYNC_SOAK_OPERATIONS` sets how many operations; 100,000 take some minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use twilio_sync::emulator::Fault;
use twilio_sync::retry::Attempt;
use twilio_sync::{Emulator, Error, RateLimit, SyncClient};

const TASKS: u64 = 32;

fn operations() -> u64 {
    let operations = std::env::var("TWILIO_SYNC_SOAK_OPERATIONS").ok();
    operations.map_or(4_000, |operations| {
        operations.parse().expect("a number of operations")
    })
}

/// What may be under a key: the value last acknowledged, or one of unknown outcome since. `None` is
/// nothing.
type Possible = BTreeSet<Option<u64>>;

/// What one task knows of its writes.
#[derive(Default)]
struct Knowledge {
    /// List items by the index that was acknowledged.
    added: BTreeMap<i64, String>,
    /// List items that may have been added.
    maybe_added: BTreeSet<String>,
    items: BTreeMap<String, Possible>,
    documents: BTreeMap<String, Possible>,
    /// Increments of this task's member of the shared Document: at least and at most.
    increments: (u64, u64),
    errors: BTreeMap<&'static str, u64>,
}

impl Knowledge {
    fn error(&mut self, error: &Error) {
        let kind = match error {
            Error::Service(error) if error.status().is_server_error() => "service failed",
            Error::Service(_) => "service refused",
            Error::Connection(_) => "connection",
            Error::Response(_) => "response",
            Error::Contention(_) => "contention",
            error => panic!("an error of no such kind: {error:?}"),
        };
        *self.errors.entry(kind).or_default() += 1;
        if error.is_outcome_unknown() {
            *self.errors.entry("of unknown outcome").or_default() += 1;
        }
    }
}

/// Notes what a write made possible.
fn note<T>(possible: &mut Possible, value: Option<u64>, result: &Result<T, Error>) {
    match result {
        Ok(_) => *possible = [value].into(),
        Err(error) if error.is_outcome_unknown() => drop(possible.insert(value)),
        Err(_) => {}
    }
}

fn fault() -> Fault {
    match fastrand::u8(0..6) {
        0 => Fault::cut(),
        1 => Fault::cut_after_write(),
        2 => Fault::status(429).header(http::header::RETRY_AFTER, 0),
        3 => Fault::status(503).body("<html><body>503</body></html>"),
        4 => Fault::truncate(),
        _ => Fault::delay(Duration::from_secs(2)),
    }
}

async fn operate(sync: &SyncClient, task: u64, n: u64, known: &mut Knowledge) {
    let list = sync.list::<Value>("list");
    let map = sync.map::<Value>("map");
    let docs = sync.documents::<Value>();
    let key = format!("t{task}-{}", fastrand::u8(0..5));
    let data = json!({"v": n});
    match fastrand::u8(0..8) {
        0 | 1 => {
            let id = format!("{task}-{n}");
            match list.add(&json!({"id": id})).await {
                Ok(item) => drop(known.added.insert(item.index, id)),
                Err(error) => {
                    if error.is_outcome_unknown() {
                        known.maybe_added.insert(id);
                    }
                    known.error(&error);
                }
            }
        }
        2 | 3 => {
            let result = match fastrand::u8(0..3) {
                0 => map.set(&key, &data).await,
                1 => map.merge(&key, &data).await,
                _ => map.set(&key, &data).unless_equal().await,
            };
            note(
                known.items.entry(key).or_insert([None].into()),
                Some(n),
                &result,
            );
            result.err().iter().for_each(|error| known.error(error));
        }
        4 => {
            let result = map.remove(&key).await;
            let possible = known.items.entry(key).or_insert([None].into());
            match result {
                Err(error) if error.is_not_found() => {
                    assert!(possible.contains(&None), "it was there: {possible:?}");
                    *possible = [None].into();
                }
                result => {
                    note(possible, None, &result);
                    result.err().iter().for_each(|error| known.error(error));
                }
            }
        }
        5 => {
            let result = docs.update_or_create(&key, &data).await;
            note(
                known.documents.entry(key).or_insert([None].into()),
                Some(n),
                &result,
            );
            result.err().iter().for_each(|error| known.error(error));
        }
        6 => {
            let possible = known.items.entry(key.clone()).or_insert([None].into());
            match map.find(&key).await {
                Ok(item) => {
                    let value = item.map(|item| item.data["v"].as_u64().unwrap());
                    assert!(
                        possible.contains(&value),
                        "read {value:?}, possible is {possible:?}"
                    );
                }
                Err(error) => known.error(&error),
            }
        }
        _ => {
            let member = format!("t{task}");
            let shared = format!("shared-{}", task % 4);
            let increment = |data: &mut Value| {
                data[&member] = json!(data[&member].as_u64().unwrap_or_default() + 1);
            };
            match docs.mutate(&shared, increment).await {
                Ok(_) => known.increments = (known.increments.0 + 1, known.increments.1 + 1),
                Err(error) => {
                    if error.is_outcome_unknown() {
                        known.increments.1 += 1;
                    }
                    known.error(&error);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // the second half compares, one kind of object after the other
async fn what_was_acknowledged_is_there_and_nothing_else() {
    let emulator = Arc::new(Emulator::start().await.unwrap());
    let requests = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&requests);
    let count = move |_: &Attempt| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let sync = emulator
        .client_builder()
        .unwrap()
        // The refusals are scripted: there is no rate to find.
        .rate_limit(RateLimit::off())
        .on_attempt(count)
        .build()
        .unwrap();
    sync.lists().create("list").await.unwrap();
    sync.maps().create("map").await.unwrap();
    for n in 0..4 {
        sync.documents::<Value>()
            .create(format!("shared-{n}"), &json!({}))
            .await
            .unwrap();
    }
    let begun = std::time::Instant::now();
    let (operations, faults) = (operations(), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (sync, emulator, faults) = (sync.clone(), Arc::clone(&emulator), Arc::clone(&faults));
        tasks.spawn(async move {
            let mut known = Knowledge::default();
            for n in 0..operations / TASKS {
                // An operation takes 1.4 requests or so: this is one request in twenty. It strikes
                // whoever comes next.
                if fastrand::u8(0..14) == 0 {
                    emulator.inject(fault());
                    faults.fetch_add(1, Ordering::Relaxed);
                }
                operate(&sync, task, n, &mut known).await;
            }
            (task, known)
        });
    }
    let known = tasks.join_all().await;
    emulator.clear_faults();
    let (elapsed, requests) = (begun.elapsed(), requests.load(Ordering::Relaxed));

    // The List: every item acknowledged at its index, once; of those of unknown outcome, none twice.
    let items: Vec<_> = sync
        .list::<Value>("list")
        .items()
        .try_collect()
        .await
        .unwrap();
    let mut there = BTreeMap::new();
    for item in &items {
        let id = item.data["id"].as_str().unwrap().to_owned();
        assert_eq!(
            there.insert(id, item.index),
            None,
            "an item is there twice: {item:?}"
        );
    }
    let mut maybe = BTreeSet::new();
    for (_, known) in &known {
        for (index, id) in &known.added {
            assert_eq!(
                there.remove(id),
                Some(*index),
                "item {id} is missing, or elsewhere"
            );
        }
        maybe.extend(known.maybe_added.iter().cloned());
    }
    assert!(
        there.keys().all(|id| maybe.contains(id)),
        "items that nobody added: {there:?}"
    );

    // The Map and the Documents: what was last acknowledged, or one of unknown outcome since.
    for (task, known) in &known {
        for (key, possible) in &known.items {
            let item = sync.map::<Value>("map").find(key).await.unwrap();
            let value = item.map(|item| item.data["v"].as_u64().unwrap());
            assert!(
                possible.contains(&value),
                "{key} is {value:?}, possible is {possible:?}"
            );
        }
        for (name, possible) in &known.documents {
            let document = sync.documents::<Value>().get(name).await;
            let value = match document {
                Ok(document) => document.data["v"].as_u64(),
                Err(error) if error.is_not_found() => None,
                Err(error) => panic!("{error}"),
            };
            assert!(
                possible.contains(&value),
                "{name} is {value:?}, possible is {possible:?}"
            );
        }
        let shared = sync
            .documents::<Value>()
            .get(format!("shared-{}", task % 4))
            .await
            .unwrap();
        let count = shared.data[format!("t{task}")].as_u64().unwrap_or_default();
        let (least, most) = known.increments;
        assert!(
            (least..=most).contains(&count),
            "task {task}: {count} is not in {least}..={most}"
        );
    }
    let mut errors = BTreeMap::<_, u64>::new();
    for (kind, count) in known.iter().flat_map(|(_, known)| &known.errors) {
        *errors.entry(kind).or_default() += count;
    }
    println!(
        "{operations} operations by {TASKS} tasks in {elapsed:.1?}, {requests} requests, {} faults: {} list items \
         acknowledged, {} of unknown outcome of which {} are there; errors {errors:?}",
        faults.load(Ordering::Relaxed),
        items.len() - there.len(),
        maybe.len(),
        there.len(),
    );
}

/// Messages are not stored; those that were sent are in the log of requests.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_published_twice() {
    let emulator = Arc::new(Emulator::start().await.unwrap());
    let client = emulator
        .client_builder()
        .unwrap()
        .rate_limit(RateLimit::off());
    let sync = client.build().unwrap();
    sync.streams().create("stream").await.unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (sync, emulator) = (sync.clone(), Arc::clone(&emulator));
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..30 {
                if fastrand::u8(0..20) == 0 {
                    emulator.inject(fault());
                }
                let id = format!("{task}-{n}");
                match sync.stream("stream").publish(&json!({"id": id})).await {
                    Ok(_) => acknowledged.push(id),
                    Err(error) => assert!(error.is_outcome_unknown(), "{error}"),
                }
            }
            acknowledged
        });
    }
    let acknowledged: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let mut arrived = BTreeMap::<String, u64>::new();
    for request in emulator.requests() {
        // A request refused for the rate was not processed, and is rightly sent again.
        if let (Some(data), true) = (
            request.form_value("Data"),
            request.status() != Some(StatusCode::TOO_MANY_REQUESTS),
        ) {
            let data: Value = serde_json::from_str(&data).unwrap();
            *arrived
                .entry(data["id"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    assert!(acknowledged.iter().all(|id| arrived.contains_key(id)));
    println!(
        "{} messages acknowledged of {} that arrived",
        acknowledged.len(),
        arrived.len()
    );
}
