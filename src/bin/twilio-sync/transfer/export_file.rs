//! The file of an export. Until it is complete it has a temporary name, and the export can be resumed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use twilio_sync::error::ReadError;
use twilio_sync::export::{Heading, LineReader, PartialExport, RawLine, Record};

use super::files::{open_locked, private, with_suffix};
use super::lines::BUFFER;
use super::{invalid_line, scope, unread};
use crate::io::failure::{Failure, Result};

/// The hint for a partial file that cannot be resumed.
const HINT: &str = "--force starts again";

/// The options that say what is done if the file exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IfExists {
    /// Resume a partial export.
    pub(crate) resume: bool,
    /// Replace the file, and discard a partial export unless it is resumed.
    pub(crate) force: bool,
}

/// A file that an export is written to.
#[derive(Debug)]
pub(crate) struct ExportFile {
    to: BufWriter<File>,
    /// Its final path.
    path: PathBuf,
    /// Its path until it is complete; none unless it is a regular file.
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
    /// Opens a file, with what it contains.
    pub(crate) fn open(
        path: &Path,
        if_exists: IfExists,
        heading: &Heading,
    ) -> Result<(Self, PartialExport)> {
        let found = fs::metadata(path);
        if found.as_ref().is_ok_and(|file| !file.is_file()) {
            let file = File::options().write(true).open(path);
            let file = file.map_err(|error| Failure::io(path.display(), &error))?;
            return Ok((
                Self::new(file, path.to_owned(), None),
                PartialExport::default(),
            ));
        }
        // An empty file may be replaced.
        if found.is_ok_and(|file| file.len() > 0) && !if_exists.force {
            return Err(
                Failure::usage(format!("{} is there already", path.display()))
                    .hint("--force replaces it, at the end of the export"),
            );
        }
        // The target of a link is replaced, not the link.
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path).ok(),
            _ => None,
        }
        .unwrap_or_else(|| path.to_owned());
        let part = with_suffix(&path, ".part");
        let failed = |error: io::Error| Failure::io(part.display(), &error);
        let locked = |options: &OpenOptions| {
            open_locked(&part, options).map_err(failed)?.ok_or_else(|| {
                Failure::usage(format!("an export to {} is running", path.display()))
                    .hint("wait for its end, or export to another file")
            })
        };
        if fs::symlink_metadata(&part).is_ok() {
            let mut file = locked(&private())?;
            if if_exists.resume {
                let written = read(&part, &mut file, heading)?;
                // It may have been created by another program.
                #[cfg(unix)]
                file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
                    .map_err(failed)?;
                return Ok((Self::new(file, path, Some(part)), written));
            }
            if !if_exists.force && !file.metadata().is_ok_and(|file| file.len() == 0) {
                return Err(Failure::usage(format!(
                    "an export to {} was interrupted: {} is there already",
                    path.display(),
                    part.display()
                ))
                .hint("--resume continues it; --force starts again"));
            }
            // A new file, which no other process has open.
            fs::remove_file(&part).map_err(failed)?;
        }
        let file = locked(private().create_new(true))?;
        Ok((Self::new(file, path, Some(part)), PartialExport::default()))
    }

    fn new(file: File, path: PathBuf, part: Option<PathBuf>) -> Self {
        Self {
            to: BufWriter::with_capacity(BUFFER, file),
            path,
            part,
        }
    }

    /// Renames it to its final path.
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

    /// Keeps the partial file and returns its path, or removes it if it is empty.
    pub(crate) fn keep(self, is_empty: bool) -> Option<PathBuf> {
        let part = self.part?;
        if is_empty {
            // If that fails, an empty file stays, which does no harm.
            let _ = fs::remove_file(part);
            return None;
        }
        Some(part)
    }
}

/// Reads a partial file, and cuts off an incomplete line.
fn read(path: &Path, file: &mut File, heading: &Heading) -> Result<PartialExport> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let (mut written, mut has_heading) = (PartialExport::default(), false);
    let mut complete = 0;
    let mut reader = LineReader::new(BufReader::with_capacity(BUFFER, &mut *file));
    let unread = |error: ReadError| unread(&path.display().to_string(), &error, HINT);
    while let Some(line) = reader.read().map_err(unread)?.filter(RawLine::is_complete) {
        let title = || format!("{}, line {}", path.display(), line.number);
        let record =
            Record::parse(line.text).map_err(|error| invalid_line(&error, title(), HINT))?;
        let wrong = |why: &str| {
            Failure::usage(format!("{}, is not of this export: {why}", title())).hint(HINT)
        };
        match record {
            Record::Heading(found) if found.is_same_export(heading) && !has_heading => {
                has_heading = true;
                written.add_heading();
            }
            Record::Heading(found) => {
                return Err(wrong(&format!(
                    "it is of {}, and this is of {}",
                    scope(&found),
                    scope(heading)
                )));
            }
            _ if !has_heading => return Err(wrong("it has no heading")),
            Record::Entry(entry) => written.add(entry).map_err(|why| wrong(&why.to_string()))?,
            // Complete, but not renamed: new objects are added.
            Record::End(_) => break,
            _ => return Err(wrong("it is of no known kind")),
        }
        complete = line.end;
    }
    drop(reader);
    file.set_len(complete)
        .and_then(|()| file.seek(SeekFrom::Start(complete)))
        .map_err(failed)?;
    Ok(written)
}
