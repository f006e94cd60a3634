//! The headers of frames.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// The header of a frame. Members that are not known are ignored, and so are those that neither end
/// reads, whatever their type: one that Twilio has changed must not make a frame unreadable.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// The name of the message; a reply has that of the message it is for.
    #[serde(default)]
    pub(crate) id: String,
    /// The length of the payload in bytes; writing a frame sets it.
    #[serde(default)]
    pub(crate) payload_size: usize,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) payload_type: Option<String>,
    #[serde(flatten)]
    pub(crate) method: Method,
}

impl Header {
    pub(crate) fn new(id: impl Into<String>, method: Method) -> Self {
        Self {
            id: id.into(),
            payload_size: 0,
            payload_type: None,
            method,
        }
    }
}

/// The purpose of a frame, with the members that only such frames have.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub(crate) enum Method {
    /// The first message of a client.
    Init {
        token: Token,
        #[serde(default)]
        continuation_token: Option<String>,
        #[serde(default)]
        capabilities: Vec<String>,
        #[serde(default)]
        registrations: Option<Vec<InitRegistration>>,
        /// The name and version of the client software.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata: Option<serde_json::Value>,
    },
    /// A new access token of the client.
    Update { token: Token },
    /// A request of the client to the REST service behind.
    Message {
        /// The product that the request is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        active_grant: Option<String>,
        http_request: HttpRequest,
    },
    /// The reply to any message of the other end.
    Reply(Box<Reply>),
    /// An event of the service.
    Notification {
        #[serde(skip_deserializing)]
        message_type: String,
        #[serde(skip_deserializing)]
        notification_ctx_id: String,
    },
    /// An advice of the service to the client.
    ClientUpdate {
        #[serde(default, deserialize_with = "or_default")]
        client_update_type: String,
        #[serde(skip_deserializing)]
        client_update_message: String,
    },
    /// A message that only wants a reply.
    Ping,
    /// The end of the connection; the service says why.
    Close {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
    },
    /// A message that is not known.
    #[serde(other)]
    Other,
}

/// A reply: the result of the message, for a request also that of the service behind, and for the first
/// message the terms of the connection.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reply {
    #[serde(default)]
    pub(crate) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) http_status: Option<Status>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) http_headers: Option<BTreeMap<String, String>>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) capabilities: Option<Vec<String>>,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) continuation_token: Option<String>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) continuation_token_status: Option<ContinuationStatus>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) offline_storage: Option<BTreeMap<String, OfflineStorage>>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) account_descriptor: Option<AccountDescriptor>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) init_registrations: Option<Vec<InitRegistration>>,
}

/// Reads a member that a frame is of use without: one of another type is as one that is not there.
fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + DeserializeOwned,
    D: Deserializer<'de>,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The result of a message or request. Kotlin's reader wants integers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    pub(crate) code: u16,
    #[serde(default, rename = "status", deserialize_with = "or_default")]
    pub(crate) text: String,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) description: Option<String>,
    #[serde(
        default,
        rename = "errorCode",
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) error_code: Option<u32>,
}

impl Status {
    /// The status of a success.
    pub(crate) fn ok() -> Self {
        Self {
            code: 200,
            text: "OK".to_owned(),
            ..Self::default()
        }
    }

    /// The status of an error, with Twilio's code and a text.
    pub(crate) fn error(code: u16, text: &str, error_code: u32, description: &str) -> Self {
        Self {
            code,
            text: text.to_owned(),
            description: Some(description.to_owned()),
            error_code: Some(error_code),
        }
    }
}

/// An access token, which `Debug` does not show.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Token(pub(crate) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A request to the REST service behind.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HttpRequest {
    /// The host of the service behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// The path, percent-encoded.
    pub(crate) path: String,
    pub(crate) method: String,
    /// The query, whose values are percent-encoded.
    #[serde(default)]
    pub(crate) params: BTreeMap<String, Values>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Values>,
}

impl HttpRequest {
    /// The value of a header; names have no case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .and_then(|(_, values)| values.first())
    }
}

/// One value or several: JavaScript sends text where there is one, Kotlin always an array.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Values {
    One(String),
    Several(Vec<String>),
}

impl Values {
    pub(crate) fn first(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Several(values) => values.first().map(String::as_str),
        }
    }
}

/// The events that a client wants, as JavaScript states them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InitRegistration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notification_ctx_id: Option<String>,
    pub(crate) product: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) message_types: Vec<String>,
}

/// The reason that a client gets a new continuation token.
#[derive(Debug, Serialize)]
pub(crate) struct ContinuationStatus {
    pub(crate) reissued: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reissue_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reissue_message: Option<String>,
}

/// The name of the browser's storage for what a client has read.
#[derive(Debug, Serialize)]
pub(crate) struct OfflineStorage {
    pub(crate) storage_id: String,
}

/// The account of a connection.
#[derive(Debug, Serialize)]
pub(crate) struct AccountDescriptor {
    pub(crate) account_sid: String,
    /// Services, by product.
    pub(crate) instance_sids: BTreeMap<String, String>,
    pub(crate) identity: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_do_not_show() {
        let header = json!({"id": "1", "method": "init", "token": "secret", "registrations": null});
        let header: Header = serde_json::from_value(header).unwrap();
        assert!(!format!("{header:?}").contains("secret"));
        assert!(matches!(header.method, Method::Init { .. }));
    }

    #[test]
    fn statuses_have_twilios_names() {
        let status = Status::error(410, "TOKEN_EXPIRED", 51207, "Token expired");
        let shown = serde_json::to_value(status).unwrap();
        let expected = json!({"code": 410, "status": "TOKEN_EXPIRED", "description": "Token expired",
            "errorCode": 51207});
        assert_eq!(shown, expected);
    }

    #[test]
    fn members_that_no_end_reads_may_be_of_any_type() {
        for header in [
            json!({"id": "1", "method": "notification", "message_type": "twilio.sync.event"}),
            json!({"id": "1", "method": "notification", "notification_ctx_id": null,
                "message_type": 1, "payload_type": []}),
            json!({"id": "1", "method": "client_update", "client_update_type": "token_about_to_expire"}),
            json!({"id": "1", "method": "client_update", "client_update_type": null}),
        ] {
            let read = serde_json::from_value::<Header>(header.clone());
            let method = read.map(|header| header.method);
            assert!(
                matches!(
                    method,
                    Ok(Method::Notification { .. } | Method::ClientUpdate { .. })
                ),
                "{header}: {method:?}"
            );
        }
        let header = json!({"id": "1", "method": "reply", "payload_type": {},
            "status": {"code": 200, "status": null, "description": 1, "errorCode": "none"},
            "http_status": {"code": 404}, "http_headers": {"etag": ["1", "2"]}, "capabilities": {},
            "continuation_token": 1, "continuation_token_status": {}, "init_registrations": [{}],
            "offline_storage": {"data_sync": {}}, "account_descriptor": "AC"});
        let header: Header = serde_json::from_value(header).unwrap();
        let Method::Reply(reply) = header.method else {
            panic!("{header:?}");
        };
        assert_eq!((reply.status.code, reply.continuation_token), (200, None));
        assert_eq!(reply.http_status.map(|status| status.code), Some(404));
    }
}
