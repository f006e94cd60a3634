//! The SIDs and secrets of the account.

use std::fmt;

use super::error::EmulatorError;
use crate::emulator::subscribers::data_file::Account;
use crate::value::{AccountSid, ApiKeySid};

/// The account and its secrets, which `Debug` does not show.
#[derive(Clone)]
pub(crate) struct Credentials {
    account_sid: AccountSid,
    auth_token: String,
    api_key: ApiKeySid,
    api_secret: String,
}

impl Credentials {
    pub(super) fn new(account: &Account) -> Result<Self, EmulatorError> {
        let invalid = |what, prefix, given: &str| EmulatorError::InvalidSid {
            what,
            prefix,
            given: given.to_owned(),
        };
        let (account_sid, api_key) = (&account.account_sid, &account.api_key);
        Ok(Self {
            account_sid: AccountSid::new(account_sid)
                .map_err(|_| invalid("account SID", AccountSid::PREFIX, account_sid))?,
            auth_token: account.auth_token.clone(),
            api_key: ApiKeySid::new(api_key)
                .map_err(|_| invalid("API key", ApiKeySid::PREFIX, api_key))?,
            api_secret: account.api_secret.clone(),
        })
    }

    pub(crate) fn account_sid(&self) -> &AccountSid {
        &self.account_sid
    }

    pub(crate) fn auth_token(&self) -> &str {
        &self.auth_token
    }

    pub(crate) fn api_key(&self) -> &ApiKeySid {
        &self.api_key
    }

    pub(crate) fn api_secret(&self) -> &str {
        &self.api_secret
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
    fn debug_shows_no_secrets() {
        let sid = |prefix: &str| format!("{prefix}{}", "0".repeat(32));
        let account = Account {
            account_sid: sid("AC"),
            auth_token: "token".to_owned(),
            api_key: sid("SK"),
            api_secret: "secret".to_owned(),
            service_sid: sid("IS"),
        };
        let shown = format!("{:?}", Credentials::new(&account).unwrap());
        assert!(shown.contains("AC0") && !shown.contains("token") && !shown.contains("secret"));
    }
}
