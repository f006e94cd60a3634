//! Upserts by policy, and while others create and delete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use twilio_sync::emulator::{Fault, Operation};
use twilio_sync::{Attempt, Error, Outcome, Policy, Revision};

use crate::{client_builder, documents, operations, start};

#[tokio::test]
async fn each_policy_does_what_it_says_at_its_cost() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (docs, map) = (documents(&sync), sync.map::<Value>("map"));
    let (fetch, update, create) = ("Fetch", "Update", "Create");
    type Case<'a> = (
        Policy,
        Option<Value>,
        Result<(Outcome, Value), &'a str>,
        &'a [&'a str],
    );
    let cases: &[Case<'_>] = &[
        (
            Policy::Replace,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (
            Policy::Replace,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[update, create],
        ),
        (
            Policy::CreateOnly,
            Some(json!({"a": 1})),
            Err("exists"),
            &[create],
        ),
        (
            Policy::CreateOnly,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[create],
        ),
        (
            Policy::UpdateOnly,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (Policy::UpdateOnly, None, Err("not found"), &[update]),
        (
            Policy::UpdateIf(Revision::new("0")),
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[update],
        ),
        (
            Policy::UpdateIf(Revision::new("7")),
            Some(json!({"a": 1})),
            Err("conflict"),
            &[update],
        ),
        (
            Policy::UpdateIf(Revision::new("0")),
            None,
            Err("not found"),
            &[update],
        ),
        (
            Policy::Merge,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"a": 1, "b": 2}))),
            &[fetch, update],
        ),
        (
            Policy::Merge,
            Some(json!({"b": 2, "a": 1})),
            Ok((Outcome::Unchanged, json!({"a": 1, "b": 2}))),
            &[fetch],
        ),
        (
            Policy::Merge,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[fetch, create],
        ),
        (
            Policy::SkipIfEqual,
            Some(json!({"a": 1})),
            Ok((Outcome::Updated, json!({"b": 2}))),
            &[fetch, update],
        ),
        (
            Policy::SkipIfEqual,
            Some(json!({"b": 2})),
            Ok((Outcome::Unchanged, json!({"b": 2}))),
            &[fetch],
        ),
        (
            Policy::SkipIfEqual,
            None,
            Ok((Outcome::Created, json!({"b": 2}))),
            &[fetch, create],
        ),
    ];
    for (policy, before, expected, requests) in cases {
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
        let written = docs
            .update_or_create("it", &json!({"b": 2}))
            .policy(policy.clone())
            .await;
        let outcome = written
            .map(|written| (written.outcome, written.object.data))
            .map_err(told);
        assert_eq!(&outcome, expected, "{policy:?}");
        let named = |kind: &str| {
            requests
                .iter()
                .map(|verb| format!("{verb}{kind}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(operations(&emulator), named("Document"), "{policy:?}");

        let written = map.set("it", &json!({"b": 2})).policy(policy.clone()).await;
        let outcome = written
            .map(|written| (written.outcome, written.object.data))
            .map_err(told);
        assert_eq!(&outcome, expected, "{policy:?}");
        assert_eq!(operations(&emulator), named("SyncMapItem"), "{policy:?}");
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

/// How long each policy's race goes on; `TWILIO_SYNC_RACE_SECONDS` makes it longer.
fn race_time() -> Duration {
    let seconds = std::env::var("TWILIO_SYNC_RACE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(1, |seconds| seconds.parse().expect("a number of seconds")))
}

/// 32 tasks upsert and delete the same 10 keys. How long they do decides nothing: what is checked is
/// that each call ends, with a typed error if with one, after a bounded number of requests.
#[tokio::test(flavor = "multi_thread")]
async fn races_end_and_their_cost_is_bounded() {
    for policy in [
        Policy::Replace,
        Policy::CreateOnly,
        Policy::UpdateOnly,
        Policy::UpdateIf(Revision::new("0")),
        Policy::Merge,
        Policy::SkipIfEqual,
    ] {
        let (emulator, sync) = start().await;
        sync.maps().create("map").await.unwrap();
        let end = Instant::now() + race_time();
        let mut tasks = JoinSet::new();
        for task in 0..32u32 {
            let policy = policy.clone();
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
                            let result = map.set(&key, &data).policy(policy.clone()).await;
                            let spent = requests.load(Ordering::Relaxed);
                            *histogram.entry(spent).or_default() += 1;
                            result.map(drop)
                        }
                    };
                    if let Err(error) = result {
                        let is_expected = match (&policy, (task + n) % 4) {
                            (_, 0) | (Policy::UpdateOnly, 2..) => error.is_not_found(),
                            (Policy::CreateOnly, 2..) => error.is_already_exists(),
                            (Policy::UpdateIf(_), 2..) => {
                                error.is_not_found() || error.is_revision_conflict()
                            }
                            _ => matches!(error, Error::Contention(_)),
                        };
                        assert!(is_expected, "{policy:?}: {error}");
                    }
                }
                histogram
            });
        }
        let mut histogram = BTreeMap::<u32, u32>::new();
        for (requests, calls) in tasks.join_all().await.into_iter().flatten() {
            *histogram.entry(requests).or_default() += calls;
        }
        println!("{policy:?}: calls by number of requests: {histogram:?}");
        assert!(!histogram.is_empty());
        // 100 attempts of at most a read, a write and a creation each.
        assert!(
            histogram.keys().all(|requests| *requests <= 300),
            "{histogram:?}"
        );
    }
}
