//! Revisions: the version of an object or item, for writes that must not undo somebody else's.

#[cfg(feature = "schema")]
use std::borrow::Cow;
use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};

use http::HeaderValue;

use super::input_error::InputError;

/// The version of a Document, List, Map or item. It changes with every write of the data.
///
/// Pass it to `if_match` and the write takes place only if the object still has this revision. The
/// text is opaque: compare it, do not calculate with it.
///
/// A revision of a record that a call gave knows the SID of the Document, List or Map that it belongs to.
/// A write that asks for it goes to that SID, so that it never meets another object of the same name.
/// Two revisions are equal if their texts are.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Revision {
    text: String,
    /// The SID of the object that it belongs to, if that is known.
    object_sid: Option<Box<str>>,
}

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
        Self {
            text: bare.unwrap_or(text).to_owned(),
            object_sid: None,
        }
    }

    /// Notes the SID of the object that it belongs to.
    pub(crate) fn bind(&mut self, object_sid: &str) {
        self.object_sid = Some(object_sid.into());
    }

    /// The SID of the object that it belongs to, if that is known.
    pub(crate) fn object_sid(&self) -> Option<&str> {
        self.object_sid.as_deref()
    }

    /// The revision as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of an `If-Match` header.
    ///
    /// # Errors
    ///
    /// [`InputError::Revision`] if the text cannot stand in a header, or stands for any revision there:
    /// an empty one, or `*`.
    pub(crate) fn header(&self) -> Result<HeaderValue, InputError> {
        let is_printable = self.text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        let is_one = is_printable && !self.text.is_empty() && self.text != "*";
        let header = is_one.then(|| HeaderValue::from_str(&self.text).ok());
        header.flatten().ok_or_else(|| InputError::Revision {
            revision: self.text.clone(),
        })
    }
}

impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Revision {}

impl Hash for Revision {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.text
    }
}

impl Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
