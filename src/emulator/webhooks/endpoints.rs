//! Endpoints: what would be connected to a service, if anything could connect here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::emulator::error::Failure;
use crate::emulator::store::{Service, Sid, Store};

/// An endpoint: its service, identity and own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::emulator) struct Endpoint {
    service: Sid,
    identity: Box<str>,
    name: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Here,
    /// Gone, but not long enough to tell; the number tells its goings apart.
    Leaving(u64),
}

/// The endpoints that count as connected.
#[derive(Debug, Default)]
pub(in crate::emulator) struct Endpoints(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    present: HashMap<Endpoint, Presence>,
    goings: u64,
}

/// A disconnection that is to be told of later, if the endpoint is still away.
#[derive(Debug)]
pub(in crate::emulator) struct Later {
    pub(in crate::emulator) after: Duration,
    endpoint: Endpoint,
    going: u64,
}

impl Endpoints {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects an endpoint; one that is back in time never was away.
    pub(in crate::emulator) fn connect(
        &self,
        store: &Store,
        service: &str,
        identity: &str,
        name: &str,
    ) -> Result<(), Failure> {
        let service = store.read(|reader| reader.service(service).map(Service::sid))?;
        let endpoint = Endpoint {
            service,
            identity: identity.into(),
            name: name.into(),
        };
        let mut known = self.lock();
        if !known.present.contains_key(&endpoint) {
            tell(store, &endpoint, true)?;
        }
        known.present.insert(endpoint, Presence::Here);
        Ok(())
    }

    /// Forgets all of them.
    pub(in crate::emulator) fn clear(&self) {
        self.lock().present.clear();
    }

    /// Forgets those of services that are gone.
    pub(in crate::emulator) fn forget_gone(&self, store: &Store) {
        let mut known = self.lock();
        known.present.retain(|endpoint, _| {
            let service = endpoint.service.to_string();
            store.read(|reader| reader.service(&service).is_ok())
        });
    }

    /// Disconnects an endpoint; with debouncing that is told of later.
    pub(in crate::emulator) fn disconnect(
        &self,
        store: &Store,
        service: &str,
        identity: &str,
        name: &str,
    ) -> Result<Option<Later>, Failure> {
        let (service, after) = store.read(|reader| {
            let service = reader.service(service)?;
            let settings = &service.settings;
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
        if known.present.get(&endpoint) != Some(&Presence::Here) {
            return Ok(None);
        }
        let Some(after) = after else {
            known.present.remove(&endpoint);
            tell(store, &endpoint, false)?;
            return Ok(None);
        };
        known.goings += 1;
        let going = known.goings;
        known
            .present
            .insert(endpoint.clone(), Presence::Leaving(going));
        Ok(Some(Later {
            after,
            endpoint,
            going,
        }))
    }

    /// Tells of a disconnection whose time has come, unless the endpoint is back.
    pub(in crate::emulator) fn left(&self, store: &Store, later: &Later) {
        let mut known = self.lock();
        if known.present.get(&later.endpoint) == Some(&Presence::Leaving(later.going)) {
            known.present.remove(&later.endpoint);
            // If the service is gone by now, there is nobody to tell.
            let _ = tell(store, &later.endpoint, false);
        }
    }
}

fn tell(store: &Store, endpoint: &Endpoint, connected: bool) -> Result<(), Failure> {
    let service = endpoint.service.to_string();
    store.endpoint(&service, connected, &endpoint.identity, &endpoint.name)
}
