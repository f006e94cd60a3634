//! The account of an emulator: its SIDs and secrets.

use super::error::EmulatorError;
use crate::emulator::store::{Random, is_sid_shaped};
use crate::emulator::subscribers::data_file::Account;

/// The SIDs and secrets that a user has set.
#[derive(Clone, Default)]
pub(crate) struct AccountSettings {
    pub(crate) account_sid: Option<String>,
    pub(crate) auth_token: Option<String>,
    pub(crate) api_key: Option<String>,
    pub(crate) api_secret: Option<String>,
    pub(crate) service_sid: Option<String>,
}

impl AccountSettings {
    /// Checks the SIDs and secrets that were set.
    pub(crate) fn check(&self) -> Result<(), EmulatorError> {
        for (what, prefix, given) in [
            ("account SID", "AC", &self.account_sid),
            ("API key", "SK", &self.api_key),
            ("service SID", "IS", &self.service_sid),
        ] {
            if let Some(given) = given
                && !(given.starts_with(prefix) && is_sid_shaped(given))
            {
                return Err(EmulatorError::InvalidSid {
                    what,
                    prefix,
                    given: given.clone(),
                });
            }
        }
        for (what, given) in [
            ("auth token", &self.auth_token),
            ("API secret", &self.api_secret),
        ] {
            if given.as_ref().is_some_and(|given| given.trim().is_empty()) {
                return Err(EmulatorError::EmptySecret { what });
            }
        }
        Ok(())
    }

    /// The account with these settings; the rest as in the data file, or else random.
    pub(super) fn account(
        &self,
        stored: Option<Account>,
        random: &Random,
    ) -> Result<Account, EmulatorError> {
        let sid = |set: &Option<String>, stored: Option<String>, prefix| {
            let new = || format!("{prefix}{:032x}", random.number());
            set.clone().or(stored).unwrap_or_else(new)
        };
        let secret = |set: &Option<String>, stored: Option<String>| {
            let new = || {
                random
                    .secret()
                    .map_err(|error| EmulatorError::NoRandomness(error.into()))
            };
            set.clone().or(stored).map_or_else(new, Ok)
        };
        let stored = stored.map_or([const { None }; 5], |stored| {
            [
                stored.account_sid,
                stored.auth_token,
                stored.api_key,
                stored.api_secret,
                stored.service_sid,
            ]
            .map(Some)
        });
        let [account_sid, auth_token, api_key, api_secret, service_sid] = stored;
        Ok(Account {
            account_sid: sid(&self.account_sid, account_sid, "AC"),
            auth_token: secret(&self.auth_token, auth_token)?,
            api_key: sid(&self.api_key, api_key, "SK"),
            api_secret: secret(&self.api_secret, api_secret)?,
            service_sid: sid(&self.service_sid, service_sid, "IS"),
        })
    }
}
