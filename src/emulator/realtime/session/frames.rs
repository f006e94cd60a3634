//! Frames from a client: each is logged, read and handled, or ends the connection.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::outgoing::ok;
use super::{Client, End, Session};
use crate::emulator::core::{Core, LoggedFrame, Sender};
use crate::twilsock::{Frame, Method, Status};

impl Session {
    pub(super) fn message(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        match message {
            Message::Binary(bytes) => {
                self.frame(&bytes);
                Ok(())
            }
            Message::Text(_) => {
                self.refuse_frame("frames are binary messages");
                Ok(())
            }
            Message::Close(_) => Err(End::Closed),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    pub(super) fn refuse_frame(&mut self, reason: &str) {
        self.close(
            Status::error(406, "NOT_ACCEPTABLE_MESSAGE", 51214, reason),
            None,
        );
    }

    fn frame(&mut self, bytes: &[u8]) {
        let (header, text, payload) = match Frame::parse(bytes) {
            Ok(Frame {
                header,
                text,
                payload,
            }) => (header, text, payload),
            Err(error) => {
                let reason = match Frame::id_of(bytes) {
                    Some(id) => format!("message {id:.64}: {error}"),
                    None => error.to_string(),
                };
                self.refuse_frame(&reason);
                return;
            }
        };
        let has_token = matches!(header.method, Method::Init { .. } | Method::Update { .. });
        if has_token {
            self.log_frame(Sender::Client, without_token(text).as_bytes(), payload);
        } else {
            self.log_frame(Sender::Client, text, payload);
        }
        let id = header.id;
        match header.method {
            Method::Init {
                token,
                continuation_token,
                capabilities,
                registrations,
                ..
            } => self.init(
                id,
                &token,
                continuation_token.as_deref(),
                &capabilities,
                registrations,
            ),
            Method::Update { token } => self.update(id, &token),
            Method::Message { http_request, .. } => self.request(id, http_request, payload),
            Method::Ping => self.push_reply(id, ok()),
            Method::Close { .. } => {
                self.push_reply(id, ok());
                self.end = Some(End::Close(CloseCode::Normal, ""));
            }
            // Telemetry, which wants no reply, and what only the service sends.
            Method::Reply(_) | Method::Other => {}
            Method::Notification { .. } | Method::ClientUpdate { .. } => {
                self.refuse_frame("only the service sends such messages");
            }
        }
    }

    fn log_frame(&self, sender: Sender, header: &[u8], payload: &[u8]) {
        log_frame(self.core(), self.client.as_ref(), sender, header, payload);
    }
}

/// Logs a frame of a connection.
pub(super) fn log_frame(
    core: &Core,
    client: Option<&Client>,
    sender: Sender,
    header: &[u8],
    payload: &[u8],
) {
    let (endpoint, identity) = match client {
        Some(client) => (
            Arc::clone(&client.caller.endpoint),
            Arc::clone(&client.identity),
        ),
        None => (Arc::default(), Arc::default()),
    };
    core.frames.push(LoggedFrame {
        endpoint,
        identity,
        sender,
        header: String::from_utf8_lossy(header).into(),
        payload: String::from_utf8_lossy(payload).into(),
        time: core.clock.log_time(),
    });
}

/// The text of a header without its access token.
fn without_token(text: &[u8]) -> String {
    let mut header: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    if let Some(token) = header.get_mut("token") {
        *token = "…".into();
    }
    header.to_string()
}
