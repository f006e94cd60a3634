//! The door for live clients: Twilio's realtime SDKs, over a WebSocket.
//!
//! A connection begins with an access token, and acts as its identity from then on. It carries the REST
//! API as tunnelled requests, and the events of the objects that the client has subscribed to. The reply
//! to a write goes out before its event.
//!
//! Each connection is one task. It reads up to [some messages](session) and carries them out, then sends
//! the replies and the events that wait by then. A client that does not read is cut off.

mod bodies;
mod continuation;
mod requests;
mod session;
mod subscriptions;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use self::session::Session;
use super::core::Core;
use crate::twilsock::MAX_FRAME;

/// The path of the WebSocket.
pub(super) const PATH: &str = "/v3/wsconnect";

/// The maximum number of live clients.
const MAX_CLIENTS: usize = 10_000;
/// The size of a connection's buffers: there can be thousands of connections.
const BUFFER: usize = 4 * 1024;
/// The size of what is buffered for a connection that does not take it.
const MAX_WRITE_BUFFER: usize = 4 * MAX_FRAME;

/// An endpoint: its Service, its identity and its own name.
type Endpoint = (String, String, Arc<str>);

/// The connections of live clients to one emulator.
pub(super) struct Realtime {
    core: Arc<Core>,
    places: Arc<Semaphore>,
    /// The number of connections of each endpoint: one that comes back may be there twice for a while.
    endpoints: Mutex<HashMap<Endpoint, usize>>,
}

/// A connection that was accepted and is not open yet.
pub(super) struct Accepted {
    upgrade: OnUpgrade,
    place: OwnedSemaphorePermit,
}

impl Realtime {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            places: Arc::new(Semaphore::new(MAX_CLIENTS)),
            endpoints: Mutex::default(),
        }
    }

    /// Accepts a request for the WebSocket, with the response that opens it, or refuses it with another.
    ///
    /// It takes no credentials, as the access token in the first message is the credential, and pages of
    /// any origin, which cannot know that token unless it was given to them.
    pub(super) fn accept<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<()>, Accepted), StatusCode> {
        let response = create_response_with_body(request, || ()).map_err(|_| {
            // Any other request to this path.
            StatusCode::UPGRADE_REQUIRED
        })?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let upgrade = hyper::upgrade::on(request);
        Ok((response, Accepted { upgrade, place }))
    }

    /// Serves a connection until it ends, or until the sender of `ends` is dropped.
    pub(super) async fn serve(self: Arc<Self>, accepted: Accepted, ends: watch::Receiver<()>) {
        let Accepted { upgrade, place } = accepted;
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket of the emulator did not open");
                return;
            }
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_write_buffer_size(MAX_WRITE_BUFFER)
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config));
        Session::new(self, socket.await).run(ends).await;
        drop(place);
    }

    /// Counts a connection of an endpoint; the first one connects the endpoint.
    fn connect(&self, endpoint: &Endpoint) {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connections = endpoints.entry(endpoint.clone()).or_default();
        *connections += 1;
        if *connections == 1 {
            let (service, identity, name) = endpoint;
            // If the Service was deleted meanwhile, there is no event.
            let _ = self.core.connect_endpoint(service, identity, name);
        }
    }

    /// Ends a connection of an endpoint; the last one disconnects the endpoint.
    fn disconnect(&self, endpoint: &Endpoint) {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(connections) = endpoints.get_mut(endpoint) else {
            return;
        };
        *connections -= 1;
        if *connections == 0 {
            endpoints.remove(endpoint);
            let (service, identity, name) = endpoint;
            let _ = self.core.disconnect_endpoint(service, identity, name);
        }
    }
}
