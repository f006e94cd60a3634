//! Connections: tokens, continuation, frames that are none, and the end.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use twilio_sync::emulator::{Clock, LiveFault};
use twilio_sync::{Emulator, SyncClient};

use futures_util::{SinkExt, StreamExt};

use super::{Bare, Frame, token, until};

/// The message that ends a connection: its status and code.
fn close(frame: &Frame) -> (u64, u64) {
    assert_eq!(frame.method(), "close", "{frame:?}");
    let status = &frame.header["status"];
    (
        status["code"].as_u64().unwrap(),
        status["errorCode"].as_u64().unwrap(),
    )
}

#[tokio::test]
async fn what_is_no_frame_closes_the_connection() {
    let emulator = Emulator::start().await.unwrap();
    for bytes in [
        b"hello".to_vec(),
        b"TWILSOCK V3.0 2\r\n{}\r\n".to_vec(),
        b"TWILSOCK V3.0 9999\r\n{}\r\n".to_vec(),
        vec![0xff; 5_000],
        Vec::new(),
    ] {
        let mut client = Bare::connect(&emulator, "alice").await;
        client.send_bytes(bytes.clone()).await;
        assert_eq!(close(&client.message().await), (406, 51214), "{bytes:?}");
        assert!(client.next().await.is_none());
    }
    let mut client = Bare::connect(&emulator, "alice").await;
    client
        .socket
        .send(Message::Text("TWILSOCK V3.0".into()))
        .await
        .unwrap();
    assert_eq!(close(&client.message().await), (406, 51214));
    let mut client = Bare::connect(&emulator, "alice").await;
    // It may end while this is being sent.
    let _ = client
        .socket
        .send(Message::Binary(vec![0; 3_000_000].into()))
        .await;
    assert!(
        client
            .next()
            .await
            .is_none_or(|frame| frame.method() == "close")
    );
    until("all are gone", || emulator.live_clients() == 0).await;
}

#[tokio::test]
async fn nothing_comes_before_the_first_message() {
    let emulator = Emulator::start().await.unwrap();
    for header in [
        json!({"method": "update", "token": "x"}),
        json!({"method": "message", "http_request": {"path": "/v3/Documents/x", "method": "GET"}}),
    ] {
        let mut client = Bare::open(&emulator).await;
        client.send(header, "").await;
        assert_eq!(close(&client.message().await), (406, 51214));
    }
    let mut client = Bare::connect(&emulator, "alice").await;
    client
        .send(
            json!({"method": "init", "token": token(&emulator, "alice")}),
            "",
        )
        .await;
    assert_eq!(close(&client.message().await), (406, 51214));
}

#[tokio::test]
async fn other_requests_to_its_path_open_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let url = emulator.realtime_url().replace("ws://", "http://");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 426);
    assert_eq!(
        client.post(&url).body("x").send().await.unwrap().status(),
        426
    );
}

#[tokio::test]
async fn a_token_is_renewed_for_the_same_identity_and_service_only() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let update = |token: String| json!({"method": "update", "token": token});
    let id = client.send(update(token(&emulator, "alice")), "").await;
    assert_eq!(client.reply(&id).await.header["status"]["code"], 200);
    for (token, code) in [(token(&emulator, "bob"), 51215), ("x".to_owned(), 20101)] {
        let id = client.send(update(token), "").await;
        let status = client.reply(&id).await.header["status"].clone();
        assert_eq!(
            (&status["code"], &status["errorCode"]),
            (&json!(401), &json!(code))
        );
        assert_eq!(status["status"], "UNAUTHORIZED");
    }
    let sync = emulator.client().unwrap();
    let service = sync.services().create("other").await.unwrap();
    let other = SyncClient::builder()
        .credentials(
            twilio_sync::Credentials::api_key(
                emulator.account_sid().as_str(),
                emulator.api_key().as_str(),
                emulator.api_secret(),
            )
            .unwrap(),
        )
        .service(service.sid)
        .build()
        .unwrap();
    let token = other.access_token("alice").sign().unwrap();
    client.send(update(token.as_str().to_owned()), "").await;
    assert_eq!(close(&client.message().await), (308, 51232));
}

#[tokio::test]
async fn a_token_expires_by_the_clock() {
    // Not before the token, which is issued by the clock of the system.
    let clock = Clock::manual((SystemTime::now() + Duration::from_secs(5)).into());
    let emulator = Emulator::builder()
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    clock.advance(Duration::from_secs(3_600 - 200));
    let warning = client.message().await;
    assert_eq!(
        warning.header["client_update_type"],
        "token_about_to_expire"
    );
    clock.advance(Duration::from_secs(200));
    assert_eq!(close(&client.message().await), (410, 51207));
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn a_continuation_token_keeps_the_endpoint_of_an_identity() {
    let emulator = Emulator::start().await.unwrap();
    let mut known = json!(null);
    let mut endpoints = Vec::new();
    for (identity, reissued) in [
        ("alice", json!("MISSING")),
        ("alice", json!(null)),
        ("bob", json!("DIFFERENT_IDENTITY")),
    ] {
        let mut client = Bare::open(&emulator).await;
        let header = json!({"method": "init", "token": token(&emulator, identity),
            "continuation_token": known, "capabilities": ["offline_storage"]});
        let id = client.send(header, "").await;
        let reply = client.reply(&id).await.header;
        let status = &reply["continuation_token_status"];
        assert_eq!(status["reissued"], !reissued.is_null());
        assert_eq!(
            status.get("reissue_reason").unwrap_or(&json!(null)),
            &reissued
        );
        known = reply["continuation_token"].clone();
        until("it is there", || emulator.live_clients() > 0).await;
        client.request("GET", "/v3/Configuration", "").await;
        endpoints.push(emulator.frames().last().unwrap().endpoint().to_owned());
        drop(client);
        until("it is gone", || emulator.live_clients() == 0).await;
    }
    assert_eq!(endpoints[0], endpoints[1]);
    assert_ne!(endpoints[1], endpoints[2]);
}

#[tokio::test]
async fn storage_is_of_an_identity_and_of_a_life_of_the_store() {
    let emulator = Emulator::start().await.unwrap();
    let mut ids = Vec::new();
    for identity in ["alice", "alice", "bob", "reset", "alice"] {
        if identity == "reset" {
            emulator.reset();
            continue;
        }
        let mut client = Bare::open(&emulator).await;
        let header = json!({"method": "init", "token": token(&emulator, identity),
            "capabilities": ["offline_storage"]});
        let id = client.send(header, "").await;
        let reply = client.reply(&id).await.header;
        ids.push(reply["offline_storage"]["data_sync"]["storage_id"].to_string());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[3]);
}

#[tokio::test]
async fn an_emulator_that_stops_or_is_dropped_ends_its_connections_at_once() {
    for graceful in [true, false] {
        let emulator = Emulator::start().await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(Bare::connect(&emulator, "alice").await);
        }
        let began = Instant::now();
        if graceful {
            emulator.stop().await;
        } else {
            drop(emulator);
        }
        for mut client in clients {
            while client.next().await.is_some() {}
        }
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn faults_strike_the_identities_that_they_name() {
    let emulator = Emulator::start().await.unwrap();
    let mut alice = Bare::connect(&emulator, "alice").await;
    let mut bob = Bare::connect(&emulator, "bob").await;
    let millis = Duration::from_millis;
    emulator.inject_live(
        LiveFault::close(308)
            .back_off(millis(10), millis(20))
            .identity("alice"),
    );
    let frame = alice.message().await;
    assert_eq!(close(&frame).0, 308);
    let expected = json!({"backoff_policy": {"reconnect_min_ms": 10, "reconnect_max_ms": 20}});
    assert_eq!(frame.payload, expected);
    emulator.inject_live(LiveFault::refuse(429).identity("alice"));
    let mut again = Bare::open(&emulator).await;
    let reply = again.init(&token(&emulator, "alice")).await;
    assert_eq!(reply.header["status"]["code"], 429);
    assert_eq!(bob.request("GET", "/v3/Configuration", "").await.0, 200);
    emulator.inject_live(LiveFault::cut());
    assert!(bob.next().await.is_none());
}

#[tokio::test]
async fn other_faults_reach_a_connection_that_stalls() {
    let emulator = Emulator::start().await.unwrap();
    let stall = |seconds| LiveFault::stall(Duration::from_secs(seconds));
    let mut client = Bare::connect(&emulator, "alice").await;
    emulator.inject_live(stall(3_600));
    // A later one replaces it.
    emulator.inject_live(stall(0));
    assert_eq!(client.request("GET", "/v3/Configuration", "").await.0, 200);
    // Faults that send a message wait until then.
    for (fault, expected) in [
        (LiveFault::close(308), (308, 51200)),
        (LiveFault::expire_token(), (410, 51207)),
    ] {
        emulator.inject_live(stall(3_600));
        emulator.inject_live(fault);
        emulator.inject_live(stall(0));
        assert_eq!(close(&client.message().await), expected);
        assert!(client.next().await.is_none());
        client = Bare::connect(&emulator, "alice").await;
    }
    emulator.inject_live(stall(3_600));
    emulator.inject_live(LiveFault::cut());
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn a_client_that_closes_the_web_socket_gets_an_answer() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    client.socket.close(None).await.unwrap();
    loop {
        let message = tokio::time::timeout(super::PATIENCE, client.socket.next()).await;
        match message.expect("in time") {
            Some(Ok(Message::Close(_))) => break,
            Some(Ok(_)) => {}
            end => panic!("{end:?}"),
        }
    }
}

#[tokio::test]
async fn other_messages_give_no_more_time_to_the_first_one() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::open(&emulator).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    tokio::time::advance(Duration::from_secs(8)).await;
    let telemetry = json!({"method": "telemetry.v1", "events": []});
    client.send(telemetry, "").await;
    until("it has come", || !emulator.frames().is_empty()).await;
    assert!(client.next().await.is_none());
    let passed = began.elapsed();
    assert!(passed < Duration::from_secs(12), "{passed:?}");
}
