//! The emulator in process, beside one over a socket.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::Operation;
use crate::emulator::{Clock, Emulator, EmulatorBuilder, Fault};
use crate::transport::{HttpError, HttpService, ReqwestService};
use crate::{Documents, Error, RetryPolicy, SyncClient};

const START: &str = "2026-01-01T00:00:00Z";

fn seeded(seed: u64) -> EmulatorBuilder {
    Emulator::builder()
        .random_seed(seed)
        .clock(Clock::tokio(START.parse().unwrap()))
}

fn client(emulator: &Emulator) -> SyncClient {
    let builder = emulator.client_builder().unwrap();
    builder.random_seed(1).build().unwrap()
}

#[test]
fn a_round_trip_needs_no_io() {
    // An emulator needs no runtime to be created.
    let emulator = Emulator::in_process().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let desks = emulator.client().unwrap().documents::<Value>();
        desks
            .create("desk-7", &json!({"busy": false}))
            .await
            .unwrap();
        let desk = desks.get("desk-7").await.unwrap();
        assert_eq!(desk.data, json!({"busy": false}));
        assert!(desks.get("none").await.unwrap_err().is_not_found());
        desks.remove("desk-7").await.unwrap();
        let requests = emulator.requests();
        assert_eq!(requests.len(), 4);
        assert_eq!(requests[0].form_value("UniqueName").unwrap(), "desk-7");
        emulator.stop().await;
        let error = desks.get("desk-7").await.unwrap_err();
        assert!(
            error.to_string().contains("the emulator was dropped"),
            "{error}"
        );
    });
}

/// A run with faults, and all that can be seen of it.
async fn run(seed: u64) -> String {
    let emulator = seeded(seed).in_process().unwrap();
    emulator.inject(Fault::status(503).nth(3).times(2));
    emulator.inject(Fault::cut_after_write().nth(9));
    emulator.inject(Fault::delay(Duration::from_secs(40)).nth(12));
    let sync = client(&emulator);
    let log = sync.list::<Value>("log");
    sync.lists().create("log").await.unwrap();
    let writers = (0..10).map(|n| {
        let log = log.clone();
        async move { format!("{:?}", log.add(&json!({"n": n})).await) }
    });
    let results = futures_util::future::join_all(writers).await;
    let requests: Vec<_> = emulator
        .requests()
        .iter()
        .map(|request| {
            let times = (request.received(), request.duration());
            format!("{request:?} {times:?}")
        })
        .collect();
    let secrets = (emulator.auth_token(), emulator.api_secret());
    format!(
        "{requests:#?} {results:#?} {:#} {secrets:?}",
        emulator.dump()
    )
}

#[tokio::test(start_paused = true)]
async fn a_seeded_run_is_the_same_each_time() {
    let first = run(7).await;
    assert!(
        first.contains("2026-01-01") && first.contains("503"),
        "{first}"
    );
    assert_eq!(run(7).await, first);
    assert_ne!(run(8).await, first);
}

#[tokio::test(start_paused = true)]
async fn retries_and_delays_take_no_time() {
    let wall = std::time::Instant::now();
    let started = Instant::now();
    let emulator = seeded(1).in_process().unwrap();
    let retry = RetryPolicy::default().max_attempts(8);
    let sync = emulator
        .client_builder()
        .unwrap()
        .retry(retry)
        .build()
        .unwrap();
    let documents = sync.documents::<Value>();
    documents
        .create("d", &json!({}))
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    emulator.inject(
        Fault::status(503)
            .header(http::header::RETRY_AFTER, 5)
            .times(3),
    );
    documents.get("d").await.unwrap();
    let elapsed = started.elapsed();
    assert!((15..60).contains(&elapsed.as_secs()), "{elapsed:?}");
    emulator.inject(Fault::delay(Duration::from_secs(25)));
    documents.get("d").await.unwrap();
    assert!(emulator.requests().last().unwrap().duration() >= Duration::from_secs(25));
    // The Document expires by the same clock.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(documents.get("d").await.unwrap_err().is_not_found());
    assert!(
        wall.elapsed() < Duration::from_secs(5),
        "{:?}",
        wall.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_is_removed_when_it_expires() {
    let emulator = seeded(1).in_process().unwrap();
    let sync = client(&emulator);
    let service = sync.services().update(emulator.service_sid());
    let service = service.webhook_url("http://127.0.0.1:9/hook");
    service.webhooks_from_rest_enabled(true).await.unwrap();
    let documents = sync.documents::<Value>();
    let ttl = Duration::from_secs(3600);
    documents.create("d", &json!({})).ttl(ttl).await.unwrap();
    let events = || {
        let webhooks = emulator.webhooks();
        let event = webhooks.last().unwrap().event_type().to_owned();
        (webhooks.len(), event)
    };
    tokio::time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(events(), (1, "document_created".to_owned()));
    // Nobody calls the emulator meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(events(), (2, "document_removed".to_owned()));
    // The task that removes it ends with the emulator.
    let tasks = || {
        let runtime = tokio::runtime::Handle::current();
        runtime.metrics().num_alive_tasks()
    };
    let with_emulator = tasks();
    drop(emulator);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks() + 1, with_emulator);
}

/// An emulator that exists before its runtime, with a Document that expires after an hour.
fn before_the_runtime() -> Emulator {
    let emulator = seeded(1).in_process().unwrap();
    emulator
        .seed(json!({"services": [{
            "unique_name": "default",
            "webhook_url": "http://127.0.0.1:9/hook",
            "webhooks_from_rest_enabled": true,
            "documents": [{"unique_name": "d", "date_expires": "2026-01-01T01:00:00Z"}],
        }]}))
        .unwrap();
    emulator
}

/// A runtime whose time is paused.
fn paused_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

#[test]
fn before_the_first_call_the_log_of_webhooks_has_expired_objects() {
    let emulator = before_the_runtime();
    paused_runtime().block_on(async {
        tokio::time::sleep(Duration::from_secs(3_500)).await;
        assert_eq!(emulator.webhooks().len(), 0);
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(emulator.webhooks()[0].event_type(), "document_removed");
        let documents = &emulator.dump()["services"][0]["documents"];
        assert_eq!(documents, &Value::Null);
    });
}

#[test]
fn objects_expire_in_the_background_from_the_first_call_on() {
    let emulator = before_the_runtime();
    let runtime = paused_runtime();
    runtime.block_on(async {
        let documents = client(&emulator).documents::<Value>();
        assert!(documents.find("d").await.unwrap().is_some());
        tokio::time::sleep(Duration::from_secs(3_700)).await;
    });
    // With the clock set back, reading removes nothing.
    emulator.clock().set(START.parse().unwrap());
    assert_eq!(emulator.dump()["services"][0]["documents"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_write_happens_though_the_client_gives_up() {
    let emulator = seeded(1).in_process().unwrap();
    let builder = emulator.client_builder().unwrap();
    let sync = builder
        .retry(RetryPolicy::none())
        .timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let documents = sync.documents::<Value>();
    emulator.inject(Fault::delay(Duration::from_secs(10)));
    let error = documents.create("d", &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("no response in time"), "{error}");
    assert_eq!(emulator.requests()[0].status(), None);
    assert!(documents.find("d").await.unwrap().is_none());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(documents.find("d").await.unwrap().is_some());
}

#[tokio::test]
async fn webhooks_are_logged_as_not_sent() {
    let emulator = Emulator::in_process().unwrap();
    let sync = client(&emulator);
    let service = sync.services().update(emulator.service_sid());
    let service = service.webhook_url("http://127.0.0.1:9/hook");
    service.webhooks_from_rest_enabled(true).await.unwrap();
    sync.documents::<Value>()
        .create("d", &json!({}))
        .await
        .unwrap();
    let webhooks = emulator.webhooks();
    assert_eq!(webhooks[0].event_type(), "document_created");
    assert!(webhooks[0].error().unwrap().contains("in process"));
}

/// A result without what differs from run to run.
fn shown(result: Result<crate::Document<Value>, Error>) -> String {
    match result {
        Ok(document) => format!("{} {}", document.data, document.revision),
        Err(Error::Connection(error)) => format!("{:?} {}", error.kind, error.call.attempts),
        Err(error) => {
            let text = error.to_string();
            let text = text.split(", RQ").next().unwrap();
            let text = text.split(" [").next().unwrap().to_owned();
            format!("{:?} {text}", error.status())
        }
    }
}

async fn results(emulator: &Emulator, faults: &[Fault]) -> Vec<String> {
    let builder = emulator.client_builder().unwrap();
    let retry = RetryPolicy::none();
    let sync = builder
        .retry(retry)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let documents: Documents<Value> = sync.documents();
    let mut results = Vec::new();
    for (n, fault) in faults.iter().enumerate() {
        let name = format!("d{n}");
        emulator.inject(fault.clone());
        results.push(shown(documents.create(&name, &json!({"n": n})).await));
        results.push(shown(documents.get(&name).await));
        emulator.inject(fault.clone().on(Operation::FetchDocument));
        results.push(shown(documents.get(&name).await));
        emulator.inject(fault.clone().on(Operation::DeleteDocument));
        results.push(format!("{:?}", documents.remove(&name).await.is_ok()));
        results.push(format!(
            "{:?}",
            documents.find(&name).await.unwrap().is_some()
        ));
    }
    let statuses = emulator.requests();
    results.extend(
        statuses
            .iter()
            .map(|request| format!("{:?}", request.status())),
    );
    results
}

#[tokio::test]
async fn faults_have_the_same_results_as_over_a_socket() {
    let faults = [
        Fault::cut(),
        Fault::cut_after_write(),
        Fault::truncate(),
        Fault::garbage(),
        Fault::status(503),
        Fault::status(429).header(http::header::RETRY_AFTER, 1),
        Fault::status(500).after_write(),
        Fault::status(204),
        Fault::status(200).body("{}"),
        Fault::delay(Duration::from_millis(3)),
        Fault::cut_after_write().delayed(Duration::from_millis(3)),
    ];
    // With a seed, they have the same SIDs.
    let in_process = seeded(1).in_process().unwrap();
    let over_socket = seeded(1).start().await.unwrap();
    let (left, right) = (
        results(&in_process, &faults).await,
        results(&over_socket, &faults).await,
    );
    assert_eq!(left, right);
    assert!(left.contains(&"Truncated 1".to_owned()) && left.contains(&"Other 1".to_owned()));
}

#[tokio::test]
async fn responses_have_the_same_headers_as_over_a_socket() {
    let emulator = Emulator::start().await.unwrap();
    let request = |method: http::Method, path: &str| {
        let url = format!("{}{path}", emulator.url()).parse().unwrap();
        let pair = format!("{}:{}", emulator.account_sid(), emulator.auth_token());
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let mut headers = http::HeaderMap::new();
        headers.insert(
            http::header::AUTHORIZATION,
            format!("Basic {basic}").parse().unwrap(),
        );
        crate::transport::HttpRequest {
            method,
            url,
            headers,
            body: bytes::Bytes::new(),
        }
    };
    let socket = ReqwestService::new(reqwest::Client::builder().no_proxy().build().unwrap());
    for (method, path) in [
        (http::Method::GET, "/v1/Services/default?PageSize=1"),
        (http::Method::GET, "/v1/Services/default/Maps/none"),
        (http::Method::PUT, "/v1/Services"),
        (http::Method::HEAD, "/v1/Services"),
        (http::Method::GET, "/_emulator/health"),
        (http::Method::GET, "/_emulator/clock"),
        (http::Method::POST, "/_emulator/reset"),
    ] {
        let left = emulator
            .http_service()
            .call(request(method.clone(), path))
            .await;
        let right = socket.call(request(method, path)).await;
        let shown = |response: Result<crate::transport::HttpResponse, HttpError>| {
            let mut response = response.unwrap();
            for name in ["date", "twilio-request-id", "twilio-request-duration"] {
                response.headers.remove(name);
            }
            let mut headers: Vec<_> = response
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            headers.sort();
            let is_clock = path.ends_with("clock");
            let body = (!is_clock).then_some(response.body);
            (response.status, headers, body)
        };
        assert_eq!(shown(left), shown(right), "{path}");
    }
}

#[tokio::test]
async fn health_needs_no_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let url = format!("{}/_emulator/health", emulator.url());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), r#"{"status":"ok"}"#);
    assert_eq!(http.post(&url).send().await.unwrap().status(), 404);
    assert!(emulator.requests().is_empty());
}

#[tokio::test]
#[ignore = "a measurement: run it with --release and --nocapture"]
async fn cost_of_a_get() {
    const CALLS: u32 = 20_000;
    let in_process = Emulator::in_process().unwrap();
    let over_socket = Emulator::start().await.unwrap();
    for round in 0..3 {
        for (name, emulator) in [("in process", &in_process), ("over a socket", &over_socket)] {
            let documents = emulator.client().unwrap().documents::<Value>();
            documents
                .update_or_create("d", &json!({"busy": true}))
                .await
                .unwrap();
            let started = std::time::Instant::now();
            for _ in 0..CALLS {
                documents.get("d").await.unwrap();
            }
            let each = started.elapsed() / CALLS;
            println!("round {round}: a get {name} takes {each:?}");
        }
    }
}
