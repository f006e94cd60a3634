//! The lines of an export: an object or item each, as JSON.

use std::borrow::Cow;
use std::fmt::{self, Display};

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize};
use twilio_sync::value::Data;

use super::Place;
use super::heading::parsed;

/// A kind of object, in the order of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum ObjectKind {
    #[value(name = "doc", alias = "document")]
    Document,
    List,
    Map,
    Stream,
}

impl ObjectKind {
    pub(crate) const ALL: [Self; 4] = [Self::Document, Self::List, Self::Map, Self::Stream];

    /// The word on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Document => "doc",
            Self::List => "list",
            Self::Map => "map",
            Self::Stream => "stream",
        }
    }

    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Document => "Document",
            Self::List => "List",
            Self::Map => "Map",
            Self::Stream => "Message Stream",
        }
    }

    /// The kind of its line.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Document => Kind::Document,
            Self::List => Kind::List,
            Self::Map => Kind::Map,
            Self::Stream => Kind::Stream,
        }
    }
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Document,
    List,
    ListItem,
    Map,
    MapItem,
    Stream,
}

impl Kind {
    /// The kind of the object; of an item, that of its List or Map.
    pub(crate) fn object(self) -> ObjectKind {
        match self {
            Self::Document => ObjectKind::Document,
            Self::List | Self::ListItem => ObjectKind::List,
            Self::Map | Self::MapItem => ObjectKind::Map,
            Self::Stream => ObjectKind::Stream,
        }
    }

    pub(crate) fn is_item(self) -> bool {
        matches!(self, Self::ListItem | Self::MapItem)
    }
}

/// The state of an object or item that is compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct State {
    /// None for a List, Map or Message Stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date_expires: Option<DateTime<Utc>>,
}

/// A line. It is one flat struct, since serde reads raw JSON neither in tagged enums nor in flattened
/// structs.
///
/// Unknown members are an error, so that the output of `diff` is not taken for an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry<'a> {
    /// In a difference: what `apply` would do.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<&'static str>,
    pub(crate) kind: Kind,
    /// The name of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unique_name: Option<Cow<'a, str>>,
    /// The SID of an object without a unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<Cow<'a, str>>,
    /// The List of an item: its unique name, or its SID if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) list: Option<Cow<'a, str>>,
    /// The index of a List's item when it was exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<i64>,
    /// The Map of an item: its unique name, or its SID if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) map: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Cow<'a, str>>,
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) data: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date_expires: Option<DateTime<Utc>>,
    /// In a difference: the state in the Service.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub(crate) was: Option<State>,
}

/// Reads data that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Data>, D::Error> {
    Data::deserialize(from).map(Some)
}

impl<'a> Entry<'a> {
    /// A line of an object with a unique name, or of an item of the List or Map with that name.
    pub(crate) fn new(
        kind: Kind,
        name: &'a str,
        data: Option<Data>,
        date_expires: Option<DateTime<Utc>>,
    ) -> Self {
        let name = Some(Cow::from(name));
        let (unique_name, list, map) = match kind {
            Kind::ListItem => (None, name, None),
            Kind::MapItem => (None, None, name),
            _ => (name, None, None),
        };
        Self {
            change: None,
            kind,
            unique_name,
            sid: None,
            list,
            index: None,
            map,
            key: None,
            data,
            date_expires,
            was: None,
        }
    }

    /// The unique name or SID of the object; of an item, that of its List or Map.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.kind {
            Kind::ListItem => self.list.as_deref(),
            Kind::MapItem => self.map.as_deref(),
            _ => self.unique_name.as_deref().or(self.sid.as_deref()),
        }
    }

    /// The object; of an item, its List or Map.
    pub(crate) fn place(&self) -> Option<Place> {
        Some(Place {
            kind: self.kind.object(),
            name: self.name()?.to_owned(),
        })
    }
}

impl Entry<'static> {
    /// Parses a line. The error says what is wrong.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let entry: Self = parsed(line)?;
        let lacks = |what: &str| Err(format!("it has no `{what}`"));
        match entry.kind {
            Kind::ListItem if entry.list.is_none() => lacks("list"),
            Kind::MapItem if entry.map.is_none() => lacks("map"),
            Kind::MapItem if entry.key.is_none() => lacks("key"),
            kind if !kind.is_item() && entry.name().is_none() => lacks("unique_name"),
            Kind::Document | Kind::ListItem | Kind::MapItem if entry.data.is_none() => {
                lacks("data")
            }
            _ => Ok(entry),
        }
    }
}

/// The number of objects and items of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    documents: u64,
    lists: u64,
    list_items: u64,
    maps: u64,
    map_items: u64,
    streams: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, kind: Kind, count: u64) {
        *match kind {
            Kind::Document => &mut self.documents,
            Kind::List => &mut self.lists,
            Kind::ListItem => &mut self.list_items,
            Kind::Map => &mut self.maps,
            Kind::MapItem => &mut self.map_items,
            Kind::Stream => &mut self.streams,
        } += count;
    }

    pub(crate) fn total(&self) -> u64 {
        self.documents + self.lists + self.list_items + self.maps + self.map_items + self.streams
    }
}

/// A count with its noun, in the plural where it is due.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_items = |count, noun, items| {
            let text = plural(count, noun);
            (count + items > 0).then(|| format!("{text} with {}", plural(items, "item")))
        };
        let alone = |count, noun| (count > 0).then(|| plural(count, noun));
        let parts = [
            alone(self.documents, "Document"),
            with_items(self.lists, "List", self.list_items),
            with_items(self.maps, "Map", self.map_items),
            alone(self.streams, "Message Stream"),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_strictly() {
        let parse = |line: &str| Entry::parse(line.as_bytes());
        let item = r#"{"kind":"map_item","map":"m","key":"k","data":{"a":  1.50, "a":2}}"#;
        let entry = parse(item).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), item);
        assert!(parse(r#"{"kind":"document","unique_name":"d","data":null}"#).is_ok());
        for (line, why) in [
            (r#"{"kind":"document","unique_name":"d"}"#, "`data`"),
            (r#"{"kind":"map_item","map":"m","data":{}}"#, "`key`"),
            (r#"{"kind":"list_item","data":{}}"#, "`list`"),
            (r#"{"kind":"stream"}"#, "`unique_name`"),
            (
                r#"{"change":"remove","kind":"stream","unique_name":"s"}"#,
                "unknown field",
            ),
            (r#"{"kind":"stream","unique_na"#, "EOF"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn counts_are_shown_in_words() {
        let mut counts = Counts::default();
        assert_eq!(counts.to_string(), "nothing");
        counts.add(Kind::Document, 3);
        counts.add(Kind::List, 1);
        counts.add(Kind::Map, 2);
        counts.add(Kind::MapItem, 1);
        assert_eq!(
            counts.to_string(),
            "3 Documents, 1 List with 0 items, 2 Maps with 1 item"
        );
    }
}
