//! `twilio-sync emulator`

mod request_lines;

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::runtime::Runtime;
use twilio_sync::Emulator;

use self::request_lines::RequestLines;

/// Run a local Sync service until SIGINT or SIGTERM
///
/// It prints how to reach it once it accepts connections, and a line for each request to stderr.
/// What is not set is made up, or taken from the data file. Other users of the machine can see the
/// arguments of a program: give secrets in the environment.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4010)]
    port: u16,

    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::from(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Keep everything in this file; without it all is gone at the end
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// The account SID, AC…
    #[arg(long, value_name = "SID", env = "TWILIO_ACCOUNT_SID")]
    account_sid: Option<String>,

    /// The auth token
    #[arg(
        long,
        value_name = "TOKEN",
        env = "TWILIO_AUTH_TOKEN",
        hide_env_values = true
    )]
    auth_token: Option<String>,

    /// The API key, SK…
    #[arg(long, value_name = "SID", env = "TWILIO_API_KEY")]
    api_key: Option<String>,

    /// The API secret
    #[arg(
        long,
        value_name = "SECRET",
        env = "TWILIO_API_SECRET",
        hide_env_values = true
    )]
    api_secret: Option<String>,

    /// The SID of the default service, IS…
    #[arg(long, value_name = "SID", env = "TWILIO_SYNC_SERVICE_SID")]
    service_sid: Option<String>,

    /// Print how to reach it as one line of JSON
    #[arg(long)]
    json: bool,

    /// Print no line for each request
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let served = runtime.block_on(serve(arguments));
    // Nothing is waited for: where it matters, it was.
    runtime.shutdown_background();
    served
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Listened to from the beginning: a signal that comes early ends it just as cleanly.
    let mut ended = Signals::new()?;
    if !arguments.host.is_loopback() {
        eprintln!(
            "twilio-sync: warning: {} can be reached from other machines, over plain HTTP; \
             the emulator is made for tests on one machine",
            arguments.host
        );
    }
    let json = arguments.json;
    let (emulator, lines) = start(arguments).await?;
    print(&emulator, json)?;
    ended.wait().await;
    tokio::select! {
        () = emulator.stop() => {}
        () = ended.wait() => return Err("told to end at once, with requests under way".into()),
    }
    if let Some(lines) = lines {
        lines.finish();
    }
    Ok(())
}

async fn start(arguments: Arguments) -> Result<(Emulator, Option<RequestLines>), Box<dyn Error>> {
    let mut builder = Emulator::builder()
        .host(arguments.host)
        .port(arguments.port);
    if let Some(path) = arguments.data {
        builder = builder.data_file(path);
    }
    if let Some(sid) = set(arguments.account_sid) {
        builder = builder.account_sid(sid);
    }
    if let Some(token) = set(arguments.auth_token) {
        builder = builder.auth_token(token);
    }
    if let Some(key) = set(arguments.api_key) {
        builder = builder.api_key(key);
    }
    if let Some(secret) = set(arguments.api_secret) {
        builder = builder.api_secret(secret);
    }
    if let Some(sid) = set(arguments.service_sid) {
        builder = builder.service_sid(sid);
    }
    let mut lines = None;
    if !arguments.quiet {
        let (printer, printing) = request_lines::print_to(io::stderr())?;
        builder = builder.observe(move |request| printer.print(request));
        lines = Some(printing);
    }
    Ok((builder.start().await?, lines))
}

/// A variable of the environment that is there and empty counts as not set.
fn set(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// Prints how to reach the emulator.
fn print(emulator: &Emulator, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        let line = json!({
            "url": emulator.url(),
            "account_sid": emulator.account_sid(),
            "auth_token": emulator.auth_token(),
            "api_key": emulator.api_key(),
            "api_secret": emulator.api_secret(),
            "service_sid": emulator.service_sid(),
        });
        writeln!(out, "{line}")?;
    } else {
        for (name, value) in [
            ("TWILIO_SYNC_BASE_URL", emulator.url()),
            ("TWILIO_ACCOUNT_SID", emulator.account_sid()),
            ("TWILIO_AUTH_TOKEN", emulator.auth_token()),
            ("TWILIO_API_KEY", emulator.api_key()),
            ("TWILIO_API_SECRET", emulator.api_secret()),
            ("TWILIO_SYNC_SERVICE_SID", emulator.service_sid()),
        ] {
            writeln!(out, "export {name}={}", quoted(value))?;
        }
    }
    out.flush()
}

/// A value as a shell takes it.
fn quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// The signals that end it.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) {
        // If it cannot be listened to, the emulator ends.
        let _ = tokio::signal::ctrl_c().await;
    }
}
