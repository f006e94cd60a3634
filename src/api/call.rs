//! A request as a value, and the call that sends it.

use std::borrow::Cow;
use std::fmt::{self, Debug, Display};
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::operation::{Idempotence, Operation};
use super::response::{self, RawResponse, Read, Response};
use super::retry_policy::RetryPolicy;
use crate::error::{CallSummary, Doubt, Error, Result};
use crate::value::{InputError, ObjectReference, Revision, Segment, is_sid_shaped};

/// Sends requests: the transport, which stands above this module.
pub(crate) trait Sender: Debug + Send + Sync {
    /// Sends a request, with retries where they are due and harmless. An error response is a response.
    fn send(
        self: Arc<Self>,
        request: Request,
        options: Options,
    ) -> BoxFuture<'static, Result<RawResponse>>;
}

/// The options of a call, in place of the client's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) at_least_once: bool,
}

/// Gives a type that sends requests the options of a call, which are in a field of it.
macro_rules! call_options {
    ([$($parameters:tt)*] $type:ty, $($field:ident).+) => {
        impl<$($parameters)*> $type {
            /// Sets how long one attempt of a request may take, in place of the client's
            /// [`timeout`](crate::SyncClientBuilder::timeout).
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.$($field).+.timeout = Some(timeout);
                self
            }

            /// Sets how each request is retried, in place of the client's
            /// [`retry`](crate::SyncClientBuilder::retry).
            pub fn retry(mut self, policy: crate::api::RetryPolicy) -> Self {
                self.$($field).+.retry = Some(policy);
                self
            }

            /// Retries a write also where that may do it twice, in place of an error of
            /// [unknown outcome](crate::Error::is_outcome_unknown). For writes that may be done twice, since
            /// they always write the same: a retry may undo what others wrote since, or bring back what they
            /// removed, and data that equals what was to be written counts as written.
            pub fn at_least_once(mut self) -> Self {
                self.$($field).+.at_least_once = true;
                self
            }
        }
    };
}

pub(crate) use call_options;

/// Most characters of path and query. HTTP servers take at least 8,000; no name and no page token of the
/// service comes near.
const MAX_ADDRESS_LENGTH: usize = 16_384;

/// A request as it is built.
pub(crate) struct Request {
    operation: Option<Operation>,
    method: Method,
    /// Below the base URL, percent-encoded.
    path: String,
    /// Percent-encoded, without the question mark.
    query: String,
    /// The encoded form; none for a request without a body.
    form: Option<Bytes>,
    if_match: Option<HeaderValue>,
    /// The object is addressed by its SID, which no other object ever has.
    is_by_sid: bool,
    /// The first reason why the request cannot be sent.
    failure: Option<Box<Error>>,
}

impl Request {
    /// A request of an operation, with names in the places of its path parameters.
    pub(super) fn new(operation: Operation, names: &[&dyn Segment]) -> Self {
        let template = operation.path();
        let mut path = String::with_capacity(2 * template.len());
        let mut is_by_sid = false;
        // Each part after a brace is `Name}` and the text up to the next one.
        let mut parts = template.split('{');
        path.push_str(parts.next().unwrap_or_default());
        for (at, part) in parts.enumerate() {
            if let Some(name) = names.get(at) {
                let start = path.len();
                name.append_to(&mut path);
                // The second name is that of the object, after the Service.
                is_by_sid |= at == 1 && is_sid_shaped(&path[start..]);
            }
            path.push_str(part.split_once('}').map_or("", |(_, text)| text));
        }
        Self {
            operation: Some(operation),
            is_by_sid,
            ..Self::of(operation.method().clone(), path)
        }
    }

    /// A request of one's own.
    pub(super) fn own(method: Method, segments: &[ObjectReference]) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            segment.append_to(&mut path);
        }
        Self::of(method, path)
    }

    fn of(method: Method, path: String) -> Self {
        Self {
            operation: None,
            method,
            path,
            query: String::new(),
            form: None,
            if_match: None,
            is_by_sid: false,
            failure: None,
        }
    }

    pub(super) fn failed(mut self, error: impl Into<Error>) -> Self {
        self.failure.get_or_insert_with(|| Box::new(error.into()));
        self
    }

    pub(crate) fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// The name that errors and logs show.
    pub(crate) fn name(&self) -> &'static str {
        self.operation.map_or("request", Operation::id)
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    pub(crate) fn form(&self) -> Option<&Bytes> {
        self.form.as_ref()
    }

    pub(crate) fn if_match(&self) -> Option<&HeaderValue> {
        self.if_match.as_ref()
    }

    /// The request that reads the object or Service that the object of this request is in.
    fn above(&self) -> Option<Self> {
        let shape = |path: &'static str| {
            let segments = path.split('/');
            segments.map(|segment| {
                if segment.starts_with('{') {
                    "{}"
                } else {
                    segment
                }
            })
        };
        let path = self.operation?.path();
        let depth = path.split('/').count().checked_sub(2)?;
        let operation = Operation::all().find(|operation| {
            operation.method() == Method::GET && shape(operation.path()).eq(shape(path).take(depth))
        })?;
        let above = self.path.rsplitn(3, '/').nth(2)?;
        Some(Self {
            operation: Some(operation),
            ..Self::of(Method::GET, above.to_owned())
        })
    }

    fn fields(&self) -> form_urlencoded::Parse<'_> {
        form_urlencoded::parse(self.form.as_deref().unwrap_or_default())
    }

    /// Returns `true` if an attempt that takes effect after another one, whoever comes between them,
    /// changes nothing: a read, a write that asks for a revision of an object with a SID, and the removal of
    /// such an object.
    pub(crate) fn is_repeatable(&self) -> bool {
        if self.method.is_safe() {
            return true;
        }
        let is_idempotent =
            self.operation.map(Operation::idempotence) == Some(Idempotence::Idempotent);
        // A time to live alone leaves the revision as it is.
        let is_conditional = self.if_match.is_some()
            && (self.method == Method::DELETE || self.fields().any(|(name, _)| name == "Data"));
        is_idempotent && self.is_by_sid && (is_conditional || self.is_removal_of_object())
    }

    /// Returns `true` if it removes an object rather than an item or a permission of one.
    fn is_removal_of_object(&self) -> bool {
        let count = self
            .operation
            .map(|operation| operation.path_parameters().count());
        self.method == Method::DELETE && count == Some(2)
    }

    /// The error of an address that is too long to be sent.
    fn excess(&self) -> Option<Box<Error>> {
        let length = self.path.len() + self.query.len();
        let reason = || {
            format!("its address has {length} characters, at most {MAX_ADDRESS_LENGTH} are allowed")
        };
        let error = || InputError::Request { reason: reason() };
        (length > MAX_ADDRESS_LENGTH).then(|| Box::new(error().into()))
    }

    /// The account of a call of this request, for an error.
    pub(crate) fn summary(
        &self,
        attempts: u32,
        elapsed: Duration,
        headers: Option<&HeaderMap>,
        doubt: Doubt,
    ) -> CallSummary {
        CallSummary {
            operation: self.name(),
            method: self.method.clone(),
            path: self.path.clone(),
            attempts,
            elapsed,
            request_id: headers.and_then(response::request_id),
            date: headers.and_then(response::date),
            outcome: doubt.outcome(),
            in_flight: doubt.in_flight,
            read_back: None,
            retry_after: headers.and_then(response::retry_after),
        }
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query and form are data of the user's.
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The encoded fields of a form, as they are added.
#[derive(Debug, Default)]
pub(crate) struct Form(String);

impl Form {
    /// A form with room for data of a size.
    pub(crate) fn with_capacity(size: usize) -> Self {
        Self(String::with_capacity(size + size / 2 + 64))
    }

    /// Adds a field, if there is a value.
    #[must_use]
    pub(crate) fn field(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            append(&mut self.0, name, value);
        }
        self
    }
}

/// Appends an encoded pair to a query or form.
fn append(text: &mut String, name: &str, value: &str) {
    let encoded = std::mem::take(text);
    let mut pairs = form_urlencoded::Serializer::for_suffix(encoded, 0);
    *text = pairs.append_pair(name, value).finish();
}

/// One call of the API: a request that `.await` sends, and how its response is read as a `T`.
///
/// A call is a value. Nothing is sent before `.await`, and until then the request can be looked at
/// without a network:
///
/// ```
/// # use twilio_sync::{Credentials, SyncClient};
/// # let sync = SyncClient::builder()
/// #     .credentials(Credentials::auth_token("AC0123456789abcdef0123456789abcdef", "secret")?)
/// #     .service("default")
/// #     .base_url("http://localhost:8080")
/// #     .build()?;
/// let call = sync.documents::<serde_json::Value>().get("desk 7");
/// assert_eq!(call.method(), "GET");
/// assert_eq!(call.path(), "/v1/Services/default/Documents/desk%207");
/// # Ok::<(), twilio_sync::Error>(())
/// ```
///
/// It needs a Tokio runtime with time and IO. Dropped before it is done, it may have taken effect.
/// Functions that take a future, such as `tokio::spawn`, want `call.into_future()`.
///
/// # Errors
///
/// `.await` gives [`Error`](crate::Error) if the request cannot be sent, no complete response comes, or
/// the response is an error or does not fit `T`. It says which call failed, after how many attempts,
/// and whether a write may have taken effect.
#[must_use = "nothing is sent before `.await`"]
pub struct Call<T> {
    sender: Arc<dyn Sender>,
    request: Request,
    options: Options,
    read: Read<T>,
    above: Above,
}

/// The check that the object or Service above exists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Above {
    /// `true` once a call there has succeeded, so that the object or Service exists.
    exists: Option<Arc<AtomicBool>>,
    /// `true` if it is asked for where there is nothing, unless it is known to exist.
    is_asked: bool,
}

impl<T> Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.request).finish()
    }
}

call_options!([T] Call<T>, options);

impl<T: DeserializeOwned + Send + 'static> Call<T> {
    pub(super) fn new(sender: Arc<dyn Sender>, request: Request) -> Self {
        Self {
            sender,
            request,
            options: Options::default(),
            read: Box::new(RawResponse::json),
            above: Above::default(),
        }
    }
}

impl<T> Call<T> {
    /// The operation; `None` for a [request of one's own](super::Client::request).
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.request.operation
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// The path below the base URL, names percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// The pairs of the query.
    pub fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.request.query.as_bytes())
    }

    /// The fields of the form.
    pub fn form(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.request.fields()
    }

    /// The revision that the object or item must have.
    #[must_use]
    pub fn if_match(&self) -> Option<&str> {
        self.request.if_match.as_ref()?.to_str().ok()
    }

    pub(crate) fn with_options(mut self, options: &Options) -> Self {
        self.options.clone_from(options);
        self
    }

    /// Adds a pair to the query, if there is a value.
    pub fn with_query(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            append(&mut self.request.query, name, &value.to_string());
        }
        self
    }

    /// Sets the form, of a struct or map whose members are its fields.
    ///
    /// A value that cannot be encoded as a form fails the call when it is sent.
    pub fn with_form(mut self, form: &(impl Serialize + ?Sized)) -> Self {
        match serde_urlencoded::to_string(form) {
            Ok(form) => self.request.form = Some(form.into()),
            Err(error) => {
                let reason = format!("its form cannot be encoded: {error}");
                return self.failed(InputError::Request { reason });
            }
        }
        self
    }

    pub(crate) fn with_fields(mut self, form: Form) -> Self {
        self.request.form = Some(form.0.into());
        self
    }

    /// Sets the revision that the object or item must have, if one is given.
    pub fn with_if_match(mut self, revision: Option<&Revision>) -> Self {
        match revision.map(Revision::header).transpose() {
            Ok(header) => self.request.if_match = header,
            Err(error) => return self.failed(error),
        }
        self
    }

    /// The same call failing with an error when it is sent, unless it fails with an earlier one.
    pub(crate) fn failed(mut self, error: impl Into<Error>) -> Self {
        self.request = self.request.failed(error);
        self
    }

    /// The same call with its response read in another way.
    pub(crate) fn read_by<U>(self, read: Read<U>) -> Call<U> {
        Call {
            sender: self.sender,
            request: self.request,
            options: self.options,
            read,
            above: self.above,
        }
    }

    /// The same call at a place whose calls share what they know of the object or Service above.
    pub(crate) fn below(mut self, exists: &Arc<AtomicBool>) -> Self {
        self.above.exists = Some(Arc::clone(exists));
        self
    }

    /// The same call, which fails where there is nothing because the object or Service above does not
    /// exist.
    pub(crate) fn asking_above(mut self) -> Self {
        self.above.is_asked = true;
        self
    }
}

impl<T: Send + 'static> Call<T> {
    /// Sends the call, and gives the value with status, headers, number of attempts and request id.
    ///
    /// # Errors
    ///
    /// As `.await`.
    pub fn response(self) -> BoxFuture<'static, Result<Response<T>>> {
        let mut future = self.into_future();
        Box::pin(async move {
            let response = poll_fn(|cx| future.poll_response(cx)).await?;
            match future.read.take() {
                Some(read) => Ok(Response::new(read(&response)?, response)),
                None => std::future::pending().await,
            }
        })
    }
}

impl<T> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = CallFuture<T>;

    fn into_future(self) -> CallFuture<T> {
        let mut request = self.request;
        let sending = match request.failure.take().or_else(|| request.excess()) {
            Some(error) => Box::pin(ready(Err(*error))),
            None => Arc::clone(&self.sender).send(request, self.options.clone()),
        };
        let question = Question {
            sender: self.sender,
            options: self.options,
            absent: None,
        };
        CallFuture {
            sending,
            read: Some(self.read),
            exists: self.above.exists,
            question: self.above.is_asked.then(|| Box::new(question)),
        }
    }
}

/// A [`Call`] that is being sent.
#[must_use = "nothing is sent before it is polled"]
pub struct CallFuture<T> {
    sending: BoxFuture<'static, Result<RawResponse>>,
    /// None once the response was read.
    read: Option<Read<T>>,
    exists: Option<Arc<AtomicBool>>,
    question: Option<Box<Question>>,
}

/// The question where there is nothing: does the object or Service above exist?
struct Question {
    sender: Arc<dyn Sender>,
    options: Options,
    /// The response that there is nothing, once the question is asked.
    absent: Option<RawResponse>,
}

impl<T> CallFuture<T> {
    /// The response of the call, or the error that the object or Service above does not exist.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<RawResponse>> {
        loop {
            let response = ready!(self.sending.as_mut().poll(cx));
            let know = || {
                if let Some(exists) = &self.exists {
                    exists.store(true, Ordering::Relaxed);
                }
            };
            let Some(question) = &mut self.question else {
                if response
                    .as_ref()
                    .is_ok_and(|response| response.status.is_success())
                {
                    know();
                }
                return Poll::Ready(response);
            };
            if let Some(absent) = question.absent.take() {
                return Poll::Ready(response.and_then(|above| {
                    above.check()?;
                    know();
                    Ok(absent)
                }));
            }
            let response = match response {
                Ok(response) => response,
                Err(error) => return Poll::Ready(Err(error)),
            };
            if response.status.is_success() {
                know();
            }
            let is_known = self
                .exists
                .as_ref()
                .is_some_and(|it| it.load(Ordering::Relaxed));
            if is_known || !response.is_not_found() {
                return Poll::Ready(Ok(response));
            }
            let Some(above) = response.request.above() else {
                return Poll::Ready(Ok(response));
            };
            let sender = Arc::clone(&question.sender);
            self.sending = sender.send(above, question.options.clone());
            question.absent = Some(response);
        }
    }
}

impl<T> Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").finish_non_exhaustive()
    }
}

impl<T> Future for CallFuture<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let response = ready!(self.poll_response(cx));
        let Some(read) = self.read.take() else {
            return Poll::Pending;
        };
        Poll::Ready(response.and_then(|response| read(&response)))
    }
}
