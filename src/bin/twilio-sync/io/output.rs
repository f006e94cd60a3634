//! What is printed, and where: tables on a terminal, JSON elsewhere, notices on standard error.

use std::fmt::{self, Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::mem;
use std::pin::pin;

use anstyle::{AnsiColor, Style};
use clap::error::ContextValue;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, TableStyle, Width, presets};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use twilio_sync::call::{Outcome, Written};

use super::failure::{Exit, Failure, Result};
use super::json::{Members, indented, string};

/// The rows of one table of a long list, so that a part is on the screen and not all in memory.
const ROWS: usize = 1_000;
/// The width where that of the terminal is unknown.
const USUAL_WIDTH: u16 = 80;
/// Columns that give way where a line is too long.
const WIDE: &[&str] = &["unique_name", "friendly_name", "key", "identity", "data"];
/// Their least width, with the blanks beside them.
const NARROWEST: u16 = 15;
/// Members of a record that come first where one is shown.
const FIRST: &[&str] = &[
    "outcome",
    "unique_name",
    "friendly_name",
    "key",
    "index",
    "identity",
    "sid",
    "data",
];
const PLAIN: TableStyle = presets::NOTHING;
/// Members of a record that say nothing to people.
const UNSHOWN: &[&str] = &["links", "url"];

const HEADING: Style = Style::new().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// The form of printed results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For people.
    Table,
    /// Records as lines of JSON, all else bare: for a pipe.
    Lines,
    /// Everything as lines of JSON.
    Json,
}

/// Where the results of a command go.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    format: Format,
    quiet: bool,
    width: u16,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let format = match json {
            true => Format::Json,
            false if io::stdout().is_terminal() => Format::Table,
            false => Format::Lines,
        };
        let size = terminal_size::terminal_size();
        Self {
            format,
            quiet,
            width: size.map_or(USUAL_WIDTH, |(width, _)| width.0),
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Results are printed for people.
    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Everything is printed as JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints one record that was asked for.
    pub(crate) fn record(&self, record: &impl Serialize) -> Result<()> {
        if !self.is_table() {
            return print(json_line(record)?);
        }
        print_styled(&listed(&json_line(record)?))
    }

    /// Prints a record that a write left, unless nobody wants to know.
    pub(crate) fn written(&self, record: &impl Serialize) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        self.record(record)
    }

    /// Prints the records of a list as they come: `columns` of them in a table.
    pub(crate) async fn records<T: Serialize>(
        &self,
        columns: &[&str],
        records: impl Stream<Item = twilio_sync::Result<T>>,
    ) -> Result<()> {
        let mut records = pin!(records);
        if !self.is_table() {
            let mut out = io::BufWriter::new(io::stdout().lock());
            while let Some(record) = records.try_next().await? {
                writeln!(out, "{}", json_line(&record)?).map_err(unprinted)?;
            }
            return out.flush().map_err(unprinted);
        }
        let mut rows = Rows::new(self, columns);
        while let Some(record) = records.next().await {
            let record = record.map_err(Failure::from);
            let added = record.and_then(|record| rows.add(&json_line(&record)?));
            if let Err(failure) = added {
                // The rows before it are printed all the same.
                rows.print()?;
                return Err(failure);
            }
        }
        rows.finish()
    }

    /// Prints a single value: bare, or under its name in JSON.
    pub(crate) fn value(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let value = value.into();
        match value {
            value if self.is_json() => print(json_line(&json!({ name: value }))?),
            Value::String(text) => print(visible(&text)),
            value => print(value),
        }
    }

    /// Prints a value that a write left, unless nobody wants to know.
    pub(crate) fn written_value(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        self.value(name, value)
    }

    /// Says something that is not a result, on standard error.
    pub(crate) fn notice(&self, text: impl Display) {
        if !self.quiet {
            note(text);
        }
    }

    /// Says what a result lacks, on standard error, also to those who want no notices.
    #[expect(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn warning(&self, text: impl Display) {
        note(text);
    }

    /// A notice for people only, of what a script sees by the exit code.
    pub(crate) fn done(&self, text: impl Display) {
        if self.is_table() {
            self.notice(text);
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table
            .load_style(PLAIN)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width);
        table
    }
}

/// Prints what a write that may create, change or leave a record did, unless nobody wants to know.
pub(crate) fn written<R: Serialize>(output: &Output, written: &Written<R>) -> Result<()> {
    output.written(&WithOutcome {
        outcome: written.outcome,
        record: &written.object,
    })
}

#[derive(Serialize)]
struct WithOutcome<'a, R> {
    outcome: Outcome,
    #[serde(flatten)]
    record: &'a R,
}

/// The rows of a table, printed by the thousand.
pub(crate) struct Rows<'a> {
    output: &'a Output,
    columns: &'a [&'a str],
    /// The rows that wait to be printed.
    table: Table,
    printed: bool,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(output: &'a Output, columns: &'a [&'a str]) -> Self {
        Self {
            output,
            columns,
            table: output.table(),
            printed: false,
        }
    }

    /// Takes the columns of a record, which is an object on one line.
    fn add(&mut self, record: &str) -> Result<()> {
        let record = Members::read(record);
        let value = |column: &str| record.as_ref().and_then(|members| members.get(column));
        // An object without a name is addressed by its SID.
        let shown = |column: &&str| match value(column) {
            None if *column == "unique_name" && !self.columns.contains(&"sid") => value("sid"),
            value => value,
        };
        let cells = self.columns.iter().map(shown);
        let mut row = Row::from(cells.map(|value| cell(value.unwrap_or("null"))));
        // One line each: what does not fit is cut.
        row.max_height(1);
        self.table.add_row(row);
        if self.table.row_count() == ROWS {
            self.print()?;
        }
        Ok(())
    }

    fn print(&mut self) -> Result<()> {
        if self.table.is_empty() {
            return Ok(());
        }
        let mut table = mem::replace(&mut self.table, self.output.table());
        self.printed = true;
        for (column, name) in table.column_iter_mut().zip(self.columns) {
            column.set_padding((0, 2));
            column.set_constraint(if WIDE.contains(name) {
                ColumnConstraint::LowerBoundary(Width::Fixed(NARROWEST))
            } else {
                ColumnConstraint::ContentWidth
            });
        }
        let heading = |name: &&str| name.to_uppercase().replace('_', " ");
        table.set_header(self.columns.iter().map(heading));
        let text = table.trim_fmt();
        let (heading, rows) = text.split_once('\n').unwrap_or((&text, ""));
        let text = Styled::default().heading(heading);
        print_styled(&text.plain("\n").plain(rows))
    }

    fn finish(mut self) -> Result<()> {
        self.print()?;
        if !self.printed {
            self.output.notice("Nothing there.");
        }
        Ok(())
    }
}

/// The members of a record, which is JSON on one line, one below the other: first what it is and what it
/// holds.
fn listed(record: &str) -> Styled {
    let Some(members) = Members::read(record) else {
        return Styled::default().plain(record);
    };
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    let shown = members
        .iter()
        .filter(|(name, _)| !UNSHOWN.contains(name))
        .map(|(name, value)| (visible(name), place(name).unwrap_or(FIRST.len()), value));
    let mut members: Vec<_> = shown.collect();
    members.sort_by_key(|(_, place, _)| *place);
    let width = members.iter().map(|(name, ..)| name.chars().count()).max();
    let indent = width.unwrap_or_default() + 2;
    let mut text = Styled::default();
    for (at, (name, _, value)) in members.iter().enumerate() {
        let value = match value.as_bytes().first() {
            Some(b'{' | b'[') => indented(value, indent),
            _ => cell(value),
        };
        let end = if at == 0 { "" } else { "\n" };
        let name = format!("{name:indent$}");
        text = text.plain(end).heading(&name).plain(&value);
    }
    text
}

/// The text of a JSON value, which is on one line, in a table.
fn cell(json: &str) -> String {
    match string(json) {
        Some(text) => visible(&text),
        None if json == "null" => "-".to_owned(),
        None => json.to_owned(),
    }
}

/// A text with what cannot be seen shown: what others stored must neither steer the terminal nor read
/// as something else.
pub(crate) fn visible(text: &str) -> String {
    let escaped = text.escape_debug().to_string();
    // These are seen as they are.
    let escaped = escaped.replace("\\\"", "\"").replace("\\'", "'");
    escaped.replace("\\\\", "\\")
}

/// Returns true for a character that can steer a terminal, or change the order or the look of what
/// stands beside it: control characters, marks of direction, separators of lines and paragraphs, and
/// what is never seen.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text of some lines in which what could steer a terminal is shown.
pub(crate) fn clean(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) && letter != '\n' {
            escaped.extend(letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// A text on one line, in which what could steer a terminal is shown: a line break that others put into
/// it must not begin what reads as a line of the program's own, such as a hint.
pub(crate) fn one_line(text: &str) -> String {
    clean(&text.lines().collect::<Vec<_>>().join(" "))
}

/// A value as a shell takes it.
pub(crate) fn shell_quoted(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// A text with styles. What is added to it is cleaned, so that all styles in it are the program's own.
#[derive(Default)]
pub(crate) struct Styled(String);

impl Styled {
    /// Adds a text without a style.
    pub(crate) fn plain(mut self, text: &str) -> Self {
        self.0.push_str(&clean(text));
        self
    }

    /// Adds a word for what is as it should be.
    pub(crate) fn good(self, text: &str) -> Self {
        self.with(GOOD, text)
    }

    /// Adds a word for what is not as it should be.
    pub(crate) fn bad(self, text: &str) -> Self {
        self.with(ERROR, text)
    }

    fn heading(self, text: &str) -> Self {
        self.with(HEADING, text)
    }

    fn with(mut self, style: Style, text: &str) -> Self {
        let text = clean(text);
        // Nothing fails to be written into a text.
        let _ = write!(self.0, "{style}{text}{style:#}");
        self
    }
}

impl Display for Styled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record as one line. Data is kept as it came, but that white space in it is no more than that, and
/// what could steer a terminal is escaped.
pub(crate) fn json_line(record: &impl Serialize) -> Result<String> {
    let line = serde_json::to_string(record).map_err(|error| unencoded(&error))?;
    Ok(on_one_line(&line))
}

/// JSON text on one line, in which what could steer a terminal is escaped. It stays the same JSON.
pub(crate) fn on_one_line(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            // Between values, for within a text they are escaped already.
            '\n' | '\r' | '\t' => text.push(' '),
            letter if steers(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    // Nothing fails to be written into a text.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
            letter => text.push(letter),
        }
    }
    text
}

fn unencoded(error: &serde_json::Error) -> Failure {
    Failure::new(
        Exit::Failure,
        format!("the response cannot be printed: {error}"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
pub(crate) fn unprinted(error: io::Error) -> Failure {
    let exit = match error.kind() {
        io::ErrorKind::BrokenPipe => Exit::Unread,
        _ => Exit::Failure,
    };
    Failure::new(exit, format!("the output cannot be written: {error}"))
}

/// Prints a line of results.
pub(crate) fn print(text: impl Display) -> Result<()> {
    print_styled(&Styled::default().plain(&text.to_string()))
}

/// Prints a line of results that has styles.
pub(crate) fn print_styled(text: &Styled) -> Result<()> {
    let mut out = anstream::stdout();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(unprinted)
}

/// Prints something that is not a result on standard error.
pub(crate) fn note(text: impl Display) {
    // Without standard error there is no place for it.
    let _ = writeln!(anstream::stderr(), "{}", one_line(&text.to_string()));
}

/// Prints a failure on standard error: a line for what failed, and one for the hint.
pub(crate) fn print_failure(failure: &Failure) {
    let text = Styled::default().bad("error:").plain(" ");
    let mut text = text.plain(&one_line(failure.message()));
    if let Some(hint) = failure.hinted() {
        text = text.plain("\nhint: ").plain(&one_line(hint));
    }
    // Without standard error there is no place for it.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints a help text on standard output, or why a command line cannot be read on standard error.
pub(crate) fn print_usage(mut error: clap::Error) -> Result<Exit> {
    if !error.use_stderr() {
        let mut out = anstream::stdout();
        write!(out, "{}", error.render().ansi())
            .and_then(|()| out.flush())
            .map_err(unprinted)?;
        return Ok(Exit::Done);
    }
    // It quotes the command line, which may have names of others: neither their styles nor their line
    // breaks can be told from the program's own.
    let quoted = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => Some((kind, ContextValue::String(one_line(text)))),
        _ => None,
    });
    for (kind, value) in quoted.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
    let text = error.render().to_string();
    let text = match text.strip_prefix("error:") {
        Some(rest) => Styled::default().bad("error:").plain(rest),
        None => Styled::default().plain(&text),
    };
    // Without standard error there is no place for it.
    let _ = write!(anstream::stderr(), "{text}");
    Ok(Exit::Usage)
}
