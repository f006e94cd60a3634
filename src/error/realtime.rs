//! Failures of live updates.

use std::sync::Arc;

use super::Error;

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
    #[error("the view of {object} has ended: {cause}")]
    Ended {
        /// The object, as `map "calls"`.
        object: String,
        /// The cause.
        #[source]
        cause: EndCause,
    },
}

impl RealtimeError {
    /// The error that ended a view, if it was one.
    pub(super) fn failure(&self) -> Option<&Error> {
        match self {
            Self::Ended {
                cause: EndCause::Failed(error),
                ..
            } => Some(error),
            _ => None,
        }
    }

    /// Returns `true` if a view has ended since its object does not exist any more.
    pub(super) fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::Ended {
                cause: EndCause::Removed,
                ..
            }
        )
    }
}

/// The cause of the end of a view.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndCause {
    /// The object was removed, or has expired.
    #[error("it was removed")]
    Removed,
    /// The connection was [closed](crate::realtime::Realtime::close).
    #[error("the connection was closed")]
    Closed,
    /// The object cannot be watched any more.
    #[error(transparent)]
    Failed(Arc<Error>),
}

/// Failures are equal if they are the same one.
impl PartialEq for EndCause {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Removed, Self::Removed) | (Self::Closed, Self::Closed) => true,
            (Self::Failed(one), Self::Failed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for EndCause {}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn refused(status: u16) -> Error {
        let message = "Access Token expired".to_owned();
        RealtimeError::Refused {
            status,
            code: Some(20104),
            message,
        }
        .into()
    }

    fn ended(cause: EndCause) -> Error {
        let object = "map \"calls\"".to_owned();
        RealtimeError::Ended { object, cause }.into()
    }

    #[test]
    fn predicates_know_refused_tokens_and_the_ends_of_views() {
        let failed = |error| ended(EndCause::Failed(Arc::new(error)));
        for error in [refused(401), failed(refused(401))] {
            assert!(error.is_unauthorized() && !error.is_forbidden());
            assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
            assert_eq!(error.code(), Some(20104));
        }
        assert!(refused(403).is_forbidden() && failed(refused(403)).is_forbidden());
        assert!(ended(EndCause::Removed).is_not_found());
        assert!(!ended(EndCause::Closed).is_not_found());
        let text = failed(refused(401)).to_string();
        assert!(
            text.contains("map \"calls\" has ended: live updates failed"),
            "{text}"
        );
    }
}
