//! The JSON data of documents, items and messages: encoded within the service's limits, decoded
//! straight from the text that came.

use std::borrow::Cow;
use std::fmt::{self, Debug, Display};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::input_error::InputError;
use super::json::{Level, is_same_json, level, merge_patch, shortest};

/// Most bytes of JSON text in a document, list item or map item: 16 KiB.
pub const MAX_DATA_SIZE: usize = 16 * 1024;

/// Most bytes of JSON text in a message of a Message Stream: 4 KiB.
pub const MAX_MESSAGE_SIZE: usize = 4 * 1024;

/// JSON data as the service sent it: text, not yet decoded into a type.
///
/// The generated client has it in `data` fields. Numbers, member order and repeated members are
/// preserved as they were sent.
///
/// ```
/// use twilio_sync::value::Data;
///
/// let data = Data::from_json(r#"{"busy": true}"#.to_owned())?;
/// let value: serde_json::Value = data.decode()?;
/// assert_eq!(value["busy"], true);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(Box<RawValue>);

impl Data {
    /// Takes a JSON text.
    ///
    /// # Errors
    ///
    /// If the text is not one JSON value.
    pub fn from_json(text: String) -> serde_json::Result<Self> {
        RawValue::from_string(text).map(Self)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The members of an object in their order, repeated ones included: names, and values as they were
    /// sent. `None` if it is no object. A name that is no text, since it has half of a surrogate pair, is
    /// given as it was sent.
    ///
    /// ```
    /// use twilio_sync::value::Data;
    ///
    /// let data = Data::from_json(r#"{"total": 1e400, "busy": true}"#.to_owned())?;
    /// let members = data.members().expect("an object");
    /// assert_eq!((members[0].0.as_str(), members[0].1.as_str()), ("total", "1e400"));
    /// assert!(members[1].1.members().is_none());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn members(&self) -> Option<Vec<(String, Self)>> {
        let Level::Object(members) = level(self.as_str(), 0) else {
            return None;
        };
        let members = members.0.into_iter();
        let members = members.map(|member| {
            let value = Self::from_json(member.value.into_owned()).ok()?;
            Some((member.name, value))
        });
        members.collect()
    }

    /// Returns `true` if this is the same JSON as another: white space, the order of members and the
    /// notation of numbers do not matter. Numbers are compared exactly.
    ///
    /// ```
    /// use twilio_sync::value::Data;
    ///
    /// let data = |text: &str| Data::from_json(text.to_owned());
    /// assert!(data(r#"{"a":1,"b":2}"#)?.is_same_json(&data(r#"{"b": 2, "a": 1}"#)?));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn is_same_json(&self, other: &Self) -> bool {
        is_same_json(self.as_str(), other.as_str())
    }

    /// The data with a [JSON Merge Patch](https://www.rfc-editor.org/rfc/rfc7396) applied: what the patch
    /// does not name keeps its text and its place.
    ///
    /// ```
    /// use twilio_sync::value::Data;
    ///
    /// let data = |text: &str| Data::from_json(text.to_owned());
    /// let merged = data(r#"{"n":1.0,"on":true}"#)?.merge(&data(r#"{"on":null,"m":2}"#)?);
    /// assert_eq!(merged.as_str(), r#"{"n":1.0,"m":2}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn merge(&self, patch: &Self) -> Self {
        let merged = merge_patch(Some(self.as_str()), patch.as_str());
        // Of JSON texts it is one.
        Self::from_json(merged).unwrap_or_else(|_| self.clone())
    }

    /// Decodes the text into a type.
    ///
    /// # Errors
    ///
    /// If the data does not fit the type.
    pub fn decode<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.as_str())
    }
}

/// An object without members, `{}`.
impl Default for Data {
    fn default() -> Self {
        Self(serde_json::from_str("{}").unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Data {
    fn schema_name() -> Cow<'static, str> {
        "Data".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

/// Encodes a value as the JSON text of a `Data` field of at most `limit` bytes.
pub(crate) fn encode<T: Serialize + ?Sized>(
    what: &'static str,
    limit: usize,
    value: &T,
) -> Result<String, InputError> {
    let text = serde_json::to_string(value).map_err(|error| InputError::Encode {
        what,
        reason: error.to_string(),
    })?;
    checked_object(what, limit, text.into()).map(Cow::into_owned)
}

/// Checks that JSON text is an object of at most `limit` bytes. A text over the limit is returned
/// in its shortest form, if that is within it.
pub(crate) fn checked_object<'a>(
    what: &'static str,
    limit: usize,
    json: Cow<'a, str>,
) -> Result<Cow<'a, str>, InputError> {
    let found = match json.trim_ascii_start().as_bytes().first() {
        Some(b'{') => None,
        Some(b'[') => Some("an array"),
        Some(b'"') => Some("a text"),
        Some(b't' | b'f') => Some("a boolean"),
        Some(b'n') => Some("null"),
        _ => Some("a number"),
    };
    if let Some(found) = found {
        return Err(InputError::NotAnObject { what, found });
    }
    if json.len() <= limit {
        return Ok(json);
    }
    let json = shortest(&json);
    if json.len() > limit {
        return Err(InputError::DataTooLarge {
            what,
            limit,
            size: json.len(),
        });
    }
    Ok(json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_data() {
        for json in ["[1]", "\"x\"", "1", "-1", "true", "false", "null", " [{}]"] {
            let error = checked_object("data", 100, json.into()).unwrap_err();
            assert!(matches!(error, InputError::NotAnObject { .. }), "{json}");
        }
        assert!(checked_object("data", 100, " {}".into()).is_ok());
    }

    #[test]
    fn the_shortest_form_counts() {
        let long = format!("{{ \"x\": \"{}\" }}", "\\u00e9".repeat(10));
        assert_eq!(checked_object("data", 100, (&long).into()).unwrap(), long);
        let short = format!("{{\"x\":\"{}\"}}", "é".repeat(10));
        assert_eq!(checked_object("data", 28, (&long).into()).unwrap(), short);
        let error = checked_object("data", 27, long.into()).unwrap_err();
        let limit = 27;
        assert_eq!(
            error,
            InputError::DataTooLarge {
                what: "data",
                limit,
                size: 28
            }
        );
    }
}
