//! References: what addresses a Service, or an object in one, in a path.

use super::input_error::InputError;
#[cfg(feature = "schema")]
use super::name::text_schema;
use super::name::{MAX_NAME_LENGTH, UniqueName, check_segment};
use super::sid::{self, DocumentSid, ListSid, MapSid, ServiceSid, StreamSid};
use super::text::segment_type;

segment_type! {
    /// The address of a Document, List, Map or Message Stream in a path of the generated client:
    /// its unique name or its SID.
    ///
    /// ```
    /// use twilio_sync::value::{ObjectReference, UniqueName};
    ///
    /// let by_name = ObjectReference::from(UniqueName::new("desk-7")?);
    /// let by_sid = ObjectReference::new("ET0123456789abcdef0123456789abcdef")?;
    /// # let _ = (by_name, by_sid);
    /// # Ok::<(), twilio_sync::error::InputError>(())
    /// ```
    ObjectReference, text_schema(MAX_NAME_LENGTH),
    |text| check_segment("SID or unique name", MAX_NAME_LENGTH, text)
}

segment_type! {
    /// The address of a Service: its SID, or `default` for the account's default Service.
    ///
    /// ```
    /// use twilio_sync::value::ServiceReference;
    ///
    /// assert!(ServiceReference::new("default").is_ok());
    /// assert!(ServiceReference::new("IS0123456789abcdef0123456789abcdef").is_ok());
    /// assert!(ServiceReference::new("ET0123456789abcdef0123456789abcdef").is_err());
    /// ```
    ServiceReference,
    schemars::json_schema!({"type": "string", "pattern": "^(?:default|IS[0-9a-f]{32})$"}),
    |text| if text == ServiceReference::DEFAULT { Ok(()) } else { sid::check("IS", "a Service", text) }
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
        Self(name.into())
    }
}

/// Makes references of the SIDs of objects.
macro_rules! object_references {
    ($($sid:ident, $of:literal;)*) => {$(
        /// Fails for a SID that was read from a response and is not one of its kind, or cannot be sent
        /// in a path.
        impl TryFrom<&$sid> for ObjectReference {
            type Error = InputError;

            fn try_from(sid: &$sid) -> Result<Self, InputError> {
                if !sid.as_str().starts_with($sid::PREFIX) {
                    return Err(InputError::sid($sid::PREFIX, $of, sid.as_str()));
                }
                Self::new(sid.as_str())
            }
        }
    )*};
}

object_references! {
    DocumentSid, "a Document";
    ListSid, "a List";
    MapSid, "a Map";
    StreamSid, "a Message Stream";
}

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
    fn dot_segments_are_refused() {
        for text in [".", ".."] {
            assert!(ObjectReference::new(text).is_err());
        }
    }

    #[test]
    fn sids_from_responses_are_checked_before_they_address_anything() {
        let read = |text: &str| -> DocumentSid { serde_json::from_str(text).unwrap() };
        assert_eq!(read("\"ETtest\"").as_str(), "ETtest");
        assert!(ObjectReference::try_from(&read("\"ETtest\"")).is_ok());
        assert!(ObjectReference::try_from(&read("\"..\"")).is_err());
        assert!(ObjectReference::try_from(&read("\"desk\"")).is_err());
    }
}
