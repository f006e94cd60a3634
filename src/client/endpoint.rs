//! The address of the service.

use std::net::IpAddr;

use url::{Host, Url};

use crate::error::ConfigurationError;
use crate::value::InputError;

/// The address of Twilio's own service: `sync[.edge][.region].twilio.com`.
pub(super) fn twilio_url(
    region: Option<&str>,
    edge: Option<&str>,
) -> Result<Url, ConfigurationError> {
    // An edge without a region is one of the first region's.
    let region = region.or(edge.map(|_| "us1"));
    let mut host = "sync".to_owned();
    for (setting, label) in [("the edge", edge), ("the region", region)] {
        let Some(label) = label else { continue };
        let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if label.is_empty() || !label.chars().all(is_label) {
            return Err(ConfigurationError::Value {
                setting: setting.to_owned(),
                source: InputError::Request {
                    reason: format!(
                        "\"{label}\" is not part of a host name: lower-case letters, digits and \
                         hyphens are"
                    ),
                },
            });
        }
        host.push('.');
        host.push_str(label);
    }
    checked_base_url(&format!("https://{host}.twilio.com"))
}

/// The region in an address of Twilio's own service.
#[cfg(feature = "tokens")]
pub(super) fn region(url: &Url) -> Option<&str> {
    let labels = url.host_str()?.strip_prefix("sync.")?;
    labels.strip_suffix(".twilio.com")?.rsplit('.').next()
}

/// The address of a service, if credentials can be sent there. An error shows neither user nor query.
pub(super) fn checked_base_url(text: &str) -> Result<Url, ConfigurationError> {
    let refuse = |url: &str, reason: &str| {
        Err(ConfigurationError::BaseUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        // The text may contain a password; it is not shown.
        Err(error) => return refuse("given", &format!("{error}")),
    };
    let shown = shown(&url);
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(&shown, "credentials do not belong in it; use `credentials`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse(&shown, "it must end with its path");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse(
            &shown,
            "credentials travel with each request, so it needs https; only a loopback address may \
             have http",
        ),
        _ => refuse(&shown, "it must begin with https://"),
    }
}

/// The parts of an address that can have no secret: all but user, query and fragment. Nothing of one
/// without a host.
fn shown(url: &Url) -> String {
    if !url.has_host() {
        return "given".to_owned();
    }
    let mut url = url.clone();
    // Neither fails on a URL with a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
