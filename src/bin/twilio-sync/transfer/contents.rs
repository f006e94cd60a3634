//! What a file says: objects with what is in them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use twilio_sync::api::Data;
use twilio_sync::{ItemKey, MAX_DATA_SIZE, UniqueName};

use super::entry::{Entry, Kind, ObjectKind};
use super::{Target, blocking};
use crate::failure::{Failure, Result};
use crate::output::visible;
use crate::profiles::shell_quoted;

const BUFFER: usize = 128 * 1024;

/// All that a file says, checked as far as that can be done here: nothing is written before.
#[derive(Debug)]
pub(crate) struct Contents {
    /// What the file is called in messages.
    pub(crate) title: String,
    /// In the order in which they come first.
    pub(crate) objects: Vec<Object>,
}

/// An object as a file says.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) kind: ObjectKind,
    /// Its unique name, or the SID that is named on the command line.
    pub(crate) name: String,
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
    pub(crate) fn title(&self) -> String {
        format!("{} \"{}\"", self.kind.noun(), visible(&self.name))
    }

    /// How many lines it has.
    pub(crate) fn lines(&self) -> u64 {
        self.items.len() as u64 + u64::from(self.line.is_some())
    }
}

impl Contents {
    /// Reads a file or standard input: all of it, or what is for one object.
    pub(crate) async fn read(path: Option<&Path>, target: Option<&Target>) -> Result<Self> {
        let (path, target) = (path.map(PathBuf::from), target.cloned());
        blocking(move || {
            if let Some(path) = path {
                let title = path.display().to_string();
                let file = File::open(&path).map_err(|error| Failure::io(&title, &error))?;
                return Self::parse(title, BufReader::with_capacity(BUFFER, file), target);
            }
            let input = io::stdin();
            if input.is_terminal() {
                return Err(Failure::usage("there is no export to read")
                    .hint("--file FILE names it, or it comes on standard input"));
            }
            Self::parse("standard input".to_owned(), input.lock(), target)
        })
        .await
    }

    fn parse(title: String, mut from: impl BufRead, target: Option<Target>) -> Result<Self> {
        let mut contents = Self {
            title,
            objects: Vec::new(),
        };
        let mut places = HashMap::new();
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            let length = from
                .read_until(b'\n', &mut line)
                .map_err(|error| Failure::io(&contents.title, &error))?;
            if length == 0 {
                break;
            }
            number += 1;
            if line.trim_ascii().is_empty() {
                continue;
            }
            let entry = Entry::parse(&line).map_err(|why| {
                contents.wrong(number, format!("it is no line of an export: {why}"))
            })?;
            contents.take(number, entry, &mut places)?;
        }
        contents.check_keys()?;
        match target {
            Some(target) => contents.narrow(target),
            None => contents.check_names(),
        }
    }

    /// A failure of a line.
    fn wrong(&self, line: u64, why: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{}, line {line}: {why}", self.title))
            .hint("nothing was written; mend or remove the line")
    }

    fn take(
        &mut self,
        number: u64,
        entry: Entry<'static>,
        places: &mut HashMap<(ObjectKind, String), usize>,
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
            Some(last) if last.kind == kind && last.name == name => self.objects.len() - 1,
            _ => *places.entry((kind, name.to_owned())).or_insert_with(|| {
                self.objects.push(Object {
                    kind,
                    name: name.to_owned(),
                    line: None,
                    date_expires: None,
                    data: None,
                    items: Vec::new(),
                });
                self.objects.len() - 1
            }),
        };
        if !entry.kind.is_item() {
            if let Some(first) = self.objects[at].line {
                let title = self.objects[at].title();
                return Err(self.wrong(number, format!("the {title} has line {first} already")));
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
            if object.kind != ObjectKind::Map {
                continue;
            }
            let mut items: Vec<_> = object.items.iter().collect();
            items.sort_by(|one, other| (&one.key, one.line).cmp(&(&other.key, other.line)));
            if let Some(two) = items.windows(2).find(|two| two[0].key == two[1].key) {
                let key = two[1].key.as_deref().unwrap_or_default();
                let why = format!(
                    "the key \"{}\" of the {} has line {} already",
                    visible(key),
                    object.title(),
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
            let Err(error) = UniqueName::new(&object.name) else {
                continue;
            };
            let first = object.items.first().map(|item| item.line);
            let number = object.line.or(first).unwrap_or_default();
            let target = Target {
                kind: object.kind,
                name: object.name.clone(),
            };
            if !target.is_sid() {
                return Err(self.wrong(number, error));
            }
            return Err(self
                .wrong(number, format!("the {target} has no unique name"))
                .hint(format!(
                    "name where it goes: {} NAME or SID after the command",
                    object.kind.word()
                )));
        }
        Ok(self)
    }

    /// Keeps what is for one object: that of this name, or else the only one, under another name.
    fn narrow(mut self, target: Target) -> Result<Self> {
        let is_it = |object: &Object| object.kind == target.kind && object.name == target.name;
        if let Some(at) = self.objects.iter().position(is_it) {
            self.objects = vec![self.objects.swap_remove(at)];
            return Ok(self);
        }
        match self.objects.as_mut_slice() {
            [] => {}
            [only] if only.kind == target.kind => only.name = target.name,
            [only] => {
                return Err(Failure::usage(format!(
                    "{} has the {}, and this is for the {target}",
                    self.title,
                    only.title()
                ))
                .hint(format!(
                    "name what it has: {} {}",
                    only.kind.word(),
                    shell_quoted(&visible(&only.name))
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
