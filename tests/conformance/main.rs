//! The rules of `twilio_sync::conformance`, on the emulator and on the real service.
//!
//! The real service is tested if credentials are in the environment (see `SyncClient::from_env`).

mod faults;

use chrono::{DateTime, Utc};
use twilio_sync::conformance::{self, Report, Source};
use twilio_sync::emulator::{Clock, Emulator};
use twilio_sync::{RateLimit, SyncClient};

/// A time that is not now: no rule compares dates with the clock of the client.
fn some_day() -> DateTime<Utc> {
    "2020-02-29T23:59:50Z".parse().expect("a date")
}

fn assert_passed(report: &Report) {
    assert!(report.is_passed(), "{report}");
    assert_eq!(report.checked().len(), conformance::rules().count());
}

#[tokio::test]
async fn the_emulator_keeps_all_rules() {
    let emulator = Emulator::start().await.unwrap();
    assert_passed(&conformance::run_all(&emulator.client().unwrap()).await);
}

#[tokio::test(start_paused = true)]
async fn the_emulator_in_process_keeps_all_rules() {
    let emulator = Emulator::builder().clock(Clock::tokio(some_day()));
    let emulator = emulator.in_process().unwrap();
    assert_passed(&conformance::run_all(&emulator.client().unwrap()).await);
}

/// A run leaves what it found.
#[tokio::test(start_paused = true)]
async fn a_run_removes_its_objects() {
    let emulator = Emulator::builder().clock(Clock::tokio(some_day()));
    let emulator = emulator.in_process().unwrap();
    let sync = emulator.client().unwrap();
    sync.maps().create("in use").await.unwrap();
    let before = emulator.dump();
    assert_passed(&conformance::run_all(&sync).await);
    assert_eq!(emulator.dump(), before);
}

/// Where the service differs from a rule that no public source states, the rule is what is wrong, so
/// that is printed and is no failure.
#[tokio::test]
async fn the_service_of_the_environment_keeps_the_documented_rules() {
    let builder = match SyncClient::builder().from_variables(|name| std::env::var(name).ok()) {
        Ok(builder) => builder,
        Err(error) => {
            println!("not on a service of the environment: {error}");
            return;
        }
    };
    // Below the rate that it allows for one object.
    let sync = builder
        .rate_limit(RateLimit::per_second(10))
        .build()
        .unwrap();
    let report = conformance::run_all(&sync).await;
    println!("on the service of the environment:\n{report}");
    let mut failures = report.failures();
    let documented = failures.find(|(rule, _)| rule.source() == Source::Documented);
    assert!(documented.is_none(), "{documented:?}");
}
