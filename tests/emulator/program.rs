//! The program `twilio-sync emulator`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, Http};

/// The program while it runs; it is killed when dropped.
pub(crate) struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    /// The line it printed.
    pub(crate) line: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
    for (name, _) in std::env::vars() {
        if name.starts_with("TWILIO_") {
            command.env_remove(name);
        }
    }
    command
        .arg("emulator")
        .args(["--port", "0"])
        .args(arguments);
    command
}

impl Program {
    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, out, line }
    }

    /// Runs with a data file, and waits until it accepts connections.
    pub(crate) fn with_data(path: &Path) -> Self {
        let path = path.to_str().unwrap();
        Self::spawn(command(&["--json", "--quiet", "--data", path]))
    }

    /// The same, on a disk on which files cannot get much larger than a new data file.
    pub(crate) fn with_data_on_a_full_disk(path: &Path) -> Self {
        let program = command(&["--json", "--quiet", "--data", path.to_str().unwrap()]);
        let mut command = Command::new("sh");
        for (name, _) in program.get_envs() {
            command.env_remove(name);
        }
        command
            .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"])
            .arg(program.get_program())
            .args(program.get_args());
        Self::spawn(command)
    }

    /// Runs without a data file, and waits until it accepts connections.
    pub(crate) fn in_memory() -> Self {
        Self::spawn(command(&["--json", "--quiet"]))
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.line).expect("a line of JSON")
    }

    pub(crate) fn url(&self) -> String {
        self.json()["url"].as_str().unwrap().to_owned()
    }

    pub(crate) fn http(&self) -> Http {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Http::new(&text("url"), &text("api_key"), &text("api_secret"))
    }

    /// Kills it, so that it cannot prepare for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended, and returns its status and the rest of its output.
    fn wait(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn json_is_one_line_with_what_was_set() {
    let account = format!("AC{}", "a".repeat(32));
    let service = format!("IS{}", "b".repeat(32));
    let mut command = command(&["--json", "--quiet", "--account-sid", &account]);
    command
        .env("TWILIO_ACCOUNT_SID", format!("AC{}", "f".repeat(32)))
        .env("TWILIO_AUTH_TOKEN", "the token")
        .env("TWILIO_API_KEY", "")
        .env("TWILIO_SYNC_SERVICE_SID", &service);
    let mut program = Program::spawn(command);
    let json = program.json();
    // A flag overrides the environment, and an empty variable counts as none.
    assert_eq!(json["account_sid"], account);
    // A secret that was set is not printed again.
    assert_eq!(json["auth_token"], Value::Null);
    assert_eq!(json["service_sid"], service);
    assert_eq!(json["api_key"].as_str().unwrap().len(), 34);
    assert_eq!(json.as_object().unwrap().len(), 6);
    let realtime = json["url"].as_str().unwrap().replace("http", "ws") + "/v3/wsconnect";
    assert_eq!(json["realtime_url"], realtime);

    // It accepts connections from here on, with either pair of credentials.
    assert_eq!(program.http().get("").await.1["sid"], service);
    let http = Http::new(json["url"].as_str().unwrap(), &account, "the token");
    assert_eq!(http.get("").await.1["account_sid"], account);

    program.signal("TERM");
    let (status, rest) = program.wait();
    assert_eq!((status.code(), rest.as_str()), (Some(0), ""));
}

#[test]
fn lines_for_a_shell_can_be_run() {
    let mut command = command(&["--quiet"]);
    command.env("TWILIO_AUTH_TOKEN", "the token");
    let mut program = Program::spawn(command);
    program.signal("INT");
    let (status, rest) = program.wait();
    assert_eq!(status.code(), Some(0));

    let script = format!(
        "{}{rest}printf '%s\\n' \"$TWILIO_SYNC_BASE_URL\" \"$TWILIO_API_SECRET\"",
        program.line
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let (url, secret) = output.trim_end().split_once('\n').unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(secret.len(), 32, "{secret}");
    assert!(!rest.contains("TWILIO_AUTH_TOKEN"), "{rest}");
    for name in ["ACCOUNT_SID", "API_KEY", "API_SECRET", "SYNC_SERVICE_SID"] {
        assert!(rest.contains(&format!("export TWILIO_{name}=")), "{rest}");
    }
}

#[tokio::test]
async fn requests_are_lines_on_stderr() {
    let mut command = command(&["--json"]);
    command.stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let http = program.http();
    http.post("/Documents", &[("UniqueName", "a")]).await;
    http.get("/Documents/b?PageSize=1").await;
    program.signal("TERM");
    program.wait();

    let mut lines = String::new();
    let mut stderr = program.child.stderr.take().unwrap();
    stderr.read_to_string(&mut lines).unwrap();
    let lines: Vec<Vec<&str>> = lines
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [created, missed] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        created[1..5],
        ["POST", "/v1/Services/default/Documents", "201", "-"]
    );
    assert_eq!(
        missed[1..5],
        ["GET", "/v1/Services/default/Documents/b", "404", "20404"]
    );
    assert!(missed[5].ends_with("ms") && missed[0].len() == 12);
}

/// A full pipe delays neither responses nor the end.
#[tokio::test]
async fn nobody_has_to_read_the_lines() {
    let mut command = command(&["--json"]);
    command.stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let http = program.http();
    let path = format!("/Documents/{}", "x".repeat(300));
    for _ in 0..1_000 {
        assert_eq!(http.get(&path).await.0, 404);
    }
    let asked = Instant::now();
    program.signal("TERM");
    assert_eq!(program.wait().0.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn requests_under_way_get_responses_before_it_ends() {
    let folder = Folder::new();
    let path = folder.file("sync.db");
    let mut program = Program::with_data(&path);
    let http = program.http();
    let slow = json!({"fault": "delay", "delay_ms": 500});
    http.control(reqwest::Method::POST, "faults", &slow).await;
    let form = [("UniqueName", "slow")];
    let (response, ()) = tokio::join!(http.post("/Documents", &form), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        program.signal("TERM");
    });
    assert_eq!(response.0, 201);
    assert_eq!(program.wait().0.code(), Some(0));

    let program = Program::with_data(&path);
    assert_eq!(program.http().get("/Documents/slow").await.0, 200);
}

#[test]
fn idle_connections_do_not_keep_it() {
    let mut program = Program::spawn(command(&["--json", "--quiet"]));
    let url = program.url();
    let _idle = std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let asked = Instant::now();
    program.signal("TERM");
    assert_eq!(program.wait().0.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn the_status_of_a_wrong_command_line_is_that_of_no_failure() {
    let run = |arguments: &[&str]| {
        let output = command(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    for arguments in [
        &["--prot", "1"][..],
        &["--port", "70000"],
        &["--host", "x"],
        &["y"],
    ] {
        assert_eq!(run(arguments).0, Some(64), "{arguments:?}");
    }
    let (code, error) = run(&["--service-sid", "IS1"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("\"IS1\" is no service SID"), "{error}");
    let (code, error) = run(&["--data", "/there/is/no/such/folder"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("No such file or directory"), "{error}");
    assert_eq!(run(&["--help"]).0, Some(0));
}

#[test]
fn other_addresses_than_loopback_are_warned_of() {
    let mut command = command(&["--json", "--quiet", "--host", "0.0.0.0"]);
    command.stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    // Clients take plain HTTP from loopback addresses only.
    let url = program.url();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let address = url.strip_prefix("http://").unwrap();
    std::net::TcpStream::connect(address).unwrap();
    program.signal("TERM");
    program.wait();
    let mut warning = String::new();
    let mut stderr = program.child.stderr.take().unwrap();
    stderr.read_to_string(&mut warning).unwrap();
    assert!(
        warning.contains("warning: 0.0.0.0 can be reached"),
        "{warning}"
    );
}

/// At the second signal it waits for nothing.
#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut program = Program::spawn(command(&["--json", "--quiet"]));
    let http = program.http();
    let fault = json!({"fault": "delay", "delay_ms": 3_600_000});
    http.control(reqwest::Method::POST, "faults", &fault).await;
    let waiting = tokio::spawn(async move { http.try_post("/Documents", &[]).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    program.signal("INT");
    tokio::time::sleep(Duration::from_millis(100)).await;
    program.signal("INT");
    let (status, _) = program.wait();
    assert_eq!(status.code(), Some(1));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(waiting.await.unwrap(), None);
}
