//! The rates of the service: an emulator that applies them, and clients that keep to them.
//!
//! The time is Tokio's and is paused: minutes pass in moments, and every run is the same.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all, try_join_all};
use serde_json::{Value, json};
use tokio::time::Instant;
use twilio_sync::emulator::{Emulator, Fault};
use twilio_sync::{RateLimit, RetryPolicy, SyncClient};

use crate::client_builder;

/// An attempt: the client, the seconds since the start, and whether it was refused.
type Attempts = Arc<Mutex<Vec<(usize, f64, bool)>>>;

struct Fleet {
    /// It ends when it is dropped.
    _emulator: Emulator,
    start: Instant,
    clients: Vec<SyncClient>,
    attempts: Attempts,
}

impl Fleet {
    /// An emulator that applies the rates, with a Map, and clients that know nothing of each other.
    async fn new(clients: usize) -> Self {
        Self::with_seed(clients, 0).await
    }

    /// The same with other random waits.
    async fn with_seed(clients: usize, seed: usize) -> Self {
        let emulator = Emulator::builder()
            .rate_limits(true)
            .random_seed(1)
            .in_process()
            .unwrap();
        emulator.client().unwrap().maps().create("m").await.unwrap();
        let (start, attempts) = (Instant::now(), Attempts::default());
        let client = |number: usize| {
            let attempts = Arc::clone(&attempts);
            client_builder(&emulator)
                .random_seed((seed * clients + number) as u64)
                .on_attempt(move |attempt| {
                    let refused = attempt.status == Some(http::StatusCode::TOO_MANY_REQUESTS);
                    let at = start.elapsed().as_secs_f64();
                    attempts.lock().unwrap().push((number, at, refused));
                })
                .build()
                .unwrap()
        };
        let clients = (0..clients).map(client).collect();
        Self {
            _emulator: emulator,
            start,
            clients,
            attempts,
        }
    }

    fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Has each client write to one key of the Map again and again until the end.
    async fn write_until(&self, end: Duration, data: &Value) {
        self.have_write(0..self.clients.len(), end, data).await;
    }

    async fn have_write(&self, clients: Range<usize>, end: Duration, data: &Value) {
        let end = self.start + end;
        let writers = clients.map(|number| async move {
            let map = self.clients[number].map::<Value>("m");
            while Instant::now() < end {
                let written = map.set(format!("k{number}"), data);
                match tokio::time::timeout_at(end, written.into_future()).await {
                    Ok(written) => drop(written.unwrap()),
                    Err(_) => return,
                }
            }
        });
        join_all(writers).await;
    }

    fn report(&self, what: &str, rate: f64) -> Report {
        self.report_since(0.0, what, rate)
    }

    fn report_since(&self, begin: f64, what: &str, rate: f64) -> Report {
        self.report_between(begin, self.seconds(), what, rate)
    }

    /// The report of the attempts between two times, in seconds from the start.
    fn report_between(&self, begin: f64, end: f64, what: &str, rate: f64) -> Report {
        let attempts = self.attempts.lock().unwrap();
        let seconds = end - begin;
        let mut writes = vec![0.0; self.clients.len()];
        let (mut late, mut late_refused) = (0.0, 0.0);
        let times = begin..=end;
        for (client, at, refused) in attempts.iter().filter(|(_, at, _)| times.contains(at)) {
            writes[*client] += if *refused { 0.0 } else { 1.0 };
            if *at > begin + 10.0 {
                late += 1.0;
                late_refused += if *refused { 1.0 } else { 0.0 };
            }
        }
        let sum: f64 = writes.iter().sum();
        let squares: f64 = writes.iter().map(|writes| writes * writes).sum();
        let count = u32::try_from(writes.len()).unwrap();
        let report = Report {
            throughput: sum / (seconds * rate),
            refused: late_refused / f64::max(late, 1.0),
            jain: sum * sum / (f64::from(count) * squares),
        };
        println!("{what}: {seconds:.1} s, {sum} writes, {report:?}");
        report
    }
}

#[derive(Debug)]
struct Report {
    /// The part of the rate that was used; the window lets it be above 1 in short runs.
    throughput: f64,
    /// The part of the attempts after the first 10 seconds that was refused.
    refused: f64,
    /// Jain's index of fairness of the clients' writes.
    jain: f64,
}

impl Report {
    #[track_caller]
    fn check(&self) {
        assert!(self.throughput >= 0.9, "{self:?}");
        assert!(self.refused <= 0.1, "{self:?}");
    }
}

fn large() -> Value {
    json!({"text": "x".repeat(11_000)})
}

#[tokio::test(start_paused = true)]
async fn one_writer_of_large_data() {
    let fleet = Fleet::new(1).await;
    fleet.write_until(Duration::from_secs(60), &large()).await;
    fleet.report("one writer of 11 KB", 2.0).check();
}

#[tokio::test(start_paused = true)]
async fn a_thousand_small_items() {
    let fleet = Fleet::new(1).await;
    let map = fleet.clients[0].map::<Value>("m");
    let items = (0..1000).map(|n| (format!("k{n}"), json!({"n": n})));
    // A new item takes two requests: the update that finds nothing is a write too.
    map.set_many(items).concurrency(16).await.unwrap();
    fleet.report("1,000 small items", 20.0).check();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_large_items() {
    let fleet = Fleet::new(1).await;
    let map = fleet.clients[0].map::<Value>("m");
    let items = (0..100).map(|n| (format!("k{n}"), large()));
    map.set_many(items).await.unwrap();
    fleet.report("100 items of 11 KB", 2.0).check();
}

#[tokio::test(start_paused = true)]
async fn eight_clients_share_a_map() {
    const RUNS: u32 = 3;
    for (data, rate) in [(json!({}), 20.0), (large(), 2.0)] {
        let mut jain = 0.0;
        for seed in 0..RUNS as usize {
            let fleet = Fleet::with_seed(8, seed).await;
            fleet.write_until(Duration::from_secs(600), &data).await;
            let report = fleet.report("8 clients", rate);
            report.check();
            assert!(report.jain >= 0.8, "{report:?}");
            jain += report.jain / f64::from(RUNS);
        }
        assert!(jain >= 0.9, "{jain}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_later_get_their_share() {
    let (come, end) = (Duration::from_secs(100), Duration::from_secs(700));
    let fleet = Fleet::new(8).await;
    let data = json!({});
    let others = async {
        tokio::time::sleep(come).await;
        fleet.have_write(1..8, end, &data).await;
    };
    join(fleet.have_write(0..1, end, &data), others).await;
    let report = fleet.report_since(come.as_secs_f64(), "1 client, then 8", 20.0);
    report.check();
    assert!(report.jain >= 0.9, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_leaves_is_taken_over() {
    let (leave, end) = (Duration::from_secs(60), Duration::from_secs(480));
    for (data, rate) in [(json!({}), 20.0), (large(), 2.0)] {
        let fleet = Fleet::new(8).await;
        let seven = fleet.have_write(1..8, leave, &data);
        join(fleet.have_write(0..1, end, &data), seven).await;
        let report = fleet.report_since(leave.as_secs_f64() + 300.0, "8 clients, then 1", rate);
        report.check();
    }
}

#[tokio::test(start_paused = true)]
async fn eight_imports_of_large_items() {
    // Those that end last take some time to take over what the others leave: of short imports it is a large
    // part.
    for (count, throughput) in [(60, 0.8), (200, 0.9)] {
        let fleet = Fleet::new(8).await;
        let imports = fleet.clients.iter().enumerate().map(|(number, sync)| {
            let (map, fleet) = (sync.map::<Value>("m"), &fleet);
            let items = (0..count).map(move |n| (format!("k{number}-{n}"), large()));
            async move { map.set_many(items).await.map(|_| fleet.seconds()) }
        });
        let ends = try_join_all(imports).await.unwrap();
        let report = fleet.report(&format!("8 imports of {count} items of 11 KB"), 2.0);
        assert!(report.throughput >= throughput, "{report:?}");
        assert!(report.refused <= 0.1, "{report:?}");
        let end = ends.into_iter().fold(f64::MAX, f64::min);
        let report = fleet.report_between(0.0, end, "8 imports, whilst all work", 2.0);
        assert!(report.throughput >= 0.9 && report.jain >= 0.8, "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_clients_share_a_map() {
    let fleet = Fleet::new(1000).await;
    let (found, end) = (Duration::from_secs(400), Duration::from_secs(600));
    fleet.write_until(end, &json!({})).await;
    // Each client gets through once in 50 seconds, and in the first 10 not even every other one: a client
    // cannot tell a thousand from ten, and finds its rate by further refusals. No write fails, and nothing of
    // the rate is lost.
    let report = fleet.report("1,000 clients", 20.0);
    assert!(report.throughput >= 0.9, "{report:?}");
    assert!(report.jain >= 0.9, "{report:?}");
    assert!(report.refused <= 0.6, "{report:?}");
    let report = fleet.report_since(found.as_secs_f64(), "1,000 clients, later", 20.0);
    assert!(report.throughput >= 0.9, "{report:?}");
    assert!(report.refused <= 0.3, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slowed_object_is_forgotten() {
    let fleet = Fleet::new(1).await;
    let map = fleet.clients[0].map::<Value>("m");
    fleet.write_until(Duration::from_secs(30), &json!({})).await;
    for (minutes, is_slow) in [(5, true), (11, false)] {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
        let before = Instant::now();
        for n in 0..100 {
            map.set(format!("k{n}"), &json!({})).await.unwrap();
        }
        assert_eq!(before.elapsed() > Duration::from_secs(1), is_slow);
    }
}

#[tokio::test(start_paused = true)]
async fn creations_share_a_limit() {
    let fleet = Fleet::new(1).await;
    let docs = fleet.clients[0].documents::<Value>();
    let names = (0..400).map(|n| format!("d{n}"));
    let creations = names.map(|name| docs.create(name, &json!({})).into_future());
    try_join_all(creations).await.unwrap();
    fleet.report("400 creations", 20.0).check();
    // Other objects are not slowed down by it.
    let before = Instant::now();
    let map = fleet.clients[0].map::<Value>("m");
    map.set("k", &json!({})).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_which_limit_it_is_of() {
    let emulator = Emulator::builder().rate_limits(true).in_process().unwrap();
    let builder = client_builder(&emulator).retry(RetryPolicy::none());
    let sync = builder.rate_limit(RateLimit::off()).build().unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let stream = sync.streams().create("s").await.unwrap();
    let (items, messages) = (sync.map::<Value>("m"), sync.stream("s"));
    for n in 0..100 {
        items.set(format!("k{n}"), &json!({})).await.unwrap();
    }
    let error = items.set("k0", &json!({})).await.unwrap_err();
    assert!(error.is_rate_limited() && error.retry_after().is_none());
    assert_eq!(error.code(), Some(54009));
    let message = format!("Rate limit exceeded for write-map-{}", map.sid);
    assert!(error.to_string().contains(&message), "{error}");
    for _ in 0..300 {
        messages.publish(&json!({})).await.unwrap();
    }
    let error = messages.publish(&json!({})).await.unwrap_err();
    let message = format!("Rate limit exceeded for publish-stream-{}", stream.sid);
    assert!(error.to_string().contains(&message), "{error}");
    // Reads are not limited, and a missing object is missing.
    for _ in 0..300 {
        items.get("k0").await.unwrap();
    }
    assert!(
        sync.map::<Value>("x")
            .set("k", &json!({}))
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test(start_paused = true)]
async fn expiry_does_not_count() {
    let emulator = Emulator::builder().rate_limits(true).in_process().unwrap();
    let sync = emulator.client().unwrap();
    let docs = sync.documents::<Value>();
    for n in 0..200 {
        let name = format!("d{n}");
        docs.create(name, &json!({}))
            .ttl(Duration::from_secs(5))
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(docs.find("d0").await.unwrap().is_none());
    let before = Instant::now();
    for n in 0..200 {
        docs.create(format!("d{n}"), &json!({})).await.unwrap();
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn patience_has_an_end() {
    let emulator = Emulator::builder().in_process().unwrap();
    let sync = emulator.client().unwrap();
    sync.maps().create("m").await.unwrap();
    emulator.inject(Fault::status(429).always());
    let map = sync.map::<Value>("m");
    for (patience, limit) in [(60, RateLimit::adaptive()), (600, RateLimit::off())] {
        let retry = RetryPolicy::default().patience(Duration::from_secs(patience));
        let client = client_builder(&emulator).rate_limit(limit).build().unwrap();
        let (before, map) = (Instant::now(), client.map::<Value>("m"));
        let error = map.update("k", &json!({})).retry(retry).await.unwrap_err();
        let waited = before.elapsed().as_secs();
        assert!(error.is_rate_limited(), "{error}");
        assert!((patience / 4..=patience).contains(&waited), "{waited}");
    }
    let error = map.update("k", &json!({})).retry(RetryPolicy::none()).await;
    assert_eq!(error.unwrap_err().call().unwrap().attempts, 1);
}
