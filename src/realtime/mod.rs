//! Live updates: what happens in Documents, Lists, Maps and Message Streams, as it happens.
//!
//! - [`watch`](crate::kind::Items::watch) is a stream of events, one for each change of an object;
//!   [`listen`](crate::Messages::listen) does so for messages.
//! - [`view`](crate::kind::Items::view) keeps an object in memory as it is now.
//!
//! All of it goes over one connection of the client and its clones. It is opened when the first watch is
//! polled, and closed when the last one is dropped. A lost connection is made again, and what was missed
//! is emitted. The client only reads over it; writes are requests to the REST API. A task of the Tokio
//! runtime serves it.
//!
//! It acts as an [identity](crate::SyncClientBuilder::identity), with access tokens that the client
//! signs, or that a [provider](crate::SyncClientBuilder::token_provider) gives. Where a Service has
//! `acl_enabled`, the identity needs a permission to read.
//!
//! **Twilio does not document the protocol.** It is known from Twilio's own open-source SDKs, may change at
//! any time, and was never tried on the real service.
//!
//! Records have the dates of the realtime service, with milliseconds; those of the REST API have seconds.
//!
//! Limits: 2,000 objects a connection. At most 1,024 events wait for a slow reader; later ones are dropped,
//! and the service sends those again once it has caught up. An item that a watch has emitted an event of
//! takes some 100 bytes.
//!
//! # Access tokens in logs
//!
//! This crate logs no access token. But `tungstenite`, which it speaks WebSocket with, logs each frame that
//! it sends through the crate `log`, at the level trace, and some of them have an access token. A
//! program that logs at that level should leave the target `tungstenite` out, as in
//! `RUST_LOG=trace,tungstenite=debug`.

mod failures;
mod hub;
mod index;
mod machine;
mod order;
mod socket;
mod status;
mod subscription;
#[cfg(test)]
mod tests;
mod token;
mod view;
mod watch;
mod wire;

use std::fmt::{self, Debug};

use tokio::sync::watch::Receiver;

use self::hub::Hub;
pub use self::status::Status;
pub use self::view::{DocumentState, DocumentView, ItemsState, ListView, MapView, View};
pub use self::watch::{
    DocumentEvent, ItemEvent, ListEvent, MapEvent, Message, MessageEvent, RemovedItem, Watch,
};
use crate::client::SyncClient;
use crate::error::Result;

/// The connection of a client for live updates; see [`SyncClient::realtime`].
#[derive(Clone)]
pub struct Realtime(SyncClient);

impl Debug for Realtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Realtime").field(&self.0).finish()
    }
}

impl SyncClient {
    /// The connection of this client and its clones for live updates.
    #[must_use]
    pub fn realtime(&self) -> Realtime {
        Realtime(self.clone())
    }
}

impl Realtime {
    /// The state of the connection, and each change of it.
    ///
    /// # Errors
    ///
    /// If the client has no identity, or cannot sign access tokens.
    pub fn status(&self) -> Result<Receiver<Status>> {
        Ok(Hub::of(&self.0)?.status())
    }

    /// Ends all watches and views, and the connection, and returns when it is closed. A watch that is
    /// begun later opens another one.
    pub async fn close(&self) {
        if let Some(hub) = self.0.connection_made::<Hub>() {
            hub.close().await;
        }
    }
}
