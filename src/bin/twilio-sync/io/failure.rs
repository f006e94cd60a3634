//! What a command fails with: a message, a hint and an exit code.

use std::fmt::Display;
use std::io;

use twilio_sync::Error;
use twilio_sync::bulk::BulkError;
use twilio_sync::emulator::EmulatorError;
use twilio_sync::error::{ConfigurationError, InputError, PatchError};

/// An exit code. `docs/cli.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failure = 1,
    /// The compared things differ.
    Difference = 2,
    NotFound = 3,
    /// Something else is there, or somebody else wrote meanwhile.
    Conflict = 4,
    Unauthorised = 5,
    /// A write failed, and may have taken effect all the same.
    Unknown = 6,
    /// The command line or the settings say something there is not, as in `sysexits.h`.
    Usage = 64,
    /// Ctrl-C ended it. This and what follows are as a shell reports a program that a signal ended.
    Interrupted = 130,
    /// The reader of the output has closed it, as `head` does.
    Unread = 141,
    Terminated = 143,
}

impl Exit {
    /// Returns `true` if nothing is printed about it.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Self::Interrupted | Self::Unread | Self::Terminated)
    }
}

/// The failure of a command.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    /// An error of the system, and what it was about.
    pub(crate) fn io(what: impl Display, error: &io::Error) -> Self {
        Self::new(Exit::Failure, format!("{what}: {error}"))
    }

    /// A failure by the error of the library that caused it, if there is one.
    fn classified(cause: Option<&Error>, what: &impl Display) -> Self {
        let (exit, hint) = cause.map_or((Exit::Failure, None), classify);
        Self {
            hint: hint.map(str::to_owned),
            ..Self::new(exit, what.to_string())
        }
    }

    /// Says what it was about.
    #[must_use]
    pub(crate) fn about(mut self, what: impl Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The hint, if there is one.
    pub(crate) fn hinted(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Adds a hint: what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The exit code and the hint for an error of the library.
fn classify(error: &Error) -> (Exit, Option<&'static str>) {
    match error {
        // Whatever the response to a retry says, a conflict too may be with the write of this call.
        error if error.is_outcome_unknown() => (
            Exit::Unknown,
            Some("it may be done or not: read what is there before you run this again"),
        ),
        error if error.is_not_found() => (Exit::NotFound, None),
        error if error.is_already_exists() || error.is_revision_conflict() => {
            (Exit::Conflict, None)
        }
        Error::Contention(_) => (Exit::Conflict, None),
        Error::Refused(cause) if is_failed_test(cause.as_ref()) => (Exit::Conflict, None),
        // 403: whoever calls is known, and may not do that.
        error if error.is_unauthorized() || error.is_forbidden() => (
            Exit::Unauthorised,
            Some("`twilio-sync doctor` says which settings are used and from where"),
        ),
        Error::Configuration(ConfigurationError::Missing(_)) => (
            Exit::Usage,
            Some(
                "`twilio-sync login` asks for them and keeps them; `--local` needs none and no account",
            ),
        ),
        Error::Configuration(_) | Error::Input(_) => (Exit::Usage, None),
        Error::Connection(_) => (
            Exit::Failure,
            Some("`twilio-sync doctor` looks for what is in the way"),
        ),
        _ => (Exit::Failure, None),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::classified(Some(&error), &error)
    }
}

impl<K> From<Box<BulkError<K>>> for Failure {
    fn from(mut error: Box<BulkError<K>>) -> Self {
        if error.done.is_empty()
            && error.failed.is_empty()
            && let Some(listing) = error.listing.take()
        {
            // Nothing was begun: there is no account to give.
            return listing.into();
        }
        let decisive = error.failed.get(decisive(&error)).map(|(_, error)| error);
        Self::classified(decisive.or(error.listing.as_ref()), &error)
    }
}

/// The place of the failure that decides the exit code of bulk work: the first whose outcome is not known,
/// or else the first.
pub(crate) fn decisive<K>(error: &BulkError<K>) -> usize {
    let mut failed = error.failed.iter();
    let unknown = failed.position(|(_, error)| error.is_outcome_unknown());
    unknown.unwrap_or_default()
}

/// Returns true if a `test` of a JSON Patch failed.
fn is_failed_test(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let error = cause.downcast_ref::<PatchError>();
    matches!(error, Some(PatchError::Test { .. }))
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Error::from(error).into()
    }
}

impl From<EmulatorError> for Failure {
    fn from(error: EmulatorError) -> Self {
        Self::new(Exit::Failure, described(&error))
    }
}

/// An error with its causes.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
