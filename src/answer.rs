//! What the generated client makes of responses, in place of progenitor's own: the transport has read
//! the body already. And what comes of failures.

use bytes::Bytes;
use http::{Method, header};
use progenitor_client::ResponseValue;
use reqwest::Response;
use serde::de::DeserializeOwned;

use crate::api;
use crate::error::{
    ConnectionError, Error, ErrorBody, InputError, ResponseError, Result, ServiceError, excerpt,
};
use crate::report::{Report, note, text, with_body};

/// Of a success.
#[allow(clippy::result_large_err)] // it is the generated client's
pub(crate) fn decoded<T: DeserializeOwned>(
    mut response: Response,
) -> Result<ResponseValue<T>, api::Error<ErrorBody>> {
    let decoded = with_body(&mut response, |body| {
        serde_json::from_slice(body).map_err(|error| (body.clone(), error))
    });
    match decoded {
        Ok(value) => Ok(with_head(response, value)),
        Err((body, error)) => {
            note(&response);
            Err(api::Error::InvalidResponsePayload(body, error))
        }
    }
}

/// Of a success without a body.
pub(crate) fn empty(response: Response) -> ResponseValue<()> {
    with_head(response, ())
}

/// Of a refusal, whose body may be of any shape, such as a proxy's HTML.
pub(crate) fn refused(mut response: Response) -> api::Error<ErrorBody> {
    let status = response.status().as_u16();
    let body = with_body(&mut response, |body| ErrorBody::read(status, body));
    api::Error::ErrorResponse(with_head(response, body))
}

/// A value with the status and headers it came with.
fn with_head<T>(mut response: Response, value: T) -> ResponseValue<T> {
    let headers = std::mem::take(response.headers_mut());
    ResponseValue::new(value, response.status(), headers)
}

/// Of a status that the description does not have: a response whose body can be read.
pub(crate) fn unexpected(mut response: Response) -> api::Error<ErrorBody> {
    note(&response);
    let mut whole = http::Response::new(with_body(&mut response, Bytes::clone));
    *whole.status_mut() = response.status();
    *whole.headers_mut() = std::mem::take(response.headers_mut());
    api::Error::UnexpectedResponse(whole.into())
}

/// The value that a call answered with.
pub(crate) fn value<R: DeserializeOwned>(
    result: Result<ResponseValue<R>, api::Error<ErrorBody>>,
    report: Option<Box<Report>>,
) -> Result<R> {
    match result {
        Ok(response) => Ok(response.into_inner()),
        Err(error) => Err(failure::<R>(error, report)),
    }
}

/// What is read from the body that a call answered with. `R` is what it should be, for the message if
/// it is not.
pub(crate) fn reading<R: DeserializeOwned, T>(
    result: Result<Response, api::Error<ErrorBody>>,
    report: Option<Box<Report>>,
    read: impl FnOnce(&[u8]) -> serde_json::Result<Result<T>>,
) -> Result<T> {
    let (response, mut report) = match (result, report) {
        (Ok(response), Some(report)) => (response, report),
        // Each response is handed over with a report.
        (Ok(response), None) => return Err(failure::<R>(unexpected(response), None)),
        (Err(error), report) => return Err(failure::<R>(error, report)),
    };
    let body = report.answer.as_ref().map(|(_, body)| body);
    match read(body.map_or(&[], |body| body)) {
        Ok(read) => read,
        Err(error) => {
            let body = body.cloned().unwrap_or_default();
            report.note(Some(response.url()), Some(response.headers()));
            let error = api::Error::InvalidResponsePayload(body, error);
            Err(failure::<R>(error, Some(report)))
        }
    }
}

/// Makes an [`Error`] of the failure of a call.
fn failure<R: DeserializeOwned>(
    error: api::Error<ErrorBody>,
    report: Option<Box<Report>>,
) -> Error {
    let Some(report) = report else {
        // Nothing was sent: the request itself could not be put together.
        let reason = match error {
            api::Error::InvalidRequest(reason) => reason,
            error => error.to_string(),
        };
        return InputError::Request { reason }.into();
    };
    let Report {
        mut call, answer, ..
    } = *report;
    let (status, body) = answer.unwrap_or_default();
    let reason = match error {
        api::Error::ErrorResponse(response) => {
            let body = response.into_inner();
            return Error::Service(Box::new(ServiceError { call, body }));
        }
        api::Error::CommunicationError(source)
        | api::Error::ResponseBodyError(source)
        | api::Error::InvalidUpgrade(source) => {
            return Error::Connection(Box::new(ConnectionError::new(call, source)));
        }
        api::Error::InvalidResponsePayload(body, error) => misfit::<R>(&body, &error),
        api::Error::UnexpectedResponse(response) if status.is_redirection() => {
            let location = text(response.headers(), &header::LOCATION).unwrap_or_default();
            format!(
                "redirects (here to {location:?}) are not followed, for credentials go only to the \
                 configured address; check the base URL"
            )
        }
        api::Error::UnexpectedResponse(_) => "this status is not one of the operation's".to_owned(),
        api::Error::InvalidRequest(reason) | api::Error::Custom(reason) => reason,
    };
    // The service took the write, and then said something else than it should.
    call.outcome_unknown |= call.method != Method::GET && status.is_success();
    Error::Response(Box::new(ResponseError {
        call,
        status,
        reason,
        excerpt: excerpt(&body).into_owned(),
    }))
}

/// Where and why a body does not fit the type, found by decoding it once more.
fn misfit<R: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return format!("it is cut short: {error}");
    }
    if error.is_syntax() {
        return format!("it is not JSON: {error}");
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, R>(&mut reader) {
        Err(error) => format!("at `{}`: {}", error.path(), error.inner()),
        Ok(_) => error.to_string(),
    }
}
