//! `twilio-sync`: Twilio Sync at the command line.

mod emulator;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Of a command line that says something there is not, as in `sysexits.h`.
const USAGE: u8 = 64;

/// Twilio Sync at the command line.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Emulator(emulator::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // If that cannot be printed, there is nobody to be told.
            let _ = error.print();
            return if error.use_stderr() {
                USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let done = match arguments.command {
        Command::Emulator(arguments) => emulator::run(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twilio-sync: {}", described(&*error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
