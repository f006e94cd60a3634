//! `twilio-sync emulator`

mod request_lines;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use twilio_sync::Emulator;

use self::request_lines::RequestLines;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::input::with_options;
use crate::io::output::shell_quoted;
use crate::io::output::unprinted;
use crate::shell::environment;
use crate::shell::session::{Options, Run, Session, local_data_file};
use crate::shell::signals::Signals;

/// Run a local Sync service until SIGINT or SIGTERM
///
/// It prints how to reach it once it accepts connections, with --json as one line of JSON, and unless
/// --quiet a line for each request to standard error. Its account, API key and Service are those of
/// --account-sid, --api-key and --service, or of the environment: TWILIO_ACCOUNT_SID,
/// TWILIO_AUTH_TOKEN, TWILIO_API_KEY, TWILIO_API_SECRET, TWILIO_SYNC_SERVICE_SID. What is not set is
/// made up, or taken from the data file. Secrets of the environment are not printed again. With --local
/// the data file is that of --local, and nothing is taken from the environment.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4010)]
    port: u16,

    /// The address to listen on
    #[arg(long, default_value_t = IpAddr::from(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Keep everything in this file; without it nothing outlives the emulator
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// Refuse requests above the rates of the service, with status 429
    #[arg(long)]
    rate_limits: bool,

    /// Give access tokens to web pages of this machine, without credentials
    #[arg(long)]
    page_tokens: bool,
}

impl Run for Arguments {
    async fn run(self, session: &Session) -> Result<()> {
        let options = &session.options;
        // Listened to from the beginning: a signal that comes early ends it just as cleanly.
        let mut ended = Signals::new()?;
        if !self.host.is_loopback() {
            eprintln!(
                "twilio-sync: warning: {} can be reached from other machines, over plain HTTP; \
             the emulator is made for tests on one machine",
                self.host
            );
        }
        let (emulator, lines) = start(self, options).await?;
        print(&emulator, options).map_err(unprinted)?;
        ended.wait().await;
        tokio::select! {
            () = emulator.stop() => {}
            _ = ended.wait() => {
                return Err(Failure::new(
                    Exit::Failure,
                    "stopped by a second signal, with requests under way",
                ));
            }
        }
        if let Some(lines) = lines {
            lines.finish();
        }
        Ok(())
    }
}

async fn start(
    arguments: Arguments,
    options: &Options,
) -> Result<(Emulator, Option<RequestLines>)> {
    let builder = Emulator::builder()
        .host(arguments.host)
        .port(arguments.port)
        .rate_limits(arguments.rate_limits)
        .page_tokens(arguments.page_tokens);
    let path = match arguments.data {
        None if options.connection.is_local() => Some(local_data_file()?),
        path => path,
    };
    let setting = |variable| options.connection.of_emulator(variable);
    let mut builder = with_options!(
        builder,
        data_file: path,
        account_sid: setting(environment::ACCOUNT_SID),
        auth_token: setting(environment::AUTH_TOKEN),
        api_key: setting(environment::API_KEY),
        api_secret: setting(environment::API_SECRET),
        service_sid: setting(environment::SERVICE_SID)
    );
    let mut lines = None;
    if !options.printing.quiet {
        let (printer, printing) = request_lines::print_to(io::stderr())
            .map_err(|error| Failure::io("the lines for requests", &error))?;
        builder = builder.observe(move |request| printer.print(request));
        lines = Some(printing);
    }
    Ok((builder.start().await?, lines))
}

/// Prints how to reach the emulator. A secret that was set is known to whoever set it, and may be that of
/// a real account.
fn print(emulator: &Emulator, options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let realtime_url = emulator.realtime_url();
    let shown = [
        (environment::BASE_URL, "url", emulator.url()),
        (environment::REALTIME_URL, "realtime_url", &realtime_url),
        (
            environment::ACCOUNT_SID,
            "account_sid",
            emulator.account_sid().as_str(),
        ),
        (environment::AUTH_TOKEN, "auth_token", emulator.auth_token()),
        (environment::API_KEY, "api_key", emulator.api_key().as_str()),
        (environment::API_SECRET, "api_secret", emulator.api_secret()),
        (
            environment::SERVICE_SID,
            "service_sid",
            emulator.service_sid().as_str(),
        ),
    ];
    let shown = shown.into_iter().filter(|(variable, ..)| {
        !environment::SECRETS.contains(variable)
            || options.connection.of_emulator(variable).is_none()
    });
    if options.printing.json {
        let members = shown.map(|(_, name, value)| (name.to_owned(), Value::from(value)));
        writeln!(out, "{}", Value::Object(members.collect()))?;
    } else {
        for (variable, _, value) in shown {
            writeln!(out, "export {variable}={}", shell_quoted(value))?;
        }
    }
    out.flush()
}
