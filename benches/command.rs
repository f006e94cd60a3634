//! How long whole commands take, from the start of the process to its end: quick enough for a loop in a
//! shell.
//!
//! `cargo bench --bench command --features cli` prints medians, and fails if `--local doc get` of a small
//! data file takes more than 30 ms.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use twilio_sync::Emulator;

type Failure = Box<dyn std::error::Error>;

const RUNS: usize = 41;
/// What reading a Document from a small data file may take.
const BAR: Duration = Duration::from_millis(30);

/// A command with a home of its own.
fn program(home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
    command
        .env_clear()
        .env("HOME", home.path())
        .current_dir(home.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    command
}

/// A home whose local data file has so many Documents.
async fn home(documents: usize) -> Result<TempDir, Failure> {
    let home = tempfile::tempdir()?;
    // The program makes the folder and the file where it looks for them.
    if !program(&home, &["--local", "doc", "set", "x", "{}"])
        .status()?
        .success()
    {
        return Err("the first Document cannot be written".into());
    }
    let mut folders = vec![home.path().to_owned()];
    let mut file = None;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("local.db") {
                file = Some(path);
            }
        }
    }
    let emulator = Emulator::builder()
        .data_file(file.ok_or("there is no local data file")?)
        .start()
        .await?;
    let all = (1..documents).map(|n| json!({"unique_name": format!("desk-{n}"), "data": {"n": n}}));
    let all: Vec<_> = all
        .chain([json!({"unique_name": "x", "data": {"n": 0}})])
        .collect();
    emulator.seed(json!({"services": [{"unique_name": "default", "documents": all}]}))?;
    // A write takes the seed to the file.
    emulator
        .client()?
        .documents()
        .update_or_create("x", &json!({"n": 0}))
        .await?;
    emulator.stop().await;
    Ok(home)
}

/// The median of the runs of a command.
fn median(home: &TempDir, arguments: &[&str]) -> Result<Duration, Failure> {
    let mut took = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begun = Instant::now();
        let status = program(home, arguments).status()?;
        took.push(begun.elapsed());
        if !status.success() {
            return Err(format!("{arguments:?} failed").into());
        }
    }
    took.sort_unstable();
    Ok(took[RUNS / 2])
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let small = home(1).await?;
    let large = home(10_000).await?;
    let get = ["--local", "doc", "get", "x"];
    let quick = median(&small, &get)?;
    for (what, took) in [
        ("twilio-sync --version", median(&small, &["--version"])?),
        ("twilio-sync --local doc get x", quick),
        ("the same among 10,000 Documents", median(&large, &get)?),
    ] {
        println!("{what:<33} {:6.1} ms", took.as_secs_f64() * 1_000.0);
    }
    if quick > BAR {
        return Err(format!("{quick:.1?} is more than {BAR:?}").into());
    }
    Ok(())
}
