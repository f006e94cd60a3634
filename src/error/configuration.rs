//! Errors in the configuration of a client.

use crate::value::InputError;

/// The client could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// Settings are missing: all of them, each with what it may be called.
    #[error("missing: {}", .0.join("; "))]
    Missing(Vec<String>),
    /// A setting has a value that cannot be one.
    #[error("{setting} is not usable: {source}")]
    Value {
        /// The setting.
        setting: String,
        /// The reason why it cannot be used.
        source: InputError,
    },
    /// The base URL cannot be used.
    #[error("the base URL {url} cannot be used: {reason}")]
    BaseUrl {
        /// The URL, without credentials.
        url: String,
        /// The reason why it cannot be used.
        reason: String,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be made: {}", innermost(.0.as_ref()))]
    HttpClient(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The innermost cause, which is the most specific.
pub(crate) fn innermost<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}
