//! What happened to a call, and how whoever awaits it gets to know: progenitor's results have no place
//! for it.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pin_project_lite::pin_project;
use reqwest::Response;
use tokio::time::Instant;
use tracing::Span;
use url::Url;

use crate::error::Call;

/// The service's own name of a request, sent with each response.
static REQUEST_ID: HeaderName = HeaderName::from_static("twilio-request-id");

/// A call on its way, and the last answer to it. Of a call that succeeds at once, little is written
/// down.
pub(crate) struct Report {
    pub(crate) call: Call,
    pub(crate) started: Instant,
    /// When the last attempt began.
    pub(crate) begun: Instant,
    /// The status, and the whole body.
    pub(crate) answer: Option<(StatusCode, Bytes)>,
    /// The call's own span, if anybody listens.
    pub(crate) span: Option<Span>,
}

impl Report {
    pub(crate) fn new(operation: &'static str) -> Self {
        let now = Instant::now();
        Self {
            call: Call {
                operation,
                method: Method::GET,
                path: String::new(),
                attempts: 0,
                elapsed: Duration::ZERO,
                request_id: None,
                outcome_unknown: false,
            },
            started: now,
            begun: now,
            answer: None,
            span: None,
        }
    }

    /// Tells the call's span how it went, and lets go of it: what is made of the answer is no part of it.
    pub(crate) fn record(&mut self, result: &reqwest::Result<Response>) {
        let Some(span) = self.span.take() else {
            return;
        };
        span.record("attempt", self.call.attempts);
        let elapsed = self.started.elapsed();
        span.record("duration_ms", elapsed.as_secs_f64() * 1000.0);
        if let Ok(response) = result {
            span.record("status", response.status().as_u16());
        }
    }

    /// Takes down that an attempt had to wait and begins now.
    pub(crate) fn waited(&mut self) {
        self.begun = Instant::now();
        if self.call.attempts == 0 {
            // Waiting for the first turn is no part of the call.
            self.started = self.begun;
        }
    }

    /// Takes down what a call that fails has to tell of its last attempt.
    pub(crate) fn note(&mut self, url: Option<&Url>, headers: Option<&HeaderMap>) {
        url.map_or("", Url::path).clone_into(&mut self.call.path);
        self.call.elapsed = self.started.elapsed();
        self.call.request_id = headers.and_then(|headers| text(headers, &REQUEST_ID));
    }
}

/// A header that is text.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// Where a report is handed over.
struct Place(Option<Box<Report>>);

thread_local! {
    /// The place of the call that is polled on this thread, if one is.
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// The place of the call around one, for calls can be made within calls: put back when that has been
/// polled, also if it panics.
struct Around(Option<Place>);

impl Drop for Around {
    fn drop(&mut self) {
        PLACE.set(self.0.take());
    }
}

pin_project! {
    /// A call of the generated client, and what is made of it and what happened to it.
    pub(crate) struct Reported<F, M> {
        #[pin]
        call: F,
        make: M,
        report: Option<Box<Report>>,
    }
}

impl<F, M> Reported<F, M> {
    pub(crate) fn new(call: F, make: M) -> Self {
        Self {
            call,
            make,
            report: None,
        }
    }
}

impl<F, M, R> Future for Reported<F, M>
where
    F: Future,
    M: Fn(F::Output, Option<Box<Report>>) -> R,
{
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let around = Around(PLACE.replace(Some(Place(this.report.take()))));
        let polled = this.call.poll(context);
        *this.report = PLACE.take().and_then(|Place(report)| report);
        drop(around);
        polled.map(|result| (this.make)(result, this.report.take()))
    }
}

/// The whole body of a response outside of a [`Reported`] call.
#[derive(Clone)]
struct Body(Bytes);

/// Hands over what came of a call: to the [`Reported`] call it is part of, the report with the body.
/// Else nobody asked for a report, and the body goes with the response.
pub(crate) fn hand_over(report: Box<Report>, result: &mut reqwest::Result<Response>) {
    PLACE.with_borrow_mut(|place| {
        if let Some(Place(place)) = place {
            *place = Some(report);
        } else if let (Ok(response), Some((_, body))) = (result, report.answer) {
            response.extensions_mut().insert(Body(body));
        }
    });
}

/// Reads the body of a response that was handed over just now.
pub(crate) fn with_body<T>(response: &mut Response, read: impl FnOnce(&Bytes) -> T) -> T {
    PLACE.with_borrow(|place| {
        let reported = place.as_ref().and_then(|Place(report)| report.as_ref());
        if let Some((_, body)) = reported.and_then(|report| report.answer.as_ref()) {
            return read(body);
        }
        let carried = response.extensions_mut().remove();
        read(&carried.map(|Body(body)| body).unwrap_or_default())
    })
}

/// Takes down what a call has to tell whose answer, handed over just now, cannot be made use of.
pub(crate) fn note(response: &Response) {
    PLACE.with_borrow_mut(|place| {
        if let Some(Place(Some(report))) = place {
            report.note(Some(response.url()), Some(response.headers()));
        }
    });
}
