//! Streaming a long List: the helper against a bare loop over the same pages, in turn, in one run.
//!
//! `cargo bench --bench streaming --features emulator [-- ITEMS]` prints items per second, the ratio,
//! and how much resident memory the streaming took. Default: 1,000,000 items.

use std::fs;
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use twilio_sync::{Emulator, SyncClient};

type Failure = Box<dyn std::error::Error>;

/// What both decode each item into.
#[derive(Debug, serde::Serialize, Deserialize)]
struct Entry {
    n: u64,
    text: String,
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

async fn by_helper(sync: &SyncClient, most: &mut u64) -> Result<u64, Failure> {
    let mut items = sync.list::<Entry>("long").items();
    let mut count = 0;
    while let Some(item) = items.try_next().await? {
        count += 1;
        std::hint::black_box(&item.data);
        if count % 10_000 == 0 {
            *most = resident().max(*most);
        }
    }
    Ok(count)
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Item {
    data: Entry,
}

#[derive(Deserialize)]
struct Meta {
    next_page_url: Option<String>,
}

async fn by_bare_loop(emulator: &Emulator) -> Result<u64, Failure> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()?;
    let service = emulator.service_sid();
    let first = format!(
        "{}/v1/Services/{service}/Lists/long/Items?PageSize=100",
        emulator.url()
    );
    let mut next = Some(first);
    let mut count = 0;
    while let Some(url) = next {
        let request = http
            .get(url)
            .basic_auth(emulator.api_key(), Some(emulator.api_secret()));
        let page: Page = request.send().await?.error_for_status()?.json().await?;
        for item in &page.items {
            count += 1;
            std::hint::black_box(&item.data);
        }
        next = page.meta.next_page_url;
    }
    Ok(count)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    let length: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |length| length.parse())?;
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?;
    sync.lists().create("long").await?;
    let begun = Instant::now();
    let list = sync.list::<Value>("long");
    let adds = futures_util::stream::iter(0..length).map(|n| {
        let list = list.clone();
        async move {
            list.add(&json!({"n": n, "text": "an item of usual length"}))
                .await
                .map(drop)
        }
    });
    adds.buffer_unordered(32).try_collect::<()>().await?;
    emulator.clear_requests();
    println!("{length} items added in {:.1?}", begun.elapsed());

    let rate = |count: u64, begun: Instant| count as f64 / begun.elapsed().as_secs_f64();
    let (mut helper, mut bare) = (Vec::new(), Vec::new());
    let before = resident();
    let mut most = before;
    for round in 1..=3 {
        let begun = Instant::now();
        assert_eq!(by_helper(&sync, &mut most).await?, length);
        helper.push(rate(length, begun));
        let begun = Instant::now();
        assert_eq!(by_bare_loop(&emulator).await?, length);
        bare.push(rate(length, begun));
        println!(
            "round {round}: helper {:.0} items/s, bare loop {:.0} items/s, ratio {:.2}",
            helper[round - 1],
            bare[round - 1],
            helper[round - 1] / bare[round - 1]
        );
    }
    let total = |rates: &[f64]| rates.iter().sum::<f64>();
    println!(
        "ratio over all rounds: {:.2}",
        total(&helper) / total(&bare)
    );
    println!(
        "resident memory above the start: {:.1} MiB",
        (most - before) as f64 / 1048576.0
    );
    Ok(())
}
