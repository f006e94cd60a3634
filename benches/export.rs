//! `twilio-sync export` of a long Map to a file against the library's own stream of it, read to the end:
//! in turn, in one run.
//!
//! `cargo bench --bench export --features cli [-- ITEMS]` prints items per second and the ratio.
//! Default: 100,000 items. The program is timed as a whole process, its start included. The emulator is
//! a process of its own, `twilio-sync emulator`.

#![allow(clippy::cast_precision_loss)] // of figures that are shown with two digits

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::json;
use twilio_sync::value::Data;
use twilio_sync::{Credentials, SyncClient};

type Failure = Box<dyn std::error::Error>;

const ROUNDS: usize = 5;
/// What the program is to reach.
const BAR: f64 = 0.8;

/// The program without the settings of this machine.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TWILIO_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", folder).current_dir(folder);
    command
}

/// The emulator, which is killed at the end.
struct Server {
    child: Child,
    settings: Settings,
}

#[derive(Deserialize)]
struct Settings {
    url: String,
    account_sid: String,
    api_key: String,
    api_secret: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with this program anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(folder: &Path, length: u64) -> Result<Self, Failure> {
        let mut child = program(folder)
            .args(["emulator", "--port", "0", "--json", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let server = Self {
            child,
            settings: serde_json::from_str(&line)?,
        };
        let item = |n| {
            json!({
                "key": format!("+8150{n:08}"),
                "data": {"n": n, "text": "an item of usual length"},
            })
        };
        let items: Vec<_> = (0..length).map(item).collect();
        let map = json!({"unique_name": "long", "items": items});
        let seed = json!({"services": [{"unique_name": "default", "maps": [map]}]});
        let http = reqwest::Client::builder().no_proxy().build()?;
        let settings = &server.settings;
        http.post(format!("{}/_emulator/seed", settings.url))
            .basic_auth(&settings.api_key, Some(&settings.api_secret))
            .json(&seed)
            .send()
            .await?
            .error_for_status()?;
        Ok(server)
    }

    fn client(&self) -> Result<SyncClient, Failure> {
        let settings = &self.settings;
        let credentials = Credentials::api_key(
            settings.account_sid.as_str(),
            settings.api_key.as_str(),
            settings.api_secret.as_str(),
        )?;
        let builder = SyncClient::builder()
            .credentials(credentials)
            .service("default");
        Ok(builder.base_url(settings.url.as_str()).build()?)
    }
}

async fn by_library(sync: &SyncClient) -> Result<u64, Failure> {
    let mut lines = sync.map::<Data>("long").export(None);
    let mut count = 0;
    while let Some(line) = lines.try_next().await? {
        count += 1;
        std::hint::black_box(line);
    }
    Ok(count)
}

fn by_program(server: &Server, folder: &Path) -> Result<(), Failure> {
    let settings = &server.settings;
    let status = program(folder)
        .args([
            "export",
            "map",
            "long",
            "-o",
            "long.jsonl",
            "--force",
            "--quiet",
        ])
        .env("TWILIO_ACCOUNT_SID", &settings.account_sid)
        .env("TWILIO_API_KEY", &settings.api_key)
        .env("TWILIO_API_SECRET", &settings.api_secret)
        .env("TWILIO_SYNC_BASE_URL", &settings.url)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the program ended with {status}").into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    let length: u64 = arguments
        .next()
        .map_or(Ok(100_000), |length| length.parse())?;
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path(), length).await?;
    let sync = server.client()?;
    let rate = |begun: Instant| length as f64 / begun.elapsed().as_secs_f64();
    let (mut program, mut library) = (0.0, 0.0);
    for round in 1..=ROUNDS {
        let begun = Instant::now();
        by_program(&server, folder.path())?;
        let this_program = rate(begun);
        let text = fs::read_to_string(folder.path().join("long.jsonl"))?;
        // With its heading, the line of the Map, and its end.
        assert_eq!(text.lines().count() as u64, length + 3);
        let begun = Instant::now();
        assert_eq!(by_library(&sync).await?, length);
        let this_library = rate(begun);
        program += this_program;
        library += this_library;
        println!(
            "round {round}: program {this_program:.0} items/s, library {this_library:.0} items/s, \
             ratio {:.2}",
            this_program / this_library
        );
    }
    let ratio = program / library;
    println!("ratio over all rounds: {ratio:.2}");
    if ratio < BAR {
        return Err(format!("less than {BAR}").into());
    }
    Ok(())
}
