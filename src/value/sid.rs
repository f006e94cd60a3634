//! SIDs, a type for each kind of resource: strict when the user makes one, lenient when one is read
//! from a response.

use super::input_error::InputError;
use super::text::text_type;

/// Number of hexadecimal digits behind the two letters.
const DIGITS: usize = 32;

/// Returns `true` if the service takes a text for a SID of any kind: two capitals and 32 hexadecimal
/// digits in lower case.
pub(crate) fn is_sid_shaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 2 + DIGITS
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..]
            .iter()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
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
        text_type! {
            #[doc = concat!("The SID of ", $of, ": `", $prefix, "` and 32 hexadecimal digits in lower case.")]
            ///
            /// A SID made from a text is checked. One read from a response is not, so that an unusual SID
            /// does not cost the whole response.
            #[serde(transparent)]
            $name,
            schemars::json_schema!({
                "type": "string",
                "pattern": concat!("^", $prefix, "[0-9a-f]{32}$"),
            }),
            |text| check($prefix, $of, text)
        }

        impl $name {
            /// The two letters that every SID of this kind begins with.
            pub const PREFIX: &str = $prefix;

            /// Takes a text from the service, unchecked.
            #[cfg(feature = "webhooks")]
            #[allow(dead_code, reason = "not every kind is in a webhook")]
            pub(crate) fn lenient(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

sid!(AccountSid, "AC", "an account");
sid!(ApiKeySid, "SK", "an API key");
sid!(ServiceSid, "IS", "a Service");
sid!(StreamMessageSid, "TZ", "a message of a Message Stream");
sid!(DocumentSid, "ET", "a Document");
sid!(ListSid, "ES", "a List");
sid!(MapSid, "MP", "a Map");
sid!(StreamSid, "TO", "a Message Stream");

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
            // The service takes it for a unique name.
            "ET0123456789ABCDEF0123456789ABCDEF",
        ] {
            let error = DocumentSid::new(text).unwrap_err();
            assert!(
                error.to_string().contains("`ET` and 32 hexadecimal digits"),
                "{error}"
            );
        }
    }
}
