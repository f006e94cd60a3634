//! The WebSocket of a connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use http::{HeaderValue, StatusCode, header};
use reqwest::Upgraded;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use url::Url;

use crate::error::innermost;
use crate::twilsock::MAX_FRAME_OF_SERVICE;

/// The size of the buffer that is read into, in bytes.
const READ_BUFFER: usize = 8 * 1024;
/// The size of the messages that wait to be sent, in bytes: more than the requests for thousands of objects.
const MAX_OUTGOING: usize = 8 * 1024 * 1024;
/// The time that the end of a connection may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// An open WebSocket, which sends what is queued while it is read from.
#[derive(Debug)]
pub(super) struct Socket {
    stream: WebSocketStream<Upgraded>,
    outgoing: VecDeque<Message>,
    /// The size of all that is in `outgoing`, in bytes.
    waiting: usize,
}

impl Socket {
    /// Makes a connection.
    pub(super) async fn connect(http: reqwest::Client, url: Url) -> Result<Self, String> {
        let key = generate_key();
        let request = http
            .get(url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key);
        let response = request.send().await.map_err(described)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(format!("the service answered with {}", response.status()));
        }
        let accepted = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        let expected = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok();
        if accepted != expected.as_ref() {
            return Err("the answer is not that of a WebSocket".to_owned());
        }
        let upgraded = response.upgrade().await.map_err(described)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(MAX_FRAME_OF_SERVICE))
            .max_frame_size(Some(MAX_FRAME_OF_SERVICE));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        Ok(Self {
            stream,
            outgoing: VecDeque::new(),
            waiting: 0,
        })
    }

    /// Queues a message. [`next`](Self::next) sends it.
    pub(super) fn send(&mut self, message: Vec<u8>) {
        self.waiting += message.len();
        self.outgoing.push_back(Message::Binary(message.into()));
    }

    /// Sends what is queued, and waits for the next message. It may be dropped at any time.
    pub(super) async fn next(&mut self) -> Result<Bytes, String> {
        poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.poll_send(context) {
                return Poll::Ready(Err(lost(&error)));
            }
            // Each message that is read has a reply, so that reading on would make it grow without end.
            if self.waiting > MAX_OUTGOING {
                return Poll::Ready(Err("the service does not read what is sent".to_owned()));
            }
            loop {
                let stream = std::pin::Pin::new(&mut self.stream);
                return match stream.poll_next(context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Some(Ok(Message::Binary(bytes)))) => Poll::Ready(Ok(bytes)),
                    Poll::Ready(Some(Ok(Message::Close(_))) | None) => {
                        Poll::Ready(Err("the service ended the connection".to_owned()))
                    }
                    // All messages of the protocol are binary; pings are answered below this.
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(Some(Err(error))) => Poll::Ready(Err(lost(&error))),
                };
            }
        })
        .await
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), tungstenite::Error>> {
        let mut stream = std::pin::Pin::new(&mut self.stream);
        while !self.outgoing.is_empty() {
            std::task::ready!(stream.as_mut().poll_ready(context))?;
            if let Some(message) = self.outgoing.pop_front() {
                self.waiting -= message.len();
                stream.as_mut().start_send(message)?;
            }
        }
        stream.poll_flush(context)
    }

    /// Sends what is queued, and ends the connection.
    pub(super) async fn close(mut self) {
        let closed = async {
            let _ = poll_fn(|context| self.poll_send(context)).await;
            let _ = self.stream.close(None).await;
        };
        let _ = tokio::time::timeout(FAREWELL, closed).await;
    }
}

fn lost(error: &tungstenite::Error) -> String {
    format!("the connection is lost: {error}")
}

/// The text of the innermost cause, without the address.
fn described(error: reqwest::Error) -> String {
    let error = error.without_url();
    format!("cannot connect: {}", innermost(&error))
}

#[cfg(test)]
mod tests {
    use futures_util::SinkExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_service_that_sends_and_does_not_read_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tokio_tungstenite::accept_async(stream).await.unwrap();
            while stream.send(Message::Binary(Bytes::new())).await.is_ok() {}
        });
        let url = Url::parse(&url).unwrap();
        let mut socket = Socket::connect(reqwest::Client::new(), url).await.unwrap();
        let error = loop {
            match socket.next().await {
                Ok(_) => socket.send(vec![0; 256 * 1024]),
                Err(error) => break error,
            }
        };
        assert!(error.contains("does not read"), "{error}");
        drop(socket);
        service.await.unwrap();
    }
}
