//! What a test controls, over HTTP: JSON under `/_emulator/`, which Twilio does not have.
//!
//! Controls take the same credentials as the API. They give away and destroy
//! all that the API guards, and a web page that is open in a browser of the
//! same machine can reach a loopback port too; what comes from one is refused.
//!
//! They are neither logged nor subject to faults.

mod scripts;
mod shown;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
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
        let allowed = self.check(&head.headers);
        // What is refused is read on, and not kept.
        let max = if allowed.is_ok() { MAX_BODY } else { 0 };
        let body = match body::read(incoming, max).await {
            Ok(body) => Ok(body),
            Err(Unread::Refused(failure)) => Err(Refusal::from(failure)),
            Err(Unread::Gone) => return Err(Cut),
        };
        let answer = match (allowed, body) {
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
            (Ok(()), Ok(body)) => self.obey(control, &head.method, body).await,
        };
        Ok(match answer {
            Ok(Some(json)) => respond(StatusCode::OK, json.into()),
            Ok(None) => respond(StatusCode::NO_CONTENT, Bytes::new()),
            Err(refusal) => refused(&refusal),
        })
    }

    /// Lets a request pass that has credentials, and comes from no page of another origin: a
    /// browser that knows the credentials would add them to what any page has it send.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let own = format!("http://{}", self.authority_of(headers));
        let origin = headers.get(header::ORIGIN);
        let is_foreign =
            origin.is_some_and(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
        let site = headers.get("sec-fetch-site");
        if is_foreign || site.is_some_and(|site| site.as_bytes() == b"cross-site") {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "controls take no requests from pages of another origin",
            ));
        }
        Ok(self.credentials.check(headers)?)
    }

    async fn obey(self: &Arc<Self>, control: &str, method: &Method, body: Vec<u8>) -> Answer {
        match (control, method.as_str()) {
            ("reset", "POST") => {
                self.blocking(|api| {
                    api.reset();
                    Ok(())
                })
                .await?;
                self.kept().await?;
                return Ok(None);
            }
            ("seed", "POST") => {
                self.blocking(move |api| {
                    let seed = read::<Records>(&body)?;
                    api.seed(seed).map_err(Refusal::bad)
                })
                .await?;
                self.kept().await?;
                return Ok(None);
            }
            ("dump", "GET") => {
                return self.blocking(|api| show(&api.store.dump())).await;
            }
            _ => {}
        }
        self.obey_at_once(control, method, &body)
    }

    /// Does what takes long where it holds up nothing else.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let api = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&api)).await;
        done.unwrap_or_else(|error| Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error)))
    }

    fn obey_at_once(self: &Arc<Self>, control: &str, method: &Method, body: &[u8]) -> Answer {
        match (control, method.as_str()) {
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
        show(&json!({ "now": shown::date(self.clock.now()) }))
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
