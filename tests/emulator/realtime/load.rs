//! The cost of live clients: the time until an event is there, memory, and the time of others.
//!
//! `TWILIO_SYNC_LONG_TESTS=1` makes it long; with `--nocapture` it prints figures. Those of
//! docs/performance.md are of a release build.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::interval;
use tokio_tungstenite::tungstenite::Message;
use twilio_sync::{Document, Emulator};

use super::{Bare, Frame, is_long, percentile, until};

/// A client that is subscribed to a Document, with nothing missed.
async fn subscribed(emulator: &Emulator, identity: &str, document: &Document<Value>) -> Bare {
    let mut client = Bare::connect(emulator, identity).await;
    client
        .subscribe(document.sid.as_str(), "document", Some(0))
        .await;
    client
}

/// The number of the next event of a Document, and the time since its write, in microseconds.
///
/// It reads no more than that: a thousand clients share the machine with the emulator.
async fn next_update(client: &mut Bare, began: Instant) -> (u64, u64) {
    #[derive(Deserialize)]
    struct Header<'a> {
        id: &'a str,
        method: &'a str,
    }
    #[derive(Deserialize)]
    struct Payload {
        events: [Update; 1],
    }
    #[derive(Deserialize)]
    struct Update {
        id: u64,
        document_data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        at: u64,
    }
    loop {
        let Some(Ok(Message::Binary(frame))) = client.socket.next().await else {
            panic!("the connection has ended");
        };
        let now = micros(began);
        let mut parts = frame.split(|byte| *byte == b'\n').skip(1);
        let header: Header<'_> = serde_json::from_slice(parts.next().unwrap()).unwrap();
        client.send_bytes(Frame::reply(header.id)).await;
        if header.method == "notification" {
            let payload: Payload = serde_json::from_slice(parts.next().unwrap()).unwrap();
            let [Update { id, document_data }] = payload.events;
            return (id, now.saturating_sub(document_data.at));
        }
    }
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_get_every_event() {
    let (clients, writes, pause) = if is_long() {
        (1_000, 600_u64, Duration::from_millis(50))
    } else {
        (50, 40, Duration::from_millis(1))
    };
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..clients {
        all.push(subscribed(&emulator, "reader", &document).await);
    }
    let began = Instant::now();
    let readers = all.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            for n in 1..=writes {
                let (id, latency) = next_update(&mut client, began).await;
                // Each event is the next one: none is lost or doubled.
                assert_eq!(id, n);
                latencies.push(latency);
            }
            latencies
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut ticks = interval(pause);
    for n in 0..writes {
        ticks.tick().await;
        let data = json!({"n": n, "at": micros(began)});
        sync.documents().update("d", &data).await.unwrap();
    }
    let written = began.elapsed();
    let mut latencies = Vec::new();
    for reader in join_all(readers).await {
        latencies.extend(reader.unwrap());
    }
    latencies.sort_unstable();
    println!(
        "{clients} clients, {writes} writes in {written:.1?}, {} events, 0 lost, 0 doubled; \
         write to event p50 {} us, p99 {} us, at most {} us",
        latencies.len(),
        percentile(&latencies, 50),
        percentile(&latencies, 99),
        latencies.last().copied().unwrap_or_default()
    );
}

/// The emulator is a process of its own, so that its memory has nothing of the clients.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_clients_cost_little_memory() {
    use reqwest::Method;

    use super::resident_memory;
    use crate::program::Program;

    let clients = if is_long() { 10_000 } else { 200 };
    let program = Program::in_memory();
    let http = program.http();
    let form = [("UniqueName", "d"), ("Data", "{}")];
    let (_, document) = http.post("/Documents", &form).await;
    let sid = document["sid"].as_str().unwrap().to_owned();
    let body = json!({"identity": "reader"});
    let (_, token) = http.control(Method::POST, "token", &body).await;
    let token = token["token"].as_str().unwrap().to_owned();
    let url = program.json()["realtime_url"].as_str().unwrap().to_owned();
    let (ended, end) = tokio::sync::watch::channel(());
    let connect = async || {
        let mut client = Bare::open_at(&url).await;
        client.init(&token).await;
        client.subscribe(&sid, "document", Some(0)).await;
        client
    };
    // It answers pings, and gets no more than the one event that follows.
    let idle_until_the_end = |mut client: Bare| {
        let mut end = end.clone();
        tokio::spawn(async move {
            assert_eq!(client.event("document_updated").await["id"], 1);
            let _ = end.changed().await;
        })
    };
    let mut idle = vec![idle_until_the_end(connect().await)];
    let before = resident_memory(program.id());
    while idle.len() < clients {
        idle.push(idle_until_the_end(connect().await));
    }
    let after = resident_memory(program.id());
    let (status, _) = http.post("/Documents/d", &[("Data", "{\"n\":1}")]).await;
    assert_eq!(status, 200);
    drop(ended);
    for client in idle {
        client.await.unwrap();
    }
    if let (Some(before), Some(after)) = (before, after) {
        let each = after.saturating_sub(before) / (clients - 1);
        println!(
            "{clients} idle subscriptions: {:.1} KiB of resident memory each, {} MiB in all",
            f64::from(u32::try_from(each).unwrap()) / 1024.0,
            after >> 20
        );
        assert!(each < 128 * 1024, "{each} bytes");
    }
}

/// Writes to a Document, 16 at a time; the time that it took.
async fn write(emulator: &Emulator, count: u32) -> Duration {
    let sync = emulator.client().unwrap();
    let began = Instant::now();
    let writers = (0..16).map(|writer| {
        let sync = sync.clone();
        tokio::spawn(async move {
            for n in 0..count / 16 {
                let data = json!({"n": n});
                let name = format!("d{writer}");
                sync.documents().update(name.as_str(), &data).await.unwrap();
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_of_other_objects_do_not_slow_writes() {
    let (rounds, writes) = if is_long() { (101, 3_200) } else { (3, 160) };
    let (alone, watched) = (
        Emulator::start().await.unwrap(),
        Emulator::start().await.unwrap(),
    );
    for emulator in [&alone, &watched] {
        let sync = emulator.client().unwrap();
        for writer in 0..16 {
            let name = format!("d{writer}");
            sync.documents()
                .create(name.as_str(), &json!({}))
                .await
                .unwrap();
        }
    }
    let sync = watched.client().unwrap();
    let other = sync.documents().create("other", &json!({})).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = subscribed(&watched, "reader", &other).await;
        // All that it gets, beside pings, is the event of its own object.
        clients.push(tokio::spawn(async move {
            assert_eq!(client.event("document_updated").await["id"], 1);
        }));
    }
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let (with, without);
        if round % 2 == 0 {
            without = write(&alone, writes).await;
            with = write(&watched, writes).await;
        } else {
            with = write(&watched, writes).await;
            without = write(&alone, writes).await;
        }
        ratios.push(without.as_secs_f64() / with.as_secs_f64());
        rates.push(f64::from(writes) / without.as_secs_f64());
    }
    rates.sort_unstable_by(f64::total_cmp);
    ratios.sort_unstable_by(f64::total_cmp);
    let ratio = ratios[rounds / 2];
    println!(
        "REST writes, {rounds} rounds of {writes}: median {:.0}/s; with 100 subscribers on another object {ratio:.3} of that",
        rates[rounds / 2]
    );
    sync.documents()
        .update("other", &json!({"n": 1}))
        .await
        .unwrap();
    for client in clients {
        client.await.unwrap();
    }
    if is_long() {
        assert!(ratio >= 0.9, "{ratio}");
    }
}

/// A client that does not read costs a bounded queue. It is cut off, gets what it has missed when it is
/// back, and delays nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_cut_off_and_delays_nobody() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let mut slow = subscribed(&emulator, "slow", &document).await;
    let mut quick = subscribed(&emulator, "quick", &document).await;
    let text = "x".repeat(12_000);
    let mut latencies = Vec::new();
    let mut writes = 0;
    while emulator.live_clients() == 2 {
        // The queue has 1,024, and the sockets of both ends some megabytes.
        assert!(writes < 10_000, "it is not cut off");
        writes += 1;
        let began = Instant::now();
        let data = json!({"n": writes, "text": text});
        sync.documents().update("d", &data).await.unwrap();
        assert_eq!(quick.event("document_updated").await["id"], writes);
        latencies.push(micros(began));
    }
    latencies.sort_unstable();
    // It gets what was sent by then, without a gap, and then the end.
    let mut seen = 0;
    while let Some(frame) = slow.next().await {
        if frame.event_type() == "document_updated" {
            seen += 1;
            assert_eq!(frame.events()[0]["id"], seen);
        }
    }
    println!(
        "a slow reader of 12 KB events is cut off after {writes}, and has read {seen}; another one gets each, \
         write to event p99 {} us",
        percentile(&latencies, 99)
    );
    let mut back = Bare::connect(&emulator, "slow").await;
    let messages = back
        .subscribe(document.sid.as_str(), "document", Some(seen))
        .await;
    let newest = &messages[messages.len() - 2].events().last().unwrap()["document_data"]["n"];
    assert_eq!(newest, &json!(writes));
    until("only two are there", || emulator.live_clients() == 2).await;
}
