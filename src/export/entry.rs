//! The lines of objects and items.

use std::fmt::{self, Display};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::record::{one_line, parsed};
use crate::error::LineError;
use crate::permissions::Access;
use crate::value::{
    Data, DocumentSid, Identity, InputError, ItemKey, ListSid, MapSid, StreamSid, Ttl,
};

/// The kind of a line: that of an object, of an item of a List or Map, or of the permission of an
/// identity.
///
/// In the order of an export of a Service. Another kind would come with another version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A Document.
    Document,
    /// A permission for a Document.
    DocumentPermission,
    /// A List.
    List,
    /// A permission for a List.
    ListPermission,
    /// An item of a List.
    ListItem,
    /// A Map.
    Map,
    /// A permission for a Map.
    MapPermission,
    /// An item of a Map.
    MapItem,
    /// A Message Stream.
    Stream,
}

impl Kind {
    /// The kinds of objects, in the order of an export of a Service.
    pub const OBJECTS: [Self; 4] = [Self::Document, Self::List, Self::Map, Self::Stream];

    /// The kind of the object; of an item, that of its List or Map, and of a permission, that of what it
    /// is for.
    #[must_use]
    pub const fn object(self) -> Self {
        match self {
            Self::DocumentPermission => Self::Document,
            Self::ListItem | Self::ListPermission => Self::List,
            Self::MapItem | Self::MapPermission => Self::Map,
            object => object,
        }
    }

    /// `true` for an object.
    #[must_use]
    pub const fn is_object(self) -> bool {
        !self.is_item() && !self.is_permission()
    }

    /// `true` for an item of a List or Map.
    #[must_use]
    pub const fn is_item(self) -> bool {
        matches!(self, Self::ListItem | Self::MapItem)
    }

    /// `true` for a permission.
    #[must_use]
    pub const fn is_permission(self) -> bool {
        matches!(
            self,
            Self::DocumentPermission | Self::ListPermission | Self::MapPermission
        )
    }

    /// The kind of the permissions for a Document, List or Map; `None` for other kinds.
    #[must_use]
    pub const fn permissions(self) -> Option<Self> {
        match self {
            Self::Document => Some(Self::DocumentPermission),
            Self::List => Some(Self::ListPermission),
            Self::Map => Some(Self::MapPermission),
            _ => None,
        }
    }

    /// The kind of the items of a List or Map; `None` for other kinds.
    #[must_use]
    pub const fn items(self) -> Option<Self> {
        match self {
            Self::List => Some(Self::ListItem),
            Self::Map => Some(Self::MapItem),
            _ => None,
        }
    }

    fn is_sid(self, name: &str) -> bool {
        match self.object() {
            Self::Document => name.parse::<DocumentSid>().is_ok(),
            Self::Stream => name.parse::<StreamSid>().is_ok(),
            Self::List => name.parse::<ListSid>().is_ok(),
            _ => name.parse::<MapSid>().is_ok(),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Document => "Document",
            Self::List => "List",
            Self::ListItem => "List item",
            Self::Map => "Map",
            Self::MapItem => "Map item",
            Self::DocumentPermission => "Document permission",
            Self::ListPermission => "List permission",
            Self::MapPermission => "Map permission",
            Self::Stream => "Message Stream",
        })
    }
}

/// An object of a Service: its kind, and its unique name or SID.
///
/// In the first line of an export it has the members `kind`, and `unique_name` or `sid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Entry", try_from = "Entry")]
#[non_exhaustive]
pub struct Place {
    /// The kind of the object; not that of an item or permission.
    pub kind: Kind,
    /// Its unique name, or its SID.
    pub name: String,
}

impl Place {
    /// An object of a kind, with a unique name or SID. For the kind of an item or permission it is the
    /// object of that.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self {
            kind: kind.object(),
            name: name.into(),
        }
    }

    /// `true` if the name is a SID of the kind. The service accepts no such unique name.
    #[must_use]
    pub fn is_sid(&self) -> bool {
        self.kind.is_sid(&self.name)
    }
}

impl From<Place> for Entry {
    fn from(place: Place) -> Self {
        Self::new(place.kind, place.name)
    }
}

impl TryFrom<Entry> for Place {
    type Error = &'static str;

    fn try_from(entry: Entry) -> Result<Self, Self::Error> {
        match entry.place() {
            Some(place) if entry.kind.is_object() => Ok(place),
            _ => Err("its `object` names none"),
        }
    }
}

/// For messages: `Map "phonebook"`, with control characters escaped.
impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.name)
    }
}

/// The line of an object, item or permission. `Display` is the line, without its line break.
///
/// Unknown members are an error when it is parsed.
///
/// ```
/// use twilio_sync::export::{Entry, Kind};
///
/// let line = r#"{"kind":"map_item","map":"phonebook","key":"alice","data":{"calls":0}}"#;
/// let entry = Entry::parse(line)?;
/// assert_eq!((entry.kind, entry.key.as_deref()), (Kind::MapItem, Some("alice")));
/// assert_eq!(entry.to_string(), line);
/// # Ok::<(), twilio_sync::Error>(())
/// ```
// It is flat, since serde reads raw JSON neither in tagged enums nor in flattened structs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Entry {
    /// Its kind.
    pub kind: Kind,
    /// The unique name of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// The SID of an object without a unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The Document of a permission: its unique name, or its SID if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The List of an item or permission: its unique name, or its SID if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The index of a List item when it was exported; an import gives it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// The Map of an item or permission: its unique name, or its SID if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// The key of a Map item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The identity that has a permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The rights that a permission gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// The data of a Document or item.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub data: Option<Data>,
    /// The date when it expires; `None` if it does not. What has expired by the time of an import is
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_expires: Option<DateTime<Utc>>,
}

/// Reads data that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Data>, D::Error> {
    Data::deserialize(from).map(Some)
}

impl Entry {
    /// The line of an object with a unique name or SID, or of an item of such a List or Map, or of a
    /// permission for such an object. It has nothing else, and does not expire.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        let mut entry = Self {
            kind,
            unique_name: None,
            sid: None,
            document: None,
            list: None,
            index: None,
            map: None,
            key: None,
            identity: None,
            access: None,
            data: None,
            date_expires: None,
        };
        entry.rename(name);
        entry
    }

    /// Gives the object another unique name or SID; for an item or permission, names another object.
    pub fn rename(&mut self, name: impl Into<String>) {
        let name = Some(name.into());
        match self.kind {
            Kind::DocumentPermission => self.document = name,
            Kind::ListItem | Kind::ListPermission => self.list = name,
            Kind::MapItem | Kind::MapPermission => self.map = name,
            kind if name.as_ref().is_some_and(|name| kind.is_sid(name)) => {
                (self.unique_name, self.sid) = (None, name);
            }
            _ => (self.unique_name, self.sid) = (name, None),
        }
    }

    /// Parses a line.
    ///
    /// # Errors
    ///
    /// [`LineError`] if it is not the line of an object or item, or lacks a member that lines of its kind
    /// have.
    pub fn parse(line: impl AsRef<[u8]>) -> Result<Self, LineError> {
        let entry: Self = parsed(line.as_ref())?;
        entry.check()?;
        Ok(entry)
    }

    /// The unique name or SID of the object; of an item or permission, that of its object.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self.kind {
            Kind::DocumentPermission => self.document.as_deref(),
            Kind::ListItem | Kind::ListPermission => self.list.as_deref(),
            Kind::MapItem | Kind::MapPermission => self.map.as_deref(),
            _ => self.unique_name.as_deref().or(self.sid.as_deref()),
        }
    }

    /// The object; of an item or permission, the one that it belongs to.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Some(Place::new(self.kind, self.name()?))
    }

    /// Returns `true` if it has expired by the clock of this machine.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        Ttl::until(self.date_expires).is_none()
    }

    /// The key of a Map item, or the identity of a permission.
    pub(super) fn key_or_identity(&self) -> Option<&str> {
        self.key.as_deref().or(self.identity.as_deref())
    }

    /// Fails if no path can carry its key or identity.
    pub(super) fn check_path(&self) -> Result<(), InputError> {
        if let Some(key) = &self.key {
            ItemKey::new(key)?;
        }
        if let Some(identity) = &self.identity {
            Identity::new(identity)?;
        }
        Ok(())
    }

    /// Returns `true` if only another client can have made the key or identity: no path can carry it.
    #[must_use]
    pub fn is_unaddressable(&self) -> bool {
        matches!(self.check_path(), Err(InputError::DotSegment { .. }))
    }

    /// Fails if it lacks a member that lines of its kind have.
    pub(crate) fn check(&self) -> Result<(), LineError> {
        let lacks = |member: &str| Err(LineError::invalid(format!("it has no `{member}`")));
        match self.kind {
            Kind::DocumentPermission if self.document.is_none() => lacks("document"),
            Kind::ListItem | Kind::ListPermission if self.list.is_none() => lacks("list"),
            Kind::MapItem | Kind::MapPermission if self.map.is_none() => lacks("map"),
            kind if kind.is_permission() && self.identity.is_none() => lacks("identity"),
            kind if kind.is_permission() && self.access.is_none() => lacks("access"),
            Kind::MapItem if self.key.is_none() => lacks("key"),
            _ if self.name().is_none() => lacks("unique_name"),
            Kind::Document | Kind::ListItem | Kind::MapItem if self.data.is_none() => lacks("data"),
            _ => Ok(()),
        }
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_line(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_strictly() {
        let item = r#"{"kind":"map_item","map":"m","key":"k","data":{"a":  1.50, "a":2}}"#;
        assert_eq!(Entry::parse(item).unwrap().to_string(), item);
        assert!(Entry::parse(r#"{"kind":"document","unique_name":"d","data":null}"#).is_ok());
        for (line, why) in [
            (r#"{"kind":"document","unique_name":"d"}"#, "`data`"),
            (r#"{"kind":"map_item","map":"m","data":{}}"#, "`key`"),
            (r#"{"kind":"list_item","data":{}}"#, "`list`"),
            (r#"{"kind":"stream"}"#, "`unique_name`"),
            (r#"{"kind":"list_permission","identity":"a"}"#, "`list`"),
            (r#"{"kind":"map_permission","map":"m"}"#, "`identity`"),
            (
                r#"{"kind":"document_permission","document":"d","identity":"a"}"#,
                "`access`",
            ),
            (
                r#"{"kind":"map_permission","map":"m","identity":"a","access":{"read":true}}"#,
                "`write`",
            ),
            (
                r#"{"change":"remove","kind":"stream","unique_name":"s"}"#,
                "unknown field",
            ),
            (r#"{"kind":"stream","unique_na"#, "EOF"),
        ] {
            let error = Entry::parse(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn an_entry_is_one_line() {
        let line = "{\"kind\":\"document\",\"unique_name\":\"d\",\"data\":{\r\n\"a\":\n1}}";
        let entry = Entry::parse(line).unwrap();
        assert_eq!(entry.to_string(), line.replace(['\r', '\n'], " "));
    }

    #[test]
    fn a_sid_is_no_unique_name() {
        let sid = format!("ES{}", "5".repeat(32));
        assert_eq!(Entry::new(Kind::List, &sid).sid, Some(sid.clone()));
        assert_eq!(Entry::new(Kind::Map, &sid).unique_name, Some(sid.clone()));
        assert_eq!(Entry::new(Kind::ListItem, &sid).list, Some(sid));
    }
}
