//! A readable line for each request.
//!
//! A thread of its own prints them, so that whoever reads slowly delays no response.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use twilio_sync::emulator::LoggedRequest;

use crate::io::output::clean;

/// The limit of lines that wait to be printed; more are lost.
const WAITING: usize = 1024;
/// The time that the end waits for the reader of the lines.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes requests to be printed.
pub(super) struct Printer(SyncSender<String>);

/// The lines that are still to be printed: nothing is received, and it ends with the thread.
pub(super) struct RequestLines(Receiver<()>);

/// Prints to `out` in a thread of its own, until the printer is dropped.
pub(super) fn print_to(out: impl Write + Send + 'static) -> io::Result<(Printer, RequestLines)> {
    let (lines, printed) = sync_channel(WAITING);
    let (ending, ended) = sync_channel(0);
    thread::Builder::new()
        .name("request lines".to_owned())
        .spawn(move || {
            print_all(out, &printed);
            drop(ending);
        })?;
    Ok((Printer(lines), RequestLines(ended)))
}

fn print_all(mut out: impl Write, lines: &Receiver<String>) {
    for line in lines {
        if writeln!(out, "{}", clean(&line)).is_err() {
            // Nobody reads any more.
            return;
        }
    }
}

impl Printer {
    pub(super) fn print(&self, request: &LoggedRequest) {
        // A line is lost where too many wait: requests do not.
        let _ = self.0.try_send(line(request));
    }
}

impl RequestLines {
    /// Waits until all lines are printed, unless nobody reads them. The printer must be dropped before.
    pub(super) fn finish(self) {
        // Either way there is nothing left to wait for.
        let _ = self.0.recv_timeout(PATIENCE);
    }
}

/// Time, method, path, status, error code and how long it took.
fn line(request: &LoggedRequest) -> String {
    let time = request.received().format("%H:%M:%S%.3f");
    let status = request
        .status()
        .map_or("cut".to_owned(), |status| status.as_str().to_owned());
    let code = request
        .code()
        .map_or("-".to_owned(), |code| code.to_string());
    let millis = request.duration().as_secs_f64() * 1_000.0;
    let (method, path) = (request.method(), request.path());
    format!("{time} {method:<6} {path} {status} {code} {millis:.1}ms")
}
