//! Entries of the logs as JSON.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::api::Operation;
use crate::emulator::core::LoggedRequest;
use crate::emulator::subscribers::LoggedWebhook;

/// A date as controls show it: with milliseconds, in UTC.
pub(super) fn date(date: DateTime<Utc>) -> String {
    date.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[derive(Serialize)]
pub(super) struct ShownRequest<'a> {
    operation: Option<&'static str>,
    method: &'a str,
    path: &'a str,
    /// Names and values, in the order they came.
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    if_match: Option<&'a str>,
    user_agent: Option<&'a str>,
    /// None for a request over HTTP.
    identity: Option<&'a str>,
    /// The body of a live client's request: JSON text.
    body: Option<Cow<'a, str>>,
    status: Option<u16>,
    code: Option<u32>,
    request_id: String,
    received: String,
    duration_ms: f64,
}

impl<'a> ShownRequest<'a> {
    pub(super) fn new(request: &'a LoggedRequest) -> Self {
        Self {
            operation: request.operation().map(Operation::name),
            method: request.method().as_str(),
            path: request.path(),
            query: request.query(),
            form: request.form(),
            if_match: request.if_match(),
            user_agent: request.user_agent(),
            identity: request.identity(),
            body: request
                .identity()
                .map(|_| String::from_utf8_lossy(request.body())),
            status: request.status().map(|status| status.as_u16()),
            code: request.code(),
            request_id: request.request_id(),
            received: date(request.received()),
            duration_ms: request.duration().as_secs_f64() * 1_000.0,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ShownWebhook<'a> {
    event_type: &'a str,
    url: &'a str,
    /// Names and values, in the order they were sent.
    parameters: &'a [(String, String)],
    signature: &'a str,
    status: Option<u16>,
    error: Option<&'a str>,
}

impl<'a> ShownWebhook<'a> {
    pub(super) fn new(webhook: &'a LoggedWebhook) -> Self {
        Self {
            event_type: webhook.event_type(),
            url: webhook.url(),
            parameters: webhook.parameters(),
            signature: webhook.signature(),
            status: webhook.status(),
            error: webhook.error(),
        }
    }
}
