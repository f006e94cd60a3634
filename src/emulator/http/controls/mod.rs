//! What a test controls, over HTTP: JSON under `/_emulator/`, which Twilio does not have.
//!
//! Controls take the same credentials as the API. They give away and destroy
//! all that the API guards, and a web page that is open in a browser of the
//! same machine can reach a loopback port too.
//!
//! They are neither logged nor subject to faults.

mod scripts;
mod shown;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::scripts::FaultScript;
use self::shown::{ShownRequest, ShownWebhook};
use super::body::{self, Answered, Unread};
use super::{Api, Cut, respond};
use crate::emulator::error::Failure;
use crate::emulator::store::Records;

const PREFIX: &str = "/_emulator/";
/// The largest body: ample for a seed of a million items.
const MAX_BODY: usize = 1024 * 1024 * 1024;

/// The control a path names.
pub(super) fn control(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX)
}

/// Why a control does nothing.
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
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

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::new(failure.status(), failure.message("it"))
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

/// What a control answers: JSON, or nothing.
type Answer = Result<Option<Vec<u8>>, Refusal>;

impl Api {
    /// Answers a request for a control.
    pub(super) async fn control(
        self: &Arc<Self>,
        control: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Answered>, Cut> {
        let (head, incoming) = request.into_parts();
        let body = match body::read(incoming, MAX_BODY).await {
            Ok(body) => Ok(body),
            Err(Unread::Refused(failure)) => Err(Refusal::from(failure)),
            Err(Unread::Gone) => return Err(Cut),
        };
        let answer = match self.credentials.check(&head.headers) {
            Err(failure) => Err(failure.into()),
            Ok(()) => match body {
                Err(refusal) => Err(refusal),
                Ok(body) => self.obey(control, &head.method, &body).await,
            },
        };
        Ok(match answer {
            Ok(Some(json)) => respond(StatusCode::OK, json.into()),
            Ok(None) => respond(StatusCode::NO_CONTENT, Bytes::new()),
            Err(refusal) => refused(&refusal),
        })
    }

    async fn obey(self: &Arc<Self>, control: &str, method: &Method, body: &[u8]) -> Answer {
        match (control, method.as_str()) {
            ("reset", "POST") => {
                self.store.reset();
                self.kept().await?;
                Ok(None)
            }
            ("seed", "POST") => {
                let seed = read::<Records>(body)?;
                self.store.seed(seed).map_err(Refusal::bad)?;
                self.kept().await?;
                Ok(None)
            }
            ("dump", "GET") => show(&self.store.dump()),
            ("clock", "GET") => self.show_clock(),
            ("clock", "POST") => {
                match read(body)? {
                    ClockChange::Now(now) => self.clock.set(now),
                    ClockChange::AdvanceMillis(by) => {
                        self.clock.advance(Duration::from_millis(by));
                    }
                }
                self.show_clock()
            }
            ("faults", "POST") => {
                let fault = read::<FaultScript>(body)?.fault().map_err(Refusal::bad)?;
                self.faults.inject(fault);
                Ok(None)
            }
            ("faults", "DELETE") => {
                self.faults.clear();
                Ok(None)
            }
            ("requests", "GET") => {
                let requests = self.log.requests();
                let shown: Vec<_> = requests.iter().map(ShownRequest::new).collect();
                show(&json!({ "requests": shown }))
            }
            ("requests", "DELETE") => {
                self.log.clear();
                Ok(None)
            }
            ("webhooks", "GET") => {
                let webhooks = self.webhooks.entries();
                let shown: Vec<_> = webhooks.iter().map(ShownWebhook::new).collect();
                show(&json!({ "webhooks": shown }))
            }
            ("webhooks", "DELETE") => {
                self.webhooks.clear();
                Ok(None)
            }
            ("endpoints", "POST") => {
                let change = read::<EndpointChange>(body)?;
                let service = change.service.as_deref().unwrap_or("default");
                if change.connected {
                    self.connect_endpoint(service, &change.identity, &change.endpoint)?;
                } else {
                    self.disconnect_endpoint(service, &change.identity, &change.endpoint)?;
                }
                Ok(None)
            }
            _ => Err(no_control(control, method)),
        }
    }

    fn show_clock(&self) -> Answer {
        let now = self.clock.now();
        show(&json!({ "now": now.to_rfc3339_opts(SecondsFormat::Millis, true) }))
    }

    pub(in crate::emulator) fn connect_endpoint(
        &self,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), Failure> {
        self.endpoints
            .connect(&self.store, service, identity, endpoint)
    }

    pub(in crate::emulator) fn disconnect_endpoint(
        self: &Arc<Self>,
        service: &str,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), Failure> {
        let later = self
            .endpoints
            .disconnect(&self.store, service, identity, endpoint)?;
        if let Some(later) = later {
            // The emulator does not live on for its sake.
            let api = Arc::downgrade(self);
            self.runtime.spawn(async move {
                tokio::time::sleep(later.after).await;
                if let Some(api) = api.upgrade() {
                    api.endpoints.left(&api.store, &later);
                }
            });
        }
        Ok(())
    }
}

const CONTROLS: &str = "POST reset, POST seed, GET dump, GET or POST clock, POST or DELETE faults, \
                        GET or DELETE requests, GET or DELETE webhooks, POST endpoints";

fn no_control(control: &str, method: &Method) -> Refusal {
    let message = format!("there is no {method} {PREFIX}{control}; there are: {CONTROLS}");
    Refusal::new(StatusCode::NOT_FOUND, message)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(Refusal::bad)
}

fn show(answer: &impl Serialize) -> Answer {
    serde_json::to_vec(answer)
        .map(Some)
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error))
}

fn refused(refusal: &Refusal) -> Response<Answered> {
    let Refusal { status, message } = refusal;
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
