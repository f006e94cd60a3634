//! Names as the service takes them: unique names, item keys, identities, and what addresses an
//! object in a path.
//!
//! A name travels as one segment of a URL path. A URL cannot carry the segments `.` and `..`: every
//! parser resolves them, even percent-encoded, and the request would reach another resource. They
//! are refused when the name is made; every other text reaches the service as it is.

use std::fmt::{self, Display, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::InputError;
use crate::sids;

/// Most characters in a unique name or item key.
pub const MAX_NAME_LENGTH: usize = 320;

/// Most characters in an identity.
pub const MAX_IDENTITY_LENGTH: usize = 256;

/// Everything but the characters that RFC 3986 calls unreserved. More than a URL needs, so that no
/// parser or proxy on the way can take a character for something else.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What can be one segment of a path. The generated client builds its paths with it.
pub(crate) trait Segment {
    /// Writes it behind a path, percent-encoded.
    fn append_to(&self, path: &mut String);
}

impl Segment for str {
    fn append_to(&self, path: &mut String) {
        path.extend(utf8_percent_encode(self, PATH_SEGMENT));
    }
}

impl Segment for i64 {
    fn append_to(&self, path: &mut String) {
        // Writing to a string does not fail.
        let _ = write!(path, "{self}");
    }
}

/// Checks what holds for every text that is sent as a path segment.
fn check_segment(what: &'static str, limit: usize, text: &str) -> Result<(), InputError> {
    if text.is_empty() {
        return Err(InputError::Empty { what, limit });
    }
    // Bytes first, for they need not be counted.
    if text.len() > limit {
        let length = text.chars().count();
        if length > limit {
            return Err(InputError::too_long(what, limit, length, text));
        }
    }
    if text == "." || text == ".." {
        return Err(InputError::DotSegment {
            what,
            name: text.to_owned(),
        });
    }
    Ok(())
}

/// Defines a checked text: a newtype that only its check can make.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $schema:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks a text and makes it one.
            ///
            /// # Errors
            ///
            /// If the text breaks the rule above. The error says which rule, and for a limit both
            /// the limit and the length.
            pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
                let text = text.into();
                let check: fn(&str) -> Result<(), InputError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text itself, as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text as one segment of a URL path, percent-encoded as the generated client
            /// sends it, for requests of one's own.
            ///
            /// Parsed and decoded again it is the same text: a segment reaches exactly what the
            /// text names.
            #[must_use]
            pub fn path_segment(&self) -> impl Display {
                utf8_percent_encode(&self.0, PATH_SEGMENT)
            }
        }

        impl Segment for $name {
            fn append_to(&self, path: &mut String) {
                self.0.append_to(path);
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InputError;

            fn try_from(text: String) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InputError;

            fn try_from(text: &str) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InputError;

            fn from_str(text: &str) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}

#[cfg(feature = "schema")]
fn text_schema(limit: usize) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": limit})
}

checked_text! {
    /// The name of a Document, List, Map or Message Stream: 1 to 320 characters, unique among the
    /// objects of its kind in a Service.
    ///
    /// Not allowed are `.` and `..`, which a URL path cannot carry, and texts shaped like a SID,
    /// which the service would take for one.
    ///
    /// ```
    /// use twilio_sync::UniqueName;
    ///
    /// assert!(UniqueName::new("desk 7 / éàü").is_ok());
    /// assert!(UniqueName::new("..").is_err());
    /// let error = UniqueName::new("x".repeat(321)).unwrap_err();
    /// assert!(error.to_string().starts_with("the unique name has 321 characters, at most 320 are allowed"));
    /// ```
    UniqueName, text_schema(MAX_NAME_LENGTH), |text| {
        check_segment("unique name", MAX_NAME_LENGTH, text)?;
        if sids::is_sid_shaped(text) {
            return Err(InputError::SidShaped { name: text.to_owned() });
        }
        Ok(())
    }
}

checked_text! {
    /// The key of an item in a Map: 1 to 320 characters, neither `.` nor `..`. Case matters.
    ///
    /// ```
    /// use twilio_sync::ItemKey;
    ///
    /// assert!(ItemKey::new("+815012345678").is_ok());
    /// assert!(ItemKey::new("").is_err());
    /// ```
    ItemKey, text_schema(MAX_NAME_LENGTH),
    |text| check_segment("item key", MAX_NAME_LENGTH, text)
}

checked_text! {
    /// The application's own name for a user of its client software: 1 to 256 characters, neither
    /// `.` nor `..`.
    ///
    /// ```
    /// use twilio_sync::Identity;
    ///
    /// assert!(Identity::new("bob@example.com").is_ok());
    /// assert!(Identity::new("x".repeat(257)).is_err());
    /// ```
    Identity, text_schema(MAX_IDENTITY_LENGTH),
    |text| check_segment("identity", MAX_IDENTITY_LENGTH, text)
}

checked_text! {
    /// What addresses a Document, List, Map or Message Stream in a path of the generated client:
    /// its unique name or its SID.
    ///
    /// ```
    /// use twilio_sync::{UniqueName, api::ObjectReference};
    ///
    /// let by_name = ObjectReference::from(UniqueName::new("desk-7")?);
    /// let by_sid = ObjectReference::new("ET0123456789abcdef0123456789abcdef")?;
    /// # let _ = (by_name, by_sid);
    /// # Ok::<(), twilio_sync::InputError>(())
    /// ```
    ObjectReference, text_schema(MAX_NAME_LENGTH),
    |text| check_segment("SID or unique name", MAX_NAME_LENGTH, text)
}

checked_text! {
    /// What addresses a Service: its SID, or `default` for the account's default Service.
    ///
    /// ```
    /// use twilio_sync::api::ServiceReference;
    ///
    /// assert!(ServiceReference::new("default").is_ok());
    /// assert!(ServiceReference::new("IS0123456789abcdef0123456789abcdef").is_ok());
    /// assert!(ServiceReference::new("ET0123456789abcdef0123456789abcdef").is_err());
    /// ```
    ServiceReference,
    schemars::json_schema!({"type": "string", "pattern": "^(?:default|IS[0-9a-fA-F]{32})$"}),
    |text| if text == ServiceReference::DEFAULT { Ok(()) } else { sids::check("IS", "a Service", text) }
}

impl ServiceReference {
    /// The alias of the account's default Service.
    pub const DEFAULT: &str = "default";

    /// The account's default Service.
    #[must_use]
    pub fn default_service() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl From<UniqueName> for ObjectReference {
    fn from(name: UniqueName) -> Self {
        Self(name.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dot_segments_are_refused_everywhere() {
        for text in [".", ".."] {
            assert!(UniqueName::new(text).is_err());
            assert!(ItemKey::new(text).is_err());
            assert!(Identity::new(text).is_err());
            assert!(ObjectReference::new(text).is_err());
        }
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        assert!(UniqueName::new("é".repeat(320)).is_ok());
        assert!(UniqueName::new("é".repeat(321)).is_err());
        assert!(Identity::new("😀".repeat(256)).is_ok());
    }

    #[test]
    fn names_shaped_like_a_sid_are_refused_with_a_hint() {
        let error = UniqueName::new("ET0123456789abcdef0123456789ABCDEF").unwrap_err();
        assert!(error.to_string().contains("_by_id"), "{error}");
    }

    proptest! {
        /// Whatever is accepted is still one segment, and the same text, after a URL parser.
        #[test]
        fn an_accepted_name_is_one_path_segment(text in "\\PC{1,40}|[\\x00-\\x7f]{1,12}|[.%2eE/\\\\]{1,6}") {
            if let Ok(name) = ItemKey::new(text) {
                let url = url::Url::parse(&format!("https://host/a/{}/z", name.path_segment())).unwrap();
                let segments: Vec<_> = url.path_segments().unwrap().collect();
                prop_assert_eq!(segments.len(), 3);
                let read = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
                prop_assert_eq!(read.as_ref(), name.as_str());
            }
        }
    }
}
