//! The transport: the one loop that every request passes, with rate limiter, attempts, observer and
//! span.

mod attempt;
mod http_service;
mod random;
mod rate_limit;
mod retry;
mod slowed_objects;

use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::field::Empty;
use url::Url;

pub use attempt::Attempt;
pub(crate) use attempt::Observer;
pub use http_service::{HttpError, HttpRequest, HttpResponse, HttpService, ReqwestService};
pub(crate) use random::Random;
pub use rate_limit::RateLimit;
use rate_limit::{RateLimiter, Refusal};
use retry::Failure;
pub(crate) use retry::backoff;

use crate::api::{Options, RawResponse, Request, Sender, retry_after};
use crate::error::{ConnectionError, ConnectionFailure, Doubt, Error, Result};

const USER_AGENT: &str = concat!("twilio-sync-rust/", env!("CARGO_PKG_VERSION"));
const FORM: &str = "application/x-www-form-urlencoded";

/// The settings of a transport.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The address of the service.
    pub(crate) base_url: Url,
    /// The value of the `Authorization` header.
    pub(crate) authorization: HeaderValue,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    pub(crate) retry: crate::api::RetryPolicy,
    /// Writes are retried also where that may do them twice.
    pub(crate) at_least_once: bool,
    pub(crate) rate_limit: RateLimit,
    pub(crate) observer: Option<Observer>,
    pub(crate) random: Arc<Random>,
}

/// Sends the requests of one client and its clones.
pub(crate) struct Transport<H> {
    settings: Settings,
    http: Arc<H>,
    /// The headers of every request.
    headers: HeaderMap,
    rate_limiter: RateLimiter,
}

impl<H> Debug for Transport<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("base_url", &self.settings.base_url.as_str())
            .field("retry", &self.settings.retry)
            .finish_non_exhaustive()
    }
}

impl<H: HttpService> Sender for Transport<H> {
    fn send(
        self: Arc<Self>,
        request: Request,
        options: Options,
    ) -> BoxFuture<'static, Result<RawResponse>> {
        let span = tracing::debug_span!(
            "twilio_sync",
            operation = request.name(),
            attempt = Empty,
            status = Empty,
            duration_ms = Empty,
        );
        Box::pin(async move {
            let exchange = self.exchange(request, &options);
            let result = exchange.instrument(span.clone()).await;
            let (attempts, status, elapsed) = match &result {
                Ok(response) => (response.attempts, Some(response.status), response.elapsed),
                Err(error) => {
                    let call = error.call();
                    let account = call.map(|call| (call.attempts, None, call.elapsed));
                    account.unwrap_or_default()
                }
            };
            span.record("attempt", attempts);
            span.record("status", status.map(|status| status.as_u16()));
            span.record("duration_ms", milliseconds(elapsed));
            result
        })
    }
}

impl<H: HttpService> Transport<H> {
    pub(crate) fn new(settings: Settings, http: Arc<H>) -> Self {
        let json = HeaderValue::from_static("application/json");
        Self {
            headers: HeaderMap::from_iter([
                (header::AUTHORIZATION, settings.authorization.clone()),
                (header::ACCEPT, json),
                (header::USER_AGENT, HeaderValue::from_static(USER_AGENT)),
            ]),
            rate_limiter: RateLimiter::new(settings.rate_limit, Arc::clone(&settings.random)),
            settings,
            http,
        }
    }

    /// Makes attempts until one succeeds, or the next is not due or could do harm.
    async fn exchange(&self, request: Request, options: &Options) -> Result<RawResponse> {
        let retry = options.retry.as_ref().unwrap_or(&self.settings.retry);
        let timeout = options.timeout.unwrap_or(self.settings.timeout);
        let is_write = !request.method().is_safe();
        let is_repeatable =
            request.is_repeatable() || options.at_least_once || self.settings.at_least_once;
        let mut doubt = Doubt::default();
        self.rate_limiter.permit(&request).await;
        // Waiting for the first permit is no part of the call.
        let started = Instant::now();
        let mut attempts = 0;
        // Refusals for the rate, and the time waited for them, count for the patience alone.
        let (mut refusals, mut waited) = (0, Duration::ZERO);
        let mut held = Duration::ZERO;
        loop {
            attempts += 1;
            let attempt_started = Instant::now();
            let result = self.attempt(&request, timeout).await;
            let elapsed = started.elapsed();

            let failure = Failure::of(&result);
            let delay = match &result {
                Ok(response) if failure == Failure::RateLimited => {
                    refusals += 1;
                    let refusal = Refusal {
                        response,
                        sent: attempt_started,
                        number: refusals,
                        spread: retry.base_delay,
                    };
                    let delay = self.rate_limiter.refused(&request, &refusal);
                    waited = waited.saturating_add(delay);
                    let is_patient = retry.is_patient(waited);
                    if is_patient {
                        self.rate_limiter.hold_back(&request, &refusal, delay);
                    }
                    is_patient.then_some(delay)
                }
                _ if failure.permits_retry(is_repeatable) => {
                    let headers = result.as_ref().ok().map(|response| &response.headers);
                    let asked = headers.and_then(retry_after);
                    let elapsed = elapsed.saturating_sub(held);
                    retry.delay(attempts - refusals, elapsed, asked, &self.settings.random)
                }
                _ => None,
            };
            if failure == Failure::None {
                self.rate_limiter.accepted(&request);
            }
            let status = result.as_ref().ok().map(|response| response.status);
            tracing::debug!(
                attempt = attempts,
                status = status.map(|status| status.as_u16()),
                delay_ms = delay.map(milliseconds),
                "attempt"
            );
            if let Some(observer) = &self.settings.observer {
                observer.observe(&Attempt {
                    operation: request.name(),
                    method: request.method().clone(),
                    path: request.path().to_owned(),
                    number: attempts,
                    status,
                    elapsed: attempt_started.elapsed(),
                    next_delay: delay,
                });
            }
            if is_write {
                failure.add_to(&mut doubt);
            }

            if let Some(delay) = delay {
                let waiting = Instant::now();
                tokio::time::sleep(delay).await;
                self.rate_limiter.permit(&request).await;
                if failure == Failure::RateLimited {
                    held += waiting.elapsed();
                }
                continue;
            }
            return match result {
                Ok(response) => Ok(RawResponse {
                    request,
                    doubt: if response.status.is_success() {
                        Doubt::default()
                    } else {
                        doubt
                    },
                    status: response.status,
                    headers: response.headers,
                    body: response.body,
                    attempts,
                    elapsed,
                }),
                Err(error) => {
                    let call = request.summary(attempts, elapsed, None, doubt);
                    let error = ConnectionError::new(call, error.kind(), error.into_source());
                    Err(Error::Connection(Box::new(error)))
                }
            };
        }
    }

    /// Makes one attempt within a time.
    async fn attempt(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<HttpResponse, HttpError> {
        let exchange = self.http.call(self.http_request(request));
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(elapsed) => Err(HttpError::new(ConnectionFailure::Timeout, elapsed)),
        }
    }

    fn http_request(&self, request: &Request) -> HttpRequest {
        let mut url = self.settings.base_url.clone();
        match url.path().trim_end_matches('/') {
            "" => url.set_path(request.path()),
            base => url.set_path(&format!("{base}{}", request.path())),
        }
        if !request.query().is_empty() {
            url.set_query(Some(request.query()));
        }
        // With room for the headers that the HTTP client adds.
        let mut headers = HeaderMap::with_capacity(6);
        headers.extend(
            self.headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if let Some(revision) = request.if_match() {
            headers.insert(header::IF_MATCH, revision.clone());
        }
        if request.form().is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FORM));
        }
        HttpRequest {
            method: request.method().clone(),
            url,
            headers,
            body: request.form().cloned().unwrap_or_default(),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
