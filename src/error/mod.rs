//! Everything that can go wrong, in one [`Error`] whose `Display` is the whole account.

mod body;
mod configuration;
mod connection;
mod contention;
#[cfg(feature = "schema")]
mod contract;
mod data;
mod line;
mod outcome;
#[cfg(feature = "realtime")]
mod realtime;
mod response;
mod service;
mod summary;

use std::time::Duration;

use http::StatusCode;

pub use body::ErrorBody;
pub(crate) use body::excerpt;
pub use configuration::ConfigurationError;
#[cfg(feature = "realtime")]
pub(crate) use configuration::innermost;
pub use connection::{ConnectionError, ConnectionFailure};
pub use contention::ContentionError;
#[cfg(feature = "schema")]
pub use contract::{ContractError, Violation};
pub use data::DataError;
pub use line::{LineError, ReadError};
pub(crate) use outcome::Doubt;
pub use outcome::{Present, ReadBack, WriteOutcome};
#[cfg(feature = "realtime")]
pub use realtime::{EndCause, RealtimeError};
pub use response::ResponseError;
pub(crate) use service::Needed;
pub use service::ServiceError;
pub use summary::CallSummary;

pub use crate::value::{InputError, PatchError};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of this crate.
///
/// `Display` says which call failed, how, and what to do about it, in one line; `source` has the
/// cause. The predicates are for programs:
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
    /// An input was rejected before a request was sent.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The service rejected the request, or failed.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// No complete response was received.
    #[error(transparent)]
    Connection(Box<ConnectionError>),
    /// The response is not one that the operation has.
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
    /// A line cannot be imported.
    #[error(transparent)]
    Line(#[from] LineError),
    /// An export cannot be read, or lacks the name of an object.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Stored data does not fit the type it was asked for as.
    #[error(transparent)]
    Data(Box<DataError>),
    /// Data breaks the contract it is under.
    #[cfg(feature = "schema")]
    #[error(transparent)]
    Contract(Box<ContractError>),
    /// Live updates are not possible.
    #[cfg(feature = "realtime")]
    #[error(transparent)]
    Realtime(#[from] RealtimeError),
    /// A function given to `mutate` failed. Nothing was written.
    #[error("the change was refused: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Others wrote each time between the reads and the writes of a `mutate`.
    #[error(transparent)]
    Contention(Box<ContentionError>),
}

impl Error {
    /// The error response of the service behind this error, if there is one.
    #[must_use]
    pub fn service_error(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            Self::Contention(error) => error.source.service_error(),
            #[cfg(feature = "realtime")]
            Self::Realtime(error) => error.failure().and_then(Self::service_error),
            _ => None,
        }
    }

    /// The call that failed, if one was made.
    #[must_use]
    pub fn call(&self) -> Option<&CallSummary> {
        match self {
            Self::Service(error) => Some(&error.call),
            Self::Connection(error) => Some(&error.call),
            Self::Response(error) => Some(&error.call),
            Self::Contention(error) => error.source.call(),
            #[cfg(feature = "realtime")]
            Self::Realtime(error) => error.failure().and_then(Self::call),
            _ => None,
        }
    }

    fn call_mut(&mut self) -> Option<&mut CallSummary> {
        match self {
            Self::Service(error) => Some(&mut error.call),
            Self::Connection(error) => Some(&mut error.call),
            Self::Response(error) => Some(&mut error.call),
            Self::Contention(error) => error.source.call_mut(),
            _ => None,
        }
    }

    /// The same error with what is known about the effect of its call.
    pub(crate) fn with_outcome(mut self, outcome: WriteOutcome) -> Self {
        if let Some(call) = self.call_mut() {
            call.outcome = outcome;
        }
        self
    }

    /// The same error with what was there on reading back.
    pub(crate) fn with_read_back(mut self, read_back: ReadBack) -> Self {
        if let Some(call) = self.call_mut() {
            call.read_back = Some(read_back);
        }
        self
    }

    /// The HTTP status, if a response was received; for an access token that was refused, that of the
    /// refusal.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Response(error) => Some(error.status),
            #[cfg(feature = "realtime")]
            Self::Realtime(RealtimeError::Refused { status, .. }) => {
                StatusCode::from_u16(*status).ok()
            }
            #[cfg(feature = "realtime")]
            Self::Realtime(error) => error.failure().and_then(Self::status),
            _ => self.service_error().map(ServiceError::status),
        }
    }

    /// Twilio's error code, if the response or the refusal of an access token has one.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            #[cfg(feature = "realtime")]
            Self::Realtime(RealtimeError::Refused { code, .. }) => code.map(i64::from),
            #[cfg(feature = "realtime")]
            Self::Realtime(error) => error.failure().and_then(Self::code),
            _ => self.service_error().and_then(|error| error.body.code),
        }
    }

    fn has_status(&self, status: StatusCode) -> bool {
        match self {
            #[cfg(feature = "realtime")]
            Self::Realtime(RealtimeError::Refused {
                status: refused, ..
            }) => *refused == status.as_u16(),
            #[cfg(feature = "realtime")]
            Self::Realtime(error) => error
                .failure()
                .is_some_and(|error| error.has_status(status)),
            _ => self
                .service_error()
                .is_some_and(|error| error.body.status == status.as_u16()),
        }
    }

    /// Returns `true` if the error response is Twilio's own, and not that of a proxy or gateway.
    fn has_twilio_code(&self) -> bool {
        self.code().is_some_and(body::is_twilio_code)
    }

    /// Returns `true` if the object or item does not exist, or the Service it should be in.
    ///
    /// It is `true` too for a view that has ended since its object was removed.
    ///
    /// A 404 that is not Twilio's, such as a proxy's, says nothing about that and is another error.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        #[cfg(feature = "realtime")]
        if let Self::Realtime(error) = self
            && error.is_removal()
        {
            return true;
        }
        self.has_status(StatusCode::NOT_FOUND) && self.has_twilio_code()
    }

    /// Returns `true` if the unique name or key is taken. A response without a code of Twilio's, such as
    /// a proxy's page, does not say so.
    ///
    /// If the [outcome is unknown](Self::is_outcome_unknown) too, an earlier attempt of the same call may
    /// have taken it.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.has_status(StatusCode::CONFLICT) && self.has_twilio_code()
    }

    /// Returns `true` if the object or item has another revision than `if_match` asked for. A response
    /// without a code of Twilio's does not say so.
    ///
    /// If the [outcome is unknown](Self::is_outcome_unknown) too, it may be the revision that an earlier
    /// attempt of the same call left.
    #[must_use]
    pub fn is_revision_conflict(&self) -> bool {
        self.has_status(StatusCode::PRECONDITION_FAILED) && self.has_twilio_code()
    }

    /// Returns `true` if the service rejected the request for its rate.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.has_status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// The time after which the service asks to try again, from the `Retry-After` of its last response.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.call().and_then(|call| call.retry_after)
    }

    /// Returns `true` if the credentials were rejected, or the access token of live updates.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.has_status(StatusCode::UNAUTHORIZED)
    }

    /// Returns `true` if the identity, the credentials or the access token have no right to do this.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.has_status(StatusCode::FORBIDDEN)
    }

    /// Returns `true` if the same call may be made again: the cause may pass, and nothing was written.
    ///
    /// It is `false` for a write of unknown [`outcome`](Self::outcome), which might be done twice;
    /// [`is_transient`](Self::is_transient) is about the cause alone.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.is_transient() && self.outcome() == WriteOutcome::NotDone
    }

    /// Returns `true` if the cause may pass: a full service, a fault on the way, contention.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Service(error) => service::is_transient(error.status()),
            Self::Connection(_) | Self::Contention(_) => true,
            _ => false,
        }
    }

    /// The effect of the call: done, not done, or unknown. A call that only reads is not done.
    ///
    /// [`CallSummary::read_back`] has the object or item that was found on reading back.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use twilio_sync::emulator::{Emulator, Fault};
    /// use twilio_sync::error::WriteOutcome;
    ///
    /// # let emulator = Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// sync.lists().create("log").await?;
    /// emulator.inject(Fault::cut_after_write());
    /// let error = sync.list("log").add(&serde_json::json!({})).await.unwrap_err();
    /// assert_eq!(error.outcome(), WriteOutcome::Unknown);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn outcome(&self) -> WriteOutcome {
        let is_done = match self {
            Self::Data(error) => error.after_write,
            #[cfg(feature = "schema")]
            Self::Contract(error) => error.after_write,
            _ => {
                return self
                    .call()
                    .map_or(WriteOutcome::NotDone, |call| call.outcome);
            }
        };
        if is_done {
            WriteOutcome::Done
        } else {
            WriteOutcome::NotDone
        }
    }

    /// Returns `true` if the [`outcome`](Self::outcome) is unknown: the call was a write that may have
    /// taken effect although it failed.
    ///
    /// Read before you repeat such a call.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.outcome() == WriteOutcome::Unknown
    }

    /// Returns `true` if an attempt of the call may still take effect.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.call().is_some_and(|call| call.in_flight)
    }
}
