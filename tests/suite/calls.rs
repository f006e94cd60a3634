//! The options of single calls, and their responses.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::api::types::CreateDocumentRequest;
use twilio_sync::emulator::Fault;
use twilio_sync::error::ConnectionFailure;
use twilio_sync::permissions::Access;
use twilio_sync::{Error, RetryPolicy, Ttl};

use crate::scripted::{Scripted, Step, error_response};
use crate::{client_builder, documents, operations, start, start_without_retry};

/// A policy that does not wait.
fn at_once() -> RetryPolicy {
    RetryPolicy::default().base_delay(Duration::ZERO)
}

/// Checks that a call gives up after a time of its own, and is sent once.
macro_rules! gives_up {
    ($http:ident, $($call:expr,)*) => {$({
        let call = $call.timeout(Duration::from_secs(2)).retry(RetryPolicy::none());
        let error: Error = call.await.map(drop).unwrap_err();
        let what = stringify!($call);
        let Error::Connection(connection) = &error else {
            panic!("{what}: {error:?}");
        };
        assert_eq!(connection.kind, ConnectionFailure::Timeout, "{what}");
        assert_eq!(connection.call.attempts, 1, "{what}");
        let elapsed = connection.call.elapsed;
        assert_eq!(elapsed.as_secs(), 2, "{what}: {elapsed:?}");
        assert_eq!($http.count(), 1, "{what}");
    })*};
}

#[tokio::test(start_paused = true)]
async fn each_call_has_a_time_and_a_policy_of_its_own() {
    let http = Scripted::new([Step::Silence]);
    let sync = http.client_builder().build().unwrap();
    let data = json!({});
    let docs = documents(&sync);
    gives_up!(
        http,
        docs.get("x"),
        docs.find("x"),
        docs.search("x"),
        docs.create("x", &data),
        docs.update("x", &data).if_match("0"),
        docs.update_or_create("x", &data),
        docs.update_or_create("x", &data).unless_equal(),
        docs.merge("x", &data),
        docs.mutate("x", |_| ()),
        docs.set_ttl("x", Ttl::NEVER),
        docs.remove("x"),
    );
    let (lists, list) = (sync.lists(), sync.list::<Value>("x"));
    gives_up!(
        http,
        lists.get("x"),
        lists.create("x"),
        lists.ensure("x"),
        lists.set_ttl("x", Ttl::NEVER),
        lists.remove("x"),
        list.get(0),
        list.find(0),
        list.add(&data),
        list.update(0, &data),
        list.mutate(0, |_| ()),
        list.set_ttl(0, Ttl::NEVER),
        list.remove(0),
    );
    let (maps, map) = (sync.maps(), sync.map::<Value>("x"));
    gives_up!(
        http,
        maps.find("x"),
        maps.ensure("x"),
        map.get("k"),
        map.find("k"),
        map.set("k", &data),
        map.create("k", &data),
        map.merge("k", &data),
        map.update("k", &data),
        map.set_ttl("k", Ttl::NEVER),
        map.remove("k").if_match("0"),
    );
    let permissions = docs.permissions("x");
    gives_up!(
        http,
        sync.stream("x").publish(&data),
        permissions.grant("bob", Access::READ),
        permissions.revoke("bob"),
        permissions.find("bob"),
        sync.services().get("default"),
        sync.services().create("x"),
        sync.api().fetch_service(sync.service()),
        sync.api().request(http::Method::GET, ["v1"]),
    );
    // The options of a call are no other call's. This one has the client's: 30 seconds for an
    // attempt, and none begins after 60.
    let error = docs.get("x").await.unwrap_err();
    let call = error.call().unwrap();
    assert_eq!((call.attempts, http.count()), (2, 2));
    assert!(call.elapsed >= Duration::from_secs(60));
}

/// A call that has to be made of several requests has its options for each of them.
#[tokio::test]
async fn a_policy_of_ones_own_holds_for_each_request_of_a_call() {
    let (emulator, sync) = start_without_retry().await;
    let docs = documents(&sync);
    let sid = docs.create("desk", &json!({"n": 0})).await.unwrap().sid;
    emulator.clear_requests();
    let flaky = || {
        emulator.clear_faults();
        for operation in [
            Operation::FetchDocument,
            Operation::CreateDocument,
            Operation::UpdateDocument,
            Operation::DeleteDocument,
        ] {
            emulator.inject(Fault::status(503).on(operation).times(2));
        }
    };
    let asked = |operations: &[(Operation, usize)]| {
        let names = operations.iter();
        let names = names.flat_map(|(name, times)| vec![name.to_string(); *times]);
        names.collect::<Vec<_>>()
    };
    flaky();
    let error = docs.mutate("desk", |desk| desk["n"] = json!(1)).await;
    assert_eq!(error.unwrap_err().call().unwrap().attempts, 1);
    emulator.clear_requests();
    flaky();
    docs.mutate("desk", |desk| desk["n"] = json!(1))
        .retry(at_once())
        .await
        .unwrap();
    let (fetch, create) = (Operation::FetchDocument, Operation::CreateDocument);
    let (update, delete) = (Operation::UpdateDocument, Operation::DeleteDocument);
    assert_eq!(operations(&emulator), asked(&[(fetch, 3), (update, 3)]));
    flaky();
    docs.update_or_create("other", &json!({}))
        .retry(at_once())
        .at_least_once()
        .await
        .unwrap();
    assert_eq!(
        operations(&emulator),
        asked(&[(update, 3), (fetch, 3), (create, 3)])
    );
    flaky();
    docs.merge("desk", &json!({"m": 1}))
        .retry(at_once())
        .await
        .unwrap();
    assert_eq!(operations(&emulator), asked(&[(fetch, 3), (update, 3)]));
    flaky();
    docs.remove(&sid).retry(at_once()).await.unwrap();
    assert_eq!(operations(&emulator), asked(&[(delete, 3)]));
}

#[tokio::test]
async fn one_attempt_where_the_client_would_make_more() {
    let (emulator, _) = start().await;
    let sync = client_builder(&emulator).retry(at_once()).build().unwrap();
    let docs = documents(&sync);
    docs.create("desk", &json!({})).await.unwrap();
    emulator.inject(Fault::status(503).always());
    let none = RetryPolicy::none;
    for error in [
        docs.get("desk").retry(none()).await.unwrap_err(),
        docs.update("desk", &json!({}))
            .retry(none())
            .await
            .unwrap_err(),
        docs.mutate("desk", |_| ()).retry(none()).await.unwrap_err(),
    ] {
        assert_eq!(error.call().unwrap().attempts, 1);
    }
    let error = docs.get("desk").await.unwrap_err();
    assert_eq!(error.call().unwrap().attempts, 5);
}

#[tokio::test]
async fn an_answer_later_than_the_time_of_a_call_is_not_waited_for() {
    let (emulator, sync) = start_without_retry().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({})).await.unwrap();
    emulator.inject(Fault::delay(Duration::from_secs(3600)).always());
    let short = Duration::from_millis(20);
    let error = docs.get("desk").timeout(short).await.unwrap_err();
    assert!(!error.is_outcome_unknown());
    assert!(error.to_string().contains("no response in time"), "{error}");
    let update = docs.update("desk", &json!({"n": 1}));
    let error = update.timeout(short).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    let error = docs.mutate("desk", |desk| desk["n"] = json!(1));
    let error = error.timeout(short).await.unwrap_err();
    assert!(error.to_string().contains("no response in time"), "{error}");
    let response = docs.get("desk").timeout(short).response().await;
    assert!(response.is_err());
}

#[tokio::test]
async fn a_response_tells_how_it_came_about() {
    let (emulator, _) = start().await;
    let sync = client_builder(&emulator).retry(at_once()).build().unwrap();
    let docs = documents(&sync);
    let form = CreateDocumentRequest {
        unique_name: Some("desk".try_into().unwrap()),
        data: Some("{}".to_owned()),
        ..Default::default()
    };
    let create = sync.api().create_document(sync.service(), &form);
    let created = create.response().await.unwrap();
    assert_eq!((created.status, created.attempts), (StatusCode::CREATED, 1));
    let logged = || emulator.requests().pop().unwrap().request_id();
    assert_eq!(created.request_id(), Some(logged()));

    emulator.inject(Fault::status(503).times(2));
    let read = docs.get("desk").response().await.unwrap();
    assert_eq!((read.status, read.attempts), (StatusCode::OK, 3));
    assert_eq!(read.request_id(), Some(logged()));
    assert!(read.date().is_some());
    assert_ne!(read.request_id(), created.request_id());
    assert_eq!(read.value.sid, created.value.sid);

    sync.streams().create("events").await.unwrap();
    let published = sync.stream("events").publish(&json!({})).response().await;
    assert_eq!(published.unwrap().status, StatusCode::CREATED);
    docs.remove("desk").await.unwrap();
    // Nothing found is a value, whose response is what it is.
    let nothing = docs.find("desk").response().await.unwrap();
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    assert_eq!((nothing.value, nothing.attempts), (None, 1));
    let error = docs.get("desk").response().await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.call().unwrap().request_id, Some(logged()));
    assert!(error.call().unwrap().date.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_the_rate_is_repeated_by_the_policy_of_the_call() {
    let http = Scripted::new([error_response(429, 54009)]);
    let sync = http.client_builder().build().unwrap();
    let list = sync.list::<Value>("log");
    let error = list.add(&json!({})).retry(RetryPolicy::none()).await;
    assert!(error.unwrap_err().is_rate_limited());
    assert_eq!(http.count(), 1);
    let patient = RetryPolicy::default().patience(Duration::from_secs(20));
    let error = list.add(&json!({})).retry(patient).await.unwrap_err();
    assert!(!error.is_outcome_unknown());
    assert!((3..25).contains(&http.count()), "{}", http.count());
}
