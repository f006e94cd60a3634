//! The effect of a call that failed, as far as it is known.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};

use crate::value::Revision;

/// The effect of a call that failed, for [`Error::outcome`](crate::Error::outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteOutcome {
    /// The write took effect; the error is about its response.
    Done,
    /// Nothing was written, and nothing will be.
    NotDone,
    /// The write may have taken effect, or may still take effect.
    Unknown,
}

/// The attempts of a call that may have written although they failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doubt {
    /// One of them may have taken effect.
    pub(crate) may_have_written: bool,
    /// One of them got no response in time, and may still take effect.
    pub(crate) in_flight: bool,
}

impl Doubt {
    pub(crate) fn outcome(self) -> WriteOutcome {
        if self.may_have_written {
            WriteOutcome::Unknown
        } else {
            WriteOutcome::NotDone
        }
    }
}

/// The result of reading back by a call of unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadBack {
    /// There was nothing.
    Absent,
    /// There was an object or item.
    Present(Present),
}

/// An object or item that a call of unknown outcome found when it read back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Present {
    /// The SID of the object; of an item, the SID of its List or Map.
    pub sid: String,
    /// The revision, if it has data.
    pub revision: Option<Revision>,
    /// When it was created.
    pub date_created: DateTime<Utc>,
    /// When it was last changed.
    pub date_updated: DateTime<Utc>,
    /// `true` if its data equals what the call wrote. Another may have written the same.
    pub is_equal: bool,
}

impl Present {
    pub(crate) fn new(
        sid: String,
        revision: Option<Revision>,
        dates: (DateTime<Utc>, DateTime<Utc>),
        is_equal: bool,
    ) -> Self {
        let (date_created, date_updated) = dates;
        Self {
            sid,
            revision,
            date_created,
            date_updated,
            is_equal,
        }
    }
}

impl Display for ReadBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Present(present) = self else {
            return f.write_str("there is nothing now");
        };
        write!(f, "there is {} now", present.sid)?;
        if let Some(revision) = &present.revision {
            write!(f, " at revision {revision}")?;
        }
        f.write_str(if present.is_equal {
            ", equal to what was to be written, by this call or by another"
        } else {
            ", not as it was to be written"
        })
    }
}
