//! Access tokens for pages and programs in development.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::json;
use url::{Host, Url};

use super::{Api, ControlError, Outcome, read, show};
use crate::emulator::core::Core;
use crate::emulator::store::Service;

pub(super) const TOKEN: &str = "token";

/// The lifetime of a token where none is given, in seconds.
const LIFETIME: u64 = 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    identity: String,
    service: Option<String>,
    /// Seconds.
    ttl: Option<u64>,
}

/// Signs an access token for an identity.
pub(super) fn token(core: &Core, body: &[u8]) -> Outcome {
    let request = read::<TokenRequest>(body)?;
    let service = request.service.as_deref().unwrap_or("default");
    let sid = core
        .store
        .read(|reader| reader.service(service).map(Service::sid))?;
    let lifetime = Duration::from_secs(request.ttl.unwrap_or(LIFETIME));
    let token = core
        .token(&request.identity, &sid.to_string(), lifetime)
        .map_err(ControlError::bad)?;
    show(&json!({
        "token": token.as_str(),
        "identity": request.identity,
        "service_sid": sid,
    }))
}

/// Lets the page read the response.
pub(super) fn allow_page(headers: &mut HeaderMap, page: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
        (header::VARY, "Origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

impl Api {
    /// The origin of the page that a request comes from, if such pages may have tokens.
    pub(super) fn page_of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let is_local = origin.to_str().is_ok_and(is_local);
        (self.core.page_tokens && is_local).then(|| origin.clone())
    }
}

/// Returns true for the origin of a page that this machine serves.
fn is_local(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_local() {
        for origin in [
            "http://localhost:5173",
            "https://127.0.0.1",
            "http://[::1]:80",
        ] {
            assert!(is_local(origin), "{origin}");
        }
        for origin in [
            "null",
            "file://",
            "https://example.com",
            "http://localhost.example.com",
        ] {
            assert!(!is_local(origin), "{origin}");
        }
    }
}
