//! `watch` and `listen`: live events as lines.

use std::collections::BTreeMap;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::Instant;
use twilio_sync::SyncClient;
use twilio_sync::kind::{Item, Versioned};
use twilio_sync::realtime::{DocumentEvent, ItemEvent, MessageEvent, Status, Watch};
use twilio_sync::value::{Data, StreamMessageSid};

use crate::io::blocking::blocking;
use crate::io::failure::{Exit, Failure, Result};
use crate::io::input::span;
use crate::io::output::{json_line, on_one_line, print, visible};
use crate::shell::session::Session;
use crate::shell::signals::Signals;

/// A time that no command runs for.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 10);

/// How long is watched, and what is done with each event.
#[derive(Debug, Args)]
pub(crate) struct WatchOptions {
    /// End after this many events
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time, as in 30s or 5m; exit code 1 if it comes before --count
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    time: Option<Duration>,
    /// Run a command for each event, which gets it as a line of JSON, in place of printing it
    ///
    /// The command is run by the shell, one at a time. TWILIO_SYNC_EVENT has the kind of the event. A
    /// command that fails ends the watch.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// The identity that watches; where the Service has its ACL on, it needs permission to read
    #[arg(long, value_name = "IDENTITY", default_value = "twilio-sync")]
    identity: String,
}

/// The option to begin with what is there.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct InitialOption {
    /// Begin with what is there
    #[arg(long)]
    pub(crate) initial: bool,
}

/// An event as it is shown.
pub(crate) struct Shown {
    kind: &'static str,
    /// The index or key of the item, if it is of one.
    place: Option<String>,
    /// The line of JSON.
    line: String,
    /// The data, if it has some.
    data: Option<String>,
}

impl Shown {
    fn new(kind: &'static str, record: &impl Serialize, data: Option<&Data>) -> Result<Self> {
        #[derive(Serialize)]
        struct Line<'a, R> {
            event: &'static str,
            #[serde(flatten)]
            record: &'a R,
        }
        Ok(Self {
            kind,
            place: None,
            line: json_line(&Line {
                event: kind,
                record,
            })?,
            data: data.map(|data| on_one_line(data.as_str())),
        })
    }

    /// An event of an item, with what the service says of it: neither its creator nor when it was created.
    fn of_item(kind: &'static str, item: &impl Serialize, data: &Data) -> Result<Self> {
        const SAID: &[&str] = &[
            "index",
            "key",
            "data",
            "revision",
            "date_expires",
            "date_updated",
        ];
        let whole = Self::new(kind, item, Some(data))?;
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(&whole.line).map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("the event cannot be printed: {error}"),
                )
            })?;
        let said = SAID
            .iter()
            .filter_map(|name| Some((name, members.get(*name)?)));
        let line = said.fold(format!("{{\"event\":\"{kind}\""), |line, (name, value)| {
            format!("{line},\"{name}\":{value}")
        });
        Ok(Self {
            line: format!("{line}}}"),
            ..whole
        })
    }

    fn bare(kind: &'static str) -> Result<Self> {
        Self::new(kind, &json!({}), None)
    }

    fn at(self, place: &impl ToString) -> Self {
        Self {
            place: Some(place.to_string()),
            ..self
        }
    }

    /// Returns `true` if it is a change, or what was there, and no note about the watch.
    fn is_counted(&self) -> bool {
        !matches!(self.kind, "ready" | "resync" | "missed" | "gone" | "other")
    }

    /// The line for people.
    fn text(&self) -> String {
        let place = self.place.as_deref().map(visible).unwrap_or_default();
        let data = self.data.as_deref().unwrap_or_default();
        format!("{:<8} {place} {data}", self.kind)
            .trim_end()
            .to_owned()
    }
}

/// An event that can be shown.
pub(crate) trait Show {
    fn shown(&self) -> Result<Shown>;
}

impl<I> Show for ItemEvent<I>
where
    I: Item + Versioned<Data = Data> + Serialize,
    I::Position: Serialize,
{
    fn shown(&self) -> Result<Shown> {
        let (kind, item) = match self {
            Self::Initial(item) => {
                return Ok(Shown::new("initial", item, Some(item.data()))?.at(&item.position()));
            }
            Self::Added(item) => ("added", item),
            Self::Updated(item) => ("updated", item),
            Self::Removed(removed) => {
                let name = match serde_json::to_value(&removed.position) {
                    Ok(serde_json::Value::Number(_)) => "index",
                    _ => "key",
                };
                let data = removed.data.as_ref();
                let record = RemovedLine {
                    index: (name == "index").then_some(&removed.position),
                    key: (name == "key").then_some(&removed.position),
                    data,
                };
                return Ok(Shown::new("removed", &record, data)?.at(&removed.position));
            }
            Self::Ready => return Shown::bare("ready"),
            Self::Resync => return Shown::bare("resync"),
            Self::Gone => return Shown::bare("gone"),
            _ => return Shown::bare("other"),
        };
        Ok(Shown::of_item(kind, item, item.data())?.at(&item.position()))
    }
}

#[derive(Serialize)]
struct RemovedLine<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a P>,
    data: Option<&'a Data>,
}

impl Show for DocumentEvent<Data> {
    fn shown(&self) -> Result<Shown> {
        match self {
            Self::Initial(document) => Shown::new("initial", document, Some(&document.data)),
            Self::Updated(document) => Shown::new("updated", document, Some(&document.data)),
            Self::Ready => Shown::bare("ready"),
            Self::Resync => Shown::bare("resync"),
            Self::Gone => Shown::bare("gone"),
            _ => Shown::bare("other"),
        }
    }
}

impl Show for MessageEvent<Data> {
    fn shown(&self) -> Result<Shown> {
        match self {
            Self::Message(message) => {
                let (sid, data) = (&message.sid, &message.data);
                Shown::new("message", &MessageLine { sid, data }, Some(data))
            }
            Self::Ready => Shown::bare("ready"),
            Self::Missed => Shown::bare("missed"),
            Self::Gone => Shown::bare("gone"),
            _ => Shown::bare("other"),
        }
    }
}

#[derive(Serialize)]
struct MessageLine<'a> {
    sid: &'a StreamMessageSid,
    data: &'a Data,
}

impl WatchOptions {
    /// The client with the identity that watches.
    pub(crate) async fn sync(&self, session: &Session) -> Result<SyncClient> {
        Ok(session.sync().await?.with_identity(&self.identity))
    }

    /// Prints the events of a watch, or runs a command for each, until it is to end or a signal ends it.
    /// With `initial` there is an event for the end of what was there.
    pub(crate) async fn run<E: Show>(
        self,
        session: &Session,
        sync: &SyncClient,
        title: &str,
        watch: Watch<E>,
        initial: bool,
    ) -> Result<()> {
        let mut signals = Signals::new()?;
        let followed = tokio::select! {
            followed = self.follow(session, sync, title, watch, initial) => followed,
            exit = signals.wait() => Err(Failure::new(exit, "a signal ended it")),
        };
        let realtime = sync.realtime();
        // A second signal ends it at once.
        tokio::select! {
            () = realtime.close() => {}
            _ = signals.wait() => {}
        }
        followed
    }

    async fn follow<E: Show>(
        &self,
        session: &Session,
        sync: &SyncClient,
        title: &str,
        watch: Watch<E>,
        initial: bool,
    ) -> Result<()> {
        let mut watch = pin!(watch);
        let mut status = sync.realtime().status()?;
        let end = Instant::now() + self.time.unwrap_or(FOREVER).min(FOREVER);
        let (mut left, mut is_ready, mut is_lost) = (self.count, false, false);
        loop {
            let event = tokio::select! {
                event = watch.next() => event,
                changed = status.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let status = status.borrow_and_update().clone();
                    is_lost = report_status(session, &status, is_lost);
                    continue;
                }
                () = tokio::time::sleep_until(end) => break,
            };
            // Events may wait when a command has run past the end, and the timer is not always the first
            // to be ready then.
            if Instant::now() >= end {
                break;
            }
            let Some(event) = event.transpose()? else {
                break;
            };
            let shown = event.shown()?;
            if shown.kind == "ready" && !std::mem::replace(&mut is_ready, true) {
                session.out.notice(format_args!("Watching {title}."));
                if !initial {
                    continue;
                }
            }
            tokio::select! {
                passed_on = self.pass_on(session, &shown) => passed_on?,
                // A command that runs may end.
                () = tokio::time::sleep_until(end), if self.exec.is_none() => break,
            }
            if shown.kind == "gone" {
                return Err(Failure::not_found(format!("{title} was removed")));
            }
            left = left.map(|left| left - u64::from(shown.is_counted()));
            if left == Some(0) {
                break;
            }
        }
        if left != Some(0) && !is_ready {
            let reason = match &*status.borrow() {
                Status::Waiting { reason, .. } => format!(": {reason}"),
                _ => String::new(),
            };
            let message = format!("{title} could not be watched in this time{reason}");
            return Err(Failure::new(Exit::Failure, message));
        }
        match (left, self.count) {
            (Some(left), Some(count)) if left > 0 => {
                let message = format!("{} of {count} events came in this time", count - left);
                Err(Failure::new(Exit::Failure, message))
            }
            _ => Ok(()),
        }
    }

    async fn pass_on(&self, session: &Session, shown: &Shown) -> Result<()> {
        if let Some(command) = &self.exec {
            return run_command(command, shown).await;
        }
        let line = if session.out.is_table() {
            shown.text()
        } else {
            shown.line.clone()
        };
        // Whoever reads may stop reading.
        blocking(move || print(line)).await
    }
}

/// Reports once that the connection is lost, and once that it is there again. Returns `true` while it is
/// lost.
fn report_status(session: &Session, status: &Status, was_lost: bool) -> bool {
    match status {
        Status::Waiting { reason, .. } => {
            if !was_lost {
                let text = format!("Not connected: {reason}. Trying again.");
                session.out.notice(text);
            }
            true
        }
        Status::Live => {
            if was_lost {
                session.out.notice("Connected again.");
            }
            false
        }
        _ => was_lost,
    }
}

/// Runs a command for an event, and waits for its end.
async fn run_command(command: &str, shown: &Shown) -> Result<()> {
    let (shell, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let failed = |error| {
        Failure::io(
            format_args!("the command `{command}` cannot be run"),
            &error,
        )
    };
    let mut child = Command::new(shell)
        .args([option, command])
        .env("TWILIO_SYNC_EVENT", shown.kind)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // A command need not read its input.
        let _ = input
            .write_all(format!("{}\n", shown.line).as_bytes())
            .await;
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let message = format!("the command `{command}` failed on an event: {status}");
    Err(Failure::new(Exit::Failure, message))
}
