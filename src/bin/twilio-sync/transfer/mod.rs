//! `twilio-sync export`, `import`, `diff` and `apply`: a Service, or an object of it, as a file.
//!
//! The file: `lines` reads and writes lines, `entry` parses the line of an object or item, `heading` the
//! first and last line, `contents` all of them. `files` opens the program's own files. `objects` reads the
//! objects of a Service. `export` writes to an `export_file`; `import` records its progress in a `journal`.
//! `plan` compares a file with a Service, with the dates compared by `expiry`; `diff` prints the plan and
//! `apply` executes it.

pub(crate) mod apply;
mod concurrently;
mod contents;
pub(crate) mod diff;
mod entry;
mod expiry;
pub(crate) mod export;
mod export_file;
mod files;
mod heading;
pub(crate) mod import;
mod journal;
mod lines;
mod objects;
mod plan;
mod progress;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use twilio_sync::Ttl;
use twilio_sync::value::{DocumentSid, ListSid, MapSid, StreamSid};

use self::entry::ObjectKind;
use crate::io::failure::{Failure, Result};
use crate::io::output::visible;

/// What is transferred: all, or one object.
#[derive(Args, Debug)]
pub(crate) struct Scope {
    /// Only one object, of this kind
    #[arg(value_name = "KIND", requires = "name", value_parser = KindParser)]
    kind: Option<ObjectKind>,

    /// Its unique name or SID; `import` and `apply` may give a new name to what an export of one
    /// object has
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Parses a kind. If a file was given instead, the error names the option for it.
#[derive(Clone)]
struct KindParser;

impl TypedValueParser for KindParser {
    type Value = ObjectKind;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let kind = EnumValueParser::<ObjectKind>::new();
        kind.parse_ref(command, argument, value)
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
        let values: Vec<_> = EnumValueParser::<ObjectKind>::new()
            .possible_values()?
            .collect();
        Some(Box::new(values.into_iter()))
    }
}

/// The address of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    kind: ObjectKind,
    /// Its unique name, or its SID.
    name: String,
}

impl Scope {
    fn place(self) -> Option<Place> {
        let (kind, name) = (self.kind?, self.name?);
        Some(Place { kind, name })
    }
}

impl Place {
    fn is_sid(&self) -> bool {
        let name = &self.name;
        match self.kind {
            ObjectKind::Document => name.parse::<DocumentSid>().is_ok(),
            ObjectKind::List => name.parse::<ListSid>().is_ok(),
            ObjectKind::Map => name.parse::<MapSid>().is_ok(),
            ObjectKind::Stream => name.parse::<StreamSid>().is_ok(),
        }
    }

    fn absent(&self) -> Failure {
        Failure::not_found(format!("there is no {self}"))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} \"{}\"", self.kind.noun(), visible(&self.name))
    }
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

/// A path, unless it is `-`: standard input or output.
fn unless_dash(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}

/// The time to live until a date; none if the date has passed.
fn ttl_until(date_expires: Option<DateTime<Utc>>) -> Option<Ttl> {
    let Some(expires) = date_expires else {
        // Sent explicitly, since what is overwritten may have an expiry.
        return Some(Ttl::NEVER);
    };
    let left = expires.signed_duration_since(Utc::now()).to_std().ok()?;
    // Clocks differ.
    Some(Ttl::from(left).clamp(Ttl::from_secs(1), Ttl::MAX))
}

/// Adds a hint after the one that the failure has.
fn with_hint(failure: Failure, hint: &str) -> Failure {
    let hint = match failure.hinted() {
        Some(first) => format!("{first}; then {hint}"),
        None => hint.to_owned(),
    };
    failure.hint(hint)
}
