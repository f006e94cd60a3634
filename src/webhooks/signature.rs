//! `X-Twilio-Signature`: that a webhook comes from the service, and nobody changed it.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The header that has the signature.
pub const SIGNATURE_HEADER: &str = "X-Twilio-Signature";

/// Checks signatures, by the account's auth token. It is the auth token whatever the calls to the API
/// are made with.
#[derive(Clone)]
pub struct Validator {
    auth_token: SecretString,
}

impl Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

impl Validator {
    /// A validator with the account's auth token. With an empty token no signature is valid, as
    /// everybody could compute it.
    pub fn new(auth_token: impl Into<SecretString>) -> Self {
        Self {
            auth_token: auth_token.into(),
        }
    }

    /// Returns `true` if there is an auth token.
    pub(super) fn has_token(&self) -> bool {
        !self.auth_token.expose_secret().trim().is_empty()
    }

    /// The signature of a webhook posted to an address with form parameters.
    #[must_use]
    pub fn sign(&self, url: &str, parameters: &[(String, String)]) -> String {
        let mac = self.mac(url, parameters);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Returns `true` if a signature is that of a webhook posted to an address with form parameters.
    ///
    /// The address is the one the service called, query and all; behind a proxy, the proxy's. Its port
    /// may be named or left out, for it is not always clear which was signed. The comparison takes the
    /// same time whatever is wrong.
    #[must_use]
    pub fn is_valid(&self, url: &str, parameters: &[(String, String)], signature: &str) -> bool {
        if !self.has_token() {
            return false;
        }
        let Ok(signature) = STANDARD.decode(signature) else {
            return false;
        };
        [without_port(url), with_port(url)]
            .iter()
            .any(|url| self.mac(url, parameters).verify_slice(&signature).is_ok())
    }

    /// The same for a webhook whose body is no form, such as JSON: its digest is in the address, as
    /// `bodySHA256`, and must be that of the body.
    #[must_use]
    pub fn is_valid_body(&self, url: &str, body: &[u8], signature: &str) -> bool {
        let digest = url::Url::parse(url).ok().and_then(|url| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(name, value)| (name == "bodySHA256").then(|| value.into_owned()))
        });
        // The digest is no secret: whoever sent the body knows it.
        digest.is_some_and(|digest| digest == hex(&Sha256::digest(body)))
            && self.is_valid(url, &[], signature)
    }

    /// Begins with the address, then each name and value, by name; of values of one name, each once
    /// and in order.
    fn mac(&self, url: &str, parameters: &[(String, String)]) -> Hmac<Sha1> {
        let key = self.auth_token.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(url.as_bytes());
        for (name, value) in parameters.iter().collect::<BTreeSet<_>>() {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

/// An address in parts: scheme with `://`, user with `@`, host, port with `:`, and the rest. It is not
/// parsed as a URL, for that would change characters that were signed.
fn parts(url: &str) -> Option<(&str, &str, &str, &str, &str)> {
    let scheme_end = url.find("://")? + 3;
    let (scheme, rest) = url.split_at(scheme_end);
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    // A colon begins the port only after the bracket of an IPv6 address.
    let after_bracket = host.rfind(']').map_or(0, |at| at + 1);
    let port_at = host[after_bracket..]
        .find(':')
        .map_or(host.len(), |at| after_bracket + at);
    let (host, port) = host.split_at(port_at);
    Some((scheme, user, host, port, rest))
}

fn without_port(url: &str) -> String {
    parts(url).map_or_else(
        || url.to_owned(),
        |(scheme, user, host, _, rest)| [scheme, user, host, rest].concat(),
    )
}

fn with_port(url: &str) -> String {
    match parts(url) {
        Some((scheme, user, host, "", rest)) => {
            let is_https = scheme.eq_ignore_ascii_case("https://");
            let port = if is_https { ":443" } else { ":80" };
            [scheme, user, host, port, rest].concat()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// Worked out with OpenSSL:
    /// `printf '%s' "$text" | openssl dgst -sha1 -hmac 12345 -binary | base64`
    #[test]
    fn the_order_of_parameters_does_not_matter() {
        let validator = Validator::new("12345");
        let mut parameters = vec![pair("b", "2 é"), pair("a", "1"), pair("B", "")];
        let url = "http://example.com/hook?x=1";
        assert_eq!(
            validator.sign(url, &parameters),
            "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ="
        );
        parameters.reverse();
        assert!(validator.is_valid(url, &parameters, "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ="));
        parameters.push(pair("a", "1"));
        assert!(validator.is_valid(url, &parameters, "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ="));
        for wrong in ["", "x", "1zOJ2Br3ZOk/BaEeYHqAkt3k8GR=", "AAAA"] {
            assert!(!validator.is_valid(url, &parameters, wrong), "{wrong}");
        }
        assert!(!Validator::new("12346").is_valid(
            url,
            &parameters,
            "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ="
        ));
        parameters.push(pair("a", "2"));
        assert!(!validator.is_valid(url, &parameters, "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ="));
    }

    #[test]
    fn ports_may_be_named_or_not() {
        assert_eq!(
            without_port("https://a:b@host:8443/x?y#z"),
            "https://a:b@host/x?y#z"
        );
        assert_eq!(with_port("https://host/x"), "https://host:443/x");
        assert_eq!(with_port("HTTP://host?x=:1"), "HTTP://host:80?x=:1");
        assert_eq!(with_port("http://[::1]/x"), "http://[::1]:80/x");
        assert_eq!(without_port("http://[::1]:8080/x"), "http://[::1]/x");
        assert_eq!(with_port("no url"), "no url");
        let validator = Validator::new("12345");
        let signature = validator.sign("https://host/x", &[]);
        assert!(validator.is_valid("https://host:443/x", &[], &signature));
        let signature = validator.sign("https://host:443/x", &[]);
        assert!(validator.is_valid("https://host/x", &[], &signature));
    }

    #[test]
    fn no_signature_is_valid_without_a_token() {
        for token in ["", " ", "\n"] {
            let validator = Validator::new(token);
            let signature = validator.sign("https://host/x", &[]);
            assert!(!validator.is_valid("https://host/x", &[], &signature));
        }
    }

    #[test]
    fn bodies_that_are_no_form() {
        let validator = Validator::new("12345");
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"; // of {}
        let url = format!("https://host/x?a=b&bodySHA256={digest}");
        let signature = validator.sign(&url, &[]);
        assert!(validator.is_valid_body(&url, b"{}", &signature));
        assert!(!validator.is_valid_body(&url, b"{ }", &signature));
        assert!(!validator.is_valid_body("https://host/x", b"{}", &signature));
    }
}
