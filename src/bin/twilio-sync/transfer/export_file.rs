//! Where an export goes: a file of its own, which a broken export can be resumed from.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::Target;
use super::entry::{Counts, Entry, Kind, ObjectKind};
use crate::failure::{Failure, Result};

/// How much is written at a time.
const BUFFER: usize = 128 * 1024;

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IfThere {
    Refuse,
    Resume,
    Overwrite,
}

/// What an export has so far.
#[derive(Debug, Default)]
pub(crate) struct Had {
    objects: HashSet<(ObjectKind, String)>,
    /// The object that comes last. All before it are complete.
    pub(crate) last: Option<Last>,
    pub(crate) counts: Counts,
}

/// The last object of an export that was broken off.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) kind: ObjectKind,
    /// Its unique name, or its SID if it has none.
    pub(crate) name: String,
    /// The index of its last item.
    pub(crate) index: Option<i64>,
    /// The key of its last item.
    pub(crate) key: Option<String>,
}

impl Had {
    pub(crate) fn contains(&self, kind: ObjectKind, name: &str) -> bool {
        // Without an export to resume it is empty, and no name is copied.
        !self.objects.is_empty() && self.objects.contains(&(kind, name.to_owned()))
    }

    /// Takes a line; why not, if it cannot follow on those before.
    fn take(&mut self, entry: Entry<'_>, target: Option<&Target>) -> Result<(), String> {
        let kind = entry.kind.object();
        let Some(name) = entry.name().map(str::to_owned) else {
            return Err("it has no name".to_owned());
        };
        if let Some(target) = target
            && (target.kind != kind || (target.name != name && !target.is_sid()))
        {
            return Err(format!("it is not of the {target}"));
        }
        self.counts.add(entry.kind, 1);
        if !entry.kind.is_item() {
            self.objects.insert((kind, name.clone()));
            self.last = Some(Last {
                kind,
                name,
                index: None,
                key: None,
            });
            return Ok(());
        }
        match &mut self.last {
            Some(last) if last.kind == kind && last.name == name => {
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

/// Where the lines go, and what is there already.
pub(crate) fn open(
    path: &Path,
    if_there: IfThere,
    target: Option<&Target>,
) -> Result<(BufWriter<File>, Had)> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    // What is empty is as good as nothing, and what is no file is written to.
    let has_lines = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    // It holds the data of customers.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match if_there {
        IfThere::Refuse if has_lines => {
            return Err(
                Failure::usage(format!("{} is there already", path.display())).hint(
                    "--resume goes on with an export that was broken off; --force overwrites it",
                ),
            );
        }
        IfThere::Resume if has_lines => {
            options.read(true);
        }
        _ => {
            options.truncate(true);
        }
    }
    let mut file = options.open(path).map_err(failed)?;
    let mut had = Had::default();
    if has_lines && matches!(if_there, IfThere::Resume) {
        had = read(path, &mut file, target)?;
    }
    Ok((BufWriter::with_capacity(BUFFER, file), had))
}

/// Reads what a file has, and cuts off a line that is not complete.
fn read(path: &Path, file: &mut File, target: Option<&Target>) -> Result<Had> {
    let failed = |error: io::Error| Failure::io(path.display(), &error);
    let mut had = Had::default();
    let mut reader = BufReader::with_capacity(BUFFER, &mut *file);
    let (mut line, mut number, mut complete) = (Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
        if line.pop() != Some(b'\n') {
            break;
        }
        number += 1;
        complete += length as u64;
        Entry::parse(&line)
            .and_then(|entry| had.take(entry, target))
            .map_err(|why| {
                Failure::usage(format!(
                    "{}, line {number}, is not of this export: {why}",
                    path.display()
                ))
                .hint("--force overwrites it")
            })?;
    }
    drop(reader);
    file.set_len(complete)
        .and_then(|()| file.seek(SeekFrom::Start(complete)))
        .map_err(failed)?;
    Ok(had)
}

/// Writes entries as lines.
pub(crate) struct Lines<W> {
    to: W,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            line: Vec::new(),
        }
    }

    /// Data is kept as it came; the ends of lines in it are no more than white space.
    pub(crate) fn write(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, entry)?;
        for byte in &mut self.line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        self.line.push(b'\n');
        self.to.write_all(&self.line)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
