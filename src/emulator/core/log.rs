//! The log of requests, for tests to assert on.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use tokio::time::Instant;

use super::Parameters;
use crate::api::Operation;
use crate::emulator::store::Random;
use crate::emulator::subscribers::recent::{self, Recent};

/// A request that the emulator received.
///
/// The log has the newest 10,000, or fewer when their targets, bodies and headers
/// exceed 16 MiB. It has no credentials.
#[derive(Clone)]
pub struct LoggedRequest {
    operation: Option<Operation>,
    method: Method,
    target: Box<str>,
    body: Box<[u8]>,
    if_match: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    /// The identity of a live client; none for a request over HTTP.
    identity: Option<Box<str>>,
    status: Option<StatusCode>,
    code: Option<u32>,
    request_id: RequestId,
    received: DateTime<Utc>,
    started: Instant,
    duration: Duration,
}

impl LoggedRequest {
    /// A request without a response yet.
    pub(crate) fn new(
        operation: Option<Operation>,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        request_id: RequestId,
        received: DateTime<Utc>,
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
            identity: None,
            status: None,
            code: None,
            request_id,
            received,
            started: Instant::now(),
            duration: Duration::ZERO,
        }
    }

    /// Makes it a request that a live client has sent through its connection.
    pub(crate) fn set_tunnelled(&mut self, identity: &str, body: &[u8]) {
        self.identity = Some(identity.into());
        self.body = body.into();
    }

    /// The identity of the live client that sent it through its connection; none for a request over HTTP.
    ///
    /// The operation of such a request is the one of the REST API that does the same.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// The body as it was received: JSON of a live client, a form over HTTP.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The operation; none for a path or method the API does not have.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as it was received, percent-encoded.
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
        match self.identity {
            Some(_) => Vec::new(),
            None => decoded(&self.body),
        }
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

    /// The status of the response; none if the connection broke first.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Twilio's error code in the response; none for a success, or the response of a fault.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// The time it was received: the system's, or that of an emulator's clock that
    /// [follows Tokio's](crate::emulator::Clock::tokio).
    #[must_use]
    pub fn received(&self) -> DateTime<Utc> {
        self.received
    }

    /// The time from request to response by Tokio's clock, the delay of a fault included.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The `Twilio-Request-Id` of the response.
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
            .field("status", &self.status.map(|status| status.as_u16()))
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
pub(crate) struct RequestId(u128);

impl RequestId {
    pub(crate) fn new(random: &Random) -> Self {
        Self(random.number())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RQ{:032x}", self.0)
    }
}

impl recent::Entry for LoggedRequest {
    fn size(&self) -> usize {
        let header = |value: &Option<Box<str>>| value.as_ref().map_or(0, |value| value.len());
        self.method.as_str().len()
            + header(&self.identity)
            + self.target.len()
            + self.body.len()
            + header(&self.if_match)
            + header(&self.user_agent)
    }
}

/// A function that receives each request after its response.
pub(crate) type Observer = Arc<dyn Fn(&LoggedRequest) + Send + Sync>;

/// The newest requests, the oldest of them first.
#[derive(Default)]
pub(crate) struct RequestLog {
    recent: Recent<LoggedRequest>,
    observer: Option<Observer>,
}

impl RequestLog {
    pub(crate) fn observed_by(observer: Option<Observer>) -> Self {
        Self {
            recent: Recent::default(),
            observer,
        }
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.recent.entries()
    }

    pub(crate) fn clear(&self) {
        self.recent.clear();
    }

    /// An entry for a request. It is logged by [`respond`](Entry::respond), or when it is dropped
    /// before, as its connection ended.
    pub(crate) fn enter(&self, request: LoggedRequest) -> Entry<'_> {
        Entry {
            log: self,
            request: Some(request),
        }
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLog").finish_non_exhaustive()
    }
}

/// A request under way.
pub(crate) struct Entry<'a> {
    log: &'a RequestLog,
    request: Option<LoggedRequest>,
}

impl Entry<'_> {
    pub(crate) fn set_body(&mut self, body: &[u8]) {
        if let Some(request) = &mut self.request {
            request.body = body.into();
        }
    }

    pub(crate) fn respond(mut self, status: StatusCode, code: Option<u32>) {
        if let Some(request) = &mut self.request {
            request.status = Some(status);
            request.code = code;
        }
        self.finish();
    }

    fn finish(&mut self) {
        if let Some(mut request) = self.request.take() {
            request.duration = request.started.elapsed();
            match &self.log.observer {
                None => self.log.recent.push(request),
                Some(observer) => {
                    self.log.recent.push(request.clone());
                    observer(&request);
                }
            }
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        // A second panic would end the process, and the observer is not ours.
        if std::panic::catch_unwind(AssertUnwindSafe(|| self.finish())).is_err() {
            tracing::warn!("the observer of requests panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> LoggedRequest {
        let uri = Uri::from_static("/v1/Services?PageSize=1&Page=a%20b");
        LoggedRequest::new(
            Some(Operation::ListService),
            &Method::GET,
            &uri,
            &HeaderMap::new(),
            RequestId::new(&Random::default()),
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn all_parts_of_an_entry_count() {
        let target = format!("/{}", "x".repeat(60_000)).parse().unwrap();
        let mut headers = HeaderMap::new();
        let value = "a".repeat(1_600_000);
        headers.insert(header::USER_AGENT, value.parse().unwrap());
        headers.insert(header::IF_MATCH, value.parse().unwrap());
        let log = RequestLog::default();
        for _ in 0..10 {
            let id = RequestId::new(&Random::default());
            let received = DateTime::UNIX_EPOCH;
            let request = LoggedRequest::new(None, &Method::GET, &target, &headers, id, received);
            log.enter(request).respond(StatusCode::NOT_FOUND, None);
        }
        assert_eq!(log.requests().len(), 5);
    }

    #[test]
    fn a_panic_of_the_observer_ends_nothing_more() {
        let observer: Observer = Arc::new(|_| panic!("observed"));
        let log = RequestLog::observed_by(Some(observer));
        // As when a connection is given up because of another panic.
        let unwound = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let _entry = log.enter(request());
            panic!("of another");
        }));
        assert!(unwound.is_err());
        assert_eq!(log.requests().len(), 1);
    }

    #[test]
    fn parameters_are_decoded() {
        let request = request();
        assert_eq!(request.path(), "/v1/Services");
        let query = request.query();
        assert_eq!(query[1], ("Page".to_owned(), "a b".to_owned()));
    }
}
