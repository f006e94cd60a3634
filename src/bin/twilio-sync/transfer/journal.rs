//! How far an import is, in a file beside the one it reads.
//!
//! Writing a Document or a Map's item again is harmless. Adding to a List is not, and whether the
//! last item was added nobody knows after a crash. So the journal has the last index of each List
//! before the first item was added: what comes after it was added by the import, and can be counted.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Target;
use super::entry::ObjectKind;
use crate::failure::{Failure, Result};

/// What to do with a journal that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IfUnfinished {
    Refuse,
    Resume,
    Restart,
}

/// The first line: what the import is of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Heading {
    /// The Service's SID.
    service: String,
    /// The kind and name of the one object, if it is named on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<(String, String)>,
}

/// Each further line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// Items will be added to a List.
    Begin {
        list: String,
        mark: Mark,
    },
    /// A List or Map is complete.
    List(String),
    Map(String),
}

/// Where in a List its items begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The List's SID: another of its name begins anew.
    pub(crate) sid: String,
    /// The last index it had; none if it was empty.
    pub(crate) last_index: Option<i64>,
}

/// The journal of an import.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    marks: HashMap<String, Mark>,
    complete: HashSet<(ObjectKind, String)>,
}

impl Journal {
    /// The journal of an import of a file into a Service.
    pub(crate) fn open(
        of: &Path,
        if_unfinished: IfUnfinished,
        service: String,
        target: Option<&Target>,
    ) -> Result<Self> {
        let mut name = of.as_os_str().to_owned();
        name.push(".import");
        let path = PathBuf::from(name);
        let failed = |error: io::Error| Failure::io(path.display(), &error);
        let heading = Heading {
            service,
            object: target.map(|target| (target.kind.word().to_owned(), target.name.clone())),
        };
        // It may have been done: its Lists would be added to once more.
        if matches!(if_unfinished, IfUnfinished::Resume) && !path.exists() {
            return Err(Failure::usage(format!(
                "no import of {} was broken off: there is no {}",
                of.display(),
                path.display()
            ))
            .hint("without --resume it is imported, once more if it was before"));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // The names in it are those of customers.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        let mut journal = Self {
            file,
            marks: HashMap::new(),
            complete: HashSet::new(),
            path: path.clone(),
        };
        let is_begun = match if_unfinished {
            IfUnfinished::Restart => false,
            IfUnfinished::Refuse | IfUnfinished::Resume => {
                let found = journal.read()?;
                // Nothing that would matter was done: this is as good as the first time.
                let found = found.filter(|_| !journal.is_blank());
                if let Some(found) = &found
                    && matches!(if_unfinished, IfUnfinished::Refuse)
                {
                    return Err(unfinished(of, &path, found));
                }
                if let Some(found) = &found
                    && *found != heading
                {
                    return Err(Failure::usage(format!(
                        "the import of {} that was broken off was {}, and this one is {}",
                        of.display(),
                        found.destination(),
                        heading.destination()
                    ))
                    .hint(
                        "go on with the same settings and arguments, or begin anew with --restart",
                    ));
                }
                found.is_some()
            }
        };
        if !is_begun {
            journal
                .file
                .set_len(0)
                .and_then(|()| journal.file.rewind())
                .map_err(failed)?;
            journal.note(&heading)?;
        }
        Ok(journal)
    }

    /// Reads it up to the last line that is complete, and cuts off the rest.
    fn read(&mut self) -> Result<Option<Heading>> {
        let path = self.path.clone();
        let failed = |error: io::Error| Failure::io(path.display(), &error);
        let wrong = |error: serde_json::Error| {
            Failure::usage(format!(
                "{} is no journal of an import: {error}",
                path.display()
            ))
            .hint("--restart begins the import anew")
        };
        let mut heading = None;
        let (mut line, mut complete) = (Vec::new(), 0_u64);
        let mut reader = BufReader::new(&mut self.file);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            complete += length as u64;
            if heading.is_none() {
                heading = Some(serde_json::from_slice(&line).map_err(wrong)?);
                continue;
            }
            match serde_json::from_slice(&line).map_err(wrong)? {
                Step::Begin { list, mark } => {
                    // Another List of the name, if there was one, is gone.
                    self.marks.insert(list, mark);
                }
                Step::List(name) => {
                    self.complete.insert((ObjectKind::List, name));
                }
                Step::Map(name) => {
                    self.complete.insert((ObjectKind::Map, name));
                }
            }
        }
        drop(reader);
        self.file
            .set_len(complete)
            .and_then(|()| self.file.seek(SeekFrom::Start(complete)))
            .map_err(failed)?;
        Ok(heading)
    }

    /// Adds a line, which is on disk when this is done.
    fn note(&mut self, step: &impl Serialize) -> Result<()> {
        let failed = |error: io::Error| Failure::io(self.path.display(), &error);
        let mut line = serde_json::to_vec(step).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .map_err(failed)
    }

    fn is_blank(&self) -> bool {
        self.marks.is_empty() && self.complete.is_empty()
    }

    /// Where the import's items begin in a List, if it has begun.
    pub(crate) fn mark(&self, list: &str, sid: &str) -> Option<&Mark> {
        self.marks.get(list).filter(|mark| mark.sid == sid)
    }

    pub(crate) fn is_complete(&self, kind: ObjectKind, name: &str) -> bool {
        self.complete.contains(&(kind, name.to_owned()))
    }

    /// Notes that items will be added to a List.
    pub(crate) fn begin(&mut self, list: &str, mark: Mark) -> Result<()> {
        self.note(&Step::Begin {
            list: list.to_owned(),
            mark,
        })
    }

    /// Notes that a List or Map is complete.
    pub(crate) fn complete(&mut self, kind: ObjectKind, name: &str) -> Result<()> {
        match kind {
            ObjectKind::List => self.note(&Step::List(name.to_owned())),
            ObjectKind::Map => self.note(&Step::Map(name.to_owned())),
            // Each is a single write.
            ObjectKind::Document | ObjectKind::Stream => Ok(()),
        }
    }

    /// Removes it: the import is done.
    pub(crate) fn remove(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(|error| Failure::io(self.path.display(), &error))
    }
}

impl Heading {
    fn destination(&self) -> String {
        match &self.object {
            Some((kind, name)) => format!(
                "into the {kind} \"{}\" of the Service {}",
                crate::output::visible(name),
                self.service
            ),
            None => format!("into the Service {}", self.service),
        }
    }
}

fn unfinished(of: &Path, journal: &Path, heading: &Heading) -> Failure {
    Failure::usage(format!(
        "an import of {} {} was broken off; {} has how far it came",
        of.display(),
        heading.destination(),
        journal.display()
    ))
    .hint("--resume goes on with it; --restart begins anew, and adds to Lists once more")
}
