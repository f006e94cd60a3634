//! The session of a command: its options, its output, and its client.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::sync::OnceCell;
use twilio_sync::emulator::EmulatorError;
use twilio_sync::retry::Attempt;
use twilio_sync::{Emulator, SyncClient, SyncClientBuilder};

use super::profiles::make_private_folder;
use super::prompts;
use super::settings::{Connection, Settings};
use crate::io::failure::{Failure, Result};
use crate::io::input::with_options;
use crate::io::output::{self, Output};

/// The time that a command waits for another one that has the local data file.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Options that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) printing: Printing,
}

/// Options that say what is printed and asked.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct Printing {
    /// Print everything as JSON, a line for each record
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print nothing but what was asked for
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Do not ask before something is removed
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
}

/// A command.
pub(crate) trait Run {
    /// Runs it, and prints its result.
    async fn run(self, session: &Session) -> Result<()>;
}

/// The options, the output and the client of a command.
pub(crate) struct Session {
    pub(crate) options: Options,
    pub(crate) out: Output,
    connected: OnceCell<Connected>,
}

struct Connected {
    sync: SyncClient,
    /// The local emulator, which ends with the session.
    emulator: Option<Emulator>,
}

impl Session {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            out: Output::new(options.printing.json, options.printing.quiet),
            options,
            connected: OnceCell::new(),
        }
    }

    /// A client by the options, made when it is first asked for: not before a command has read its
    /// input, for whoever writes that may have the local data file until it is done.
    pub(crate) async fn sync(&self) -> Result<&SyncClient> {
        let connect = || Connected::by(&self.options);
        Ok(&self.connected.get_or_try_init(connect).await?.sync)
    }

    /// Ends the session. After it, the data of the local emulator is on disk.
    pub(crate) async fn close(self) {
        if let Some(Connected {
            sync,
            emulator: Some(emulator),
        }) = self.connected.into_inner()
        {
            // Its connections are idle, and the emulator would wait for them to be closed.
            drop(sync);
            emulator.stop().await;
        }
    }

    /// Asks whether to do what cannot be undone. In a script, which cannot be asked, `--yes` must
    /// have been given.
    pub(crate) async fn confirm(&self, what: &str) -> Result<()> {
        prompts::confirm(self.options.printing.yes, what).await
    }
}

impl Connected {
    async fn by(options: &Options) -> Result<Self> {
        let (builder, emulator) = connect(options).await?;
        let builder = if options.connection.verbose {
            builder.on_attempt(print_attempt)
        } else {
            builder
        };
        Ok(Self {
            sync: builder.build()?,
            emulator,
        })
    }
}

/// A client that is to be built, and the local emulator if it is one of that.
pub(crate) async fn connect(options: &Options) -> Result<(SyncClientBuilder, Option<Emulator>)> {
    let connection = &options.connection;
    let (builder, emulator) = if connection.is_local() {
        let emulator = start_local().await?;
        let builder = emulator.client_builder()?;
        let builder = with_options!(builder, service: connection.service.as_deref());
        (builder, Some(emulator))
    } else {
        let settings = Settings::read(connection)?;
        settings.announce(options.printing.quiet);
        (settings.client_builder()?, None)
    };
    Ok((
        with_options!(builder, timeout: connection.timeout),
        emulator,
    ))
}

/// Prints an attempt on standard error.
fn print_attempt(attempt: &Attempt) {
    let status = attempt.status.map_or("no response".to_owned(), |status| {
        status.as_u16().to_string()
    });
    let millis = attempt.elapsed.as_millis();
    let again = attempt.next_delay.map_or(String::new(), |delay| {
        format!(", again in {} ms", delay.as_millis())
    });
    output::note(format_args!(
        "{} {} {status} in {millis} ms{again}",
        attempt.method, attempt.path
    ));
}

/// The file of the local emulator, in the user's data folder, which is made.
pub(crate) fn local_data_file() -> Result<PathBuf> {
    let folder = dirs::data_dir()
        .ok_or_else(|| Failure::usage("there is no folder for data: set HOME or XDG_DATA_HOME"))?;
    let folder = folder.join("twilio-sync");
    make_private_folder(&folder)?;
    Ok(folder.join("local.db"))
}

/// Starts the local emulator. Where another command has its file, it waits a while for its turn.
pub(crate) async fn start_local() -> Result<Emulator> {
    let path = local_data_file()?;
    let begun = Instant::now();
    loop {
        match Emulator::builder().data_file(&path).start().await {
            Err(EmulatorError::DataFileInUse { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error @ EmulatorError::DataFileInUse { .. }) => {
                return Err(Failure::from(error).hint(
                    "another command with --local has it until it ends, as one does that waits for \
                     the reader of its output; let that one write to a file first, or run \
                     `twilio-sync emulator` for both",
                ));
            }
            started => return Ok(started?),
        }
    }
}
