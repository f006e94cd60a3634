//! The parts that all texts with a type of their own share, and how one becomes a segment of a path.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the characters that RFC 3986 calls unreserved. More than a URL needs, so that no
/// parser or proxy on the way can take a character for something else.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The percent-encoded form of a text as one segment of a path.
pub(super) fn encoded(text: &str) -> impl Display + '_ {
    utf8_percent_encode(text, PATH_SEGMENT)
}

/// A value that was checked to be one segment of a path.
pub(crate) trait Segment {
    /// Appends it to a path, percent-encoded.
    fn append_to(&self, path: &mut String);
}

impl Segment for String {
    fn append_to(&self, path: &mut String) {
        path.extend(utf8_percent_encode(self, PATH_SEGMENT));
    }
}

impl Segment for i64 {
    fn append_to(&self, path: &mut String) {
        self.to_string().append_to(path);
    }
}

impl<S: Segment> Segment for &S {
    fn append_to(&self, path: &mut String) {
        S::append_to(self, path);
    }
}

/// Defines a text that only a check can make. How it is deserialised is said by its attributes: with
/// the check, or without where responses are read leniently.
macro_rules! text_type {
    ($(#[$attribute:meta])* $name:ident, $schema:expr, $check:expr) => {
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $(#[$attribute])*
        pub struct $name(String);

        impl $name {
            /// Checks a text and makes it a value of this type.
            ///
            /// # Errors
            ///
            /// [`InputError`] with the rule that the text breaks; for a limit, with the limit and the
            /// length.
            pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
                let text = text.into();
                let check: fn(&str) -> Result<(), InputError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.0 == *text
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl From<&$name> for String {
            fn from(text: &$name) -> Self {
                text.0.clone()
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

        impl TryFrom<&String> for $name {
            type Error = InputError;

            fn try_from(text: &String) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        impl From<&Self> for $name {
            fn from(text: &Self) -> Self {
                text.clone()
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

/// Defines a text that is a segment of a path, checked also when it is deserialised.
macro_rules! segment_type {
    ($(#[$doc:meta])* $name:ident, $schema:expr, $check:expr) => {
        crate::value::text::text_type! {
            $(#[$doc])*
            #[serde(try_from = "String", into = "String")]
            $name, $schema, $check
        }

        impl $name {
            /// The text as one segment of a URL path, percent-encoded as a [`Call`](crate::api::Call)
            /// sends it.
            ///
            /// Parsed and decoded again it is the same text: a segment reaches exactly what the text
            /// names.
            #[must_use]
            pub fn path_segment(&self) -> impl std::fmt::Display {
                crate::value::text::encoded(&self.0)
            }
        }

        impl crate::value::text::Segment for $name {
            fn append_to(&self, path: &mut String) {
                self.0.append_to(path);
            }
        }
    };
}

pub(super) use {segment_type, text_type};
