//! Records: the form of Services, objects, items and permissions in dumps, seeds and data files.
//!
//! The names are those of the API's bodies. In a dump the record of an object contains those of its
//! items and permissions; in a data file they have keys of their own. A creator is left out where it
//! is the system. Unknown names are refused.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::events::{ItemState, ObjectState};
use super::inputs::{self, Data};
use super::model::{
    Actor, Content, Grant, History, Item, ItemName, Object, Parts, Resource, Service, ServiceState,
    Settings,
};
use super::service_error::ServiceError;
use super::sid::{Kind, Sid};
use super::time::{Expiry, Millis};

/// A dump or a seed: all Services.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    pub(super) services: Vec<ServiceRecord>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServiceRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Sid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_name: Option<Box<str>>,
    pub(super) date_created: Option<Instant>,
    pub(super) date_updated: Option<Instant>,
    #[serde(flatten)]
    pub(super) settings: Settings,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) documents: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lists: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) maps: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) streams: Vec<ObjectRecord>,
}

/// A Document, List, Map or Message Stream.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ObjectRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Sid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_name: Option<Box<str>>,
    #[serde(flatten)]
    pub(super) history: HistoryRecord,
    /// All but Message Streams have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<Revision>,
    /// The writes of a TTL alone, of Documents only; none for 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl_writes: Option<u64>,
    /// Only Documents have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Data>,
    /// Only Lists have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Data>,
    /// Only Lists and Maps have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<ItemRecord>,
    /// All but Message Streams have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) permissions: Vec<GrantRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemRecord {
    /// In a List of a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    /// In a Map of a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Box<str>>,
    data: Data,
    pub(super) revision: Option<Revision>,
    #[serde(flatten)]
    history: HistoryRecord,
}

/// The dates and the creator of an object or item.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HistoryRecord {
    date_created: Option<Instant>,
    date_updated: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_expires: Option<Instant>,
    /// None for the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<Box<str>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GrantRecord {
    /// In a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Box<str>>,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) manage: bool,
}

/// The removal of an item, in a data file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemovalRecord {
    event: u64,
    date: Instant,
}

impl RemovalRecord {
    /// The record of a removal; none where the state is not that of one.
    pub(crate) fn new(removed: &ItemState) -> Option<Self> {
        let collection = &removed.collection;
        Some(Self {
            event: collection.event_id()?,
            // It was set by the removal.
            date: Instant(collection.history.updated),
        })
    }

    /// The number of the event, and its date.
    pub(super) fn parts(&self) -> (u64, Millis) {
        (self.event, self.date.0)
    }
}

/// Milliseconds since 1970, written as a date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instant(Millis);

/// A revision, written in lower-case hex.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision(pub(super) u64);

/// An error in a record, with its place in a seed.
#[derive(Debug)]
pub(crate) struct Flaw {
    place: String,
    reason: String,
}

impl Flaw {
    pub(super) fn new(reason: impl fmt::Display) -> Self {
        Self {
            place: String::new(),
            reason: reason.to_string(),
        }
    }

    /// The same error; its place is inside `place`.
    pub(super) fn within(mut self, place: impl fmt::Display) -> Self {
        let dot = if self.place.is_empty() { "" } else { "." };
        self.place = format!("{place}{dot}{}", self.place);
        self
    }
}

impl From<ServiceError> for Flaw {
    fn from(error: ServiceError) -> Self {
        Self::new(error.message(""))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl From<&ServiceState> for ServiceRecord {
    fn from(service: &ServiceState) -> Self {
        Self {
            sid: Some(service.sid()),
            unique_name: service.unique_name.clone(),
            date_created: Some(Instant(service.created)),
            date_updated: Some(Instant(service.updated)),
            settings: service.settings.clone(),
            ..Self::default()
        }
    }
}

impl From<ObjectState> for ObjectRecord {
    /// The record of the object without its items and permissions.
    fn from(object: ObjectState) -> Self {
        let Parts {
            revision,
            ttl_writes,
            data,
            context,
        } = object.parts;
        Self {
            sid: Some(object.sid),
            unique_name: object.unique_name,
            history: HistoryRecord::from(&object.history),
            revision: revision.map(Revision),
            ttl_writes: ttl_writes.filter(|writes| *writes > 0),
            data,
            context,
            ..Self::default()
        }
    }
}

impl From<&Item> for ItemRecord {
    /// The record of the item without its index or key.
    fn from(item: &Item) -> Self {
        Self {
            index: None,
            key: None,
            data: item.data.clone(),
            revision: Some(Revision(item.revision)),
            history: HistoryRecord::from(&item.history),
        }
    }
}

impl From<&History> for HistoryRecord {
    fn from(history: &History) -> Self {
        let creator = &history.created_by;
        Self {
            date_created: Some(Instant(history.created)),
            date_updated: Some(Instant(history.updated)),
            date_expires: history.expires.map(|expiry| Instant(expiry.millis())),
            created_by: (*creator != Actor::System).then(|| creator.name().into()),
        }
    }
}

impl From<Grant> for GrantRecord {
    /// The record of the permission without its identity.
    fn from(grant: Grant) -> Self {
        Self {
            identity: None,
            read: grant.read,
            write: grant.write,
            manage: grant.manage,
        }
    }
}

impl ServiceRecord {
    /// The Service without its objects. It must have a SID.
    pub(super) fn into_service(self, now: Millis) -> Result<Service, Flaw> {
        if self
            .unique_name
            .as_deref()
            .is_some_and(|name| name != "default")
        {
            return Err(Flaw::new(
                "a service has the unique name \"default\", or none",
            ));
        }
        let settings = self.settings;
        if let Some(name) = &settings.friendly_name {
            inputs::friendly_name(name)?;
        }
        if let Some(url) = &settings.webhook_url {
            inputs::webhook_url(url)?;
        }
        inputs::debouncing_window(&settings.reachability_debouncing_window.to_string())?;
        Ok(Service::from_state(ServiceState {
            id: known_sid(self.sid, Kind::Service)?.id,
            unique_name: self.unique_name,
            created: or_now(self.date_created, now),
            updated: or_now(self.date_updated, now),
            settings,
        }))
    }
}

impl ObjectRecord {
    /// The object without items and permissions, which must have been taken out before. It must
    /// have a SID.
    pub(super) fn into_object<T: Resource>(self, now: Millis) -> Result<Object<T>, Flaw> {
        if let Some(name) = &self.unique_name {
            inputs::unique_name(name)?;
        }
        let mut parts = Parts {
            revision: self.revision.map(|revision| revision.0),
            ttl_writes: self.ttl_writes,
            data: self.data,
            context: self.context,
        };
        let object = Object {
            id: known_sid(self.sid, T::KIND)?.id,
            unique_name: self.unique_name,
            history: self.history.into_history(now)?,
            grants: BTreeMap::new(),
            body: T::Body::from_parts(&mut parts)?,
        };
        // The body takes the parts of its kind: the others belong to another kind.
        let extra = [
            ("revision", parts.revision.is_some()),
            ("ttl_writes", parts.ttl_writes.is_some()),
            ("data", parts.data.is_some()),
            ("context", parts.context.is_some()),
            ("items", !self.items.is_empty()),
            ("permissions", !self.permissions.is_empty()),
        ];
        match extra.iter().find(|(_, is_extra)| *is_extra) {
            Some((name, _)) => Err(Flaw::new(format_args!("it cannot have {name}"))),
            None => Ok(object),
        }
    }
}

impl ItemRecord {
    /// The record with an index or key, as a dump has it.
    pub(super) fn with_name(mut self, name: ItemName) -> Self {
        match name {
            ItemName::Index(index) => self.index = Some(index),
            ItemName::Key(key) => self.key = Some(key),
        }
        self
    }

    /// The item; `revision` and `now` stand in for an absent revision and absent dates.
    pub(super) fn into_item(self, revision: u64, now: Millis) -> Result<Item, Flaw> {
        Ok(Item {
            data: self.data,
            revision: self.revision.map_or(revision, |revision| revision.0),
            history: self.history.into_history(now)?,
        })
    }
}

impl HistoryRecord {
    /// The history; `now` stands in for absent dates.
    fn into_history(self, now: Millis) -> Result<History, Flaw> {
        let created_by = match self.created_by {
            Some(name) if *name != *Actor::System.name() => {
                inputs::identity(&name)?;
                Actor::identity(&name)
            }
            _ => Actor::System,
        };
        Ok(History {
            created: or_now(self.date_created, now),
            updated: or_now(self.date_updated, now),
            expires: self.date_expires.map(|date| Expiry::at(date.0)),
            created_by,
        })
    }
}

impl GrantRecord {
    pub(super) fn grant(&self) -> Grant {
        Grant {
            read: self.read,
            write: self.write,
            manage: self.manage,
        }
    }
}

fn known_sid(sid: Option<Sid>, kind: Kind) -> Result<Sid, Flaw> {
    match sid {
        None => Err(Flaw::new("it has no SID")),
        Some(sid) if sid.kind == kind => Ok(sid),
        Some(sid) => Err(Flaw::new(format_args!(
            "{sid} is the SID of something else"
        ))),
    }
}

fn or_now(date: Option<Instant>, now: Millis) -> Millis {
    date.map_or(now, |date| date.0)
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let date = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        serializer.serialize_str(&date.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The last millisecond of the last year with four digits.
        const LAST: Millis = 253_402_300_799_999;
        let date = DateTime::<Utc>::deserialize(deserializer)?;
        let millis = date.timestamp_millis();
        if (0..=LAST).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(D::Error::custom("a date must be from 1970 to 9999"))
        }
    }
}

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Revision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(|_| D::Error::custom(format_args!("{text:?} is no revision: give hex digits")))
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        [
            Kind::Service,
            Kind::Document,
            Kind::List,
            Kind::Map,
            Kind::Stream,
        ]
        .into_iter()
        .find_map(|kind| Self::parse(kind, &text))
        .ok_or_else(|| D::Error::custom(format_args!("{text:?} is no SID of Sync")))
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(json.get(), ServiceError::InvalidBody)
            .map_err(|_| D::Error::custom("data must be a JSON object of at most 16 KiB"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// serde does not promise that `deny_unknown_fields` works beside flattened members.
    #[test]
    fn unknown_names_are_refused_at_every_level() {
        let dates = json!({
            "date_created": "2026-01-01T00:00:00.000Z",
            "date_updated": "2026-01-01T00:00:00.000Z",
        });
        let object = json!({"date_expires": "2026-01-01T00:00:00.000Z", "created_by": "alice"});
        let item = json!({"data": {"n": 1.50}, "revision": "a", "index": 3});
        let permission = json!({"identity": "bob", "read": true, "write": false, "manage": false});
        let service = json!({
            "webhooks_from_rest_enabled": true,
            "reachability_webhooks_enabled": false,
            "acl_enabled": false,
            "reachability_debouncing_enabled": false,
            "reachability_debouncing_window": 5_000,
        });
        let merged = |values: &[&Value]| {
            let members = values.iter().filter_map(|value| value.as_object());
            Value::Object(
                members
                    .flatten()
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            )
        };
        let read = |unknown: [&Value; 4]| {
            let [in_service, in_object, in_item, in_permission] = unknown;
            let mut list = merged(&[&dates, &object, in_object]);
            list["items"] = json!([merged(&[&dates, &object, &item, in_item])]);
            list["permissions"] = json!([merged(&[&permission, in_permission])]);
            let mut service = merged(&[&dates, &service, in_service]);
            service["lists"] = json!([list]);
            let seed = json!({"services": [service]});
            (seed.clone(), serde_json::from_value::<Records>(seed))
        };
        let none = json!({});
        let (seed, records) = read([&none; 4]);
        assert_eq!(serde_json::to_value(records.unwrap()).unwrap(), seed);
        let unknown = json!({"colour": 1});
        for level in 0..4 {
            let mut members = [&none; 4];
            members[level] = &unknown;
            let error = read(members).1.unwrap_err().to_string();
            assert!(error.contains("colour"), "{level}: {error}");
        }
    }
}
