//! Response bodies, written straight from the records.

use std::fmt::Display;

use chrono::{DateTime, Datelike, Timelike};
use percent_encoding::utf8_percent_encode;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::emulator::core::PATH_SEGMENT;
use crate::emulator::store::{
    Document, GrantView, History, ItemRules, ItemView, Kind, List, Map, Millis, ObjectView,
    Permitted, Resource, Service, Sid, Stream,
};

/// The account, and the URL of the emulator as the client sees it, for all bodies of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) account_sid: &'a str,
    pub(super) base: &'a str,
}

impl Site<'_> {
    pub(super) fn services(self) -> String {
        format!("{}/v1/Services", self.base)
    }

    fn service(self, service: Sid) -> String {
        format!("{}/v1/Services/{service}", self.base)
    }

    pub(super) fn objects<T: Shown>(self, service: Sid) -> String {
        format!("{}/v1/Services/{service}/{}", self.base, T::SEGMENT)
    }

    pub(super) fn object<T: Shown>(self, service: Sid, object: Sid) -> String {
        format!(
            "{}/v1/Services/{service}/{}/{object}",
            self.base,
            T::SEGMENT
        )
    }

    fn member<T: Shown>(self, service: Sid, object: Sid, within: &str, name: &str) -> String {
        let url = self.object::<T>(service, object);
        format!("{url}/{within}/{}", utf8_percent_encode(name, PATH_SEGMENT))
    }
}

/// A kind of object, as the API shows it.
pub(super) trait Shown: Resource {
    /// In paths.
    const SEGMENT: &'static str;
    /// In pages.
    const KEY: &'static str;

    /// Writes the members that only objects of this kind have.
    fn show<S: SerializeMap>(body: &Self::Body, map: &mut S) -> Result<(), S::Error>;
    /// The resources under an object.
    fn links() -> &'static [&'static str];
    /// The `ETag`, for what has one.
    fn etag(_: &Self::Body) -> Option<u64> {
        None
    }
}

impl Shown for Document {
    const SEGMENT: &'static str = "Documents";
    const KEY: &'static str = "documents";

    fn show<S: SerializeMap>(body: &Self::Body, map: &mut S) -> Result<(), S::Error> {
        map.serialize_entry("data", body.data.json())?;
        map.serialize_entry("revision", &Revision(body.revision))
    }

    fn links() -> &'static [&'static str] {
        &["Permissions"]
    }

    fn etag(body: &Self::Body) -> Option<u64> {
        Some(body.revision)
    }
}

macro_rules! shown_collection {
    ($collection:ty, $segment:literal, $key:literal) => {
        impl Shown for $collection {
            const SEGMENT: &'static str = $segment;
            const KEY: &'static str = $key;

            fn show<S: SerializeMap>(body: &Self::Body, map: &mut S) -> Result<(), S::Error> {
                map.serialize_entry("revision", &Revision(body.events))
            }

            fn links() -> &'static [&'static str] {
                &["Items", "Permissions"]
            }
        }
    };
}

shown_collection!(List, "Lists", "lists");
shown_collection!(Map, "Maps", "maps");

impl Shown for Stream {
    const SEGMENT: &'static str = "Streams";
    const KEY: &'static str = "streams";

    fn show<S: SerializeMap>(_: &Self::Body, _: &mut S) -> Result<(), S::Error> {
        Ok(())
    }

    fn links() -> &'static [&'static str] {
        &["Messages"]
    }
}

/// A kind of object with permissions, as the API shows them.
pub(super) trait ShownPermitted: Shown + Permitted {}

impl<T: Shown + Permitted> ShownPermitted for T {}

/// A kind of object with items, as the API shows them.
pub(super) trait ShownCollection:
    Shown + ItemRules<Key: Serialize + DeserializeOwned + Display>
{
    /// The name of an item's index or key.
    const KEY_NAME: &'static str;
}

impl ShownCollection for List {
    const KEY_NAME: &'static str = "index";
}

impl ShownCollection for Map {
    const KEY_NAME: &'static str = "key";
}

/// The name of the field with the SID of the object of an item or permission.
fn sid_field(kind: Kind) -> &'static str {
    match kind {
        Kind::Service => "service_sid",
        Kind::Document => "document_sid",
        Kind::List => "list_sid",
        Kind::Map => "map_sid",
        Kind::Stream => "stream_sid",
        Kind::Message => "sid",
    }
}

/// A record, with the account and URL for its body.
pub(super) struct Body<'a, V>(pub(super) Site<'a>, pub(super) V);

impl Serialize for Body<'_, &Service> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(site, service) = self;
        let sid = service.sid();
        let url = site.service(sid);
        let settings = service.settings();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account_sid", site.account_sid)?;
        map.serialize_entry("date_created", &Date(service.state.created))?;
        map.serialize_entry("date_updated", &Date(service.state.updated))?;
        map.serialize_entry("friendly_name", &settings.friendly_name)?;
        let links = ["Documents", "Lists", "Maps", "Streams"];
        map.serialize_entry(
            "links",
            &Links {
                url: &url,
                to: &links,
            },
        )?;
        map.serialize_entry("sid", &sid)?;
        map.serialize_entry("unique_name", &service.state.unique_name)?;
        map.serialize_entry("url", &url)?;
        map.serialize_entry("webhook_url", &settings.webhook_url)?;
        map.serialize_entry(
            "webhooks_from_rest_enabled",
            &settings.webhooks_from_rest_enabled,
        )?;
        map.serialize_entry(
            "reachability_webhooks_enabled",
            &settings.reachability_webhooks_enabled,
        )?;
        map.serialize_entry("acl_enabled", &settings.acl_enabled)?;
        map.serialize_entry(
            "reachability_debouncing_enabled",
            &settings.reachability_debouncing_enabled,
        )?;
        map.serialize_entry(
            "reachability_debouncing_window",
            &settings.reachability_debouncing_window,
        )?;
        map.end()
    }
}

impl<T: Shown> Serialize for Body<'_, ObjectView<'_, T>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(site, view) = self;
        let object = view.object;
        let url = site.object::<T>(view.service, view.sid);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account_sid", site.account_sid)?;
        map.serialize_entry("created_by", object.history.created_by.name())?;
        show_dates(&object.history, &mut map)?;
        T::show(&object.body, &mut map)?;
        map.serialize_entry("service_sid", &view.service)?;
        map.serialize_entry("sid", &view.sid)?;
        map.serialize_entry("unique_name", &object.unique_name)?;
        map.serialize_entry("url", &url)?;
        map.serialize_entry(
            "links",
            &Links {
                url: &url,
                to: T::links(),
            },
        )?;
        map.end()
    }
}

impl<C: ShownCollection> Serialize for Body<'_, ItemView<'_, C>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(site, view) = self;
        let item = view.item;
        let key = view.key.to_string();
        let url = site.member::<C>(view.service, view.collection, "Items", &key);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account_sid", site.account_sid)?;
        map.serialize_entry("created_by", item.history.created_by.name())?;
        map.serialize_entry("data", item.data.json())?;
        show_dates(&item.history, &mut map)?;
        map.serialize_entry(C::KEY_NAME, view.key)?;
        map.serialize_entry(sid_field(C::KIND), &view.collection)?;
        map.serialize_entry("revision", &Revision(item.revision))?;
        map.serialize_entry("service_sid", &view.service)?;
        map.serialize_entry("url", &url)?;
        map.end()
    }
}

/// Writes the dates of an object or item.
fn show_dates<S: SerializeMap>(history: &History, map: &mut S) -> Result<(), S::Error> {
    let expires = history.expires.map(|expiry| Date(expiry.millis()));
    map.serialize_entry("date_expires", &expires)?;
    map.serialize_entry("date_created", &Date(history.created))?;
    map.serialize_entry("date_updated", &Date(history.updated))
}

/// A permission of an object of kind `T`.
pub(super) struct Permission<'a, T>(
    pub(super) GrantView<'a>,
    pub(super) std::marker::PhantomData<T>,
);

impl<T: ShownPermitted> Serialize for Body<'_, Permission<'_, T>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(site, Permission(view, _)) = self;
        let url = site.member::<T>(view.service, view.object, "Permissions", view.identity);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account_sid", site.account_sid)?;
        map.serialize_entry("service_sid", &view.service)?;
        map.serialize_entry(sid_field(T::KIND), &view.object)?;
        map.serialize_entry("identity", view.identity)?;
        map.serialize_entry("read", &view.grant.read)?;
        map.serialize_entry("write", &view.grant.write)?;
        map.serialize_entry("manage", &view.grant.manage)?;
        map.serialize_entry("url", &url)?;
        map.end()
    }
}

/// A message that was published.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) sid: Sid,
    pub(super) data: &'a RawValue,
}

/// The resources under `url`, by their lower-case names.
struct Links<'a> {
    url: &'a str,
    to: &'a [&'a str],
}

impl Serialize for Links<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = |to: &&str| (to.to_ascii_lowercase(), format!("{}/{to}", self.url));
        serializer.collect_map(self.to.iter().map(link))
    }
}

/// A date as the API writes it: UTC, whole seconds.
struct Date(Millis);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = DateTime::from_timestamp_millis(self.0).unwrap_or_default();
        let (_, year) = at.year_ce();
        let mut text = *b"0000-00-00T00:00:00Z";
        // A page has hundreds of dates: each digit is put in its place.
        for (end, mut number) in [
            (4, year),
            (7, at.month()),
            (10, at.day()),
            (13, at.hour()),
            (16, at.minute()),
            (19, at.second()),
        ] {
            for digit in text[..end]
                .iter_mut()
                .rev()
                .take_while(|at| at.is_ascii_digit())
            {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// A revision as the API writes it: lower-case hex.
struct Revision(u64);

impl Serialize for Revision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:x}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_whole_seconds() {
        for (millis, text) in [
            (0, "\"1970-01-01T00:00:00Z\""),
            (1_467_924_818_999, "\"2016-07-07T20:53:38Z\""),
            (253_370_678_400_000, "\"9998-12-31T00:00:00Z\""),
        ] {
            assert_eq!(serde_json::to_string(&Date(millis)).unwrap(), text);
        }
    }
}
