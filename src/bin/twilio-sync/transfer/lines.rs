//! Reading and writing the lines of a file.

use std::io::{self, BufRead, Write};

use serde::Serialize;

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
    /// Whether it has a line break: the writer may have been interrupted.
    pub(crate) fn is_complete(&self) -> bool {
        self.text.ends_with(b"\n")
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim_ascii().is_empty()
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

/// Writes lines of JSON.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    to: W,
    line: Vec<u8>,
    is_terminal: bool,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(to: W, is_terminal: bool) -> Self {
        Self {
            to,
            line: Vec::new(),
            is_terminal,
        }
    }

    /// Writes a record as one line. Data is kept as received, but for line breaks in it, which are white
    /// space in JSON. On a terminal, control characters are escaped.
    pub(crate) fn write(&mut self, record: &impl Serialize) -> io::Result<()> {
        if self.is_terminal {
            let line = crate::io::output::json_line(record)
                .map_err(|failure| io::Error::other(failure.message().to_owned()))?;
            return writeln!(self.to, "{line}");
        }
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
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

    pub(crate) fn into_inner(self) -> W {
        self.to
    }
}
