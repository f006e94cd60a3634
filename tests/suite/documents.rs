//! The helpers for Documents.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::call::Outcome;
use twilio_sync::emulator::Fault;
use twilio_sync::value::{DocumentSid, UniqueName};
use twilio_sync::{Document, Error, Revision, Ttl};

use crate::{documents, start};

/// A Document can be stored as JSON, and read from there or from a response of the service.
#[tokio::test]
async fn documents_deserialise() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let document = docs.create("desk", &json!({"busy": [null]})).await.unwrap();
    let stored = serde_json::to_string(&document).unwrap();
    assert_eq!(
        serde_json::from_str::<Document<Value>>(&stored).unwrap(),
        document
    );

    let path = [
        "v1",
        "Services",
        sync.service().as_str(),
        "Documents",
        "desk",
    ];
    let body = sync.api().request(http::Method::GET, path).await.unwrap();
    assert_eq!(body.unwrap().decode::<Document<Value>>().unwrap(), document);
}

#[tokio::test]
async fn create_get_search_update_remove() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    assert_eq!(docs.search("desk").await.unwrap(), None);

    let created = docs.create("desk", &json!({"busy": false})).await.unwrap();
    assert_eq!(created.unique_name.as_deref(), Some("desk"));
    assert_eq!(created.data, json!({"busy": false}));
    assert_eq!(created.date_expires, None);
    assert_eq!(docs.get("desk").await.unwrap(), created);
    assert_eq!(docs.get(&created.sid).await.unwrap(), created);
    assert_eq!(
        docs.search("desk").await.unwrap().as_ref(),
        Some(&created.sid)
    );

    let updated = docs.update("desk", &json!({"busy": true})).await.unwrap();
    assert_eq!(updated.sid, created.sid);
    assert_ne!(updated.revision, created.revision);
    let updated = docs
        .update(&created.sid, &json!({"busy": 1}))
        .await
        .unwrap();
    assert_eq!(docs.get("desk").await.unwrap().data, json!({"busy": 1}));
    assert_eq!(updated.data, json!({"busy": 1}));

    docs.remove("desk").await.unwrap();
    for error in [
        docs.get("desk").await.unwrap_err(),
        docs.update("desk", &json!({})).await.unwrap_err(),
        docs.remove("desk").await.unwrap_err(),
        docs.remove_by_id(&created.sid).await.unwrap_err(),
    ] {
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.code(), Some(20404));
    }
}

#[tokio::test]
async fn a_taken_name_is_told() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    docs.create("desk", &json!({})).await.unwrap();
    let error = docs.create("desk", &json!({})).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.code(), Some(54301));
    // A List is another kind of object.
    sync.lists().create("desk").await.unwrap();
}

#[tokio::test]
async fn update_or_create_says_which() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let first = docs
        .update_or_create("desk", &json!({"n": 1}))
        .await
        .unwrap();
    assert_eq!(
        (first.outcome, first.is_created()),
        (Outcome::Created, true)
    );
    let second = docs
        .update_or_create("desk", &json!({"n": 2}))
        .await
        .unwrap();
    assert_eq!(second.outcome, Outcome::Updated);
    assert_eq!(second.object.sid, first.object.sid);
    assert_eq!(docs.get("desk").await.unwrap().data, json!({"n": 2}));
}

#[tokio::test]
async fn if_match_keeps_what_others_wrote() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let read = docs.create("desk", &json!({"n": 0})).await.unwrap();
    docs.update("desk", &json!({"n": 1}))
        .if_match(&read.revision)
        .await
        .unwrap();
    let error = docs
        .update("desk", &json!({"n": 2}))
        .if_match(&read.revision)
        .await
        .unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    assert_eq!(error.code(), Some(54103));
    let error = docs
        .update("desk", &json!({"n": 2}))
        .if_match("77")
        .await
        .unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    assert_eq!(docs.get("desk").await.unwrap().data, json!({"n": 1}));
    assert_eq!(Revision::new("\"77\"").as_str(), "77");
}

#[tokio::test]
async fn times_to_live() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let document = docs
        .create("desk", &json!({}))
        .ttl(Duration::from_secs(180))
        .await
        .unwrap();
    let lifetime = document.date_expires.unwrap() - document.date_created;
    assert_eq!(lifetime, TimeDelta::seconds(180));
    // A write without a time to live leaves it.
    let updated = docs.update("desk", &json!({"n": 1})).await.unwrap();
    assert_eq!(updated.date_expires, document.date_expires);
    let unlimited = docs.set_ttl("desk", Ttl::NEVER).await.unwrap();
    assert_eq!(unlimited.date_expires, None);
    assert_eq!(unlimited.data, json!({"n": 1}));
    let updated = docs
        .update("desk", &json!({}))
        .ttl(Duration::from_millis(1))
        .await
        .unwrap();
    assert!(
        updated.date_expires.is_some(),
        "a part of a second is not `never`"
    );
}

#[tokio::test]
async fn all_lists_every_document() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    for n in 0..25 {
        docs.create(format!("desk-{n}"), &json!({"n": n}))
            .await
            .unwrap();
    }
    let mut all: Vec<_> = docs
        .all()
        .page_size(10)
        .map_ok(|document| document.data["n"].as_u64().unwrap())
        .try_collect()
        .await
        .unwrap();
    all.sort_unstable();
    assert_eq!(all, (0..25).collect::<Vec<_>>());
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Operator {
    name: String,
    skills: Vec<u32>,
}

#[tokio::test]
async fn data_that_does_not_fit_its_type_is_located() {
    let (_emulator, sync) = start().await;
    let untyped = documents(&sync);
    untyped
        .create("desk", &json!({"name": "Alice", "skills": [1, "two"]}))
        .await
        .unwrap();
    let typed = sync.documents::<Operator>();
    let error = typed.get("desk").await.unwrap_err();
    let Error::Data(data) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (data.object.as_str(), data.path.as_str()),
        ("document \"desk\"", "skills[1]")
    );
    assert!(
        error
            .to_string()
            .starts_with("the data of document \"desk\" does not fit "),
        "{error}"
    );
    // Looking for it and removing it need no data.
    assert!(typed.search("desk").await.unwrap().is_some());
    typed.remove("desk").await.unwrap();

    let alice = Operator {
        name: "Alice".to_owned(),
        skills: vec![1, 2],
    };
    typed.create("desk", &alice).await.unwrap();
    assert_eq!(typed.get("desk").await.unwrap().data, alice);
}

#[tokio::test]
async fn a_document_without_a_name_is_reached_by_its_sid() {
    let (_emulator, sync) = start().await;
    let request = twilio_sync::api::types::CreateDocumentRequest {
        data: Some("{\"n\":1}".to_owned()),
        ..Default::default()
    };
    let raw = sync
        .api()
        .create_document(sync.service(), &request)
        .await
        .unwrap();
    let document = documents(&sync).get(&raw.sid).await.unwrap();
    assert_eq!(
        (document.unique_name, document.data),
        (None, json!({"n": 1}))
    );
    documents(&sync).remove_by_id(&raw.sid).await.unwrap();
    let unknown = DocumentSid::new("ET00000000000000000000000000000000").unwrap();
    assert!(
        documents(&sync)
            .get(&unknown)
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test]
async fn get_fails_where_find_finds_nothing() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    assert!(docs.get("desk").await.unwrap_err().is_not_found());
    assert_eq!(docs.find("desk").await.unwrap(), None);
    let created = docs.create("desk", &json!({"n": 1})).await.unwrap();
    assert_eq!(docs.get("desk").await.unwrap(), created);
    assert_eq!(docs.find("desk").await.unwrap(), Some(created));
    // A Service that does not exist is an error.
    let elsewhere = sync.with_service("IS00000000000000000000000000000000");
    let elsewhere = documents(&elsewhere.unwrap());
    assert!(elsewhere.get("desk").await.unwrap_err().is_not_found());
    assert!(elsewhere.find("desk").await.unwrap_err().is_not_found());
    // Any other failure is one.
    emulator.inject(Fault::status(403));
    assert_eq!(
        docs.find("desk").await.unwrap_err().status().unwrap(),
        http::StatusCode::FORBIDDEN
    );
    emulator.inject(Fault::status(404).body("<html>nginx</html>"));
    assert!(!docs.find("desk").await.unwrap_err().is_not_found());
    let error = sync.documents::<Operator>().find("desk").await.unwrap_err();
    assert!(matches!(error, Error::Data(_)), "{error:?}");
}

/// A name and a SID address the same Document in every call, in whatever form they come.
#[tokio::test]
async fn names_and_sids_work_in_the_same_calls() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let created = docs.create("desk", &json!({"n": 0})).await.unwrap();
    let sid = created.sid.clone();
    let (text, name) = ("desk".to_owned(), UniqueName::new("desk").unwrap());
    for call in [
        docs.get("desk"),
        docs.get(&text),
        docs.get(text.clone()),
        docs.get(&name),
        docs.get(name),
        docs.get(&sid),
        docs.get(sid.clone()),
    ] {
        assert_eq!(call.await.unwrap(), created);
    }
    emulator.clear_requests();
    assert_eq!(docs.find(&sid).await.unwrap().as_ref(), Some(&created));
    assert_eq!(docs.search(&sid).await.unwrap().as_ref(), Some(&sid));
    docs.update(&sid, &json!({"n": 1})).await.unwrap();
    docs.mutate(&sid, |desk| desk["n"] = json!(2))
        .await
        .unwrap();
    let document = docs.set_ttl(&sid, Ttl::MAX).await.unwrap();
    assert_eq!(document.data, json!({"n": 2}));
    docs.remove(&sid).await.unwrap();
    for request in emulator.requests() {
        assert!(request.path().ends_with(sid.as_str()), "{}", request.path());
    }
    assert_eq!(docs.find("desk").await.unwrap(), None);
}
