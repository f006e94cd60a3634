//! The seam below the transport: one HTTP exchange. reqwest is behind it, or whatever a user gives.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::error::ConnectionFailure;

/// One HTTP exchange: a request with its body to a response with its whole body.
///
/// It should limit the size of the bodies that it reads, as reqwest behind a client does, to 12 MiB.
/// Retries, time limits, rate limits and logs stand above it. A client has reqwest behind it unless
/// [`SyncClientBuilder::http_service`](crate::SyncClientBuilder::http_service) sets another: one with a
/// proxy or layers of its own, or one of a test, which needs no socket.
///
/// ```
/// use bytes::Bytes;
/// use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};
/// use twilio_sync::{Credentials, SyncClient};
///
/// /// Answers each request with an empty page of Documents.
/// #[derive(Debug)]
/// struct Empty;
///
/// impl HttpService for Empty {
///     async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
///         assert_eq!(request.url.path(), "/v1/Services/default/Documents");
///         let page = r#"{"documents": [], "meta": {"next_page_url": null}}"#;
///         Ok(HttpResponse::new(http::StatusCode::OK, Bytes::from(page)))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> twilio_sync::Result<()> {
/// use futures_util::TryStreamExt;
///
/// let sync = SyncClient::builder()
///     .credentials(Credentials::auth_token("AC0123456789abcdef0123456789abcdef", "secret")?)
///     .service("default")
///     .http_service(Empty)
///     .build()?;
/// let documents: Vec<_> = sync.documents::<serde_json::Value>().all().try_collect().await?;
/// assert!(documents.is_empty());
/// # Ok(())
/// # }
/// ```
pub trait HttpService: Debug + Send + Sync + 'static {
    /// Sends a request, and reads the whole response. Dropped before it is done, it is cancelled.
    fn call(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse, HttpError>> + Send;
}

/// A request with its body. `Debug` does not show the credentials.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The headers, with the `Authorization` header among them.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

/// A response with its whole body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpResponse {
    /// A response without headers.
    #[must_use]
    pub fn new(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
        }
    }
}

/// An exchange without a complete response.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {source}")]
pub struct HttpError {
    kind: ConnectionFailure,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl HttpError {
    /// A failure of some kind, with its cause.
    pub fn new(
        kind: ConnectionFailure,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }

    /// How the exchange failed.
    #[must_use]
    pub fn kind(&self) -> ConnectionFailure {
        self.kind
    }

    /// Returns `true` if the service may have processed the request. It cannot have if there was no
    /// connection.
    #[must_use]
    pub fn may_have_been_processed(&self) -> bool {
        self.kind != ConnectionFailure::Connect
    }

    pub(super) fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.source
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // A request that cannot be built is not sent.
        let kind = if error.is_connect() || error.is_builder() {
            ConnectionFailure::Connect
        } else if error.is_timeout() {
            ConnectionFailure::Timeout
        } else if error.is_body() || error.is_decode() {
            ConnectionFailure::Truncated
        } else {
            ConnectionFailure::Other
        };
        // The error of the call has the address.
        Self::new(kind, error.without_url())
    }
}

/// HTTP by reqwest.
///
/// The client should follow no redirect, for the credentials would travel with it, and should not
/// retry, for the transport above does.
#[derive(Clone, Debug)]
pub struct ReqwestService(reqwest::Client);

impl ReqwestService {
    /// A service of a client of one's own.
    #[must_use]
    pub fn new(client: reqwest::Client) -> Self {
        Self(client)
    }
}

impl HttpService for ReqwestService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut sent = reqwest::Request::new(request.method, request.url);
        *sent.headers_mut() = request.headers;
        if !request.body.is_empty() {
            *sent.body_mut() = Some(request.body.into());
        }
        let mut response = self.0.execute(sent).await?;
        Ok(HttpResponse {
            status: response.status(),
            headers: std::mem::take(response.headers_mut()),
            body: whole_body(&mut response).await?,
        })
    }
}

/// Most bytes of a response body. A page of 100 items of 16 KiB takes at most 10 MiB, with each byte of data
/// escaped by six.
const MAX_BODY: usize = 12 * 1024 * 1024;

/// A response body of more than [`MAX_BODY`] bytes.
#[derive(Debug, thiserror::Error)]
#[error("it has more than {} MiB", MAX_BODY / 1024 / 1024)]
struct TooLarge;

/// Reads a body to its end, without a copy where it comes in one piece.
async fn whole_body(response: &mut reqwest::Response) -> Result<Bytes, HttpError> {
    let too_large = || HttpError::new(ConnectionFailure::TooLarge, TooLarge);
    let first = response.chunk().await?.unwrap_or_default();
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&second);
    while let Some(next) = response.chunk().await? {
        if next.len() > MAX_BODY.saturating_sub(body.len()) {
            return Err(too_large());
        }
        body.extend_from_slice(&next);
    }
    Ok(body.freeze())
}
