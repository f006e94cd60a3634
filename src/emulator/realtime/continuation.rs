//! Continuation tokens: they say which endpoint a client was, when it connects again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const FORMAT: &str = "rtd-ct-1";

#[derive(Serialize, Deserialize)]
struct Contents {
    format: String,
    #[serde(rename = "endpointId")]
    endpoint: String,
    grants: Grants,
}

#[derive(Serialize, Deserialize)]
struct Grants {
    identity: String,
    service_sid: String,
}

/// The reason that a continuation token cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Missing,
    Invalid,
    OtherIdentity,
}

impl Unusable {
    /// The reason and the text that the client gets with a new one.
    pub(super) fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("MISSING", "Continuation token is not provided"),
            Self::Invalid => ("INVALID", "Continuation token is not valid"),
            Self::OtherIdentity => (
                "DIFFERENT_IDENTITY",
                "Continuation token was issued for another identity",
            ),
        }
    }
}

/// A continuation token of an endpoint, signed with a secret.
pub(super) fn token(endpoint: &str, identity: &str, service: &str, secret: &str) -> String {
    let contents = Contents {
        format: FORMAT.to_owned(),
        endpoint: endpoint.to_owned(),
        grants: Grants {
            identity: identity.to_owned(),
            service_sid: service.to_owned(),
        },
    };
    // Nothing in it can fail to serialise.
    let contents = STANDARD.encode(serde_json::to_vec(&contents).unwrap_or_default());
    let signature = signature(&contents, secret);
    format!("{contents}.{signature}")
}

/// The endpoint of a continuation token for this identity and Service.
pub(super) fn endpoint(
    token: Option<&str>,
    identity: &str,
    service: &str,
    secret: &str,
) -> Result<String, Unusable> {
    let token = token
        .filter(|token| !token.is_empty())
        .ok_or(Unusable::Missing)?;
    let (contents, given) = token.split_once('.').ok_or(Unusable::Invalid)?;
    if given != signature(contents, secret) {
        return Err(Unusable::Invalid);
    }
    let contents = STANDARD.decode(contents).map_err(|_| Unusable::Invalid)?;
    let contents: Contents = serde_json::from_slice(&contents).map_err(|_| Unusable::Invalid)?;
    let grants = &contents.grants;
    if contents.format != FORMAT {
        return Err(Unusable::Invalid);
    }
    if grants.identity != identity || grants.service_sid != service {
        return Err(Unusable::OtherIdentity);
    }
    Ok(contents.endpoint)
}

fn signature(contents: &str, secret: &str) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(mut mac) => {
            mac.update(contents.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
        // It takes keys of any length.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_identity_and_secret() {
        let token = token("twi1-1", "alice", "IS1", "secret");
        let read = |token, identity, secret| endpoint(token, identity, "IS1", secret);
        let given = Some(token.as_str());
        assert_eq!(read(given, "alice", "secret").as_deref(), Ok("twi1-1"));
        assert_eq!(read(given, "bob", "secret"), Err(Unusable::OtherIdentity));
        assert_eq!(read(given, "alice", "other"), Err(Unusable::Invalid));
        assert_eq!(read(None, "alice", "secret"), Err(Unusable::Missing));
        assert_eq!(read(Some(""), "alice", "secret"), Err(Unusable::Missing));
        assert_eq!(read(Some("x.y"), "alice", "secret"), Err(Unusable::Invalid));
    }
}
