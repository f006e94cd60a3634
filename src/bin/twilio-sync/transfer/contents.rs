//! The contents of a file: objects with their items.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use twilio_sync::export::{Entry, Heading, Kind, Place, Record};
use twilio_sync::value::{Data, ItemKey, MAX_DATA_SIZE, UniqueName};

use super::lines::{BUFFER, Reader};
use super::{invalid_line, scope, word};
use crate::io::blocking::blocking;
use crate::io::failure::{Failure, Result};
use crate::io::output::shell_quoted;
use crate::io::output::{Output, visible};

/// The hint for an invalid line.
const HINT: &str = "nothing was written; mend or remove the line";

/// The contents of a file. It is read and checked before anything is written.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The name of the file in messages.
    pub(crate) title: String,
    /// Its first line; none if it was written by hand or combined from several files.
    pub(crate) heading: Option<Heading>,
    /// Whether it has a heading, an end and all lines between them.
    is_complete: bool,
    /// The name of the only object in the file, if it is to have another one.
    pub(crate) renamed: Option<String>,
    pub(crate) fingerprint: Fingerprint,
    /// In the order of their first lines.
    pub(crate) objects: Vec<Object>,
}

/// Identifies the contents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    size: u64,
    sha256: String,
}

/// An object in a file.
#[derive(Debug)]
pub(crate) struct Object {
    /// With its unique name, or the SID given on the command line.
    pub(crate) place: Place,
    /// The number of its line; none if there are only lines of its items.
    pub(crate) line: Option<u64>,
    pub(crate) date_expires: Option<DateTime<Utc>>,
    /// Of a Document.
    pub(crate) data: Option<Data>,
    pub(crate) items: Vec<Item>,
}

/// An item in a file.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) line: u64,
    /// The index of a List's item when it was exported.
    pub(crate) index: Option<i64>,
    /// The key of a Map's item.
    pub(crate) key: Option<String>,
    pub(crate) data: Data,
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

impl Object {
    /// The number of its lines, with those of its items.
    pub(crate) fn lines(&self) -> u64 {
        self.items.len() as u64 + u64::from(self.line.is_some())
    }
}

impl Contents {
    /// Reads a file or standard input, for the whole Service or for one object.
    pub(crate) async fn read(path: Option<&Path>, target: Option<&Place>) -> Result<Self> {
        Self::read_all(path).await?.select(target)
    }

    /// Reads a file or standard input, with its target: the one given, or else the one in the heading.
    pub(crate) async fn read_to_compare(
        path: Option<&Path>,
        target: Option<Place>,
    ) -> Result<(Self, Option<Place>)> {
        let contents = Self::read_all(path).await?;
        let target = target.or_else(|| contents.heading.as_ref()?.object.clone());
        let contents = contents.select(target.as_ref())?;
        Ok((contents, target))
    }

    async fn read_all(path: Option<&Path>) -> Result<Self> {
        let path = path.map(PathBuf::from);
        blocking(move || {
            if let Some(path) = path {
                let title = path.display().to_string();
                let file = File::open(&path).map_err(|error| Failure::io(&title, &error))?;
                return Self::parse(title, BufReader::with_capacity(BUFFER, file));
            }
            let input = io::stdin();
            if input.is_terminal() {
                return Err(Failure::usage("there is no export to read")
                    .hint("--file FILE names it, or it comes on standard input"));
            }
            Self::parse("standard input".to_owned(), input.lock())
        })
        .await
    }

    fn parse(title: String, from: impl BufRead) -> Result<Self> {
        let mut contents = Self {
            title,
            heading: None,
            is_complete: false,
            renamed: None,
            fingerprint: Fingerprint::default(),
            objects: Vec::new(),
        };
        let mut places = HashMap::new();
        let mut hash = Sha256::new();
        // Whether it is at most one export, with the heading first.
        let mut is_single = true;
        let (mut records, mut entries, mut end) = (0_u64, 0, None);
        let mut reader = Reader::new(from);
        while let Some(line) = reader
            .next()
            .map_err(|error| Failure::io(&contents.title, &error))?
        {
            hash.update(line.text);
            contents.fingerprint.size = line.end;
            if line.is_blank() {
                continue;
            }
            is_single &= end.is_none();
            let record = Record::parse(line.text).map_err(|error| {
                let line = format_args!("{}, line {}", contents.title, line.number);
                invalid_line(&error, line, HINT)
            })?;
            match record {
                Record::Heading(heading) => {
                    is_single &= records == 0;
                    contents.heading = Some(heading);
                }
                Record::End(found) => end = Some(found.lines),
                Record::Entry(entry) => {
                    entries += 1;
                    contents.add(line.number, entry, &mut places)?;
                }
            }
            records += 1;
        }
        contents.check_keys()?;
        contents.heading.take_if(|_| !is_single);
        contents.is_complete = contents.heading.is_some() && end == Some(entries);
        contents.fingerprint.sha256 = BASE64_STANDARD.encode(hash.finalize());
        Ok(contents)
    }

    /// Keeps what is for one object, or all.
    fn select(self, target: Option<&Place>) -> Result<Self> {
        match target {
            Some(target) => self.narrow(target),
            None => self.check_names(),
        }
    }

    /// Prints a notice if it is an export that was interrupted or changed.
    pub(crate) fn warn_if_incomplete(&self, out: &Output) {
        if self.heading.is_some() && !self.is_complete {
            out.notice(format_args!("{}.", self.incomplete()));
        }
    }

    /// The message that it is incomplete.
    fn incomplete(&self) -> String {
        let lacks = match self.heading {
            None => "its heading",
            Some(_) => "an end that counts its lines",
        };
        format!("{} is not a whole export: it lacks {lacks}", self.title)
    }

    /// Fails unless it lists everything in the target, so that the rest can be removed.
    pub(crate) fn check_prune(&self, target: Option<&Place>) -> Result<()> {
        const HINT: &str = "without --prune it can be applied";
        let Some(heading) = self.heading.as_ref().filter(|_| self.is_complete) else {
            return Err(Failure::usage(self.incomplete())
                .hint(format!("{HINT}; `export` makes a whole one")));
        };
        if self.objects.is_empty() {
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

    /// The failure for an invalid line.
    fn invalid(&self, line: u64, why: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{}, line {line}: {why}", self.title)).hint(HINT)
    }

    /// Adds a line.
    fn add(&mut self, number: u64, entry: Entry, places: &mut HashMap<Place, usize>) -> Result<()> {
        if let Some(data) = &entry.data
            && data.as_str().len() > MAX_DATA_SIZE
        {
            let size = data.as_str().len();
            return Err(self.invalid(
                number,
                format!("its data takes {size} bytes, at most {MAX_DATA_SIZE} are allowed"),
            ));
        }
        let kind = entry.kind.object();
        let name = entry.name().unwrap_or_default();
        // Most lines belong to the same object as the previous one.
        let at = match self.objects.last() {
            Some(Object { place, .. }) if place.kind == kind && place.name == name => {
                self.objects.len() - 1
            }
            _ => {
                let place = Place::new(kind, name);
                *places.entry(place.clone()).or_insert_with(|| {
                    self.objects.push(Object {
                        place,
                        line: None,
                        date_expires: None,
                        data: None,
                        items: Vec::new(),
                    });
                    self.objects.len() - 1
                })
            }
        };
        if !entry.kind.is_item() {
            if let Some(first) = self.objects[at].line {
                let place = &self.objects[at].place;
                return Err(self.invalid(number, format!("the {place} has line {first} already")));
            }
            let object = &mut self.objects[at];
            object.line = Some(number);
            object.date_expires = entry.date_expires;
            // Other objects have no data.
            object.data = entry.data.filter(|_| entry.kind == Kind::Document);
            return Ok(());
        }
        if let Some(key) = &entry.key
            && let Err(error) = ItemKey::new(key)
        {
            return Err(self.invalid(number, error));
        }
        let Some(data) = entry.data else {
            return Err(self.invalid(number, "it has no `data`"));
        };
        self.objects[at].items.push(Item {
            line: number,
            index: entry.index,
            key: entry.key,
            data,
            date_expires: entry.date_expires,
        });
        Ok(())
    }

    /// Fails if a Map has two items with the same key, since their order of writing is not defined.
    fn check_keys(&self) -> Result<()> {
        for object in &self.objects {
            if object.place.kind != Kind::Map {
                continue;
            }
            let mut items: Vec<_> = object.items.iter().collect();
            items.sort_by(|one, other| (&one.key, one.line).cmp(&(&other.key, other.line)));
            if let Some(two) = items.windows(2).find(|two| two[0].key == two[1].key) {
                let key = two[1].key.as_deref().unwrap_or_default();
                let why = format!(
                    "the key \"{}\" of the {} has line {} already",
                    visible(key),
                    object.place,
                    two[0].line
                );
                return Err(self.invalid(two[1].line, why));
            }
        }
        Ok(())
    }

    /// Fails if an object has no valid unique name.
    fn check_names(self) -> Result<Self> {
        for object in &self.objects {
            let Err(error) = UniqueName::new(&object.place.name) else {
                continue;
            };
            let first = object.items.first().map(|item| item.line);
            let number = object.line.or(first).unwrap_or_default();
            let place = &object.place;
            if !place.is_sid() {
                return Err(self.invalid(number, error));
            }
            return Err(self
                .invalid(number, format!("the {place} has no unique name"))
                .hint(format!(
                    "name where it goes: {} NAME or SID after the command",
                    word(place.kind)
                )));
        }
        Ok(self)
    }

    /// Keeps one object: the one with this name, or else the only one, which gets this name.
    fn narrow(mut self, target: &Place) -> Result<Self> {
        if let Some(at) = self
            .objects
            .iter()
            .position(|object| object.place == *target)
        {
            self.objects = vec![self.objects.swap_remove(at)];
            return Ok(self);
        }
        match self.objects.as_mut_slice() {
            [] => {}
            [only] if only.place.kind == target.kind => {
                let name = &mut only.place.name;
                self.renamed = Some(std::mem::replace(name, target.name.clone()));
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
        self.objects.iter().map(Object::lines).sum()
    }
}
