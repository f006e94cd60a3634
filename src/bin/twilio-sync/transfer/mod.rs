//! `twilio-sync export`, `import`, `diff` and `apply`: a Service, or an object of it, as a file.
//!
//! Of a file, `entry` is a line, `heading` the first and the last one, `contents` all of it; `lines` reads
//! and writes lines, and `files` makes the program's own files. `objects` is what a Service has. `export`
//! writes a file, by way of `export_file`; `import` reads one, and `journal` is how far it came. `expiry`
//! says when two dates of it are one, and `plan` what is to be done to a Service for it to be as a file says,
//! which `diff` prints and `apply` does.

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
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use twilio_sync::{MAX_TTL, NEVER};

use self::entry::ObjectKind;
use crate::failure::{Failure, Result};
use crate::output::visible;

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

/// Parses a kind, and says where a file goes that was given in its place.
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

/// What an object is found by.
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
        fn is<S: std::str::FromStr>(name: &str) -> bool {
            name.parse::<S>().is_ok()
        }
        match self.kind {
            ObjectKind::Document => is::<twilio_sync::DocumentSid>(&self.name),
            ObjectKind::List => is::<twilio_sync::ListSid>(&self.name),
            ObjectKind::Map => is::<twilio_sync::MapSid>(&self.name),
            ObjectKind::Stream => is::<twilio_sync::StreamSid>(&self.name),
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
    /// The file; none for standard input.
    fn path(&self) -> Option<&Path> {
        named(self.file.as_deref())
    }
}

/// A path, unless it says standard input or output.
fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| *path != Path::new("-"))
}

/// What is left of a time to live; none if nothing is.
fn left(date_expires: Option<DateTime<Utc>>) -> Option<Duration> {
    let Some(expires) = date_expires else {
        // Not "as it is": what is overwritten may have been about to expire.
        return Some(NEVER);
    };
    let left = expires.signed_duration_since(Utc::now()).to_std().ok()?;
    // Of two clocks one may be fast.
    Some(left.clamp(Duration::from_secs(1), MAX_TTL))
}

/// A failure with what to do once that is done which it says already.
fn and_then(failure: Failure, hint: &str) -> Failure {
    let hint = match failure.hinted() {
        Some(first) => format!("{first}; then {hint}"),
        None => hint.to_owned(),
    };
    failure.hint(hint)
}
