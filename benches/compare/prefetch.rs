//! What reading the next page ahead is worth, where the service takes its time.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use twilio_sync::SyncClient;

use crate::Failure;
use crate::contender::Entry;
use crate::facade;
use crate::server::Server;
use crate::verdict::Verdict;
use crate::work::{Action, Work};

const LATENCY: Duration = Duration::from_millis(20);
const PAGES: u64 = 30;
const ROUNDS: usize = 3;

/// Reads a List whose pages each take 20 ms to come, and works 20 ms with each: with and without.
#[tokio::main]
pub(crate) async fn run(server: &mut Server) -> Result<Verdict, Failure> {
    let work = Work {
        action: Action::Stream,
        size: PAGES * 100,
    };
    server.prepare(&work, 1)?;
    server.delay(LATENCY)?;
    let sync = facade::client(&server.address)?;
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let without = read(&sync, false).await?;
        let with = read(&sync, true).await?;
        ratios.push(without.as_secs_f64() / with.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ROUNDS / 2];
    Ok(Verdict {
        text: format!(
            "prefetch: a page takes {LATENCY:?} to come and {LATENCY:?} to work with: {ratio:.2} times \
             the rate without (at least 1.5)"
        ),
        is_good: ratio >= 1.5,
    })
}

async fn read(sync: &SyncClient, prefetch: bool) -> Result<Duration, Failure> {
    let begun = Instant::now();
    let mut items = sync.list::<Entry>("long").items().prefetch(prefetch);
    let mut count: u64 = 0;
    while let Some(item) = items.try_next().await? {
        std::hint::black_box(&item.data);
        count += 1;
        if count.is_multiple_of(100) {
            tokio::time::sleep(LATENCY).await;
        }
    }
    if count == PAGES * 100 {
        Ok(begun.elapsed())
    } else {
        Err(format!("{count} items").into())
    }
}
