//! The one place every request passes: authorization, repetition, tracing, and bodies read whole.

use std::fmt::{self, Debug};
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, StatusCode, header};
use progenitor_client::ResponseValue;
use reqwest::{Request, Response};
use tracing::{Instrument, field::Empty};
use url::{Position, Url};

use crate::answer::{decoded, empty, refused, unexpected};
use crate::api::{self, Data};
use crate::error::{ErrorBody, Result};
use crate::pace::{Pace, RateLimit};
use crate::report::{Report, hand_over};
use crate::retry::{Attempt, Failure, Observer, RetryPolicy, is_repeatable, retry_after};

/// What the generated client sends its requests through.
///
/// Made by [`SyncClient::builder`](crate::SyncClient::builder).
#[derive(Clone)]
pub struct Transport {
    /// Where the service is, and the credentials may go.
    base: Url,
    /// The same with a path as long as few are, so that copies have room for one.
    template: Url,
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

/// A request on its way, with all its attempts.
type Exchange<'a> =
    Pin<Box<dyn Future<Output = Result<Response, api::Error<ErrorBody>>> + Send + 'a>>;

/// What puts a request together, each time it is to be sent.
type Build<'a> = dyn Fn() -> Result<Request, api::Error<ErrorBody>> + Send + Sync + 'a;

/// Sends a request, again where that is due and harmless, and reports to the call it is part of, see
/// [`hand_over`].
///
/// What can be done is done before anything is awaited, so that the future has no room for it.
pub(crate) fn exchange<'a>(
    client: &'a api::Client,
    build: &'a Build<'_>,
    operation: &'static str,
) -> Exchange<'a> {
    let (http, transport) = (&client.client, &client.inner);
    let span = tracing::debug_span!(
        "twilio_sync",
        operation,
        attempt = Empty,
        status = Empty,
        duration_ms = Empty,
    );
    let mut report = Box::new(Report::new(operation));
    // Without one of its own, a call must not write to the current one, which is its caller's.
    report.span = (!span.is_disabled()).then(|| span.clone());
    // Now, if it has to wait for nothing.
    let is_held = transport.pace.is_held();
    let first = (!is_held).then(|| transport.begin(http, build, &mut report));
    let first = match first.transpose() {
        Ok(first) => first,
        Err(error) => return Box::pin(ready(Err(*error))),
    };
    let call = async move {
        let mut result = match first {
            Some(first) => first.await,
            // On the heap, and in a function of its own, as few calls come here; and so below.
            None => Box::pin(transport.attempt_in_turn(http, build, &mut report)).await?,
        };
        complete(&mut result, &mut report.answer).await;
        if let Some(status) = transport.plain_success(&result) {
            trace(&report, Some(status), None);
        } else {
            Box::pin(transport.persist(http, build, &mut result, &mut report)).await?;
        }
        report.record(&result);
        hand_over(report, &mut result);
        // The call has the address, and tells it once.
        Ok(result.map_err(reqwest::Error::without_url)?)
    };
    // On the heap: what a caller holds stays small, and so does what is moved.
    if span.is_disabled() {
        Box::pin(call)
    } else {
        Box::pin(call.instrument(span))
    }
}

/// Tells how an attempt went.
fn trace(report: &Report, status: Option<StatusCode>, delay: Option<Duration>) {
    tracing::debug!(
        attempt = report.call.attempts,
        status = status.map(|status| status.as_u16()),
        delay_ms = delay.map(|delay| delay.as_secs_f64() * 1000.0),
        "attempt"
    );
}

/// An address as it is put together. See [`address!`].
pub(crate) struct AddressBuilder {
    url: Url,
    pub(crate) path: String,
}

impl AddressBuilder {
    pub(crate) fn finish(mut self) -> Url {
        self.url.set_path(&self.path);
        self.url
    }
}

impl Transport {
    pub(crate) fn new(
        base: Url,
        authorization: HeaderValue,
        retry: RetryPolicy,
        observer: Option<Observer>,
        rate_limit: Option<RateLimit>,
    ) -> Self {
        Self {
            template: {
                let mut template = base.clone();
                template.set_path(&"-".repeat(200));
                template
            },
            base,
            authorization,
            retry,
            observer,
            pace: Arc::new(Pace::new(rate_limit)),
        }
    }

    /// The beginning of an address below a base, which is the client's.
    pub(crate) fn address(&self, base: &str) -> std::result::Result<AddressBuilder, String> {
        // To parse one takes longer than all else that is done to put a request together. A client
        // can be made with another, which is then parsed each time.
        let mut path = String::with_capacity(200);
        let url = if base == self.base.as_str().trim_end_matches('/') {
            path.push_str(self.base.path().trim_end_matches('/'));
            self.template.clone()
        } else {
            let url = Url::parse(base);
            let url = url.map_err(|error| format!("the base URL cannot be read: {error}"))?;
            path.push_str(url.path().trim_end_matches('/'));
            url
        };
        Ok(AddressBuilder { url, path })
    }

    /// Begins an attempt.
    fn begin(
        &self,
        http: &reqwest::Client,
        build: &Build<'_>,
        report: &mut Report,
    ) -> Result<impl Future<Output = reqwest::Result<Response>> + use<>, Box<api::Error<ErrorBody>>>
    {
        let mut request = build()?;
        self.check_origin(request.url())?;
        report.call.attempts += 1;
        report.call.method.clone_from(request.method());
        let authorization = self.authorization.clone();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization);
        Ok(http.execute(request))
    }

    /// Whether an address is where the credentials may go: a client can be made with any base URL.
    fn check_origin(&self, url: &Url) -> Result<(), Box<api::Error<ErrorBody>>> {
        // As it is written, which takes less than to make two origins, or as it is meant.
        if url[..Position::BeforePath] == self.base[..Position::BeforePath]
            || url.origin() == self.base.origin()
        {
            return Ok(());
        }
        let refusal = format!(
            "the credentials are for {}, not for {}",
            self.base.origin().ascii_serialization(),
            url.origin().ascii_serialization(),
        );
        Err(Box::new(api::Error::InvalidRequest(refusal)))
    }

    /// Makes an attempt when its turn has come, up to the head of the response.
    async fn attempt_in_turn(
        &self,
        http: &reqwest::Client,
        build: &Build<'_>,
        report: &mut Report,
    ) -> Result<reqwest::Result<Response>, api::Error<ErrorBody>> {
        self.pace.turn().await;
        report.waited();
        // After the first attempt this does not fail: it did not then.
        let attempt = self.begin(http, build, report).map_err(|error| *error)?;
        Ok(attempt.await)
    }

    /// Makes more attempts as long as that is due and harmless.
    async fn persist(
        &self,
        http: &reqwest::Client,
        build: &Build<'_>,
        result: &mut reqwest::Result<Response>,
        report: &mut Report,
    ) -> Result<(), api::Error<ErrorBody>> {
        while let Some(delay) = self.judge(result, build, report) {
            report.answer = None;
            tokio::time::sleep(delay).await;
            *result = self.attempt_in_turn(http, build, report).await?;
            complete(result, &mut report.answer).await;
        }
        Ok(())
    }

    /// The status of an attempt if there is nothing more to do about it, and nobody else to be told.
    fn plain_success(&self, result: &reqwest::Result<Response>) -> Option<StatusCode> {
        let status = result.as_ref().ok()?.status();
        (status.is_success() && self.observer.is_none()).then_some(status)
    }

    /// What comes of an attempt: how long to wait before another, if there is to be one.
    fn judge(
        &self,
        result: &mut reqwest::Result<Response>,
        build: &Build<'_>,
        report: &mut Report,
    ) -> Option<Duration> {
        let (failure, status, asked) = match result {
            Ok(response) => {
                report.note(Some(response.url()), Some(response.headers()));
                let failure = Failure::of_status(response.status());
                let asked = match failure {
                    Failure::Final => None,
                    _ => retry_after(response.headers()),
                };
                (failure, Some(response.status()), asked)
            }
            Err(error) => {
                report.note(error.url(), None);
                (Failure::of_connection(error), None, None)
            }
        };
        let is_repeatable = || {
            let request = build().ok();
            let form = request.as_ref().and_then(Request::body);
            let form = form.and_then(reqwest::Body::as_bytes);
            is_repeatable(report.call.operation, &report.call.method, form)
        };
        let delay = failure
            .permits_repeat(is_repeatable)
            .then(|| {
                self.retry
                    .delay(report.call.attempts, report.call.elapsed, asked)
            })
            .flatten();
        if status == Some(StatusCode::TOO_MANY_REQUESTS) {
            // The refusal is meant for all tasks of the client, not only the one that met it.
            self.pace
                .slow_down(delay.unwrap_or_else(|| self.retry.pause(asked)));
        }
        trace(report, status, delay);
        if let Some(Observer(observe)) = &self.observer {
            observe(&Attempt {
                operation: report.call.operation,
                method: report.call.method.clone(),
                path: report.call.path.clone(),
                number: report.call.attempts,
                status,
                elapsed: report.begun.elapsed(),
                next_delay: delay,
            });
        }
        let was_uncertain = report.call.outcome_unknown;
        report.call.outcome_unknown |=
            report.call.method != Method::GET && failure.may_have_written();
        if delay.is_none()
            && let Ok(response) = result
        {
            if was_uncertain {
                settle(response, report);
            }
            if response.status().is_success() {
                report.call.outcome_unknown = false;
            }
        }
        delay
    }
}

/// What the last answer says of the attempts before it, which may have taken effect.
fn settle(response: &mut Response, report: &mut Report) {
    if let Some((status, body)) = &mut report.answer
        && *status == StatusCode::NOT_FOUND
        && report.call.method == Method::DELETE
        && ErrorBody::read(404, body).code.is_some()
    {
        // One of them may have removed it; gone is what was asked for.
        *status = StatusCode::NO_CONTENT;
        *body = Bytes::new();
        let mut gone = http::Response::new(Bytes::new());
        *gone.status_mut() = *status;
        *gone.headers_mut() = std::mem::take(response.headers_mut());
        *response = gone.into();
    }
}

/// Receives the whole body of a response, so that one that breaks off counts as a failure of the
/// attempt.
async fn complete(
    result: &mut reqwest::Result<Response>,
    answer: &mut Option<(StatusCode, Bytes)>,
) {
    let Ok(response) = result else {
        return;
    };
    match read(response).await {
        Ok(body) => *answer = Some((response.status(), body)),
        Err(error) => *result = Err(error.with_url(response.url().clone())),
    }
}

/// Reads the whole body, without a copy where it comes in one piece.
async fn read(response: &mut Response) -> reqwest::Result<Bytes> {
    let Some(first) = response.chunk().await? else {
        return Ok(Bytes::new());
    };
    // How much there is still to come, where the service says so: then there is no end to wait for.
    if response.content_length() == Some(0) {
        return Ok(first);
    }
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

/// Sends a request that the generated client did not make.
pub(crate) async fn sent(
    api: &api::Client,
    operation: &'static str,
    request: Request,
) -> Result<ResponseValue<Option<Data>>, api::Error<ErrorBody>> {
    #[allow(clippy::result_large_err)] // it is the generated client's
    let copy = || {
        let reason = "its body is a stream, which cannot be sent again; give it one in memory";
        let copy = request.try_clone();
        copy.ok_or_else(|| api::Error::InvalidRequest(reason.to_owned()))
    };
    let response = exchange(api, &copy, operation).await?;
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

/// Puts an address together for the generated client, of texts and what stands between them.
macro_rules! address {
    ($client:expr $(, $text:literal $($part:ident)?)*) => {{
        let address = $client.inner.address(&$client.baseurl);
        let mut address = address.map_err($crate::api::Error::InvalidRequest)?;
        $(
            address.path.push_str($text);
            $({
                use $crate::names::Segment as _;
                $part.append_to(&mut address.path);
            })?
        )*
        address.finish()
    }};
}

pub(crate) use address;
