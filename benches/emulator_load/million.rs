//! A list of a million items.

use std::time::{Duration, Instant};

use twilio_sync::Emulator;

use crate::Verdict;
use crate::connection::{Connection, Server};

const ITEMS: u32 = 1_000_000;
const CONNECTIONS: u32 = 64;
/// Of resident memory, in bytes.
const MOST_MEMORY: u64 = 1024 * 1024 * 1024;
/// How much longer the last page may take than the first.
const MOST_RATIO: f64 = 2.0;
const SAMPLES: usize = 301;

pub(crate) async fn run() -> Vec<Verdict> {
    let emulator = Emulator::start().await.unwrap();
    let server = Server::of(&emulator);
    let mut connection = server.connect().await;
    connection.post("/Lists", &[("UniqueName", "l")]).await;
    let adding: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { add(server.connect().await).await })
        })
        .collect();
    for adding in adding {
        adding.await.unwrap();
    }

    let first = median(&mut connection, "/Lists/l/Items?PageSize=100", 0).await;
    let path = format!("/Lists/l/Items?PageSize=100&From={}", ITEMS - 100);
    let last = median(&mut connection, &path, ITEMS - 100).await;
    let ratio = last.as_secs_f64() / first.as_secs_f64();
    let mut verdicts = vec![Verdict::new(
        format!(
            "{ITEMS} items: last page of 100 {last:?}, first {first:?}, ratio {ratio:.2} (at most {MOST_RATIO})"
        ),
        ratio <= MOST_RATIO,
    )];
    // The connections and what the load left are counted too.
    match peak_memory() {
        Some(memory) => verdicts.push(Verdict::new(
            format!(
                "{ITEMS} items: at most {} MiB of resident memory, client included (at most {})",
                memory >> 20,
                MOST_MEMORY >> 20
            ),
            memory <= MOST_MEMORY,
        )),
        None => println!("the resident memory is not known on this system"),
    }
    emulator.stop().await;
    verdicts
}

async fn add(mut connection: Connection) {
    for _ in 0..ITEMS / CONNECTIONS {
        let status = connection.post("/Lists/l/Items", &[("Data", r#"{"call":1}"#)]);
        assert_eq!(status.await, 201);
    }
}

/// The median time of a page, which must begin with this index.
async fn median(connection: &mut Connection, path: &str, index: u32) -> Duration {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let started = Instant::now();
        assert_eq!(connection.get(path).await, 200);
        times.push(started.elapsed());
    }
    let page: serde_json::Value = serde_json::from_slice(&connection.body).unwrap();
    let items = page["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), items[0]["index"].as_u64()),
        (100, Some(index.into()))
    );
    times.sort();
    times[SAMPLES / 2]
}

/// The most resident memory this process has had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
