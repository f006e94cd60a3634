//! Sessions: Markdown whose `console` blocks are run as written, and whose outputs are compared with
//! what came.
//!
//! A line that begins with `$ ` is a command, run by `sh` in a folder of the session's own; what follows
//! is its whole output, standard error included, and `[exit code 3]` where it is not 0. `export` lines
//! hold for the commands after them. Where a block is marked `terminal`, the command has one. SIDs,
//! dates, ports and tokens, which differ each time, are replaced by the same stand-ins. With
//! `TWILIO_SYNC_BLESS` set a file is written anew.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use regex::Regex;

/// How wide a terminal is.
const WIDTH: u16 = 100;

/// A folder with a shell's environment, where nothing of the machine's is seen.
pub(crate) struct Session {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a command printed, and its exit code.
pub(crate) struct Outcome {
    pub(crate) output: String,
    pub(crate) code: i32,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn export(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The environment of its commands, and no more.
    fn environment(&self) -> Vec<(String, OsString)> {
        let program = Path::new(env!("CARGO_BIN_EXE_twilio-sync"));
        let mut path = OsString::from(program.parent().unwrap());
        if let Some(system) = std::env::var_os("PATH") {
            path.push(":");
            path.push(system);
        }
        let mut environment = vec![
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), self.folder().into()),
            ("LANG".to_owned(), "C.UTF-8".into()),
            ("TERM".to_owned(), "xterm-256color".into()),
        ];
        for (name, value) in &self.variables {
            environment.push((name.clone(), value.into()));
        }
        environment
    }

    /// Runs a command of the shell, with its output in a pipe and nothing to read.
    pub(crate) fn pipe(&self, command: &str) -> Outcome {
        // One pipe for both, so that they stand in the order in which they were written.
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {command}\n}} 2>&1")])
            .env_clear()
            .envs(self.environment())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Outcome {
            output: String::from_utf8(output.stdout).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Runs a command of the shell on a terminal, at which `typed` is typed.
    pub(crate) fn terminal(&self, command: &str, typed: &str) -> Outcome {
        let size = PtySize {
            rows: 50,
            cols: WIDTH,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut builder = CommandBuilder::new("sh");
        builder.args(["-c", command]);
        builder.env_clear();
        for (name, value) in self.environment() {
            builder.env(name, value);
        }
        builder.cwd(self.folder());
        let mut child = pair.slave.spawn_command(builder).unwrap();
        drop(pair.slave);
        let mut writer = pair.master.take_writer().unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // Where the other side is gone, Linux says so by an error.
            let _ = reader.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
        });
        std::io::Write::write_all(&mut writer, typed.as_bytes()).unwrap();
        let status = child.wait().unwrap();
        // The writer types an end of file when it is dropped, which is not to be read.
        let output = reading.join().unwrap();
        drop(writer);
        Outcome {
            output,
            code: i32::try_from(status.exit_code()).unwrap(),
        }
    }

    /// Output with stand-ins for what differs each time; on a terminal of the same width.
    fn with_stand_ins(&self, output: &str, is_terminal: bool) -> String {
        let mut text = output.replace(self.folder().to_str().unwrap(), "~");
        let sid = if is_terminal {
            "${1}0123456789abcdef0123456789abcdef"
        } else {
            "$1…"
        };
        for (pattern, stand_in) in [
            (r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", "eyJ…"),
            (r"\b([A-Z]{2})[0-9a-f]{32}\b", sid),
            (
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
                "2026-01-02T03:04:05Z",
            ),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:4010"),
        ] {
            let pattern = Regex::new(pattern).unwrap();
            text = pattern.replace_all(&text, stand_in).into_owned();
        }
        // Of a table's blanks, which depend on what was replaced, and at the end of lines.
        text.lines().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{}", line.trim_end());
            text
        })
    }

    /// Runs a file's commands and gives the file with what they printed.
    fn run(&mut self, text: &str) -> String {
        let mut lines = text.lines().peekable();
        let mut ran = String::new();
        while let Some(line) = lines.next() {
            let _ = writeln!(ran, "{line}");
            let Some(mark) = line.strip_prefix("```console") else {
                continue;
            };
            let is_terminal = mark.trim() == "terminal";
            for line in lines.by_ref() {
                let Some(command) = line.strip_prefix("$ ") else {
                    if line == "```" {
                        let _ = writeln!(ran, "{line}");
                        break;
                    }
                    // What it printed when the file was written.
                    continue;
                };
                let _ = writeln!(ran, "{line}");
                if let Some((name, value)) = command
                    .strip_prefix("export ")
                    .and_then(|export| export.split_once('='))
                {
                    self.export(name, value.trim_matches('\''));
                    continue;
                }
                let outcome = if is_terminal {
                    self.terminal(command, "")
                } else {
                    self.pipe(command)
                };
                ran.push_str(&self.with_stand_ins(&outcome.output, is_terminal));
                if outcome.code != 0 {
                    let _ = writeln!(ran, "[exit code {}]", outcome.code);
                }
            }
        }
        ran
    }

    /// Checks that a file's commands print what it says.
    pub(crate) fn check(mut self, file: &str) {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), file].iter().collect();
        let text = fs::read_to_string(&path).unwrap();
        let ran = self.run(&text);
        if std::env::var_os("TWILIO_SYNC_BLESS").is_some() {
            fs::write(&path, ran).unwrap();
            return;
        }
        if ran != text {
            let differing = ran
                .lines()
                .zip(text.lines())
                .position(|(one, other)| one != other);
            let line = differing.unwrap_or(ran.lines().count().min(text.lines().count()));
            let at = |text: &str| {
                text.lines()
                    .skip(line)
                    .take(5)
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            panic!(
                "{file}, line {}, says\n{}\nand what came is\n{}\nIf that is right, run it again with \
                 TWILIO_SYNC_BLESS=1.",
                line + 1,
                at(&text),
                at(&ran)
            );
        }
    }
}
