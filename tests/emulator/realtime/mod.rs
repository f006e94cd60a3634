//! Live clients: a bare one, which reads frames as strictly as Twilio's Kotlin SDK does.

mod bytes;
mod connections;
mod controls;
mod kotlin;
mod load;
mod requests;
mod soak;
mod subscriptions;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use twilio_sync::Emulator;

/// The time after which a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A frame as it was received.
#[derive(Clone, Debug)]
struct Frame {
    header: Value,
    payload: Value,
}

impl Frame {
    /// Reads a frame: a first line, the header and the payload, with line ends between them.
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("frames are UTF-8");
        let parts: Vec<&str> = text.split("\r\n").collect();
        assert!(parts.len() >= 3, "{text:?}");
        let length = parts[0]
            .strip_prefix("TWILSOCK V3.0 ")
            .expect("the first line");
        assert_eq!(length, parts[1].len().to_string(), "{text:?}");
        let header: Value = serde_json::from_str(parts[1]).expect("the header");
        assert_eq!(header["payload_size"], parts[2].len(), "{text:?}");
        let payload = match parts[2] {
            "" => Value::Null,
            payload => serde_json::from_str(payload).expect("the payload"),
        };
        Self { header, payload }
    }

    /// The bytes of a frame.
    fn write(mut header: Value, payload: &str) -> Vec<u8> {
        header["payload_size"] = json!(payload.len());
        Self::write_text(&header.to_string(), payload)
    }

    /// The bytes of the reply to a message, which the client has taken.
    fn reply(id: &str) -> Vec<u8> {
        let header = format!(
            r#"{{"method":"reply","id":"{id}","payload_size":0,"status":{{"code":200,"status":"ok"}}}}"#
        );
        Self::write_text(&header, "")
    }

    fn write_text(header: &str, payload: &str) -> Vec<u8> {
        let end = if payload.is_empty() { "" } else { "\r\n" };
        let length = header.len();
        format!("TWILSOCK V3.0 {length}\r\n{header}\r\n{payload}{end}").into_bytes()
    }

    fn method(&self) -> &str {
        self.header["method"].as_str().expect("a method")
    }

    fn event_type(&self) -> &str {
        self.payload["event_type"].as_str().unwrap_or_default()
    }

    /// The events of a notification.
    fn events(&self) -> &[Value] {
        self.payload["events"].as_array().expect("events")
    }
}

/// A client that knows no more than frames.
struct Bare {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    messages: u64,
    /// Messages of the service that no test has looked at.
    received: VecDeque<Frame>,
}

impl Bare {
    async fn open(emulator: &Emulator) -> Self {
        Self::open_at(&emulator.realtime_url()).await
    }

    async fn open_at(url: &str) -> Self {
        // Small buffers, as there can be thousands of clients; and no delay for small messages.
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .write_buffer_size(4 * 1024);
        let (socket, _) = connect_async_with_config(url, Some(config), true)
            .await
            .expect("it opens");
        Self {
            socket,
            messages: 0,
            received: VecDeque::new(),
        }
    }

    /// A client that acts as an identity, with the reply to its first message.
    async fn connect(emulator: &Emulator, identity: &str) -> Self {
        let mut client = Self::open(emulator).await;
        let reply = client.init(&token(emulator, identity)).await;
        assert_eq!(reply.header["status"]["code"], 200, "{reply:?}");
        client
    }

    async fn send_bytes(&mut self, bytes: Vec<u8>) {
        // Where the service has ended the connection, reading shows it.
        let _ = self.socket.send(Message::Binary(bytes.into())).await;
    }

    /// Sends a message; its id.
    async fn send(&mut self, mut header: Value, payload: &str) -> String {
        self.messages += 1;
        let id = format!("RQ{:032x}", self.messages);
        header["id"] = json!(id);
        self.send_bytes(Frame::write(header, payload)).await;
        id
    }

    /// The next frame; none when the connection has ended.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .expect("in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = Frame::read(&bytes);
                    if frame.method() != "reply" {
                        let id = frame.header["id"].as_str().expect("an id");
                        self.send_bytes(Frame::reply(id)).await;
                    }
                    return Some(frame);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    /// The reply to a message; others are kept.
    async fn reply(&mut self, id: &str) -> Frame {
        self.reply_or_end(id).await.expect("a reply")
    }

    /// The reply to a message; none when the connection has ended.
    async fn reply_or_end(&mut self, id: &str) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.method() == "reply" && frame.header["id"] == id {
                return Some(frame);
            }
            self.received.push_back(frame);
        }
    }

    /// The next message of the service that is not a ping.
    async fn message(&mut self) -> Frame {
        loop {
            let frame = match self.received.pop_front() {
                Some(frame) => frame,
                None => self.next().await.expect("a message"),
            };
            if frame.method() != "ping" {
                return frame;
            }
        }
    }

    /// The next event of this type; it must be the next one.
    async fn event(&mut self, event_type: &str) -> Value {
        let mut frame = self.message().await;
        assert_eq!(frame.event_type(), event_type, "{frame:?}");
        frame.payload["events"][0].take()
    }

    async fn init(&mut self, token: &str) -> Frame {
        let header = json!({"method": "init", "token": token, "continuation_token": null,
            "capabilities": ["client_update", "account_descriptor"], "metadata": {"sdk": "kotlin"}});
        let id = self.send(header, "").await;
        self.reply(&id).await
    }

    /// Makes a tunnelled request; its HTTP status and body.
    async fn request(&mut self, method: &str, path: &str, body: &str) -> (u64, Value) {
        self.request_with(method, path, json!({}), json!({}), body)
            .await
    }

    async fn request_with(
        &mut self,
        method: &str,
        path: &str,
        params: Value,
        headers: Value,
        body: &str,
    ) -> (u64, Value) {
        let header = json!({"method": "message", "active_grant": "data_sync",
            "payload_type": "application/json", "http_request": {"host": "cds.us1.twilio.com",
            "path": path, "method": method, "params": params, "headers": headers}});
        let id = self.send(header, body).await;
        let reply = self.reply(&id).await;
        assert_eq!(reply.header["status"]["code"], 200, "{reply:?}");
        let status = reply.header["http_status"]["code"]
            .as_u64()
            .expect("an integer");
        (status, reply.payload)
    }

    /// Ends the subscription to an object.
    async fn cancel(&mut self, sid: &str, kind: &str) {
        let body = json!({"action": "cancel", "correlation_id": 77,
            "requests": [{"object_sid": sid, "object_type": kind}]});
        self.request("POST", "/v4/Subscriptions", &body.to_string())
            .await;
        let canceled = self.message().await;
        assert_eq!(canceled.payload["correlation_id"], 77);
        assert_eq!(canceled.event_type(), "subscription_canceled");
    }

    /// Subscribes to an object, from an event on; the messages up to the result.
    async fn subscribe(&mut self, sid: &str, kind: &str, seen: Option<i64>) -> Vec<Frame> {
        let correlation = self.messages;
        let body = json!({"event_protocol_version": 4, "action": "establish",
            "correlation_id": correlation,
            "requests": [{"object_sid": sid, "object_type": kind, "last_event_id": seen}]});
        let (status, reply) = self
            .request("POST", "/v4/Subscriptions", &body.to_string())
            .await;
        assert_eq!(status, 202);
        assert!(reply["estimated_delivery_in_ms"].as_u64().unwrap() > 0);
        assert!(reply["max_batch_size"].as_u64().unwrap() > 0);
        let mut messages = Vec::new();
        loop {
            let frame = self.message().await;
            assert_eq!(frame.payload["correlation_id"], correlation, "{frame:?}");
            let is_result = frame.event_type().starts_with("subscription_");
            messages.push(frame);
            if is_result {
                return messages;
            }
        }
    }
}

/// Returns whether the tests are to take long, for figures and rare faults.
fn is_long() -> bool {
    std::env::var_os("TWILIO_SYNC_LONG_TESTS").is_some()
}

/// Waits until `check` passes.
async fn until(what: &str, mut check: impl FnMut() -> bool) {
    let began = Instant::now();
    while !check() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A percentile of sorted values; 0 where there are none.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = sorted.len() * percent / 100;
    sorted.get(at).copied().unwrap_or_default()
}

/// The resident memory of a process in bytes, where the system says it.
fn resident_memory(process: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// An access token of an identity.
fn token(emulator: &Emulator, identity: &str) -> String {
    let sync = emulator.client().unwrap();
    sync.access_token(identity)
        .sign()
        .unwrap()
        .as_str()
        .to_owned()
}
