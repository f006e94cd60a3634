//! Connections: taken, served and ended.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::http::Api;

/// How long to wait when no connection can be taken, as when no file is left to open.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves connections until the sender of `stop` is gone, then ends all of them.
pub(super) async fn serve(listener: TcpListener, api: Arc<Api>, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        match select(pin!(listener.accept()), &mut stop).await {
            Either::Left((Ok((stream, _)), _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&api)));
                // What has ended is forgotten.
                while connections.try_join_next().is_some() {}
            }
            Either::Left((Err(error), _)) => {
                tracing::warn!(%error, "the emulator cannot take a connection");
                tokio::time::sleep(PAUSE).await;
            }
            Either::Right(_) => break,
        }
    }
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, api: Arc<Api>) {
    // Answers are written whole, so waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let service = service_fn(|request| {
        let api = Arc::clone(&api);
        async move { api.answer(request).await }
    });
    // An error of the service, `Cut`, makes hyper drop the connection.
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the emulator broke");
    }
}
