//! `twilio-sync export`, `import`, `diff` and `apply`: a Service, or an object of it, as a file.
//!
//! `entry` is a line of the file, `contents` all of a file, `objects` what a Service has. `export`
//! writes a file and `import` reads one. `same` says when two states are one. `plan` says what is to be done to a Service for it to be as a
//! file says, which `diff` prints and `apply` does.

pub(crate) mod apply;
mod contents;
pub(crate) mod diff;
mod entry;
pub(crate) mod export;
mod export_file;
pub(crate) mod import;
mod journal;
mod objects;
mod plan;
mod progress;
mod same;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use twilio_sync::{MAX_TTL, NEVER};

use self::entry::ObjectKind;
use crate::failure::{Failure, Result};
use crate::output::visible;

/// What is transferred: all, or one object.
#[derive(Args, Debug)]
pub(crate) struct Scope {
    /// Only one object, of this kind
    #[arg(value_name = "KIND", requires = "name")]
    kind: Option<ObjectKind>,

    /// Its unique name or SID
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// One object that is named on the command line.
#[derive(Clone, Debug)]
struct Target {
    kind: ObjectKind,
    /// Its unique name or SID.
    name: String,
}

impl Scope {
    fn target(self) -> Option<Target> {
        let (kind, name) = (self.kind?, self.name?);
        Some(Target { kind, name })
    }
}

impl Target {
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

impl std::fmt::Display for Target {
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

/// Runs what may block.
async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(run)
        .await
        .unwrap_or_else(|error| {
            Err(Failure::io(
                "the file cannot be read",
                &std::io::Error::other(error),
            ))
        })
}
