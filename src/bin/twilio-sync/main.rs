//! `twilio-sync`: Twilio Sync at the command line.
//!
//! From the top: `commands` has a file for each command or group, `transfer` the commands that export and
//! import, `shell` the session, settings and prompts, and `io` input and output. An upper folder may
//! import from a lower one.

// Comments on arguments are shown as they are: they are no Markdown.
#![allow(clippy::doc_markdown)]

mod commands;
mod io;
mod shell;
mod transfer;

use std::process::ExitCode;

use crate::commands::Arguments;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::output;
use crate::shell::session::Session;

fn main() -> ExitCode {
    let done = match Arguments::read() {
        Ok(arguments) => run(arguments),
        Err(error) => output::print_usage(error),
    };
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            if !failure.exit.is_silent() {
                output::print_failure(&failure);
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(arguments: Arguments) -> Result<Exit> {
    // A program with one client has no work for more.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(4))
        .enable_all()
        .build()
        .map_err(|error| Failure::io("the program cannot start", &error))?;
    let done = runtime.block_on(execute(arguments));
    // Nothing is waited for: where it matters, it was.
    runtime.shutdown_background();
    done
}

async fn execute(Arguments { command, options }: Arguments) -> Result<Exit> {
    let session = Session::new(options);
    let done = command.run(&session).await;
    // However the command ended.
    session.close().await;
    done
}
