//! The contents of an export: objects with their permissions and items.

use std::collections::HashMap;
use std::io::BufRead;

use super::lines::LineReader;
use super::{End, Entry, Heading, Kind, Place, Record};
use crate::error::{LineError, ReadError};
use crate::value::{InputError, MAX_DATA_SIZE, UniqueName, checked_object};

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
    /// The first line, with the settings of the Service; `None` if there is none, or it is not the first
    /// one or one of several.
    pub heading: Option<Heading>,
    /// The last line, with the counts of what the export leaves out; `None` if there is none, or the heading
    /// is.
    pub end: Option<End>,
    /// `true` if it is one export with heading, end and all lines between them.
    pub is_complete: bool,
    /// The objects, in the order of their first lines.
    pub objects: Vec<Object>,
    /// The number of lines of items and permissions that were left out since no path can carry their key
    /// or identity: only another client can make `.` and `..`.
    pub unaddressable: u64,
}

/// An object in an export, with its permissions and items.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Object {
    /// The object.
    pub place: Place,
    /// Its line; `None` if there are only lines of its permissions and items.
    pub line: Option<Line>,
    /// The lines of its permissions, in order.
    pub permissions: Vec<Line>,
    /// The lines of its items, in order.
    pub items: Vec<Line>,
}

/// A line of an object, item or permission, with its number, from 1.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// The number, from 1.
    pub number: u64,
    /// The object, item or permission.
    pub entry: Entry,
}

impl Object {
    /// All its lines.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.line.iter().chain(&self.permissions).chain(&self.items)
    }

    /// All its lines.
    fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        let line = self.line.iter_mut().chain(&mut self.permissions);
        line.chain(&mut self.items)
    }

    /// Returns `true` if an import can make it in any Service: it has a unique name that a path can carry.
    #[must_use]
    pub fn is_named(&self) -> bool {
        UniqueName::new(&self.place.name).is_ok()
    }

    /// Returns `true` if the object has expired by the clock of this machine.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.entry.has_expired())
    }

    /// Gives it another unique name or SID, in all its lines. Returns the one that it had.
    pub fn rename(&mut self, name: &str) -> String {
        for line in self.lines_mut() {
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
    /// [`ReadError::Line`] for the first line that is not valid, or repeats an object, the key of an item
    /// or the identity of a permission, or is longer than [`MAX_LINE_SIZE`](super::MAX_LINE_SIZE), and
    /// [`ReadError::Io`] if the source cannot be read.
    pub fn read(from: impl BufRead) -> Result<Self, ReadError> {
        let mut contents = Self::default();
        let mut places = HashMap::new();
        let (mut records, mut entries) = (0_u64, 0);
        let mut is_single = true;
        let mut lines = LineReader::new(from);
        while let Some(line) = lines.read()? {
            let number = line.number;
            if !line.text.trim_ascii().is_empty() {
                is_single &= contents.end.is_none();
                let record = Record::parse(line.text).map_err(|error| error.at(number))?;
                match record {
                    Record::Heading(heading) => {
                        is_single &= records == 0;
                        contents.heading = Some(heading);
                    }
                    Record::End(end) => contents.end = Some(end),
                    Record::Entry(entry) => {
                        entries += 1;
                        let line = Line { number, entry };
                        let added = contents.add(line, &mut places);
                        added.map_err(|error| error.at(number))?;
                    }
                }
                records += 1;
            }
        }
        for object in &contents.objects {
            object.check_keys()?;
        }
        contents.heading.take_if(|_| !is_single);
        contents.end.take_if(|_| contents.heading.is_none());
        contents.is_complete = contents.end.is_some_and(|end| end.lines == entries);
        Ok(contents)
    }

    /// Takes out the objects without a unique name, or with one that only another client can make: they
    /// cannot be made in another Service. Their number.
    ///
    /// # Errors
    ///
    /// [`ReadError::Line`] with the first line of an object that has no other object beside it.
    pub fn take_unnamed(&mut self) -> Result<u64, ReadError> {
        if let [object] = &*self.objects
            && !object.is_named()
        {
            let number = object.lines().next().map_or(0, |line| line.number);
            return Err(LineError::unnamed(&object.place).at(number));
        }
        let before = self.objects.len();
        self.objects.retain(Object::is_named);
        Ok((before - self.objects.len()) as u64)
    }

    /// Takes out all permissions, so that they are neither compared nor written.
    pub fn remove_permissions(&mut self) {
        for object in &mut self.objects {
            object.permissions.clear();
        }
        // An object without any other line is not created.
        self.objects
            .retain(|object| object.lines().next().is_some());
        if let Some(heading) = &mut self.heading {
            heading.permissions = false;
        }
    }

    fn add(&mut self, mut line: Line, places: &mut HashMap<Place, usize>) -> Result<(), LineError> {
        let (kind, name) = (line.entry.kind, line.entry.name().unwrap_or_default());
        check_name(name)?;
        match line.entry.check_path() {
            Err(InputError::DotSegment { .. }) => {
                self.unaddressable += 1;
                return Ok(());
            }
            checked => checked?,
        }
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
                        permissions: Vec::new(),
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
        if kind.is_item() {
            object.items.push(line);
            return Ok(());
        }
        if kind.is_permission() {
            object.permissions.push(line);
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

/// Fails for a name that no object has: other clients can make some that this one cannot use.
fn check_name(name: &str) -> Result<(), LineError> {
    match UniqueName::new(name) {
        Ok(_) | Err(InputError::DotSegment { .. } | InputError::SidShaped { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Object {
    /// Fails if two items of a Map have the same key, or two permissions the same identity, since the order
    /// of writing is not defined.
    fn check_keys(&self) -> Result<(), ReadError> {
        let items = (self.place.kind == Kind::Map).then_some(&self.items);
        for lines in items.into_iter().chain([&self.permissions]) {
            let mut lines: Vec<_> = lines.iter().collect();
            lines.sort_by_key(|line| (line.entry.key_or_identity(), line.number));
            for two in lines.windows(2) {
                let [one, other] = [two[0], two[1]].map(|line| line.entry.key_or_identity());
                if let Some(key) = other.filter(|_| one == other) {
                    let is_permission = two[1].entry.kind.is_permission();
                    let what = if is_permission { "identity" } else { "key" };
                    let what = format!("{what} {key:?} of the {}", self.place);
                    return Err(LineError::repeated(&what, two[0].number).at(two[1].number));
                }
            }
        }
        Ok(())
    }
}
