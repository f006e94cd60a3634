//! The emulator as the HTTP service of a client in the same process.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Weak};

use futures_util::future::{Either, select};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use tokio::sync::watch;
use url::Position;

use super::Emulator;
use super::http::{Api, ResponseBody};
use crate::error::ConnectionFailure;
use crate::transport::{HttpError, HttpRequest, HttpResponse, HttpService};

impl Emulator {
    /// The emulator as an [`HttpService`], for
    /// [`SyncClientBuilder::http_service`](crate::SyncClientBuilder::http_service): calls reach it
    /// without a socket, also when it has one.
    ///
    /// A [`client`](Self::client) of an emulator [in process](Self::in_process) has it already. It
    /// does not keep the emulator alive: once that is dropped, calls fail as they do where nothing
    /// listens.
    #[must_use]
    pub fn http_service(&self) -> EmulatorService {
        EmulatorService {
            api: Arc::downgrade(&self.api),
            running: self.running.subscribe(),
        }
    }
}

/// An [`Emulator`] as an [`HttpService`]: see [`Emulator::http_service`].
#[derive(Clone)]
pub struct EmulatorService {
    api: Weak<Api>,
    /// Closed when the emulator is dropped.
    running: watch::Receiver<()>,
}

impl HttpService for EmulatorService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let Some(api) = self.api.upgrade() else {
            return Err(HttpError::new(
                ConnectionFailure::Connect,
                "the emulator was dropped",
            ));
        };
        api.core.expire_when_due();
        // As with a socket, other tasks run between a request and its response.
        tokio::task::yield_now().await;
        let is_head = request.method == Method::HEAD;
        let request = to_emulator(request)?;
        let mut running = self.running.clone();
        let exchange = pin!(api.respond(request));
        let response = match select(exchange, pin!(running.changed())).await {
            Either::Left((response, _)) => response.map_err(cut)?,
            Either::Right(_) => return Err(cut("the emulator was dropped")),
        };
        let (head, body) = response.into_parts();
        let (status, mut headers) = (head.status, head.headers);
        let mut body = body
            .into_bytes()
            .map_err(|error| HttpError::new(ConnectionFailure::Truncated, error))?;
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            body.clear();
        } else {
            headers.insert(header::CONTENT_LENGTH, body.len().into());
        }
        if is_head {
            body.clear();
        }
        Ok(HttpResponse {
            status,
            headers,
            body,
        })
    }
}

impl fmt::Debug for EmulatorService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorService").finish_non_exhaustive()
    }
}

/// The request as a connection would carry it.
fn to_emulator(request: HttpRequest) -> Result<Request<ResponseBody>, HttpError> {
    let HttpRequest {
        method,
        url,
        mut headers,
        body,
    } = request;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let uri = target.parse::<Uri>().map_err(cut)?;
    if !headers.contains_key(header::HOST) {
        let host = &url[Position::BeforeHost..Position::AfterPort];
        headers.insert(header::HOST, HeaderValue::from_str(host).map_err(cut)?);
    }
    let mut request = Request::new(ResponseBody::whole(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The error of a connection that ended before the response.
fn cut(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HttpError {
    HttpError::new(ConnectionFailure::Other, cause)
}
