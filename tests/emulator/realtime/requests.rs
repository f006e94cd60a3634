//! Tunnelled requests: what they have in common with those over HTTP, and many of them at once.

use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use twilio_sync::Emulator;
use twilio_sync::emulator::{Fault, LiveFault};

use super::{Bare, Frame, PATIENCE};
use crate::Http;

fn message(method: &str, path: &str) -> Value {
    json!({"method": "message", "http_request": {"path": path, "method": method}})
}

#[tokio::test]
async fn scripted_statuses_are_those_over_http() {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    let mut client = Bare::connect(&emulator, "alice").await;
    for (status, method) in [
        (429, "POST"),
        (429, "DELETE"),
        (429, "GET"),
        (503, "POST"),
        (503, "GET"),
    ] {
        let retry = HeaderValue::from_static("7");
        emulator.inject(Fault::status(status).header(RETRY_AFTER, retry).times(2));
        let over_http = http
            .client
            .request(
                method.parse().unwrap(),
                format!("{}/v1/Services/default/Documents/d", emulator.url()),
            )
            .basic_auth(&http.user, Some(&http.password))
            .send()
            .await
            .unwrap();
        assert_eq!(over_http.status().as_u16(), status);
        let expected: Value = over_http.json().await.unwrap();
        let id = client.send(message(method, "/v3/Documents/d"), "{}").await;
        let Frame { header, payload } = client.reply(&id).await;
        assert_eq!(header["http_status"]["code"], status);
        for member in ["status", "code", "message"] {
            assert_eq!(payload[member], expected[member], "{method} {payload}");
        }
        assert_eq!(header["http_headers"]["retry-after"], "7");
        assert_eq!(header["http_headers"]["content-type"], "application/json");
    }
}

#[tokio::test]
async fn null_is_no_data() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    for (kind, name) in [("Lists", "l"), ("Maps", "m"), ("Streams", "s")] {
        let body = json!({"unique_name": name}).to_string();
        client.request("POST", &format!("/v3/{kind}"), &body).await;
    }
    let data = r#"{"key":"k","unique_name":"d","data":{}}"#;
    for path in ["/v3/Documents", "/v3/Lists/l/Items", "/v3/Maps/m/Items"] {
        assert_eq!(client.request("POST", path, data).await.0, 201);
    }
    let null = r#"{"key":"n","data":null,"ttl":60}"#;
    for (method, path, code) in [
        ("POST", "/v3/Documents", 54101),
        ("POST", "/v3/Documents/d", 54101),
        ("POST", "/v3/Lists/l/Items", 54156),
        ("POST", "/v3/Lists/l/Items/0", 54156),
        ("POST", "/v3/Maps/m/Items", 54206),
        ("POST", "/v3/Maps/m/Items/k", 54206),
        ("PUT", "/v3/Maps/m/Items/k", 54206),
        ("POST", "/v3/Streams/s/Messages", 54251),
    ] {
        let (status, error) = client.request(method, path, null).await;
        assert_eq!(
            (status, &error["code"]),
            (400, &json!(code)),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn the_rate_of_a_write_goes_by_its_data_alone() {
    let emulator = Emulator::builder().rate_limits(true).start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let body = r#"{"unique_name":"m"}"#;
    client.request("POST", "/v3/Maps", body).await;
    // By their size as a whole, twenty are too many.
    let body = json!({"data": {}, "other": "x".repeat(10 * 1024)}).to_string();
    for _ in 0..100 {
        let (status, error) = client.request("PUT", "/v3/Maps/m/Items/k", &body).await;
        assert!(status < 300, "{error}");
    }
}

#[tokio::test]
async fn requests_wait_until_the_client_takes_the_responses_to_others() {
    const REQUESTS: usize = 64;
    let emulator = Emulator::start().await.unwrap();
    let item = json!({"data": {"text": "x".repeat(16_000)}});
    let items: Vec<_> = (0..100).map(|_| item.clone()).collect();
    emulator
        .seed(json!({"services": [{"unique_name": "default",
            "lists": [{"unique_name": "l", "items": items}]}]}))
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    // All requests have come when the first one is read.
    emulator.inject_live(LiveFault::stall(PATIENCE));
    let header = json!({"method": "message", "http_request": {"path": "/v3/Lists/l/Items",
        "method": "GET", "params": {"PageSize": "100"}}});
    let mut ids = Vec::new();
    for _ in 0..REQUESTS {
        ids.push(client.send(header.clone(), "").await);
    }
    emulator.inject_live(LiveFault::stall(Duration::ZERO));
    for (at, id) in ids.iter().enumerate() {
        let reply = client.reply(id).await;
        assert_eq!(reply.payload["items"].as_array().unwrap().len(), 100);
        // Some responses fit in the buffers of the sockets.
        let handled = emulator.requests().len();
        assert!(handled <= at + REQUESTS / 2, "{handled} after {at}");
    }
}
