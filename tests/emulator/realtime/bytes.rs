//! Any bytes on the connection of a live client, and frames that were changed: each connection ends in good
//! order, none takes memory that stays, and others are served.
//!
//! `TWILIO_SYNC_LONG_TESTS=1` makes it take ten minutes; with `--nocapture` it prints figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use twilio_sync::Emulator;

use super::{Bare, Frame, PATIENCE, is_long, resident_memory, token};

/// The messages that clients send, with all that they may have.
fn frames(token: &str) -> Vec<Vec<u8>> {
    let request = |method: &str, path: &str, body: &str| {
        let header = json!({"id": "RQ1", "method": "message", "active_grant": "data_sync",
            "payload_type": "application/json", "http_request": {"host": "cds.us1.twilio.com",
            "path": path, "method": method, "params": {"PageSize": "10", "From": ["k"], "Order": "asc"},
            "headers": {"If-Match": ["1"], "Twilio-Request-Id": "RQ1"}}});
        Frame::write(header, body)
    };
    let data = r#"{"data":{"n":1},"ttl":60}"#;
    let named = r#"{"unique_name":"d","data":{"n":1}}"#;
    let subscriptions = |action: &str| {
        json!({"event_protocol_version": 4, "action": action, "correlation_id": 1, "requests": [
            {"object_sid": format!("MP{}", "0".repeat(32)), "object_type": "map", "last_event_id": -1}]})
        .to_string()
    };
    let registrations =
        json!([{"product": "data_sync", "type": "ers", "message_types": ["twilio.sync.event"]}]);
    vec![
        Frame::write(
            json!({"id": "1", "method": "init", "token": token, "continuation_token": "e30=.x",
                "capabilities": ["client_update"], "registrations": registrations}),
            "",
        ),
        Frame::write(json!({"id": "2", "method": "update", "token": token}), ""),
        Frame::write(json!({"id": "3", "method": "ping"}), ""),
        Frame::write(
            json!({"id": "4", "method": "reply", "status": {"code": 200, "status": "OK"}}),
            "",
        ),
        Frame::write(
            json!({"id": "5", "method": "telemetry.v1", "events": []}),
            "{}",
        ),
        request("GET", "/v3/Configuration", ""),
        request("GET", "/v3/Documents/d", ""),
        request("POST", "/v3/Documents", named),
        request("POST", "/v3/Documents/d", data),
        request("POST", "/v3/Maps", r#"{"unique_name":"m"}"#),
        request("GET", "/v3/Maps/m/Items", ""),
        request("PUT", "/v3/Maps/m/Items/k%20%2F", data),
        request("DELETE", "/v3/Maps/m/Items/k", "data_sync"),
        request("POST", "/v3/Lists", r#"{"unique_name":"l","context":{}}"#),
        request("POST", "/v3/Lists/l/Items", data),
        request("POST", "/v3/Streams", r#"{"unique_name":"s"}"#),
        request("POST", "/v3/Streams/s/Messages", data),
        request("POST", "/v4/Subscriptions", &subscriptions("establish")),
        request("POST", "/v4/Subscriptions", &subscriptions("cancel")),
    ]
}

/// A change of a frame at one place.
#[derive(Clone, Debug)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<prop::sample::Index>;
    let edit = prop_oneof![
        6 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Replace(at, byte)),
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        3 => at().prop_map(Edit::Remove),
        1 => at().prop_map(Edit::Truncate),
    ];
    prop::collection::vec(edit, 0..4)
}

/// A message: a frame that was changed, or any bytes.
fn message(frames: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (prop::sample::select(frames), edits()).prop_map(|(mut bytes, edits)| {
        for edit in edits {
            match edit {
                Edit::Replace(at, byte) if !bytes.is_empty() => {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                Edit::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), byte),
                Edit::Remove(at) if !bytes.is_empty() => {
                    bytes.remove(at.index(bytes.len()));
                }
                Edit::Truncate(at) => bytes.truncate(at.index(bytes.len() + 1)),
                Edit::Replace(..) | Edit::Remove(_) => {}
            }
        }
        bytes
    });
    prop_oneof![9 => changed, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// Sends messages over a connection of its own, which then must end with a status.
async fn messages_end_in_good_order(emulator: &Emulator, messages: &[Vec<u8>]) {
    let mut client = Bare::open(emulator).await;
    for bytes in messages {
        let message = Message::Binary(bytes.clone().into());
        if client.socket.feed(message).await.is_err() {
            break;
        }
    }
    let end = Frame::write(json!({"id": "end", "method": "close"}), "");
    client.send_bytes(end).await;
    // A task that panicked would end it without a word.
    loop {
        let message = timeout(PATIENCE, client.socket.next()).await;
        match message.expect("in time") {
            Some(Ok(Message::Close(Some(frame)))) => {
                assert_eq!(frame.code, CloseCode::Normal, "{messages:?}");
                return;
            }
            Some(Ok(Message::Binary(_))) => {}
            other => panic!("{other:?} after {messages:?}"),
        }
    }
}

/// Sends what is no `WebSocket` frame.
async fn raw_bytes_end_it(emulator: &Emulator, bytes: &[u8]) {
    let mut client = Bare::open(emulator).await;
    if let MaybeTlsStream::Plain(stream) = client.socket.get_mut() {
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
    }
    let end = async { while let Some(Ok(_)) = client.socket.next().await {} };
    timeout(PATIENCE, end).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_and_changed_frames_end_connections_in_good_order() {
    let emulator = Arc::new(Emulator::start().await.unwrap());
    let token = token(&emulator, "alice");
    let (connections, time) = if is_long() {
        (u32::MAX, Duration::from_secs(600))
    } else {
        (60, PATIENCE)
    };
    let began = Instant::now();
    let workers = (0..8_u8).map(|worker| {
        let emulator = Arc::clone(&emulator);
        let frames = frames(&token);
        tokio::spawn(async move {
            let seed = [worker; 32];
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
            let mut runner = TestRunner::new_with_rng(Config::default(), rng);
            let init = frames[0].clone();
            let messages = prop::collection::vec(message(frames), 1..16);
            let (mut sent, mut done, mut first_memory) = (0, 0, None);
            while done < connections && began.elapsed() < time {
                let mut next = messages.new_tree(&mut runner).unwrap().current();
                sent += next.len();
                if done % 16 == 15 {
                    raw_bytes_end_it(&emulator, &next.concat()).await;
                } else {
                    // Most connections get past the first message.
                    if done % 8 != 0 {
                        next.insert(0, init.clone());
                    }
                    messages_end_in_good_order(&emulator, &next).await;
                }
                done += 1;
                if worker == 0 && done % 1_000 == 0 {
                    // The objects that they created may be left over, and are removed.
                    emulator.reset();
                    first_memory = first_memory.or(resident_memory(std::process::id()));
                }
            }
            (sent, done, first_memory)
        })
    });
    let (mut sent, mut done, mut first_memory) = (0, 0, None);
    for worker in join_all(workers).await {
        let (more, connections, memory) = worker.unwrap();
        sent += more;
        done += connections;
        first_memory = first_memory.or(memory);
    }
    let mut client = Bare::connect(&emulator, "bob").await;
    assert_eq!(client.request("GET", "/v3/Configuration", "").await.0, 200);
    drop(client);
    super::until("all are gone", || emulator.live_clients() == 0).await;
    println!(
        "{sent} messages over {done} connections in {:.0?}",
        began.elapsed()
    );
    if let (Some(first), Some(memory)) = (first_memory, resident_memory(std::process::id())) {
        println!(
            "resident memory {} MiB, then {} MiB",
            first >> 20,
            memory >> 20
        );
        // The logs of requests and frames may fill meanwhile: 16 MiB each, and what their entries take.
        assert!(memory < first + (128 << 20), "{first} bytes, then {memory}");
    }
}
