//! The controls of a test over HTTP: JSON under `/_emulator/`, which Twilio does not have.
//!
//! Controls need the same credentials as the API, for they show and destroy
//! all that it protects; only `health`, which shows nothing, needs none. A web page
//! that is open in a browser of the same machine can reach a loopback port too, so
//! requests from pages of another origin get an error response. Only [tokens](tokens) may be
//! given to pages, where the emulator was started so.
//!
//! They are neither logged nor subject to faults.

mod live;
mod scripts;
mod shown;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::live::{LiveFaultScript, ShownFrame};
use self::scripts::FaultScript;
use self::shown::{ShownRequest, ShownWebhook};
use self::tokens::TOKEN;
use super::body::{self, ReadError, ResponseBody};
use super::response::respond;
use super::{Api, Cut};
use crate::emulator::core::Core;
use crate::emulator::store::{Records, ServiceError};

const PREFIX: &str = "/_emulator/";
/// The control that needs no credentials: programs wait for its response at the start.
const HEALTH: &str = "health";
/// The largest body: ample for a seed of a million items.
const MAX_BODY: usize = 1024 * 1024 * 1024;

/// The control a path names.
pub(super) fn control(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX)
}

/// The error response of a control.
struct ControlError {
    status: StatusCode,
    message: String,
}

impl ControlError {
    fn new(status: StatusCode, message: impl fmt::Display) -> Self {
        Self {
            status,
            message: message.to_string(),
        }
    }

    fn bad(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ServiceError> for ControlError {
    fn from(error: ServiceError) -> Self {
        Self::new(error.status(), error.message("it"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
enum ClockChange {
    #[serde(rename = "now")]
    Now(DateTime<Utc>),
    #[serde(rename = "advance_ms")]
    AdvanceMillis(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointChange {
    #[serde(default)]
    service: Option<String>,
    identity: String,
    endpoint: String,
    connected: bool,
}

/// The result of a control: JSON, or nothing.
type Outcome = Result<Option<Vec<u8>>, ControlError>;

impl Api {
    /// Responds to a request for a control.
    pub(super) async fn control<B>(
        &self,
        control: &str,
        request: Request<B>,
    ) -> Result<Response<ResponseBody>, Cut>
    where
        B: Body<Data = Bytes> + Send + Unpin,
    {
        let (head, incoming) = request.into_parts();
        let page = (control == TOKEN)
            .then(|| self.page_of(&head.headers))
            .flatten();
        let allowed = match control {
            HEALTH => Ok(()),
            _ if page.is_some() => Ok(()),
            _ => self.check(&head.headers),
        };
        // The body of a request that is not allowed is read and dropped.
        let max = if allowed.is_ok() && control != HEALTH {
            MAX_BODY
        } else {
            0
        };
        let body = match body::read(incoming, max).await {
            Ok(body) => Ok(body),
            Err(ReadError::TooLarge) => Err(ControlError::from(ServiceError::TooLarge)),
            Err(ReadError::Disconnected) => return Err(Cut),
        };
        let result = match (allowed, body) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(()), Ok(body)) => self.run(control, &head.method, body).await,
        };
        let mut response = match result {
            Ok(Some(json)) => respond(StatusCode::OK, json.into()),
            Ok(None) => respond(StatusCode::NO_CONTENT, Bytes::new()),
            Err(error) => error_response(&error),
        };
        if let Some(page) = page {
            tokens::allow_page(response.headers_mut(), page);
        }
        Ok(response)
    }

    /// Fails unless a request has credentials and comes from no page of another origin: a
    /// browser that knows the credentials would add them to the requests of any page.
    fn check(&self, headers: &HeaderMap) -> Result<(), ControlError> {
        if self.is_from_foreign_page(headers) {
            return Err(ControlError::new(
                StatusCode::FORBIDDEN,
                "controls take no requests from pages of another origin",
            ));
        }
        Ok(self.auth.check(headers)?)
    }

    async fn run(&self, control: &str, method: &Method, body: Vec<u8>) -> Outcome {
        match (control, method.as_str()) {
            ("reset", "POST") => {
                self.blocking(|core| {
                    core.reset();
                    Ok(())
                })
                .await?;
                self.core.wait_for_data_file().await?;
                return Ok(None);
            }
            ("seed", "POST") => {
                self.blocking(move |core| {
                    let seed = read::<Records>(&body)?;
                    core.seed(seed).map_err(ControlError::bad)
                })
                .await?;
                self.core.wait_for_data_file().await?;
                return Ok(None);
            }
            ("dump", "GET") => {
                return self.blocking(|core| show(&core.store.dump())).await;
            }
            _ => {}
        }
        self.run_at_once(control, method, &body)
    }

    /// Runs long work on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let core = Arc::clone(&self.core);
        let done = tokio::task::spawn_blocking(move || work(&core)).await;
        done.unwrap_or_else(|error| {
            Err(ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, error))
        })
    }

    fn run_at_once(&self, control: &str, method: &Method, body: &[u8]) -> Outcome {
        let core = &self.core;
        match (control, method.as_str()) {
            (HEALTH, "GET") => show(&json!({ "status": "ok" })),
            ("clock", "GET") => self.show_clock(),
            ("clock", "POST") => {
                match read(body)? {
                    ClockChange::Now(now) => core.clock.set(now),
                    ClockChange::AdvanceMillis(by) => {
                        core.clock.advance(Duration::from_millis(by));
                    }
                }
                self.show_clock()
            }
            ("faults", "POST") => {
                let fault = read::<FaultScript>(body)?
                    .fault()
                    .map_err(ControlError::bad)?;
                core.faults.inject(fault);
                Ok(None)
            }
            ("faults", "DELETE") => {
                core.faults.clear();
                Ok(None)
            }
            ("requests", "GET") => {
                let requests = core.log.requests();
                let shown: Vec<_> = requests.iter().map(ShownRequest::new).collect();
                show(&json!({ "requests": shown }))
            }
            ("requests", "DELETE") => {
                core.log.clear();
                Ok(None)
            }
            ("live_faults", "POST") => {
                let fault = read::<LiveFaultScript>(body)?
                    .fault()
                    .map_err(ControlError::bad)?;
                core.inject_live(fault);
                Ok(None)
            }
            ("live_faults", "DELETE") => {
                core.live_faults.clear();
                Ok(None)
            }
            ("frames", "GET") => {
                let frames = core.frames.entries();
                let shown: Vec<_> = frames.iter().map(ShownFrame::new).collect();
                show(&json!({ "frames": shown }))
            }
            ("frames", "DELETE") => {
                core.frames.clear();
                Ok(None)
            }
            (TOKEN, "POST") => tokens::token(core, body),
            // A page asks whether it may.
            (TOKEN, "OPTIONS") => Ok(None),
            ("webhooks", "GET") => {
                let webhooks = core.webhooks();
                let shown: Vec<_> = webhooks.iter().map(ShownWebhook::new).collect();
                show(&json!({ "webhooks": shown }))
            }
            ("webhooks", "DELETE") => {
                core.clear_webhooks();
                Ok(None)
            }
            ("endpoints", "POST") => {
                let change = read::<EndpointChange>(body)?;
                let service = change.service.as_deref().unwrap_or("default");
                if change.connected {
                    core.connect_endpoint(service, &change.identity, &change.endpoint)?;
                } else {
                    core.disconnect_endpoint(service, &change.identity, &change.endpoint)?;
                }
                Ok(None)
            }
            _ => Err(no_control(control, method)),
        }
    }

    fn show_clock(&self) -> Outcome {
        show(&json!({ "now": shown::date(self.core.clock.now()) }))
    }
}

const CONTROLS: &str = "POST reset, POST seed, GET dump, GET or POST clock, POST or DELETE faults, \
                        POST or DELETE live_faults, GET or DELETE requests, GET or DELETE frames, \
                        GET or DELETE webhooks, POST endpoints, POST token, GET health";

fn no_control(control: &str, method: &Method) -> ControlError {
    let message = format!("there is no {method} {PREFIX}{control}; there are: {CONTROLS}");
    ControlError::new(StatusCode::NOT_FOUND, message)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(ControlError::bad)
}

fn show(value: &impl Serialize) -> Outcome {
    serde_json::to_vec(value)
        .map(Some)
        .map_err(|error| ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, error))
}

fn error_response(error: &ControlError) -> Response<ResponseBody> {
    let ControlError { status, message } = error;
    let body = json!({ "status": status.as_u16(), "message": message });
    let mut response = respond(*status, body.to_string().into());
    if *status == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"twilio-sync emulator\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
