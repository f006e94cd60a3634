//! The journal of an import: its progress, in a file beside the one it reads.
//!
//! Writing a Document or a Map's item again is harmless. Adding to a List is not, and after a crash it is
//! not known whether the last item was added. So the journal holds the last index of each List before the
//! import: items after it were added by the import, and can be counted. Of a Map it holds how many of its
//! first items in the file are written.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twilio_sync::error::ReadError;
use twilio_sync::export::{Kind, LineReader, Place};

use super::contents::Fingerprint;
use super::files::{open_locked, private, with_suffix};
use super::word;
use crate::io::failure::{Exit, Failure, Result};

/// The option that says what is done if there is a journal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IfUnfinished {
    Refuse,
    Resume,
    Restart,
}

/// The first line: source and destination of the import.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    /// The SID of the Service.
    service: String,
    /// The file that is imported.
    file: Fingerprint,
    /// The kind and name of the object, if one is given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<(String, String)>,
}

/// The beginning of a heading, to recognise a journal with an incomplete one.
const BEGINNING: &[u8] = br#"{"service":""#;

/// Each further line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// Items are going to be added to a List.
    Begin { list: String, mark: Mark },
    /// The first items of a Map are written.
    Written { map: String, part: Part },
    /// A List or Map is complete.
    Complete { kind: Kind, name: String },
}

/// The position in a List where the import begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The SID of the List, since another one may get its name.
    pub(crate) sid: String,
    /// Its last index before the import; none if it was empty.
    pub(crate) last_index: Option<i64>,
}

/// The part of a Map that is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The SID of the Map, since another one may get its name.
    pub(crate) sid: String,
    /// The number of its first items in the file.
    pub(crate) items: usize,
}

/// The journal of an import.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    marks: HashMap<String, Mark>,
    parts: HashMap<String, Part>,
    complete: HashSet<Place>,
}

impl Journal {
    /// Opens the journal of an import of a file into a Service.
    pub(crate) fn open(
        of: &Path,
        fingerprint: Fingerprint,
        if_unfinished: IfUnfinished,
        service: String,
        target: Option<&Place>,
    ) -> Result<Self> {
        let path = with_suffix(of, ".import");
        let failed = |error: io::Error| Failure::io(path.display(), &error);
        let heading = Heading {
            service,
            file: fingerprint,
            object: target.map(|target| (word(target.kind).to_owned(), target.name.clone())),
        };
        // The import may be complete: it would add to the Lists once more.
        if matches!(if_unfinished, IfUnfinished::Resume) && !path.exists() {
            return Err(Failure::usage(format!(
                "no import of {} was interrupted: there is no {}",
                of.display(),
                path.display()
            ))
            .hint("without --resume it is imported, once more if it was before"));
        }
        let opened = open_locked(&path, private().create(true)).map_err(|error| {
            failed(error).hint("from standard input no such file is needed: `import < FILE`")
        })?;
        let Some(file) = opened else {
            return Err(Failure::new(
                Exit::Failure,
                format!("an import of {} is running", of.display()),
            )
            .hint("wait for its end"));
        };
        let mut journal = Self {
            file,
            marks: HashMap::new(),
            parts: HashMap::new(),
            complete: HashSet::new(),
            path: path.clone(),
        };
        // Another file in its place is never changed.
        let (found, complete) = journal.read()?;
        // Without steps, there is nothing to resume.
        let found = found.filter(|_| !journal.is_blank());
        match (found, if_unfinished) {
            (Some(found), IfUnfinished::Refuse) => return Err(unfinished(of, &path, &found)),
            (Some(found), IfUnfinished::Resume) => {
                check_same(of, &found, &heading)?;
                journal.truncate(complete)?;
            }
            _ => {
                journal.marks.clear();
                journal.parts.clear();
                journal.complete.clear();
                journal.truncate(0)?;
                journal.append(&heading)?;
            }
        }
        Ok(journal)
    }

    /// Reads it up to the last complete line, and returns the offset of its end.
    fn read(&mut self) -> Result<(Option<Heading>, u64)> {
        let path = &self.path;
        let wrong = |why: &str| {
            Failure::usage(format!(
                "{} is no journal of an import: {why}",
                path.display()
            ))
            .hint("an import keeps its journal there: move it away")
        };
        let (mut heading, mut complete) = (None, 0);
        let mut reader = LineReader::new(BufReader::new(&self.file));
        let unread = |error: ReadError| match error {
            ReadError::Io(error) => Failure::io(path.display(), &error),
            error => wrong(&error.to_string()),
        };
        while let Some(line) = reader.read().map_err(unread)? {
            if !line.is_complete() {
                if heading.is_none()
                    && !line.text.starts_with(BEGINNING)
                    && !BEGINNING.starts_with(line.text)
                {
                    return Err(wrong("it has no heading"));
                }
                break;
            }
            complete = line.end;
            if heading.is_none() {
                let found = serde_json::from_slice(line.text);
                heading = Some(found.map_err(|error| wrong(&error.to_string()))?);
                continue;
            }
            match serde_json::from_slice(line.text).map_err(|error| wrong(&error.to_string()))? {
                Step::Begin { list, mark } => {
                    // The List replaces an earlier one with the same name.
                    self.marks.insert(list, mark);
                }
                Step::Written { map, part } => {
                    self.parts.insert(map, part);
                }
                Step::Complete { kind, name } => {
                    self.complete.insert(Place::new(kind, name));
                }
            }
        }
        Ok((heading, complete))
    }

    /// Cuts off everything after an offset.
    fn truncate(&mut self, length: u64) -> Result<()> {
        self.file
            .set_len(length)
            .and_then(|()| self.file.seek(SeekFrom::Start(length)))
            .map(drop)
            .map_err(|error| Failure::io(self.path.display(), &error))
    }

    /// Appends a line and waits until it is on disk.
    fn append(&mut self, step: &impl Serialize) -> Result<()> {
        self.write(step)?;
        let synced = self.file.sync_data();
        synced.map_err(|error| Failure::io(self.path.display(), &error))
    }

    /// Appends a line, which a crash of the machine may lose.
    fn write(&mut self, step: &impl Serialize) -> Result<()> {
        let failed = |error: io::Error| Failure::io(self.path.display(), &error);
        let mut line = serde_json::to_vec(step).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)
    }

    fn is_blank(&self) -> bool {
        self.marks.is_empty() && self.parts.is_empty() && self.complete.is_empty()
    }

    /// The position in a List where the import began, if it has.
    pub(crate) fn mark(&self, list: &str, sid: &str) -> Option<&Mark> {
        self.marks.get(list).filter(|mark| mark.sid == sid)
    }

    /// The number of the first items of a Map that are written.
    pub(crate) fn written(&self, map: &str, sid: &str) -> usize {
        let part = self.parts.get(map).filter(|part| part.sid == sid);
        part.map_or(0, |part| part.items)
    }

    pub(crate) fn is_complete(&self, place: &Place) -> bool {
        self.complete.contains(place)
    }

    /// Records that items are going to be added to a List.
    pub(crate) fn begin(&mut self, list: &str, mark: Mark) -> Result<()> {
        self.append(&Step::Begin {
            list: list.to_owned(),
            mark,
        })
    }

    /// Records that the first items of a Map are written. Those that it does not have are written again.
    pub(crate) fn write_part(&mut self, map: &str, part: Part) -> Result<()> {
        self.write(&Step::Written {
            map: map.to_owned(),
            part,
        })
    }

    /// Records that a List or Map is complete.
    pub(crate) fn complete(&mut self, place: Place) -> Result<()> {
        self.append(&Step::Complete {
            kind: place.kind,
            name: place.name,
        })
    }

    /// Removes it, after the import.
    pub(crate) fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| Failure::io(self.path.display(), &error))
    }
}

impl Heading {
    fn destination(&self) -> String {
        match &self.object {
            Some((kind, name)) => format!(
                "into the {kind} \"{}\" of the Service {}",
                crate::io::output::visible(name),
                self.service
            ),
            None => format!("into the Service {}", self.service),
        }
    }
}

/// Fails if the journal belongs to another import, or the file was changed.
fn check_same(of: &Path, found: &Heading, heading: &Heading) -> Result<()> {
    if (&found.service, &found.object) != (&heading.service, &heading.object) {
        return Err(Failure::usage(format!(
            "the import of {} that was interrupted was {}, and this one is {}",
            of.display(),
            found.destination(),
            heading.destination()
        ))
        .hint("continue with the same settings and arguments, or start again with --restart"));
    }
    if found.file != heading.file {
        return Err(Failure::usage(format!(
            "{} was changed since its import was interrupted",
            of.display()
        ))
        .hint("restore it, or start again with --restart, which adds to Lists once more"));
    }
    Ok(())
}

fn unfinished(of: &Path, journal: &Path, heading: &Heading) -> Failure {
    Failure::usage(format!(
        "an import of {} {} was interrupted; {} is its journal",
        of.display(),
        heading.destination(),
        journal.display()
    ))
    .hint("--resume continues it; --restart starts again, and adds to Lists once more")
}
