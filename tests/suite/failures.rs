//! What an error says, whole, for each way in which a call can fail.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::emulator::Fault;
use twilio_sync::error::{ConnectionFailure, ReadBack};
use twilio_sync::value::{ObjectReference, UniqueName};
use twilio_sync::{Emulator, Error, RetryPolicy, SyncClient};

use crate::{client_builder, documents, start_without_retry};

/// The text of an error without what differs from run to run.
fn text_of(error: &Error, sync: &SyncClient) -> String {
    let mut text = error.to_string().replace(sync.service().as_str(), "IS");
    let read_back = error.call().and_then(|call| call.read_back.as_ref());
    if let Some(ReadBack::Present(present)) = read_back {
        text = text.replace(&present.sid, "ET");
    }
    match error.call().and_then(|call| call.request_id.as_deref()) {
        Some(id) => text.replace(id, "RQ"),
        None => text,
    }
}

/// The error of reading a document when the service responds like this.
async fn reading(fault: Fault) -> (String, Error) {
    let (emulator, sync) = start_without_retry().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    emulator.inject(fault);
    let error = documents(&sync).get("desk").await.unwrap_err();
    (text_of(&error, &sync), error)
}

/// The error of writing a document when the service responds like this.
async fn writing(fault: Fault) -> (String, Error) {
    let (emulator, sync) = start_without_retry().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    emulator.inject(fault);
    let error = documents(&sync)
        .update("desk", &json!({"n": 1}))
        .await
        .unwrap_err();
    (text_of(&error, &sync), error)
}

/// A whole Document as the service sends it, for the parts of it to be changed.
fn document() -> serde_json::Value {
    json!({
        "account_sid": "AC00000000000000000000000000000000", "created_by": "system", "data": {},
        "date_created": "2026-01-02T03:04:05Z", "date_updated": "2026-01-02T03:04:05Z",
        "date_expires": null, "links": {}, "revision": "0",
        "service_sid": "IS00000000000000000000000000000000",
        "sid": "ET00000000000000000000000000000000", "unique_name": "desk", "url": "http://x/",
    })
}

fn fault(status: u16, body: &(impl ToString + ?Sized)) -> Fault {
    Fault::status(status).body(body.to_string())
}

#[tokio::test]
async fn unauthorized() {
    let emulator = Emulator::start().await.unwrap();
    let credentials =
        twilio_sync::Credentials::auth_token(emulator.account_sid(), "wrong").unwrap();
    let sync = client_builder(&emulator)
        .credentials(credentials)
        .build()
        .unwrap();
    let error = documents(&sync).get("desk").await.unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "fetch_document failed: 401 Unauthorized, code 20003: Authenticate \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         See https://www.twilio.com/docs/errors/20003. \
         What to do: check the account SID and the API key with its secret, or the auth token."
    );
    assert!(error.is_unauthorized() && !error.is_retryable());
}

#[tokio::test]
async fn not_found() {
    let (_emulator, sync) = start_without_retry().await;
    let error = documents(&sync).get("desk 7").await.unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "fetch_document failed: 404 Not Found, code 20404: \
         The requested resource /Services/IS/Documents/desk%207 was not found \
         [GET /v1/Services/IS/Documents/desk%207; request RQ; 1 attempt] \
         See https://www.twilio.com/docs/errors/20404. \
         What to do: create it: `documents().update_or_create(…)`, or `twilio-sync doc set`."
    );
    assert!(error.is_not_found() && !error.is_outcome_unknown());
}

#[tokio::test]
async fn conflict() {
    let (_emulator, sync) = start_without_retry().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    let error = documents(&sync)
        .create("desk", &json!({}))
        .await
        .unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "create_document failed: 409 Conflict, code 54301: Unique name already exists \
         [POST /v1/Services/IS/Documents; request RQ; 1 attempt] \
         See https://www.twilio.com/docs/errors/54301. \
         What to do: there is one already: update it, or choose another name or key."
    );
}

#[tokio::test]
async fn revision_mismatch() {
    let (_emulator, sync) = start_without_retry().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    let error = documents(&sync)
        .update("desk", &json!({}))
        .if_match("9")
        .await
        .unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "update_document failed: 412 Precondition Failed, code 54103: \
         The revision of the Document does not match the expected revision \
         [POST /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         See https://www.twilio.com/docs/errors/54103. \
         What to do: somebody else wrote meanwhile: read it again and decide anew."
    );
}

#[tokio::test]
async fn too_large() {
    let body = json!({"code": 54006, "message": "Request entity too large", "status": 413});
    let (text, _) = writing(fault(413, &body)).await;
    assert_eq!(
        text,
        "update_document failed: 413 Payload Too Large, code 54006: Request entity too large \
         [POST /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         What to do: send less data."
    );
}

#[tokio::test]
async fn rate_limited() {
    let body = json!({"code": 54009, "message": "Rate limit exceeded", "status": 429});
    let (text, error) = writing(fault(429, &body)).await;
    assert_eq!(
        text,
        "update_document failed: 429 Too Many Requests, code 54009: Rate limit exceeded \
         [POST /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         What to do: slow down: the service allows 20 writes a second to one object, and fewer of \
         large data."
    );
    assert!(error.is_rate_limited() && error.is_retryable() && !error.is_outcome_unknown());
}

#[tokio::test]
async fn internal_error() {
    let body = json!({"code": 20500, "message": "Internal server error", "status": 500});
    let (text, error) = writing(fault(500, &body)).await;
    assert_eq!(
        text,
        "update_document failed: 500 Internal Server Error, code 20500: Internal server error \
         [POST /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         What to do: the fault is the service's: try again later. \
         The write may have taken effect: there is ET now at revision 0, not as it was to be written."
    );
    assert!(error.is_outcome_unknown() && !error.is_retryable());
}

#[tokio::test]
async fn a_proxys_page() {
    let page = "<html>\n<body>503 Service Unavailable</body>\n</html>\n";
    let (text, error) = reading(fault(503, page)).await;
    assert_eq!(
        text,
        "fetch_document failed: 503 Service Unavailable: no error of Twilio's but \
         <html> <body>503 Service Unavailable</body> </html> \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         What to do: the fault is the service's: try again later."
    );
    assert!(error.is_retryable() && !error.is_outcome_unknown());
    assert_eq!(
        (error.status().unwrap().as_u16(), error.code()),
        (503, None)
    );
}

#[tokio::test]
async fn another_shape_of_error() {
    let problem = json!({
        "type": "https://www.twilio.com/docs/errors/20001", "title": "Invalid parameter",
        "status": 400, "code": 20001, "detail": "Ttl is no number", "errors": [{"detail": "x"}],
    });
    let (text, error) = reading(fault(400, &problem)).await;
    assert_eq!(
        text,
        "fetch_document failed: 400 Bad Request, code 20001: Ttl is no number \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         See https://www.twilio.com/docs/errors/20001."
    );
    let details = error.service_error().unwrap().body.details.clone();
    assert_eq!(details, Some(json!([{"detail": "x"}])));
}

#[tokio::test]
async fn an_answer_that_is_not_json() {
    let (text, error) = reading(fault(200, "<html>Please log in</html>")).await;
    assert_eq!(
        text,
        "fetch_document failed: the response (200 OK) cannot be used: \
         it is not JSON: expected value at line 1 column 1 \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         It begins: <html>Please log in</html>"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_success_that_is_not_described() {
    let (text, _) = reading(fault(202, &document())).await;
    let (text, _) = text.split_once(" It begins: ").unwrap();
    assert_eq!(
        text,
        "fetch_document failed: the response (202 Accepted) cannot be used: \
         this status is not one of the operation's \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt]"
    );
}

/// A call of the generated client reads the same responses, and fails with the same errors.
#[tokio::test]
async fn of_the_generated_client() {
    let (emulator, sync) = start_without_retry().await;
    let name = reference("desk");
    let fetch = || sync.api().fetch_document(sync.service(), &name);
    let error = fetch().await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.code(), Some(20404));
    documents(&sync)
        .create("desk", &json!({"n": 1}))
        .await
        .unwrap();
    let response = fetch().response().await.unwrap();
    assert_eq!(response.value.data.as_str(), r#"{"n":1}"#);
    assert!(response.headers.contains_key("twilio-request-id"));
    assert_eq!(fetch().await.unwrap().data.as_str(), r#"{"n":1}"#);

    let unusable = async |fault: Fault| {
        emulator.inject(fault);
        match fetch().await.unwrap_err() {
            Error::Response(error) => (error.status.as_u16(), error.excerpt),
            error => panic!("{error:?}"),
        }
    };
    assert_eq!(unusable(fault(200, "[1")).await, (200, "[1".to_owned()));
    assert_eq!(unusable(fault(202, "what")).await, (202, "what".to_owned()));
    emulator.inject(Fault::cut());
    let error = fetch().await.unwrap_err();
    let Error::Connection(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind, ConnectionFailure::Other);
}

/// What one call leaves behind, whatever becomes of it, is not found by another.
#[tokio::test]
async fn a_call_that_panics_or_is_dropped() {
    let emulator = Emulator::start().await.unwrap();
    let observed = client_builder(&emulator).on_attempt(|_| panic!("seen"));
    let panicking = documents(&observed.build().unwrap());
    let panicked = tokio::spawn(async move { panicking.get("panics").await });
    assert!(panicked.await.unwrap_err().is_panic());

    let sync = emulator.client().unwrap();
    emulator.inject(Fault::delay(Duration::from_secs(600)));
    let documents = documents(&sync);
    let dropped = documents.get("dropped");
    let waited = tokio::time::timeout(Duration::from_millis(50), dropped).await;
    assert!(waited.is_err());

    // Nothing was sent here, so there is no call in the error.
    let error = documents.get("..").await.unwrap_err();
    assert!(error.call().is_none());
    let (one, other) = tokio::join!(documents.get("one"), documents.get("other"));
    assert!(path(&one.unwrap_err()).ends_with("/Documents/one"));
    assert!(path(&other.unwrap_err()).ends_with("/Documents/other"));
}

#[tokio::test]
async fn json_that_is_cut_short() {
    let (text, _) = reading(fault(200, "{\"sid\": \"ET")).await;
    assert_eq!(
        text,
        "fetch_document failed: the response (200 OK) cannot be used: \
         it is cut short: EOF while parsing a string at line 1 column 11 \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
         It begins: {\"sid\": \"ET"
    );
}

#[tokio::test]
async fn a_write_answered_with_something_else() {
    let (text, error) = writing(fault(200, "[]")).await;
    assert_eq!(
        text,
        "update_document failed: the response (200 OK) cannot be used: \
         at `.`: invalid length 0, expected struct Document with 10 elements at line 1 column 2 \
         [POST /v1/Services/IS/Documents/desk; request RQ; 1 attempt] It begins: [] \
         The write may have taken effect: there is ET now at revision 0, not as it was to be written."
    );
    assert!(error.is_outcome_unknown());
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let mut body = document();
    body.as_object_mut().unwrap().remove("revision");
    let (text, _) = reading(fault(200, &body)).await;
    assert!(
        text.starts_with(
            "fetch_document failed: the response (200 OK) cannot be used: \
             at `.`: missing field `revision` at line 1 column 324 \
             [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] \
             It begins: {\"account_sid\":\"AC"
        ),
        "{text}"
    );
}

/// A page has its records under the name of what is listed, and under no other.
#[tokio::test]
async fn a_page_of_something_else_is_none() {
    let (emulator, sync) = start_without_retry().await;
    let url = "http://localhost/";
    let meta = json!({
        "first_page_url": url, "key": "items", "next_page_url": null, "page": 0,
        "page_size": 50, "previous_page_url": null, "url": url,
    });
    emulator.inject(fault(200, &json!({"items": [], "meta": meta})));
    let page = documents(&sync).all().try_next().await;
    let text = page.unwrap_err().to_string();
    assert!(text.contains("at `.`: missing field `documents`"), "{text}");
}

/// Data that is missing is not the `None` of an option.
#[tokio::test]
async fn missing_data_is_no_data() {
    let (emulator, sync) = start_without_retry().await;
    let mut body = document();
    body.as_object_mut().unwrap().remove("data");
    emulator.inject(fault(200, &body));
    let error = sync.documents::<Option<Value>>().get("desk").await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("at `.`: missing field `data`"), "{text}");
}

#[tokio::test]
async fn a_field_of_another_type_is_named() {
    let mut body = document();
    body["date_created"] = json!("yesterday");
    let (text, _) = reading(fault(200, &body)).await;
    assert!(
        text.starts_with(
            "fetch_document failed: the response (200 OK) cannot be used: \
             at `date_created`: input contains invalid characters"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_unknown_or_unusual_does_no_harm() {
    let (emulator, sync) = start_without_retry().await;
    let mut body = document();
    body["flavour"] = json!({"new": true});
    body["sid"] = json!("ETunusual");
    body.as_object_mut().unwrap().remove("unique_name");
    body.as_object_mut().unwrap().remove("date_expires");
    emulator.inject(fault(200, &body));
    let document = documents(&sync).get("desk").await.unwrap();
    assert_eq!(document.sid.as_str(), "ETunusual");
    assert_eq!((document.unique_name, document.date_expires), (None, None));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = http::HeaderValue::from_static("https://elsewhere.example/");
    let fault = Fault::status(302)
        .header(http::header::LOCATION, elsewhere)
        .body("");
    let (text, _) = reading(fault).await;
    assert_eq!(
        text,
        "fetch_document failed: the response (302 Found) cannot be used: \
         redirects (here to \"https://elsewhere.example/\") are not followed, for credentials go only \
         to the configured address; check the base URL \
         [GET /v1/Services/IS/Documents/desk; request RQ; 1 attempt] It begins: (empty)"
    );
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let (text, error) = writing(Fault::cut_after_write()).await;
    assert_eq!(
        text,
        "update_document failed: the connection failed: \
         connection closed before message completed \
         [POST /v1/Services/IS/Documents/desk; 1 attempt] \
         The write may have taken effect: there is ET now at revision 1, equal to what was to be \
         written, by this call or by another."
    );
    assert!(error.is_outcome_unknown() && error.is_transient() && !error.is_retryable());

    let (text, error) = reading(Fault::cut()).await;
    assert_eq!(
        text,
        "fetch_document failed: the connection failed: \
         connection closed before message completed \
         [GET /v1/Services/IS/Documents/desk; 1 attempt]"
    );
    assert!(!error.is_outcome_unknown());
}

#[tokio::test]
async fn a_body_that_breaks_off() {
    let (text, error) = writing(Fault::truncate()).await;
    assert_eq!(
        text,
        "update_document failed: the response was truncated: \
         end of file before message length reached \
         [POST /v1/Services/IS/Documents/desk; 1 attempt] \
         The write may have taken effect: there is ET now at revision 1, equal to what was to be \
         written, by this call or by another."
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn no_answer_in_time() {
    let emulator = Emulator::start().await.unwrap();
    let sync = client_builder(&emulator)
        .retry(RetryPolicy::none())
        .timeout(Duration::from_millis(50))
        .build()
        .unwrap();
    emulator.inject(Fault::delay(Duration::from_secs(60)));
    let error = documents(&sync).get("desk").await.unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "fetch_document failed: no response in time: deadline has elapsed \
         [GET /v1/Services/IS/Documents/desk; 1 attempt]"
    );
}

#[tokio::test]
async fn nobody_there() {
    let emulator = Emulator::start().await.unwrap();
    let sync = client_builder(&emulator)
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let address = emulator.url().trim_start_matches("http://").to_owned();
    emulator.stop().await;
    let refusal = std::net::TcpStream::connect(address).unwrap_err();
    let error = documents(&sync)
        .update("desk", &json!({}))
        .await
        .unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        format!(
            "update_document failed: cannot connect: {refusal} \
             [POST /v1/Services/IS/Documents/desk; 1 attempt]"
        )
    );
    assert!(error.is_retryable() && !error.is_outcome_unknown());
}

#[tokio::test]
async fn attempts_are_counted() {
    let emulator = Emulator::start().await.unwrap();
    let retry = RetryPolicy::default()
        .max_attempts(3)
        .base_delay(Duration::ZERO);
    let sync = client_builder(&emulator).retry(retry).build().unwrap();
    emulator.inject(Fault::status(503).body("").always());
    let error = documents(&sync).get("desk").await.unwrap_err();
    assert_eq!(
        text_of(&error, &sync),
        "fetch_document failed: 503 Service Unavailable \
         [GET /v1/Services/IS/Documents/desk; request RQ; 3 attempts] \
         What to do: the fault is the service's: try again later."
    );
}

/// What an error says of where the call went.
fn path(error: &Error) -> &str {
    error.call().map_or("", |call| call.path.as_str())
}

fn reference(name: &str) -> ObjectReference {
    UniqueName::new(name).unwrap().into()
}

#[tokio::test]
async fn a_call_within_a_call_tells_of_itself() {
    let (_emulator, sync) = start_without_retry().await;
    let (outer, inner) = (reference("outer"), reference("inner"));
    // It is made before the other one, and sent after it.
    let call = sync.api().fetch_document(sync.service(), &outer);
    let error = sync.api().fetch_document(sync.service(), &inner).await;
    let error = error.unwrap_err();
    assert!(path(&error).ends_with("/Documents/inner"), "{error}");
    let error = call.await.unwrap_err();
    assert!(path(&error).ends_with("/Documents/outer"), "{error}");
}

#[tokio::test]
async fn a_call_that_waits_for_another_tells_of_itself() {
    let (emulator, sync) = start_without_retry().await;
    let (mine, other) = (reference("mine"), reference("other"));
    let mut call = sync
        .api()
        .fetch_document(sync.service(), &mine)
        .into_future();
    let polled = futures_util::future::poll_immediate(&mut call).await;
    assert!(polled.is_none());
    // On the same thread, while this call waits.
    let beside = tokio::spawn({
        let (sync, other) = (sync.clone(), other.clone());
        async move {
            let call = sync.api().fetch_document(sync.service(), &other);
            call.await.unwrap_err()
        }
    });
    assert!(path(&beside.await.unwrap()).ends_with("/Documents/other"));
    let error = call.await.unwrap_err();
    assert!(path(&error).ends_with("/Documents/mine"), "{error}");
    assert!(error.is_not_found());
    assert_eq!(emulator.requests().len(), 2);
}

#[tokio::test]
async fn a_form_that_cannot_be_encoded() {
    let (emulator, sync) = start_without_retry().await;
    let path = ["v1", "Services", sync.service().as_str(), "Documents"];
    let form = json!({"UniqueName": "desk", "Data": {"n": 1}});
    let call = sync.api().request(http::Method::POST, path);
    let error = call.with_form(&form).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request cannot be made: its form cannot be encoded: unsupported value"
    );
    assert!(matches!(error, Error::Input(_)), "{error:?}");
    assert!(emulator.requests().is_empty());
}

/// `None` means that what it would be in exists. That is asked once where nothing has shown it yet.
#[tokio::test]
async fn none_means_that_the_parent_is_there() {
    let (emulator, sync) = crate::start().await;
    let absent = "IS00000000000000000000000000000000";
    let elsewhere = sync.with_service(absent).unwrap();
    let docs = documents(&elsewhere);
    let error = docs.find("d").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains(absent), "{error}");
    assert!(error.to_string().contains("services().all()"), "{error}");
    assert!(
        elsewhere
            .maps()
            .search("m")
            .await
            .unwrap_err()
            .is_not_found()
    );
    let response = docs.find("d").response().await;
    assert!(response.unwrap_err().is_not_found());
    crate::operations(&emulator);

    let client = emulator.client().unwrap();
    assert_eq!(client.maps().find("m").await.unwrap(), None);
    assert_eq!(
        crate::operations(&emulator),
        ["FetchSyncMap", "FetchService"]
    );
    assert_eq!(documents(&client).search("d").await.unwrap(), None);
    assert_eq!(crate::operations(&emulator), ["FetchDocument"]);

    let map = client.map::<Value>("m");
    let error = map.find("k").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains("maps().ensure"), "{error}");
    let error = client.list::<Value>("l").find(0).await.unwrap_err();
    assert!(error.to_string().contains("lists().ensure"), "{error}");
    let error = documents(&client)
        .permissions("d")
        .find("bob")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("update_or_create"), "{error}");
    client.maps().create("m").await.unwrap();
    crate::operations(&emulator);
    assert_eq!(map.find("k").await.unwrap(), None);
    assert_eq!(map.clone().find("k").await.unwrap(), None);
    assert_eq!(
        crate::operations(&emulator),
        ["FetchSyncMapItem", "FetchSyncMap", "FetchSyncMapItem"]
    );
    let map = client.map::<Value>("m");
    map.set("k", &json!({})).await.unwrap();
    crate::operations(&emulator);
    assert_eq!(map.find("other").response().await.unwrap().value, None);
    assert_eq!(crate::operations(&emulator), ["FetchSyncMapItem"]);
}
