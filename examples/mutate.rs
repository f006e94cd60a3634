//! Changes that no concurrent write can undo, and that undo none.

// README: mutate
use std::ops::ControlFlow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twilio_sync::SyncClient;
use twilio_sync::call::Outcome;

#[derive(Default, Serialize, Deserialize)]
struct Desk {
    operator: Option<String>,
}

/// Gives a desk to an operator if it is free, and says whether it was.
async fn take(sync: &SyncClient, desk: &str, operator: &str) -> twilio_sync::Result<bool> {
    let desks = sync.documents::<Desk>();
    let taken = desks
        // The function runs again if somebody else wrote between the read and the write.
        .mutate(desk, |desk| {
            if desk.operator.is_some() {
                return ControlFlow::Break(()); // nothing is written
            }
            desk.operator = Some(operator.to_owned());
            ControlFlow::Continue(())
        })
        .or_default() // starts from `Desk::default()` if there is no such Document
        .ttl(Duration::from_secs(8 * 3600))
        .await?;
    Ok(taken.outcome != Outcome::Unchanged)
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    // Of two at once one gets the desk.
    let (alice, bob) =
        tokio::try_join!(take(&sync, "desk-7", "alice"), take(&sync, "desk-7", "bob"))?;
    println!("Alice got it: {alice}; Bob got it: {bob}");
    assert_ne!(alice, bob);
    Ok(())
}
