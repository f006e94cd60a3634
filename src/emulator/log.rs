//! The log of requests, for tests to assert on.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::http::parameters::Parameters;
use super::recent::{self, Recent};
use crate::api::Operation;

/// A request the emulator got.
///
/// The newest 10,000 are kept, fewer when their targets, bodies and headers
/// exceed 16 MiB.
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
    code: Option<u32>,
    request_id: RequestId,
    received: SystemTime,
    started: Instant,
    duration: Duration,
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
            code: None,
            request_id,
            received: SystemTime::now(),
            started: Instant::now(),
            duration: Duration::ZERO,
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

    /// Twilio's error code in the answer; none for a success, or the answer of a fault.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// When it came, by the system's time.
    #[must_use]
    pub fn received(&self) -> DateTime<Utc> {
        self.received.into()
    }

    /// How long it took until it was answered, the delay of a fault included.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
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

impl recent::Entry for LoggedRequest {
    fn size(&self) -> usize {
        let header = |value: &Option<Box<str>>| value.as_ref().map_or(0, |value| value.len());
        self.method.as_str().len()
            + self.target.len()
            + self.body.len()
            + header(&self.if_match)
            + header(&self.user_agent)
    }
}

/// Is told of each request once it is answered.
pub(super) type Observer = Arc<dyn Fn(&LoggedRequest) + Send + Sync>;

/// The newest requests, the oldest of them first.
#[derive(Default)]
pub(super) struct RequestLog {
    recent: Recent<LoggedRequest>,
    observer: Option<Observer>,
}

impl RequestLog {
    pub(super) fn observed_by(observer: Option<Observer>) -> Self {
        Self {
            recent: Recent::default(),
            observer,
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.recent.entries()
    }

    pub(super) fn clear(&self) {
        self.recent.clear();
    }

    /// A request to be logged: when it is [answered](Entry::answered), or when
    /// what is returned is dropped before, as its connection is given up.
    pub(super) fn enter(&self, request: LoggedRequest) -> Entry<'_> {
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

    pub(super) fn answered(mut self, status: StatusCode, code: Option<u32>) {
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
            RequestId::random(),
        )
    }

    #[test]
    fn all_that_is_kept_counts() {
        let target = format!("/{}", "x".repeat(60_000)).parse().unwrap();
        let mut headers = HeaderMap::new();
        let value = "a".repeat(1_600_000);
        headers.insert(header::USER_AGENT, value.parse().unwrap());
        headers.insert(header::IF_MATCH, value.parse().unwrap());
        let log = RequestLog::default();
        for _ in 0..10 {
            let request =
                LoggedRequest::new(None, &Method::GET, &target, &headers, RequestId::random());
            log.enter(request).answered(StatusCode::NOT_FOUND, None);
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
