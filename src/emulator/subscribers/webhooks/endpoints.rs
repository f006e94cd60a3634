//! Endpoints: simulated connections of client software to a Service.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::emulator::store::{Actor, Service, ServiceError, Sid, Store};

/// An endpoint: its service, identity and own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::emulator) struct Endpoint {
    service: Sid,
    identity: Box<str>,
    name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Connected,
    /// Disconnected for less than the debouncing window; the number is that of the disconnection.
    Leaving(u64),
}

/// The endpoints that count as connected.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Endpoints(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    present: HashMap<Endpoint, Presence>,
    disconnections: u64,
}

/// A disconnection whose event is emitted later, if the endpoint is still away.
#[derive(Debug)]
pub(in crate::emulator) struct Later {
    pub(in crate::emulator) after: Duration,
    endpoint: Endpoint,
    disconnection: u64,
}

impl Endpoints {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects an endpoint; one that is back within the debouncing window was never away.
    pub(in crate::emulator) fn connect(
        &self,
        store: &Store,
        service: &str,
        identity: &str,
        name: &str,
    ) -> Result<(), ServiceError> {
        let service = store.read(|reader| reader.service(service).map(Service::sid))?;
        let endpoint = Endpoint {
            service,
            identity: identity.into(),
            name: name.into(),
        };
        let mut known = self.lock();
        if !known.present.contains_key(&endpoint) {
            emit(store, &endpoint, true)?;
        }
        known.present.insert(endpoint, Presence::Connected);
        Ok(())
    }

    /// Removes all of them, without events.
    pub(in crate::emulator) fn clear(&self) {
        self.lock().present.clear();
    }

    /// Removes those of services that were deleted.
    pub(in crate::emulator) fn remove_stale(&self, store: &Store) {
        let mut known = self.lock();
        known.present.retain(|endpoint, _| {
            let service = endpoint.service.to_string();
            store.read(|reader| reader.service(&service).is_ok())
        });
    }

    /// Disconnects an endpoint; with debouncing, the event is emitted later.
    pub(in crate::emulator) fn disconnect(
        &self,
        store: &Store,
        service: &str,
        identity: &str,
        name: &str,
    ) -> Result<Option<Later>, ServiceError> {
        let (service, after) = store.read(|reader| {
            let service = reader.service(service)?;
            let settings = service.settings();
            let window = u64::from(settings.reachability_debouncing_window);
            let after = settings
                .reachability_debouncing_enabled
                .then(|| Duration::from_millis(window));
            Ok((service.sid(), after))
        })?;
        let endpoint = Endpoint {
            service,
            identity: identity.into(),
            name: name.into(),
        };
        let mut known = self.lock();
        if known.present.get(&endpoint) != Some(&Presence::Connected) {
            return Ok(None);
        }
        let Some(after) = after else {
            known.present.remove(&endpoint);
            emit(store, &endpoint, false)?;
            return Ok(None);
        };
        known.disconnections += 1;
        let disconnection = known.disconnections;
        known
            .present
            .insert(endpoint.clone(), Presence::Leaving(disconnection));
        Ok(Some(Later {
            after,
            endpoint,
            disconnection,
        }))
    }

    /// Emits the event of a disconnection whose window has passed, unless the endpoint is back.
    pub(in crate::emulator) fn left(&self, store: &Store, later: &Later) {
        let mut known = self.lock();
        if known.present.get(&later.endpoint) == Some(&Presence::Leaving(later.disconnection)) {
            known.present.remove(&later.endpoint);
            // If the service was deleted meanwhile, there is no event.
            let _ = emit(store, &later.endpoint, false);
        }
    }
}

fn emit(store: &Store, endpoint: &Endpoint, connected: bool) -> Result<(), ServiceError> {
    let service = endpoint.service.to_string();
    let identity = Actor::identity(&endpoint.identity);
    store.write_as(&identity, |writer| {
        writer.endpoint(&service, connected, &endpoint.name)
    })
}
