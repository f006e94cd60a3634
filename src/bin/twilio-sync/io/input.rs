//! What is given on the command line: data, times to live, names or SIDs, patches.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use twilio_sync::call::Outcome;
use twilio_sync::error::PatchError;
use twilio_sync::kind::{Key, Kind};
use twilio_sync::listing::Order;
use twilio_sync::value::{Data, JsonPatch};
use twilio_sync::{Revision, Ttl};

use super::blocking::blocking;
use super::failure::{Failure, Result};
use super::output::{Output, visible};

/// Text from an argument, from `@file`, or from standard input.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    given: Option<String>,
    what: &'static str,
}

impl Text {
    pub(crate) fn new(given: Option<String>, what: &'static str) -> Self {
        Self { given, what }
    }

    /// Reads it.
    pub(crate) async fn read(self) -> Result<String> {
        blocking(move || self.read_blocking()).await
    }

    /// Reads it as JSON.
    async fn read_json(self) -> Result<Data> {
        let what = self.what;
        let given = self.given.as_deref();
        let is_argument = given.is_some_and(|given| given != "-" && !given.starts_with('@'));
        let text = self.read().await?;
        let json = text.trim();
        Data::from_json(json.to_owned()).map_err(|error| {
            let failure = Failure::usage(format!("the {what} is not JSON: {error}"));
            if json.is_empty() {
                failure.hint("there is nothing; an object without members is {}")
            } else if is_argument {
                failure.hint(r#"a shell takes quotes away: write '{"busy": true}'"#)
            } else {
                failure
            }
        })
    }

    fn read_blocking(self) -> Result<String> {
        let what = self.what;
        match self.given.as_deref() {
            None => Err(Failure::usage(format!(
                "there is no {what}: give it as an argument, as @FILE, or as - for standard input"
            ))),
            Some("-") => read_standard_input(what),
            Some(given) => match given.strip_prefix('@') {
                Some(path) => File::open(path).and_then(read_bounded).map_err(|error| {
                    Failure::usage(format!("the {what} in {path} cannot be read: {error}"))
                }),
                None => Ok(given.to_owned()),
            },
        }
    }
}

fn read_standard_input(what: &str) -> Result<String> {
    read_bounded(io::stdin().lock()).map_err(|error| {
        let what = format!("the {what} cannot be read from standard input");
        Failure::io(what, &error)
    })
}

/// Most bytes of a text that is read: 1 MiB. Data has 16 KiB, and white space may add to it.
const MAX_TEXT_SIZE: u64 = 1 << 20;

/// Reads a text to its end, which some sources do not have.
pub(crate) fn read_bounded(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MAX_TEXT_SIZE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_TEXT_SIZE {
        let reason = format!("it has more than {MAX_TEXT_SIZE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(text)
}

/// JSON data.
#[derive(Args, Debug)]
pub(crate) struct DataArgument {
    /// A JSON object, @FILE to read it from a file, or - for standard input
    #[arg(value_name = "DATA", allow_negative_numbers = true)]
    data: Option<String>,
}

impl DataArgument {
    pub(crate) async fn read(self) -> Result<Data> {
        Text::new(self.data, "data").read_json().await
    }
}

/// A change of data.
#[derive(Args, Debug)]
pub(crate) struct PatchArgument {
    /// An object is a JSON Merge Patch (RFC 7396), an array a JSON Patch (RFC 6902); or @FILE, or -
    #[arg(value_name = "PATCH")]
    patch: Option<String>,
}

/// A change of data, as it is applied.
#[derive(Debug)]
pub(crate) enum Patch {
    Merge(Data),
    Steps(JsonPatch),
}

impl PatchArgument {
    pub(crate) async fn read(self) -> Result<Patch> {
        let data = Text::new(self.patch, "patch").read_json().await?;
        match data.as_str().as_bytes().first() {
            Some(b'{') => Ok(Patch::Merge(data)),
            Some(b'[') => {
                let steps = data.as_str().parse().map(Patch::Steps);
                steps.map_err(|error: PatchError| {
                    Failure::usage(format!("the patch is an array, but {error}"))
                })
            }
            _ => Err(Failure::usage(
                "the patch is neither an object, a JSON Merge Patch, nor an array, a JSON Patch",
            )),
        }
    }
}

impl Patch {
    pub(crate) fn apply(&self, data: &mut Data) -> Result<(), PatchError> {
        *data = match self {
            Self::Merge(patch) => data.merge(patch),
            Self::Steps(steps) => steps.apply(data)?,
        };
        Ok(())
    }
}

/// Parses a text that selects something. An empty one, which a variable that is not set makes,
/// would select what was not meant.
pub(crate) fn selector(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; a variable that it comes from may not be set".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses a time to live.
pub(crate) fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "never" {
        return Ok(Ttl::NEVER);
    }
    duration(text).map(Ttl::from).ok_or_else(|| {
        "a time is a number of seconds, or as in 90s, 3m, 1h 30m, 2days, never".to_owned()
    })
}

/// Parses a duration, which is more than zero.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    duration(text)
        .filter(|span| !span.is_zero())
        .ok_or_else(|| "a time is a number of seconds, or as in 500ms, 90s, 3m, 1h 30m".to_owned())
}

/// Parses a number of seconds, or a duration with units.
fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// `--ttl` of what is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TtlOption {
    /// After how long it expires and is removed: seconds, or as in 90s, 3m, 1h, 2days; 0 or never
    /// for never
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    pub(crate) ttl: Option<Ttl>,
}

impl TtlOption {
    /// Says that a change of data which changed nothing did not set it.
    pub(crate) fn warn_if_unset(self, out: &Output, outcome: Outcome) {
        if self.ttl.is_some() && outcome == Outcome::Unchanged {
            out.warning("Nothing was written, so the time to live is as it was.");
        }
    }
}

/// `--ttl` and `--collection-ttl` of an item that is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ItemTtlOptions {
    #[command(flatten)]
    pub(crate) item: TtlOption,
    /// After how long all of the List or Map expires
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    pub(crate) collection_ttl: Option<Ttl>,
}

impl ItemTtlOptions {
    /// The same for an item and what it is in.
    pub(crate) fn warn_if_unset(self, out: &Output, outcome: Outcome) {
        let ttl = self.item.ttl.or(self.collection_ttl);
        TtlOption { ttl }.warn_if_unset(out, outcome);
    }
}

/// `--order` of what is listed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct OrderOption {
    /// The order of the list
    #[arg(long)]
    order: Option<Ordering>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Ordering {
    Asc,
    Desc,
}

impl OrderOption {
    pub(crate) fn get(self) -> Option<Order> {
        self.order.map(|order| match order {
            Ordering::Asc => Order::Asc,
            Ordering::Desc => Order::Desc,
        })
    }
}

/// `--if-match` of what is written or removed.
#[derive(Args, Clone, Debug)]
pub(crate) struct IfMatchOption {
    /// Only if it still has this revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) if_match: Option<Revision>,
}

/// Puts options that are given onto a call.
macro_rules! with_options {
    ($call:expr $(, $option:ident: $value:expr)*) => {{
        let mut call = $call;
        $(if let Some(value) = $value {
            call = call.$option(value);
        })*
        call
    }};
}
pub(crate) use with_options;

/// Puts the times to live of an item and of what it is in onto a call.
macro_rules! with_ttl {
    ($call:expr, $ttl:expr) => {
        $crate::io::input::with_options!($call, ttl: $ttl.item.ttl, collection_ttl: $ttl.collection_ttl)
    };
}
pub(crate) use with_ttl;

/// The address of an object: its unique name, or its SID.
#[derive(Clone, Debug)]
pub(crate) enum Reference<S> {
    Name(String),
    Sid(S),
}

impl<S: FromStr> Reference<S> {
    /// A text shaped like a SID of the kind is one: the service takes no such name.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        text.parse().map_or(Self::Name(text), Self::Sid)
    }
}

impl<S: FromStr> From<String> for Reference<S> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<K: Kind> From<Reference<K::Sid>> for Key<K>
where
    K::Sid: Into<Self>,
{
    fn from(reference: Reference<K::Sid>) -> Self {
        match reference {
            Reference::Name(name) => name.into(),
            Reference::Sid(sid) => sid.into(),
        }
    }
}

impl<S: Display> Display for Reference<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "\"{}\"", visible(name)),
            Self::Sid(sid) => write!(f, "{sid}"),
        }
    }
}
