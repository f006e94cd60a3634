//! What is sent again, and what never is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::emulator::Fault;
use twilio_sync::retry::Attempt;
use twilio_sync::{Emulator, RateLimit, RetryPolicy, SyncClient};

use crate::{client_builder, documents, operations};

/// A client that does not wait between attempts, and what its callback saw.
async fn start() -> (Emulator, SyncClient, Arc<Mutex<Vec<Attempt>>>) {
    let emulator = Emulator::start().await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let sync = client_builder(&emulator)
        .retry(RetryPolicy::default().base_delay(Duration::ZERO))
        .on_attempt(move |attempt| log.lock().unwrap().push(attempt.clone()))
        .build()
        .unwrap();
    (emulator, sync, seen)
}

#[tokio::test]
async fn passing_faults_pass() {
    let (emulator, sync, seen) = start().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    for fault in [
        Fault::status(429),
        Fault::status(502),
        Fault::status(503).body("<html>"),
        Fault::status(504),
        Fault::cut(),
        Fault::cut_after_write(),
        Fault::truncate(),
    ] {
        seen.lock().unwrap().clear();
        emulator.inject(fault);
        documents(&sync).get("desk").await.unwrap();
        emulator.clear_faults();
        let attempts = seen.lock().unwrap().clone();
        assert_eq!(attempts.len(), 2, "{attempts:?}");
        assert_eq!(
            (attempts[0].number, attempts[0].operation),
            (1, "fetch_document")
        );
        assert_ne!(attempts[0].status, attempts[1].status);
        assert!(attempts[0].next_delay.is_some() && attempts[1].next_delay.is_none());
        assert!(attempts[0].path.ends_with("/Documents/desk"));
    }
}

#[tokio::test]
async fn what_is_final_is_not_repeated() {
    let (emulator, sync, _) = start().await;
    for status in [400, 401, 403, 404, 409, 412, 413, 500] {
        operations(&emulator);
        emulator.inject(Fault::status(status));
        documents(&sync).get("desk").await.unwrap_err();
        assert_eq!(operations(&emulator), ["FetchDocument"], "{status}");
    }
}

#[tokio::test]
async fn an_item_is_never_added_twice() {
    let (emulator, sync, _) = start().await;
    sync.lists().create("log").await.unwrap();
    let log = sync.list::<Value>("log");
    let count = || async { log.items_with_key("n").try_collect_len().await };
    for (fault, added) in [
        (Fault::cut_after_write(), true),
        (Fault::cut(), false),
        (Fault::truncate(), true),
        (Fault::status(503), false),
        (Fault::status(502).after_write(), true),
        (Fault::garbage(), true),
    ] {
        let before = count().await;
        operations(&emulator);
        emulator.inject(fault.on(Operation::CreateSyncListItem));
        let error = log.add(&json!({"n": 1})).await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(operations(&emulator), ["CreateSyncListItem"]);
        assert_eq!(count().await, before + usize::from(added));
    }
    // Refused before it was looked at, it is sent again.
    let before = count().await;
    emulator.inject(
        Fault::status(429)
            .on(Operation::CreateSyncListItem)
            .times(2),
    );
    log.add(&json!({"n": 1})).await.unwrap();
    assert_eq!(count().await, before + 1);
}

#[tokio::test]
async fn a_message_is_never_published_twice() {
    let (emulator, sync, _) = start().await;
    sync.streams().create("events").await.unwrap();
    operations(&emulator);
    emulator.inject(Fault::cut_after_write());
    let error = sync.stream("events").publish(&json!({})).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert_eq!(operations(&emulator), ["CreateStreamMessage"]);
}

#[tokio::test]
async fn writes_that_do_no_harm_are_repeated() {
    let (emulator, sync, _) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({})).await.unwrap();
    emulator.inject(Fault::cut_after_write());
    let update = docs.update("desk", &json!({"n": 1}));
    update.at_least_once().await.unwrap();
    emulator.inject(Fault::cut_after_write());
    docs.remove("desk")
        .await
        .expect("a success, since the object does not exist any more");
    // A removal without an ambiguous attempt still fails if there is nothing.
    assert!(docs.remove("desk").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn without_a_name_nothing_keeps_a_second_one_from_coming_into_being() {
    let (emulator, sync, _) = start().await;
    emulator.inject(Fault::cut_after_write().on(Operation::CreateDocument));
    let form = twilio_sync::api::types::CreateDocumentRequest::default();
    let nameless = sync.api().create_document(sync.service(), &form);
    assert!(nameless.await.unwrap_err().is_outcome_unknown());
    assert_eq!(operations(&emulator), ["CreateDocument"]);
}

#[tokio::test]
async fn an_unknown_outcome_stays_one_whatever_comes_after() {
    let (emulator, sync, _) = start().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    for after in [
        Fault::status(302),
        Fault::status(403),
        Fault::status(200).body("[]"),
    ] {
        let read = documents(&sync).get("desk").await.unwrap();
        emulator.inject(Fault::cut_after_write());
        emulator.inject(after);
        let error = documents(&sync)
            .update("desk", &json!({"n": 1}))
            .if_match(&read.revision)
            .await
            .unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        emulator.clear_faults();
    }
}

#[tokio::test]
async fn a_404_that_is_not_twilios_is_no_answer() {
    let (emulator, sync, _) = start().await;
    let page = || Fault::status(404).body(r#"{"code":5,"message":"Not Found"}"#);
    emulator.inject(page());
    let error = documents(&sync).search("desk").await.unwrap_err();
    assert!(
        !error.is_not_found() && error.status().unwrap() == 404,
        "{error}"
    );
    emulator.inject(page());
    let error = documents(&sync).find("desk").await.unwrap_err();
    assert_eq!(error.status().unwrap(), 404, "{error}");
    emulator.inject(Fault::status(503));
    emulator.inject(page());
    assert!(documents(&sync).remove("desk").await.is_err());
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let (emulator, sync, seen) = start().await;
    let fault = Fault::status(429).header(http::header::RETRY_AFTER, 1);
    emulator.inject(fault);
    assert!(
        documents(&sync)
            .get("desk")
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert_eq!(
        seen.lock().unwrap()[0].next_delay,
        Some(Duration::from_secs(1))
    );
    // More than the policy's patience is not waited for.
    seen.lock().unwrap().clear();
    emulator.inject(Fault::status(429).header(http::header::RETRY_AFTER, 3600));
    assert!(
        documents(&sync)
            .get("desk")
            .await
            .unwrap_err()
            .is_rate_limited()
    );
    assert_eq!(seen.lock().unwrap()[0].next_delay, None);
    // Nor does it hold other calls back.
    let other = documents(&sync).create("desk", &json!({}));
    let other = tokio::time::timeout(Duration::from_secs(60), other.into_future());
    other.await.expect("it is not held back").unwrap();
    // No time at all is not an answer: the call waits as long as without one.
    seen.lock().unwrap().clear();
    emulator.inject(Fault::status(429).header(http::header::RETRY_AFTER, 0));
    documents(&sync).get("desk").await.unwrap();
    let delay = seen.lock().unwrap()[0].next_delay;
    assert!(delay >= Some(Duration::from_millis(500)), "{delay:?}");
}

#[tokio::test]
async fn a_refusal_for_the_rate_slows_all_tasks_of_the_client() {
    let (emulator, sync, seen) = start().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    seen.lock().unwrap().clear();
    emulator.inject(Fault::status(429).header(http::header::RETRY_AFTER, 1));
    let first = tokio::spawn({
        let sync = sync.clone();
        async move { documents(&sync).get("desk").await }
    });
    while seen.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let refused = std::time::Instant::now();
    documents(&sync.clone()).get("desk").await.unwrap();
    // Not before the time the service asked for is over. A slow machine makes it longer only.
    assert!(
        refused.elapsed() > Duration::from_millis(900),
        "{:?}",
        refused.elapsed()
    );
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_rate_limit_is_kept() {
    let emulator = Emulator::start().await.unwrap();
    let limit = RateLimit::per_second(50).burst(5);
    let sync = client_builder(&emulator).rate_limit(limit).build().unwrap();
    let begun = std::time::Instant::now();
    let calls = (0..25).map(|_| {
        let sync = sync.clone();
        async move { documents(&sync).search("desk").await }
    });
    futures_util::future::try_join_all(calls).await.unwrap();
    // 5 at once, 20 more at 50 a second.
    assert!(
        begun.elapsed() >= Duration::from_millis(390),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn it_can_be_turned_off() {
    let emulator = Emulator::start().await.unwrap();
    let sync = client_builder(&emulator)
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    emulator.inject(Fault::status(503).always());
    let error = documents(&sync).get("desk").await.unwrap_err();
    assert_eq!(error.call().unwrap().attempts, 1);
    assert_eq!(operations(&emulator), ["FetchDocument"]);
}

/// Counting what a stream yields.
trait TryCollectLen {
    async fn try_collect_len(self) -> usize;
}

impl<S, T> TryCollectLen for S
where
    S: futures_util::TryStream<Ok = T, Error = twilio_sync::Error>,
{
    async fn try_collect_len(self) -> usize {
        use futures_util::TryStreamExt;
        self.try_collect::<Vec<_>>().await.unwrap().len()
    }
}
