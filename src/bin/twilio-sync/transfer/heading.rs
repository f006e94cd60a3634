//! The first and the last line of an export: its scope, and that it is complete.

use std::borrow::Cow;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::Place;
use super::entry::{Entry, Kind};
use crate::io::failure::Failure;

/// The version of the format.
const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Heading {
    kind: Frame,
    version: u32,
    pub(crate) service_sid: String,
    /// The object, if it is not an export of the whole Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
}

/// The last line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    kind: Frame,
    /// The number of lines between the first and this one.
    pub(crate) lines: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Export,
    End,
}

/// An object, named as in its own line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_name: Option<String>,
    /// The SID of an object without a unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

impl Heading {
    pub(crate) fn new(service_sid: String, object: Option<&Place>) -> Self {
        let object = object.map(|place| {
            let (name, is_sid) = (Some(place.name.clone()), place.is_sid());
            Object {
                kind: place.kind.kind(),
                unique_name: name.clone().filter(|_| !is_sid),
                sid: name.filter(|_| is_sid),
            }
        });
        Self {
            kind: Frame::Export,
            version: VERSION,
            service_sid,
            object,
        }
    }

    /// The object, if it is not an export of the whole Service.
    pub(crate) fn object(&self) -> Option<Place> {
        let object = self.object.as_ref()?;
        let name = object.unique_name.as_ref().or(object.sid.as_ref())?;
        Some(Place {
            kind: object.kind.object(),
            name: name.clone(),
        })
    }
}

impl Display for Heading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = self.object() {
            write!(f, "the {place} of ")?;
        }
        write!(f, "the Service {}", self.service_sid)
    }
}

impl End {
    pub(crate) fn after(lines: u64) -> Self {
        Self {
            kind: Frame::End,
            lines,
        }
    }
}

/// A line of an export.
#[derive(Debug)]
pub(crate) enum Record {
    Heading(Heading),
    Entry(Entry<'static>),
    End(End),
}

/// Why a line is not a line of an export.
#[derive(Debug)]
pub(crate) struct InvalidRecord {
    why: String,
    is_newer: bool,
}

impl InvalidRecord {
    /// The failure, with the name of the line and a hint.
    pub(crate) fn failure(self, line: impl Display, hint: &str) -> Failure {
        Failure::usage(format!("{line}: {}", self.why)).hint(if self.is_newer {
            "a newer twilio-sync wrote it, and reads it"
        } else {
            hint
        })
    }
}

impl From<String> for InvalidRecord {
    fn from(why: String) -> Self {
        Self {
            why: format!("it is no line of an export: {why}"),
            is_newer: false,
        }
    }
}

/// The members that identify a kind of line.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    version: Option<u32>,
}

impl Record {
    /// Parses a line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, InvalidRecord> {
        // Almost all lines are entries.
        let why = match Entry::parse(line) {
            Ok(entry) => return Ok(Self::Entry(entry)),
            Err(why) => why,
        };
        let Ok(peek) = serde_json::from_slice::<Peek<'_>>(line) else {
            return Err(why.into());
        };
        match peek.kind.as_ref() {
            "export" => {
                if let Some(version) = peek.version.filter(|version| *version != VERSION) {
                    return Err(InvalidRecord {
                        why: format!(
                            "it is an export of version {version}, and this program reads version \
                             {VERSION}"
                        ),
                        is_newer: true,
                    });
                }
                let heading: Heading = parsed(line)?;
                let object = heading.object.as_ref();
                if object.is_some_and(|object| object.kind.is_item())
                    || object.is_some() != heading.object().is_some()
                {
                    return Err("its `object` names none".to_owned().into());
                }
                Ok(Self::Heading(heading))
            }
            "end" => Ok(Self::End(parsed(line)?)),
            _ => Err(why.into()),
        }
    }
}

/// Parses a line as JSON. The error has no position, since that would be within the line.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        text.split(" at line ").next().unwrap_or(&text).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::ObjectKind;
    use super::*;

    #[test]
    fn headings_are_parsed_strictly() {
        let parse = |line: &str| Record::parse(line.as_bytes());
        let place = Place {
            kind: ObjectKind::Map,
            name: "phonebook".to_owned(),
        };
        let heading = Heading::new("IS1".to_owned(), Some(&place));
        let line = serde_json::to_string(&heading).unwrap();
        assert_eq!(
            line,
            r#"{"kind":"export","version":1,"service_sid":"IS1","object":{"kind":"map","unique_name":"phonebook"}}"#
        );
        assert!(matches!(parse(&line), Ok(Record::Heading(same)) if same == heading));
        assert!(matches!(
            parse(r#"{"kind":"end","lines":3}"#),
            Ok(Record::End(End { lines: 3, .. }))
        ));
        for (line, why) in [
            (r#"{"kind":"export","version":2,"of":[]}"#, "of version 2"),
            (r#"{"kind":"export","version":1}"#, "`service_sid`"),
            (
                r#"{"kind":"export","version":1,"service_sid":"IS1","object":{"kind":"map"}}"#,
                "`object`",
            ),
            (
                r#"{"kind":"export","version":1,"service_sid":"IS1","object":{"kind":"map_item","sid":"MP"}}"#,
                "`object`",
            ),
            (r#"{"kind":"end"}"#, "`lines`"),
            (r#"{"kind":"paint"}"#, "unknown variant"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.why.contains(why), "{line}: {}", error.why);
        }
    }
}
