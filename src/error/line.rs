//! Lines that are not lines of an export.

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
    #[error("it is no line of an export: {reason}")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong with it.
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
}

impl LineError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Invalid { reason }
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
