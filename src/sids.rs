//! SIDs, one type a kind: strict when the user makes one, lenient when one is read from a response.

#[cfg(feature = "schema")]
use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::error::InputError;
use crate::names::{ObjectReference, ServiceReference};

/// Number of hexadecimal digits behind the two letters.
const DIGITS: usize = 32;

/// Whether a text is two capitals and 32 hexadecimal digits.
pub(crate) fn is_sid_shaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 2 + DIGITS
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..].iter().all(u8::is_ascii_hexdigit)
}

/// Checks that a text is a SID with the given prefix.
pub(crate) fn check(prefix: &'static str, of: &'static str, text: &str) -> Result<(), InputError> {
    if is_sid_shaped(text) && text.starts_with(prefix) {
        Ok(())
    } else {
        Err(InputError::sid(prefix, of, text))
    }
}

/// Defines the SID of one kind of resource.
macro_rules! sid {
    ($name:ident, $prefix:literal, $of:literal) => {
        #[doc = concat!("The SID of ", $of, ": `", $prefix, "` and 32 hexadecimal digits.")]
        ///
        /// A SID made from a text is checked. One read from a response is taken as it comes, so
        /// that an unusual SID does not cost the whole response.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The two letters every SID of this kind begins with.
            pub const PREFIX: &str = $prefix;

            /// Checks a text and makes it a SID.
            ///
            /// # Errors
            ///
            /// If it is not the SID of this kind of resource.
            pub fn new(text: impl Into<String>) -> Result<Self, InputError> {
                let text = text.into();
                check($prefix, $of, &text)?;
                Ok(Self(text))
            }

            /// Takes a text as it came from the service.
            #[cfg(feature = "webhooks")]
            #[allow(dead_code)] // not every kind is in a webhook
            pub(crate) fn lenient(text: &str) -> Self {
                Self(text.to_owned())
            }

            /// The SID as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
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

        impl std::str::FromStr for $name {
            type Err = InputError;

            fn from_str(text: &str) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InputError;

            fn try_from(text: &str) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InputError;

            fn try_from(text: String) -> Result<Self, InputError> {
                Self::new(text)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "[0-9a-fA-F]{32}$"),
                })
            }
        }
    };
}

/// Defines the SID of an object that a path can address.
macro_rules! object_sid {
    ($name:ident, $prefix:literal, $of:literal) => {
        sid!($name, $prefix, $of);

        /// Fails for a SID that was read from somewhere and is none of its kind, or cannot be sent in
        /// a path.
        impl TryFrom<&$name> for ObjectReference {
            type Error = InputError;

            fn try_from(sid: &$name) -> Result<Self, InputError> {
                if !sid.as_str().starts_with($prefix) {
                    return Err(InputError::sid($prefix, $of, sid.as_str()));
                }
                Self::new(sid.as_str())
            }
        }
    };
}

sid!(AccountSid, "AC", "an account");
sid!(ApiKeySid, "SK", "an API key");
sid!(ServiceSid, "IS", "a Service");
sid!(StreamMessageSid, "TZ", "a message of a Message Stream");
object_sid!(DocumentSid, "ET", "a Document");
object_sid!(ListSid, "ES", "a List");
object_sid!(MapSid, "MP", "a Map");
object_sid!(StreamSid, "TO", "a Message Stream");

/// Fails for a SID that was read from a response and is not the SID of a Service.
impl TryFrom<&ServiceSid> for ServiceReference {
    type Error = InputError;

    fn try_from(sid: &ServiceSid) -> Result<Self, InputError> {
        Self::new(sid.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_when_made() {
        assert!(DocumentSid::new("ET0123456789abcdef0123456789abcdef").is_ok());
        for text in [
            "",
            "ET",
            "ES0123456789abcdef0123456789abcdef",
            "ET0123456789abcdef0123456789abcdeg",
        ] {
            let error = DocumentSid::new(text).unwrap_err();
            assert!(
                error.to_string().contains("`ET` and 32 hexadecimal digits"),
                "{error}"
            );
        }
    }

    #[test]
    fn lenient_when_read() {
        let sid: DocumentSid = serde_json::from_str("\"ETtest\"").unwrap();
        assert_eq!(sid.as_str(), "ETtest");
        assert!(ObjectReference::try_from(&sid).is_ok());
        let sid: DocumentSid = serde_json::from_str("\"..\"").unwrap();
        assert!(ObjectReference::try_from(&sid).is_err());
        let sid: DocumentSid = serde_json::from_str("\"desk\"").unwrap();
        assert!(ObjectReference::try_from(&sid).is_err());
    }
}
