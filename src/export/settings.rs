//! The settings of a Service in an export, and their differences from those of a Service.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::api::types::UpdateServiceRequest;
use crate::client::SyncClient;
use crate::error::Result;
use crate::services::Service;

/// The settings of a Service. Those that are `None` are neither compared nor changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// The name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// The address to which events are posted, as it is, with a password that may be in it; empty for
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// `true` if changes made through the REST API are posted too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhooks_from_rest_enabled: Option<bool>,
    /// `true` if it is posted when a client endpoint connects or disconnects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachability_webhooks_enabled: Option<bool>,
    /// `true` if a short loss of an endpoint's connection is not posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachability_debouncing_enabled: Option<bool>,
    /// For how many milliseconds an endpoint must be away before that is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachability_debouncing_window: Option<i64>,
    /// `true` if client endpoints need a permission to use an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl_enabled: Option<bool>,
}

/// A setting of which the export and the Service differ.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SettingChange {
    /// The name of the setting, as in [`Settings`].
    pub name: String,
    /// The value in the Service; `Null` for a friendly name that it does not have.
    pub old: Value,
    /// The value in the export.
    pub new: Value,
}

impl From<Service> for Settings {
    fn from(service: Service) -> Self {
        Self {
            friendly_name: service.friendly_name,
            webhook_url: Some(service.webhook_url.unwrap_or_default()),
            webhooks_from_rest_enabled: Some(service.webhooks_from_rest_enabled),
            reachability_webhooks_enabled: Some(service.reachability_webhooks_enabled),
            reachability_debouncing_enabled: Some(service.reachability_debouncing_enabled),
            reachability_debouncing_window: Some(service.reachability_debouncing_window),
            acl_enabled: Some(service.acl_enabled),
        }
    }
}

impl SettingChange {
    /// The old and the new value for people: the password, user and query of an address, which may be
    /// secret, are replaced by `***`.
    #[must_use]
    pub fn shown(&self) -> [Value; 2] {
        let shown = |value: &Value| match value {
            Value::String(url) if self.name == "webhook_url" && !url.is_empty() => {
                without_secrets(url).into()
            }
            value => value.clone(),
        };
        [shown(&self.old), shown(&self.new)]
    }
}

fn without_secrets(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return "***".to_owned();
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    // Both fail for an address that cannot have a user, which then has none.
    if has_user && (url.set_password(None).is_err() || url.set_username("***").is_err()) {
        return "***".to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some("***"));
    }
    url.into()
}

impl Settings {
    /// The settings that differ from those of a Service, by name.
    pub(super) fn changes(&self, service: Service) -> Vec<SettingChange> {
        let mut old = members(&Self::from(service));
        let new = members(self).into_iter();
        let changes = new.map(|(name, new)| SettingChange {
            old: old.remove(&name).unwrap_or_default(),
            name,
            new,
        });
        changes.filter(|change| change.old != change.new).collect()
    }

    /// The settings that changes leave.
    pub(super) fn of_changes(changes: &[SettingChange]) -> Self {
        let changes = changes.iter();
        let members: Map<_, _> = changes
            .map(|change| (change.name.clone(), change.new.clone()))
            .collect();
        serde_json::from_value(Value::Object(members)).unwrap_or_default()
    }

    /// Splits off what is to be set before anything is written: that permissions are needed. The rest is
    /// set last, so that what is written is not posted to a new webhook.
    pub(super) fn split(mut self) -> [Self; 2] {
        let acl_enabled = self.acl_enabled.take_if(|enabled| *enabled);
        let first = Self {
            acl_enabled,
            ..Self::default()
        };
        [first, self]
    }

    /// Sets them in the Service of a client. One request, or none if there is nothing to set.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Service.
    pub async fn write(self, sync: &SyncClient) -> Result<()> {
        if self == Self::default() {
            return Ok(());
        }
        let form = UpdateServiceRequest {
            friendly_name: self.friendly_name,
            webhook_url: self.webhook_url,
            webhooks_from_rest_enabled: self.webhooks_from_rest_enabled,
            reachability_webhooks_enabled: self.reachability_webhooks_enabled,
            reachability_debouncing_enabled: self.reachability_debouncing_enabled,
            acl_enabled: self.acl_enabled,
            ..UpdateServiceRequest::default()
        };
        let update = sync.services().update(sync.service().clone());
        let mut update = update.form(form);
        if let Some(milliseconds) = self.reachability_debouncing_window {
            let window = u64::try_from(milliseconds).unwrap_or_default();
            update = update.reachability_debouncing_window(Duration::from_millis(window));
        }
        update.await.map(drop)
    }
}

fn members(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        for (url, shown) in [
            ("https://example.com/hook", "https://example.com/hook"),
            (
                "https://u:p@example.com/h?token=t",
                "https://***@example.com/h?***",
            ),
            ("https://:p@example.com/", "https://***@example.com/"),
            ("no address", "***"),
            ("mailto:a@example.com?x=y", "mailto:a@example.com?***"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
