//! From the start to the first answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use twilio_sync::Emulator;

use crate::Verdict;
use crate::connection::Server;

const MOST: Duration = Duration::from_millis(50);
const SAMPLES: usize = 21;

fn verdict(name: &str, mut times: Vec<Duration>) -> Verdict {
    times.sort();
    let (median, slowest) = (times[SAMPLES / 2], times[SAMPLES - 1]);
    Verdict::new(
        format!(
            "{name}: start to first answer {median:?}, at most {slowest:?} of {SAMPLES} (at most {MOST:?})"
        ),
        slowest <= MOST,
    )
}

/// Of an emulator in the process.
pub(crate) async fn library() -> Verdict {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let started = Instant::now();
        let emulator = Emulator::start().await.unwrap();
        let mut connection = Server::of(&emulator).connect().await;
        assert_eq!(connection.get("").await, 200);
        times.push(started.elapsed());
    }
    verdict("library", times)
}

/// Of the program, from before there is a process.
pub(crate) fn program() -> Verdict {
    let mut times = Vec::new();
    for _ in 0..SAMPLES {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_twilio-sync"))
            .args(["emulator", "--port", "0", "--json", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        assert!(ask(&line).starts_with("HTTP/1.1 200"));
        times.push(started.elapsed());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    verdict("program", times)
}

/// What the program that printed this line answers.
fn ask(line: &str) -> String {
    let printed: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| printed[name].as_str().unwrap().to_owned();
    let user = format!("{}:{}", text("account_sid"), text("auth_token"));
    let authority = text("url").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&authority).unwrap();
    write!(
        stream,
        "GET /v1/Services/default HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
         Authorization: Basic {}\r\n\r\n",
        STANDARD.encode(user)
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
