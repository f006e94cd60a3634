//! reqwest with the timeouts, headers and connections of the crate's own client: the one that calls are
//! compared with, here and in `tests/counts.rs`. What else the crate sets is left as it is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use reqwest::Client;

/// The authorization is made once for all requests, as the crate does it.
pub(crate) fn client(
    user: &str,
    password: &str,
) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::try_from(authorization)?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(Client::builder()
        .user_agent("bare")
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .no_proxy()
        .build()?)
}
