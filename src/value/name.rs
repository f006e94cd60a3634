//! Names that the service takes: unique names, item keys, identities.
//!
//! A name travels as one segment of a URL path. A URL cannot carry the segments `.` and `..`: every
//! parser resolves them, even percent-encoded, and the request would reach another resource. They
//! are rejected when the name is made; every other text reaches the service unchanged.

use super::input_error::InputError;
use super::sid;
use super::text::segment_type;

/// Most characters in a unique name or item key.
pub const MAX_NAME_LENGTH: usize = 320;

/// Most characters in an identity.
pub const MAX_IDENTITY_LENGTH: usize = 256;

/// Checks the rules of every text that is sent as a path segment.
pub(super) fn check_segment(
    what: &'static str,
    limit: usize,
    text: &str,
) -> Result<(), InputError> {
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

#[cfg(feature = "schema")]
pub(super) fn text_schema(limit: usize) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": limit})
}

segment_type! {
    /// The name of a Document, List, Map or Message Stream: 1 to 320 characters, unique among the
    /// objects of its kind in a Service.
    ///
    /// Not allowed are `.` and `..`, which a URL path cannot carry, and texts shaped like a SID,
    /// which the service would take for one.
    ///
    /// ```
    /// use twilio_sync::value::UniqueName;
    ///
    /// assert!(UniqueName::new("desk 7 / éàü").is_ok());
    /// assert!(UniqueName::new("..").is_err());
    /// let error = UniqueName::new("x".repeat(321)).unwrap_err();
    /// assert!(error.to_string().starts_with("the unique name has 321 characters, at most 320 are allowed"));
    /// ```
    UniqueName, text_schema(MAX_NAME_LENGTH), |text| {
        check_segment("unique name", MAX_NAME_LENGTH, text)?;
        if sid::is_sid_shaped(text) {
            return Err(InputError::SidShaped { name: text.to_owned() });
        }
        Ok(())
    }
}

segment_type! {
    /// The key of an item in a Map: 1 to 320 characters, neither `.` nor `..`. Case matters.
    ///
    /// ```
    /// use twilio_sync::value::ItemKey;
    ///
    /// assert!(ItemKey::new("+815012345678").is_ok());
    /// assert!(ItemKey::new("").is_err());
    /// ```
    ItemKey, text_schema(MAX_NAME_LENGTH),
    |text| check_segment("item key", MAX_NAME_LENGTH, text)
}

segment_type! {
    /// The application's own name for a user of its client software: 1 to 256 characters, neither
    /// `.` nor `..`.
    ///
    /// ```
    /// use twilio_sync::value::Identity;
    ///
    /// assert!(Identity::new("bob@example.com").is_ok());
    /// assert!(Identity::new("x".repeat(257)).is_err());
    /// ```
    Identity, text_schema(MAX_IDENTITY_LENGTH),
    |text| check_segment("identity", MAX_IDENTITY_LENGTH, text)
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
        let error = UniqueName::new("ET0123456789abcdef0123456789abcdef").unwrap_err();
        assert!(error.to_string().contains("SID"), "{error}");
        // The service takes these for names.
        for name in [
            "ET0123456789abcdef0123456789ABCDEF",
            "et0123456789abcdef0123456789abcdef",
        ] {
            assert!(UniqueName::new(name).is_ok(), "{name}");
        }
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
