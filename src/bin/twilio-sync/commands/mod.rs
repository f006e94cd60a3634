//! The commands: a file for each, or for each group of them. `lifecycle` has the verbs that kinds of
//! objects share.

mod api;
mod completions;
mod doctor;
mod documents;
mod emulator;
mod items;
mod lifecycle;
mod login;
mod man;
mod permissions;
mod services;
mod streams;
mod token;
mod watch;
mod webhook;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::io::failure::{Exit, Result};
use crate::shell::session::{Options, Run, Session};
use crate::transfer;

/// Twilio Sync at the command line
///
/// Results go to standard output: a table on a terminal, JSON elsewhere. Messages go to standard error.
#[derive(Parser)]
#[command(
    name = "twilio-sync",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failure, 2 difference, 3 not found, 4 conflict, 5 unauthorised, 6 unknown \
                  outcome of a write, 64 usage, 130 interrupted, 141 output not read, 143 terminated.\n\
                  Try it without an account: twilio-sync --local doc set desk-7 '{\"busy\": false}'"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) options: Options,
}

impl Arguments {
    /// Reads the command line. Names and keys may begin with a hyphen.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = with_hyphens(Self::command()).try_get_matches()?;
        Self::from_arg_matches(&matches)
    }
}

/// The options that take a name, a key or the beginning of one.
const NAME_OPTIONS: [&str; 6] = [
    "prefix",
    "key",
    "from",
    "friendly_name",
    "identity",
    "endpoint_id",
];

/// A command whose names and keys may begin with a hyphen, unless that is an option of the command.
fn with_hyphens(command: clap::Command) -> clap::Command {
    let with_hyphen = |argument: clap::Arg| {
        let takes_more = argument
            .get_num_args()
            .is_some_and(|number| number.max_values() > 1);
        let takes_name =
            argument.is_positional() || NAME_OPTIONS.contains(&argument.get_id().as_str());
        if takes_name && !takes_more && !argument.is_allow_negative_numbers_set() {
            argument.allow_hyphen_values(true)
        } else {
            argument
        }
    };
    command.mut_args(with_hyphen).mut_subcommands(with_hyphens)
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Documents: one JSON object under a name
    #[command(subcommand, alias = "document")]
    Doc(documents::Command),
    /// Lists: items in order
    #[command(subcommand)]
    List(items::ListCommand),
    /// Maps: items under keys
    #[command(subcommand)]
    Map(items::MapCommand),
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
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    /// Runs it. The exit code says whether there is a difference, where that is asked.
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let done = match self {
            Self::Doc(command) => command.run(session).await,
            Self::List(command) => command.run(session).await,
            Self::Map(command) => command.run(session).await,
            Self::Stream(command) => command.run(session).await,
            Self::Service(command) => command.run(session).await,
            Self::Permission(command) => command.run(session).await,
            Self::Token(command) => command.run(session).await,
            Self::Webhook(command) => command.run(session).await,
            Self::Export(command) => command.run(session).await,
            Self::Import(command) => command.run(session).await,
            Self::Diff(command) => return command.run(session).await,
            Self::Apply(command) => return command.run(session).await,
            Self::Api(command) => command.run(session).await,
            Self::Emulator(command) => command.run(session).await,
            Self::Login(command) => command.run(session).await,
            Self::Profile(command) => command.run(session).await,
            Self::Doctor(command) => command.run(session).await,
            Self::Completions(command) => command.run(session).await,
            Self::Man(command) => command.run(session).await,
        };
        done.map(|()| Exit::Done)
    }
}
