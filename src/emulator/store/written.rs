//! How records are written down: in dumps, seeds and data files.
//!
//! The names are those of the API's bodies. In a dump an object holds its
//! items and permissions; in a data file they have keys of their own.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::inputs::Data;
use super::registry::Seq;
use super::sid::{Kind, Sid};
use super::state::{
    Collection, Document, Grant, Item, ItemKey, Millis, Object, Resource, Service, Settings, Stream,
};
use crate::emulator::error::Failure;

/// Everything: what a dump is and a seed.
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
    /// Of all but streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<Revision>,
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

/// What a journal takes.
pub(super) trait Written {
    type Record: Serialize;

    fn written(&self) -> Self::Record;
}

/// What a kind of object has beside what all have.
pub(crate) trait Recorded: Sized {
    /// Writes it down, its items apart.
    fn write(&self, record: &mut ObjectRecord);
    /// Reads it, its items apart.
    fn read(record: &mut ObjectRecord) -> Result<Self, Failure>;
}

impl Recorded for Document {
    fn write(&self, record: &mut ObjectRecord) {
        record.data = Some(self.data.clone());
        record.revision = Some(Revision(self.revision));
    }

    fn read(record: &mut ObjectRecord) -> Result<Self, Failure> {
        let data = match record.data.take() {
            Some(data) => data,
            None => Data::empty()?,
        };
        Ok(Self {
            data,
            revision: record.revision.take().map_or(0, |revision| revision.0),
        })
    }
}

impl<K: ItemKey> Recorded for Collection<K> {
    fn write(&self, record: &mut ObjectRecord) {
        record.revision = Some(Revision(self.events));
    }

    fn read(record: &mut ObjectRecord) -> Result<Self, Failure> {
        let events = record.revision.take().map_or(0, |revision| revision.0);
        Ok(Self {
            events,
            ..Self::default()
        })
    }
}

impl Recorded for Stream {
    fn write(&self, _: &mut ObjectRecord) {}

    fn read(_: &mut ObjectRecord) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl Written for Seq {
    type Record = Self;

    fn written(&self) -> Self {
        *self
    }
}

impl Written for Service {
    type Record = ServiceRecord;

    /// Writes down the service, and nothing that it holds.
    fn written(&self) -> ServiceRecord {
        let settings = self.settings.clone();
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

impl<T: Resource> Written for Object<T> {
    type Record = ObjectRecord;

    /// Writes down the object, without its items and permissions.
    fn written(&self) -> ObjectRecord {
        let mut record = ObjectRecord {
            sid: Some(Sid {
                kind: T::KIND,
                id: self.id,
            }),
            unique_name: self.unique_name.clone(),
            date_created: Some(Instant(self.created)),
            date_updated: Some(Instant(self.updated)),
            date_expires: self.expires.map(Instant),
            ..ObjectRecord::default()
        };
        self.body.write(&mut record);
        record
    }
}

impl Written for Item {
    type Record = ItemRecord;

    fn written(&self) -> ItemRecord {
        ItemRecord {
            index: None,
            key: None,
            data: self.data.clone(),
            revision: Some(Revision(self.revision)),
            date_created: Some(Instant(self.created)),
            date_updated: Some(Instant(self.updated)),
            date_expires: self.expires.map(Instant),
        }
    }
}

impl Written for Grant {
    type Record = GrantRecord;

    fn written(&self) -> GrantRecord {
        GrantRecord {
            identity: None,
            read: self.read,
            write: self.write,
            manage: self.manage,
        }
    }
}

impl ServiceRecord {
    /// The settings it has.
    pub(super) fn settings(&mut self) -> Settings {
        let default = Settings::default();
        Settings {
            friendly_name: self.friendly_name.take(),
            webhook_url: self.webhook_url.take(),
            webhooks_from_rest_enabled: self.webhooks_from_rest_enabled,
            reachability_webhooks_enabled: self.reachability_webhooks_enabled,
            acl_enabled: self.acl_enabled,
            reachability_debouncing_enabled: self.reachability_debouncing_enabled,
            reachability_debouncing_window: self
                .reachability_debouncing_window
                .unwrap_or(default.reachability_debouncing_window),
        }
    }
}

impl ItemRecord {
    /// The item; what is not written down is `revision` and `now`.
    pub(super) fn into_item(self, revision: u64, now: Millis) -> Item {
        Item {
            data: self.data,
            revision: self.revision.map_or(revision, |revision| revision.0),
            created: or_now(self.date_created, now),
            updated: or_now(self.date_updated, now),
            expires: self.date_expires.map(|at| at.0),
        }
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

pub(super) fn or_now(date: Option<Instant>, now: Millis) -> Millis {
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
        Self::parse(json.get(), Failure::InvalidBody)
            .map_err(|_| D::Error::custom("data must be a JSON object of at most 16 KiB"))
    }
}
