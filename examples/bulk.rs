//! Many calls, a bounded number at a time.

// README: bulk
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::SyncClient;

async fn fill_phone_book(sync: &SyncClient) -> twilio_sync::Result<()> {
    sync.maps().ensure("phonebook").await?;
    let phones = sync.map::<Value>("phonebook");
    let entries = (0..100).map(|number| (format!("+8150{number:08}"), json!({"n": number})));

    // As a stream it shows progress. A failed call is the result of its key, and stops the rest
    // unless `keep_going` is set.
    let mut bulk = phones
        .set_many(entries)
        .ttl(Duration::from_secs(86400))
        .concurrency(4)
        .keep_going();
    let mut set = 0;
    while let Some((key, result)) = bulk.try_next().await? {
        match result {
            Ok(_) => set += 1,
            Err(error) => eprintln!("{key}: {error}"),
        }
    }
    println!("{set} items set");

    // Only the pages with such keys are read.
    let tens = phones.items_with_prefix("+81500000001");
    println!("{} keys", tens.try_collect::<Vec<_>>().await?.len());

    // With `.await` all is done, or an error says what was done and what was not.
    match phones.remove_where(|item| item.data["n"] != json!(7)).await {
        Ok(done) => println!("{} items removed", done.keys.len()),
        Err(error) => {
            eprintln!(
                "{} removed, {} failed",
                error.done.len(),
                error.failed.len()
            );
            return Err(error.into()); // the first failure
        }
    }
    Ok(())
}
// end

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = twilio_sync::Emulator::start().await?;
    fill_phone_book(&emulator.client()?).await?;
    Ok(())
}
