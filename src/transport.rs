//! The one place every request passes: authorization, repetition, tracing, and bodies read whole.

use std::cell::RefCell;
use std::fmt::{self, Debug, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use progenitor_client::{ClientHooks, OperationInfo, ResponseValue};
use reqwest::{Request, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::{Instrument, Span, field::Empty};
use url::{Origin, Url};

use crate::api::{self, Data};
use crate::error::{
    Call, ConnectionError, Error, ErrorBody, InputError, ResponseError, Result, ServiceError,
    excerpt,
};
use crate::pace::{Pace, RateLimit};
use crate::retry::{Attempt, Failure, Observer, RetryPolicy, is_repeatable, retry_after};

/// The service's own name of a request, sent with each response.
static REQUEST_ID: HeaderName = HeaderName::from_static("twilio-request-id");

/// What the generated client sends its requests through.
///
/// Made by [`SyncClient::builder`](crate::SyncClient::builder).
#[derive(Clone)]
pub struct Transport {
    /// Where the service is.
    base: Url,
    /// Where the credentials may go.
    origin: Origin,
    authorization: HeaderValue,
    retry: RetryPolicy,
    observer: Option<Observer>,
    pace: Arc<Pace>,
}

impl Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

tokio::task_local! {
    /// What happened to the call that runs in this task: progenitor's results have no place for it.
    ///
    /// In a box, for it is moved in and out with each poll.
    static REPORT: RefCell<Option<Box<Report>>>;
}

/// What was sent, and the last answer to it.
struct Report {
    sent: Sent,
    answer: Option<(StatusCode, Bytes)>,
}

/// What becomes a [`Call`] if it fails. Of a call that succeeds nothing is written down.
struct Sent {
    operation: &'static str,
    method: Method,
    /// The request, to be sent again, and to say where it went.
    request: Request,
    attempts: u32,
    elapsed: Duration,
    request_id: Option<HeaderValue>,
    outcome_unknown: bool,
}

impl Sent {
    fn path(&self) -> String {
        self.request.url().path().to_owned()
    }

    /// Takes the request to send it, and says whether there is another, to send again.
    fn take(&mut self) -> (Request, bool) {
        let again = self.request.try_clone();
        // There always is: bodies are forms, in memory.
        let is_there = again.is_some();
        let url = || self.request.url().clone();
        let kept = again.unwrap_or_else(|| Request::new(self.method.clone(), url()));
        (std::mem::replace(&mut self.request, kept), is_there)
    }

    fn into_call(self) -> Call {
        let request_id = self.request_id.as_ref();
        Call {
            path: self.path(),
            request_id: request_id
                .and_then(|id| id.to_str().ok())
                .map(str::to_owned),
            operation: self.operation,
            method: self.method,
            attempts: self.attempts,
            elapsed: self.elapsed,
            outcome_unknown: self.outcome_unknown,
        }
    }
}

impl ClientHooks<Transport> for api::Client {
    async fn pre<E>(
        &self,
        request: &mut Request,
        _: &OperationInfo,
    ) -> std::result::Result<(), api::Error<E>> {
        // A client can be made with any base URL; the credentials are for one origin.
        if self.inner.is_at_origin(request.url()) {
            Ok(())
        } else {
            Err(api::Error::InvalidRequest(format!(
                "the credentials are for {}, not for {}",
                self.inner.origin.ascii_serialization(),
                request.url().origin().ascii_serialization(),
            )))
        }
    }

    fn exec(
        &self,
        request: Request,
        info: &OperationInfo,
    ) -> impl Future<Output = reqwest::Result<Response>> {
        let span = tracing::debug_span!(
            "twilio_sync",
            operation = info.operation_id,
            attempt = Empty,
            status = Empty,
            duration_ms = Empty,
        );
        let call = self.inner.execute(&self.client, request, info.operation_id);
        // On the heap: what a caller holds stays small, and so does what is moved.
        Box::pin(call.instrument(span))
    }
}

/// The whole body of a response, which goes with it to the generated client.
#[derive(Clone)]
struct Body(Bytes);

impl Transport {
    pub(crate) fn new(
        base: Url,
        authorization: HeaderValue,
        retry: RetryPolicy,
        observer: Option<Observer>,
        rate_limit: Option<RateLimit>,
    ) -> Self {
        Self {
            origin: base.origin(),
            base,
            authorization,
            retry,
            observer,
            pace: Arc::new(Pace::new(rate_limit)),
        }
    }

    /// The address of a path below a base, which is the client's.
    pub(crate) fn address(
        &self,
        base: &str,
        path: fmt::Arguments<'_>,
    ) -> std::result::Result<Url, String> {
        // To parse one takes longer than all else that is done to put a request together. A client
        // can be made with another, which is then parsed each time.
        let mut url = if base == self.base.as_str().trim_end_matches('/') {
            self.base.clone()
        } else {
            Url::parse(base).map_err(|error| format!("the base URL cannot be read: {error}"))?
        };
        let mut whole = String::with_capacity(160);
        whole.push_str(url.path().trim_end_matches('/'));
        // Writing to a string does not fail.
        let _ = whole.write_fmt(path);
        url.set_path(&whole);
        Ok(url)
    }

    /// Whether an address is where the credentials may go.
    fn is_at_origin(&self, url: &Url) -> bool {
        let Origin::Tuple(scheme, host, port) = &self.origin else {
            return false;
        };
        url.scheme() == scheme
            && url.host().is_some_and(|other| other == *host)
            && url.port_or_known_default() == Some(*port)
    }

    /// Sends a request, again where that is due and harmless, and tells the surrounding [`call`].
    ///
    /// What is sent is moved once and then lent, so that the future stays small.
    fn execute(
        &self,
        http: &reqwest::Client,
        request: Request,
        operation: &'static str,
    ) -> impl Future<Output = reqwest::Result<Response>> {
        let mut report = Box::new(Report {
            sent: Sent {
                operation,
                method: request.method().clone(),
                request,
                attempts: 0,
                elapsed: Duration::ZERO,
                request_id: None,
                outcome_unknown: false,
            },
            answer: None,
        });
        async move {
            let result = self.attempt_all(http, &mut report.sent).await;
            let span = Span::current();
            span.record("attempt", report.sent.attempts);
            span.record("duration_ms", report.sent.elapsed.as_secs_f64() * 1000.0);
            if let Ok((response, body)) = &result {
                span.record("status", response.status().as_u16());
                report.answer = Some((response.status(), body.clone()));
            }
            // Within `call` the body is taken from there. Outside of it nobody asked for a report, and
            // the body goes with the response.
            let is_reported = REPORT.try_with(|slot| slot.replace(Some(report))).is_ok();
            result.map(|(mut response, body)| {
                if !is_reported {
                    response.extensions_mut().insert(Body(body));
                }
                response
            })
        }
    }

    async fn attempt_all(
        &self,
        http: &reqwest::Client,
        sent: &mut Sent,
    ) -> reqwest::Result<(Response, Bytes)> {
        let form = sent.request.body().and_then(|body| body.as_bytes());
        let repeatable = is_repeatable(sent.operation, &sent.method, form);
        self.pace.turn().await;
        let started = Instant::now();
        let mut begun = started;
        loop {
            sent.attempts += 1;
            let (mut request, can_repeat) = sent.take();
            // Not before, so that what is kept to be sent again has none to copy.
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, self.authorization.clone());
            let result = receive(http.execute(request)).await;
            sent.elapsed = started.elapsed();

            let (failure, status, asked) = match &result {
                Ok((response, _)) => {
                    sent.request_id = response.headers().get(&REQUEST_ID).cloned();
                    let failure = Failure::of_status(response.status());
                    let asked = match failure {
                        Failure::Final => None,
                        _ => retry_after(response.headers()),
                    };
                    (failure, Some(response.status()), asked)
                }
                Err(error) => {
                    sent.request_id = None;
                    (Failure::of_connection(error), None, None)
                }
            };
            let delay = (can_repeat && failure.permits_repeat(repeatable))
                .then(|| self.retry.delay(sent.attempts, sent.elapsed, asked))
                .flatten();
            if status == Some(StatusCode::TOO_MANY_REQUESTS) {
                // The refusal is meant for all tasks of the client, not only the one that met it.
                self.pace
                    .slow_down(delay.unwrap_or_else(|| self.retry.pause(asked)));
            }
            tracing::debug!(
                attempt = sent.attempts,
                status = status.map(|status| status.as_u16()),
                delay_ms = delay.map(|delay| delay.as_secs_f64() * 1000.0),
                "attempt"
            );
            if let Some(Observer(observe)) = &self.observer {
                observe(&Attempt {
                    operation: sent.operation,
                    method: sent.method.clone(),
                    path: sent.path(),
                    number: sent.attempts,
                    status,
                    elapsed: begun.elapsed(),
                    next_delay: delay,
                });
            }
            let uncertain_before = sent.outcome_unknown;
            if sent.method != Method::GET {
                sent.outcome_unknown |= failure.may_have_written();
            }
            let Some(delay) = delay else {
                let (response, body) = result?;
                return Ok(settle(response, body, uncertain_before, sent));
            };
            drop(result);
            // On the heap, as few calls come here.
            Box::pin(tokio::time::sleep(delay)).await;
            self.pace.turn().await;
            begun = Instant::now();
        }
    }
}

/// What the last answer says of the attempts before it.
fn settle(response: Response, body: Bytes, uncertain: bool, sent: &mut Sent) -> (Response, Bytes) {
    let is_gone = uncertain
        && sent.method == Method::DELETE
        && response.status() == StatusCode::NOT_FOUND
        && ErrorBody::read(404, &body).code.is_some();
    let (response, body) = if is_gone {
        // An earlier attempt may have removed it; gone is what was asked for.
        let mut gone = http::Response::new(Bytes::new());
        *gone.status_mut() = StatusCode::NO_CONTENT;
        *gone.headers_mut() = response.headers().clone();
        (gone.into(), Bytes::new())
    } else {
        (response, body)
    };
    if response.status().is_success() {
        sent.outcome_unknown = false;
    }
    (response, body)
}

/// Receives a response with its whole body, so that one that breaks off counts as a failure of the
/// attempt. The address is taken off the error: the call has it, and tells it once.
async fn receive(
    response: impl Future<Output = reqwest::Result<Response>>,
) -> reqwest::Result<(Response, Bytes)> {
    let mut response = response.await.map_err(reqwest::Error::without_url)?;
    let body = read(&mut response)
        .await
        .map_err(reqwest::Error::without_url)?;
    Ok((response, body))
}

/// Reads the whole body, without a copy where it comes in one piece.
async fn read(response: &mut Response) -> reqwest::Result<Bytes> {
    let Some(first) = response.chunk().await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    // On the heap, for only pages are as long as this.
    Box::pin(read_on(response, first, second)).await
}

/// Reads the rest of a body that comes in pieces.
async fn read_on(response: &mut Response, first: Bytes, second: Bytes) -> reqwest::Result<Bytes> {
    let mut body = BytesMut::with_capacity(2 * (first.len() + second.len()));
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    while let Some(next) = response.chunk().await? {
        body.extend_from_slice(&next);
    }
    Ok(body.freeze())
}

/// Takes the body and the headers out of a response that came through [`Transport::execute`] just now.
fn take(response: &mut Response) -> (Bytes, HeaderMap) {
    let reported = REPORT.try_with(|slot| {
        let report = slot.borrow();
        let (_, body) = report.as_ref()?.answer.as_ref()?;
        Some(body.clone())
    });
    let carried = response.extensions_mut().remove::<Body>();
    let body = carried.map(|Body(body)| body).or(reported.ok().flatten());
    let headers = std::mem::take(response.headers_mut());
    (body.unwrap_or_default(), headers)
}

/// What the generated client makes of a success, in place of progenitor's `from_response`: the body
/// is there already.
#[allow(clippy::result_large_err)] // it is the generated client's
pub(crate) fn decoded<T: DeserializeOwned>(
    mut response: Response,
) -> Result<ResponseValue<T>, api::Error<ErrorBody>> {
    let (body, headers) = take(&mut response);
    match serde_json::from_slice(&body) {
        Ok(value) => Ok(ResponseValue::new(value, response.status(), headers)),
        Err(error) => Err(api::Error::InvalidResponsePayload(body, error)),
    }
}

/// The same of a success without a body.
pub(crate) fn empty(mut response: Response) -> ResponseValue<()> {
    let (_, headers) = take(&mut response);
    ResponseValue::new((), response.status(), headers)
}

/// The same of a refusal, whose body may be of any shape, such as a proxy's HTML.
pub(crate) fn refused(mut response: Response) -> api::Error<ErrorBody> {
    let (body, headers) = take(&mut response);
    let status = response.status();
    let body = ErrorBody::read(status.as_u16(), &body);
    api::Error::ErrorResponse(ResponseValue::new(body, status, headers))
}

/// The same of a status that the description does not have: a response whose body can be read.
pub(crate) fn unexpected(mut response: Response) -> api::Error<ErrorBody> {
    let (body, headers) = take(&mut response);
    let mut whole = http::Response::new(body);
    *whole.status_mut() = response.status();
    *whole.headers_mut() = headers;
    api::Error::UnexpectedResponse(whole.into())
}

/// Sends a request that the generated client did not make.
pub(crate) async fn sent(
    api: &api::Client,
    operation: &'static str,
    mut request: Request,
) -> Result<ResponseValue<Option<Data>>, api::Error<ErrorBody>> {
    let info = OperationInfo {
        operation_id: operation,
    };
    api.pre::<ErrorBody>(&mut request, &info).await?;
    let response = api.exec(request, &info).await?;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        return Err(refused(response));
    }
    if !status.is_success() {
        return Err(unexpected(response));
    }
    if status == StatusCode::NO_CONTENT {
        return empty(response).map(|()| None);
    }
    decoded::<Data>(response)?.map(Some)
}

/// Puts an address together for the generated client: it writes a format whose first part is its base
/// URL.
macro_rules! address {
    ($client:expr, $format:literal, $base:expr $(, $part:expr)* $(,)?) => {
        $client.inner.address(&$base, format_args!($format, "" $(, $part)*)).map_err($crate::api::Error::InvalidRequest)?
    };
}

pub(crate) use address;

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// Awaits a call of the generated client and makes an [`Error`] of its failure.
///
/// The call goes on the heap before anything is wrapped around it: it would be moved by each layer.
pub(crate) fn call<R: DeserializeOwned>(
    request: impl Future<Output = Result<ResponseValue<R>, api::Error<ErrorBody>>>,
) -> impl Future<Output = Result<R>> {
    let reported = Box::pin(request).map(|result| match result {
        Ok(response) => Ok(response.into_inner()),
        Err(error) => Err(failure::<R>(error, REPORT.with(RefCell::take))),
    });
    REPORT.scope(RefCell::new(None), reported)
}

fn failure<R: DeserializeOwned>(
    error: api::Error<ErrorBody>,
    report: Option<Box<Report>>,
) -> Error {
    let Some(report) = report else {
        // Nothing was sent: the request itself could not be put together.
        let reason = match error {
            api::Error::InvalidRequest(reason) => reason,
            error => error.to_string(),
        };
        return InputError::Request { reason }.into();
    };
    let Report { sent, answer } = *report;
    let mut call = sent.into_call();
    let (status, body) = answer.unwrap_or_default();
    let reason = match error {
        api::Error::ErrorResponse(response) => {
            let body = response.into_inner();
            return Error::Service(Box::new(ServiceError { call, body }));
        }
        api::Error::CommunicationError(source)
        | api::Error::ResponseBodyError(source)
        | api::Error::InvalidUpgrade(source) => {
            return Error::Connection(Box::new(ConnectionError::new(call, source)));
        }
        api::Error::InvalidResponsePayload(body, error) => misfit::<R>(&body, &error),
        api::Error::UnexpectedResponse(response) if status.is_redirection() => {
            let location = text(response.headers(), &header::LOCATION).unwrap_or_default();
            format!(
                "redirects (here to {location:?}) are not followed, for credentials go only to the \
                 configured address; check the base URL"
            )
        }
        api::Error::UnexpectedResponse(_) => "this status is not one of the operation's".to_owned(),
        api::Error::InvalidRequest(reason) | api::Error::Custom(reason) => reason,
    };
    // The service took the write, and then said something else than it should.
    call.outcome_unknown |= call.method != Method::GET && status.is_success();
    Error::Response(Box::new(ResponseError {
        call,
        status,
        reason,
        excerpt: excerpt(&body).into_owned(),
    }))
}

/// Where and why a body does not fit the type, found by decoding it once more.
fn misfit<R: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("it is cut short: {error}");
    }
    if error.is_syntax() {
        return format!("it is not JSON: {error}");
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, R>(&mut reader) {
        Err(error) => format!("at `{}`: {}", error.path(), error.inner()),
        Ok(_) => error.to_string(),
    }
}
