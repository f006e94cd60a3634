//! Responses: as they come from the transport, and as a call gives them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;

use super::call::Request;
use super::operation::Operation;
use crate::error::{
    CallSummary, Doubt, Error, ErrorBody, ResponseError, Result, ServiceError, WriteOutcome,
    excerpt,
};

/// The service's own name of a request, sent with each response.
static REQUEST_ID: HeaderName = HeaderName::from_static("twilio-request-id");

/// How a response is read as a value.
pub(crate) type Read<T> = Box<dyn FnOnce(&RawResponse) -> Result<T> + Send>;

/// A whole response as it came, of any status, and the account of the attempts that led to it.
#[derive(Debug)]
pub struct RawResponse {
    pub(crate) request: Request,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// The doubt that failed attempts left.
    pub(crate) doubt: Doubt,
}

impl RawResponse {
    /// Returns `true` if the request was a write.
    pub(crate) fn is_write(&self) -> bool {
        !self.request.method().is_safe()
    }

    /// Returns `true` if the service says that there is nothing. A 404 without a code of Twilio's is a
    /// proxy's, and says nothing about the object.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && ErrorBody::read(404, &self.body).has_twilio_code()
    }

    fn summary(&self) -> CallSummary {
        self.request
            .summary(self.attempts, self.elapsed, Some(&self.headers), self.doubt)
    }

    /// The body of a success, which is `null` for none.
    ///
    /// # Errors
    ///
    /// The error that the response is, or that it cannot be used.
    fn success(&self) -> Result<&[u8]> {
        let expected = match self.request.operation() {
            Some(operation) => self.status.as_u16() == operation.status(),
            None => self.status.is_success(),
        };
        if expected {
            let is_empty = self.status == StatusCode::NO_CONTENT;
            return Ok(if is_empty { b"null" } else { &self.body });
        }
        if self.status.is_client_error() || self.status.is_server_error() {
            let body = ErrorBody::read(self.status.as_u16(), &self.body);
            let call = self.summary();
            let needs = self.request.operation().and_then(Operation::needs);
            return Err(Error::Service(Box::new(ServiceError { call, body, needs })));
        }
        let reason = if self.status.is_redirection() {
            let location = text(&self.headers, &header::LOCATION).unwrap_or_default();
            format!(
                "redirects (here to {location:?}) are not followed, for credentials go only to the \
                 configured address; check the base URL"
            )
        } else {
            "this status is not one of the operation's".to_owned()
        };
        Err(self.unusable(reason))
    }

    /// Checks that the response is a success.
    pub(super) fn check(&self) -> Result<()> {
        self.success().map(drop)
    }

    /// The error that the response cannot be used.
    fn unusable(&self, reason: String) -> Error {
        let mut call = self.summary();
        // A response of success that is not the service's own proves nothing.
        if self.is_write() && self.status.is_success() {
            call.outcome = WriteOutcome::Unknown;
        }
        Error::Response(Box::new(ResponseError {
            call,
            status: self.status,
            reason,
            excerpt: excerpt(&self.body).into_owned(),
        }))
    }

    /// Reads the body of a success as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.success()?;
        serde_json::from_slice(body).map_err(|error| self.unusable(misfit::<T>(body, &error)))
    }

    /// Reads the body of a success as JSON, if it fits.
    pub(crate) fn json_if_it_fits<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        Ok(serde_json::from_slice(self.success()?).ok())
    }
}

/// The place and the reason of a misfit between a body and its type, found by decoding once more.
fn misfit<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("it is cut short: {error}");
    }
    if error.is_syntax() {
        return format!("it is not JSON: {error}");
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => format!("at `{}`: {}", error.path(), error.inner()),
        Ok(_) => error.to_string(),
    }
}

/// A header that is text.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// The service's own name of the request, from the headers of its response.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    text(headers, &REQUEST_ID)
}

/// The service's own time of the response with these headers.
pub(super) fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = text(headers, &header::DATE)?;
    httpdate::parse_http_date(&date).ok().map(DateTime::from)
}

/// The wait that a response asks for, given in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The value of a call with the response it was read from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response<T> {
    /// The value.
    pub value: T,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The number of requests that were sent, the last one included.
    pub attempts: u32,
    /// How long all attempts took, waits between them included.
    pub elapsed: Duration,
}

impl<T> Response<T> {
    pub(super) fn new(value: T, response: RawResponse) -> Self {
        Self {
            value,
            status: response.status,
            headers: response.headers,
            attempts: response.attempts,
            elapsed: response.elapsed,
        }
    }

    /// The service's own name of the request, for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        request_id(&self.headers)
    }

    /// The service's own time of the response.
    #[must_use]
    pub fn date(&self) -> Option<DateTime<Utc>> {
        date(&self.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("3"), Some(Duration::from_secs(3)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(read(&later) > Some(Duration::from_secs(90)));
        assert_eq!(read("soon"), None);
    }
}
