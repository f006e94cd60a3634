//! What happened to a call, and how whoever awaits it gets to know: progenitor's results have no place
//! for it.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pin_project_lite::pin_project;
use progenitor_client::ResponseValue;
use reqwest::Response;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use crate::answer::failure;
use crate::api;
use crate::error::{Call, ErrorBody, Result};

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
    /// A call of the generated client with what happened to it, which becomes part of the [`Error`] if
    /// it fails.
    ///
    /// [`Error`]: crate::Error
    pub(crate) struct Reported<F> {
        #[pin]
        call: F,
        report: Option<Box<Report>>,
    }
}

impl<F> Reported<F> {
    pub(crate) fn new(call: F) -> Self {
        Self { call, report: None }
    }
}

impl<F, R> Future for Reported<F>
where
    F: Future<Output = Result<ResponseValue<R>, api::Error<ErrorBody>>>,
    R: DeserializeOwned,
{
    type Output = Result<R>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let this = self.project();
        let around = Around(PLACE.replace(Some(Place(this.report.take()))));
        let polled = this.call.poll(context);
        *this.report = PLACE.take().and_then(|Place(report)| report);
        drop(around);
        polled.map(|result| match result {
            Ok(response) => Ok(response.into_inner()),
            Err(error) => Err(failure::<R>(error, this.report.take())),
        })
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
