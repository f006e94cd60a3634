//! The same histories over real sockets, where hyper and reqwest have their part.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use http::{StatusCode, header};
use tokio::sync::Mutex;
use twilio_sync::emulator::{EmulatorBuilder, Fault};
use twilio_sync::{Emulator, RateLimit, RetryPolicy};

use crate::history::{History, Outcomes};
use crate::place::{Kind, Place};
use crate::task::Task;

const HISTORIES: u64 = 200;

const TIMEOUT: Duration = Duration::from_millis(400);

fn fault(random: &mut fastrand::Rng) -> Fault {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE.as_u16();
    match random.u8(0..9) {
        0 => Fault::cut(),
        1 | 2 => Fault::cut_after_write(),
        3 => Fault::status(unavailable),
        4 => Fault::status(unavailable).after_write(),
        5 => Fault::truncate(),
        6 => Fault::garbage(),
        7 => Fault::status(429).header(header::RETRY_AFTER, 0),
        _ => Fault::delay(TIMEOUT * 2),
    }
}

/// The emulator of a history; none while it is down.
type Running = Arc<Mutex<Option<Emulator>>>;

/// Injects faults until it is aborted.
async fn inject(running: Running, mut random: fastrand::Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(1..20))).await;
        if let Some(emulator) = &*running.lock().await {
            emulator.inject(fault(&mut random));
        }
    }
}

/// Ends the emulator now and then and starts it again, at the same address and with the same data.
async fn restart(running: Running, builder: EmulatorBuilder, mut random: fastrand::Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(random.u64(20..400))).await;
        let mut running = running.lock().await;
        if let Some(emulator) = running.take() {
            emulator.stop().await;
        }
        *running = Some(builder.clone().start().await.unwrap());
    }
}

async fn run(seed: u64) -> Arc<History> {
    let mut random = fastrand::Rng::with_seed(seed);
    let kinds = [Kind::Documents, Kind::MapItems, Kind::Lists];
    let kind = random.choice(kinds).unwrap();
    let folder = (random.u8(0..10) == 0).then(|| tempfile::tempdir().unwrap());
    let mut builder = Emulator::builder();
    if let Some(folder) = &folder {
        builder = builder.data_file(folder.path().join("data"));
    }
    let emulator = builder.clone().start().await.unwrap();
    let port = emulator.url().rsplit(':').next().unwrap().parse().unwrap();
    Place::prepare(kind, &emulator.client().unwrap())
        .await
        .unwrap();
    let history = Arc::new(History::new());
    let names = random.usize(1..4);
    let tasks = (0..random.usize(3..9)).map(|number| {
        let sync = emulator
            .client_builder()
            .unwrap()
            .timeout(TIMEOUT)
            .retry(RetryPolicy::default().base_delay(Duration::from_millis(5)))
            .rate_limit(RateLimit::off())
            .build()
            .unwrap();
        let task = Task {
            number,
            kind,
            sync,
            random: random.fork(),
            names,
            calls: random.usize(4..10),
            pause: Duration::from_millis(random.u64(1..60)),
            ttl: Duration::from_secs(1),
            flaw: None,
            history: Arc::clone(&history),
        };
        tokio::spawn(task.run())
    });
    let tasks: Vec<_> = tasks.collect();
    let running = Arc::new(Mutex::new(Some(emulator)));
    let faults = tokio::spawn(inject(Arc::clone(&running), random.fork()));
    let restarts = folder
        .is_some()
        .then(|| tokio::spawn(restart(Arc::clone(&running), builder.port(port), random)));
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for interference in [Some(faults), restarts].into_iter().flatten() {
        assert!(!interference.is_finished(), "it ended by a panic");
        interference.abort();
    }
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_over_sockets_are_linearizable() {
    let mut outcomes = Outcomes::default();
    let mut histories = stream::iter(0..HISTORIES)
        .map(|seed| async move { (seed, tokio::spawn(run(seed)).await.unwrap()) })
        .buffer_unordered(8);
    while let Some((seed, history)) = histories.next().await {
        let violations = history.violations();
        assert!(
            violations.is_empty(),
            "seed {seed}: no order of the calls explains {violations:?}:\n{history}"
        );
        outcomes.add(history.outcomes());
    }
    println!("{HISTORIES} histories over sockets: {outcomes:?}");
}
