//! Writes whose attempts may have taken effect although they failed: done, not done or unknown.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::bulk::Removal;
use twilio_sync::call::Outcome;
use twilio_sync::emulator::{Clock, Fault};
use twilio_sync::error::{ReadBack, WriteOutcome};
use twilio_sync::{Emulator, Error, RetryPolicy, SyncClient};

use crate::{client_builder, documents, operations};

async fn start() -> (Emulator, SyncClient) {
    let emulator = Emulator::start().await.unwrap();
    let retry = RetryPolicy::default().base_delay(Duration::ZERO);
    let sync = client_builder(&emulator).retry(retry).build().unwrap();
    (emulator, sync)
}

/// Makes all that was written so far older than the precision of the service's clock.
fn age(emulator: &Emulator) {
    emulator.clock().advance(Duration::from_secs(10));
}

fn is_equal(error: &Error) -> Option<bool> {
    match &error.call()?.read_back {
        Some(ReadBack::Present(present)) => Some(present.is_equal),
        _ => None,
    }
}

/// A create is how programs take a lock, and equal data may be another's.
#[tokio::test]
async fn a_create_without_proof_is_unknown() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (docs, map) = (documents(&sync), sync.map::<Value>("map"));
    for (fault, found) in [
        (Fault::cut_after_write(), Some(true)),
        (Fault::cut(), None),
        (Fault::status(503), None),
        (Fault::status(503).after_write(), Some(true)),
    ] {
        operations(&emulator);
        emulator.inject(fault.clone().on(Operation::CreateDocument));
        let error = docs.create("desk", &json!({"a": 1})).await.unwrap_err();
        assert!(
            error.is_outcome_unknown() && !error.is_retryable(),
            "{error}"
        );
        assert!(error.is_transient(), "{error}");
        assert_eq!(is_equal(&error), found, "{error}");
        assert_eq!(operations(&emulator), ["CreateDocument", "FetchDocument"]);
        let _ = docs.remove("desk").await;

        emulator.inject(fault.on(Operation::CreateSyncMapItem));
        let error = map.set("key", &json!({"n": 1})).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(is_equal(&error), found, "{error}");
        let _ = map.remove("key").await;
    }
    // A List has no content, and is no more certain.
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncList));
    let error = sync.lists().create("log").await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
}

/// An object that existed before the call began, by the service's own clock, is another's.
#[tokio::test]
async fn a_name_that_was_taken_before_is_a_conflict() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("lock", &json!({})).await.unwrap();
    sync.lists().create("log").await.unwrap();
    age(&emulator);
    emulator.inject(Fault::status(503).on(Operation::CreateDocument));
    let error = docs.create("lock", &json!({})).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.outcome(), WriteOutcome::NotDone);
    emulator.inject(Fault::cut().on(Operation::CreateSyncList));
    let error = sync.lists().create("log").await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.outcome(), WriteOutcome::NotDone);
    // Too near to tell.
    docs.create("other", &json!({})).await.unwrap();
    emulator.inject(Fault::status(503).on(Operation::CreateDocument));
    let error = docs.create("other", &json!({})).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
}

/// Where equal data is as good, a call says so.
#[tokio::test]
async fn a_write_at_least_once_is_done() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (docs, map) = (documents(&sync), sync.map::<Value>("map"));
    for fault in [Fault::cut(), Fault::cut_after_write(), Fault::truncate()] {
        let on = |operation| emulator.inject(fault.clone().on(operation));
        on(Operation::CreateDocument);
        let create = docs.create("desk", &json!({"n": 1}));
        create.at_least_once().await.unwrap();
        on(Operation::UpdateDocument);
        let update = docs.update("desk", &json!({"n": 2}));
        let updated = update.at_least_once().await.unwrap();
        on(Operation::UpdateDocument);
        let update = docs.update("desk", &json!({"n": 3}));
        let update = update.if_match(&updated.revision);
        update.at_least_once().await.unwrap();
        on(Operation::CreateSyncMapItem);
        map.set("key", &json!({})).at_least_once().await.unwrap();
        on(Operation::CreateSyncList);
        sync.lists().ensure("log").at_least_once().await.unwrap();
        on(Operation::DeleteDocument);
        docs.remove("desk").at_least_once().await.unwrap();
        map.remove("key").await.unwrap();
        sync.lists().remove("log").await.unwrap();
    }
    // A client can be so as a whole. Data of another is no success even then.
    let retry = RetryPolicy::default().base_delay(Duration::ZERO);
    let client = client_builder(&emulator).retry(retry).at_least_once();
    let docs = documents(&client.build().unwrap());
    emulator.inject(Fault::cut_after_write());
    docs.create("desk", &json!({"n": 1})).await.unwrap();
    emulator.inject(Fault::cut());
    let error = docs.create("desk", &json!({"n": 2})).await.unwrap_err();
    assert!(
        error.is_already_exists() && error.is_outcome_unknown(),
        "{error}"
    );
}

/// A retry must not undo what others wrote since the first attempt.
#[tokio::test]
async fn an_update_goes_on_only_if_nothing_moved() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({"n": 0})).await.unwrap();
    age(&emulator);
    operations(&emulator);
    emulator.inject(Fault::status(503).on(Operation::UpdateDocument));
    let updated = docs.update("desk", &json!({"n": 1})).await.unwrap();
    assert_eq!(updated.data, json!({"n": 1}));
    assert_eq!(
        operations(&emulator),
        ["UpdateDocument", "FetchDocument", "UpdateDocument"]
    );
    age(&emulator);
    emulator.inject(
        Fault::status(503)
            .after_write()
            .on(Operation::UpdateDocument),
    );
    let error = docs.update("desk", &json!({"n": 2})).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(is_equal(&error), Some(true));
    // A time to live leaves no trace.
    emulator.inject(Fault::status(503));
    let error = docs
        .set_ttl("desk", Duration::from_secs(60))
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
}

#[tokio::test]
async fn a_conditional_update_is_certain_where_proof_is() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let read = docs.create("desk", &json!({"n": 0})).await.unwrap();
    let update = |data: &Value| docs.update("desk", data).if_match(&read.revision);

    // Not done before: the retry does it.
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let done = update(&json!({"n": 1})).await.unwrap();
    assert_eq!(done.revision.as_str(), "1");
    // One write since, and not this one.
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = update(&json!({"n": 2})).await.unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    assert_eq!(error.outcome(), WriteOutcome::NotDone);
    // One write since, and equal: this one's, or another's.
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = update(&json!({"n": 1})).await.unwrap_err();
    assert!(
        error.is_revision_conflict() && error.is_outcome_unknown(),
        "{error}"
    );
    assert_eq!(is_equal(&error), Some(true));
    // Equal but for the expiry, which another may have set since.
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let expiring = update(&json!({"n": 1})).ttl(Duration::from_secs(60));
    let error = expiring.await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(is_equal(&error), Some(false));
    assert!(
        !error.to_string().contains("somebody else wrote"),
        "{error}"
    );
    // Two writes since: this one may be the first of them.
    docs.update("desk", &json!({"n": 3})).await.unwrap();
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = update(&json!({"n": 2})).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    // All of them before this call began.
    age(&emulator);
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let error = update(&json!({"n": 2})).await.unwrap_err();
    assert_eq!(error.outcome(), WriteOutcome::NotDone, "{error}");
}

/// A revision is one of an object, not of a name.
#[tokio::test]
async fn a_revision_reaches_no_other_object() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let read = docs.create("desk", &json!({})).await.unwrap();
    docs.remove("desk").await.unwrap();
    let new = docs.create("desk", &json!({})).await.unwrap();
    assert_eq!(read.revision, new.revision);
    let update = docs.update("desk", &json!({"n": 1}));
    let error = update.if_match(&read.revision).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    // Nor does that of another object fit a SID.
    let update = docs.update(&new.sid, &json!({"n": 1}));
    let error = update.if_match(&read.revision).await.unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    for revision in ["", "*", "\"*\""] {
        let update = docs.update("desk", &json!({"n": 1}));
        let error = update.if_match(revision).await.unwrap_err();
        assert!(matches!(error, Error::Input(_)), "{error}");
    }
    assert_eq!(docs.get("desk").await.unwrap().data, json!({}));
}

#[tokio::test]
async fn a_mutation_is_not_done_twice() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("counter", &json!({"n": 0})).await.unwrap();
    let increment = |data: &mut Value| data["n"] = json!(data["n"].as_u64().unwrap() + 1);
    emulator.inject(Fault::cut().on(Operation::UpdateDocument));
    let written = docs.mutate("counter", increment).await.unwrap();
    assert_eq!((written.outcome, written.attempts), (Outcome::Updated, 1));
    for (fault, n) in [(Fault::cut_after_write(), 2), (Fault::truncate(), 3)] {
        emulator.inject(fault.on(Operation::UpdateDocument));
        let error = docs.mutate("counter", increment).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(docs.get("counter").await.unwrap().data, json!({"n": n}));
    }
    // The item of a List, whose revision does not count its writes.
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    list.add(&json!({"n": 0})).await.unwrap();
    emulator.inject(Fault::cut_after_write().on(Operation::UpdateSyncListItem));
    let error = list.mutate(0, increment).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(list.get(0).await.unwrap().data, json!({"n": 1}));
}

/// The doubt about a write outlives the round it is of.
#[tokio::test]
async fn doubt_is_kept_from_round_to_round() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    for last in [Fault::status(403), Fault::status(500)] {
        emulator.inject(Fault::cut_after_write().on(Operation::CreateDocument));
        // The reading back, and the next round.
        emulator.inject(last.on(Operation::FetchDocument).times(5));
        let call = docs
            .mutate("desk", |_| ())
            .or_insert_with(|| json!({"n": 1}));
        emulator.clear_requests();
        let error = call.await.unwrap_err();
        assert!(!error.is_outcome_unknown(), "nothing was sent: {error}");
        emulator.clear_faults();
    }
    let ensure = || sync.lists().ensure("log").at_least_once();
    emulator.inject(Fault::cut_after_write().on(Operation::CreateSyncList));
    emulator.inject(
        Fault::status(403)
            .on(Operation::FetchSyncList)
            .nth(2)
            .always(),
    );
    let error = ensure().await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    emulator.clear_faults();
    assert!(ensure().await.is_ok());
}

/// A retry must not remove what another created since.
#[tokio::test]
async fn a_removal_reaches_one_object() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let create = async || docs.create("desk", &json!({})).await.unwrap();
    // Done, and the response lost.
    create().await;
    emulator.inject(Fault::cut_after_write().on(Operation::DeleteDocument));
    docs.remove("desk").await.unwrap();
    // Not done, and the same object there: removed by its SID.
    let old = create().await;
    age(&emulator);
    emulator.inject(Fault::status(503).on(Operation::DeleteDocument));
    docs.remove("desk").await.unwrap();
    assert!(
        emulator
            .requests()
            .last()
            .unwrap()
            .path()
            .ends_with(old.sid.as_str())
    );
    // It cannot be told whether it is the same.
    create().await;
    emulator.inject(Fault::status(503).on(Operation::DeleteDocument));
    let error = docs.remove("desk").await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert!(docs.search("desk").await.unwrap().is_some());
    // By its SID there is no doubt.
    let sid = docs.search("desk").await.unwrap().unwrap();
    for fault in [Fault::status(503), Fault::cut_after_write()] {
        emulator.inject(fault.on(Operation::DeleteDocument));
    }
    docs.remove(&sid).await.unwrap();
    // An item, at the revision that was read.
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    map.create("key", &json!({})).await.unwrap();
    age(&emulator);
    emulator.inject(Fault::status(503).on(Operation::DeleteSyncMapItem));
    map.remove("key").await.unwrap();
    assert_eq!(map.find("key").await.unwrap(), None);
}

/// A conflict after an attempt that may have removed the item is about the one that came in its place.
#[tokio::test(start_paused = true)]
async fn a_removal_spares_what_came_after_it() {
    let clock = Clock::tokio(chrono::DateTime::from_timestamp(1_750_000_000, 0).unwrap());
    let emulator = Emulator::builder().clock(clock).in_process().unwrap();
    let builder = || {
        let builder = emulator.client_builder().unwrap();
        builder.http_service(emulator.http_service())
    };
    let other = builder().build().unwrap();
    other.maps().create("map").await.unwrap();
    let map = other.map::<Value>("map");
    map.set("key", &json!({"n": 1})).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    // The first attempt does nothing. The second removes the item, which another one replaces before the
    // third.
    emulator.inject(Fault::status(503).on(Operation::DeleteSyncMapItem));
    emulator.inject(Fault::cut_after_write().on(Operation::DeleteSyncMapItem));
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let retry = RetryPolicy::default().base_delay(Duration::from_secs(60));
    let sync = builder()
        .retry(retry.max_delay(Duration::from_secs(60)))
        .on_attempt(move |attempt| {
            if attempt.operation == "delete_sync_map_item" && attempt.status.is_none() {
                let _ = sender.send(());
            }
        })
        .build()
        .unwrap();
    let items = sync.map::<Value>("map");
    let removal = tokio::spawn(async move { items.remove("key").await });
    receiver.recv().await.unwrap();
    let created = map.create("key", &json!({"n": 2})).await.unwrap();
    // The clock of the service may be too coarse to tell which one was there first.
    let removed = removal.await.unwrap();
    assert!(
        removed
            .as_ref()
            .map_or_else(Error::is_outcome_unknown, |()| true),
        "{removed:?}"
    );
    assert_eq!(map.get("key").await.unwrap(), created);
}

/// Two that remove the same items count each once.
#[tokio::test]
async fn a_removal_counts_its_own() {
    let (emulator, sync) = start().await;
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    for n in 0..20 {
        list.add(&json!({"n": n})).await.unwrap();
    }
    emulator.inject(Fault::delay(Duration::from_millis(20)).always());
    let (one, two) = tokio::join!(list.remove_all(), list.remove_all());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.keys.len() + two.keys.len(), 20, "{one:?} {two:?}");
    emulator.clear_faults();
    list.add(&json!({})).await.unwrap();
    let (one, two) = tokio::join!(
        list.remove_items_with_key("n"),
        list.remove_where(|item| item.data == json!({})),
    );
    assert_eq!((one.unwrap(), two.unwrap().keys.len()), (0, 1));
    list.add(&json!({})).await.unwrap();
    let (_, removal) = list.remove_all().next().await.unwrap().unwrap();
    assert_eq!(removal.unwrap(), Removal::Done);
}

/// A proxy's page is no conflict.
#[tokio::test]
async fn conflicts_have_a_code() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({})).await.unwrap();
    for status in [409, 412] {
        operations(&emulator);
        let page = Fault::status(status).body("<html>no</html>");
        emulator.inject(page.on(Operation::UpdateDocument));
        let mutate = docs.mutate("desk", |desk| desk["n"] = json!(status));
        let error = mutate.await.unwrap_err();
        assert!(!error.is_revision_conflict() && !error.is_already_exists());
        assert_eq!(operations(&emulator), ["FetchDocument", "UpdateDocument"]);
    }
}

/// A page token of a megabyte is no failed connection.
#[tokio::test]
async fn an_address_that_cannot_be_sent_is_an_input_error() {
    let (emulator, sync) = start().await;
    operations(&emulator);
    let call = sync.api().request(http::Method::POST, ["v1", "Services"]);
    let error = call
        .with_query("PageToken", Some("x".repeat(1 << 20)))
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert_eq!(error.outcome(), WriteOutcome::NotDone);
    assert!(operations(&emulator).is_empty());
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
