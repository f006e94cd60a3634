//! The lines of an export: a first and a last one, with entries between them.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Place};
use super::settings::Settings;
use crate::error::LineError;

/// The version of the format.
const VERSION: u32 = 1;

/// A line of an export. `Display` is the line, without its line break.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Record {
    /// The first line.
    Heading(Heading),
    /// The line of an object, item or permission.
    Entry(Entry),
    /// The last line.
    End(End),
}

/// The first line: the Service or object that is exported, and the version of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Heading {
    kind: Frame,
    version: u32,
    /// The SID of the Service.
    pub service_sid: String,
    /// The object; `None` for an export of the whole Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Place>,
    /// The settings of the Service; `None` for an export of one object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// `true` if all permissions of the objects are in the export: those that it lacks are extra.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permissions: bool,
}

/// The last line, without which an export is incomplete. It counts the lines, and what they do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct End {
    kind: Frame,
    /// The number of lines between the first and this one.
    pub lines: u64,
    /// The number of objects that were removed while their permissions and items were read, since the export
    /// was begun or last resumed: it has them only in part.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub removed: u64,
    /// The number of objects without a usable unique name, which only an import of one object can make.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: u64,
    /// The number of items and permissions that no import can make, since no path can carry their key or
    /// identity.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unaddressable: u64,
    /// `true` if the permissions of the objects were left out, whether there are any or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_permissions: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "that is how serde calls it"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frame {
    Export,
    End,
}

impl Heading {
    /// The first line of an export of a Service, or of one object in it, without settings and permissions.
    pub fn new(service_sid: impl Into<String>, object: Option<Place>) -> Self {
        Self {
            kind: Frame::Export,
            version: VERSION,
            service_sid: service_sid.into(),
            object,
            settings: None,
            permissions: false,
        }
    }

    /// Returns `true` if the export leaves the permissions of its objects out, whether there are any or not. An
    /// export of a Message Stream, which can have none, leaves none out.
    #[must_use]
    pub fn lacks_permissions(&self) -> bool {
        let kind = self.object.as_ref().map(|object| object.kind);
        !self.permissions && kind.is_none_or(|kind| kind.permissions().is_some())
    }

    /// Returns `true` if another first line is of the same Service or object, with permissions or without
    /// as this one. Settings may have been changed between the two.
    #[must_use]
    pub fn is_same_export(&self, other: &Self) -> bool {
        let parts = |it: &Self| (it.service_sid.clone(), it.object.clone(), it.permissions);
        parts(self) == parts(other)
    }
}

impl End {
    /// The last line, after this many entries, of an export that leaves nothing out.
    #[must_use]
    pub fn after(lines: u64) -> Self {
        Self {
            kind: Frame::End,
            lines,
            removed: 0,
            unnamed: 0,
            unaddressable: 0,
            without_permissions: false,
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
    ///
    /// # Errors
    ///
    /// [`LineError::Version`] if a newer program wrote it, and [`LineError::Invalid`] if it is no line of
    /// an export.
    pub fn parse(line: impl AsRef<[u8]>) -> Result<Self, LineError> {
        let line = line.as_ref();
        // Almost all lines are entries.
        let error = match Entry::parse(line) {
            Ok(entry) => return Ok(Self::Entry(entry)),
            Err(error) => error,
        };
        let Ok(peek) = serde_json::from_slice::<Peek<'_>>(line) else {
            return Err(error);
        };
        match (peek.kind.as_ref(), peek.version) {
            ("export", Some(version)) if version != VERSION => {
                Err(LineError::version(version, VERSION))
            }
            ("export", _) => {
                let heading: Heading = parsed(line)?;
                Ok(Self::Heading(heading))
            }
            ("end", _) => Ok(Self::End(parsed(line)?)),
            _ => Err(error),
        }
    }
}

/// Parses a line as JSON. The error has no position, since that would be within the line.
pub(super) fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, LineError> {
    serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        LineError::invalid(text.split(" at line ").next().unwrap_or(&text))
    })
}

/// Writes a line. Data is as the service sent it, but for line breaks, which are white space in JSON.
pub(super) fn one_line(record: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let line = serde_json::to_string(record).map_err(|_| fmt::Error)?;
    if line.contains(['\n', '\r']) {
        return f.write_str(&line.replace(['\n', '\r'], " "));
    }
    f.write_str(&line)
}

impl Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_line(self, f)
    }
}

impl Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_line(self, f)
    }
}

impl Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_line(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Kind;
    use super::*;

    #[test]
    fn headings_are_parsed_strictly() {
        let heading = Heading::new("IS1", Some(Place::new(Kind::Map, "phonebook")));
        let line = heading.to_string();
        assert_eq!(
            line,
            r#"{"kind":"export","version":1,"service_sid":"IS1","object":{"kind":"map","unique_name":"phonebook"}}"#
        );
        assert!(matches!(Record::parse(&line), Ok(Record::Heading(same)) if same == heading));
        let end = End::after(3);
        assert_eq!(end.to_string(), r#"{"kind":"end","lines":3}"#);
        assert!(matches!(Record::parse(end.to_string()), Ok(Record::End(same)) if same == end));
        // Only counts of something are written, and older files have none of them.
        let end = End {
            removed: 1,
            without_permissions: true,
            ..end
        };
        let line = r#"{"kind":"end","lines":3,"removed":1,"without_permissions":true}"#;
        assert_eq!(end.to_string(), line);
        assert!(matches!(Record::parse(line), Ok(Record::End(same)) if same == end));
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
            (r#"{"kind":"end","version":2,"lines":0}"#, "unknown field"),
            (r#"{"kind":"paint"}"#, "unknown variant"),
        ] {
            let error = Record::parse(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
