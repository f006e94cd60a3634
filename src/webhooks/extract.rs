//! An axum extractor of webhooks whose signature was checked.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, OriginalUri, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};

use super::{SIGNATURE_HEADER, Validator, Webhook, WebhookError};

/// How webhooks are received: the auth token, and the address that the service calls. It is part of an
/// axum application's state.
#[derive(Clone, Debug)]
pub struct Receiver(Arc<Settings>);

#[derive(Debug)]
struct Settings {
    validator: Validator,
    /// It may have a password.
    public_url: Option<SecretString>,
}

impl Receiver {
    /// A receiver with the account's auth token.
    ///
    /// The address the service called is taken to be what the headers `X-Forwarded-Proto` and
    /// `X-Forwarded-Host` say, or the `Host` header and `http`. Who forges them can send again, to this
    /// receiver, what was signed for another one of the account; with
    /// [`public_url`](Self::public_url) nobody can.
    pub fn new(auth_token: impl Into<SecretString>) -> Self {
        Self(Arc::new(Settings {
            validator: Validator::new(auth_token),
            public_url: None,
        }))
    }

    /// The same with the address that the service calls, up to the path: `https://example.com`, or
    /// `https://example.com/below` if a proxy takes that off. Path and query are the request's. A user and
    /// a password in it are part of what is signed, and are not logged.
    #[must_use]
    pub fn public_url(self, url: impl Into<String>) -> Self {
        let url = url.into().trim_end_matches('/').to_owned();
        Self(Arc::new(Settings {
            validator: self.0.validator.clone(),
            public_url: Some(url.into()),
        }))
    }

    /// The address that the service called.
    fn address(&self, uri: &Uri, headers: &HeaderMap) -> String {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if let Some(url) = &self.0.public_url {
            return format!("{}{path}", url.expose_secret());
        }
        // Of several proxies the first is the one that was called.
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            value
                .split(',')
                .map(str::trim)
                .find(|value| !value.is_empty())
        };
        let host = first("x-forwarded-host").or_else(|| first(header::HOST.as_str()));
        // HTTP/2 has the host in the request's own address.
        let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
        let scheme = first("x-forwarded-proto")
            .or(uri.scheme_str())
            .unwrap_or("http");
        format!("{scheme}://{}{path}", host.unwrap_or_default())
    }
}

/// A webhook that came from the service: an axum extractor that checks the signature and reads what it
/// says. The response is 403 to a wrong signature, and 400 to a form that is not a webhook of Sync.
/// Each rejection is a `tracing` event of level WARN with its `reason` and the `address` that was
/// checked.
///
/// ```
/// use axum::{Router, routing::post};
/// use twilio_sync::webhooks::{Receiver, SignedWebhook};
///
/// async fn on_event(SignedWebhook(webhook): SignedWebhook) {
///     println!("{}", webhook.event_type());
/// }
///
/// let receiver = Receiver::new("the account's auth token").public_url("https://example.com");
/// let app: Router = Router::new().route("/sync", post(on_event)).with_state(receiver);
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
pub struct SignedWebhook(pub Webhook);

/// Why a webhook was not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// Its signature is missing or wrong: 403.
    Signature,
    /// It is no webhook of Sync: 400.
    Webhook(WebhookError),
    /// Its body could not be read, or is too large.
    Body(Response),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str(
                "the signature is missing or wrong; is the address the one that the service calls, \
                 and the auth token the account's?",
            ),
            Self::Webhook(error) => write!(f, "{error}"),
            Self::Body(response) => write!(f, "the body cannot be read: {}", response.status()),
        }
    }
}

impl std::error::Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        match self {
            // Whoever sent it learns nothing.
            Self::Signature => StatusCode::FORBIDDEN.into_response(),
            Self::Webhook(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
            Self::Body(response) => response,
        }
    }
}

impl<S> FromRequest<S> for SignedWebhook
where
    S: Send + Sync,
    Receiver: FromRef<S>,
{
    type Rejection = Rejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Rejection> {
        let receiver = Receiver::from_ref(state);
        // A nested router sees only a part of the path.
        let original = request.extensions().get::<OriginalUri>();
        let uri = original.map_or(request.uri(), |OriginalUri(uri)| uri);
        let address = receiver.address(uri, request.headers());
        let signature = request.headers().get(SIGNATURE_HEADER).cloned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                rejected(&address, "its body cannot be read");
                Rejection::Body(rejection.into_response())
            })?;
        let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
        let signature = signature
            .as_ref()
            .and_then(|signature| signature.to_str().ok());
        let validator = &receiver.0.validator;
        let reason = match signature {
            _ if !validator.has_token() => Some("the receiver has no auth token"),
            None => Some("it has no signature"),
            Some(signature) if !validator.is_valid(&address, &form, signature) => Some(
                "its signature is not that of this address by this auth token; is the address the \
                 one that the service calls?",
            ),
            Some(_) => None,
        };
        if let Some(reason) = reason {
            rejected(&address, reason);
            return Err(Rejection::Signature);
        }
        // A query string is part of the address that was signed.
        let webhook = if form.is_empty() {
            Webhook::parse(&query)
        } else {
            Webhook::from_parameters(form)
        };
        webhook.map(Self).map_err(|error| {
            rejected(&address, &error.to_string());
            Rejection::Webhook(error)
        })
    }
}

/// Emits the reason for a rejection, which the response does not say, and the address that was
/// checked.
fn rejected(address: &str, reason: &str) {
    let address = without_user(address);
    tracing::warn!(%address, reason, "a webhook was rejected");
}

/// An address without the user and the password in it.
fn without_user(address: &str) -> Cow<'_, str> {
    let scheme = address.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = address.split_at(scheme);
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}***{}", &rest[at..]).into(),
        None => address.into(),
    }
}
