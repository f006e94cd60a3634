//! A function with its test on the emulator.
//!
//! `cargo test --features emulator --example test_with_emulator` runs the test.

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    let sync = emulator.client()?;
    let desks = sync.documents();
    desks.create("desk-7", &json!({"busy": true})).await?;
    hang_up(&sync, "desk-7").await?;
    println!("{}", desks.get("desk-7").await?.data);
    Ok(())
}

// README: test_with_emulator
use serde_json::{Value, json};
use twilio_sync::SyncClient;

async fn hang_up(sync: &SyncClient, desk: &str) -> twilio_sync::Result<()> {
    let desks = sync.documents::<Value>();
    desks
        .mutate(desk, |desk| desk["busy"] = json!(false))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use twilio_sync::Emulator;
    use twilio_sync::api::Operation;
    use twilio_sync::emulator::Fault;

    use super::*;

    #[tokio::test]
    async fn a_desk_is_freed_though_the_service_fails_twice() {
        // A port and data of its own, so tests can run side by side. Keep it until the end: it stops
        // when it is dropped.
        let emulator = Emulator::start().await.unwrap();
        let sync = emulator.client().unwrap();
        let desks = sync.documents::<Value>();
        let create = desks.create("desk-7", &json!({"busy": true}));
        create.ttl(Duration::from_secs(60)).await.unwrap();

        emulator.clear_requests();
        emulator.inject(Fault::status(503).on(Operation::UpdateDocument).times(2));
        hang_up(&sync, "desk-7").await.unwrap();
        assert_eq!(desks.get("desk-7").await.unwrap().data["busy"], false);
        assert_eq!(emulator.requests().len(), 5); // a read, three writes, a read

        emulator.clock().advance(Duration::from_secs(61));
        assert_eq!(desks.find("desk-7").await.unwrap(), None);
    }
}
// end
