//! `…/Lists/{ListSid}/Items` and `…/Maps/{MapSid}/Items`

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::bodies::{Shown, ShownKey};
use super::call::{Call, Reply};
use super::paging::PageRequest;
use crate::emulator::error::Failure;
use crate::emulator::store::{Collection, Data, ItemChange, ItemKey, NewItem, map_key};

pub(super) fn list<K: ShownKey + DeserializeOwned>(call: &Call<'_>) -> Result<Reply, Failure>
where
    Collection<K>: Shown,
{
    let request = PageRequest::<K>::read_items(&call.query)?;
    call.store.read(|reader| {
        let (walk, size) = (&request.walk, request.size);
        let items = reader.items(call.service(), call.object(), walk, size)?;
        let url = call
            .site
            .object::<Collection<K>>(items.service, items.object)
            + "/Items";
        let body = request.body(call.site, &url, "items", items.page);
        Ok(Reply::json(StatusCode::OK, &body))
    })
}

pub(super) fn add_to_list(call: &Call<'_>) -> Result<Reply, Failure> {
    let new = new_item::<u64>(call)?;
    call.store.write(|writer| {
        let view = writer.add_list_item(call.service(), call.object(), new)?;
        Ok(Reply::item(StatusCode::CREATED, call.site, view))
    })
}

pub(super) fn create_in_map(call: &Call<'_>) -> Result<Reply, Failure> {
    let key = call.form.read("Key", map_key)?;
    let key = key.ok_or(Failure::InvalidMapKey)?;
    let new = new_item::<Box<str>>(call)?;
    call.store.write(|writer| {
        let view = writer.create_map_item(call.service(), call.object(), &key, new)?;
        Ok(Reply::item(StatusCode::CREATED, call.site, view))
    })
}

pub(super) fn fetch<K: ShownKey>(call: &Call<'_>) -> Result<Reply, Failure>
where
    Collection<K>: Shown,
{
    let key = K::parse(call.member())?;
    call.store.read(|reader| {
        let view = reader.item(call.service(), call.object(), &key)?;
        Ok(Reply::item(StatusCode::OK, call.site, view))
    })
}

pub(super) fn update<K: ShownKey>(call: &Call<'_>) -> Result<Reply, Failure>
where
    Collection<K>: Shown,
{
    let key = K::parse(call.member())?;
    let if_match = call.if_match()?;
    let change = ItemChange {
        data: data::<K>(call)?,
        ttl: call.form.ttl_or_alias("ItemTtl")?,
        collection_ttl: call.form.ttl("CollectionTtl")?,
    };
    // The collection's TTL is taken along only with a change of the item.
    if change.data.is_none() && change.ttl.is_none() {
        return Err(Failure::NoParameters);
    }
    call.store.write(|writer| {
        let view = writer.update_item(call.service(), call.object(), &key, if_match, change)?;
        Ok(Reply::item(StatusCode::OK, call.site, view))
    })
}

pub(super) fn delete<K: ItemKey>(call: &Call<'_>) -> Result<Reply, Failure> {
    let key = K::parse(call.member())?;
    let if_match = call.if_match()?;
    call.store
        .write(|writer| writer.delete_item(call.service(), call.object(), &key, if_match))?;
    Ok(Reply::deleted())
}

fn new_item<K: ItemKey>(call: &Call<'_>) -> Result<NewItem, Failure> {
    Ok(NewItem {
        data: data::<K>(call)?.ok_or(K::INVALID_DATA)?,
        ttl: call.form.ttl_or_alias("ItemTtl")?,
        collection_ttl: call.form.ttl("CollectionTtl")?,
    })
}

fn data<K: ItemKey>(call: &Call<'_>) -> Result<Option<Data>, Failure> {
    call.form
        .read("Data", |text| Data::parse(text, K::INVALID_DATA))
}
