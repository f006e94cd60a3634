//! `…/Lists/{ListSid}/Items` and `…/Maps/{MapSid}/Items`

use http::StatusCode;

use super::bodies::ShownCollection;
use super::call::{Call, Reply};
use super::paging::PageRequest;
use crate::emulator::store::{
    Data, ItemChange, ItemRules, List, Map, NewItem, ServiceError, map_key,
};

pub(super) fn list<C: ShownCollection>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let request = PageRequest::read_items::<C>(&call.query)?;
    call.store.read(|reader| {
        let (walk, size) = (&request.walk, request.size);
        let items = reader.items::<C>(call.service(), call.object(), walk, size)?;
        let url = call.site.object::<C>(items.service, items.object) + "/Items";
        let body = request.body(call.site, &url, "items", items.page);
        Ok(Reply::json(StatusCode::OK, &body))
    })
}

pub(super) fn add_to_list(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let new = new_item::<List>(call)?;
    call.store.write(|writer| {
        let view = writer.add_list_item(call.service(), call.object(), new)?;
        Ok(Reply::item(StatusCode::CREATED, call.site, view))
    })
}

pub(super) fn create_in_map(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let key = call.form.read("Key", map_key)?;
    let key = key.ok_or(ServiceError::InvalidMapKey)?;
    let new = new_item::<Map>(call)?;
    call.store.write(|writer| {
        let view = writer.create_map_item(call.service(), call.object(), &key, new)?;
        Ok(Reply::item(StatusCode::CREATED, call.site, view))
    })
}

pub(super) fn fetch<C: ShownCollection>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let key = C::parse_key(call.member())?;
    call.store.read(|reader| {
        let view = reader.item::<C>(call.service(), call.object(), &key)?;
        Ok(Reply::item(StatusCode::OK, call.site, view))
    })
}

pub(super) fn update<C: ShownCollection>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let key = C::parse_key(call.member())?;
    let if_match = call.if_match()?;
    let change = ItemChange {
        data: data::<C>(call)?,
        ttl: call.form.ttl_or_alias("ItemTtl")?,
        collection_ttl: call.form.ttl("CollectionTtl")?,
    };
    // The collection's TTL is taken along only with a change of the item.
    if change.data.is_none() && change.ttl.is_none() {
        return Err(ServiceError::NoParameters);
    }
    call.store.write(|writer| {
        let view =
            writer.update_item::<C>(call.service(), call.object(), &key, if_match, change)?;
        Ok(Reply::item(StatusCode::OK, call.site, view))
    })
}

pub(super) fn delete<C: ItemRules>(call: &Call<'_>) -> Result<Reply, ServiceError> {
    let key = C::parse_key(call.member())?;
    let if_match = call.if_match()?;
    call.store
        .write(|writer| writer.delete_item::<C>(call.service(), call.object(), &key, if_match))?;
    Ok(Reply::deleted())
}

fn new_item<C: ItemRules>(call: &Call<'_>) -> Result<NewItem, ServiceError> {
    Ok(NewItem {
        data: data::<C>(call)?.ok_or(C::INVALID_DATA)?,
        ttl: call.form.ttl_or_alias("ItemTtl")?,
        collection_ttl: call.form.ttl("CollectionTtl")?,
    })
}

fn data<C: ItemRules>(call: &Call<'_>) -> Result<Option<Data>, ServiceError> {
    call.form
        .read("Data", |text| Data::parse(text, C::INVALID_DATA))
}
