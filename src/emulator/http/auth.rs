//! Who may ask.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use crate::emulator::error::Failure;

/// The account and its secrets, which `Debug` does not show.
#[derive(Clone)]
pub(in crate::emulator) struct Credentials {
    account_sid: String,
    auth_token: String,
    api_key: String,
    api_secret: String,
    /// Basic authentication by the auth token and by the API key.
    accepted: [String; 2],
}

impl Credentials {
    pub(in crate::emulator) fn new(
        account_sid: String,
        auth_token: String,
        api_key: String,
        api_secret: String,
    ) -> Self {
        let accepted = [
            STANDARD.encode(format!("{account_sid}:{auth_token}")),
            STANDARD.encode(format!("{api_key}:{api_secret}")),
        ];
        Self {
            account_sid,
            auth_token,
            api_key,
            api_secret,
            accepted,
        }
    }

    pub(in crate::emulator) fn account_sid(&self) -> &str {
        &self.account_sid
    }

    pub(in crate::emulator) fn auth_token(&self) -> &str {
        &self.auth_token
    }

    pub(in crate::emulator) fn api_key(&self) -> &str {
        &self.api_key
    }

    pub(in crate::emulator) fn api_secret(&self) -> &str {
        &self.api_secret
    }

    /// Lets a request pass that has the account's auth token or API key.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Failure> {
        headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"))
            .filter(|(_, given)| {
                self.accepted
                    .iter()
                    .any(|accepted| accepted == given.trim())
            })
            .map(drop)
            .ok_or(Failure::Unauthenticated)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("account_sid", &self.account_sid)
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pairs_pass_and_no_mixture() {
        let text = |text: &str| text.to_owned();
        let credentials = Credentials::new(text("AC1"), text("token"), text("SK1"), text("secret"));
        let check = |scheme: &str, pair: &str| {
            let value = format!("{scheme} {}", STANDARD.encode(pair));
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            credentials.check(&headers).is_ok()
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
        assert!(credentials.check(&HeaderMap::new()).is_err());
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("token") && !shown.contains("secret"));
    }
}
