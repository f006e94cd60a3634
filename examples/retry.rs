//! Retries, the rate limiter, and the observer of attempts.

// README: retry
use std::time::Duration;

use twilio_sync::{RateLimit, Result, RetryPolicy, SyncClient, SyncClientBuilder};

/// With an account: `patient(SyncClient::builder().from_env()?)`.
fn patient(builder: SyncClientBuilder) -> Result<SyncClient> {
    let policy = RetryPolicy::default()
        .max_attempts(8)
        .base_delay(Duration::from_millis(50))
        .max_elapsed(Duration::from_secs(120));
    builder
        .timeout(Duration::from_secs(10)) // of one attempt
        .retry(policy)
        // Of this client, all its clones and tasks together: the service allows 20 writes and 20
        // reads a second to one object.
        .rate_limit(RateLimit::per_second(20).burst(5))
        // For metrics. It sees each attempt, and how long the client waits before the next.
        .on_attempt(|attempt| {
            let status = attempt.status.map(|status| status.as_u16());
            println!("{} #{}: {status:?}", attempt.operation, attempt.number);
        })
        .build()
}
// end

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    use twilio_sync::Emulator;
    use twilio_sync::emulator::Fault;

    let emulator = Emulator::start().await?;
    let sync = patient(emulator.client_builder()?)?;
    emulator.inject(Fault::status(503).times(2));
    sync.lists().ensure("log").await?; // it reads first, and a read is retried
    emulator.inject(Fault::status(503));
    let call = serde_json::json!({"call": 1});
    // A List item is not sent again: the first attempt may have added it.
    let error = sync.list("log").add(&call).await.unwrap_err();
    println!("{error}");
    Ok(())
}
