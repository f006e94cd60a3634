//! What the emulator takes: load, a list of a million items, and how fast it starts.
//!
//! `cargo bench --features cli --bench emulator_load [SECONDS]`; the load lasts 30 seconds unless
//! told otherwise. It exits with 1 where a figure is not what it should be.

mod connection;
mod load;
mod million;
mod start;

use std::process::ExitCode;
use std::time::Duration;

/// A figure and whether it is what it should be.
struct Verdict {
    text: String,
    is_good: bool,
}

impl Verdict {
    fn new(text: String, is_good: bool) -> Self {
        Self { text, is_good }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo passes `--bench`.
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.find_map(|argument| argument.parse().ok());
    let seconds = Duration::from_secs(seconds.unwrap_or(30));

    let mut verdicts = vec![start::library().await, start::program()];
    verdicts.extend(load::run(seconds).await);
    verdicts.extend(million::run().await);
    for Verdict { text, is_good } in &verdicts {
        println!("{} {text}", if *is_good { "ok  " } else { "BAD " });
    }
    if verdicts.iter().all(|verdict| verdict.is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
