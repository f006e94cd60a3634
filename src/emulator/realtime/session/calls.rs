//! Tunnelled requests of a client: their responses, their entries in the log, and faults that strike them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use http::{HeaderMap, Method as HttpMethod, Uri};
use tokio::time::sleep;

use super::{End, Session};
use crate::emulator::core::{Action, Effect, LoggedRequest, RequestId};
use crate::emulator::realtime::requests::{RequestError, Response, Routed};
use crate::emulator::realtime::subscriptions;
use crate::emulator::store::ServiceError;
use crate::twilsock::{HttpRequest, Reply, Status};

/// A request that a fault delays.
pub(super) struct Delayed {
    id: String,
    request: HttpRequest,
    payload: Vec<u8>,
    fault: Action,
    entry: LoggedRequest,
}

impl Session {
    pub(super) fn request(&mut self, id: String, request: HttpRequest, payload: &[u8]) {
        if self.client.is_none() {
            self.refuse_frame("the first message of a connection is init");
            return;
        }
        let core = Arc::clone(self.core());
        let operation = Routed::new(&request).and_then(|routed| routed.operation());
        let entry = self.entry(&request, operation, payload);
        match core.faults.strike(operation) {
            None => {
                let response = self.respond(&request, payload);
                self.push_response(id, &request, response, entry);
                self.begin_subscriptions(&request, payload);
            }
            Some(fault) => {
                let delay = fault.delay;
                let delayed = Box::new(Delayed {
                    id,
                    request,
                    payload: payload.to_vec(),
                    fault,
                    entry,
                });
                self.delayed.push(
                    async move {
                        if !delay.is_zero() {
                            sleep(delay).await;
                        }
                        delayed
                    }
                    .boxed(),
                );
            }
        }
    }

    pub(super) fn apply_delayed(&mut self, delayed: Delayed) -> Result<(), End> {
        let Delayed {
            id,
            request,
            payload,
            fault,
            entry,
        } = delayed;
        let handled = fault.after_write.then(|| self.respond(&request, &payload));
        let log = &self.realtime.core.log;
        match (fault.effect, handled) {
            (Effect::Wait, Some(response)) => {
                self.push_response(id, &request, response, entry);
                self.begin_subscriptions(&request, &payload);
            }
            (Effect::Respond(fault), _) => {
                let (code, text) = fault.error(request.method != "GET");
                let mut response = Response::error(fault.status, code, text);
                response.code = None;
                response.headers = texts(&fault.headers);
                if let Some(body) = fault.body {
                    response.body = body.to_vec();
                }
                self.push_response(id, &request, response, entry);
            }
            (Effect::Garble, Some(mut response)) => {
                response.body = b"{\"sid\": \xff\xfe<html>".to_vec();
                self.push_response(id, &request, response, entry);
            }
            (Effect::Cut | Effect::Truncate, _) | (_, None) => {
                // It is logged without a response.
                drop(log.enter(entry));
                return Err(End::Cut);
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        request: &HttpRequest,
        operation: Option<crate::api::Operation>,
        payload: &[u8],
    ) -> LoggedRequest {
        let core = self.core();
        let method = HttpMethod::from_bytes(request.method.as_bytes()).unwrap_or_default();
        let query: Vec<String> = request
            .params
            .iter()
            .filter_map(|(name, values)| Some(format!("{name}={}", values.first()?)))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{}{separator}{}", request.path, query.join("&"));
        let uri: Uri = target.parse().unwrap_or_default();
        let mut headers = HeaderMap::new();
        if let Some(value) = request
            .header("if-match")
            .and_then(|value| value.parse().ok())
        {
            headers.insert(http::header::IF_MATCH, value);
        }
        let request_id = RequestId::new(&core.random);
        let received = core.clock.log_time();
        let mut entry =
            LoggedRequest::new(operation, &method, &uri, &headers, request_id, received);
        let identity = self.client.as_ref().map_or("", |client| &*client.identity);
        entry.set_tunnelled(identity, payload);
        entry
    }

    fn respond(&self, request: &HttpRequest, payload: &[u8]) -> Response {
        let not_found = || RequestError::from(ServiceError::NotFound).response(&request.path);
        let (Some(client), Some(routed)) = (&self.client, Routed::new(request)) else {
            return not_found();
        };
        if routed.is_of_subscriptions() {
            return match subscriptions::Request::read(payload) {
                Ok(_) => subscriptions::Request::accepted(),
                Err(response) => response,
            };
        }
        routed.respond(self.core(), &client.caller, request, payload)
    }

    fn push_response(
        &mut self,
        id: String,
        request: &HttpRequest,
        response: Response,
        entry: LoggedRequest,
    ) {
        let core = Arc::clone(self.core());
        core.log
            .enter(entry)
            .respond(response.status, response.code);
        let mut headers =
            BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        if let Some(etag) = response.etag {
            headers.insert("etag".to_owned(), format!("\"{etag:x}\""));
        }
        if let Some(request_id) = request.header("twilio-request-id") {
            headers.insert("twilio-request-id".to_owned(), request_id.to_owned());
        }
        headers.extend(response.headers);
        let is_success = response.status.is_success();
        let reply = Reply {
            status: Status::ok(),
            http_status: Some(Status {
                code: response.status.as_u16(),
                text: if is_success { "OK" } else { "ERROR" }.to_owned(),
                ..Status::default()
            }),
            http_headers: Some(headers),
            ..Reply::default()
        };
        // A read waits for the disk too: a client that comes back must not have seen what a crash undid.
        self.push_full_reply(id, reply, response.body, core.queued());
    }
}

/// Headers as a reply has them: a name that is there more than once has all its values.
fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers.keys();
    let texts = names.map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.to_string(), values.join(", "))
    });
    texts.collect()
}
