//! Data that does not fit its type.

/// Stored data that does not fit the type it is read as.
///
/// Others write to the same objects; what they wrote is not what this program expects.
#[derive(Debug, thiserror::Error)]
#[error(
    "the data of {object} does not fit {expected}: at `{path}`: {source}{}",
    after_write_text(*.after_write)
)]
#[non_exhaustive]
pub struct DataError {
    /// The object or item, as `document "desk-7"`.
    pub object: String,
    /// The type it is read as.
    pub expected: &'static str,
    /// The place in the data, such as `operators[2].name`; `.` is the whole.
    pub path: String,
    /// `true` if it is in the response to a write, which took effect.
    pub after_write: bool,
    /// The error of serde.
    pub source: serde_json::Error,
}

/// The sentence to add to an error about the response to a write.
pub(super) fn after_write_text(after_write: bool) -> &'static str {
    if after_write {
        " The write took effect; this is about its response."
    } else {
        ""
    }
}
