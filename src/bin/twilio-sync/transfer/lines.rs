//! Reading and writing the lines of a file.

use std::fmt::Display;
use std::io::{self, BufRead, Write};

use crate::io::output::on_one_line;

/// The size of a buffer.
pub(crate) const BUFFER: usize = 128 * 1024;

/// A line that was read.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// With the line break.
    pub(crate) text: &'a [u8],
    /// The offset of the next line.
    pub(crate) end: u64,
}

impl Line<'_> {
    /// Returns `true` if it has a line break: the writer may have been interrupted.
    pub(crate) fn is_complete(&self) -> bool {
        self.text.ends_with(b"\n")
    }
}

/// Reads lines, with their numbers.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    text: Vec<u8>,
    number: u64,
    end: u64,
}

impl<R: BufRead> Reader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            text: Vec::new(),
            number: 0,
            end: 0,
        }
    }

    /// The next line; none at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.text.clear();
        let length = self.from.read_until(b'\n', &mut self.text)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.end += length as u64;
        Ok(Some(Line {
            number: self.number,
            text: &self.text,
            end: self.end,
        }))
    }
}

/// Writes the lines of an export.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    to: W,
    is_terminal: bool,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(to: W, is_terminal: bool) -> Self {
        Self { to, is_terminal }
    }

    /// Writes a line of an export. On a terminal, control characters are escaped.
    pub(crate) fn write(&mut self, record: &impl Display) -> io::Result<()> {
        if self.is_terminal {
            writeln!(self.to, "{}", on_one_line(&record.to_string()))
        } else {
            writeln!(self.to, "{record}")
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    pub(crate) fn into_inner(self) -> W {
        self.to
    }
}
