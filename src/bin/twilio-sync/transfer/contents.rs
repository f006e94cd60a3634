//! What a file says: objects with what is in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use twilio_sync::api::Data;
use twilio_sync::{ItemKey, MAX_DATA_SIZE, UniqueName};

use super::Place;
use super::entry::{Entry, Kind, ObjectKind};
use super::heading::{Heading, Record};
use super::lines::{BUFFER, Reader};
use crate::failure::{Failure, Result};
use crate::output::{Output, visible};
use crate::profiles::shell_quoted;
use crate::session::blocking;

/// What to do about a line that is wrong.
const HINT: &str = "nothing was written; mend or remove the line";

/// All that a file says, checked as far as that can be done here: nothing is written before.
#[derive(Debug)]
pub(crate) struct Contents {
    /// What the file is called in messages.
    pub(crate) title: String,
    /// Its first line; none if it was written by hand, or put together from several.
    pub(crate) heading: Option<Heading>,
    /// Whether it has its heading, its end and all lines between them.
    is_whole: bool,
    /// The name in the file of the only object, if that goes under another one.
    pub(crate) renamed: Option<String>,
    pub(crate) fingerprint: Fingerprint,
    /// In the order in which they come first.
    pub(crate) objects: Vec<Object>,
}

/// What tells a file from what it was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    size: u64,
    sha256: String,
}

/// An object as a file says.
#[derive(Debug)]
pub(crate) struct Object {
    /// By its unique name, or the SID that is named on the command line.
    pub(crate) place: Place,
    /// Its line; none if there are only lines of its items.
    pub(crate) line: Option<u64>,
    pub(crate) date_expires: Option<DateTime<Utc>>,
    /// Of a Document.
    pub(crate) data: Option<Data>,
    pub(crate) items: Vec<Item>,
}

/// An item as a file says.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) line: u64,
    /// Of a List's item: the index it had.
    pub(crate) index: Option<i64>,
    /// Of a Map's item.
    pub(crate) key: Option<String>,
    pub(crate) data: Data,
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

impl Object {
    /// How many lines it has.
    pub(crate) fn lines(&self) -> u64 {
        self.items.len() as u64 + u64::from(self.line.is_some())
    }
}

impl Contents {
    /// Reads a file or standard input: all of it, or what is for one object.
    pub(crate) async fn read(path: Option<&Path>, target: Option<&Place>) -> Result<Self> {
        Self::read_all(path).await?.of(target)
    }

    /// Reads what is to be compared, and with what: without a target, with what the file is of.
    pub(crate) async fn read_to_compare(
        path: Option<&Path>,
        target: Option<Place>,
    ) -> Result<(Self, Option<Place>)> {
        let contents = Self::read_all(path).await?;
        let target = target.or_else(|| contents.heading.as_ref()?.object());
        let contents = contents.of(target.as_ref())?;
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
            is_whole: false,
            renamed: None,
            fingerprint: Fingerprint::default(),
            objects: Vec::new(),
        };
        let mut places = HashMap::new();
        let mut hash = Sha256::new();
        // Whether its heading, if it has one, is that of all of it.
        let mut is_one = true;
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
            is_one &= end.is_none();
            let record = Record::parse(line.text).map_err(|why| {
                why.failure(
                    format_args!("{}, line {}", contents.title, line.number),
                    HINT,
                )
            })?;
            match record {
                Record::Heading(heading) => {
                    is_one &= records == 0;
                    contents.heading = Some(heading);
                }
                Record::End(found) => end = Some(found.lines),
                Record::Entry(entry) => {
                    entries += 1;
                    contents.take(line.number, entry, &mut places)?;
                }
            }
            records += 1;
        }
        contents.check_keys()?;
        contents.heading.take_if(|_| !is_one);
        contents.is_whole = contents.heading.is_some() && end == Some(entries);
        contents.fingerprint.sha256 = BASE64_STANDARD.encode(hash.finalize());
        Ok(contents)
    }

    /// What is for one object, or all.
    fn of(self, target: Option<&Place>) -> Result<Self> {
        match target {
            Some(target) => self.narrow(target),
            None => self.check_names(),
        }
    }

    /// Tells that it was broken off, or changed.
    pub(crate) fn tell_if_not_whole(&self, out: &Output) {
        if self.heading.is_some() && !self.is_whole {
            out.notice(format_args!("{}.", self.not_whole()));
        }
    }

    fn not_whole(&self) -> String {
        let lacks = match self.heading {
            None => "its heading",
            Some(_) => "an end that counts its lines",
        };
        format!("{} is not a whole export: it lacks {lacks}", self.title)
    }

    /// Refuses to say what is too much where this does not say all.
    pub(crate) fn check_prune(&self, target: Option<&Place>) -> Result<()> {
        const HINT: &str = "without --prune it can be applied";
        let Some(heading) = self.heading.as_ref().filter(|_| self.is_whole) else {
            return Err(Failure::usage(self.not_whole())
                .hint(format!("{HINT}; `export` makes a whole one")));
        };
        if self.objects.is_empty() {
            return Err(Failure::usage(format!("{} is empty", self.title))
                .hint("--prune would remove everything: leave it out, or use `rm`"));
        }
        let is_covered = match (heading.object(), target) {
            (None, None) => true,
            // Whether a SID is of what the file has, the service knows.
            (of, Some(target)) => {
                let name = self.renamed.as_ref().unwrap_or(&target.name);
                (self.renamed.is_none() || target.is_sid())
                    && of.is_none_or(|of| of.kind == target.kind && of.name == *name)
            }
            (Some(_), None) => false,
        };
        if is_covered {
            return Ok(());
        }
        let this = target.map_or("this is for the whole Service".to_owned(), |target| {
            format!("this is for the {target}")
        });
        Err(Failure::usage(format!("{} is of {heading}, and {this}", self.title)).hint(HINT))
    }

    /// A failure of a line.
    fn wrong(&self, line: u64, why: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{}, line {line}: {why}", self.title)).hint(HINT)
    }

    fn take(
        &mut self,
        number: u64,
        entry: Entry<'static>,
        places: &mut HashMap<Place, usize>,
    ) -> Result<()> {
        if let Some(data) = &entry.data
            && data.as_str().len() > MAX_DATA_SIZE
        {
            let size = data.as_str().len();
            return Err(self.wrong(
                number,
                format!("its data takes {size} bytes, at most {MAX_DATA_SIZE} are allowed"),
            ));
        }
        let kind = entry.kind.object();
        let name = entry.name().unwrap_or_default();
        // Most lines are of the object of the line before.
        let at = match self.objects.last() {
            Some(Object { place, .. }) if place.kind == kind && place.name == name => {
                self.objects.len() - 1
            }
            _ => {
                let place = Place {
                    kind,
                    name: name.to_owned(),
                };
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
                return Err(self.wrong(number, format!("the {place} has line {first} already")));
            }
            let object = &mut self.objects[at];
            object.line = Some(number);
            object.date_expires = entry.date_expires;
            // A List says nothing of data.
            object.data = entry.data.filter(|_| entry.kind == Kind::Document);
            return Ok(());
        }
        if let Some(key) = &entry.key
            && let Err(error) = ItemKey::new(key.as_ref())
        {
            return Err(self.wrong(number, error));
        }
        let Some(data) = entry.data else {
            return Err(self.wrong(number, "it has no `data`"));
        };
        self.objects[at].items.push(Item {
            line: number,
            index: entry.index,
            key: entry.key.map(String::from),
            data,
            date_expires: entry.date_expires,
        });
        Ok(())
    }

    /// Refuses two items under one key: which of them would be last?
    fn check_keys(&self) -> Result<()> {
        for object in &self.objects {
            if object.place.kind != ObjectKind::Map {
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
                return Err(self.wrong(two[1].line, why));
            }
        }
        Ok(())
    }

    /// Refuses objects that cannot be found by name.
    fn check_names(self) -> Result<Self> {
        for object in &self.objects {
            let Err(error) = UniqueName::new(&object.place.name) else {
                continue;
            };
            let first = object.items.first().map(|item| item.line);
            let number = object.line.or(first).unwrap_or_default();
            let place = &object.place;
            if !place.is_sid() {
                return Err(self.wrong(number, error));
            }
            return Err(self
                .wrong(number, format!("the {place} has no unique name"))
                .hint(format!(
                    "name where it goes: {} NAME or SID after the command",
                    place.kind.word()
                )));
        }
        Ok(self)
    }

    /// Keeps what is for one object: that of this name, or else the only one, under another name.
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
                    only.place.kind.word(),
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

    /// How many lines there are.
    pub(crate) fn lines(&self) -> u64 {
        self.objects.iter().map(Object::lines).sum()
    }
}
