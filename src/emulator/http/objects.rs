//! `…/Documents`, `…/Lists`, `…/Maps` and `…/Streams`

use http::StatusCode;

use super::bodies::{Message, Shown};
use super::call::{Call, Reply};
use super::paging::PageRequest;
use crate::emulator::store::{
    Collection, Data, Document, Items, Kind, NewObject, ServiceError, Sid, Stream, Ttl, unique_name,
};

pub(super) fn list<T: Shown>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let request = PageRequest::read(&call.query)?;
    call.store.read(|reader| {
        let (service, page) = reader.objects::<T>(call.service(), &request.walk, request.size)?;
        let url = call.site.objects::<T>(service);
        let body = request.body(call.site, &url, T::KEY, page);
        Ok(Reply::json(StatusCode::OK, &body))
    })
}

pub(super) fn create_document(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let data = match document_data(call)? {
        Some(data) => data,
        None => Data::empty()?,
    };
    create::<Document>(call, call.form.ttl("Ttl")?, Document::new(data))
}

pub(super) fn create_collection<C: Shown + Collection>(
    call: &Call<'_>,
) -> Result<Reply, ServiceError> {
    let ttl = call.form.ttl_or_alias("CollectionTtl")?;
    create::<C>(call, ttl, Items::default())
}

pub(super) fn create_stream(call: &Call<'_>) -> Result<Reply, ServiceError> {
    create::<Stream>(call, call.form.ttl("Ttl")?, Stream)
}

fn create<T: Shown>(
    call: &Call<'_>,
    ttl: Option<Ttl>,
    body: T::Body,
) -> Result<Reply, ServiceError> {
    let new = NewObject {
        unique_name: call.form.read("UniqueName", unique_name)?,
        ttl,
        body,
    };
    call.store.write(|writer| {
        let view = writer.create::<T>(call.service(), new)?;
        Ok(Reply::object(StatusCode::CREATED, call.site, view))
    })
}

pub(super) fn fetch<T: Shown>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    call.store.read(|reader| {
        let view = reader.object::<T>(call.service(), call.object())?;
        Ok(Reply::object(StatusCode::OK, call.site, view))
    })
}

pub(super) fn update_document(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let if_match = call.if_match()?;
    let data = document_data(call)?;
    let ttl = call.form.ttl("Ttl")?;
    if data.is_none() && ttl.is_none() {
        return Err(ServiceError::NoParameters);
    }
    call.store.write(|writer| {
        let view = writer.update_document(call.service(), call.object(), if_match, data, ttl)?;
        Ok(Reply::object(StatusCode::OK, call.site, view))
    })
}

pub(super) fn update_collection<C: Shown + Collection>(
    call: &Call<'_>,
) -> Result<Reply, ServiceError> {
    update_ttl::<C>(call, call.form.ttl_or_alias("CollectionTtl")?)
}

pub(super) fn update_stream(call: &Call<'_>) -> Result<Reply, ServiceError> {
    update_ttl::<Stream>(call, call.form.ttl("Ttl")?)
}

fn update_ttl<T: Shown>(call: &Call<'_>, ttl: Option<Ttl>) -> Result<Reply, ServiceError> {
    let ttl = ttl.ok_or(ServiceError::NoParameters)?;
    call.store.write(|writer| {
        let view = writer.set_ttl::<T>(call.service(), call.object(), ttl)?;
        Ok(Reply::object(StatusCode::OK, call.site, view))
    })
}

pub(super) fn delete<T: Shown>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let removed = call
        .store
        .write(|writer| writer.delete::<T>(call.service(), call.object()))?;
    // A large object takes time to drop: not under the lock.
    drop(removed);
    Ok(Reply::deleted())
}

pub(super) fn publish(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let data = call.form.read("Data", Data::parse_message)?;
    let data = data.ok_or(ServiceError::InvalidMessageData)?;
    let sid = Sid::new(Kind::Message, call.random.number());
    call.store
        .write(|writer| writer.publish(call.service(), call.object(), sid, &data))?;
    let message = Message {
        sid,
        data: data.json(),
    };
    Ok(Reply::json(StatusCode::CREATED, &message))
}

fn document_data(call: &Call<'_>) -> Result<Option<Data>, ServiceError> {
    call.form.read("Data", |text| {
        Data::parse(text, ServiceError::InvalidDocumentData)
    })
}
