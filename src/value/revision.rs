//! Revisions: the version of an object or item, for writes that must not undo somebody else's.

#[cfg(feature = "schema")]
use std::borrow::Cow;
use std::fmt::{self, Display};

use http::HeaderValue;

use super::input_error::InputError;

/// The version of a Document, List, Map or item. It changes with every write of the data.
///
/// Pass it to `if_match` and the write takes place only if the object still has this revision. The
/// text is opaque: compare it, do not calculate with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Revision(String);

impl Revision {
    /// Makes a revision from the text of a `revision` field or of an `ETag` header; the quotes of
    /// the latter are taken off.
    ///
    /// ```
    /// use twilio_sync::Revision;
    ///
    /// assert_eq!(Revision::new("\"1af\""), Revision::new("1af"));
    /// ```
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let text = text.strip_prefix("W/").unwrap_or(text);
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        Self(bare.unwrap_or(text).to_owned())
    }

    /// The revision as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of an `If-Match` header.
    ///
    /// # Errors
    ///
    /// [`InputError::Revision`] if the text cannot stand in a header.
    pub(crate) fn header(&self) -> Result<HeaderValue, InputError> {
        let is_sendable = self.0.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        let header = is_sendable.then(|| HeaderValue::from_str(&self.0).ok());
        header.flatten().ok_or_else(|| InputError::Revision {
            revision: self.0.clone(),
        })
    }
}

impl Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Revision {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Revision {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&Revision> for Revision {
    fn from(revision: &Revision) -> Self {
        revision.clone()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Revision {
    fn schema_name() -> Cow<'static, str> {
        "Revision".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string"})
    }
}
