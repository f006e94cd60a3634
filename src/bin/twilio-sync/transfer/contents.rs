//! The file that `import`, `diff` and `apply` read, for the Service or one object.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use twilio_sync::export::{self, Heading, Place};

use super::lines::BUFFER;
use super::{Parts, plural, scope, unread, word};
use crate::io::blocking::blocking;
use crate::io::failure::{Failure, Result};
use crate::io::output::{Output, shell_quoted, visible};

/// The hint for an invalid line.
const HINT: &str = "nothing was written; fix or remove the line";

/// The contents of a file. It is read and checked before anything is written.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The name of the file in messages.
    pub(crate) title: String,
    pub(crate) export: export::Contents,
    /// The name of the only object in the file, if it is to have another one.
    pub(crate) renamed: Option<String>,
    /// The number of objects that were left out since they have no usable unique name.
    pub(crate) unnamed: u64,
    /// `true` if it is an export without permissions, though they are wanted.
    pub(crate) lacks_permissions: bool,
    pub(crate) fingerprint: Fingerprint,
}

/// Identifies the contents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    size: u64,
    sha256: String,
}

/// Reads from a source, and computes the fingerprint of what was read.
struct Fingerprinting<R> {
    from: R,
    size: u64,
    hash: Sha256,
}

impl<R: Read> Read for Fingerprinting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.hash.update(&buffer[..length]);
        self.size += length as u64;
        Ok(length)
    }
}

impl Contents {
    /// Reads a file or standard input, for the whole Service or for one object.
    pub(crate) async fn read(
        path: Option<&Path>,
        parts: Parts,
        target: Option<&Place>,
    ) -> Result<Self> {
        Self::read_all(path, parts).await?.select(target)
    }

    /// Reads a file or standard input, with its target: the one given, or else the one in the heading.
    pub(crate) async fn read_to_compare(
        path: Option<&Path>,
        parts: Parts,
        target: Option<Place>,
    ) -> Result<(Self, Option<Place>)> {
        let contents = Self::read_all(path, parts).await?;
        let target = target.or_else(|| contents.export.heading.as_ref()?.object.clone());
        let contents = contents.select(target.as_ref())?;
        Ok((contents, target))
    }

    async fn read_all(path: Option<&Path>, parts: Parts) -> Result<Self> {
        let path = path.map(PathBuf::from);
        let contents = blocking(move || {
            if let Some(path) = path {
                let title = path.display().to_string();
                let file = File::open(&path).map_err(|error| Failure::io(&title, &error))?;
                return Self::parse(title, file);
            }
            let input = io::stdin();
            if input.is_terminal() {
                return Err(Failure::usage("there is no export to read")
                    .hint("--file FILE names it, or it comes on standard input"));
            }
            Self::parse("standard input".to_owned(), input.lock())
        });
        let mut contents = contents.await?;
        let heading = contents.export.heading.as_ref();
        contents.lacks_permissions =
            parts.permissions && heading.is_some_and(Heading::lacks_permissions);
        parts.select(&mut contents.export);
        Ok(contents)
    }

    fn parse(title: String, from: impl Read) -> Result<Self> {
        let from = Fingerprinting {
            from,
            size: 0,
            hash: Sha256::new(),
        };
        let mut from = BufReader::with_capacity(BUFFER, from);
        let export =
            export::Contents::read(&mut from).map_err(|error| unread(&title, &error, HINT))?;
        let Fingerprinting { size, hash, .. } = from.into_inner();
        let sha256 = BASE64_STANDARD.encode(hash.finalize());
        Ok(Self {
            title,
            export,
            renamed: None,
            unnamed: 0,
            lacks_permissions: false,
            fingerprint: Fingerprint { size, sha256 },
        })
    }

    /// Keeps what is for one object, or all.
    fn select(mut self, target: Option<&Place>) -> Result<Self> {
        if let Some(target) = target {
            return self.narrow(target);
        }
        let unnamed = self.export.take_unnamed();
        self.unnamed = unnamed.map_err(|error| unread(&self.title, &error, HINT))?;
        Ok(self)
    }

    /// Prints a warning if it is an export that was interrupted or changed, or that has objects only in part.
    pub(crate) fn warn_if_incomplete(&self, out: &Output) {
        if self.export.heading.is_some() && !self.export.is_complete {
            out.warning(format_args!("{}.", self.incomplete()));
        }
        if let Some(removed @ 1..) = self.export.end.map(|end| end.removed) {
            out.warning(format_args!(
                "{} has only a part of {} that {} removed during the export.",
                self.title,
                plural(removed, "object"),
                if removed == 1 { "was" } else { "were" }
            ));
        }
    }

    /// The message that it is incomplete.
    fn incomplete(&self) -> String {
        let lacks = match self.export.heading {
            None => "its heading",
            Some(_) => "an end that counts its lines",
        };
        format!("{} is not a whole export: it lacks {lacks}", self.title)
    }

    /// Fails unless it lists everything in the target, so that the rest can be removed.
    pub(crate) fn check_prune(&self, target: Option<&Place>) -> Result<()> {
        const HINT: &str = "without --prune it can be applied";
        let Some(heading) = self
            .export
            .heading
            .as_ref()
            .filter(|_| self.export.is_complete)
        else {
            return Err(Failure::usage(self.incomplete())
                .hint(format!("{HINT}; `export` makes a whole one")));
        };
        if self.export.objects.is_empty() {
            return Err(Failure::usage(format!("{} is empty", self.title))
                .hint("--prune would remove everything: leave it out, or use `rm`"));
        }
        let is_covered = match (&heading.object, target) {
            (None, None) => true,
            // Whether a SID belongs to the object in the file is checked against the Service.
            (of, Some(target)) => {
                let name = self.renamed.as_ref().unwrap_or(&target.name);
                (self.renamed.is_none() || target.is_sid())
                    && of
                        .as_ref()
                        .is_none_or(|of| of.kind == target.kind && of.name == *name)
            }
            (Some(_), None) => false,
        };
        if is_covered {
            return Ok(());
        }
        let this = target.map_or("this is for the whole Service".to_owned(), |target| {
            format!("this is for the {target}")
        });
        Err(Failure::usage(format!(
            "{} is of {}, and {this}",
            self.title,
            scope(heading)
        ))
        .hint(HINT))
    }

    /// Keeps one object: the one with this name, or else the only one, which gets this name.
    fn narrow(mut self, target: &Place) -> Result<Self> {
        // Those of the Service.
        if let Some(heading) = &mut self.export.heading {
            heading.settings = None;
        }
        let objects = &mut self.export.objects;
        if let Some(at) = objects.iter().position(|it| it.place == *target) {
            *objects = vec![objects.swap_remove(at)];
            return Ok(self);
        }
        match objects.as_mut_slice() {
            [] => {}
            [only] if only.place.kind == target.kind => {
                self.renamed = Some(only.rename(&target.name));
            }
            [only] => {
                return Err(Failure::usage(format!(
                    "{} has the {}, and this is for the {target}",
                    self.title, only.place
                ))
                .hint(format!(
                    "name what it has: {} {}",
                    word(only.place.kind),
                    shell_quoted(&visible(&only.place.name))
                )));
            }
            several => {
                return Err(Failure::usage(format!(
                    "{} has {} objects, and none is the {target}",
                    self.title,
                    several.len()
                ))
                .hint("an object goes under another name only from a file of its own"));
            }
        }
        Ok(self)
    }

    /// The number of lines.
    pub(crate) fn lines(&self) -> u64 {
        let objects = self.export.objects.iter();
        objects.map(|object| object.lines().count() as u64).sum()
    }
}
