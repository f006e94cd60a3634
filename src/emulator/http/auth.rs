//! HTTP Basic authentication.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use crate::emulator::core::Credentials;
use crate::emulator::store::ServiceError;

/// The `Authorization` headers that are accepted: those of the auth token and of the API key.
pub(super) struct BasicAuth([String; 2]);

impl BasicAuth {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self::of_pairs([
            (credentials.account_sid().as_str(), credentials.auth_token()),
            (credentials.api_key().as_str(), credentials.api_secret()),
        ])
    }

    fn of_pairs(pairs: [(&str, &str); 2]) -> Self {
        Self(pairs.map(|(user, password)| STANDARD.encode(format!("{user}:{password}"))))
    }

    /// Fails unless a request has the account's auth token or API key.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), ServiceError> {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))
            .filter(|(_, given)| self.0.iter().any(|accepted| accepted == given.trim()))
            .map(drop)
            .ok_or(ServiceError::Unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pairs_pass_and_no_mixture() {
        let auth = BasicAuth::of_pairs([("AC1", "token"), ("SK1", "secret")]);
        let check = |scheme: &str, pair: &str| {
            let value = format!("{scheme} {}", STANDARD.encode(pair));
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            auth.check(&headers).is_ok()
        };
        assert!(check("Basic", "AC1:token") && check("basic", "SK1:secret"));
        for pair in [
            "AC1:secret",
            "SK1:token",
            "AC2:token",
            "AC1:token:",
            ":",
            "",
        ] {
            assert!(!check("Basic", pair), "{pair}");
        }
        assert!(!check("Bearer", "AC1:token"));
        assert!(auth.check(&HeaderMap::new()).is_err());
    }
}
