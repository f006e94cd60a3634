//! Services and their settings.

use std::sync::Arc;

use super::access::{Reader, Writer};
use super::events::{Cause, Change, Event, Subject};
use super::model::{Actor, Service, Settings};
use super::paging::{Page, Walk};
use super::registry::Seq;
use super::service_error::ServiceError;
use super::sid::{Kind, Sid};
use super::state::State;
use super::time::Millis;

/// The settings that a request sets; the others stay as they are.
#[derive(Debug, Default)]
pub(crate) struct SettingsChange {
    pub(crate) friendly_name: Option<Box<str>>,
    /// Empty text clears it.
    pub(crate) webhook_url: Option<Box<str>>,
    pub(crate) webhooks_from_rest_enabled: Option<bool>,
    pub(crate) reachability_webhooks_enabled: Option<bool>,
    pub(crate) acl_enabled: Option<bool>,
    pub(crate) reachability_debouncing_enabled: Option<bool>,
    pub(crate) reachability_debouncing_window: Option<u32>,
}

impl SettingsChange {
    fn apply(self, settings: &mut Settings) {
        fn set<T>(setting: &mut T, to: Option<T>) {
            if let Some(to) = to {
                *setting = to;
            }
        }
        set(&mut settings.friendly_name, self.friendly_name.map(Some));
        if let Some(address) = self.webhook_url {
            settings.webhook_url = (!address.is_empty()).then_some(address);
        }
        set(
            &mut settings.webhooks_from_rest_enabled,
            self.webhooks_from_rest_enabled,
        );
        set(
            &mut settings.reachability_webhooks_enabled,
            self.reachability_webhooks_enabled,
        );
        set(&mut settings.acl_enabled, self.acl_enabled);
        set(
            &mut settings.reachability_debouncing_enabled,
            self.reachability_debouncing_enabled,
        );
        set(
            &mut settings.reachability_debouncing_window,
            self.reachability_debouncing_window,
        );
    }
}

/// The default service.
impl State {
    /// Adds the Service that a new account has, which is empty.
    ///
    /// `default` is its unique name; no other Service has one.
    pub(crate) fn add_default_service(&mut self, sid: Sid, now: Millis) {
        let name = Some("default".into());
        let settings = Settings {
            friendly_name: Some("Default Service".into()),
            ..Settings::default()
        };
        self.insert_service(Service::new(sid, name, settings, now));
    }

    /// The SID of the default Service; none if it was deleted.
    pub(crate) fn default_service(&self) -> Option<Sid> {
        let seq = self.find_service("default").ok()?;
        self.service(seq).ok().map(Service::sid)
    }

    /// Gives the default Service another SID; one that was deleted stays deleted.
    pub(crate) fn rename_default_service(&mut self, sid: Sid) -> Result<(), ServiceError> {
        let Ok(seq) = self.find_service("default") else {
            return Ok(());
        };
        if self.service(seq)?.sid() == sid {
            return Ok(());
        }
        if self.services().has_id(sid.id) {
            return Err(ServiceError::UniqueNameTaken);
        }
        self.rename_service(seq, sid.id)
    }

    /// The event of the default Service for a data file that is to have it; none if it was deleted.
    pub(crate) fn default_service_event(&self, change: Change) -> Option<Event> {
        let seq = self.find_service("default").ok()?;
        Some(Event {
            service: Arc::clone(&self.service(seq).ok()?.state),
            actor: Actor::System,
            endpoint: None,
            cause: Cause::Write,
            subject: Subject::Service(change, seq),
        })
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn service(self, reference: &str) -> Result<&'a Service, ServiceError> {
        self.state.service(self.state.find_service(reference)?)
    }

    pub(crate) fn services(self, walk: &Walk<Seq>, size: usize) -> Page<Seq, &'a Service> {
        walk.page(self.state.services().records(), size, |_, service| service)
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn create_service(
        self,
        change: SettingsChange,
    ) -> Result<&'a Service, ServiceError> {
        self.reader().check_system()?;
        let mut settings = Settings::default();
        change.apply(&mut settings);
        let service = Service::new(self.state.new_sid(Kind::Service), None, settings, self.now);
        let seq = self.state.insert_service(service);
        self.state.service(seq)
    }

    pub(crate) fn update_service(
        self,
        reference: &str,
        change: SettingsChange,
    ) -> Result<&'a Service, ServiceError> {
        self.reader().check_system()?;
        let seq = self.state.find_service(reference)?;
        self.state.edit_service(seq, |service| {
            change.apply(&mut service.settings);
            service.updated = self.now;
        })
    }

    pub(crate) fn delete_service(self, reference: &str) -> Result<Service, ServiceError> {
        self.reader().check_system()?;
        let seq = self.state.find_service(reference)?;
        self.state.remove_service(seq)
    }
}
