//! The failure of a rule.

use std::fmt::{self, Debug};

use crate::error::Error;

/// A rule that the service does not keep, or a call that failed while the rule was checked.
///
/// It displays as `the revision after an update: expected "1", found "0"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct Failure {
    /// The part of the service's behaviour that was checked.
    pub subject: String,
    /// The behaviour by the rule.
    pub expected: String,
    /// The behaviour of the service.
    pub found: String,
}

/// Most characters of a value that a failure shows.
const MAX_SHOWN: usize = 300;

impl Failure {
    pub(super) fn new(
        subject: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            subject: subject.into(),
            expected: shortened(&expected.to_string()),
            found: shortened(&found.to_string()),
        }
    }
}

/// A call that failed though the rule expects it to succeed.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let subject = error.call().map_or("a call", |call| call.operation);
        Self {
            subject: subject.to_owned(),
            expected: "a success".to_owned(),
            found: error.to_string(),
        }
    }
}

/// The start of a text, with a mark if there is more.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
