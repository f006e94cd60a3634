//! What is done, by whom.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::server::Address;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// Reads a Document by name.
    Get,
    /// Replaces the data of a Document.
    Update,
    /// Sets an item of a Map that exists.
    Set,
    /// Adds an item to a List.
    Add,
    /// Updates a Document that exists, and would create it if it did not.
    Upsert,
    /// Removes the items of a List whose data has one key; a call is a removed item.
    Remove,
    /// Reads a List to its end; a call is an item.
    Stream,
}

impl Action {
    pub(crate) const ALL: [Self; 7] = [
        Self::Get,
        Self::Update,
        Self::Set,
        Self::Add,
        Self::Upsert,
        Self::Remove,
        Self::Stream,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Update => "update",
            Self::Set => "set",
            Self::Add => "add",
            Self::Upsert => "upsert",
            Self::Remove => "remove",
            Self::Stream => "stream",
        }
    }

    /// How many objects or items there are, unless told otherwise.
    pub(crate) fn sizes(self) -> &'static [u64] {
        match self {
            Self::Get => &[10, 1_000, 20_000],
            Self::Update | Self::Set | Self::Upsert => &[1_000],
            Self::Add => &[0],
            Self::Remove => &[ITEMS],
            Self::Stream => &[100_000, 1_000_000],
        }
    }
}

/// How many items each List has that some are removed from, and how many of them are.
pub(crate) const ITEMS: u64 = 100;
pub(crate) const REMOVED: u64 = 20;

/// A kind of call, and how many objects or items there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) action: Action,
    pub(crate) size: u64,
}

impl Work {
    pub(crate) fn is_stream(&self) -> bool {
        self.action == Action::Stream
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, size } = self;
        match action {
            Action::Get => write!(f, "get, {size} objects"),
            Action::Stream => write!(f, "stream, {size} items"),
            action => f.write_str(action.name()),
        }
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// This crate's helpers.
    Facade,
    /// This crate's generated client.
    Generated,
    /// reqwest, reading the same records.
    Bare,
    /// hyper, with a fixed answer that nobody decodes.
    Raw,
    /// Twilio's Node SDK, fetching directly.
    Node,
    /// The same, finding names by listing everything.
    NodeList,
    /// Twilio's Python SDK.
    Python,
}

impl Contender {
    pub(crate) const ALL: [Self; 7] = [
        Self::Facade,
        Self::Generated,
        Self::Bare,
        Self::Raw,
        Self::Node,
        Self::NodeList,
        Self::Python,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Facade => "facade",
            Self::Generated => "generated",
            Self::Bare => "bare",
            Self::Raw => "raw",
            Self::Node => "node",
            Self::NodeList => "node-list",
            Self::Python => "python",
        }
    }

    pub(crate) fn is_foreign(self) -> bool {
        matches!(self, Self::Node | Self::NodeList | Self::Python)
    }

    pub(crate) fn does(self, work: &Work) -> bool {
        match self {
            Self::NodeList => matches!(work.action, Action::Get | Action::Update),
            // Removal is decided by what is read, and a fixed answer has nothing to remove.
            Self::Raw => work.action != Action::Remove,
            _ => true,
        }
    }

    /// Why it is left out where everybody else is measured.
    pub(crate) fn too_slow(self, work: &Work, at: u64) -> Option<&'static str> {
        let requests = self == Self::NodeList && work.size.div_ceil(50) * at > 2_000;
        if requests {
            return Some("a single call each is thousands of requests");
        }
        let items = self.is_foreign() && work.is_stream() && work.size > 100_000;
        items.then_some("it takes a minute; 100,000 items show its rate")
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! by_name {
    ($name:ident, $what:literal) => {
        impl FromStr for $name {
            type Err = Failure;

            fn from_str(text: &str) -> Result<Self, Failure> {
                let found = Self::ALL.into_iter().find(|one| one.name() == text);
                found.ok_or_else(|| format!(concat!("no ", $what, " is named {:?}"), text).into())
            }
        }
    };
}

by_name!(Action, "kind of work");
by_name!(Contender, "contender");

/// One measurement, as the process that takes it is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) contender: Contender,
    pub(crate) work: Work,
    /// How many calls are made at a time.
    pub(crate) at: u64,
    pub(crate) seconds: f64,
    pub(crate) server: Address,
}

impl Job {
    pub(crate) fn new(
        contender: Contender,
        work: Work,
        at: u64,
        seconds: f64,
        server: Address,
    ) -> Self {
        Self {
            contender,
            work,
            at,
            seconds,
            server,
        }
    }
}
