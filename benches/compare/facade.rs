//! This crate's helpers.

use futures_util::TryStreamExt;
use twilio_sync::{Credentials, Documents, ListItems, MapItems, SyncClient};

use crate::Failure;
use crate::contender::{Calls, Entry};
use crate::server::Address;

#[derive(Clone)]
pub(crate) struct Facade {
    sync: SyncClient,
    documents: Documents<Entry>,
    map: MapItems<Entry>,
    list: ListItems<Entry>,
    long: ListItems<Entry>,
}

/// A client of the emulator.
pub(crate) fn client(address: &Address) -> Result<SyncClient, Failure> {
    let credentials = Credentials::api_key(
        address.account_sid.as_str(),
        address.api_key.as_str(),
        address.api_secret.as_str(),
    )?;
    let sync = SyncClient::builder()
        .credentials(credentials)
        .service(address.service_sid.as_str())
        .base_url(address.url.as_str())
        .build()?;
    Ok(sync)
}

impl Calls for Facade {
    fn connect(address: &Address) -> Result<Self, Failure> {
        let sync = client(address)?;
        Ok(Self {
            documents: sync.documents(),
            map: sync.map("map"),
            list: sync.list("log"),
            long: sync.list("long"),
            sync,
        })
    }

    async fn get(&mut self, name: &str) -> Result<Entry, Failure> {
        Ok(self.documents.get(name).await?.data)
    }

    async fn update(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        Ok(self.documents.update(name, data).await?.data)
    }

    async fn set(&mut self, key: &str, data: &Entry) -> Result<Entry, Failure> {
        Ok(self.map.set(key, data).await?.object.data)
    }

    async fn add(&mut self, data: &Entry) -> Result<Entry, Failure> {
        Ok(self.list.add(data).await?.data)
    }

    async fn upsert(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        Ok(self
            .documents
            .update_or_create(name, data)
            .await?
            .object
            .data)
    }

    async fn remove(&mut self, list: &str) -> Result<u64, Failure> {
        let list = self.sync.list::<Entry>(list);
        Ok(list.remove_items_with_key("call").await? as u64)
    }

    async fn stream(&mut self, most: u64) -> Result<u64, Failure> {
        let mut items = self.long.items().limit(usize::try_from(most)?);
        let mut count = 0;
        while let Some(item) = items.try_next().await? {
            std::hint::black_box(&item.data);
            count += 1;
        }
        Ok(count)
    }
}
