//! `twilio-sync export`, `import`, `diff` and `apply`: a Service, or an object of it, as a file.
//!
//! The library has the format, the comparison and the writes. Here are files, progress and resuming:
//! `contents` reads a file; `files` opens and locks the program's own files, and `lines` writes the lines of
//! an export. `export` writes to an `export_file`; `import` records its progress in a `journal`; `diff`
//! prints a plan, and `apply` executes it.

pub(crate) mod apply;
mod contents;
pub(crate) mod diff;
pub(crate) mod export;
mod export_file;
mod files;
pub(crate) mod import;
mod journal;
mod lines;
mod progress;

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Args};
use twilio_sync::error::{LineError, ReadError};
use twilio_sync::export::{Contents, Heading, Kind, Place};

use crate::io::failure::{Failure, Result};
use crate::io::output::{Output, visible};

/// The part of a Service that is transferred: all, or one object.
#[derive(Args, Debug)]
pub(crate) struct Scope {
    /// Only one object, of this kind
    #[arg(value_name = "KIND", requires = "name", value_parser = KindParser)]
    kind: Option<Kind>,

    /// Its unique name or SID; `import` and `apply` may give a new name to what an export of one
    /// object has
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Parses a kind. If a file was given instead, the error names the option for it.
#[derive(Clone)]
struct KindParser;

impl TypedValueParser for KindParser {
    type Value = Kind;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        kinds()
            .parse_ref(command, argument, value)
            .map(|given| kind(&given))
            .map_err(|mut error| {
                if Path::new(value).exists() {
                    let option = match command.get_name() {
                        "export" => "--output",
                        _ => "--file",
                    };
                    let tip = format!("it is a file: {option} {}", value.display());
                    error.insert(
                        ContextKind::Suggested,
                        ContextValue::StyledStrs(vec![visible(&tip).into()]),
                    );
                }
                error
            })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<_> = kinds().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}

/// The words on the command line.
fn kinds() -> PossibleValuesParser {
    let value = |kind| match kind {
        Kind::Document => PossibleValue::new(word(kind)).alias("document"),
        _ => PossibleValue::new(word(kind)),
    };
    Kind::OBJECTS.map(value).into()
}

/// The kind with a word on the command line.
fn kind(given: &str) -> Kind {
    // The only one with another word is `document`.
    let found = Kind::OBJECTS.into_iter().find(|kind| word(*kind) == given);
    found.unwrap_or(Kind::Document)
}

/// The word on the command line for the kind of an object.
fn word(kind: Kind) -> &'static str {
    match kind.object() {
        Kind::Document => "doc",
        Kind::Stream => "stream",
        Kind::List => "list",
        _ => "map",
    }
}

impl Scope {
    fn place(self) -> Option<Place> {
        let (kind, name) = (self.kind?, self.name?);
        Some(Place::new(kind, name))
    }
}

/// The reason why an object cannot be made in another Service.
const UNNAMED: &str = "without a usable unique name";

/// The reason why an item or permission cannot be made anywhere.
const UNADDRESSABLE: &str = "whose key or identity no path can carry";

/// The reason why a line was left out.
const EXPIRED: &str = "that expired meanwhile";

/// Prints how much was left out, and why, also for those who want no notices.
fn warn_left_out(out: &Output, counts: &[(u64, &str, &str)]) {
    for (count, noun, why) in counts {
        if *count > 0 {
            out.warning(format_args!("Left out {} {why}.", plural(*count, noun)));
        }
    }
}

/// The failure that an object does not exist.
fn absent(place: &Place) -> Failure {
    Failure::not_found(format!("there is no {place}"))
}

/// The Service or object that an export is of.
fn scope(heading: &Heading) -> String {
    let service = &heading.service_sid;
    match &heading.object {
        Some(place) => format!("the {place} of the Service {service}"),
        None => format!("the Service {service}"),
    }
}

/// The failure to read a file, with a hint for a line that is invalid.
fn unread(title: &str, error: &ReadError, hint: &str) -> Failure {
    match error {
        ReadError::Io(error) => Failure::io(title, error),
        ReadError::Line { number, source, .. } => {
            invalid_line(source, format_args!("{title}, line {number}"), hint)
        }
        error => Failure::usage(format!("{title}: {error}")),
    }
}

/// The failure to parse a line, with a hint for a line that is invalid.
fn invalid_line(error: &LineError, line: impl Display, hint: &str) -> Failure {
    Failure::usage(format!("{line}: {error}")).hint(match error {
        LineError::Version { .. } => "a newer twilio-sync wrote it, and reads it",
        LineError::Unnamed { .. } => {
            "name where it goes: its kind, and NAME or SID, after the command"
        }
        _ => hint,
    })
}

/// `--file` of what reads an export.
#[derive(Args, Debug)]
pub(crate) struct FileOption {
    /// The file to read; - (or nothing) for standard input
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl FileOption {
    /// The path of the file; none for standard input.
    fn path(&self) -> Option<&Path> {
        unless_dash(self.file.as_deref())
    }
}

/// The parts of an export that are read.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// With the permissions that it has
    #[arg(long, value_name = "true|false", action = ArgAction::Set, default_value_t = true)]
    permissions: bool,

    /// With the settings of the Service that it has
    #[arg(long, value_name = "true|false", action = ArgAction::Set, default_value_t = true)]
    settings: bool,
}

impl Parts {
    /// Takes out of an export what is not to be read.
    fn select(self, export: &mut Contents) {
        if !self.permissions {
            export.remove_permissions();
        }
        if let (false, Some(heading)) = (self.settings, &mut export.heading) {
            heading.settings = None;
        }
    }
}

/// A path, unless it is `-`: standard input or output.
fn unless_dash(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}

/// Adds a hint after the one that the failure has.
fn with_hint(failure: Failure, hint: &str) -> Failure {
    let hint = match failure.hinted() {
        Some(first) => format!("{first}; then {hint}"),
        None => hint.to_owned(),
    };
    failure.hint(hint)
}

/// A count with its noun, in the plural where it is due.
fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
