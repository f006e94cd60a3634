//! Reading lines, each of a bounded size.

use std::io::{BufRead, Read};

use crate::error::{LineError, ReadError};

/// Most bytes of a line that is read, with its line break: 1 MiB. The longest line of an export has 16 KiB
/// of data, which escapes make six times as long at most, and names.
pub const MAX_LINE_SIZE: usize = 1 << 20;

/// A line as it was read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RawLine<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes, with the line break.
    pub text: &'a [u8],
    /// The offset of the next line.
    pub end: u64,
}

impl RawLine<'_> {
    /// Returns `true` if it has a line break; without one, its writer may have been interrupted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.text.ends_with(b"\n")
    }
}

/// Reads the lines of an export, of which some may be missing, with their numbers. It blocks as its source
/// does.
///
/// ```
/// use twilio_sync::export::{LineReader, Record};
///
/// let text = "{\"kind\":\"map\",\"unique_name\":\"phonebook\"}\n{\"kind\":\"map_it";
/// let mut lines = LineReader::new(text.as_bytes());
/// let first = lines.read()?.expect("a line");
/// assert!(matches!(Record::parse(first.text), Ok(Record::Entry(_))));
/// assert!(!lines.read()?.expect("another").is_complete());
/// assert!(lines.read()?.is_none());
/// # Ok::<(), twilio_sync::error::ReadError>(())
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    from: R,
    text: Vec<u8>,
    number: u64,
    end: u64,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from the beginning of a source.
    pub fn new(from: R) -> Self {
        Self {
            from,
            text: Vec::new(),
            number: 0,
            end: 0,
        }
    }

    /// Reads the next line; `None` at the end of the source.
    ///
    /// # Errors
    ///
    /// [`LineError::Size`] for a line of more than [`MAX_LINE_SIZE`] bytes, and [`ReadError::Io`] if the
    /// source cannot be read.
    pub fn read(&mut self) -> Result<Option<RawLine<'_>>, ReadError> {
        self.text.clear();
        // One byte more tells a line that is too long from the longest one.
        let mut from = (&mut self.from).take(MAX_LINE_SIZE as u64 + 1);
        let length = from.read_until(b'\n', &mut self.text)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.end += length as u64;
        if length > MAX_LINE_SIZE {
            return Err(LineError::Size {
                limit: MAX_LINE_SIZE,
            }
            .at(self.number));
        }
        Ok(Some(RawLine {
            number: self.number,
            text: &self.text,
            end: self.end,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_limit() {
        let mut text = vec![b'x'; MAX_LINE_SIZE - 1];
        text.push(b'\n');
        let mut lines = LineReader::new(&*text);
        let line = lines.read().unwrap().unwrap();
        assert_eq!((line.text.len(), line.number), (MAX_LINE_SIZE, 1));
        assert!(lines.read().unwrap().is_none());
        // The number is that of the line, and what follows it is not read.
        let endless = [&b"a\n"[..], &vec![b'x'; MAX_LINE_SIZE], b"x\n"].concat();
        let mut lines = LineReader::new(&*endless);
        assert_eq!(lines.read().unwrap().unwrap().end, 2);
        let error = lines.read().unwrap_err();
        let ReadError::Line { number, source } = error else {
            panic!("{error}");
        };
        assert_eq!(
            (number, source),
            (
                2,
                LineError::Size {
                    limit: MAX_LINE_SIZE
                }
            )
        );
    }

    #[test]
    fn a_source_without_a_line_break_costs_bounded_memory() {
        let mut lines = LineReader::new(std::io::BufReader::new(std::io::repeat(0)));
        assert!(lines.read().is_err());
        assert!(lines.text.capacity() <= 4 * MAX_LINE_SIZE);
    }
}
