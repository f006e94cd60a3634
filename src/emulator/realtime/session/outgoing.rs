//! The queue of messages of a connection, in the order in which they are sent.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::SinkExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::frames::log_frame;
use super::{CLOSE_TIMEOUT, End, MAX_QUEUED, STOPS, Session};
use crate::emulator::core::Sender;
use crate::emulator::store::Random;
use crate::twilsock::{Frame, Header, Method, Reply, Status};

/// The time to wait for a client that does not take what is sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A frame to be sent.
pub(super) struct Outgoing {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
    /// The number of writes that must be on disk before.
    pub(super) after: u64,
}

impl Outgoing {
    /// A message with an id of its own, which is sent when `after` writes are on disk.
    pub(super) fn new(random: &Random, method: Method, payload: Vec<u8>, after: u64) -> Self {
        let id = format!("TM{:032x}", random.number());
        Self {
            header: Header::new(id, method),
            payload,
            after,
        }
    }
}

impl Session {
    /// Returns whether so much is queued that no more is to be added before it is sent.
    pub(super) fn is_full(&self) -> bool {
        let payloads = self.out.iter().map(|message| message.payload.len());
        payloads.sum::<usize>() > MAX_QUEUED
    }

    pub(super) fn push_message(&mut self, method: Method, payload: Vec<u8>) {
        self.push_message_after(method, payload, 0);
    }

    /// Queues a message that is sent when `after` writes are on disk.
    pub(super) fn push_message_after(&mut self, method: Method, payload: Vec<u8>, after: u64) {
        let message = Outgoing::new(&self.core().random, method, payload, after);
        self.out.push_back(message);
    }

    pub(super) fn push_reply(&mut self, id: String, reply: Reply) {
        self.push_full_reply(id, reply, Vec::new(), 0);
    }

    pub(super) fn push_full_reply(
        &mut self,
        id: String,
        reply: Reply,
        payload: Vec<u8>,
        after: u64,
    ) {
        self.out.push_back(Outgoing {
            header: Header::new(id, Method::Reply(Box::new(reply))),
            payload,
            after,
        });
    }

    /// Sends all that is queued, once its writes are on disk. A client that does not take it is cut off.
    pub(super) async fn send(&mut self, ends: &mut watch::Receiver<()>) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let core = Arc::clone(self.core());
        let after = self.out.iter().map(|message| message.after).max();
        if core.stored(after.unwrap_or_default()).await.is_err() {
            // A write that is not on disk is not acknowledged.
            return Err(End::Cut);
        }
        let out = std::mem::take(&mut self.out);
        let Self { socket, client, .. } = self;
        let client = client.as_ref();
        let sending = async {
            // Each frame is built when there is room for it, as payloads can be large.
            for Outgoing {
                header, payload, ..
            } in out
            {
                let text = Frame::text(header, &payload);
                log_frame(&core, client, Sender::Service, &text, &payload);
                let frame = Frame::write(&text, &payload);
                drop(payload);
                socket.feed(Message::Binary(frame.into())).await?;
            }
            socket.flush().await
        };
        let is_cut = async {
            match client {
                Some(client) => client.connection.cut.notified().await,
                None => pending().await,
            }
        };
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = timeout(SEND_TIMEOUT, &mut sending) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(End::Cut),
            },
            () = is_cut => Err(End::Cut),
            _ = ends.changed() => match timeout(CLOSE_TIMEOUT, sending).await {
                Ok(Ok(())) => Err(End::Close(CloseCode::Away, STOPS)),
                Ok(Err(_)) | Err(_) => Err(End::Cut),
            },
        }
    }
}

pub(super) fn ok() -> Reply {
    Reply {
        status: Status::ok(),
        ..Reply::default()
    }
}

pub(super) fn notification(message_type: &str) -> Method {
    Method::Notification {
        message_type: message_type.to_owned(),
        notification_ctx_id: String::new(),
    }
}
