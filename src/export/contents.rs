//! The contents of an export: objects with their items.

use std::collections::HashMap;
use std::io::BufRead;

use super::{Entry, Heading, Kind, Place, Record};
use crate::error::{LineError, ReadError};
use crate::value::{ItemKey, MAX_DATA_SIZE, UniqueName, checked_object};

/// The contents of one export or of several, or of lines that were written by hand.
///
/// All of it is read and checked before anything is written, and it is held in memory.
///
/// ```
/// use twilio_sync::export::Contents;
///
/// let lines = r#"
/// {"kind":"map","unique_name":"phonebook"}
/// {"kind":"map_item","map":"phonebook","key":"alice","data":{"calls":0}}"#;
/// let contents = Contents::read(lines.as_bytes())?;
/// assert_eq!(contents.objects[0].items[0].entry.key.as_deref(), Some("alice"));
/// assert!(!contents.is_complete);
/// # Ok::<(), twilio_sync::error::ReadError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Contents {
    /// The first line; `None` if there is none, or it is not the first one or one of several.
    pub heading: Option<Heading>,
    /// `true` if it is one export with heading, end and all lines between them.
    pub is_complete: bool,
    /// The objects, in the order of their first lines.
    pub objects: Vec<Object>,
}

/// An object in an export, with its items.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Object {
    /// The object.
    pub place: Place,
    /// Its line; `None` if there are only lines of its items.
    pub line: Option<Line>,
    /// The lines of its items, in order.
    pub items: Vec<Line>,
}

/// A line of an object or item, with its number, from 1.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// The number, from 1.
    pub number: u64,
    /// The object or item.
    pub entry: Entry,
}

impl Object {
    /// All its lines.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.line.iter().chain(&self.items)
    }

    /// Returns `true` if the object has expired by the clock of this machine.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.entry.has_expired())
    }

    /// Gives it another unique name or SID, in all its lines. Returns the one that it had.
    pub fn rename(&mut self, name: &str) -> String {
        for line in self.line.iter_mut().chain(&mut self.items) {
            line.entry.rename(name);
        }
        std::mem::replace(&mut self.place.name, name.to_owned())
    }
}

impl Contents {
    /// Reads lines. Blank lines are skipped. It blocks as its source does.
    ///
    /// # Errors
    ///
    /// [`ReadError::Line`] for the first line that is not valid, or repeats an object or the key of an
    /// item, and [`ReadError::Io`] if the source cannot be read.
    pub fn read(mut from: impl BufRead) -> Result<Self, ReadError> {
        let mut contents = Self::default();
        let mut places = HashMap::new();
        let (mut text, mut number) = (Vec::new(), 0);
        let (mut records, mut entries, mut end) = (0_u64, 0, None);
        let mut is_single = true;
        while from.read_until(b'\n', &mut text)? > 0 {
            number += 1;
            if !text.trim_ascii().is_empty() {
                is_single &= end.is_none();
                let record = Record::parse(&text).map_err(|error| error.at(number))?;
                match record {
                    Record::Heading(heading) => {
                        is_single &= records == 0;
                        contents.heading = Some(heading);
                    }
                    Record::End(found) => end = Some(found.lines),
                    Record::Entry(entry) => {
                        entries += 1;
                        let line = Line { number, entry };
                        let added = contents.add(line, &mut places);
                        added.map_err(|error| error.at(number))?;
                    }
                }
                records += 1;
            }
            text.clear();
        }
        for object in &contents.objects {
            object.check_keys()?;
        }
        contents.heading.take_if(|_| !is_single);
        contents.is_complete = contents.heading.is_some() && end == Some(entries);
        Ok(contents)
    }

    /// Fails if an object has no valid unique name, as an import into another Service needs it.
    ///
    /// # Errors
    ///
    /// [`ReadError::Line`] with the first line of the object.
    pub fn check_names(&self) -> Result<(), ReadError> {
        for object in &self.objects {
            if let Err(error) = UniqueName::new(&object.place.name) {
                let error = if object.place.is_sid() {
                    LineError::unnamed(&object.place)
                } else {
                    error.into()
                };
                return Err(error.at(object.lines().next().map_or(0, |line| line.number)));
            }
        }
        Ok(())
    }

    fn add(&mut self, mut line: Line, places: &mut HashMap<Place, usize>) -> Result<(), LineError> {
        let (kind, name) = (line.entry.kind, line.entry.name().unwrap_or_default());
        // Most lines belong to the same object as the previous one.
        let at = match self.objects.last() {
            Some(Object { place, .. }) if place.kind == kind.object() && place.name == name => {
                self.objects.len() - 1
            }
            _ => {
                let place = Place::new(kind, name);
                *places.entry(place.clone()).or_insert_with(|| {
                    self.objects.push(Object {
                        place,
                        line: None,
                        items: Vec::new(),
                    });
                    self.objects.len() - 1
                })
            }
        };
        let object = &mut self.objects[at];
        if let Some(data) = &line.entry.data {
            checked_object("data", MAX_DATA_SIZE, data.as_str().into())?;
        }
        if let Some(key) = &line.entry.key {
            ItemKey::new(key)?;
        }
        if kind.is_item() {
            object.items.push(line);
            return Ok(());
        }
        if let Some(first) = &object.line {
            return Err(LineError::repeated(&object.place, first.number));
        }
        line.entry.data.take_if(|_| kind != Kind::Document);
        object.line = Some(line);
        Ok(())
    }
}

impl Object {
    /// Fails if a Map has two items with the same key, since their order of writing is not defined.
    fn check_keys(&self) -> Result<(), ReadError> {
        if self.place.kind != Kind::Map {
            return Ok(());
        }
        let mut items: Vec<_> = self.items.iter().collect();
        items.sort_by_key(|line| (line.entry.key.as_deref(), line.number));
        for two in items.windows(2) {
            if let Some(key) = &two[1].entry.key
                && two[0].entry.key.as_ref() == Some(key)
            {
                let what = format!("key {key:?} of the {}", self.place);
                return Err(LineError::repeated(&what, two[0].number).at(two[1].number));
            }
        }
        Ok(())
    }
}
