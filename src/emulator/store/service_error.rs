//! The errors of the service: one table of statuses, codes and messages.

use std::borrow::Cow;

use http::StatusCode;

use super::sid::Sid;

/// A error of a request, with one variant for each documented error of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceError {
    /// No object, item, permission, service or path of that name.
    NotFound,
    MethodNotAllowed,
    Unauthenticated,
    /// An identity lacks a right.
    Forbidden,
    /// Data, message or request body over its limit; list or map full.
    TooLarge,
    /// A body that is no form, `Data` that is no JSON object, a flag that is no boolean.
    InvalidBody,
    InvalidIfMatch,
    NoParameters,
    InvalidTtl,
    InvalidWebhookUrl,
    InvalidFriendlyName,
    InvalidDocumentData,
    DocumentRevisionMismatch,
    ListItemRevisionMismatch,
    InvalidListItemData,
    MapItemRevisionMismatch,
    InvalidMapItemData,
    MapItemExists,
    InvalidMapKey,
    InvalidMessageData,
    UniqueNameTaken,
    InvalidUniqueName,
    InvalidIdentity,
    InvalidOrder,
    InvalidBounds,
    InvalidPageToken,
    InvalidPageSize,
    InvalidListIndex,
    /// A required parameter without a code of its own is missing.
    MissingParameter(&'static str),
    /// A parameter without a code of its own has a value it cannot have.
    InvalidParameter(&'static str),
    /// A write from a web page of another origin.
    ForeignPage,
    /// A request above a rate: the limit, the kind that it is of, and which one of these.
    RateLimited(&'static str, &'static str, Sid),
    /// A write that the data file could not store.
    NotStored,
}

impl ServiceError {
    /// The HTTP status, Twilio's code, and the fixed part of the message.
    #[allow(clippy::too_many_lines)] // a table
    fn parts(self) -> (StatusCode, u32, &'static str) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
        const STALE: StatusCode = StatusCode::PRECONDITION_FAILED;
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, 20404, "The requested resource"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, 20004, "Method not allowed"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, 20003, "Authenticate"),
            Self::Forbidden => (FORBIDDEN, 54007, "Access forbidden for identity"),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                54006,
                "Request entity too large",
            ),
            Self::InvalidBody => (
                BAD,
                54008,
                "Invalid request body: the type of one of the attributes is invalid",
            ),
            Self::InvalidIfMatch => (BAD, 54003, "Invalid If-Match header"),
            Self::NoParameters => (BAD, 54010, "No parameters specified"),
            Self::InvalidTtl => (
                BAD,
                54011,
                "Invalid TTL. Expected an integer from 0 to 31536000, or nothing",
            ),
            Self::InvalidWebhookUrl => (BAD, 54051, "Invalid webhook URL"),
            Self::InvalidFriendlyName => (
                BAD,
                54053,
                "Invalid friendly name. Expected a string with length 1-255",
            ),
            Self::InvalidDocumentData => (BAD, 54101, "Invalid Document data"),
            Self::DocumentRevisionMismatch => (
                STALE,
                54103,
                "The revision of the Document does not match the expected revision",
            ),
            Self::ListItemRevisionMismatch => (
                STALE,
                54155,
                "The revision of the List Item does not match the expected revision",
            ),
            Self::InvalidListItemData => (BAD, 54156, "Invalid List Item data"),
            Self::MapItemRevisionMismatch => (
                STALE,
                54205,
                "The revision of the Map Item does not match the expected revision",
            ),
            Self::InvalidMapItemData => (BAD, 54206, "Invalid Map Item data"),
            Self::MapItemExists => (
                CONFLICT,
                54208,
                "An Item with given key already exists in the Map",
            ),
            Self::InvalidMapKey => (
                BAD,
                54209,
                "Invalid Map Item key. Expected a string with length 1-320",
            ),
            Self::InvalidMessageData => (BAD, 54251, "Invalid Stream Message data"),
            Self::UniqueNameTaken => (CONFLICT, 54301, "Unique name already exists"),
            Self::InvalidUniqueName => (
                BAD,
                54302,
                "Invalid unique name. Expected a string with length 1-320 \
                 not matching the SID pattern [A-Z]{2}[a-f0-9]{32}",
            ),
            Self::InvalidIdentity => (
                BAD,
                54351,
                "Invalid identity. Expected a string with length 1-256",
            ),
            Self::InvalidOrder => (BAD, 54451, "Invalid Order. Expected asc or desc"),
            Self::InvalidBounds => (
                BAD,
                54452,
                "Invalid Bounds. Expected inclusive or exclusive",
            ),
            Self::InvalidPageToken => (BAD, 54453, "Invalid PageToken"),
            Self::InvalidPageSize => (
                BAD,
                54454,
                "Invalid PageSize. Expected an integer from 1 to 1000",
            ),
            Self::InvalidListIndex => (
                BAD,
                54458,
                "Invalid List Item index. Expected a non-negative integer",
            ),
            Self::MissingParameter(_) => (BAD, 20001, "Missing required parameter"),
            Self::InvalidParameter(_) => (BAD, 20422, "Invalid parameter"),
            Self::ForeignPage => (FORBIDDEN, 20003, "No writes from pages of another origin"),
            Self::RateLimited(..) => (
                StatusCode::TOO_MANY_REQUESTS,
                54009,
                "Rate limit exceeded for",
            ),
            Self::NotStored => (
                StatusCode::INTERNAL_SERVER_ERROR,
                20500,
                "Internal server error: the emulator's data file cannot be written any more",
            ),
        }
    }

    /// The HTTP status of the response.
    pub(crate) fn status(self) -> StatusCode {
        self.parts().0
    }

    /// Twilio's code.
    pub(crate) fn code(self) -> u32 {
        self.parts().1
    }

    /// The message; `path` is the path of the request, without `/v1`.
    pub(crate) fn message(self, path: &str) -> Cow<'static, str> {
        let (_, _, text) = self.parts();
        match self {
            Self::NotFound => format!("{text} {path} was not found").into(),
            Self::MissingParameter(name) => format!("{text} {name} in the post body").into(),
            Self::InvalidParameter(name) => format!("{text} {name}").into(),
            Self::RateLimited(limit, kind, sid) => format!("{text} {limit}{kind}-{sid}").into(),
            _ => text.into(),
        }
    }
}
