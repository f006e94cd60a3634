//! Many clients, many writes and many broken connections: nothing is lost, nothing comes twice.
//!
//! `TWILIO_SYNC_LONG_TESTS=1` makes it long; with `--nocapture` it prints figures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;
use twilio_sync::Emulator;
use twilio_sync::emulator::LiveFault;

use super::{Bare, Frame};

/// A Map as a client knows it, from events alone.
#[derive(Default)]
struct Mirror {
    items: BTreeMap<String, Value>,
    last: i64,
    connections: u64,
    /// From the write to the event, in microseconds.
    latencies: Vec<u64>,
}

impl Mirror {
    fn apply(&mut self, frame: &Frame, began: Instant) {
        for event in frame.events() {
            let id = event["id"].as_i64().expect("an id");
            assert!(id > self.last, "{id} after {}", self.last);
            self.last = id;
            let key = event["item_key"].as_str().expect("a key").to_owned();
            if frame.event_type() == "map_item_removed" {
                self.items.remove(&key);
                continue;
            }
            if frame.payload.get("correlation_id").is_none() {
                let written = event["item_data"]["at"].as_u64().unwrap();
                let now = u64::try_from(began.elapsed().as_micros()).unwrap();
                self.latencies.push(now.saturating_sub(written));
            }
            self.items.insert(key, event["item_data"].clone());
        }
    }
}

/// Follows a Map over all connections that break, until the last event is there.
async fn follow(
    emulator: Arc<Emulator>,
    sid: String,
    began: Instant,
    end: watch::Receiver<i64>,
) -> Mirror {
    let mut mirror = Mirror {
        last: -1,
        ..Mirror::default()
    };
    loop {
        mirror.connections += 1;
        let mut client = Bare::open(&emulator).await;
        let header = json!({"method": "init", "token": super::token(&emulator, "reader")});
        client.send(header, "").await;
        let body = json!({"action": "establish", "correlation_id": mirror.connections,
            "requests": [{"object_sid": sid, "object_type": "map", "last_event_id": mirror.last}]});
        let header = json!({"method": "message",
            "http_request": {"path": "/v4/Subscriptions", "method": "POST"}});
        client.send(header, &body.to_string()).await;
        let mut end = end.clone();
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
                mirror.apply(&frame, began);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_lose_and_double_nothing() {
    let is_long = std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some();
    let (readers, writes, cuts) = if is_long {
        (10, 100_000_u64, 1_000)
    } else {
        (4, 2_000, 40)
    };
    let emulator = Arc::new(Emulator::start().await.unwrap());
    let sync = emulator.client().unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let began = Instant::now();
    let (ended, end) = watch::channel(i64::MIN);
    let followers = (0..readers).map(|_| {
        let sid = map.sid.to_string();
        tokio::spawn(follow(Arc::clone(&emulator), sid, began, end.clone()))
    });
    let followers: Vec<_> = followers.collect();
    let items = sync.map::<Value>("m");
    for n in 0..writes {
        let key = format!("k{}", n % 97);
        let at = u64::try_from(began.elapsed().as_micros()).unwrap();
        if n % 11 == 10 {
            // Every key is there by then, unless it was removed by this.
            let _ = items.remove(key.as_str()).await;
        } else {
            items
                .set(key.as_str(), &json!({"n": n, "at": at}))
                .await
                .unwrap();
        }
        if n % (writes / cuts) == 0 {
            emulator.inject_live(LiveFault::cut());
        }
    }
    let written = began.elapsed();
    let revision = sync.maps().get("m").await.unwrap().revision;
    let events = i64::from_str_radix(revision.as_str(), 16).unwrap();
    ended.send(events - 1).unwrap();
    let mut expected = BTreeMap::new();
    let mut listed = items.items();
    while let Some(item) = listed.next().await {
        let item = item.unwrap();
        expected.insert(item.key.as_str().to_owned(), item.data);
    }
    let mut latencies = Vec::new();
    for mirror in join_all(followers).await {
        let mirror = mirror.unwrap();
        assert_eq!(mirror.items, expected);
        assert!(mirror.connections > 1);
        latencies.extend(mirror.latencies);
    }
    latencies.sort_unstable();
    println!(
        "{writes} writes by REST in {written:.1?}, {readers} readers, {cuts} cuts of all: 0 lost, 0 doubled; \
         write to event p50 {} us, p99 {} us",
        percentile(&latencies, 50),
        percentile(&latencies, 99)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_get_every_event() {
    let is_long = std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some();
    let (clients, writes) = if is_long { (1_000, 200_u64) } else { (50, 40) };
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..clients {
        let mut client = Bare::connect(&emulator, "reader").await;
        client
            .subscribe(document.sid.as_str(), "document", Some(0))
            .await;
        all.push(client);
    }
    let began = Instant::now();
    let readers = all.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            for n in 1..=writes {
                let event = client.event("document_updated").await;
                assert_eq!(event["id"], n);
                let written = event["document_data"]["at"].as_u64().unwrap();
                let now = u64::try_from(began.elapsed().as_micros()).unwrap();
                latencies.push(now.saturating_sub(written));
            }
            latencies
        })
    });
    let readers: Vec<_> = readers.collect();
    for n in 0..writes {
        let at = u64::try_from(began.elapsed().as_micros()).unwrap();
        sync.documents()
            .update("d", &json!({"n": n, "at": at}))
            .await
            .unwrap();
        if is_long {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut latencies = Vec::new();
    for reader in join_all(readers).await {
        latencies.extend(reader.unwrap());
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    println!(
        "{clients} clients, {writes} writes, {} events in {took:.1?}; write to event p50 {} us, p99 {} us",
        latencies.len(),
        percentile(&latencies, 50),
        percentile(&latencies, 99)
    );
}

/// A percentile of sorted values; 0 where there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = sorted.len() * percent / 100;
    sorted.get(at).copied().unwrap_or_default()
}
