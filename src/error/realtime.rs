//! Failures of live updates that are about no object.

/// Live updates are not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RealtimeError {
    /// The service refused the access token.
    #[error(
        "live updates failed: the service refused the access token: {status}{}: {message} What to do: \
         check that the API key belongs to the account and the region, and that the token is for this \
         Service and identity.",
        .code.map(|code| format!(", code {code}")).unwrap_or_default()
    )]
    Refused {
        /// The status of the refusal.
        status: u16,
        /// Twilio's code of it.
        code: Option<u32>,
        /// The service's own words.
        message: String,
    },
    /// An event of the service cannot be read.
    #[error("an event of {object} cannot be read: {reason}")]
    Event {
        /// The object, as `map "calls"`.
        object: String,
        /// The reason.
        reason: String,
    },
    /// A view is not kept up to date any more.
    #[error("the view of {object} has ended: {reason}")]
    Ended {
        /// The object, as `map "calls"`.
        object: String,
        /// The reason.
        reason: String,
    },
}
