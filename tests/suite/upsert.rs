//! Each way to write, what it does and costs, also while others create and delete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use twilio_sync::api::Operation;
use twilio_sync::call::Outcome;
use twilio_sync::emulator::Fault;
use twilio_sync::retry::Attempt;
use twilio_sync::{Documents, Error, MapItems, Result, Revision, Ttl};

use crate::{client_builder, documents, operations, start};

/// A way to write data under a name or key.
#[derive(Clone, Debug)]
enum Way {
    /// `update_or_create` of a Document, `set` of an item.
    Set,
    SetUnlessEqual,
    Create,
    Update,
    UpdateIf(Revision),
    Merge,
}

/// What it did, and the data that is there now.
type Wrote = Result<(Outcome, Value)>;

/// Writes in a way; a Document and an item differ in one name.
macro_rules! write_by {
    ($way:expr, $to:expr, $set:ident, $key:expr, $data:expr) => {{
        let (to, key, data) = ($to, $key, $data);
        let written = match $way {
            Way::Set => to.$set(key, data).await?,
            Way::SetUnlessEqual => to.$set(key, data).unless_equal().await?,
            Way::Merge => to.merge(key, data).await?,
            Way::Create => {
                let created = to.create(key, data).await?;
                return Ok((Outcome::Created, created.data));
            }
            Way::Update => {
                let updated = to.update(key, data).await?;
                return Ok((Outcome::Updated, updated.data));
            }
            Way::UpdateIf(revision) => {
                let updated = to.update(key, data).if_match(revision).await?;
                return Ok((Outcome::Updated, updated.data));
            }
        };
        Ok((written.outcome, written.object.data))
    }};
}

impl Way {
    async fn write_document(&self, to: &Documents<Value>, name: &str, data: &Value) -> Wrote {
        write_by!(self, to, update_or_create, name, data)
    }

    async fn write_item(&self, to: &MapItems<Value>, key: &str, data: &Value) -> Wrote {
        write_by!(self, to, set, key, data)
    }
}

#[tokio::test]
async fn each_way_does_what_it_says_at_its_cost() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (docs, map) = (documents(&sync), sync.map::<Value>("map"));
    let (fetch, update, create) = ("Fetch", "Update", "Create");
    type Case<'a> = (
        Way,
        Option<Value>,
        Result<(Outcome, Value), &'a str>,
        &'a [&'a str],
    );
    let cases: &[Case<'_>] = &[
        (
            Way::Set,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (
            Way::Set,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[update, create],
        ),
        (Way::Create, Some(json!({"a": 1})), Err("exists"), &[create]),
        (
            Way::Create,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[create],
        ),
        (
            Way::Update,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (Way::Update, None, Err("not found"), &[update]),
        (
            Way::UpdateIf(Revision::new("0")),
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (
            Way::UpdateIf(Revision::new("7")),
            Some(json!({"a": 1})),
            Err("conflict"),
            &[update],
        ),
        (
            Way::UpdateIf(Revision::new("0")),
            None,
            Err("not found"),
            &[update],
        ),
        (
            Way::Merge,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"a": 1, "b": 2}))),
            &[fetch, update],
        ),
        (
            Way::Merge,
            Some(json!({"b": 2, "a": 1})),
            Ok((Outcome::Unchanged, json!({"a": 1, "b": 2}))),
            &[fetch],
        ),
        (
            Way::Merge,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[fetch, create],
        ),
        (
            Way::SetUnlessEqual,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[fetch, update],
        ),
        (
            Way::SetUnlessEqual,
            Some(json!({"b": 2})),
            Ok((Outcome::Unchanged, json!({"b": 2}))),
            &[fetch],
        ),
        (
            Way::SetUnlessEqual,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[fetch, create],
        ),
    ];
    for (way, before, expected, requests) in cases {
        if let Some(before) = before {
            docs.create("it", before).await.unwrap();
            // The first write to a Map has revision 0, and so has that of a Document.
            sync.maps().remove("map").await.unwrap();
            sync.maps().create("map").await.unwrap();
            map.create("it", before).await.unwrap();
        }
        let told = |error: Error| match error {
            error if error.is_already_exists() => "exists",
            error if error.is_not_found() => "not found",
            error if error.is_revision_conflict() => "conflict",
            error => panic!("{error}"),
        };
        operations(&emulator);
        let data = json!({"b": 2});
        let outcome = way.write_document(&docs, "it", &data).await.map_err(told);
        assert_eq!(&outcome, expected, "{way:?}");
        let named = |kind: &str| {
            requests
                .iter()
                .map(|verb| format!("{verb}{kind}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(operations(&emulator), named("Document"), "{way:?}");

        let outcome = way.write_item(&map, "it", &data).await.map_err(told);
        assert_eq!(&outcome, expected, "{way:?}");
        assert_eq!(operations(&emulator), named("SyncMapItem"), "{way:?}");
        let _ = docs.remove("it").await;
        let _ = map.remove("it").await;
    }
}

#[tokio::test]
async fn merging_patches_that_are_not_of_the_type() {
    let (_emulator, sync) = start().await;
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Operator {
        name: String,
        busy: bool,
    }
    let desks = sync.documents::<Operator>();
    let whole = json!({"name": "Alice", "busy": false});
    desks.merge("desk", &whole).await.unwrap();
    let written = desks
        .merge("desk", &json!({"busy": true, "note": null}))
        .await
        .unwrap();
    assert_eq!(
        written.object.data,
        Operator {
            name: "Alice".to_owned(),
            busy: true
        }
    );
    // A time to live is set even if the data is what it was.
    let written = desks
        .merge("desk", &json!({}))
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    assert!(written.object.date_expires.is_some());
    let same = Operator {
        name: "Alice".to_owned(),
        busy: true,
    };
    let written = desks
        .update_or_create("desk", &same)
        .unless_equal()
        .ttl(Ttl::NEVER)
        .await
        .unwrap();
    assert_eq!(written.object.date_expires, None);
}

#[tokio::test]
async fn a_mutate_may_start_from_nothing() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<BTreeMap<String, u32>>("map");
    let count =
        |counts: &mut BTreeMap<String, u32>| *counts.entry("n".to_owned()).or_default() += 1;
    operations(&emulator);
    let written = map
        .mutate("k", count)
        .or_default()
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        (written.outcome, written.object.data["n"]),
        (Outcome::Created, 1)
    );
    assert!(written.object.date_expires.is_some());
    assert_eq!(
        operations(&emulator),
        ["FetchSyncMapItem", "CreateSyncMapItem"]
    );
    let written = map
        .mutate("k", count)
        .or_insert_with(|| unreachable!())
        .await
        .unwrap();
    assert_eq!(
        (written.outcome, written.object.data["n"]),
        (Outcome::Updated, 2)
    );

    // Somebody else creates it between the read and the write.
    let taken = json!({"code": 54208, "message": "exists", "status": 409}).to_string();
    emulator.inject(
        Fault::status(409)
            .body(taken)
            .on(Operation::CreateSyncMapItem),
    );
    let written = map.mutate("other", count).or_default().await.unwrap();
    assert_eq!((written.outcome, written.attempts), (Outcome::Created, 2));
    assert!(map.mutate("none", count).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_change_may_decline_or_fail() {
    use std::ops::ControlFlow;
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({"n": 1})).await.unwrap();
    operations(&emulator);
    let limit = 1; // what the function borrows need not be 'static
    let written = docs
        .mutate("desk", |desk| {
            if desk["n"] == json!(limit) {
                return ControlFlow::Break(());
            }
            desk["n"] = json!(2);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(written.outcome, Outcome::Unchanged);
    // What was done before it declined is not what is there.
    let written = docs
        .mutate("desk", |desk| {
            desk["n"] = json!("a draft");
            ControlFlow::Break(())
        })
        .await
        .unwrap();
    assert_eq!(
        (written.outcome, written.object.data),
        (Outcome::Unchanged, json!({"n": 1}))
    );
    let error = docs
        .mutate("desk", |desk| {
            desk["n"] = json!("x".parse::<u32>()?);
            Ok::<(), std::num::ParseIntError>(())
        })
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the change was refused: invalid digit found in string"
    );
    assert!(!error.is_outcome_unknown() && !error.is_retryable());
    assert_eq!(operations(&emulator), ["FetchDocument"; 3]);
    let declined = docs
        .mutate("none", |_| ControlFlow::Break(()))
        .or_default()
        .await;
    assert!(declined.unwrap_err().is_not_found());
}

/// How long the race of each way goes on; `TWILIO_SYNC_RACE_SECONDS` makes it longer.
fn race_time() -> Duration {
    let seconds = std::env::var("TWILIO_SYNC_RACE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(1, |seconds| seconds.parse().expect("a number of seconds")))
}

/// 32 tasks upsert and delete the same 10 keys. How long they do decides nothing: what is checked is
/// that each call ends, with a typed error if with one, after a bounded number of requests.
#[tokio::test(flavor = "multi_thread")]
async fn races_end_and_their_cost_is_bounded() {
    for way in [
        Way::Set,
        Way::Create,
        Way::Update,
        Way::UpdateIf(Revision::new("0")),
        Way::Merge,
        Way::SetUnlessEqual,
    ] {
        let (emulator, sync) = start().await;
        sync.maps().create("map").await.unwrap();
        let end = Instant::now() + race_time();
        let mut tasks = JoinSet::new();
        for task in 0..32u32 {
            let way = way.clone();
            // A client of its own for each task, that counts its requests.
            let requests = Arc::new(AtomicU32::new(0));
            let counted = Arc::clone(&requests);
            let count = move |_: &Attempt| {
                counted.fetch_add(1, Ordering::Relaxed);
            };
            let sync = client_builder(&emulator).on_attempt(count).build().unwrap();
            tasks.spawn(async move {
                let map = sync.map::<Value>("map");
                let mut histogram = BTreeMap::<u32, u32>::new();
                let mut n = 0u32;
                while Instant::now() < end {
                    n += 1;
                    let key = format!("k{}", fastrand::u32(0..10));
                    let data = json!({"task": task, "n": n});
                    let result = match (task + n) % 4 {
                        0 => map.remove(&key).await,
                        // So that there is something to update.
                        1 => map.set(&key, &data).await.map(drop),
                        _ => {
                            requests.store(0, Ordering::Relaxed);
                            let result = way.write_item(&map, &key, &data).await;
                            let spent = requests.load(Ordering::Relaxed);
                            *histogram.entry(spent).or_default() += 1;
                            result.map(drop)
                        }
                    };
                    if let Err(error) = result {
                        let is_expected = match (&way, (task + n) % 4) {
                            (_, 0) | (Way::Update, 2..) => error.is_not_found(),
                            (Way::Create, 2..) => error.is_already_exists(),
                            (Way::UpdateIf(_), 2..) => {
                                error.is_not_found() || error.is_revision_conflict()
                            }
                            _ => matches!(error, Error::Contention(_)),
                        };
                        assert!(is_expected, "{way:?}: {error}");
                    }
                }
                histogram
            });
        }
        let mut histogram = BTreeMap::<u32, u32>::new();
        for (requests, calls) in tasks.join_all().await.into_iter().flatten() {
            *histogram.entry(requests).or_default() += calls;
        }
        println!("{way:?}: calls by number of requests: {histogram:?}");
        assert!(!histogram.is_empty());
        // 100 attempts of at most a read, a write and a creation each.
        assert!(
            histogram.keys().all(|requests| *requests <= 300),
            "{histogram:?}"
        );
    }
}
