//! A connection that costs little: what is measured is the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use twilio_sync::Emulator;
use url::form_urlencoded;

/// Where requests go, and as whom.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) authority: String,
    pub(crate) authorization: String,
}

impl Server {
    pub(crate) fn of(emulator: &Emulator) -> Self {
        let user = format!("{}:{}", emulator.account_sid(), emulator.auth_token());
        Self {
            authority: emulator.url().trim_start_matches("http://").to_owned(),
            authorization: format!("Basic {}", STANDARD.encode(user)),
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Connection {
            server: self.clone(),
            stream: BufReader::new(stream),
            body: Vec::new(),
        }
    }
}

pub(crate) struct Connection {
    server: Server,
    stream: BufReader<TcpStream>,
    /// The body of the last answer.
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn get(&mut self, path: &str) -> u16 {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> u16 {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send("POST", path, &form).await
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> u16 {
        let Server {
            authority,
            authorization,
        } = &self.server;
        let request = format!(
            "{method} /v1/Services/default{path} HTTP/1.1\r\nHost: {authority}\r\n\
             Authorization: {authorization}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .await
            .unwrap();
        self.read().await
    }

    /// Reads an answer: its status.
    async fn read(&mut self) -> u16 {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        let status = line.split(' ').nth(1).expect("an answer").parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await.unwrap();
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).await.unwrap();
        status
    }
}
