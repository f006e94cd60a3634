//! Records: what services, objects, items and permissions are in dumps, seeds and data files.
//!
//! The names are those of the API's bodies. In a dump an object holds its
//! items and permissions; in a data file they have keys of their own. A
//! creator is left out where it is the system.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::inputs::{self, Data};
use super::model::{Actor, Content, Grant, Item, Object, Parts, Resource, Service, Settings};
use super::registry::Seq;
use super::sid::{Kind, Sid};
use super::time::{Expiry, Millis};
use crate::emulator::failure::Failure;

/// Everything: a dump or a seed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    pub(super) services: Vec<ServiceRecord>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "the API has that many flags")]
pub(crate) struct ServiceRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Sid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_name: Option<Box<str>>,
    pub(super) date_created: Option<Instant>,
    pub(super) date_updated: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) friendly_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhook_url: Option<Box<str>>,
    pub(super) webhooks_from_rest_enabled: bool,
    pub(super) reachability_webhooks_enabled: bool,
    pub(super) acl_enabled: bool,
    pub(super) reachability_debouncing_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reachability_debouncing_window: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) documents: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lists: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) maps: Vec<ObjectRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) streams: Vec<ObjectRecord>,
}

/// A document, list, map or stream.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ObjectRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<Sid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_name: Option<Box<str>>,
    pub(super) date_created: Option<Instant>,
    pub(super) date_updated: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date_expires: Option<Instant>,
    /// None for the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<Box<str>>,
    /// Of all but streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<Revision>,
    /// Of documents: writes of a TTL alone; none for 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl_writes: Option<u64>,
    /// Of documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Data>,
    /// Of lists and maps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) items: Vec<ItemRecord>,
    /// Of all but streams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) permissions: Vec<GrantRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemRecord {
    /// In a list of a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) index: Option<u64>,
    /// In a map of a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Box<str>>,
    pub(super) data: Data,
    pub(super) revision: Option<Revision>,
    pub(super) date_created: Option<Instant>,
    pub(super) date_updated: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date_expires: Option<Instant>,
    /// None for the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_by: Option<Box<str>>,
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

/// Milliseconds since 1970, written as a date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(pub(super) Millis);

/// A revision, written in lower-case hex.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision(pub(super) u64);

/// What is wrong with a record, and where in a seed it is.
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

    /// The same flaw, with the place that its place is in.
    pub(super) fn within(mut self, place: impl fmt::Display) -> Self {
        let dot = if self.place.is_empty() { "" } else { "." };
        self.place = format!("{place}{dot}{}", self.place);
        self
    }
}

impl From<Failure> for Flaw {
    fn from(failure: Failure) -> Self {
        Self::new(failure.message(""))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What can be stored as a record.
pub(super) trait ToRecord {
    type Record: Serialize;

    fn to_record(&self) -> Self::Record;
}

impl ToRecord for Seq {
    type Record = Self;

    fn to_record(&self) -> Self {
        *self
    }
}

impl ToRecord for Service {
    type Record = ServiceRecord;

    /// The service without what it holds.
    fn to_record(&self) -> ServiceRecord {
        let settings = Settings::clone(&self.settings);
        ServiceRecord {
            sid: Some(self.sid()),
            unique_name: self.unique_name.clone(),
            date_created: Some(Instant(self.created)),
            date_updated: Some(Instant(self.updated)),
            friendly_name: settings.friendly_name,
            webhook_url: settings.webhook_url,
            webhooks_from_rest_enabled: settings.webhooks_from_rest_enabled,
            reachability_webhooks_enabled: settings.reachability_webhooks_enabled,
            acl_enabled: settings.acl_enabled,
            reachability_debouncing_enabled: settings.reachability_debouncing_enabled,
            reachability_debouncing_window: Some(settings.reachability_debouncing_window),
            ..ServiceRecord::default()
        }
    }
}

impl<T: Resource> ToRecord for Object<T> {
    type Record = ObjectRecord;

    /// The object without its items and permissions.
    fn to_record(&self) -> ObjectRecord {
        let Parts {
            revision,
            ttl_writes,
            data,
        } = self.body.parts();
        ObjectRecord {
            sid: Some(self.sid()),
            unique_name: self.unique_name.clone(),
            date_created: Some(Instant(self.created)),
            date_updated: Some(Instant(self.updated)),
            date_expires: self.expires.map(Instant::from),
            created_by: creator(&self.created_by),
            revision: revision.map(Revision),
            ttl_writes: ttl_writes.filter(|writes| *writes > 0),
            data,
            ..ObjectRecord::default()
        }
    }
}

impl ToRecord for Item {
    type Record = ItemRecord;

    fn to_record(&self) -> ItemRecord {
        ItemRecord {
            index: None,
            key: None,
            data: self.data.clone(),
            revision: Some(Revision(self.revision)),
            date_created: Some(Instant(self.created)),
            date_updated: Some(Instant(self.updated)),
            date_expires: self.expires.map(Instant::from),
            created_by: creator(&self.created_by),
        }
    }
}

impl ToRecord for Grant {
    type Record = GrantRecord;

    fn to_record(&self) -> GrantRecord {
        GrantRecord {
            identity: None,
            read: self.read,
            write: self.write,
            manage: self.manage,
        }
    }
}

impl ServiceRecord {
    /// The service without what it holds. It must have a SID.
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
        if let Some(name) = &self.friendly_name {
            inputs::friendly_name(name)?;
        }
        if let Some(url) = &self.webhook_url {
            inputs::webhook_url(url)?;
        }
        if let Some(window) = self.reachability_debouncing_window {
            inputs::debouncing_window(&window.to_string())?;
        }
        let default = Settings::default();
        let settings = Settings {
            friendly_name: self.friendly_name,
            webhook_url: self.webhook_url,
            webhooks_from_rest_enabled: self.webhooks_from_rest_enabled,
            reachability_webhooks_enabled: self.reachability_webhooks_enabled,
            acl_enabled: self.acl_enabled,
            reachability_debouncing_enabled: self.reachability_debouncing_enabled,
            reachability_debouncing_window: self
                .reachability_debouncing_window
                .unwrap_or(default.reachability_debouncing_window),
        };
        let sid = known_sid(self.sid, Kind::Service)?;
        let mut service = Service::new(sid, self.unique_name, settings, now);
        service.created = or_now(self.date_created, now);
        service.updated = or_now(self.date_updated, now);
        Ok(service)
    }
}

impl ObjectRecord {
    /// The object, without items and permissions: those must have been taken out before. It must
    /// have a SID.
    pub(super) fn into_object<T: Resource>(self, now: Millis) -> Result<Object<T>, Flaw> {
        if let Some(name) = &self.unique_name {
            inputs::unique_name(name)?;
        }
        let mut parts = Parts {
            revision: self.revision.map(|revision| revision.0),
            ttl_writes: self.ttl_writes,
            data: self.data,
        };
        let object = Object {
            id: known_sid(self.sid, T::KIND)?.id,
            unique_name: self.unique_name,
            created: or_now(self.date_created, now),
            updated: or_now(self.date_updated, now),
            expires: self.date_expires.map(Expiry::from),
            created_by: actor(self.created_by)?,
            grants: BTreeMap::new(),
            body: T::Body::from_parts(&mut parts)?,
        };
        // The body takes the parts of its kind: the others belong to another kind.
        let extra = [
            ("revision", parts.revision.is_some()),
            ("ttl_writes", parts.ttl_writes.is_some()),
            ("data", parts.data.is_some()),
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
    /// The item; a revision and dates that it does not have are `revision` and `now`.
    pub(super) fn into_item(self, revision: u64, now: Millis) -> Result<Item, Flaw> {
        Ok(Item {
            data: self.data,
            revision: self.revision.map_or(revision, |revision| revision.0),
            created: or_now(self.date_created, now),
            updated: or_now(self.date_updated, now),
            expires: self.date_expires.map(Expiry::from),
            created_by: actor(self.created_by)?,
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

fn creator(actor: &Actor) -> Option<Box<str>> {
    (*actor != Actor::System).then(|| actor.name().into())
}

fn actor(created_by: Option<Box<str>>) -> Result<Actor, Flaw> {
    match created_by {
        None => Ok(Actor::System),
        Some(name) if *name == *Actor::System.name() => Ok(Actor::System),
        Some(name) => {
            inputs::identity(&name)?;
            Ok(Actor::identity(&name))
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

impl From<Expiry> for Instant {
    fn from(expiry: Expiry) -> Self {
        Self(expiry.millis())
    }
}

impl From<Instant> for Expiry {
    fn from(date: Instant) -> Self {
        Self::at(date.0)
    }
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
        Self::parse(json.get(), Failure::InvalidBody)
            .map_err(|_| D::Error::custom("data must be a JSON object of at most 16 KiB"))
    }
}
