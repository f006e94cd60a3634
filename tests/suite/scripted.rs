//! An HTTP service without sockets, which responds by a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::time::Instant;
use twilio_sync::error::ConnectionFailure;
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};
use twilio_sync::{Credentials, SyncClient, SyncClientBuilder};

/// The result of one request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A response of a status with a body.
    Response(u16, String),
    /// No complete response.
    Fail(ConnectionFailure),
    /// No response ever.
    Silence,
}

/// A response of a status with JSON.
pub(crate) fn json_response(status: u16, body: &Value) -> Step {
    Step::Response(status, body.to_string())
}

/// An error response as the service words it.
pub(crate) fn error_response(status: u16, code: u32) -> Step {
    let body = serde_json::json!({"code": code, "message": "no", "status": status});
    json_response(status, &body)
}

/// A builder of clients with credentials and the default Service.
pub(crate) fn credentials() -> SyncClientBuilder {
    let account = "AC0123456789abcdef0123456789abcdef";
    SyncClient::builder()
        .credentials(Credentials::auth_token(account, "hunter2").expect("well-formed"))
        .service("default")
}

/// A service that takes one step after the other. The last one is for all requests after it, too.
#[derive(Clone, Debug)]
pub(crate) struct Scripted(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    steps: VecDeque<Step>,
    requests: Vec<(Instant, HttpRequest)>,
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(Arc::new(Mutex::new(State {
            steps: steps.into_iter().collect(),
            requests: Vec::new(),
        })))
    }

    /// A builder of clients of this service.
    pub(crate) fn client_builder(&self) -> SyncClientBuilder {
        credentials().http_service(self.clone())
    }

    /// The requests that came since the last time, each with its moment.
    pub(crate) fn requests(&self) -> Vec<(Instant, HttpRequest)> {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }

    /// The number of requests since the last time.
    pub(crate) fn count(&self) -> usize {
        self.requests().len()
    }

    fn next(&self, request: HttpRequest) -> Step {
        let mut state = self.0.lock().unwrap();
        state.requests.push((Instant::now(), request));
        match state.steps.len() {
            1 => state.steps[0].clone(),
            _ => state.steps.pop_front().expect("a script has a step"),
        }
    }
}

impl HttpService for Scripted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match self.next(request) {
            Step::Response(status, body) => {
                let status = http::StatusCode::from_u16(status).expect("a status");
                Ok(HttpResponse::new(status, body.into()))
            }
            Step::Fail(kind) => Err(HttpError::new(kind, "by the script")),
            Step::Silence => std::future::pending().await,
        }
    }
}
