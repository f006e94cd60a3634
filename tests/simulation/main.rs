//! Histories of concurrent calls over a network that fails, and whether they are linearizable.
//!
//! Clients and emulator are in one thread, and the time is Tokio's, which is paused: a seed decides a run, and
//! repeats it. `TWILIO_SYNC_HISTORIES` sets the number of histories (2,000), `TWILIO_SYNC_HISTORIES_SEED` the
//! first seed (0). A call of unknown outcome may have its effect at any time after it began, or never.

mod careless;
mod history;
mod model;
mod network;
mod place;
mod sockets;
mod task;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use careless::Flaw;
use history::{History, Outcomes};
use network::Network;
use place::{Kind, Place};
use task::Task;

const TIMEOUT: Duration = Duration::from_secs(2);

fn variable(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

/// Runs the history of a seed, on a thread of its own for the time.
fn run(seed: u64, flaw: Option<Flaw>) -> Arc<History> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(seed, flaw))
}

async fn simulate(seed: u64, flaw: Option<Flaw>) -> Arc<History> {
    let mut random = fastrand::Rng::with_seed(seed);
    let kinds = [Kind::Documents, Kind::MapItems, Kind::Lists];
    let kind = random.choice(kinds).unwrap();
    let names = random.usize(1..4);
    // The revisions of items differ even after a removal, which hides some mistakes.
    let (kind, names) = flaw.map_or((kind, names), |_| (Kind::Documents, 1));
    // Writing a file takes its time, so that few runs have one.
    let folder = (random.u8(0..50) == 0).then(|| tempfile::tempdir().unwrap());
    let data_file = folder.as_ref().map(|folder| folder.path().join("data"));
    let fault_every = random.u32(3..12);
    let network = Network::new(random.u64(..), fault_every, TIMEOUT * 2, data_file);
    let history = Arc::new(History::new());
    prepare(kind, &network).await;
    // From tight races to calls that the dates of the service tell apart.
    let pause = Duration::from_millis(1).mul_f64(10_f64.powf(4.0 * random.f64()));
    let mut calls_left = random.usize(20..61);
    let mut tasks = Vec::new();
    let count = random.usize(3..9);
    for number in 0..count {
        let calls = calls_left / (count - number);
        calls_left -= calls;
        let sync = network
            .client_builder()
            .timeout(TIMEOUT)
            .random_seed(random.u64(..))
            .build()
            .unwrap();
        let task = Task {
            number,
            kind,
            sync,
            random: random.fork(),
            names,
            calls,
            pause,
            ttl: Duration::from_secs(random.u64(1..8)),
            flaw,
            history: Arc::clone(&history),
        };
        tasks.push(tokio::spawn(task.run()));
    }
    let restarts = folder
        .is_some()
        .then(|| tokio::spawn(restart(network.clone(), random)));
    for task in join_all(tasks).await {
        task.unwrap();
    }
    if let Some(restarts) = restarts {
        assert!(
            !restarts.is_finished(),
            "the emulator was not started again"
        );
        restarts.abort();
    }
    network.stop();
    history
}

async fn prepare(kind: Kind, network: &Network) {
    let sync = network.client_builder().build().unwrap();
    while let Err(error) = Place::prepare(kind, &sync).await {
        if error.is_already_exists() {
            return;
        }
    }
}

/// Ends the emulator now and then, and starts it again a while later.
async fn restart(network: Network, mut random: fastrand::Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(500..10_000))).await;
        network.stop();
        tokio::time::sleep(Duration::from_millis(random.u64(1..2_000))).await;
        network.start();
    }
}

#[test]
fn histories_are_linearizable() {
    let first = variable("TWILIO_SYNC_HISTORIES_SEED", 0);
    let histories = variable("TWILIO_SYNC_HISTORIES", 2_000);
    let next = AtomicU64::new(first);
    let began = std::time::Instant::now();
    let work = || {
        let mut outcomes = Outcomes::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + histories {
                return outcomes;
            }
            let history = run(seed, None);
            let violations = history.violations();
            assert!(
                violations.is_empty(),
                "TWILIO_SYNC_HISTORIES_SEED={seed} TWILIO_SYNC_HISTORIES=1 repeats this history, in \
                 which no order of the calls explains {violations:?}:\n{history}"
            );
            outcomes.add(history.outcomes());
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Outcomes::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            outcomes.add(
                worker
                    .join()
                    .expect("a history that is not linearizable: see above"),
            );
        }
    });
    let elapsed = began.elapsed();
    println!("{histories} histories from seed {first} in {elapsed:.1?}: {outcomes:?}");
}

#[test]
fn a_seed_repeats_a_history() {
    for seed in 0..40 {
        let texts = [(); 2].map(|()| run(seed, None).to_string());
        assert_eq!(texts[0], texts[1], "seed {seed}");
    }
}

/// Returns true if the check finds a mistake in one of some histories.
fn finds(flaw: Flaw) -> bool {
    (0..1_000).any(|seed| !run(seed, Some(flaw)).violations().is_empty())
}

#[test]
fn the_check_finds_settling_by_content() {
    assert!(finds(Flaw::SettlesByContent));
}

#[test]
fn the_check_finds_removals_repeated_by_name() {
    assert!(finds(Flaw::RemovesByName));
}

#[test]
fn the_check_finds_mutations_by_name() {
    assert!(finds(Flaw::MutatesByName));
}
