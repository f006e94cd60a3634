//! The operations as commands, with help texts made from the API description.

use std::ffi::OsStr;
use std::fmt::Write;

use clap::builder::{PossibleValue, StringValueParser, StyledStr, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand};
use twilio_sync::api::Operation;

use super::nearest;
use super::parameters::{described, is_list, is_service_of_settings, place};
use crate::io::failure::Failure;
use crate::io::output::visible;

const ARGUMENTS: &str = "PARAMETER";
const ALL: &str = "all";
/// The parameters before the options that all commands have.
const HELP: &str = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

/// An operation that is asked for, with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(super) operation: Result<Operation, Unknown>,
    /// Each a name, `=` and a value, as far as people keep to that.
    pub(super) arguments: Vec<String>,
    /// All pages of a list are read.
    pub(super) is_all: bool,
}

impl FromArgMatches for Call {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (name, matches) = matches
            .subcommand()
            .ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
        let operation = Operation::all()
            .find(|operation| operation.name() == name || operation.id() == name)
            .ok_or_else(|| Unknown(name.to_owned()));
        // Those of an operation there is not are clap's own, and not looked at.
        let arguments = match &operation {
            Ok(_) => matches.get_many::<String>(ARGUMENTS),
            Err(_) => None,
        };
        let arguments = arguments.into_iter().flatten().cloned().collect();
        Ok(Self {
            is_all: operation.as_ref().is_ok_and(|it| is_list(*it)) && matches.get_flag(ALL),
            operation,
            arguments,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Call {
    /// The commands are made where one of them is asked for, so that others start as fast as ever.
    fn augment_subcommands(command: Command) -> Command {
        command.defer(|command| {
            command
                .subcommands(Operation::all().map(of))
                .allow_external_subcommands(true)
                // It is no operation; `help api` is the same.
                .disable_help_subcommand(true)
        })
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    /// Any name is taken: for an unknown one clap would show a dozen similar ones.
    fn has_subcommand(_: &str) -> bool {
        true
    }
}

/// A name that no operation has.
#[derive(Clone, Debug)]
pub(super) struct Unknown(String);

impl From<Unknown> for Failure {
    fn from(Unknown(name): Unknown) -> Self {
        let nearest = nearest(&name, Operation::all().map(Operation::name));
        let nearest = nearest.map(|nearest| format!("did you mean {nearest}? "));
        let name = visible(&name);
        Failure::usage(format!("there is no operation \"{name}\"")).hint(format!(
            "{}`twilio-sync api` lists all",
            nearest.unwrap_or_default()
        ))
    }
}

/// The command of an operation.
fn of(operation: Operation) -> Command {
    let arguments = Arg::new(ARGUMENTS)
        .num_args(0..)
        .value_name(ARGUMENTS)
        .value_parser(Arguments(operation))
        // The parameters have a section of their own.
        .hide_possible_values(true)
        .help(
            "NAME=VALUE; NAME=@FILE takes the value from a file, NAME=- from standard input; NAME:=VALUE is \
             the value, whatever it begins with",
        );
    let command = Command::new(operation.name())
        .alias(operation.id())
        .about(operation.summary())
        .long_about(long_about(operation))
        .help_template(HELP)
        .arg(arguments)
        .after_help(parameters(operation));
    if is_list(operation) {
        let all = Arg::new(ALL)
            .long("all")
            .visible_alias("pages")
            .action(ArgAction::SetTrue)
            .help("Read all pages, and print each record as a line of JSON");
        command.arg(all)
    } else {
        command
    }
}

fn long_about(operation: Operation) -> String {
    let (summary, description) = (operation.summary(), operation.description());
    let more = if description.is_empty() { "" } else { "\n\n" };
    let (method, path) = (operation.method(), operation.path());
    let status = operation.status();
    format!("{summary}{more}{description}\n\n{method} {path}, responds with {status}")
}

/// The section of the help text that explains the parameters.
fn parameters(operation: Operation) -> StyledStr {
    let styles = clap::builder::Styles::default();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = StyledStr::new();
    // Nothing fails to be written into a text.
    let _ = write!(text, "{header}Parameters:{header:#}");
    for parameter in operation.parameters() {
        let need = if is_service_of_settings(parameter) {
            ", or else of the settings"
        } else if parameter.required {
            ", required"
        } else {
            ""
        };
        let _ = write!(
            text,
            "\n  {literal}{}{literal:#}  {}{need}: {}\n          {}",
            parameter.argument(),
            place(parameter.place),
            described(parameter.kind),
            parameter.description
        );
    }
    text
}

/// Takes any text, and offers the names of an operation's parameters to those who complete one.
#[derive(Clone)]
struct Arguments(Operation);

impl TypedValueParser for Arguments {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let parameters = self.0.parameters().iter();
        Some(Box::new(parameters.map(|parameter| {
            PossibleValue::new(parameter.argument()).help(parameter.description)
        })))
    }
}
