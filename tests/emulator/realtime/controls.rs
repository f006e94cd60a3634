//! The controls for live clients: tokens for pages and programs, and faults.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use twilio_sync::Emulator;

use super::Bare;
use crate::Http;

/// A request of a page for a token, as a browser sends it.
async fn ask(emulator: &Emulator, method: Method, origin: &str) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client
        .request(method, format!("{}/_emulator/token", emulator.url()))
        .header("Origin", origin)
        .header("Sec-Fetch-Site", "cross-site")
        .body(r#"{"identity":"page"}"#)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_token_needs_credentials_and_is_one() {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    let body = json!({"identity": "alice", "ttl": 60});
    let (status, given) = http.control(Method::POST, "token", &body).await;
    assert_eq!(status, 200);
    assert_eq!(given["service_sid"], emulator.service_sid().as_str());
    let claims = emulator
        .verify_token(given["token"].as_str().unwrap())
        .unwrap();
    assert_eq!(claims.grants["identity"], "alice");
    assert_eq!(claims.exp - claims.iat.unwrap(), 60);
    let mut client = Bare::open(&emulator).await;
    let reply = client.init(given["token"].as_str().unwrap()).await;
    assert_eq!(reply.header["status"]["code"], 200);
    for (body, expected) in [
        (json!({"identity": ""}), 400),
        (json!({}), 400),
        (json!({"identity": "a", "ttl": 0}), 400),
        (json!({"identity": "a", "ttl": 90_000}), 400),
        (json!({"identity": "a", "service": "IS1"}), 404),
        (json!({"identity": "a", "other": 1}), 400),
    ] {
        assert_eq!(
            http.control(Method::POST, "token", &body).await.0,
            expected,
            "{body}"
        );
    }
    let stranger = Http::new(emulator.url(), "AC1", "x");
    assert_eq!(stranger.control(Method::POST, "token", &body).await.0, 401);
}

#[tokio::test]
async fn pages_of_this_machine_get_tokens_where_it_was_started_so() {
    const LOCAL: [&str; 3] = [
        "http://localhost:5173",
        "http://127.0.0.1:8000",
        "http://[::1]:1",
    ];
    const OTHERS: [&str; 3] = [
        "null",
        "https://example.com",
        "http://localhost.example.com",
    ];
    let closed = Emulator::start().await.unwrap();
    let open = Emulator::builder().page_tokens(true).start().await.unwrap();
    for origin in LOCAL {
        let response = ask(&open, Method::POST, origin).await;
        assert_eq!(response.headers()["access-control-allow-origin"], origin);
        assert_eq!(response.status(), StatusCode::OK);
        let given: Value = response.json().await.unwrap();
        open.verify_token(given["token"].as_str().unwrap()).unwrap();
        let asked = ask(&open, Method::OPTIONS, origin).await;
        assert_eq!(asked.status(), StatusCode::NO_CONTENT);
        assert!(asked.headers().contains_key("access-control-allow-headers"));
    }
    let refused = OTHERS.map(|origin| (&open, origin));
    let refused = refused
        .into_iter()
        .chain(LOCAL.map(|origin| (&closed, origin)));
    for (emulator, origin) in refused {
        for method in [Method::POST, Method::OPTIONS] {
            let response = ask(emulator, method, origin).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{origin}");
            assert!(
                !response
                    .headers()
                    .contains_key("access-control-allow-origin")
            );
        }
    }
}

#[tokio::test]
async fn faults_that_describe_none_are_refused() {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    for fault in [
        json!({"fault": "close"}),
        json!({"fault": "close", "status": 200}),
        json!({"fault": "cut", "status": 308}),
        json!({"fault": "cut", "back_off_ms": [1, 2]}),
        json!({"fault": "stall"}),
        json!({"fault": "duplicate", "time_ms": 1}),
        json!({"fault": "other"}),
        json!({"fault": "cut", "other": 1}),
    ] {
        assert_eq!(
            http.control(Method::POST, "live_faults", &fault).await.0,
            400,
            "{fault}"
        );
    }
    for fault in [
        json!({"fault": "cut", "identity": "alice"}),
        json!({"fault": "stall", "time_ms": 1}),
        json!({"fault": "close", "status": 429, "back_off_ms": [1, 2]}),
        json!({"fault": "refuse", "status": 401, "times": 2}),
        json!({"fault": "delay", "time_ms": 1, "always": true}),
        json!({"fault": "expire_token"}),
        json!({"fault": "forget_log"}),
        json!({"fault": "duplicate"}),
        json!({"fault": "reorder"}),
    ] {
        assert_eq!(
            http.control(Method::POST, "live_faults", &fault).await.0,
            204,
            "{fault}"
        );
    }
    assert_eq!(
        http.control(Method::DELETE, "live_faults", &Value::Null)
            .await
            .0,
        204
    );
    Bare::connect(&emulator, "alice").await;
}
