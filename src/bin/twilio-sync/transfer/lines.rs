//! Writing the lines of an export.

use std::fmt::Display;
use std::io::{self, Write};

use crate::io::output::on_one_line;

/// The size of a buffer.
pub(crate) const BUFFER: usize = 128 * 1024;

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
