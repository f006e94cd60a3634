//! A wallboard in the terminal: the presence of operators in a Map, as it changes. Two writers change it
//! for a few seconds, and the board shows each change as it happens.
//!
//! `cargo run --example wallboard --features emulator,realtime`

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use twilio_sync::realtime::ItemsState;
use twilio_sync::{Emulator, MapItem, SyncClient};

#[derive(Debug, Serialize, Deserialize)]
struct Operator {
    state: String,
    calls: u32,
}

const STATES: [&str; 3] = ["free", "ringing", "talking"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?.with_identity("wallboard");
    sync.maps().create("operators").await?;

    let operators = sync.map::<Operator>("operators");
    let mut view = operators.view().await?;
    let writers = [("alice", 7), ("bob", 11)].map(|(name, step)| {
        let (sync, pause) = (sync.clone(), Duration::from_millis(step * 10));
        tokio::spawn(async move { work(&sync, name, pause).await })
    });
    loop {
        print(&view.snapshot());
        if writers.iter().all(JoinHandle::is_finished) {
            break;
        }
        tokio::select! {
            changed = view.changed() => changed?,
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }
    for writer in writers {
        let last = writer.await??;
        view.includes(&last).await?;
    }
    print(&view.snapshot());
    assert_eq!(view.len(), 2);
    assert_eq!(view.get("alice").map(|item| item.data.calls), Some(20));
    Ok(())
}

/// The day of an operator.
async fn work(
    sync: &SyncClient,
    name: &str,
    pause: Duration,
) -> Result<MapItem<Operator>, twilio_sync::Error> {
    let operators = sync.map::<Operator>("operators");
    for (calls, state) in (0..=20).zip(STATES.iter().cycle()) {
        let operator = Operator {
            state: (*state).to_owned(),
            calls,
        };
        operators.set(name, &operator).await?;
        tokio::time::sleep(pause).await;
    }
    operators.get(name).await
}

fn print(operators: &ItemsState<MapItem<Operator>>) {
    let shown = operators.values().map(|item| {
        let Operator { state, calls } = &item.data;
        format!("{:<6} {state:<8} {calls:>3}", item.key)
    });
    println!("{}", shown.collect::<Vec<_>>().join("   |   "));
}
