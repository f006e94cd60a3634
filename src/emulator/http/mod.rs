//! The HTTP side: from a request to the store and back.

mod auth;
mod bodies;
mod body;
mod call;
mod controls;
mod dispatch;
mod items;
mod objects;
mod paging;
pub(super) mod parameters;
mod permissions;
mod routing;
mod services;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::{Body, Incoming};
use tokio::runtime::Handle;

pub(super) use self::auth::Credentials;
use self::bodies::Site;
pub(super) use self::body::Answered;
use self::body::Unread;
use self::call::{Call, Reply};
use self::parameters::Parameters;
use self::routing::Route;
use super::clock::Clock;
use super::data_file::DataFile;
use super::error::{Failure, error_body};
use super::faults::{Action, Answer, Effect, Faults};
use super::log::{LoggedRequest, RequestId, RequestLog};
use super::store::{Flaw, Records, Store};
use super::webhooks::{Endpoints, WebhookLog};
use crate::api::Operation;

/// All that requests share.
pub(super) struct Api {
    pub(super) store: Store,
    pub(super) credentials: Credentials,
    pub(super) clock: Clock,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
    pub(super) webhooks: Arc<WebhookLog>,
    pub(super) endpoints: Endpoints,
    pub(super) data_file: Option<Arc<DataFile>>,
    /// Host and port, for clients that do not say how they see the emulator.
    pub(super) authority: String,
    pub(super) under_way: AtomicUsize,
    /// For what happens later, even when it is asked for outside the runtime.
    pub(super) runtime: Handle,
}

/// The connection is to be closed as it is, answered or not.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub(super) struct Cut;

/// Counts a request among those under way.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn enter(count: &'a AtomicUsize) -> (Self, usize) {
        let now = count.fetch_add(1, Ordering::Relaxed) + 1;
        (Self(count), now)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Api {
    /// Answers a request, or says that its connection is to be cut.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Answered>, Cut> {
        if let Some(control) = controls::control(request.uri().path()) {
            let control = control.to_owned();
            return self.control(&control, request).await;
        }
        let started = Instant::now();
        let (_guard, concurrent) = UnderWay::enter(&self.under_way);
        let request_id = RequestId::random();
        let (head, incoming) = request.into_parts();
        let route = Route::find(&head.method, head.uri.path());
        let mut entry = self.log.enter(LoggedRequest::new(
            route.operation(),
            &head.method,
            &head.uri,
            &head.headers,
            request_id,
        ));
        let body = match body::read(incoming, body::MAX_REQUEST).await {
            Ok(body) => Ok(body),
            Err(Unread::Refused(failure)) => Err(failure),
            Err(Unread::Gone) => return Err(Cut),
        };
        entry.set_body(body.as_deref().unwrap_or_default());

        let mut response = match self.faults.strike(route.operation()) {
            None => self.handle(&Head::of(&head), &route, body),
            Some(fault) if fault.delay.is_zero() => self.afflict(fault, &head, body)?,
            Some(fault) => self.afflict_later(fault, head.clone(), body).await?,
        };

        if head.method != Method::GET
            && let Err(failure) = self.kept().await
        {
            response = refuse(failure, head.uri.path());
        }

        let code = response.extensions().get::<Code>().map(|Code(code)| *code);
        entry.answered(response.status(), code);
        let authority = self.authority_of(&head.headers);
        add_headers(
            response.headers_mut(),
            authority,
            request_id,
            concurrent,
            started,
        );
        Ok(response)
    }

    /// Does to a request what a fault says.
    fn afflict(
        &self,
        fault: Action,
        head: &Parts,
        body: Result<Vec<u8>, Failure>,
    ) -> Result<Response<Answered>, Cut> {
        let handled = fault.after_write.then(|| {
            let route = Route::find(&head.method, head.uri.path());
            self.handle(&Head::of(head), &route, body)
        });
        let has_body = |response: &Response<Answered>| {
            head.method != Method::HEAD && !response.body().is_end_stream()
        };
        match (fault.effect, handled) {
            (Effect::Answer(answer), _) => Ok(scripted(answer)),
            (Effect::Truncate, Some(response)) if has_body(&response) => {
                Ok(response.map(Answered::broken_off))
            }
            (Effect::Garble, Some(response)) if has_body(&response) => {
                Ok(response.map(|_| garbage()))
            }
            (Effect::Wait, Some(response)) => Ok(response),
            (Effect::Cut | Effect::Truncate | Effect::Garble, _) | (_, None) => Err(Cut),
        }
    }

    /// Does to a request what a fault says, after its delay, even if the client gives up meanwhile.
    async fn afflict_later(
        self: &Arc<Self>,
        fault: Action,
        head: Parts,
        body: Result<Vec<u8>, Failure>,
    ) -> Result<Response<Answered>, Cut> {
        // The emulator does not live on for its sake.
        let api = Arc::downgrade(self);
        let later = tokio::spawn(async move {
            tokio::time::sleep(fault.delay).await;
            let api = api.upgrade().ok_or(Cut)?;
            api.afflict(fault, &head, body)
        });
        later.await.unwrap_or(Err(Cut))
    }

    /// Drops all services but the default one, and all endpoints.
    pub(super) fn reset(&self) {
        self.store.reset();
        self.endpoints.clear();
    }

    /// Puts a seed in place of everything; endpoints are gone.
    pub(super) fn seed(&self, seed: Records) -> Result<(), Flaw> {
        self.store.seed(seed)?;
        self.endpoints.clear();
        Ok(())
    }

    /// Answers a request as the service does.
    fn handle(
        &self,
        head: &Head<'_>,
        route: &Route<'_>,
        body: Result<Vec<u8>, Failure>,
    ) -> Response<Answered> {
        match self.try_handle(head, route, body) {
            Ok(reply) => {
                let mut response = respond(reply.status, reply.body.into());
                let etag = reply.etag.map(|revision| format!("\"{revision:x}\""));
                if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
                    response.headers_mut().insert(header::ETAG, etag);
                }
                response
            }
            Err(failure) => {
                let mut response = refuse(failure, head.path);
                match failure {
                    Failure::MethodNotAllowed => {
                        let allow = route.allow();
                        allow.map(|allow| response.headers_mut().insert(header::ALLOW, allow));
                    }
                    Failure::Unauthenticated => {
                        let challenge = HeaderValue::from_static("Basic realm=\"Twilio API\"");
                        let headers = response.headers_mut();
                        headers.insert(header::WWW_AUTHENTICATE, challenge);
                    }
                    _ => {}
                }
                response
            }
        }
    }

    fn try_handle(
        &self,
        head: &Head<'_>,
        route: &Route<'_>,
        body: Result<Vec<u8>, Failure>,
    ) -> Result<Reply, Failure> {
        self.credentials.check(head.headers)?;
        let operation = route.operation().ok_or_else(|| route.failure())?;
        let body = body?;
        let base = format!("http://{}", self.authority_of(head.headers));
        let call = Call {
            store: &self.store,
            site: Site {
                account_sid: self.credentials.account_sid(),
                base: &base,
            },
            names: route.names()?,
            query: Parameters::parse(head.query.as_bytes())?,
            form: form(head, &body)?,
            if_match: head.headers.get(header::IF_MATCH),
        };
        let reply = dispatch::dispatch(operation, &call)?;
        if operation == Operation::DeleteService {
            self.endpoints.forget_gone(&self.store);
        }
        Ok(reply)
    }

    /// Waits until what was written so far is in the data file, if there is one.
    async fn kept(&self) -> Result<(), Failure> {
        match &self.data_file {
            Some(file) => file.kept(file.asked()).await,
            None => Ok(()),
        }
    }

    /// Host and port as the client sees them.
    fn authority_of<'a>(&'a self, headers: &'a HeaderMap) -> &'a str {
        headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .filter(|host| !host.is_empty())
            .unwrap_or(&self.authority)
    }
}

/// The error code of an answer, for the log.
#[derive(Clone, Copy)]
struct Code(u32);

/// Answers with what is wrong with a request for `path`.
fn refuse(failure: Failure, path: &str) -> Response<Answered> {
    let body = failure.body(routing::unversioned(path));
    let mut response = respond(failure.status(), body.into());
    response.extensions_mut().insert(Code(failure.code()));
    response
}

/// What a request says before its body.
struct Head<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    fn of(head: &'a Parts) -> Self {
        Self {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
        }
    }
}

/// The form parameters of a POST; a body of any other type is refused.
fn form<'a>(head: &Head<'_>, body: &'a [u8]) -> Result<Parameters<'a>, Failure> {
    if head.method != Method::POST || body.is_empty() {
        return Ok(Parameters::default());
    }
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let is_form = content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| {
            value
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !is_form {
        return Err(Failure::InvalidBody);
    }
    Parameters::parse(body)
}

fn respond(status: StatusCode, body: Bytes) -> Response<Answered> {
    let is_empty = body.is_empty();
    let mut response = Response::new(Answered::whole(body));
    *response.status_mut() = status;
    if !is_empty {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

fn garbage() -> Answered {
    Answered::whole(Bytes::from_static(b"{\"sid\": \xff\xfe<html>"))
}

/// The answer of a fault.
fn scripted(answer: Answer) -> Response<Answered> {
    let status = answer.status;
    let body = answer.body.unwrap_or_else(|| {
        let reason = status.canonical_reason().unwrap_or("Scripted fault");
        // Twilio's general codes are the status behind 20.
        error_body(status, 20_000 + u32::from(status.as_u16()), reason).into()
    });
    let mut response = respond(status, body);
    for name in answer.headers.keys() {
        response.headers_mut().remove(name);
    }
    response.headers_mut().extend(answer.headers);
    response
}

/// Adds the headers that all answers have, but for those that a fault has set.
fn add_headers(
    headers: &mut HeaderMap,
    authority: &str,
    request_id: RequestId,
    concurrent: usize,
    started: Instant,
) {
    const CORS: [(HeaderName, HeaderValue); 5] = [
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, DELETE, OPTIONS"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, \
                 If-None-Match, If-Unmodified-Since, Idempotency-Key",
            ),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        ),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("ETag"),
        ),
    ];
    let mut add = |name, value| {
        headers.entry(name).or_insert(value);
    };
    for (name, value) in CORS {
        add(name, value);
    }
    add(
        HeaderName::from_static("twilio-concurrent-requests"),
        concurrent.into(),
    );
    add(
        HeaderName::from_static("x-home-region"),
        HeaderValue::from_static("us1"),
    );
    let duration = format!("{:.3}", started.elapsed().as_secs_f64());
    for (name, value) in [
        ("twilio-request-id", request_id.to_string().as_str()),
        ("twilio-request-duration", &duration),
        ("x-api-domain", authority),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            add(HeaderName::from_static(name), value);
        }
    }
}
