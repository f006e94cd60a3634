//! `X-Twilio-Signature`: proof that a webhook comes from the owner of the auth token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Signs a form posted to `url`: the address as the receiver sees it, then
/// each name and value, in the order of the names.
pub(super) fn sign(auth_token: &str, url: &str, parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else {
        // HMAC takes keys of any length.
        return String::new();
    };
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with OpenSSL: `printf '%s' "$text" | openssl dgst -sha1 -hmac 12345 -binary | base64`
    #[test]
    fn the_order_of_parameters_does_not_matter() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut parameters = vec![pair("b", "2 é"), pair("a", "1"), pair("B", "")];
        let sign = |parameters: &[_]| sign("12345", "http://example.com/hook?x=1", parameters);
        assert_eq!(sign(&parameters), "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ=");
        parameters.reverse();
        assert_eq!(sign(&parameters), "1zOJ2Br3ZOk/BaEeYHqAkt3k8GQ=");
    }
}
