//! `watch` and `listen`: events as lines, and the ends of a watch.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use twilio_sync::emulator::LiveFault;

use crate::transfer::Program;

/// A command that is watching.
struct Watching {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watching {
    /// Starts a command, and waits until it watches.
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut watching = Self { child, out, err };
        let notice = watching.notice();
        assert!(notice.starts_with("Watching the "), "{notice}");
        watching
    }

    /// The next line on standard error.
    fn notice(&mut self) -> String {
        let mut line = String::new();
        self.err.read_line(&mut line).unwrap();
        line
    }

    /// The next event.
    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn end(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }
}

/// Runs what blocks, beside the emulator of the test.
async fn beside<T: Send + 'static>(blocking: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(blocking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_items_are_lines() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let calls = program.sync.map::<Value>("calls");
    calls.set("a", &json!({"n": 1})).await.unwrap();
    let command = program.command("map watch calls --count 3");
    let mut watching = beside(|| Watching::start(command)).await;

    calls.set("b\u{1b}[2J", &json!({"n": 2})).await.unwrap();
    calls.update("a", &json!({"n": "\u{202e}x"})).await.unwrap();
    calls.remove("a").await.unwrap();
    beside(move || {
        let added = watching.event();
        assert_eq!(added["event"], "added");
        assert_eq!(
            (&added["key"], &added["data"]),
            (&json!("b\u{1b}[2J"), &json!({"n": 2}))
        );
        assert!(added["revision"].is_string() && added["date_updated"].is_string());
        let updated = watching.event();
        assert_eq!(
            (&updated["event"], &updated["key"]),
            (&json!("updated"), &json!("a"))
        );
        let removed = watching.event();
        assert_eq!(
            removed,
            json!({"event": "removed", "key": "a", "data": {"n": "\u{202e}x"}})
        );
        assert_eq!(watching.end(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_comes_first_on_demand_and_keeps_its_spelling() {
    let program = Program::start().await;
    program.sync.lists().create("log").await.unwrap();
    let data: twilio_sync::value::Data = serde_json::from_str(r#"{"n": 1.50e1, "b": 1}"#).unwrap();
    let log = program.sync.list("log");
    log.add(&data).await.unwrap();
    log.add(&data).await.unwrap();
    let command = program.command("list tail log --initial --for 1s");
    let (code, out, err) = beside(move || output(command)).await;
    assert_eq!(code, 0, "{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert_eq!(lines[2], r#"{"event":"ready"}"#);
    assert!(lines[1].contains(r#""event":"initial","index":1"#), "{out}");
    assert!(lines[1].contains(r#""data":{"n":1.50e1,"b":1}"#), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_and_messages_are_lines_too() {
    let program = Program::start().await;
    program.sync.streams().create("events").await.unwrap();
    let desks = program.sync.documents::<Value>();
    desks.create("desk-7", &json!({})).await.unwrap();
    let (document, stream) = (
        program.command("doc watch desk-7 --count 1"),
        program.command("stream listen events --count 1"),
    );
    let (mut document, mut stream) =
        beside(|| (Watching::start(document), Watching::start(stream))).await;
    desks
        .update("desk-7", &json!({"busy": true}))
        .await
        .unwrap();
    let events = program.sync.stream::<Value>("events");
    let sid = events.publish(&json!({"hello": 1.0})).await.unwrap();
    beside(move || {
        let updated = document.event();
        assert_eq!(
            (&updated["event"], &updated["data"]),
            (&json!("updated"), &json!({"busy": true}))
        );
        let message = stream.event();
        assert_eq!(
            message,
            json!({"event": "message", "sid": sid, "data": {"hello": 1.0}})
        );
        assert_eq!((document.end(), stream.end()), (0, 0));
    })
    .await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_gets_each_event_and_may_end_the_watch() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let calls = program.sync.map::<Value>("calls");
    for key in ["a", "b", "c"] {
        calls.set(key, &json!({})).await.unwrap();
    }
    let script = r#"read line; echo "$TWILIO_SYNC_EVENT" >> events; echo "$line" | grep -qv '"b"'"#;
    let mut command = program.command("map watch calls --initial");
    command.args(["--exec", script]);
    let (code, out, err) = beside(move || output(command)).await;
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("failed on an event"), "{err}");
    let events = std::fs::read_to_string(program.path("events")).unwrap();
    assert_eq!(events, "initial\ninitial\n");
}

/// Events that wait while a command runs past the time of a watch are left alone.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_is_run_after_the_time_of_a_watch() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let calls = program.sync.map::<Value>("calls");
    let items = (0..20).map(|n| (format!("{n}"), json!({})));
    calls.set_many(items).await.unwrap();
    let mut commands = Vec::new();
    for file in ["one", "two", "three"] {
        let mut command = program.command("map watch calls --initial --for 1s");
        command.args(["--exec", &format!("echo >> {file}; sleep 2")]);
        commands.push(beside(move || output(command)));
    }
    futures_util::future::join_all(commands).await;
    for file in ["one", "two", "three"] {
        // None where the connection took all of the time.
        let events = std::fs::read_to_string(program.path(file)).unwrap_or_default();
        assert!(events.lines().count() <= 1, "{file}: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_watch_has_a_code() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let command = program.command("map watch nothing");
    let (code, _, err) = beside(move || output(command)).await;
    assert_eq!(code, 3, "{err}");

    let mut command = program.command("map watch calls");
    command
        .env_remove("TWILIO_API_KEY")
        .env_remove("TWILIO_API_SECRET");
    command.env("TWILIO_AUTH_TOKEN", "secret");
    let (code, _, err) = beside(move || output(command)).await;
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("auth token cannot sign"), "{err}");

    program.emulator.inject_live(LiveFault::refuse(401));
    let command = program.command("map watch calls");
    let (code, _, err) = beside(move || output(command)).await;
    assert_eq!(code, 5, "{err}");

    for arguments in [
        "--count 2 --for 1s",
        "--for 18446744073709551615 --count 1 --initial",
    ] {
        let command = program.command(&format!("map watch calls {arguments}"));
        if arguments.ends_with("--initial") {
            program
                .sync
                .map::<Value>("calls")
                .set("a", &json!({}))
                .await
                .unwrap();
        }
        let (code, out, err) = beside(move || output(command)).await;
        let expected = i32::from(!arguments.ends_with("--initial"));
        assert_eq!(code, expected, "{out}{err}");
    }

    let command = program.command("map watch calls");
    let watching = beside(|| Watching::start(command)).await;
    program.sync.maps().remove("calls").await.unwrap();
    let code = beside(|| watching.end()).await;
    assert_eq!(code, 3);
}

/// A file of a folder does not say where access tokens go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_of_live_updates_is_that_of_the_service() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let name = "TWILIO_SYNC_REALTIME_URL";
    let mut command = program.command("map watch calls --for 1s");
    command.env(name, "ws://127.0.0.1:9/v3/wsconnect");
    let url = program.emulator.url().to_owned();
    let mut other = program.command("map watch calls --for 1s");
    other
        .args(["--base-url", &url])
        .env(name, "ws://127.0.0.1:9/v3/wsconnect");
    beside(move || {
        let (code, _, err) = output(command);
        assert_eq!(code, 1, "{err}");
        assert!(err.contains("cannot connect"), "{err}");
        let (code, _, err) = output(other);
        assert_eq!(code, 0, "{err}");
    })
    .await;

    let file = program.path(".env");
    std::fs::write(
        &file,
        format!("{name}=wss://example.invalid/v3/wsconnect\n"),
    )
    .unwrap();
    let command = program.command("map watch calls --for 1s");
    let (code, _, err) = beside(move || output(command)).await;
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("another machine"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_reported() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let command = program.command("map watch calls --count 1");
    let mut watching = beside(|| Watching::start(command)).await;
    // A connection that is back at once is not reported.
    program
        .emulator
        .inject_live(LiveFault::refuse(503).always());
    program.emulator.inject_live(LiveFault::cut());
    let mut watching = beside(move || {
        assert!(watching.notice().starts_with("Not connected: "));
        watching
    })
    .await;
    program.emulator.clear_live_faults();
    let mut watching = beside(move || {
        assert_eq!(watching.notice(), "Connected again.\n");
        watching
    })
    .await;
    let calls = program.sync.map::<Value>("calls");
    calls.set("a", &json!({})).await.unwrap();
    beside(move || {
        assert_eq!(watching.event()["key"], "a");
        assert_eq!(watching.end(), 0);
    })
    .await;
}

/// Sends a signal to a command.
#[cfg(unix)]
fn signal(watching: &Watching, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &watching.child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The number of connections that clients have closed, as the emulator saw it.
#[cfg(unix)]
fn closed(program: &Program) -> usize {
    let is_close = |header: &str| header.contains("\"method\":\"close\"");
    let frames = program.emulator.frames();
    frames
        .iter()
        .filter(|frame| is_close(frame.header()))
        .count()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_watch_and_closes_its_connection() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    for (at, (name, code)) in [("INT", 130), ("TERM", 143)].into_iter().enumerate() {
        let command = program.command("map watch calls");
        let mut watching = beside(|| Watching::start(command)).await;
        beside(move || {
            signal(&watching, name);
            assert_eq!(watching.notice(), "");
            assert_eq!(watching.end(), code);
        })
        .await;
        // It has read all that the command sent when it knows that the connection has ended.
        while program.emulator.live_clients() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(closed(&program), at + 1);
    }
}

/// A terminal that was stopped, or a pager, does not read.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_reads_keeps_no_watch() {
    let program = Program::start().await;
    program.sync.maps().create("calls").await.unwrap();
    let items = program.sync.map::<Value>("calls");
    let command = program.command("map watch calls");
    let watching = beside(|| Watching::start(command)).await;
    let timed = program.command("map watch calls --for 3s --count 10000");
    let timed = beside(|| Watching::start(timed)).await;
    let data = json!({"text": "x".repeat(10_000)});
    // More than a pipe holds.
    let keys = (0..100).map(move |n| (format!("key {n}"), data.clone()));
    items.set_many(keys).await.unwrap();
    beside(move || {
        signal(&watching, "TERM");
        assert_eq!(watching.end(), 143);
        assert_eq!(timed.end(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_without_permission_watches_nothing() {
    let program = Program::start().await;
    let service = program.sync.services().get("default").await.unwrap();
    let services = program.sync.services();
    services
        .update(&service.sid)
        .acl_enabled(true)
        .await
        .unwrap();
    program.sync.maps().create("calls").await.unwrap();
    let command = program.command("map watch calls --identity mallory");
    let (code, out, err) = beside(move || output(command)).await;
    assert_eq!((code, out.as_str()), (5, ""), "{err}");
}

fn output(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}
