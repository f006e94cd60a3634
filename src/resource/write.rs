//! Writes: the data and options of a call, checked when they are given.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::resource::target::Target;
use crate::value::{MAX_DATA_SIZE, Revision, Ttl};

/// The data and options of a write. A call owns one, and lends it to each of its attempts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Write {
    /// JSON text.
    pub(crate) data: Option<String>,
    /// In seconds.
    pub(crate) ttl: Option<i64>,
    /// In seconds.
    pub(crate) collection_ttl: Option<i64>,
    pub(crate) if_match: Option<Revision>,
}

/// A write under construction, with the first reason why it cannot be sent.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    write: Write,
    failure: Option<Box<Error>>,
}

impl Draft {
    /// A write of a value, as the contract of its target wants it.
    pub(crate) fn of<T: Serialize + ?Sized>(target: &Target, data: &T) -> Self {
        Self::of_text(target.encode("data", MAX_DATA_SIZE, data))
    }

    /// A write of JSON text.
    pub(crate) fn of_text(text: Result<String>) -> Self {
        let mut draft = Self::default();
        draft.write.data = draft.checked(text);
        draft
    }

    pub(crate) fn ttl(&mut self, ttl: Ttl) {
        self.write.ttl = self.checked(ttl.seconds().map_err(Error::from));
    }

    pub(crate) fn collection_ttl(&mut self, ttl: Ttl) {
        self.write.collection_ttl = self.checked(ttl.seconds().map_err(Error::from));
    }

    pub(crate) fn if_match(&mut self, revision: Revision) {
        self.write.if_match = Some(revision);
    }

    fn checked<T>(&mut self, value: Result<T>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure.get_or_insert_with(|| Box::new(error));
                None
            }
        }
    }

    /// The write, or the reason why it cannot be sent.
    pub(crate) fn finish(self) -> Result<Write> {
        match self.failure {
            Some(error) => Err(*error),
            None => Ok(self.write),
        }
    }
}
