//! Responses: error responses, those of faults, and the headers that all of them have.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use tokio::time::Instant;

use super::{ResponseBody, routing};
use crate::emulator::core::{FaultResponse, RequestId};
use crate::emulator::store::ServiceError;

/// The error code of a response, for the log.
#[derive(Clone, Copy)]
pub(super) struct Code(pub(super) u32);

/// A response with a JSON body, or with none.
pub(super) fn respond(status: StatusCode, body: Bytes) -> Response<ResponseBody> {
    let is_empty = body.is_empty();
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() = status;
    if !is_empty {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

/// The error response to a request for `path`.
pub(super) fn error_response(error: ServiceError, path: &str) -> Response<ResponseBody> {
    let message = error.message(routing::unversioned(path));
    let body = error_body(error.status(), error.code(), &message);
    let mut response = respond(error.status(), body.into());
    response.extensions_mut().insert(Code(error.code()));
    response
}

/// Twilio's error body.
fn error_body(status: StatusCode, code: u32, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        code: u32,
        message: &'a str,
        more_info: String,
        status: u16,
    }
    let body = Body {
        code,
        message,
        more_info: format!("https://www.twilio.com/docs/errors/{code}"),
        status: status.as_u16(),
    };
    // Nothing in this body can fail to serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The response of a fault to a request with this method.
pub(super) fn fault_response(fault: FaultResponse, method: &Method) -> Response<ResponseBody> {
    let status = fault.status;
    let (code, text) = fault.error(!method.is_safe());
    let body = fault
        .body
        .unwrap_or_else(|| error_body(status, code, text).into());
    let mut response = respond(status, body);
    for name in fault.headers.keys() {
        response.headers_mut().remove(name);
    }
    response.headers_mut().extend(fault.headers);
    response
}

/// Adds the headers that all responses have, except those that a fault has set.
pub(super) fn add_headers(
    headers: &mut HeaderMap,
    authority: &str,
    request_id: RequestId,
    concurrent: usize,
    started: Instant,
    now: DateTime<Utc>,
) {
    const CORS: [(HeaderName, HeaderValue); 5] = [
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, DELETE, OPTIONS"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(
                "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, \
                 If-None-Match, If-Unmodified-Since, Idempotency-Key",
            ),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        ),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("ETag"),
        ),
    ];
    let mut add = |name, value| {
        headers.entry(name).or_insert(value);
    };
    for (name, value) in CORS {
        add(name, value);
    }
    add(
        HeaderName::from_static("twilio-concurrent-requests"),
        concurrent.into(),
    );
    add(
        HeaderName::from_static("x-home-region"),
        HeaderValue::from_static("us1"),
    );
    let duration = format!("{:.3}", started.elapsed().as_secs_f64());
    // The time that dates and expiry go by, which a test can move.
    let date = httpdate::fmt_http_date(now.into());
    for (name, value) in [
        ("date", date.as_str()),
        ("twilio-request-id", request_id.to_string().as_str()),
        ("twilio-request-duration", &duration),
        ("x-api-domain", authority),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            add(HeaderName::from_static(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_not_found_is_twilios() {
        let path = "/v1/Services/IS1/Documents/foo";
        let response = error_response(ServiceError::NotFound, path);
        let body = response.into_body().into_bytes().unwrap();
        assert_eq!(
            String::from_utf8(body.to_vec()).unwrap(),
            r#"{"code":20404,"message":"The requested resource /Services/IS1/Documents/foo was not found","more_info":"https://www.twilio.com/docs/errors/20404","status":404}"#
        );
    }
}
