//! Where an export goes: a file of its own, which takes its name when it is whole, and which a broken
//! export can be resumed from until then.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::Place;
use super::entry::{Counts, Entry, Kind};
use super::files::{beside, open_locked, private};
use super::heading::{Heading, Record};
use super::lines::{BUFFER, Reader};
use crate::failure::{Failure, Result};

/// What to do about a part that cannot be gone on with.
const HINT: &str = "--force begins anew";

/// What to do with files that are there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IfThere {
    /// Go on with what was broken off.
    pub(crate) resume: bool,
    /// Replace the file itself, and begin anew unless that is gone on with.
    pub(crate) force: bool,
}

/// What an export has so far.
#[derive(Debug, Default)]
pub(crate) struct Had {
    objects: HashSet<Place>,
    /// The object that comes last. All before it are complete.
    pub(crate) last: Option<Last>,
    pub(crate) counts: Counts,
    /// Whether it has its heading.
    pub(crate) is_begun: bool,
}

/// The last object of an export that was broken off.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) place: Place,
    /// The index of its last item.
    pub(crate) index: Option<i64>,
    /// The key of its last item.
    pub(crate) key: Option<String>,
}

impl From<Place> for Last {
    fn from(place: Place) -> Self {
        Self {
            place,
            index: None,
            key: None,
        }
    }
}

impl Had {
    pub(crate) fn contains(&self, place: &Place) -> bool {
        self.objects.contains(place)
    }

    /// Takes a line; why not, if it cannot follow on those before.
    fn take(&mut self, entry: Entry<'_>) -> Result<(), String> {
        let Some(place) = entry.place() else {
            return Err("it has no name".to_owned());
        };
        self.counts.add(entry.kind, 1);
        if !entry.kind.is_item() {
            self.objects.insert(place.clone());
            self.last = Some(place.into());
            return Ok(());
        }
        match &mut self.last {
            Some(last) if last.place == place => {
                if entry.kind == Kind::ListItem && entry.index.is_none() {
                    return Err("it has no `index`".to_owned());
                }
                last.index = entry.index;
                last.key = entry.key.map(String::from);
                Ok(())
            }
            _ => Err("it does not follow on its List or Map".to_owned()),
        }
    }
}

/// A file that an export is written to.
#[derive(Debug)]
pub(crate) struct ExportFile {
    to: BufWriter<File>,
    /// What it is to be.
    path: PathBuf,
    /// What it is until then; none of what is no regular file, such as a pipe.
    part: Option<PathBuf>,
}

impl Write for ExportFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl ExportFile {
    /// A file, with what it has already.
    pub(crate) fn open(path: &Path, if_there: IfThere, heading: &Heading) -> Result<(Self, Had)> {
        let found = fs::metadata(path);
        if found.as_ref().is_ok_and(|file| !file.is_file()) {
            let file = File::options().write(true).open(path);
            let file = file.map_err(|error| Failure::io(path.display(), &error))?;
            return Ok((Self::new(file, path.to_owned(), None), Had::default()));
        }
        // What is empty is as good as nothing.
        if found.is_ok_and(|file| file.len() > 0) && !if_there.force {
            return Err(
                Failure::usage(format!("{} is there already", path.display()))
                    .hint("--force replaces it, at the end of the export"),
            );
        }
        // What a link leads to is replaced, and not the link.
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path).ok(),
            _ => None,
        }
        .unwrap_or_else(|| path.to_owned());
        let part = beside(&path, ".part");
        let failed = |error: io::Error| Failure::io(part.display(), &error);
        let locked = |options: &OpenOptions| {
            open_locked(&part, options).map_err(failed)?.ok_or_else(|| {
                Failure::usage(format!("an export to {} is running", path.display()))
                    .hint("wait for its end, or export to another file")
            })
        };
        if fs::symlink_metadata(&part).is_ok() {
            let mut file = locked(&private())?;
            if if_there.resume {
                let had = read(&part, &mut file, heading)?;
                // Whoever made it.
                #[cfg(unix)]
                file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
                    .map_err(failed)?;
                return Ok((Self::new(file, path, Some(part)), had));
            }
            if !if_there.force && !file.metadata().is_ok_and(|file| file.len() == 0) {
                return Err(Failure::usage(format!(
                    "an export to {} was broken off: {} is there already",
                    path.display(),
                    part.display()
                ))
                .hint("--resume goes on with it; --force begins anew"));
            }
            // A new one, which nobody else has open.
            fs::remove_file(&part).map_err(failed)?;
        }
        let file = locked(private().create_new(true))?;
        Ok((Self::new(file, path, Some(part)), Had::default()))
    }

    fn new(file: File, path: PathBuf, part: Option<PathBuf>) -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER, file),
            path,
            part,
        }
    }

    /// Gives it its name: it is whole.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.to
            .flush()
            .and_then(|()| match &self.part {
                Some(part) => {
                    self.to.get_ref().sync_all()?;
                    fs::rename(part, &self.path)
                }
                None => Ok(()),
            })
            .map_err(|error| Failure::io(self.path.display(), &error))
    }

    /// Leaves what there is to be gone on with: where it is. If that is nothing it is removed.
    pub(crate) fn leave(self, is_empty: bool) -> Option<PathBuf> {
        let part = self.part?;
        if is_empty {
            // If it stays, it is in nobody's way.
            let _ = fs::remove_file(part);
            return None;
        }
        Some(part)
    }
}

/// Reads what a part has, and cuts off a line that is not complete.
fn read(path: &Path, file: &mut File, heading: &Heading) -> Result<Had> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let mut had = Had::default();
    let mut complete = 0;
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, &mut *file));
    while let Some(line) = reader.next().map_err(failed)? {
        if !line.is_complete() {
            break;
        }
        let title = || format!("{}, line {}", path.display(), line.number);
        let record = Record::parse(line.text).map_err(|why| why.failure(title(), HINT))?;
        let wrong = |why: &str| {
            Failure::usage(format!("{}, is not of this export: {why}", title())).hint(HINT)
        };
        match record {
            Record::Heading(found) if found == *heading && !had.is_begun => had.is_begun = true,
            Record::Heading(found) => {
                return Err(wrong(&format!(
                    "it is of {found}, and this is of {heading}"
                )));
            }
            _ if !had.is_begun => return Err(wrong("it has no heading")),
            Record::Entry(entry) => had.take(entry).map_err(|why| wrong(&why))?,
            // It only lacks its name; what came since then is taken along.
            Record::End(_) => break,
        }
        complete = line.end;
    }
    drop(reader);
    file.set_len(complete)
        .and_then(|()| file.seek(SeekFrom::Start(complete)))
        .map_err(failed)?;
    Ok(had)
}
