//! The log of requests, for tests to assert on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::http::parameters::Parameters;
use super::operation::Operation;

/// The most requests that are kept.
const MAX_ENTRIES: usize = 10_000;
/// The most bytes of bodies that are kept.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A request the emulator got.
///
/// The newest 10,000 are kept, fewer when their bodies exceed 16 MiB.
/// Credentials are never kept.
#[derive(Clone)]
pub struct LoggedRequest {
    operation: Option<Operation>,
    method: Method,
    target: Box<str>,
    body: Box<[u8]>,
    if_match: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    status: Option<StatusCode>,
    request_id: RequestId,
}

impl LoggedRequest {
    /// A request that has no answer yet.
    pub(super) fn new(
        operation: Option<Operation>,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        request_id: RequestId,
    ) -> Self {
        let text = |name| {
            let value = headers.get(name)?.as_bytes();
            Some(String::from_utf8_lossy(value).into())
        };
        Self {
            operation,
            method: method.clone(),
            target: uri
                .path_and_query()
                .map_or("", |target| target.as_str())
                .into(),
            body: Box::default(),
            if_match: text(header::IF_MATCH),
            user_agent: text(header::USER_AGENT),
            status: None,
            request_id,
        }
    }

    /// The operation; none for a path or method the API does not have.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path as it came, percent-encoding and all.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query parameters, decoded.
    #[must_use]
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        decoded(query.as_bytes())
    }

    /// The form parameters, decoded.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        decoded(&self.body)
    }

    /// The value of a form parameter.
    #[must_use]
    pub fn form_value(&self, name: &str) -> Option<String> {
        let parameters = Parameters::parse(&self.body).ok()?;
        parameters.get(name).map(ToOwned::to_owned)
    }

    /// The `If-Match` header.
    #[must_use]
    pub fn if_match(&self) -> Option<&str> {
        self.if_match.as_deref()
    }

    /// The `User-Agent` header.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The status it was answered with; none if the connection broke first.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status.map(|status| status.as_u16())
    }

    /// The `Twilio-Request-Id` of its answer.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.request_id.to_string()
    }
}

impl fmt::Debug for LoggedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedRequest")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("target", &self.target)
            .field("form", &self.form())
            .field("if_match", &self.if_match)
            .field("user_agent", &self.user_agent)
            .field("status", &self.status())
            .field("request_id", &self.request_id())
            .finish_non_exhaustive()
    }
}

/// Parameters of a request; none if it cannot be decoded.
fn decoded(text: &[u8]) -> Vec<(String, String)> {
    Parameters::parse(text)
        .map(Parameters::into_pairs)
        .unwrap_or_default()
}

/// A `Twilio-Request-Id`.
#[derive(Clone, Copy)]
pub(super) struct RequestId(u128);

impl RequestId {
    pub(super) fn random() -> Self {
        Self(fastrand::u128(..))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RQ{:032x}", self.0)
    }
}

#[derive(Debug, Default)]
struct Entries {
    requests: VecDeque<LoggedRequest>,
    bytes: usize,
}

/// The newest requests, the oldest of them first.
#[derive(Debug, Default)]
pub(super) struct RequestLog(Mutex<Entries>);

impl RequestLog {
    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, request: LoggedRequest) {
        let mut entries = self.lock();
        entries.bytes += request.body.len();
        entries.requests.push_back(request);
        while entries.requests.len() > MAX_ENTRIES || entries.bytes > MAX_BYTES {
            let Some(oldest) = entries.requests.pop_front() else {
                break;
            };
            entries.bytes -= oldest.body.len();
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        let old = std::mem::take(&mut *self.lock());
        drop(old);
    }

    /// Logs a request when what is returned is dropped: when it was answered
    /// or its connection was given up.
    pub(super) fn enter(&self, request: LoggedRequest) -> Entry<'_> {
        Entry {
            log: self,
            request: Some(request),
        }
    }
}

/// A request under way.
pub(super) struct Entry<'a> {
    log: &'a RequestLog,
    request: Option<LoggedRequest>,
}

impl Entry<'_> {
    pub(super) fn set_body(&mut self, body: &[u8]) {
        if let Some(request) = &mut self.request {
            request.body = body.into();
        }
    }

    pub(super) fn set_status(&mut self, status: StatusCode) {
        if let Some(request) = &mut self.request {
            request.status = Some(status);
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.log.push(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: usize) -> LoggedRequest {
        let uri = Uri::from_static("/v1/Services?PageSize=1&Page=a%20b");
        let mut request = LoggedRequest::new(
            Some(Operation::ListService),
            &Method::GET,
            &uri,
            &HeaderMap::new(),
            RequestId::random(),
        );
        request.body = vec![b'a'; body].into();
        request
    }

    #[test]
    fn the_oldest_go_first() {
        let log = RequestLog::default();
        for _ in 0..MAX_ENTRIES + 5 {
            log.push(request(0));
        }
        assert_eq!(log.requests().len(), MAX_ENTRIES);
        log.push(request(MAX_BYTES));
        log.push(request(1));
        assert_eq!(log.requests().len(), 1);
        log.clear();
        assert!(log.requests().is_empty());
    }

    #[test]
    fn parameters_are_decoded() {
        let request = request(0);
        assert_eq!(request.path(), "/v1/Services");
        let query = request.query();
        assert_eq!(query[1], ("Page".to_owned(), "a b".to_owned()));
    }
}
