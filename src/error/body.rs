//! The body of an error response, in any shape.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of an error response of the service.
///
/// Bodies of other shapes than the documented one (of other parts of the platform, or a proxy's
/// page of HTML) are read as far as possible: the status is always there, and of a body that is not
/// JSON the start is in `excerpt`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ErrorBody {
    /// Twilio's error code, such as 20404 for a resource that does not exist.
    #[serde(default)]
    pub code: Option<i64>,
    /// The description of the error.
    #[serde(default)]
    pub message: Option<String>,
    /// Address of the documentation of the code.
    #[serde(default)]
    pub more_info: Option<String>,
    /// HTTP status of the response.
    #[serde(default)]
    pub status: u16,
    /// More about the failure, where the service has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// The start of a body that has neither code nor message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl ErrorBody {
    /// Reads the body of a response with an error status.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let mut read = Self {
            status,
            ..Self::default()
        };
        if let Ok(Value::Object(mut members)) = serde_json::from_slice(body) {
            // A text of several lines could look like one of this crate's or of a program's own.
            let text = |value: Option<Value>| match value {
                Some(Value::String(text)) => Some(on_one_line(&text)),
                _ => None,
            };
            read.code = match members.remove("code") {
                Some(Value::Number(code)) => code.as_i64(),
                Some(Value::String(code)) => code.parse().ok(),
                _ => None,
            };
            // The last two are names of RFC 9457.
            read.message = ["message", "detail", "title"]
                .iter()
                .find_map(|name| text(members.remove(*name)));
            read.more_info = ["more_info", "type"]
                .iter()
                .find_map(|name| text(members.remove(*name)));
            read.details = ["details", "params", "errors"]
                .iter()
                .find_map(|name| members.remove(*name))
                .filter(|details| !details.is_null());
        }
        if read.code.is_none() && read.message.is_none() && !body.is_empty() {
            read.excerpt = Some(excerpt(body).into_owned());
        }
        read
    }

    /// Returns `true` if it has a code of Twilio's.
    pub(crate) fn has_twilio_code(&self) -> bool {
        self.code.is_some_and(is_twilio_code)
    }
}

/// Most bytes of a body that an error shows.
const EXCERPT: usize = 200;

/// The start of a body as one line of text.
pub(crate) fn excerpt(body: &[u8]) -> Cow<'static, str> {
    let shown = &body[..body.len().min(EXCERPT)];
    let mut line = on_one_line(&String::from_utf8_lossy(shown));
    if line.is_empty() {
        return "(empty)".into();
    }
    if body.len() > EXCERPT {
        line.push('…');
    }
    line.into()
}

/// Returns `true` for a code that can be one of Twilio's, which all have five digits. A gateway may have
/// codes of its own.
pub(super) fn is_twilio_code(code: i64) -> bool {
    (10_000..100_000).contains(&code)
}

/// The words of a text on one line.
fn on_one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_shape() {
        let body = ErrorBody::read(
            404,
            br#"{"code":20404,"message":"gone","more_info":"https://x/20404","status":404}"#,
        );
        assert_eq!(body.code, Some(20404));
        assert_eq!(body.message.as_deref(), Some("gone"));
        assert_eq!(body.more_info.as_deref(), Some("https://x/20404"));
        assert_eq!((body.status, body.excerpt), (404, None));
    }

    #[test]
    fn texts_are_on_one_line() {
        let body = ErrorBody::read(
            400,
            br#"{"code":20001,"message":"no\nhint: run this\u001b[8m"}"#,
        );
        assert_eq!(body.message.as_deref(), Some("no hint: run this [8m"));
    }

    #[test]
    fn codes_of_others_are_not_twilios() {
        let is_twilios = |body: &[u8]| ErrorBody::read(404, body).has_twilio_code();
        assert!(is_twilios(br#"{"code":20404}"#) && is_twilios(br#"{"code":"54100"}"#));
        assert!(!is_twilios(br#"{"code":5,"message":"Not Found"}"#) && !is_twilios(b"{}"));
    }

    #[test]
    fn other_shapes_and_no_shape() {
        let body = ErrorBody::read(
            400,
            br#"{"type":"https://x","title":"Bad","status":400,"detail":"no","code":"54008"}"#,
        );
        assert_eq!(
            (body.code, body.message.as_deref()),
            (Some(54008), Some("no"))
        );
        let body = ErrorBody::read(503, b"<html>\n  <b>Service\tUnavailable</b></html>");
        assert_eq!(
            body.excerpt.as_deref(),
            Some("<html> <b>Service Unavailable</b></html>")
        );
        assert_eq!(ErrorBody::read(503, b"[1]").excerpt.as_deref(), Some("[1]"));
        assert_eq!(ErrorBody::read(503, b"").excerpt, None);
        let long = ErrorBody::read(503, &[b'x'; 300]).excerpt.unwrap();
        assert_eq!(long.chars().count(), 201);
        // Bytes that are no text, cut in the middle of a character.
        ErrorBody::read(503, &[0xF0, 0x9F, 0x98]);
    }
}
