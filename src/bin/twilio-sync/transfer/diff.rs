//! `twilio-sync diff`, and the printing of a plan.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use twilio_sync::export::{Change, Entry, Kind, Place, Plan, Verb, is_same_expiry};
use twilio_sync::permissions::Access;
use twilio_sync::value::Data;

use super::contents::Contents;
use super::progress::Progress;
use super::{
    EXPIRED, FileOption, Parts, Scope, UNADDRESSABLE, UNNAMED, absent, plural, warn_left_out, word,
};
use crate::io::failure::{Exit, Result};
use crate::io::output::{json_line, on_one_line, unprinted};
use crate::shell::session::Session;

const CREATE: Style = AnsiColor::Green.on_default();
const UPDATE: Style = AnsiColor::Yellow.on_default();
const REMOVE: Style = AnsiColor::Red.on_default();

/// Compare an export with the Service, or with one object; exit code 2 if they differ
///
/// Prints + for what is in the file only, - for what is in the Service only, and ~ for what is not the
/// same. Items of a List are compared by position. An export of one object is compared with that one.
/// Settings are compared where the file has them, and permissions of all objects if it has all. What has
/// expired since the export, and objects without a usable unique name, are left out.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    file: FileOption,

    #[command(flatten)]
    parts: Parts,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<Exit> {
        let (path, target) = (self.file.path(), self.scope.place());
        let (contents, target) = Contents::read_to_compare(path, self.parts, target).await?;
        contents.warn_if_incomplete(&session.out);
        let plan = plan(session, contents, target.as_ref()).await?;
        print_changes(session, &plan)
    }
}

/// Compares a file with the Service or an object, and prints notices of what was not compared.
pub(crate) async fn plan(
    session: &Session,
    contents: Contents,
    target: Option<&Place>,
) -> Result<Plan> {
    let (sync, out) = (session.sync().await?, &session.out);
    let unnamed = contents.unnamed;
    let can_have_permissions = target.is_none_or(|it| it.kind.permissions().is_some());
    let lacks_permissions = contents.lacks_permissions && can_have_permissions;
    let progress = Progress::counting(out);
    let read = |entry: &Entry| {
        progress.advance(1);
        if let (true, Some(place)) = (entry.kind.is_object(), entry.place()) {
            progress.at(&place);
        }
    };
    let plan = match (Plan::new(sync, contents.export, target, read).await, target) {
        (Err(error), Some(place)) if error.is_not_found() => return Err(absent(place)),
        (plan, _) => plan?,
    };
    drop(progress);
    let of = |of: &str| format!("{UNNAMED}, of the {of}");
    warn_left_out(
        out,
        &[
            (unnamed, "object", &of("export")),
            (plan.unnamed, "object", &of("Service")),
            (plan.unaddressable, "record", UNADDRESSABLE),
        ],
    );
    if lacks_permissions {
        out.notice("Did not compare permissions: the export was made without them.");
    }
    if plan.expired > 0 {
        out.notice(format_args!(
            "Left out {} {EXPIRED}.",
            plural(plan.expired, "line")
        ));
    }
    Ok(plan)
}

/// Prints changes. The exit code says whether there are any.
pub(crate) fn print_changes(session: &Session, plan: &Plan) -> Result<Exit> {
    let out = &session.out;
    let count = plan.changes.len() + plan.settings.len();
    if count == 0 {
        out.done("No differences.");
        return Ok(Exit::Done);
    }
    match print_all(plan, out.is_json()) {
        // A reader that has closed the pipe still gets the exit code.
        Err(failure) if failure.exit == Exit::Unread => {}
        printed => printed?,
    }
    out.notice(format_args!("{}.", plural(count as u64, "difference")));
    Ok(Exit::Difference)
}

fn print_all(plan: &Plan, is_json: bool) -> Result<()> {
    // Removes colours unless standard output is a terminal.
    let mut to = BufWriter::new(anstream::stdout().lock());
    for change in &plan.settings {
        let [was, value] = change.shown();
        let name = &change.name;
        let line = if is_json {
            json_line(&SettingDifference {
                change: Verb::Update,
                kind: "setting",
                name,
                value,
                was,
            })?
        } else {
            let text = on_one_line(&format!("~ service {name} {was} -> {value}"));
            format!("{UPDATE}{text}{UPDATE:#}")
        };
        writeln!(to, "{line}").map_err(unprinted)?;
    }
    for change in &plan.changes {
        let line = if is_json {
            json_line(&Difference::from(change))?
        } else {
            text(change)
        };
        writeln!(to, "{line}").map_err(unprinted)?;
    }
    to.flush().map_err(unprinted)
}

/// A change as JSON: the entry of the file, with two members that an export does not have.
#[derive(Serialize)]
struct Difference<'a> {
    change: Verb,
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<State<'a>>,
}

/// The change of a setting as JSON, without secrets.
#[derive(Serialize)]
struct SettingDifference<'a> {
    change: Verb,
    kind: &'static str,
    name: &'a str,
    value: Value,
    was: Value,
}

/// The state in the Service.
#[derive(Serialize)]
struct State<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_expires: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<Access>,
}

impl<'a> From<&'a Change> for Difference<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            change: change.verb,
            entry: &change.entry,
            was: change.old.as_ref().map(|old| State {
                data: old.data.as_ref(),
                date_expires: old.date_expires,
                access: old.access,
            }),
        }
    }
}

/// A change as a line for people.
fn text(change: &Change) -> String {
    let (sign, style) = match change.verb {
        Verb::Create => ('+', CREATE),
        Verb::Remove => ('-', REMOVE),
        _ => ('~', UPDATE),
    };
    let mut text = format!("{sign} {}", subject(change));
    match &change.old {
        Some(old) if change.verb == Verb::Update => describe_update(&mut text, old, &change.entry),
        old => describe(&mut text, old.as_ref().unwrap_or(&change.entry)),
    }
    format!("{style}{text}{style:#}")
}

/// The object, item or permission of a change.
pub(crate) fn subject(change: &Change) -> String {
    let entry = &change.entry;
    let name = plain(entry.name().unwrap_or_default());
    let object = format!("{} {name}", word(entry.kind));
    match (entry.kind, &entry.key, entry.index) {
        (Kind::MapItem, Some(key), _) => format!("{object} {key:?}"),
        // A new item gets another index.
        (Kind::ListItem, _, Some(index)) if change.verb != Verb::Create => {
            format!("{object} {index}")
        }
        (Kind::ListItem, ..) => format!("{object} item"),
        (kind, ..) if kind.is_permission() => {
            let identity = entry.identity.as_deref().unwrap_or_default();
            format!("{object} permission {identity:?}")
        }
        _ => object,
    }
}

fn describe(text: &mut String, state: &Entry) {
    if let Some(data) = &state.data {
        let _ = write!(text, " {}", on_one_line(data.as_str()));
    }
    if let Some(access) = state.access {
        let _ = write!(text, " {access}");
    }
    if state.date_expires.is_some() {
        let _ = write!(text, " expires {}", expiry(state.date_expires));
    }
}

fn describe_update(text: &mut String, old: &Entry, new: &Entry) {
    if let (Some(old), Some(new)) = (&old.data, &new.data)
        && !old.is_same_json(new)
    {
        let _ = write!(
            text,
            " {} -> {}",
            on_one_line(old.as_str()),
            on_one_line(new.as_str())
        );
    }
    if let (Some(old), Some(new)) = (old.access, new.access) {
        let _ = write!(text, " {old} -> {new}");
    }
    if !is_same_expiry(old.date_expires, new.date_expires) {
        let (old, new) = (expiry(old.date_expires), expiry(new.date_expires));
        let _ = write!(text, " expires {old} -> {new}");
    }
}

fn expiry(date: Option<DateTime<Utc>>) -> String {
    date.map_or_else(
        || "never".to_owned(),
        |date| date.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// A name, in quotes unless it is one word.
fn plain(name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "-_.:+@/".contains(char);
    if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let mut entry = Entry::new(Kind::MapItem, "a\u{1b}[2Jb");
        entry.key = Some("k\u{7}".to_owned());
        entry.data = Some(Data::from_json("{\n\t\"a\": \"\u{9b}31m\"}".to_owned()).unwrap());
        let text = anstream::adapter::strip_str(&text(&Change::create(entry))).to_string();
        assert_eq!(text, r#"+ map "a\u{1b}[2Jb" "k\u{7}" {  "a": "\u009b31m"}"#);
    }
}
