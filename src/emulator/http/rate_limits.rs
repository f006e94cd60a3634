//! The requests that count for a rate limit.

use super::call::Call;
use crate::api::Operation;
use crate::emulator::core::{Limited, RateLimits};
use crate::emulator::store::{Document, List, Map, Resource, Service, ServiceError, Sid, Stream};

/// Counts a request for the limit it is under, if any. A request for an object that does not exist does
/// not count: it fails with another error.
pub(super) fn count(
    limits: &RateLimits,
    operation: Operation,
    call: &Call<'_>,
) -> Result<(), ServiceError> {
    use Operation as O;
    let limited = match operation {
        O::CreateDocument
        | O::CreateSyncList
        | O::CreateSyncMap
        | O::CreateSyncStream
        | O::DeleteDocument
        | O::DeleteSyncList
        | O::DeleteSyncMap
        | O::DeleteSyncStream => service(call).map(Limited::Lifecycle),
        O::UpdateDocument => write::<Document>("document", call),
        O::UpdateSyncList
        | O::CreateSyncListItem
        | O::UpdateSyncListItem
        | O::DeleteSyncListItem => write::<List>("list", call),
        O::UpdateSyncMap | O::CreateSyncMapItem | O::UpdateSyncMapItem | O::DeleteSyncMapItem => {
            write::<Map>("map", call)
        }
        O::UpdateSyncStream => write::<Stream>("stream", call),
        O::CreateStreamMessage => object::<Stream>(call).map(Limited::Message),
        _ => None,
    };
    match limited {
        Some(limited) => limits.count(limited, call.form.get("Data").map_or(0, str::len)),
        None => Ok(()),
    }
}

fn service(call: &Call<'_>) -> Option<Sid> {
    let service = call
        .store
        .read(|reader| reader.service(call.service()).map(Service::sid));
    service.ok()
}

fn object<T: Resource>(call: &Call<'_>) -> Option<Sid> {
    let (service, object) = (call.service(), call.object());
    let object = call
        .store
        .read(|reader| reader.object::<T>(service, object).map(|view| view.sid));
    object.ok()
}

fn write<T: Resource>(kind: &'static str, call: &Call<'_>) -> Option<Limited> {
    object::<T>(call).map(|sid| Limited::Write(kind, sid))
}
