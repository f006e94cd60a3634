//! Many clients, many writes by REST and by clients, and many faults: nothing is lost, nothing comes twice.
//!
//! `TWILIO_SYNC_LONG_TESTS=1` makes it long; with `--nocapture` it prints figures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;
use twilio_sync::Emulator;
use twilio_sync::emulator::LiveFault;

use super::{Bare, Frame, is_long};

/// A Map as a client knows it, from events alone.
#[derive(Default)]
struct Mirror {
    items: BTreeMap<String, Value>,
    last: i64,
    connections: u64,
    /// The number of events that came again.
    doubled: u64,
}

impl Mirror {
    fn apply(&mut self, frame: &Frame) {
        for event in frame.events() {
            let id = event["id"].as_i64().expect("an id");
            if id == self.last {
                self.doubled += 1;
                continue;
            }
            assert!(id > self.last, "{id} after {}", self.last);
            self.last = id;
            let key = event["item_key"].as_str().expect("a key").to_owned();
            if frame.event_type() == "map_item_removed" {
                self.items.remove(&key);
            } else {
                self.items.insert(key, event["item_data"].clone());
            }
        }
    }
}

/// A connection of an identity; none if it is refused or ends at once.
async fn connect(emulator: &Emulator, identity: &str) -> Option<Bare> {
    let mut client = Bare::open(emulator).await;
    let header = json!({"method": "init", "token": super::token(emulator, identity)});
    let id = client.send(header, "").await;
    let reply = client.reply_or_end(&id).await?;
    (reply.header["status"]["code"] == 200).then_some(client)
}

/// Follows a Map over all connections that break, until the last event is there.
async fn follow(emulator: Arc<Emulator>, sid: String, mut end: watch::Receiver<i64>) -> Mirror {
    let mut mirror = Mirror {
        last: -1,
        ..Mirror::default()
    };
    loop {
        mirror.connections += 1;
        let Some(mut client) = connect(&emulator, "reader").await else {
            continue;
        };
        let body = json!({"action": "establish", "correlation_id": mirror.connections,
            "requests": [{"object_sid": sid, "object_type": "map", "last_event_id": mirror.last}]});
        let header = json!({"method": "message",
            "http_request": {"path": "/v4/Subscriptions", "method": "POST"}});
        client.send(header, &body.to_string()).await;
        loop {
            if *end.borrow() == mirror.last {
                return mirror;
            }
            let frame = tokio::select! {
                frame = client.next() => frame,
                _ = end.changed() => continue,
            };
            let Some(frame) = frame else { break };
            if frame.event_type().starts_with("map_item") {
                mirror.apply(&frame);
            }
        }
    }
}

/// The key of a write, and its data; none where the item is removed.
fn change(writer: u64, n: u64) -> (String, Option<Value>) {
    let key = format!("k{}", (n * 7 + writer) % 97);
    let data = (n % 11 != 10).then(|| json!({"writer": writer, "n": n}));
    (key, data)
}

/// Writes as a live client, and connects again where its connection has ended.
///
/// A write without a reply may have been made or not: it is not repeated.
async fn write(
    emulator: Arc<Emulator>,
    sid: String,
    writer: u64,
    count: u64,
    done: Arc<AtomicU64>,
) {
    let mut client = None;
    for n in 0..count {
        let mut connected = loop {
            match client.take() {
                Some(client) => break client,
                None => client = connect(&emulator, "writer").await,
            }
        };
        let (key, data) = change(writer, n);
        let method = if data.is_some() { "PUT" } else { "DELETE" };
        let header = json!({"method": "message", "http_request":
            {"path": format!("/v3/Maps/{sid}/Items/{key}"), "method": method}});
        let body = data.map(|data| json!({"data": data}).to_string());
        let id = connected.send(header, &body.unwrap_or_default()).await;
        if let Some(reply) = connected.reply_or_end(&id).await {
            let status = reply.header["http_status"]["code"].as_u64();
            assert!(matches!(status, Some(200 | 201 | 204 | 404)), "{reply:?}");
            client = Some(connected);
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// The faults that strike, one after another.
fn fault(n: u64) -> LiveFault {
    let millis = Duration::from_millis;
    match n % 7 {
        0 | 1 => LiveFault::cut(),
        2 => LiveFault::stall(millis(50)),
        3 => LiveFault::close(308).back_off(millis(1), millis(2)),
        4 => LiveFault::delay(millis(20)).identity("reader"),
        5 => LiveFault::duplicate().identity("reader"),
        _ => LiveFault::forget_log(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_lose_and_double_nothing() {
    const WRITERS: u64 = 4;
    let (readers, count, faults) = if is_long() {
        (10, 100_000_u64, 500)
    } else {
        (4, 2_000, 42)
    };
    let emulator = Arc::new(Emulator::start().await.unwrap());
    let sync = emulator.client().unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let sid = map.sid.to_string();
    let began = Instant::now();
    let (ended, end) = watch::channel(i64::MIN);
    let followers =
        (0..readers).map(|_| tokio::spawn(follow(Arc::clone(&emulator), sid.clone(), end.clone())));
    let followers: Vec<_> = followers.collect();

    let done = Arc::new(AtomicU64::new(0));
    let each = count / WRITERS;
    let live = (1..WRITERS).map(|writer| {
        let (emulator, done) = (Arc::clone(&emulator), Arc::clone(&done));
        tokio::spawn(write(emulator, sid.clone(), writer, each, done))
    });
    let mut writers: Vec<_> = live.collect();
    let (items, rest) = (sync.map::<Value>("m"), Arc::clone(&done));
    writers.push(tokio::spawn(async move {
        for n in 0..each {
            let (key, data) = change(0, n);
            match data {
                Some(data) => drop(items.set(key.as_str(), &data).await.unwrap()),
                // It may be gone already.
                None => drop(items.remove(key.as_str()).await),
            }
            rest.fetch_add(1, Ordering::Relaxed);
        }
    }));
    for n in 0..faults {
        while done.load(Ordering::Relaxed) < n * count / faults {
            sleep(Duration::from_millis(1)).await;
        }
        emulator.inject_live(fault(n));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let written = began.elapsed();
    let revision = sync.maps().get("m").await.unwrap().revision;
    let events = i64::from_str_radix(revision.as_str(), 16).unwrap();
    ended.send(events - 1).unwrap();
    let mut expected = BTreeMap::new();
    let items = sync.map::<Value>("m");
    let mut listed = items.items();
    while let Some(item) = listed.next().await {
        let item = item.unwrap();
        expected.insert(item.key.as_str().to_owned(), item.data);
    }
    let mut connections = 0;
    for mirror in join_all(followers).await {
        let mirror = mirror.unwrap();
        assert_eq!(mirror.items, expected);
        assert!(mirror.connections > 1);
        connections += mirror.connections;
        // Those that a fault has doubled, and no others.
        assert!(mirror.doubled <= faults / 7, "{}", mirror.doubled);
    }
    println!(
        "{count} writes, {} of them by live clients, and {events} events in {written:.1?}; {readers} readers with \
         {connections} connections, {faults} faults: 0 lost, 0 doubled",
        each * (WRITERS - 1)
    );
}
