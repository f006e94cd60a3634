//! The memory and time of live updates, with the emulator in a process of its own. The figures are
//! in `docs/performance.md`; `cargo test --release --features full --test live -- figures --ignored
//! --nocapture --test-threads 1` prints them.

use std::fs;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use twilio_sync::realtime::{MapEvent, MapView};

use crate::soak::Killable;

/// The memory of this process, in bytes.
fn resident() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: i64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes minutes, and measures the whole process"]
async fn a_million_events_leave_the_memory_as_it_is() {
    const EVENTS: u32 = 1_000_000;
    let emulator = Killable::start(None, 0);
    let sync = emulator.client();
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let mut watch = calls.watch();
    assert!(matches!(watch.next().await, Some(Ok(MapEvent::Ready))));
    let began = Instant::now();
    let reader = tokio::spawn(async move {
        let mut at_tenth = 0;
        for n in 0..EVENTS {
            let event = watch.next().await.unwrap().unwrap();
            assert!(
                matches!(event, MapEvent::Added(_) | MapEvent::Updated(_)),
                "{event:?}"
            );
            if n == EVENTS / 10 {
                at_tenth = resident();
            }
        }
        (at_tenth, resident())
    });
    let writes = (0..EVENTS).map(|n| {
        let calls = calls.clone();
        async move {
            calls
                .set(format!("key {}", n % 100), &json!({"n": n}))
                .await
                .map(drop)
        }
    });
    let mut writes = stream::iter(writes).buffer_unordered(16);
    while let Some(written) = writes.next().await {
        written.unwrap();
    }
    let (at_tenth, at_end) = reader.await.unwrap();
    let growth = at_end - at_tenth;
    println!(
        "{EVENTS} events in {:.0} s: {} KiB after a tenth, {} KiB more at the end",
        began.elapsed().as_secs_f64(),
        at_tenth / 1024,
        growth / 1024,
    );
    assert!(growth < 4 * 1024 * 1024);
}

fn key(n: i64) -> String {
    format!("CA{n:032}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it takes a minute, and measures the whole process"]
async fn a_view_of_100_000_items() {
    const ITEMS: i64 = 100_000;
    let emulator = Killable::start(None, 0);
    let sync = emulator.client();
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let items = (0..ITEMS).map(|n| (key(n), json!({"state": "ringing", "n": n})));
    calls.set_many(items).await.unwrap();
    let before = resident();
    let began = Instant::now();
    let view = calls.view().await.unwrap();
    println!(
        "a view of {ITEMS} items: {:.1} s, {} bytes an item",
        began.elapsed().as_secs_f64(),
        (resident() - before) / ITEMS,
    );
    let keys: Vec<String> = (0..ITEMS).map(|n| key(n * 7919 % ITEMS)).collect();
    println!("a lookup of any item: {} ns", lookup(&view, &keys, 1));
    println!("of one of 100: {} ns", lookup(&view, &keys[..100], 1_000));
}

/// The mean time of a lookup, in nanoseconds.
fn lookup(view: &MapView<Value>, keys: &[String], rounds: usize) -> u128 {
    let began = Instant::now();
    for _ in 0..rounds {
        assert!(keys.iter().all(|key| view.get(key).is_some()));
    }
    began.elapsed().as_nanos() / (keys.len() * rounds) as u128
}
