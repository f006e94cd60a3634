//! `twilio-sync`: Twilio Sync at the command line.
//!
//! `session` has what every command runs with: `settings` say whom to call, `output` prints, and
//! `failure` says why not. `input` reads arguments. Each kind of object has a file with its verbs, of
//! which `lifecycle` has those they share.

// Comments on arguments are shown as they are: they are no Markdown.
#![allow(clippy::doc_markdown)]

mod documents;
mod emulator;
mod failure;
mod input;
mod lifecycle;
mod lists;
mod maps;
mod output;
mod profiles;
mod session;
mod settings;
mod streams;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::{Exit, Failure, Result};
use crate::session::{Options, Session};

/// Twilio Sync at the command line
///
/// Results go to standard output: a table on a terminal, JSON elsewhere. Messages go to standard error.
#[derive(Parser)]
#[command(
    name = "twilio-sync",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failure, 2 difference, 3 not found, 4 conflict, 5 unauthorised, 64 usage.\n\
                  Try it without an account: twilio-sync --local doc set desk-7 '{\"busy\": false}'"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Documents: one JSON value under a name
    #[command(subcommand, alias = "document")]
    Doc(documents::Command),
    /// Lists: items in order
    #[command(subcommand)]
    List(lists::Command),
    /// Maps: items under keys
    #[command(subcommand)]
    Map(maps::Command),
    /// Message Streams: messages to those who listen
    #[command(subcommand)]
    Stream(streams::Command),
    Emulator(emulator::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // If that cannot be printed, there is nobody to be told.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(Exit::Usage as u8)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_unread => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the program cannot start", &error))?;
    let done = runtime.block_on(execute(arguments));
    // Nothing is waited for: where it matters, it was.
    runtime.shutdown_background();
    done
}

async fn execute(Arguments { command, options }: Arguments) -> Result<()> {
    let session = || Session::open(&options);
    match command {
        Command::Doc(command) => with(session().await?, async |s| command.run(s).await).await,
        Command::List(command) => with(session().await?, async |s| command.run(s).await).await,
        Command::Map(command) => with(session().await?, async |s| command.run(s).await).await,
        Command::Stream(command) => with(session().await?, async |s| command.run(s).await).await,
        Command::Emulator(arguments) => emulator::run(arguments, &options).await,
    }
}

/// Runs a command in a session, and ends that however the command ends.
async fn with(session: Session, run: impl AsyncFnOnce(&Session) -> Result<()>) -> Result<()> {
    let done = run(&session).await;
    session.close().await;
    done
}
