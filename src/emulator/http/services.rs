//! `/Services`

use http::StatusCode;

use super::bodies::Body;
use super::call::{Call, Reply};
use super::paging::PageRequest;
use crate::emulator::core::Parameters;
use crate::emulator::store::{
    ServiceError, SettingsChange, debouncing_window, friendly_name, webhook_url,
};

pub(super) fn list(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let request = PageRequest::read(&call.query)?;
    call.store.read(|reader| {
        let page = reader.services(&request.walk, request.size);
        let body = request.body(call.site, &call.site.services(), "services", page);
        Ok(Reply::json(StatusCode::OK, &body))
    })
}

pub(super) fn create(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let change = settings(&call.form)?.unwrap_or_default();
    call.store.write(|writer| {
        let service = writer.create_service(change)?;
        Ok(Reply::json(StatusCode::CREATED, &Body(call.site, service)))
    })
}

pub(super) fn fetch(call: &Call<'_>) -> Result<Reply, ServiceError> {
    call.store.read(|reader| {
        let service = reader.service(call.service())?;
        Ok(Reply::json(StatusCode::OK, &Body(call.site, service)))
    })
}

pub(super) fn update(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let change = settings(&call.form)?.ok_or(ServiceError::NoParameters)?;
    call.store.write(|writer| {
        let service = writer.update_service(call.service(), change)?;
        Ok(Reply::json(StatusCode::OK, &Body(call.site, service)))
    })
}

pub(super) fn delete(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let removed = call
        .store
        .write(|writer| writer.delete_service(call.service()))?;
    // A large Service takes time to drop: not under the lock.
    drop(removed);
    Ok(Reply::deleted())
}

/// The settings a form names; none if it names none at all.
fn settings(form: &Parameters<'_>) -> Result<Option<SettingsChange>, ServiceError> {
    const NAMES: [&str; 7] = [
        "FriendlyName",
        "WebhookUrl",
        "WebhooksFromRestEnabled",
        "ReachabilityWebhooksEnabled",
        "AclEnabled",
        "ReachabilityDebouncingEnabled",
        "ReachabilityDebouncingWindow",
    ];
    if NAMES.iter().all(|name| form.get(name).is_none()) {
        return Ok(None);
    }
    let [name, url, from_rest, reachability, acl, debouncing, window] = NAMES;
    Ok(Some(SettingsChange {
        friendly_name: form.read(name, friendly_name)?,
        webhook_url: form.read(url, webhook_url)?,
        webhooks_from_rest_enabled: form.flag(from_rest)?,
        reachability_webhooks_enabled: form.flag(reachability)?,
        acl_enabled: form.flag(acl)?,
        reachability_debouncing_enabled: form.flag(debouncing)?,
        reachability_debouncing_window: form.read(window, debouncing_window)?,
    }))
}
