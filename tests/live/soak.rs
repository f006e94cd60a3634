//! Many writes through many faults: nothing is lost, nothing comes twice, and views equal the store.
//!
//! `TWILIO_SYNC_LONG_TESTS=1` makes it long; with `--nocapture` it prints figures.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;
use twilio_sync::emulator::LiveFault;
use twilio_sync::realtime::{MapEvent, MapView, Watch};
use twilio_sync::{Credentials, MapItems, RateLimit, SyncClient};

use crate::watches::start;

/// The number of writes of a writer in a round.
const ROUND: usize = 25;
/// The key of the last write.
const END: &str = "end";

fn is_long() -> bool {
    std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some()
}

/// A Map as its events describe it.
#[derive(Default)]
struct Mirror {
    items: BTreeMap<String, Value>,
    /// The last event of each item, by the number in its revision.
    last: BTreeMap<String, u64>,
    emitted: BTreeSet<u64>,
    removals: usize,
    was_resynced: bool,
    /// From the write to the event, in microseconds.
    latencies: Vec<u64>,
}

impl Mirror {
    fn changes(&self) -> u64 {
        u64::try_from(self.emitted.len() + self.removals).unwrap()
    }

    /// Follows a watch to the last write, and publishes the number of changes that were emitted.
    async fn follow(
        mut watch: Watch<MapEvent<Value>>,
        began: Instant,
        progress: Option<watch::Sender<u64>>,
    ) -> Self {
        let mut mirror = Self::default();
        while let Some(event) = watch.try_next().await.unwrap() {
            match event {
                MapEvent::Initial(item) | MapEvent::Added(item) | MapEvent::Updated(item) => {
                    let event = u64::from_str_radix(item.revision.as_str(), 16).unwrap();
                    assert!(
                        mirror.emitted.insert(event),
                        "event {event} was emitted twice"
                    );
                    let last = mirror.last.insert(item.key.clone(), event);
                    assert!(
                        last.is_none_or(|last| last < event),
                        "{last:?}, then {event}"
                    );
                    let now = u64::try_from(began.elapsed().as_micros()).unwrap();
                    mirror
                        .latencies
                        .extend(item.data["at"].as_u64().map(|at| now.saturating_sub(at)));
                    let is_end = item.key == END;
                    mirror.items.insert(item.key, item.data);
                    if is_end {
                        break;
                    }
                }
                MapEvent::Removed(removed) => {
                    mirror.items.remove(&removed.position);
                    mirror.removals += 1;
                }
                MapEvent::Resync => mirror.was_resynced = true,
                MapEvent::Ready => {}
                event => panic!("{event:?}"),
            }
            if let Some(progress) = &progress {
                progress.send_replace(mirror.changes());
            }
        }
        mirror
    }
}

/// Writes and removes items; returns the number of changes.
async fn write(calls: &MapItems<Value>, writer: u64, round: usize, began: Instant) -> u64 {
    let mut changes = 0;
    for n in round * ROUND..(round + 1) * ROUND {
        let key = format!("{writer} {}", n % 13);
        if n % 17 == 16 {
            changes += u64::from(calls.remove(&key).await.is_ok());
        } else {
            let at = u64::try_from(began.elapsed().as_micros()).unwrap();
            calls.set(&key, &json!({"n": n, "at": at})).await.unwrap();
            changes += 1;
        }
    }
    changes
}

async fn stored(calls: &MapItems<Value>) -> BTreeMap<String, Value> {
    let items = calls.items().map_ok(|item| (item.key, item.data));
    items.try_collect().await.unwrap()
}

fn viewed(view: &MapView<Value>) -> BTreeMap<String, Value> {
    let items = view.snapshot();
    let items = items.iter();
    items
        .map(|(key, item)| (key.clone(), item.data.clone()))
        .collect()
}

fn faults() -> impl Iterator<Item = LiveFault> {
    let faults = [
        LiveFault::cut(),
        LiveFault::duplicate(),
        LiveFault::close(308),
        LiveFault::reorder(),
        LiveFault::stall(Duration::from_millis(40)),
        LiveFault::delay(Duration::from_millis(40)),
        LiveFault::expire_token(),
        LiveFault::close(500),
        LiveFault::refuse(429),
    ];
    faults.into_iter().cycle()
}

/// What came of a run.
struct Run {
    changes: u64,
    /// From the write to the event, in microseconds.
    latencies: Vec<u64>,
}

/// Follows 2,000 writes through 20 faults, by two clients and a view.
async fn run() -> Run {
    let (count, cuts) = (500, 20);
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let other = emulator.client().unwrap().with_identity("other");
    let began = Instant::now();
    let mut watches = vec![calls.watch(), other.map::<Value>("calls").watch()];
    for watch in &mut watches {
        assert!(matches!(watch.next().await, Some(Ok(MapEvent::Ready))));
    }
    let view = calls.view().await.unwrap();
    let (readers, mut emitted): (Vec<_>, Vec<_>) = watches
        .into_iter()
        .map(|watch| {
            let (progress, emitted) = watch::channel(0);
            let reader = tokio::spawn(Mirror::follow(watch, began, Some(progress)));
            (reader, emitted)
        })
        .unzip();

    let mut faults = faults().take(cuts);
    let mut changes = 0;
    for round in 0..count / ROUND {
        for fault in faults.by_ref().take(cuts.div_ceil(count / ROUND)) {
            emulator.inject_live(fault);
        }
        let writers = (0..4).map(|writer| write(&calls, writer, round, began));
        changes += join_all(writers).await.into_iter().sum::<u64>();
        // The log of the emulator has 500 events: up to that many can be replayed.
        for emitted in &mut emitted {
            let is_near = |emitted: &u64| emitted + 300 >= changes;
            emitted.wait_for(is_near).await.unwrap();
        }
    }
    let end = calls.set(END, &json!({})).await.unwrap();
    changes += 1;
    view.includes(&end.object).await.unwrap();

    let store = stored(&calls).await;
    assert_eq!(viewed(&view), store);
    let mut latencies = Vec::new();
    for reader in readers {
        let mirror = reader.await.unwrap();
        assert_eq!(mirror.items, store);
        assert!(!mirror.was_resynced);
        let emitted = mirror.changes();
        assert_eq!(emitted, changes, "events are missing or were emitted twice");
        latencies.extend(mirror.latencies);
    }
    Run { changes, latencies }
}

/// The long form has 100,000 writes and 1,000 faults. A client whose connection does not last waits longer
/// each time, so that these are many clients with a few faults each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_through_faults() {
    let count = if is_long() { 50 } else { 1 };
    let began = Instant::now();
    let mut runs = stream::iter((0..count).map(|_| tokio::spawn(run()))).buffer_unordered(8);
    let (mut changes, mut latencies) = (0, Vec::new());
    while let Some(run) = runs.next().await {
        let run = run.unwrap();
        changes += run.changes;
        latencies.extend(run.latencies);
    }
    latencies.sort_unstable();
    let at = |part: usize| Duration::from_micros(latencies[latencies.len() * part / 1000]);
    println!(
        "{changes} changes, {} faults, {:.1} s: from write to event p50 {:.1?}, p99 {:.1?}",
        20 * count,
        began.elapsed().as_secs_f64(),
        at(500),
        at(990),
    );
}

/// The emulator as a program, which can be killed.
pub(crate) struct Killable {
    child: Child,
    port: u64,
    values: Value,
}

impl Killable {
    pub(crate) fn start(data: Option<&std::path::Path>, port: u64) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TWILIO_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["emulator", "--json", "--quiet", "--port", &port.to_string()])
            .args(
                data.into_iter()
                    .flat_map(|data| ["--data".as_ref(), data.as_os_str()]),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let values: Value = serde_json::from_str(&line).unwrap();
        let url = values["url"].as_str().unwrap();
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        Self {
            child,
            port,
            values,
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn client(&self) -> SyncClient {
        let value = |name: &str| self.values[name].as_str().unwrap();
        let (account, key) = (value("account_sid"), value("api_key"));
        let credentials = Credentials::api_key(account, key, value("api_secret")).unwrap();
        SyncClient::builder()
            .credentials(credentials)
            .service("default")
            .base_url(value("url"))
            .rate_limit(RateLimit::off())
            .identity("watcher")
            .build()
            .unwrap()
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_service_comes_back_and_is_followed() {
    let kills = if is_long() { 50 } else { 3 };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.db");
    let mut emulator = Killable::start(Some(&data), 0);
    let sync = emulator.client();
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let view = calls.view().await.unwrap();
    let reader = tokio::spawn(Mirror::follow(calls.watch(), Instant::now(), None));
    for kill in 0..kills {
        let writes = (0..4).map(|writer| {
            let calls = &calls;
            async move {
                for n in 0..25 {
                    let key = format!("{writer} {}", n % 7);
                    let data = json!({"n": n, "kill": kill});
                    // Whatever came of a write that the end of the service met: it is made again.
                    while calls.set(&key, &data).await.is_err() {}
                }
                Ok::<_, ()>(())
            }
        });
        let mut writes = std::pin::pin!(try_join_all(writes));
        tokio::select! {
            _ = &mut writes => {}
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
        emulator.kill();
        let port = emulator.port;
        emulator = Killable::start(Some(&data), port);
        let _ = writes.await;
    }
    let end = calls.set(END, &json!({})).await.unwrap();
    view.includes(&end.object).await.unwrap();
    let store = stored(&calls).await;
    assert_eq!(viewed(&view), store);
    assert_eq!(reader.await.unwrap().items, store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_delays_nobody_and_is_right_in_the_end() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let began = Instant::now();
    let mut slow = calls.watch();
    assert!(matches!(slow.next().await, Some(Ok(MapEvent::Ready))));
    let quick = tokio::spawn(Mirror::follow(calls.watch(), began, None));
    // A minute of 20 writes a second, and more than the queue of a watch holds.
    for round in 0..16 {
        let writers = (0..4).map(|writer| write(&calls, writer, round, began));
        join_all(writers).await;
    }
    calls.set(END, &json!({})).await.unwrap();
    let quick = quick.await.unwrap();
    let slow = Mirror::follow(slow, began, None).await;
    assert_eq!(quick.items, slow.items);
    assert_eq!(slow.items, stored(&calls).await);
}
