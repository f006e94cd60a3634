//! This crate's generated client.

use std::num::NonZeroU64;

use twilio_sync::SyncClient;
use twilio_sync::api::types::{
    CreateDocumentRequest, CreateSyncListItemRequest, UpdateDocumentRequest,
    UpdateSyncMapItemRequest,
};
use twilio_sync::value::{Data, ItemKey, ObjectReference, UniqueName};

use crate::Failure;
use crate::contender::{Calls, Entry, is_call};
use crate::facade::client;
use crate::server::Address;

#[derive(Clone)]
pub(crate) struct Generated {
    sync: SyncClient,
    map: ObjectReference,
    list: ObjectReference,
    long: ObjectReference,
}

fn reference(name: &str) -> Result<ObjectReference, Failure> {
    Ok(UniqueName::new(name)?.into())
}

/// What replaces the data of a Document.
fn replacement(data: &Entry) -> Result<UpdateDocumentRequest, Failure> {
    Ok(UpdateDocumentRequest {
        data: Some(serde_json::to_string(data)?),
        ttl: None,
    })
}

fn decoded(data: &Data) -> Result<Entry, Failure> {
    Ok(data.decode()?)
}

impl Calls for Generated {
    fn connect(address: &Address) -> Result<Self, Failure> {
        Ok(Self {
            sync: client(address)?,
            map: reference("map")?,
            list: reference("log")?,
            long: reference("long")?,
        })
    }

    async fn get(&mut self, name: &str) -> Result<Entry, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let document = api.fetch_document(service, &reference(name)?).await?;
        decoded(&document.data)
    }

    async fn update(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let form = replacement(data)?;
        let document = api
            .update_document(service, &reference(name)?, None, &form)
            .await?;
        decoded(&document.data)
    }

    async fn set(&mut self, key: &str, data: &Entry) -> Result<Entry, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let form = UpdateSyncMapItemRequest {
            data: Some(serde_json::to_string(data)?),
            ..UpdateSyncMapItemRequest::default()
        };
        let item = api
            .update_sync_map_item(service, &self.map, &ItemKey::new(key)?, None, &form)
            .await?;
        decoded(&item.data)
    }

    async fn add(&mut self, data: &Entry) -> Result<Entry, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let form = CreateSyncListItemRequest {
            data: serde_json::to_string(data)?,
            collection_ttl: None,
            item_ttl: None,
            ttl: None,
        };
        let item = api
            .create_sync_list_item(service, &self.list, &form)
            .await?;
        decoded(&item.data)
    }

    async fn upsert(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let form = replacement(data)?;
        let updated = api
            .update_document(service, &reference(name)?, None, &form)
            .await;
        let document = match updated {
            Err(error) if error.status().is_some_and(|status| status == 404) => {
                let form = CreateDocumentRequest {
                    unique_name: Some(UniqueName::new(name)?),
                    data: form.data,
                    ttl: None,
                };
                api.create_document(service, &form).await?
            }
            updated => updated?,
        };
        decoded(&document.data)
    }

    async fn remove(&mut self, list: &str) -> Result<u64, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let list = reference(list)?;
        let page = api
            .list_sync_list_item(
                service,
                &list,
                None,
                None,
                None,
                None,
                NonZeroU64::new(100),
                None,
            )
            .await?;
        let mut removed = 0;
        for item in page.items {
            if is_call(&item.data)? {
                api.delete_sync_list_item(service, &list, item.index, Some(&item.revision))
                    .await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn stream(&mut self, most: u64) -> Result<u64, Failure> {
        let (api, service) = (self.sync.api(), self.sync.service());
        let size = NonZeroU64::new(100);
        let (mut count, mut number, mut token) = (0, None, None::<String>);
        while count < most {
            let page = api
                .list_sync_list_item(
                    service,
                    &self.long,
                    None,
                    None,
                    None,
                    number,
                    size,
                    token.as_deref(),
                )
                .await?;
            for item in &page.items {
                std::hint::black_box(decoded(&item.data)?);
                count += 1;
            }
            let Some(next) = page.meta.next_page_url else {
                break;
            };
            let next = url::Url::parse(&next)?;
            let parameter = |name| next.query_pairs().find(|(key, _)| key == name);
            number = parameter("Page")
                .map(|(_, page)| page.parse())
                .transpose()?;
            token = parameter("PageToken").map(|(_, token)| token.into_owned());
        }
        Ok(count)
    }
}
