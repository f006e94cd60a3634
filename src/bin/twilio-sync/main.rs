//! `twilio-sync`: Twilio Sync at the command line.
//!
//! `session` has what every command runs with: `settings` say whom to call, `output` prints, and
//! `failure` says why not. `input` reads arguments. Each kind of object has a file with its verbs, of
//! which `lifecycle` has those they share.

// Comments on arguments are shown as they are: they are no Markdown.
#![allow(clippy::doc_markdown)]

mod api;
mod completions;
mod doctor;
mod documents;
mod emulator;
mod failure;
mod input;
mod lifecycle;
mod lists;
mod login;
mod man;
mod maps;
mod output;
mod permissions;
mod profiles;
mod services;
mod session;
mod settings;
mod streams;
mod token;
mod transfer;
mod webhook;

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
    /// Services: what all objects are in, and their settings
    #[command(subcommand)]
    Service(services::Command),
    /// Permissions: what an identity may do with an object through client software
    #[command(subcommand)]
    Permission(permissions::Command),
    Token(token::Arguments),
    /// Webhooks: what the service posts
    #[command(subcommand)]
    Webhook(webhook::Command),
    Export(transfer::export::Arguments),
    Import(transfer::import::Arguments),
    Diff(transfer::diff::Arguments),
    Apply(transfer::apply::Arguments),
    Api(api::Arguments),
    Emulator(emulator::Arguments),
    Login(login::Arguments),
    /// Profiles: named credentials, as login keeps them
    #[command(subcommand)]
    Profile(login::ProfileCommand),
    /// Check settings, reachability, clock, credentials and Service, and explain what fails
    Doctor,
    Completions(completions::Arguments),
    Man(man::Arguments),
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
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) if failure.is_unread => ExitCode::SUCCESS,
        Err(failure) => {
            output::print_failure(&failure);
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
    // What differs is a result, and no failure.
    let mut exit = Exit::Done;
    let session = Session::new(options.clone());
    let done = match command {
        Command::Doc(command) => command.run(&session).await,
        Command::List(command) => command.run(&session).await,
        Command::Map(command) => command.run(&session).await,
        Command::Stream(command) => command.run(&session).await,
        Command::Service(command) => command.run(&session).await,
        Command::Permission(command) => command.run(&session).await,
        Command::Token(arguments) => arguments.run(&session).await,
        Command::Export(arguments) => arguments.run(&session).await,
        Command::Import(arguments) => arguments.run(&session).await,
        Command::Diff(arguments) => arguments.run(&session).await.map(|end| exit = end),
        Command::Apply(arguments) => arguments.run(&session).await.map(|end| exit = end),
        Command::Api(arguments) => api::run(arguments, &session).await,
        Command::Webhook(command) => command.run(&options).await,
        Command::Login(arguments) => arguments.run(&options).await,
        Command::Profile(command) => command.run(&options).await,
        Command::Doctor => doctor::run(&options).await,
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => man::run(arguments),
        Command::Emulator(arguments) => emulator::run(arguments, &options).await,
    };
    // However the command ended.
    session.close().await;
    done.map(|()| exit)
}
