//! The one place every request passes: authorization, repetition, tracing, and bodies read whole.

use std::cell::RefCell;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use progenitor_client::{ClientHooks, OperationInfo, ResponseValue};
use reqwest::{Request, Response};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::{Instrument, Span, field::Empty};
use url::Origin;

use crate::api;
use crate::error::{
    Call, ConnectionError, Error, ErrorBody, InputError, ResponseError, Result, ServiceError,
    excerpt,
};
use crate::pace::{Pace, RateLimit};
use crate::retry::{Attempt, Failure, Observer, RetryPolicy, is_repeatable, retry_after};

/// The service's own name of a request, sent with each response.
const REQUEST_ID: &str = "twilio-request-id";

/// What the generated client sends its requests through.
///
/// Made by [`SyncClient::builder`](crate::SyncClient::builder).
#[derive(Clone)]
pub struct Transport {
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
    static REPORT: RefCell<Option<Report>>;
}

/// A call, and the last answer to it.
struct Report {
    call: Call,
    answer: Option<(StatusCode, Bytes)>,
}

impl ClientHooks<Transport> for api::Client {
    async fn pre<E>(
        &self,
        request: &mut Request,
        _: &OperationInfo,
    ) -> std::result::Result<(), api::Error<E>> {
        // progenitor adds it to every request; Twilio knows no such header.
        request.headers_mut().remove("api-version");
        // A client can be made with any base URL; the credentials are for one origin.
        if request.url().origin() == self.inner.origin {
            Ok(())
        } else {
            Err(api::Error::InvalidRequest(format!(
                "the credentials are for {}, not for {}",
                self.inner.origin.ascii_serialization(),
                request.url().origin().ascii_serialization(),
            )))
        }
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        let span = tracing::debug_span!(
            "twilio_sync",
            operation = info.operation_id,
            attempt = Empty,
            status = Empty,
            duration_ms = Empty,
        );
        let call = self.inner.execute(&self.client, request, info.operation_id);
        // On the heap, for otherwise each call weighs 16 KiB in the future of its caller.
        Box::pin(call.instrument(span)).await
    }
}

/// A response with its whole body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Transport {
    pub(crate) fn new(
        origin: Origin,
        authorization: HeaderValue,
        retry: RetryPolicy,
        observer: Option<Observer>,
        rate_limit: Option<RateLimit>,
    ) -> Self {
        Self {
            origin,
            authorization,
            retry,
            observer,
            pace: Arc::new(Pace::new(rate_limit)),
        }
    }

    /// Sends a request, again where that is due and harmless, and tells the surrounding [`call`].
    async fn execute(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        operation: &'static str,
    ) -> reqwest::Result<Response> {
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, self.authorization.clone());
        let mut call = Call {
            operation,
            method: request.method().clone(),
            path: request.url().path().to_owned(),
            attempts: 0,
            elapsed: Duration::ZERO,
            request_id: None,
            outcome_unknown: false,
        };
        let result = self.attempt_all(http, request, &mut call).await;
        let span = Span::current();
        span.record("attempt", call.attempts);
        span.record("duration_ms", call.elapsed.as_secs_f64() * 1000.0);
        if let Ok(answer) = &result {
            span.record("status", answer.status.as_u16());
        }
        let answer = result.as_ref().ok();
        let answer = answer.map(|answer| (answer.status, answer.body.clone()));
        // Outside of `call` nobody asked for it.
        let _ = REPORT.try_with(|slot| slot.replace(Some(Report { call, answer })));
        result.map(Answer::into_response)
    }

    async fn attempt_all(
        &self,
        http: &reqwest::Client,
        request: Request,
        call: &mut Call,
    ) -> reqwest::Result<Answer> {
        let form = request.body().and_then(|body| body.as_bytes());
        let repeatable = is_repeatable(call.operation, &call.method, form);
        let mut request = request;
        self.pace.turn().await;
        let started = Instant::now();
        loop {
            let again = request.try_clone();
            let begun = Instant::now();
            call.attempts += 1;
            let result = send(http, request).await;
            call.elapsed = started.elapsed();

            let (failure, status, asked) = match &result {
                Ok(answer) => {
                    call.request_id = text(&answer.headers, REQUEST_ID);
                    (
                        Failure::of_status(answer.status),
                        Some(answer.status),
                        retry_after(&answer.headers),
                    )
                }
                Err(error) => {
                    call.request_id = None;
                    (Failure::of_connection(error), None, None)
                }
            };
            let delay = (failure.permits_repeat(repeatable) && again.is_some())
                .then(|| self.retry.delay(call.attempts, call.elapsed, asked))
                .flatten();
            if status == Some(StatusCode::TOO_MANY_REQUESTS) {
                // The refusal is meant for all tasks of the client, not only the one that met it.
                self.pace
                    .slow_down(delay.unwrap_or_else(|| self.retry.pause(asked)));
            }
            tracing::debug!(
                attempt = call.attempts,
                status = status.map(|status| status.as_u16()),
                delay_ms = delay.map(|delay| delay.as_secs_f64() * 1000.0),
                "attempt"
            );
            if let Some(Observer(observe)) = &self.observer {
                observe(&Attempt {
                    operation: call.operation,
                    method: call.method.clone(),
                    path: call.path.clone(),
                    number: call.attempts,
                    status,
                    elapsed: begun.elapsed(),
                    next_delay: delay,
                });
            }
            let uncertain_before = call.outcome_unknown;
            if call.method != Method::GET {
                call.outcome_unknown |= failure.may_have_written();
            }
            match (delay, again) {
                (Some(delay), Some(again)) => {
                    tokio::time::sleep(delay).await;
                    self.pace.turn().await;
                    request = again;
                }
                _ => return result.map(|answer| settle(answer, uncertain_before, call)),
            }
        }
    }
}

/// What the last answer says of the attempts before it.
fn settle(mut answer: Answer, uncertain: bool, call: &mut Call) -> Answer {
    let is_gone = || {
        answer.status == StatusCode::NOT_FOUND && ErrorBody::read(404, &answer.body).code.is_some()
    };
    if uncertain && call.method == Method::DELETE && is_gone() {
        // An earlier attempt may have removed it; gone is what was asked for.
        answer.status = StatusCode::NO_CONTENT;
        answer.body = Bytes::new();
    }
    if answer.status.is_success() {
        call.outcome_unknown = false;
    }
    answer
}

/// Sends a request and reads the whole response, so that one that breaks off counts as a failure of
/// the attempt. The address is taken off the error: the call has it, and tells it once.
async fn send(http: &reqwest::Client, request: Request) -> reqwest::Result<Answer> {
    let mut response = http
        .execute(request)
        .await
        .map_err(reqwest::Error::without_url)?;
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let body = response
        .bytes()
        .await
        .map_err(reqwest::Error::without_url)?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

impl Answer {
    /// Hands the answer to the generated client. The body of a refusal, which may be a proxy's HTML,
    /// is put in the shape the description gives it, for otherwise progenitor loses the status.
    fn into_response(self) -> Response {
        let Self {
            status,
            headers,
            body,
        } = self;
        let body = if status.is_client_error() || status.is_server_error() {
            serde_json::to_vec(&ErrorBody::read(status.as_u16(), &body)).map_or(body, Bytes::from)
        } else {
            body
        };
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response.into()
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// Awaits a call of the generated client and makes an [`Error`] of its failure.
pub(crate) async fn call<R: DeserializeOwned>(
    request: impl Future<Output = Result<ResponseValue<R>, api::Error<ErrorBody>>>,
) -> Result<R> {
    let (result, report) = REPORT
        .scope(RefCell::new(None), async {
            let result = request.await;
            (result, REPORT.with(RefCell::take))
        })
        .await;
    match result {
        Ok(response) => Ok(response.into_inner()),
        Err(error) => Err(failure::<R>(error, report)),
    }
}

fn failure<R: DeserializeOwned>(error: api::Error<ErrorBody>, report: Option<Report>) -> Error {
    let Some(Report { mut call, answer }) = report else {
        // Nothing was sent: the request itself could not be put together.
        let reason = match error {
            api::Error::InvalidRequest(reason) => reason,
            error => error.to_string(),
        };
        return InputError::Request { reason }.into();
    };
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
            let location = text(response.headers(), "location").unwrap_or_default();
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
