//! What can go wrong, in one [`Error`] whose `Display` tells the whole story.

mod body;
mod call;
mod configuration;
mod input;

use std::fmt::{self, Display};
use std::time::Duration;

use http::StatusCode;
use serde::de::DeserializeOwned;

pub use body::ErrorBody;
pub(crate) use body::excerpt;
pub use call::Call;
pub use configuration::ConfigurationError;
pub use input::InputError;

use crate::data::Data;
use crate::revision::Revision;

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of this crate.
///
/// `Display` says which call failed, how, and what to do about it, in one line; `source` has the
/// cause. The predicates answer what a program asks:
///
/// ```
/// # use twilio_sync::{Error, SyncClient};
/// # async fn f(sync: SyncClient) -> Result<(), Error> {
/// match sync.documents::<serde_json::Value>().get("desk-7").await {
///     Ok(document) => println!("{}", document.data),
///     Err(error) if error.is_not_found() => println!("no such desk"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client could not be set up.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An input was refused before a request was made.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The service refused the request, or failed.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// No answer came, or not all of it.
    #[error(transparent)]
    Connection(Box<ConnectionError>),
    /// An answer came that is none the service should give.
    #[error(transparent)]
    Response(Box<ResponseError>),
    /// The way on from one page of a list leads nowhere, or in a circle.
    #[error(
        "the address of the next page, {next_page_url}, leads nowhere new: what was read is not the \
         whole list"
    )]
    Paging {
        /// The address the service gave.
        next_page_url: String,
    },
    /// A list has more pages than were to be read.
    #[error(
        "{pages} pages were read, as many as allowed, and there are more; raise the cap or narrow the search"
    )]
    PageCap {
        /// The cap.
        pages: usize,
    },
    /// A line of an export that is none.
    #[error("not a line of an export, {reason}: {line}")]
    Line {
        /// The line, cut if long.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Stored data does not fit the type it was asked for as.
    #[error(transparent)]
    Data(Box<DataError>),
    /// Data breaks the contract it is under.
    #[cfg(feature = "schema")]
    #[error(transparent)]
    Contract(Box<crate::schema::ContractError>),
    /// A function given to `mutate` failed. Nothing was written.
    #[error("the change was refused: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others wrote each time between the reads and the writes of a `mutate`.
    #[error(transparent)]
    Contention(Box<ContentionError>),
}

/// The service answered with an error status.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceError {
    /// The call that failed.
    pub call: Call,
    /// What the service said.
    pub body: ErrorBody,
}

impl ServiceError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.status).unwrap_or_default()
    }

    /// What to do about it, where that can be said.
    fn advice(&self) -> Option<&'static str> {
        Some(match self.body.status {
            401 => "check the account SID and the API key with its secret, or the auth token",
            409 => "there is one already: update it, or choose another name or key",
            412 => "somebody else wrote meanwhile: read it again and decide anew",
            413 => "send less data",
            429 => {
                "slow down: the service allows 20 writes a second to one object, and fewer of large data"
            }
            500.. => "the fault is the service's: try again later",
            _ => return None,
        })
    }
}

impl Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.call.operation, self.status())?;
        if let Some(code) = self.body.code {
            write!(f, ", code {code}")?;
        }
        match (&self.body.message, &self.body.excerpt) {
            (Some(message), _) => write!(f, ": {message}")?,
            (None, Some(excerpt)) => write!(f, ": no error of Twilio's but {excerpt}")?,
            (None, None) => {}
        }
        write!(f, " [{}]", self.call)?;
        if let Some(more_info) = &self.body.more_info {
            write!(f, " See {more_info}.")?;
        }
        if let Some(advice) = self.advice() {
            write!(f, " What to do: {advice}.")?;
        }
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ServiceError {}

/// No answer came, or it broke off.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionError {
    /// The call that failed.
    pub call: Call,
    /// How the connection failed.
    pub kind: ConnectionFailure,
    /// The cause, without the address.
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// There was none: the request was not sent.
    #[error("cannot connect")]
    Connect,
    /// The answer did not come in time.
    #[error("no answer in time")]
    Timeout,
    /// The answer began, and did not end.
    #[error("the answer broke off")]
    BrokenOff,
    /// It broke before there was an answer.
    #[error("the connection failed")]
    Other,
}

impl ConnectionError {
    pub(crate) fn new(call: Call, source: reqwest::Error) -> Self {
        let kind = if source.is_connect() {
            ConnectionFailure::Connect
        } else if source.is_timeout() {
            ConnectionFailure::Timeout
        } else if source.is_body() || source.is_decode() {
            ConnectionFailure::BrokenOff
        } else {
            ConnectionFailure::Other
        };
        Self {
            call,
            kind,
            source: Box::new(source),
        }
    }
}

impl Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = configuration::innermost(self.source.as_ref());
        let Self { call, kind, .. } = self;
        write!(f, "{} failed: {kind}: {cause} [{call}]", call.operation)?;
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// An answer that is none the service should give: not JSON, a field missing, an unknown status.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResponseError {
    /// The call that failed.
    pub call: Call,
    /// The HTTP status.
    pub status: StatusCode,
    /// What is wrong with it.
    pub reason: String,
    /// The start of the body.
    pub excerpt: String,
}

impl Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} failed: the answer ({}) cannot be used: {} [{}] It begins: {}",
            self.call.operation, self.status, self.reason, self.call, self.excerpt
        )?;
        self.call.fmt_outcome(f)
    }
}

impl std::error::Error for ResponseError {}

/// Stored data that does not fit the type it was asked for as.
///
/// Others write to the same objects; what they wrote is not what this program expects.
#[derive(Debug, thiserror::Error)]
#[error(
    "the data of {object} does not fit {expected}: at `{path}`: {source}{}",
    after_write_text(*.after_write)
)]
#[non_exhaustive]
pub struct DataError {
    /// The object or item, as `document "desk-7"`.
    pub object: String,
    /// The type it was to be.
    pub expected: &'static str,
    /// Where in the data, as `operators[2].name`; `.` is the whole.
    pub path: String,
    /// Whether it came in answer to a write, which took effect.
    pub after_write: bool,
    /// What serde says.
    pub source: serde_json::Error,
}

/// A `mutate` that gave up, since others wrote each time between its read and its write.
#[derive(Debug, thiserror::Error)]
#[error(
    "{object} was changed by others in each of {attempts} attempts within {elapsed:.1?}; try again, or \
     allow more attempts or time"
)]
#[non_exhaustive]
pub struct ContentionError {
    /// The object or item, as `document "desk-7"`.
    pub object: String,
    /// How often it was read, changed and tried to be written.
    pub attempts: u32,
    /// How long that took.
    pub elapsed: Duration,
    /// The revision of the last read, which was outdated by the time of the last write; `None` if
    /// there was nothing to read.
    pub revision: Option<Revision>,
    /// What the service said to the last write.
    pub source: Error,
}

impl DataError {
    /// Decodes data into a type, and says where it does not fit.
    pub(crate) fn decode<T: DeserializeOwned>(
        data: &Data,
        object: impl FnOnce() -> String,
    ) -> Result<T> {
        data.decode().map_err(|error| {
            // The happy path does without the bookkeeping that finds the place.
            let mut reader = serde_json::Deserializer::from_str(data.as_str());
            let located = serde_path_to_error::deserialize::<_, T>(&mut reader).err();
            let (path, source) = located.map_or((".".to_owned(), error), |located| {
                (located.path().to_string(), located.into_inner())
            });
            Error::Data(Box::new(Self {
                object: object(),
                expected: std::any::type_name::<T>(),
                path,
                after_write: false,
                source,
            }))
        })
    }
}

impl Error {
    /// The refusal behind this error, if the service answered with one.
    #[must_use]
    pub fn service_error(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            Self::Contention(error) => error.source.service_error(),
            _ => None,
        }
    }

    /// The call that failed, if one was made.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Service(error) => Some(&error.call),
            Self::Connection(error) => Some(&error.call),
            Self::Response(error) => Some(&error.call),
            Self::Contention(error) => error.source.call(),
            _ => None,
        }
    }

    /// Notes that a write of unknown outcome turned out not to have taken place.
    pub(crate) fn settle(&mut self) {
        if let Self::Service(error) = self {
            error.call.outcome_unknown = false;
        }
    }

    /// Notes that what went wrong with the answer to a write did so after it took effect.
    pub(crate) fn after_write(mut self) -> Self {
        match &mut self {
            Self::Data(error) => error.after_write = true,
            #[cfg(feature = "schema")]
            Self::Contract(error) => error.after_write = true,
            _ => {}
        }
        self
    }

    /// The HTTP status, if an answer came.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Response(error) => Some(error.status),
            _ => self.service_error().map(ServiceError::status),
        }
    }

    /// Twilio's error code, if the answer had one.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.service_error().and_then(|error| error.body.code)
    }

    fn has_status(&self, status: StatusCode) -> bool {
        self.service_error()
            .is_some_and(|error| error.body.status == status.as_u16())
    }

    /// Whether the object or item does not exist, or the Service it should be in.
    ///
    /// A 404 that is not Twilio's, such as a proxy's, says nothing about that and is another error.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.has_status(StatusCode::NOT_FOUND) && self.code().is_some()
    }

    /// Whether the unique name or key is taken.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.has_status(StatusCode::CONFLICT)
    }

    /// Whether the object or item has another revision than `if_match` asked for.
    #[must_use]
    pub fn is_revision_conflict(&self) -> bool {
        self.has_status(StatusCode::PRECONDITION_FAILED)
    }

    /// Whether the service was asked too much in too short a time.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.has_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Whether the credentials were refused.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.has_status(StatusCode::UNAUTHORIZED)
    }

    /// Whether the same call may succeed later: a full service, a fault on the way, contention.
    ///
    /// It says nothing about whether a repeated write would be one write too many; ask
    /// [`is_outcome_unknown`](Self::is_outcome_unknown) too.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service(error) => is_transient(error.status()),
            Self::Connection(_) | Self::Contention(_) => true,
            _ => false,
        }
    }

    /// Whether the call was a write that may have taken effect all the same.
    ///
    /// Read before you repeat such a call.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.call().is_some_and(|call| call.outcome_unknown)
    }
}

/// What to add to an error about the answer to a write.
pub(crate) fn after_write_text(after_write: bool) -> &'static str {
    if after_write {
        " The write that was answered with it took effect."
    } else {
        ""
    }
}

/// Whether a status says "not now" rather than "no".
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}
