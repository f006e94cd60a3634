//! The file `.env` of the current folder.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::ownership::{check_link, check_writers};
use crate::io::failure::{Failure, Result};
use crate::io::input::read_bounded;

/// In this folder, and not looked for in those above: who can write there is another matter.
const PATH: &str = "./.env";
/// Its name in messages.
pub(super) const NAME: &str = "the file .env here";

/// The variables of a file, by their names.
pub(super) type Variables = HashMap<String, String>;

/// Reads the file. A folder, such as that of a Python environment, or another thing that is no regular
/// file counts as none, and without a file there are no variables.
///
/// Fails if another user can have written it or put it there, and if it cannot be read.
pub(super) fn read() -> Result<Variables> {
    let path = Path::new(PATH);
    let unread = |error: io::Error| Failure::io(NAME, &error);
    let Some((link, file)) = open(path).map_err(unread)? else {
        return Ok(Variables::new());
    };
    check_link(path, &link)?;
    // The metadata of the open file: its path may lead to another file by now.
    check_writers(path, &file.metadata().map_err(unread)?)?;
    let text = read_bounded(file).map_err(unread)?;
    let text = without_substitution(&text);
    let variables = dotenvy::from_read_iter(text.as_bytes());
    let restored = |variable: Result<(String, String), dotenvy::Error>| {
        let (name, value) = variable.map_err(unusable)?;
        Ok((name, value.replace(DOLLAR, "$")))
    };
    variables.map(restored).collect()
}

/// Opens the file, if it is a regular one, with the metadata of the path itself, which may be a symbolic
/// link.
fn open(path: &Path) -> io::Result<Option<(fs::Metadata, File)>> {
    let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let found = fs::symlink_metadata(path).and_then(|link| Ok((link, fs::metadata(path)?)));
    let link = match found {
        Ok((link, target)) if target.is_file() => link,
        Ok(_) => return Ok(None),
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags(&link));
    match options.open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some((link, file))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The flags to open what had this metadata, for it may be replaced meanwhile: a FIFO must not block, and a
/// link whose owner was not checked must not be followed.
#[cfg(unix)]
fn flags(link: &fs::Metadata) -> i32 {
    use rustix::fs::OFlags;
    let mut flags = OFlags::NONBLOCK;
    flags.set(OFlags::NOFOLLOW, !link.is_symlink());
    flags.bits().cast_signed()
}

/// Stands for a dollar sign while the file is parsed: no value of a variable can have this character.
const DOLLAR: char = '\0';

/// A file with its dollar signs hidden, for a value that has one must not be expanded into the value of
/// another variable.
fn without_substitution(text: &str) -> String {
    let mut is_escaped = false;
    let hidden = text.chars().map(|letter| {
        let hides = letter == '$' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        if hides { DOLLAR } else { letter }
    });
    hidden.collect()
}

/// Returns the failure for a file that cannot be used. What is in its lines, which may be a secret, is not
/// shown.
#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn unusable(error: dotenvy::Error) -> Failure {
    if let dotenvy::Error::Io(error) = &error {
        return Failure::io(NAME, error);
    }
    Failure::usage(format!("{NAME} has a line that cannot be read"))
        .hint("each of its lines is NAME=value, with quotes around a value that has blanks")
}
