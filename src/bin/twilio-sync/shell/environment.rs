//! The environment variables: their names, and how one is read.

use std::env;

pub(crate) const ACCOUNT_SID: &str = "TWILIO_ACCOUNT_SID";
pub(crate) const API_KEY: &str = "TWILIO_API_KEY";
pub(crate) const API_SECRET: &str = "TWILIO_API_SECRET";
pub(crate) const AUTH_TOKEN: &str = "TWILIO_AUTH_TOKEN";
pub(crate) const SERVICE_SID: &str = "TWILIO_SYNC_SERVICE_SID";
pub(crate) const BASE_URL: &str = "TWILIO_SYNC_BASE_URL";
/// The address that live clients connect to, with their access tokens.
pub(crate) const REALTIME_URL: &str = "TWILIO_SYNC_REALTIME_URL";
pub(crate) const REGION: &str = "TWILIO_REGION";
pub(crate) const EDGE: &str = "TWILIO_EDGE";

/// Older names, which the library still takes.
pub(crate) mod older {
    pub(crate) const MASTER_ACCOUNT_SID: &str = "MASTER_ACCOUNT_SID";
    /// An account SID, or an API key.
    pub(crate) const ACCOUNT_SID: &str = "ACCOUNT_SID";
    pub(crate) const AUTH_TOKEN: &str = "AUTH_TOKEN";
    pub(crate) const SERVICE_SID: &str = "SYNC_SERVICE_SID";
}

/// Stands for `--profile`.
pub(crate) const PROFILE: &str = "TWILIO_SYNC_PROFILE";
/// Stands for `--local`.
pub(crate) const LOCAL: &str = "TWILIO_SYNC_LOCAL";

/// The variables that say who calls. They belong together: all of them are taken from one place.
pub(crate) const CREDENTIALS: &[&str] = &[
    ACCOUNT_SID,
    older::MASTER_ACCOUNT_SID,
    older::ACCOUNT_SID,
    API_KEY,
    API_SECRET,
    AUTH_TOKEN,
    older::AUTH_TOKEN,
];

/// Those of the credentials that are secrets.
pub(crate) const SECRETS: &[&str] = &[API_SECRET, AUTH_TOKEN, older::AUTH_TOKEN];

/// The variables that say where the credentials are sent, and which Service is written to.
pub(crate) const DESTINATION: &[&str] = &[
    BASE_URL,
    REALTIME_URL,
    REGION,
    EDGE,
    SERVICE_SID,
    older::SERVICE_SID,
];

/// Those of them that are addresses.
pub(crate) const ADDRESSES: &[&str] = &[BASE_URL, REALTIME_URL];

/// The variables that may be shown to people, in the order in which they are.
pub(crate) const SHOWN: &[&str] = &[
    ACCOUNT_SID,
    older::MASTER_ACCOUNT_SID,
    older::ACCOUNT_SID,
    API_KEY,
    SERVICE_SID,
    older::SERVICE_SID,
    REGION,
    EDGE,
    BASE_URL,
    REALTIME_URL,
];

/// The value of a variable. One that is there and empty counts as not set.
pub(crate) fn get(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}
