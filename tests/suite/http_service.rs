//! An HTTP service of one's own in place of reqwest.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, header};
use serde_json::{Value, json};
use twilio_sync::error::ConnectionFailure;
use twilio_sync::http_service::{HttpError, ReqwestService};
use twilio_sync::{Emulator, Error, Result, RetryPolicy};

use crate::documents;
use crate::scripted::{Scripted, Step, error_response, json_response};

const FAILURES: [ConnectionFailure; 5] = [
    ConnectionFailure::Connect,
    ConnectionFailure::Timeout,
    ConnectionFailure::Truncated,
    ConnectionFailure::TooLarge,
    ConnectionFailure::Other,
];

/// What the service sends for a Document and for an item of a List.
fn record(data: &Value) -> Value {
    json!({
        "account_sid": "AC00000000000000000000000000000000", "created_by": "system", "data": data,
        "date_created": "2026-01-02T03:04:05Z", "date_updated": "2026-01-02T03:04:05Z",
        "date_expires": null, "index": 0, "links": {},
        "list_sid": "ES00000000000000000000000000000000", "revision": "0",
        "service_sid": "IS00000000000000000000000000000000",
        "sid": "ET00000000000000000000000000000000", "unique_name": "desk", "url": "http://x/",
    })
}

/// How a call failed, and whether it may have taken effect.
fn failure<T: std::fmt::Debug>(result: Result<T>) -> (ConnectionFailure, bool) {
    let error = result.unwrap_err();
    let Error::Connection(connection) = &error else {
        panic!("{error:?}");
    };
    (connection.kind, error.is_outcome_unknown())
}

#[tokio::test(start_paused = true)]
async fn only_an_addition_that_was_not_sent_is_sent_again() {
    for kind in FAILURES {
        let http = Scripted::new([
            Step::Fail(kind),
            json_response(201, &record(&json!({"n": 1}))),
        ]);
        let sync = http.client_builder().build().unwrap();
        let added = sync.list::<Value>("log").add(&json!({"n": 1})).await;
        let requests = http.requests();
        for (_, request) in &requests {
            assert_eq!(request.method, Method::POST);
            assert_eq!(request.url.path(), "/v1/Services/default/Lists/log/Items");
            assert_eq!(&request.body[..], b"Data=%7B%22n%22%3A1%7D");
        }
        if kind == ConnectionFailure::Connect {
            assert_eq!(added.unwrap().data, json!({"n": 1}));
            assert_eq!(requests.len(), 2);
        } else {
            assert_eq!(failure(added), (kind, true));
            assert_eq!(requests.len(), 1);
        }
        assert_eq!(
            HttpError::new(kind, "why").may_have_been_processed(),
            kind != ConnectionFailure::Connect
        );
        assert_eq!(HttpError::new(kind, "why").kind(), kind);
    }
    // What never left did nothing, however often it was tried.
    let http = Scripted::new([Step::Fail(ConnectionFailure::Connect)]);
    let sync = http.client_builder().build().unwrap();
    let error = sync.list("log").add(&json!({})).await.unwrap_err();
    assert!(!error.is_outcome_unknown());
    assert_eq!(
        error.to_string(),
        "create_sync_list_item failed: cannot connect: by the script \
         [POST /v1/Services/default/Lists/log/Items; 5 attempts]"
    );
    assert_eq!(http.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_repeated_is_sent_again_after_any_failure() {
    for kind in FAILURES {
        let steps = [Step::Fail(kind), json_response(200, &record(&json!({})))];
        let http = Scripted::new(steps);
        let docs = documents(&http.client_builder().build().unwrap());
        // The revision and the SID keep a second one from having an effect.
        let read = docs.get("desk").await.unwrap();
        http.requests();
        let http = Scripted::new([Step::Fail(kind), json_response(200, &record(&json!({})))]);
        let docs = documents(&http.client_builder().build().unwrap());
        let update = docs.update("desk", &json!({}));
        update.if_match(&read.revision).await.unwrap();
        assert_eq!(http.count(), 2, "{kind}");

        let http = Scripted::new([Step::Fail(kind)]);
        let docs = documents(&http.client_builder().build().unwrap());
        let is_sent = kind != ConnectionFailure::Connect;
        let update = || docs.update("desk", &json!({})).at_least_once();
        assert_eq!(failure(update().await), (kind, is_sent));
        assert_eq!(failure(docs.remove(&read.sid).await), (kind, is_sent));
        // A read has no effect.
        assert_eq!(failure(docs.get("desk").await), (kind, false));
    }
    // Once an attempt may have taken effect, a later one that did not says nothing about it.
    let steps = [
        Step::Fail(ConnectionFailure::Timeout),
        Step::Fail(ConnectionFailure::Connect),
    ];
    let http = Scripted::new(steps);
    let docs = documents(&http.client_builder().build().unwrap());
    let result = docs.update("desk", &json!({})).at_least_once().await;
    assert_eq!(failure(result), (ConnectionFailure::Connect, true));
}

#[tokio::test]
async fn a_request_is_whole() {
    let http = Scripted::new([json_response(200, &record(&json!({})))]);
    let sync = http
        .client_builder()
        .base_url("https://proxy.example/twilio/sync/")
        .build()
        .unwrap();
    documents(&sync)
        .update("a/b ü", &json!({}))
        .if_match("7")
        .await
        .unwrap();
    let (_, request) = http.requests().pop().unwrap();
    assert_eq!(request.method, Method::POST);
    assert_eq!(
        request.url.as_str(),
        "https://proxy.example/twilio/sync/v1/Services/default/Documents/a%2Fb%20%C3%BC"
    );
    let header = |name| request.headers.get(name).map(|it| it.to_str().unwrap());
    assert!(header(header::AUTHORIZATION).unwrap().starts_with("Basic "));
    assert_eq!(header(header::ACCEPT), Some("application/json"));
    assert_eq!(
        header(header::CONTENT_TYPE),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(header(header::IF_MATCH), Some("7"));
    assert!(
        header(header::USER_AGENT)
            .unwrap()
            .starts_with("twilio-sync-rust/")
    );
    let authorization = header(header::AUTHORIZATION).unwrap();
    let secret = authorization.trim_start_matches("Basic ");
    let shown = format!("{request:?}");
    assert!(
        !shown.contains(secret) && !shown.contains("hunter2"),
        "{shown}"
    );

    documents(&sync).get("desk").await.unwrap();
    let (_, request) = http.requests().pop().unwrap();
    assert_eq!((request.method, request.body.len()), (Method::GET, 0));
    assert!(!request.headers.contains_key(header::CONTENT_TYPE));
    assert!(!request.headers.contains_key(header::IF_MATCH));
}

/// A request of one's own goes where its segments say, and a POST is sent again only if that does no
/// harm.
#[tokio::test(start_paused = true)]
async fn requests_of_ones_own() {
    let http = Scripted::new([Step::Response(204, String::new())]);
    let sync = http
        .client_builder()
        .base_url("https://proxy.example/sync")
        .build()
        .unwrap();
    let call = sync.api().request(Method::POST, ["v9", "a/b", "?é", "%2E"]);
    let call = call
        .with_query("Filter", Some("a&b"))
        .with_form(&[("Name", "c=d")]);
    assert!(call.await.unwrap().is_none());
    let (_, request) = http.requests().pop().unwrap();
    assert_eq!(
        request.url.as_str(),
        "https://proxy.example/sync/v9/a%2Fb/%3F%C3%A9/%252E?Filter=a%26b"
    );
    assert_eq!(&request.body[..], b"Name=c%3Dd");
    let refused = sync.api().request(Method::GET, ["v9", ".."]).await;
    assert!(matches!(refused.unwrap_err(), Error::Input(_)));
    assert_eq!(http.count(), 0);

    let http = Scripted::new([error_response(503, 20503)]);
    let sync = http.client_builder().build().unwrap();
    let post = || sync.api().request(Method::POST, ["v9", "Things"]);
    for (call, attempts) in [(post(), 1), (post().at_least_once(), 5)] {
        let error = call.await.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(http.count(), attempts);
    }
    let put = sync.api().request(Method::PUT, ["v9", "Things", "one"]);
    assert!(put.await.unwrap_err().is_outcome_unknown());
    assert_eq!(http.count(), 1);
}

/// When the requests of two failing calls come, from the first one on.
async fn moments(seed: Option<u64>) -> Vec<Duration> {
    let conflict = || {
        [
            json_response(200, &record(&json!({"n": 0}))),
            error_response(412, 54103),
        ]
    };
    let steps = std::iter::repeat_n(error_response(503, 20503), 7);
    let http = Scripted::new(steps.chain((0..20).flat_map(|_| conflict())));
    let delays = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&delays);
    let mut builder = http
        .client_builder()
        .retry(RetryPolicy::default().max_attempts(7))
        .on_attempt(move |attempt| log.lock().unwrap().push(attempt.next_delay));
    if let Some(seed) = seed {
        builder = builder.random_seed(seed);
    }
    let docs = documents(&builder.build().unwrap());
    docs.get("desk").await.unwrap_err();
    let waits: Vec<_> = delays.lock().unwrap().drain(..).flatten().collect();
    assert_eq!(waits.len(), 6);
    let contention = docs
        .mutate("desk", |desk| desk["n"] = json!(1))
        .max_attempts(8)
        .await;
    assert!(matches!(contention.unwrap_err(), Error::Contention(_)));
    let moments = http.requests();
    assert_eq!(moments.len(), 7 + 16);
    let begun = moments[0].0;
    let moments: Vec<_> = moments.iter().map(|moment| moment.0 - begun).collect();
    // The waits are those that the observer saw.
    for (at, wait) in waits.into_iter().enumerate() {
        assert!(moments[at + 1] >= moments[at] + wait);
    }
    moments
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_waits() {
    let first = moments(Some(7)).await;
    assert_eq!(moments(Some(7)).await, first);
    assert_ne!(moments(Some(8)).await, first);
    // Without one it is a seed of the system's.
    assert_ne!(moments(None).await, moments(None).await);
}

#[tokio::test]
async fn reqwest_with_settings_of_ones_own() {
    let emulator = Emulator::start().await.unwrap();
    let client = reqwest::Client::builder()
        .user_agent("not this one")
        .no_proxy()
        .build()
        .unwrap();
    let sync = crate::client_builder(&emulator)
        .http_service(ReqwestService::new(client))
        .build()
        .unwrap();
    let docs = documents(&sync);
    docs.create("desk", &json!({"n": 1})).await.unwrap();
    assert_eq!(docs.get("desk").await.unwrap().data, json!({"n": 1}));
    let request = emulator.requests().pop().unwrap();
    assert!(
        request
            .user_agent()
            .unwrap()
            .starts_with("twilio-sync-rust/")
    );
    emulator.stop().await;
    let result = docs.get("desk").retry(RetryPolicy::none()).await;
    assert_eq!(failure(result), (ConnectionFailure::Connect, false));
}

/// A body without an end is an error before it fills the memory.
#[tokio::test]
async fn the_size_of_a_body_is_limited() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sending = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
        let mut sent = 0;
        while sent < 1_500 << 20 && stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let sync = crate::scripted::credentials()
        .base_url(format!("http://{address}"))
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let result = documents(&sync).get("desk").await;
    let error = result.as_ref().unwrap_err().to_string();
    assert!(
        error.contains("the response is too large: it has more than 12 MiB"),
        "{error}"
    );
    assert_eq!(failure(result).0, ConnectionFailure::TooLarge);
    assert!(sending.await.unwrap() < 32 << 20);
}
