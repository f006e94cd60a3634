//! The sockets of an emulator: its listener and its connections.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http::{Api, ResponseBody};
use super::realtime::{self, Realtime};

/// The time to wait when no connection can be accepted, as when too many files are open.
const PAUSE: Duration = Duration::from_millis(20);
/// The time that requests under way have to complete when the emulator stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most connections at a time; more wait until one ends.
const MAX_CONNECTIONS: usize = 1024;
/// The time in which the head of the next request must be complete, on a new connection as on an
/// idle one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves connections until `stop` is sent, which lets requests under way complete, or until its
/// sender is dropped, which ends all connections at once.
pub(super) async fn serve(listener: TcpListener, api: Arc<Api>, mut stop: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    let sockets = Arc::new(Sockets {
        realtime: Arc::new(Realtime::new(Arc::clone(&api.core))),
        open: Mutex::default(),
    });
    let (ending, ends) = watch::channel(());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        match select(pin!(accept), &mut stop).await {
            Either::Left(((Ok((stream, _)), place), _)) => {
                let serving =
                    serve_connection(stream, Arc::clone(&api), Arc::clone(&sockets), ends.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
                // Those that have ended are dropped.
                while connections.try_join_next().is_some() {}
            }
            Either::Left(((Err(error), _), _)) => {
                tracing::warn!(%error, "the emulator cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
            Either::Right((stopped, _)) => break stopped.is_ok(),
        }
    };
    drop(listener);
    if graceful {
        drop(ending);
        let all = async {
            while connections.join_next().await.is_some() {}
            let mut open = sockets.take();
            while open.join_next().await.is_some() {}
        };
        if timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("the emulator ends with requests under way");
        }
    }
    connections.shutdown().await;
    sockets.take().shutdown().await;
}

/// The sockets of live clients, which outlive the connections that they began with.
struct Sockets {
    realtime: Arc<Realtime>,
    open: Mutex<JoinSet<()>>,
}

impl Sockets {
    /// Takes the tasks of those that are open.
    fn take(&self) -> JoinSet<()> {
        std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a `WebSocket`, or responds to a request that opens none.
    fn open(
        &self,
        mut request: Request<Incoming>,
        ends: watch::Receiver<()>,
    ) -> Response<ResponseBody> {
        let empty = ResponseBody::whole(Bytes::new());
        match self.realtime.accept(&mut request) {
            Ok((response, accepted)) => {
                let serving = Arc::clone(&self.realtime).serve(accepted, ends);
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                // Those that have ended are dropped.
                while open.try_join_next().is_some() {}
                open.spawn(serving);
                response.map(|()| empty)
            }
            Err(status) => {
                let mut response = Response::new(empty);
                *response.status_mut() = status;
                if status == StatusCode::UPGRADE_REQUIRED {
                    let websocket = HeaderValue::from_static("websocket");
                    response.headers_mut().insert(header::UPGRADE, websocket);
                }
                response
            }
        }
    }
}

/// Serves a connection until it ends, or until the sender of `ends` is dropped and its request under
/// way is complete.
async fn serve_connection(
    stream: TcpStream,
    api: Arc<Api>,
    sockets: Arc<Sockets>,
    mut ends: watch::Receiver<()>,
) {
    // Responses are written in one piece, so waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY cannot be set");
    }
    let ending = ends.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (api, sockets, ending) = (Arc::clone(&api), Arc::clone(&sockets), ending.clone());
        async move {
            if request.uri().path() == realtime::PATH {
                return Ok(sockets.open(request, ending));
            }
            api.respond(request).await
        }
    });
    // An error of the service, `Cut`, makes hyper drop the connection.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = match select(connection.as_mut(), pin!(ends.changed())).await {
        Either::Left((served, _)) => served,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the emulator broke");
    }
}
