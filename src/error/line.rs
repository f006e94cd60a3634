//! Lines that are not lines of an export.

use std::io;

use crate::value::InputError;

/// A line that is not a line of an export, or not of the kind that is imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is the first line of an export in another version of the format: a newer program wrote it.
    #[error("it is an export of version {version}, and this program reads version {known}")]
    #[non_exhaustive]
    Version {
        /// Its version.
        version: u32,
        /// The version that this crate reads.
        known: u32,
    },
    /// It is not JSON, or its members are not those of its kind.
    #[error("not a valid export line: {reason}")]
    #[non_exhaustive]
    Invalid {
        /// The fault.
        reason: String,
    },
    /// It is for something else than what is imported.
    #[error("it is of a {found}, and only one of a {expected} can be imported here")]
    #[non_exhaustive]
    Kind {
        /// The kind of the line.
        found: String,
        /// The kind that can be imported.
        expected: String,
    },
    /// It has more bytes than any line of an export. The rest of it was not read.
    #[error("it has more than {limit} bytes, the most that a line of an export can have")]
    #[non_exhaustive]
    Size {
        /// The most bytes of a line, with its line break.
        limit: usize,
    },
    /// A name, key or data in it is not one that the service accepts.
    #[error(transparent)]
    Input(#[from] InputError),
    /// An earlier line is for the same object, item or permission.
    #[error("the {what} has line {first} already")]
    #[non_exhaustive]
    Repeated {
        /// The object, or the key of the item, or the identity of the permission.
        what: String,
        /// The number of the earlier line.
        first: u64,
    },
    /// Its object has a SID only, or a name that this client cannot send, and cannot be created.
    #[error("the {object} has no usable unique name")]
    #[non_exhaustive]
    Unnamed {
        /// The object.
        object: String,
    },
}

/// An export cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Its source failed.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is not valid.
    #[error("line {number}: {source}")]
    #[non_exhaustive]
    Line {
        /// The number of the line, from 1.
        number: u64,
        /// The fault.
        source: LineError,
    },
}

impl LineError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Invalid { reason }
    }

    pub(crate) fn repeated(what: &impl ToString, first: u64) -> Self {
        let what = what.to_string();
        Self::Repeated { what, first }
    }

    pub(crate) fn unnamed(object: &impl ToString) -> Self {
        let object = object.to_string();
        Self::Unnamed { object }
    }

    /// The error of the line with a number.
    pub(crate) fn at(self, number: u64) -> ReadError {
        let source = self;
        ReadError::Line { number, source }
    }

    pub(crate) fn version(version: u32, known: u32) -> Self {
        Self::Version { version, known }
    }

    pub(crate) fn kind(found: &impl ToString, expected: &impl ToString) -> Self {
        Self::Kind {
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}
