//! Writes of unknown outcome, resolved by reading back where that decides.

use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::call::Outcome;
use twilio_sync::emulator::Fault;
use twilio_sync::{Emulator, RetryPolicy, SyncClient};

use crate::{client_builder, documents, operations};

async fn start() -> (Emulator, SyncClient) {
    let emulator = Emulator::start().await.unwrap();
    let retry = RetryPolicy::default().base_delay(Duration::ZERO);
    let sync = client_builder(&emulator).retry(retry).build().unwrap();
    (emulator, sync)
}

#[tokio::test]
async fn a_create_that_was_ones_own_succeeded() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (docs, map) = (documents(&sync), sync.map::<Value>("map"));

    emulator.inject(Fault::cut_after_write().on(Operation::CreateDocument));
    let document = docs.create("desk", &json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(document.data, json!({"a": 1, "b": 2}));
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncMapItem));
    map.create("key", &json!({"n": 1})).await.unwrap();
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncMapItem));
    let written = map.set("other", &json!({"n": 1})).await.unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    assert!(docs.search("desk").await.unwrap().is_some());
}

/// A create is how programs take a lock: one that is there already is not one's own, however alike.
#[tokio::test]
async fn an_old_object_with_the_same_data_is_not_ones_own() {
    let (emulator, sync) = start().await;
    emulator
        .clock()
        .set(chrono::Utc::now() - chrono::TimeDelta::hours(1));
    documents(&sync).create("lock", &json!({})).await.unwrap();
    emulator.clock().set(chrono::Utc::now());
    emulator.inject(Fault::status(503).on(Operation::CreateDocument));
    let error = documents(&sync)
        .create("lock", &json!({}))
        .await
        .unwrap_err();
    assert!(
        error.is_already_exists() && error.is_outcome_unknown(),
        "{error}"
    );
}

#[tokio::test]
async fn a_create_that_somebody_else_made_is_a_conflict() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({"by": "them"})).await.unwrap();
    // The first attempt does not arrive, the second meets what is there.
    emulator.inject(Fault::cut().on(Operation::CreateDocument));
    let error = docs.create("desk", &json!({"by": "us"})).await.unwrap_err();
    assert!(
        error.is_already_exists() && !error.is_outcome_unknown(),
        "{error}"
    );
    // Written to since, it may have been ours in between.
    docs.update("desk", &json!({"by": "them again"}))
        .await
        .unwrap();
    emulator.inject(Fault::cut().on(Operation::CreateDocument));
    let error = docs.create("desk", &json!({"by": "us"})).await.unwrap_err();
    assert!(
        error.is_already_exists() && error.is_outcome_unknown(),
        "{error}"
    );
    // A List has no content that shows its creator.
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncList));
    let error = sync.lists().create("log").await.unwrap_err();
    assert!(
        error.is_already_exists() && error.is_outcome_unknown(),
        "{error}"
    );
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncList));
    assert!(sync.lists().ensure("other").await.is_ok());
}

#[tokio::test]
async fn a_conditional_update_that_was_ones_own_succeeded() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let read = docs.create("desk", &json!({"n": 0})).await.unwrap();
    operations(&emulator);
    emulator.inject(Fault::cut_after_write().on(Operation::UpdateDocument));
    let updated = docs
        .update("desk", &json!({"n": 1}))
        .if_match(&read.revision)
        .await
        .unwrap();
    assert_eq!(updated.revision.as_str(), "1");
    assert_eq!(
        operations(&emulator),
        ["UpdateDocument", "UpdateDocument", "FetchDocument"]
    );
}

#[tokio::test]
async fn a_conditional_update_that_met_anothers_is_a_conflict() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let read = docs.create("desk", &json!({"n": 0})).await.unwrap();
    docs.update("desk", &json!({"n": "theirs"})).await.unwrap();
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = docs
        .update("desk", &json!({"n": 1}))
        .if_match(&read.revision)
        .await
        .unwrap_err();
    assert!(
        error.is_revision_conflict() && !error.is_outcome_unknown(),
        "{error}"
    );
    // With two writes since, one of them may have been ours.
    docs.update("desk", &json!({"n": "theirs again"}))
        .await
        .unwrap();
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = docs
        .update("desk", &json!({"n": 1}))
        .if_match(&read.revision)
        .await
        .unwrap_err();
    assert!(
        error.is_revision_conflict() && error.is_outcome_unknown(),
        "{error}"
    );
}

#[tokio::test]
async fn a_mutation_is_not_done_twice() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("counter", &json!({"n": 0})).await.unwrap();
    let increment = |data: &mut Value| data["n"] = json!(data["n"].as_u64().unwrap() + 1);
    for (fault, n) in [
        (Fault::cut_after_write(), 1),
        (Fault::cut(), 2),
        (Fault::truncate(), 3),
    ] {
        emulator.inject(fault.on(Operation::UpdateDocument));
        let written = docs.mutate("counter", increment).await.unwrap();
        assert_eq!((written.outcome, written.attempts), (Outcome::Updated, 1));
        assert_eq!(docs.get("counter").await.unwrap().data, json!({"n": n}));
    }
    // The item of a List, whose revision does not count its writes.
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    list.add(&json!({"n": 0})).await.unwrap();
    emulator.inject(Fault::cut_after_write().on(Operation::UpdateSyncListItem));
    list.mutate(0, increment).await.unwrap();
    assert_eq!(list.get(0).await.unwrap().data, json!({"n": 1}));
}

#[tokio::test]
async fn data_that_does_not_fit_after_a_write_says_that_the_write_took_effect() {
    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    struct Sealed {
        #[serde(skip_serializing)]
        #[expect(dead_code)]
        secret: u32,
    }
    let (_emulator, sync) = start().await;
    let error = sync
        .documents()
        .create("desk", &Sealed { secret: 1 })
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.ends_with("The write took effect; this is about its response."),
        "{text}"
    );
    assert!(documents(&sync).search("desk").await.unwrap().is_some());
}
