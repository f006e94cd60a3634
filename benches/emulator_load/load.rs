//! 64 connections that read and write, against the emulator and against a bare handler.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::any;
use tokio::net::TcpListener;
use twilio_sync::Emulator;

use crate::Verdict;
use crate::connection::{Connection, Server};

const CONNECTIONS: usize = 64;
/// The servers take turns, so that what disturbs the machine disturbs all of them.
const TURN: Duration = Duration::from_secs(3);
/// What the emulator must reach of what the bare handler does.
const LEAST: f64 = 0.5;

/// What was done, and how many bytes came back.
#[derive(Clone, Copy, Default)]
struct Done {
    requests: u64,
    errors: u64,
    bytes: u64,
    time: Duration,
}

impl Done {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.bytes += other.bytes;
        self.time += other.time;
    }

    #[expect(clippy::cast_precision_loss, reason = "it is printed")]
    fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

pub(crate) async fn run(seconds: Duration) -> Vec<Verdict> {
    let memory = Emulator::start().await.unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("load-{}.db", std::process::id()));
    let file = Emulator::builder().data_file(&path).start().await.unwrap();
    for emulator in [&memory, &file] {
        prepare(&Server::of(emulator)).await;
    }
    let sized = turn(&Server::of(&memory), TURN / 3).await;
    let size = usize::try_from(sized.bytes / sized.requests).unwrap();
    let bare = bare(size, Server::of(&memory).authorization).await;

    let servers = [Server::of(&memory), Server::of(&file), bare];
    let mut done = [Done::default(); 3];
    // As long as asked for each of them.
    while done[0].time < seconds {
        for (server, done) in servers.iter().zip(&mut done) {
            done.add(turn(server, TURN.min(seconds)).await);
        }
    }
    memory.stop().await;
    file.stop().await;
    std::fs::remove_file(&path).unwrap();

    let [memory, file, bare] = done;
    let verdict = |name: &str, done: Done, least: f64| {
        let ratio = done.per_second() / bare.per_second();
        Verdict::new(
            format!(
                "{name}: {CONNECTIONS} connections for {:.0} s, {} requests, {} errors, {:.0}/s; \
                 a bare handler of {size} bytes {:.0}/s; ratio {ratio:.2} (at least {least})",
                done.time.as_secs_f64(),
                done.requests,
                done.errors,
                done.per_second(),
                bare.per_second(),
            ),
            done.errors == 0 && ratio >= least,
        )
    };
    vec![
        verdict("in memory", memory, LEAST),
        verdict("with a data file", file, 0.0),
    ]
}

/// A handler that does nothing, with a body of this size.
async fn bare(size: usize, authorization: String) -> Server {
    let body = "x".repeat(size);
    let app = Router::new().fallback(any(move || std::future::ready(body.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Server {
        authority,
        authorization,
    }
}

async fn prepare(server: &Server) {
    let mut connection = server.connect().await;
    for number in 0..CONNECTIONS {
        let name = format!("c{number}");
        let form = [("UniqueName", &*name), ("Data", DATA)];
        assert_eq!(connection.post("/Documents", &form).await, 201);
        assert_eq!(connection.post("/Maps", &form[..1]).await, 201);
        let path = format!("/Maps/{name}/Items");
        let form = [("Key", "k"), ("Data", DATA)];
        assert_eq!(connection.post(&path, &form).await, 201);
        assert_eq!(
            connection.post("/Lists", &[("UniqueName", &name)]).await,
            201
        );
    }
}

const DATA: &str = r#"{"name":"Alice","number":"+815012345678","calls":[1,2,3],"busy":false}"#;

async fn turn(server: &Server, time: Duration) -> Done {
    let started = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let server = server.clone();
            tokio::spawn(
                async move { requests(server.connect().await, number, started + time).await },
            )
        })
        .collect();
    let mut all = Done::default();
    for connection in connections {
        all.add(connection.await.unwrap());
    }
    all.time = started.elapsed();
    all
}

/// Two reads for each write, of objects of its own and of those that all share.
async fn requests(mut connection: Connection, number: usize, end: Instant) -> Done {
    let mut done = Done::default();
    let (document, map) = (
        format!("/Documents/c{number}"),
        format!("/Maps/c{number}/Items/k"),
    );
    let list = format!("/Lists/c{number}/Items");
    while Instant::now() < end {
        for kind in 0..9 {
            let status = match kind {
                0 => connection.post(&document, &[("Data", DATA)]).await,
                1 => connection.post(&map, &[("Data", DATA)]).await,
                2 => connection.post(&list, &[("Data", DATA)]).await,
                3 | 4 => connection.get("/Documents/c0").await,
                5 | 6 => connection.get(&map).await,
                _ => connection.get(&document).await,
            };
            done.requests += 1;
            done.bytes += connection.body.len() as u64;
            done.errors += u64::from(!(200..300).contains(&status));
        }
    }
    done
}
