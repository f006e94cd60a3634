//! The values that the store accepts: names, keys, TTLs and data, each within its limit.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::service_error::ServiceError;
use super::sid::is_sid_shaped;
use super::time::{Expiry, Millis};

/// One year.
const MAX_TTL: u32 = 31_536_000;
const MAX_DATA: usize = 16 * 1024;
const MAX_MESSAGE: usize = 4 * 1024;
const MAX_NAME: usize = 320;
const MAX_IDENTITY: usize = 256;
const MAX_FRIENDLY_NAME: usize = 255;
const MAX_WEBHOOK_URL: usize = 512;
const DEBOUNCING_WINDOW: std::ops::RangeInclusive<u32> = 1_000..=30_000;

/// Text of 1 to `max` characters.
fn text(text: &str, max: usize, otherwise: ServiceError) -> Result<Box<str>, ServiceError> {
    // A character has at most four bytes, so very long text needs no counting.
    if text.is_empty() || text.len() > 4 * max || text.chars().count() > max {
        return Err(otherwise);
    }
    Ok(text.into())
}

pub(crate) fn unique_name(name: &str) -> Result<Box<str>, ServiceError> {
    if is_sid_shaped(name) {
        return Err(ServiceError::InvalidUniqueName);
    }
    text(name, MAX_NAME, ServiceError::InvalidUniqueName)
}

pub(crate) fn map_key(key: &str) -> Result<Box<str>, ServiceError> {
    text(key, MAX_NAME, ServiceError::InvalidMapKey)
}

pub(crate) fn identity(identity: &str) -> Result<Box<str>, ServiceError> {
    text(identity, MAX_IDENTITY, ServiceError::InvalidIdentity)
}

pub(crate) fn friendly_name(name: &str) -> Result<Box<str>, ServiceError> {
    text(name, MAX_FRIENDLY_NAME, ServiceError::InvalidFriendlyName)
}

/// A webhook URL, or empty text for none.
pub(crate) fn webhook_url(address: &str) -> Result<Box<str>, ServiceError> {
    if address.is_empty() {
        return Ok(Box::default());
    }
    let address = text(address, MAX_WEBHOOK_URL, ServiceError::InvalidWebhookUrl)?;
    match url::Url::parse(&address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(address),
        _ => Err(ServiceError::InvalidWebhookUrl),
    }
}

pub(crate) fn debouncing_window(text: &str) -> Result<u32, ServiceError> {
    whole_number(text)
        .and_then(|window| u32::try_from(window).ok())
        .filter(|window| DEBOUNCING_WINDOW.contains(window))
        .ok_or(ServiceError::InvalidParameter(
            "ReachabilityDebouncingWindow",
        ))
}

/// The index of a list item.
pub(crate) fn list_index(text: &str) -> Result<u64, ServiceError> {
    whole_number(text).ok_or(ServiceError::InvalidListIndex)
}

/// A number written in decimal digits only.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

/// A time to live, counted from the moment it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl {
    seconds: u32,
}

impl Ttl {
    /// Reads a TTL; empty text sets none.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ServiceError> {
        if text.is_empty() {
            return Ok(None);
        }
        whole_number(text)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .filter(|seconds| *seconds <= MAX_TTL)
            .map(|seconds| Some(Self { seconds }))
            .ok_or(ServiceError::InvalidTtl)
    }

    /// The time at which it ends; none for a TTL of 0.
    pub(super) fn expiry(self, now: Millis) -> Option<Expiry> {
        let millis = i64::from(self.seconds) * 1000;
        (self.seconds > 0).then(|| Expiry::at(now.saturating_add(millis)))
    }
}

/// The condition of an `If-Match` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: any revision.
    Any,
    Revision(u64),
}

impl IfMatch {
    /// Reads a revision, bare or as an `ETag`, weak or not.
    pub(crate) fn parse(header: &[u8]) -> Result<Self, ServiceError> {
        let text = std::str::from_utf8(header)
            .map_err(|_| ServiceError::InvalidIfMatch)?
            .trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let tag = text.strip_prefix("W/").unwrap_or(text);
        let revision = tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .unwrap_or(tag);
        if !revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ServiceError::InvalidIfMatch);
        }
        u64::from_str_radix(revision, 16)
            .map(Self::Revision)
            .map_err(|_| ServiceError::InvalidIfMatch)
    }

    /// Fails with `otherwise` where the revision is another than the expected one.
    pub(super) fn check(
        expected: Option<Self>,
        revision: u64,
        otherwise: ServiceError,
    ) -> Result<(), ServiceError> {
        match expected {
            Some(Self::Revision(expected)) if expected != revision => Err(otherwise),
            _ => Ok(()),
        }
    }
}

/// A JSON object, stored as its text without white space.
#[derive(Clone, Debug)]
pub(crate) struct Data(Box<RawValue>);

impl Data {
    /// `{}`
    pub(crate) fn empty() -> Result<Self, ServiceError> {
        Self::read("{}", MAX_DATA, ServiceError::InvalidBody)
    }

    /// Reads the data of a Document or item; the error for `null` is `null`.
    pub(crate) fn parse(text: &str, null: ServiceError) -> Result<Self, ServiceError> {
        Self::read(text, MAX_DATA, null)
    }

    /// Reads the data of a stream message.
    pub(crate) fn parse_message(text: &str) -> Result<Self, ServiceError> {
        Self::read(text, MAX_MESSAGE, ServiceError::InvalidMessageData)
    }

    fn read(text: &str, limit: usize, null: ServiceError) -> Result<Self, ServiceError> {
        let text = text.trim_ascii();
        if text == "null" {
            return Err(null);
        }
        if !text.starts_with('{') || serde_json::from_str::<Readable>(text).is_err() {
            return Err(ServiceError::InvalidBody);
        }
        let text = without_space(text);
        if text.len() > limit {
            return Err(ServiceError::TooLarge);
        }
        RawValue::from_string(text)
            .map(Self)
            .map_err(|_| ServiceError::InvalidBody)
    }

    /// The JSON text.
    pub(crate) fn json(&self) -> &RawValue {
        &self.0
    }
}

/// Removes the white space that valid JSON has outside its strings.
fn without_space(json: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    json.chars()
        .filter(|&char| {
            if in_string {
                in_string = escaped || char != '"';
                escaped = !escaped && char == '\\';
                return true;
            }
            in_string = char == '"';
            !char.is_ascii_whitespace()
        })
        .collect()
}

/// JSON that every client can read: numbers in range, no lone surrogates, not too deep.
///
/// `serde_json` checks none of these in what it skips, so this reads everything
/// and stores nothing.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        while entries.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_a_json_object_stored_without_space() {
        let parse = |text: &str| Data::parse(text, ServiceError::InvalidDocumentData);
        let data = parse(" { \"a b\" : [ 1 , 2.50 ] , \"q\\\" \\\\\" : \" \" } ").unwrap();
        assert_eq!(data.json().get(), r#"{"a b":[1,2.50],"q\" \\":" "}"#);
        assert_eq!(
            parse("null").unwrap_err(),
            ServiceError::InvalidDocumentData
        );
        for text in [
            "",
            "1",
            "[1]",
            "\"a\"",
            "{",
            "{}{}",
            "{'a':1}",
            "{\"a\":1e999}",
            r#"{"a":"\ud800"}"#,
            &format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200)),
        ] {
            assert_eq!(
                parse(text).unwrap_err(),
                ServiceError::InvalidBody,
                "{text}"
            );
        }
    }

    #[test]
    fn data_is_limited_in_bytes_without_space() {
        let sized = |size: usize| format!("{{ \"a\": \"{}\"}}", "x".repeat(size - 8));
        let parse = |size| Data::parse(&sized(size), ServiceError::InvalidBody).map(drop);
        assert_eq!(parse(16_384), Ok(()));
        assert_eq!(parse(16_385), Err(ServiceError::TooLarge));
        assert!(Data::parse_message(&sized(4_096)).is_ok());
        assert_eq!(
            Data::parse_message(&sized(4_097)).map(drop),
            Err(ServiceError::TooLarge)
        );
    }

    #[test]
    fn names_are_counted_in_characters() {
        assert!(unique_name(&"é".repeat(320)).is_ok());
        for name in ["", &"é".repeat(321), &format!("ZZ{}", "0".repeat(32))] {
            assert_eq!(unique_name(name), Err(ServiceError::InvalidUniqueName));
        }
        assert_eq!(map_key(""), Err(ServiceError::InvalidMapKey));
        assert!(identity(&"😀".repeat(256)).is_ok());
        assert_eq!(
            identity(&"i".repeat(257)),
            Err(ServiceError::InvalidIdentity)
        );
    }

    #[test]
    fn numbers_are_digits_within_their_range() {
        for text in [
            "-1",
            "+1",
            "1.0",
            " 1",
            "1e3",
            "31536001",
            "99999999999999999999999",
        ] {
            assert_eq!(Ttl::parse(text), Err(ServiceError::InvalidTtl), "{text}");
        }
        assert_eq!(Ttl::parse(""), Ok(None));
        let ttl = |text| Ttl::parse(text).unwrap().unwrap();
        assert_eq!(ttl("0").expiry(5), None);
        assert_eq!(
            ttl("31536000").expiry(5).map(Expiry::millis),
            Some(31_536_000_005)
        );
        assert_eq!(debouncing_window("1000"), Ok(1000));
        assert!(debouncing_window("999").is_err() && debouncing_window("30001").is_err());
    }

    #[test]
    fn if_match_takes_a_revision_or_its_etag() {
        for text in ["1af", "\"1af\"", "W/\"1af\"", "1AF"] {
            assert_eq!(
                IfMatch::parse(text.as_bytes()),
                Ok(IfMatch::Revision(0x1af))
            );
        }
        assert_eq!(IfMatch::parse(b"*"), Ok(IfMatch::Any));
        for text in ["", "-1", "\"\"", "+1", "xyz", "\"1", "11111111111111111"] {
            let read = IfMatch::parse(text.as_bytes());
            assert_eq!(read, Err(ServiceError::InvalidIfMatch), "{text}");
        }
    }

    #[test]
    fn webhook_urls_are_http_and_may_be_cleared() {
        assert_eq!(webhook_url(""), Ok(Box::default()));
        assert!(webhook_url("https://example.com/hook?a=1").is_ok());
        for address in [
            "example.com",
            "ftp://example.com",
            &format!("http://{}", "x".repeat(506)),
        ] {
            assert_eq!(webhook_url(address), Err(ServiceError::InvalidWebhookUrl));
        }
    }
}
