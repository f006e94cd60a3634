//! hyper, on a connection of each task, with a fixed answer that is read and not decoded: about as
//! fast as HTTP goes here.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;
use crate::contender::{Calls, Entry};
use crate::server::Address;

pub(crate) struct Raw {
    authority: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// Another task has a connection of its own.
impl Clone for Raw {
    fn clone(&self) -> Self {
        Self {
            authority: self.authority.clone(),
            connection: None,
        }
    }
}

impl Raw {
    async fn send(&mut self, method: &str, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let mut connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let stream = TcpStream::connect(&self.authority).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            sender
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .body(Full::new(body))?;
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let body = answer.into_body().collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok(body)
    }

    async fn post(&mut self, data: &Entry) -> Result<Entry, Failure> {
        let body = format!("Data={}", serde_json::to_string(data)?);
        self.send("POST", "/one", body.into()).await?;
        Ok(nothing())
    }
}

fn nothing() -> Entry {
    Entry {
        n: 0,
        text: String::new(),
    }
}

impl Calls for Raw {
    fn connect(address: &Address) -> Result<Self, Failure> {
        Ok(Self {
            authority: address.url.trim_start_matches("http://").to_owned(),
            connection: None,
        })
    }

    async fn get(&mut self, _: &str) -> Result<Entry, Failure> {
        self.send("GET", "/one", Bytes::new()).await?;
        Ok(nothing())
    }

    async fn update(&mut self, _: &str, data: &Entry) -> Result<Entry, Failure> {
        self.post(data).await
    }

    async fn set(&mut self, _: &str, data: &Entry) -> Result<Entry, Failure> {
        self.post(data).await
    }

    async fn add(&mut self, data: &Entry) -> Result<Entry, Failure> {
        self.post(data).await
    }

    async fn upsert(&mut self, _: &str, data: &Entry) -> Result<Entry, Failure> {
        self.post(data).await
    }

    async fn remove(&mut self, _: &str) -> Result<u64, Failure> {
        Err("there is nothing to remove".into())
    }

    async fn stream(&mut self, most: u64) -> Result<u64, Failure> {
        for _ in 0..most.div_ceil(100) {
            self.send("GET", "/page", Bytes::new()).await?;
        }
        Ok(most)
    }
}
