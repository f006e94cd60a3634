//! The function of each operation.

use super::call::{Call, Reply};
use super::{items, objects, permissions, services};
use crate::api::Operation;
use crate::emulator::store::{Document, List, Map, ServiceError, Stream};

pub(super) fn dispatch(operation: Operation, call: &Call<'_>) -> Result<Reply, ServiceError> {
    use Operation as O;
    match operation {
        O::ListService => services::list(call),
        O::CreateService => services::create(call),
        O::FetchService => services::fetch(call),
        O::UpdateService => services::update(call),
        O::DeleteService => services::delete(call),

        O::ListDocument => objects::list::<Document>(call),
        O::CreateDocument => objects::create_document(call),
        O::FetchDocument => objects::fetch::<Document>(call),
        O::UpdateDocument => objects::update_document(call),
        O::DeleteDocument => objects::delete::<Document>(call),
        O::ListDocumentPermission => permissions::list::<Document>(call),
        O::FetchDocumentPermission => permissions::fetch::<Document>(call),
        O::UpdateDocumentPermission => permissions::update::<Document>(call),
        O::DeleteDocumentPermission => permissions::delete::<Document>(call),

        O::ListSyncList => objects::list::<List>(call),
        O::CreateSyncList => objects::create_collection::<List>(call),
        O::FetchSyncList => objects::fetch::<List>(call),
        O::UpdateSyncList => objects::update_collection::<List>(call),
        O::DeleteSyncList => objects::delete::<List>(call),
        O::ListSyncListItem => items::list::<List>(call),
        O::CreateSyncListItem => items::add_to_list(call),
        O::FetchSyncListItem => items::fetch::<List>(call),
        O::UpdateSyncListItem => items::update::<List>(call),
        O::DeleteSyncListItem => items::delete::<List>(call),
        O::ListSyncListPermission => permissions::list::<List>(call),
        O::FetchSyncListPermission => permissions::fetch::<List>(call),
        O::UpdateSyncListPermission => permissions::update::<List>(call),
        O::DeleteSyncListPermission => permissions::delete::<List>(call),

        O::ListSyncMap => objects::list::<Map>(call),
        O::CreateSyncMap => objects::create_collection::<Map>(call),
        O::FetchSyncMap => objects::fetch::<Map>(call),
        O::UpdateSyncMap => objects::update_collection::<Map>(call),
        O::DeleteSyncMap => objects::delete::<Map>(call),
        O::ListSyncMapItem => items::list::<Map>(call),
        O::CreateSyncMapItem => items::create_in_map(call),
        O::FetchSyncMapItem => items::fetch::<Map>(call),
        O::UpdateSyncMapItem => items::update::<Map>(call),
        O::DeleteSyncMapItem => items::delete::<Map>(call),
        O::ListSyncMapPermission => permissions::list::<Map>(call),
        O::FetchSyncMapPermission => permissions::fetch::<Map>(call),
        O::UpdateSyncMapPermission => permissions::update::<Map>(call),
        O::DeleteSyncMapPermission => permissions::delete::<Map>(call),

        O::ListSyncStream => objects::list::<Stream>(call),
        O::CreateSyncStream => objects::create_stream(call),
        O::FetchSyncStream => objects::fetch::<Stream>(call),
        O::UpdateSyncStream => objects::update_stream(call),
        O::DeleteSyncStream => objects::delete::<Stream>(call),
        O::CreateStreamMessage => objects::publish(call),
    }
}
