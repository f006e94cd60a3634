//! Streaming a long List: the helper against a bare reqwest loop that reads the same pages into the same
//! types, in turn, in one run.
//!
//! `cargo bench --bench streaming --features emulator [-- ITEMS]` prints items per second, the ratio,
//! and how much resident memory the streaming took. Default: 1,000,000 items. The emulator runs in a
//! process of its own, so that its memory is not counted.

#![allow(clippy::cast_precision_loss)] // of figures that are shown with two digits

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::json;
use twilio_sync::api::types::SyncListItemPage;
use twilio_sync::{Credentials, Emulator, SyncClient};

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

async fn by_bare_loop(server: &Server) -> Result<u64, Failure> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()?;
    let first = format!(
        "{}/v1/Services/{}/Lists/long/Items?PageSize=100",
        server.url, server.service_sid
    );
    let mut next = Some(first);
    let mut count = 0;
    while let Some(url) = next {
        let request = http
            .get(url)
            .basic_auth(&server.api_key, Some(&server.api_secret));
        let page: SyncListItemPage = request.send().await?.error_for_status()?.json().await?;
        for item in &page.items {
            count += 1;
            let entry: Entry = item.data.decode()?;
            std::hint::black_box(entry);
        }
        next = page.meta.next_page_url;
    }
    Ok(count)
}

/// An emulator in another process, which ends with its standard input.
#[derive(Deserialize)]
struct Server {
    url: String,
    account_sid: String,
    api_key: String,
    api_secret: String,
    service_sid: String,
}

/// What that process does.
async fn serve(length: u64) -> Result<(), Failure> {
    let emulator = Emulator::start().await?;
    let item = |n| json!({"data": {"n": n, "text": "an item of usual length"}});
    let list = json!({"unique_name": "long", "items": (0..length).map(item).collect::<Vec<_>>()});
    emulator.seed(json!({"services": [{"unique_name": "default", "lists": [list]}]}))?;
    let server = json!({
        "url": emulator.url(),
        "account_sid": emulator.account_sid(),
        "api_key": emulator.api_key(),
        "api_secret": emulator.api_secret(),
        "service_sid": emulator.service_sid(),
    });
    println!("{server}");
    tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new())).await??;
    Ok(())
}

fn start_server(length: u64) -> Result<(Child, Server), Failure> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["serve", &length.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("no standard output")?;
    BufReader::new(output).read_line(&mut line)?;
    Ok((child, serde_json::from_str(&line)?))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    let mut argument = arguments.next();
    let is_server = argument.as_deref() == Some("serve");
    if is_server {
        argument = arguments.next();
    }
    let length: u64 = argument.map_or(Ok(1_000_000), |length| length.parse())?;
    if is_server {
        return serve(length).await;
    }
    let (_child, server) = start_server(length)?;
    let credentials = Credentials::api_key(
        server.account_sid.as_str(),
        server.api_key.as_str(),
        server.api_secret.as_str(),
    )?;
    let sync = SyncClient::builder()
        .credentials(credentials)
        .service(server.service_sid.as_str())
        .base_url(server.url.as_str())
        .build()?;
    let rate = |count: u64, begun: Instant| count as f64 / begun.elapsed().as_secs_f64();
    let (mut helper, mut bare) = (Vec::new(), Vec::new());
    let before = resident();
    let mut most = before;
    for round in 1..=3 {
        let begun = Instant::now();
        assert_eq!(by_helper(&sync, &mut most).await?, length);
        helper.push(rate(length, begun));
        let begun = Instant::now();
        assert_eq!(by_bare_loop(&server).await?, length);
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
    let mebibytes = (most - before) as f64 / 1_048_576.0;
    println!("resident memory above the start: {mebibytes:.1} MiB");
    if mebibytes > 64.0 {
        return Err("more than 64 MiB".into());
    }
    Ok(())
}
