//! The REST API over HTTP: from a request to the [core](super::core) and back.
//!
//! It knows no socket: [`server`](super::server) gives it the requests of connections, and
//! [`in_process`](super::in_process) those of a client in the same process.

mod auth;
mod bodies;
mod body;
mod call;
mod controls;
mod dispatch;
mod effects;
mod items;
mod objects;
mod paging;
mod parameters;
mod permissions;
mod rate_limits;
mod response;
mod routing;
mod services;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use hyper::body::Body;
use tokio::time::Instant;

use self::auth::BasicAuth;
use self::bodies::Site;
use self::body::ReadError;
pub(super) use self::body::ResponseBody;
use self::call::{Call, Reply};
use self::response::{Code, add_headers, error_response, respond};
use self::routing::Route;
use super::core::{Core, LoggedRequest, Parameters, RequestId};
use super::store::ServiceError;
use crate::api::Operation;

/// The REST API of one emulator.
pub(super) struct Api {
    pub(super) core: Arc<Core>,
    auth: BasicAuth,
    /// Host and port for requests without a `Host` header.
    authority: String,
    /// The number of requests without a response yet.
    concurrent: AtomicUsize,
}

/// The connection ends without a complete response.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub(super) struct Cut;

/// Counts a request as concurrent until it is dropped.
struct Concurrent<'a>(&'a AtomicUsize);

impl<'a> Concurrent<'a> {
    fn enter(count: &'a AtomicUsize) -> (Self, usize) {
        let now = count.fetch_add(1, Ordering::Relaxed) + 1;
        (Self(count), now)
    }
}

impl Drop for Concurrent<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Api {
    pub(super) fn new(core: Arc<Core>, authority: String) -> Self {
        Self {
            auth: BasicAuth::new(&core.credentials),
            core,
            authority,
            concurrent: AtomicUsize::new(0),
        }
    }

    /// Responds to a request, or fails where its connection is to be cut.
    pub(super) async fn respond<B>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Result<Response<ResponseBody>, Cut>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        if let Some(control) = controls::control(request.uri().path()) {
            let control = control.to_owned();
            return self.control(&control, request).await;
        }
        let started = Instant::now();
        let (_guard, concurrent) = Concurrent::enter(&self.concurrent);
        let request_id = RequestId::new(&self.core.random);
        let (head, incoming) = request.into_parts();
        let route = Route::find(&head.method, head.uri.path());
        let mut entry = self.core.log.enter(LoggedRequest::new(
            route.operation(),
            &head.method,
            &head.uri,
            &head.headers,
            request_id,
            self.core.clock.log_time(),
        ));
        let body = match body::read(incoming, body::MAX_REQUEST).await {
            Ok(body) => Ok(body),
            Err(ReadError::TooLarge) => Err(ServiceError::TooLarge),
            Err(ReadError::Disconnected) => return Err(Cut),
        };
        entry.set_body(body.as_deref().unwrap_or_default());

        let mut response = match self.core.faults.strike(route.operation()) {
            None => self.handle(&Head::of(&head), &route, body),
            Some(fault) if fault.delay.is_zero() => self.apply(fault, &head, body)?,
            Some(fault) => self.apply_later(fault, head.clone(), body).await?,
        };

        if head.method != Method::GET
            && let Err(error) = self.core.wait_for_data_file().await
        {
            response = error_response(error, head.uri.path());
        }

        let code = response.extensions().get::<Code>().map(|Code(code)| *code);
        entry.respond(response.status(), code);
        let authority = self.authority_of(&head.headers);
        add_headers(
            response.headers_mut(),
            authority,
            request_id,
            concurrent,
            started,
            self.core.clock.now(),
        );
        Ok(response)
    }

    /// Responds to a request as the service does.
    fn handle(
        &self,
        head: &Head<'_>,
        route: &Route<'_>,
        body: Result<Vec<u8>, ServiceError>,
    ) -> Response<ResponseBody> {
        match self.try_handle(head, route, body) {
            Ok(reply) => {
                let mut response = respond(reply.status, reply.body.into());
                let etag = reply.etag.map(|revision| format!("\"{revision:x}\""));
                if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
                    response.headers_mut().insert(header::ETAG, etag);
                }
                response
            }
            Err(error) => {
                let mut response = error_response(error, head.path);
                match error {
                    ServiceError::MethodNotAllowed => {
                        let allow = route.allow();
                        allow.map(|allow| response.headers_mut().insert(header::ALLOW, allow));
                    }
                    ServiceError::Unauthenticated => {
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
        body: Result<Vec<u8>, ServiceError>,
    ) -> Result<Reply, ServiceError> {
        if head.method != Method::GET && self.is_from_foreign_page(head.headers) {
            return Err(ServiceError::ForeignPage);
        }
        self.auth.check(head.headers)?;
        let operation = route.operation().ok_or_else(|| route.error())?;
        let body = body?;
        let base = format!("http://{}", self.authority_of(head.headers));
        let call = Call {
            store: &self.core.store,
            random: &self.core.random,
            site: Site {
                account_sid: self.core.credentials.account_sid().as_str(),
                base: &base,
            },
            names: route.names()?,
            query: Parameters::parse(head.query.as_bytes())?,
            form: form(head, &body)?,
            if_match: head.headers.get(header::IF_MATCH),
        };
        if let Some(limits) = &self.core.rate_limits {
            rate_limits::count(limits, operation, &call)?;
        }
        let reply = dispatch::dispatch(operation, &call)?;
        if operation == Operation::DeleteService {
            self.core.remove_stale_endpoints();
        }
        Ok(reply)
    }

    /// Returns true if a request comes from a web page of another origin: a browser that knows the
    /// credentials would add them to the requests of any page.
    fn is_from_foreign_page(&self, headers: &HeaderMap) -> bool {
        let own = format!("http://{}", self.authority_of(headers));
        let origin = headers.get(header::ORIGIN);
        let site = headers.get("sec-fetch-site");
        origin.is_some_and(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
            || site.is_some_and(|site| site.as_bytes() == b"cross-site")
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

/// A request without its body.
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

/// The form parameters of a POST; a body of another type is an error.
fn form<'a>(head: &Head<'_>, body: &'a [u8]) -> Result<Parameters<'a>, ServiceError> {
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
        return Err(ServiceError::InvalidBody);
    }
    Parameters::parse(body)
}
