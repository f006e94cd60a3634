//! `…/Permissions` of documents, lists and maps

use std::marker::PhantomData;

use http::StatusCode;

use super::bodies::{Body, Permission, ShownPermitted};
use super::call::{Call, Reply};
use super::paging::PageRequest;
use crate::emulator::store::{Grant, GrantView, ServiceError, identity};

pub(super) fn list<T: ShownPermitted>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let request = PageRequest::read(&call.query)?;
    call.store.read(|reader| {
        let (walk, size) = (&request.walk, request.size);
        let grants = reader.grants::<T>(call.service(), call.object(), walk, size)?;
        let url = call.site.object::<T>(grants.service, grants.object) + "/Permissions";
        let page = grants.page.map(|grant| Permission::<T>(grant, PhantomData));
        let body = request.body(call.site, &url, "permissions", page);
        Ok(Reply::json(StatusCode::OK, &body))
    })
}

pub(super) fn fetch<T: ShownPermitted>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let identity = identity(call.member())?;
    call.store.read(|reader| {
        let view = reader.grant::<T>(call.service(), call.object(), &identity)?;
        Ok(shown::<T>(call, view))
    })
}

pub(super) fn update<T: ShownPermitted>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let identity = identity(call.member())?;
    let grant = Grant {
        read: call.form.required_flag("Read")?,
        write: call.form.required_flag("Write")?,
        manage: call.form.required_flag("Manage")?,
    };
    call.store.write(|writer| {
        let view = writer.set_grant::<T>(call.service(), call.object(), &identity, grant)?;
        Ok(shown::<T>(call, view))
    })
}

pub(super) fn delete<T: ShownPermitted>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let identity = identity(call.member())?;
    call.store
        .write(|writer| writer.delete_grant::<T>(call.service(), call.object(), &identity))?;
    Ok(Reply::deleted())
}

fn shown<T: ShownPermitted>(call: &Call<'_>, view: GrantView<'_>) -> Reply {
    let permission = Permission::<T>(view, PhantomData);
    Reply::json(StatusCode::OK, &Body(call.site, permission))
}
