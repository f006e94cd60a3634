//! reqwest and no more: the same calls, read into the same records in one pass. Nothing is checked,
//! repeated or settled.

use http::header;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use twilio_sync::api::types::PageMeta;
use twilio_sync::value::Data;
use twilio_sync::{Document, ListItem, MapItem};

use crate::Failure;
use crate::bare_http;
use crate::contender::{Calls, Entry, is_call};
use crate::server::Address;

#[derive(Clone)]
pub(crate) struct Bare {
    http: Client,
    /// The address of the Service.
    service: String,
}

/// A page of a List.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<ListItem<T>>,
    meta: PageMeta,
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Failure> {
    Ok(request.send().await?.error_for_status()?.json().await?)
}

impl Bare {
    /// The body of an answer, as it came.
    pub(crate) async fn body(&self, path: &str) -> Result<bytes::Bytes, Failure> {
        let url = format!("{}/{path}", self.service);
        Ok(self
            .http
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?)
    }

    fn post(&self, url: String, data: &str) -> RequestBuilder {
        self.http.post(url).form(&[("Data", data)])
    }
}

impl Calls for Bare {
    fn connect(address: &Address) -> Result<Self, Failure> {
        let http = bare_http::client(&address.api_key, &address.api_secret)?;
        Ok(Self {
            http,
            service: format!("{}/v1/Services/{}", address.url, address.service_sid),
        })
    }

    async fn get(&mut self, name: &str) -> Result<Entry, Failure> {
        let url = format!("{}/Documents/{name}", self.service);
        let document: Document<Entry> = read(self.http.get(url)).await?;
        Ok(document.data)
    }

    async fn update(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        let data = serde_json::to_string(data)?;
        let document: Document<Entry> =
            read(self.post(format!("{}/Documents/{name}", self.service), &data)).await?;
        Ok(document.data)
    }

    async fn set(&mut self, key: &str, data: &Entry) -> Result<Entry, Failure> {
        let data = serde_json::to_string(data)?;
        let item: MapItem<Entry> =
            read(self.post(format!("{}/Maps/map/Items/{key}", self.service), &data)).await?;
        Ok(item.data)
    }

    async fn add(&mut self, data: &Entry) -> Result<Entry, Failure> {
        let data = serde_json::to_string(data)?;
        let item: ListItem<Entry> =
            read(self.post(format!("{}/Lists/log/Items", self.service), &data)).await?;
        Ok(item.data)
    }

    async fn upsert(&mut self, name: &str, data: &Entry) -> Result<Entry, Failure> {
        let data = serde_json::to_string(data)?;
        let updated = self
            .post(format!("{}/Documents/{name}", self.service), &data)
            .send()
            .await?;
        let document: Document<Entry> = if updated.status() == 404 {
            let url = format!("{}/Documents", self.service);
            let form = [("UniqueName", name), ("Data", &data)];
            read(self.http.post(url).form(&form)).await?
        } else {
            updated.error_for_status()?.json().await?
        };
        Ok(document.data)
    }

    async fn remove(&mut self, list: &str) -> Result<u64, Failure> {
        let url = format!("{}/Lists/{list}/Items", self.service);
        let page: Page<Data> = read(self.http.get(format!("{url}?PageSize=100"))).await?;
        let mut removed = 0;
        for item in page.items {
            if is_call(&item.data)? {
                let request = self.http.delete(format!("{url}/{}", item.index));
                let request = request.header(header::IF_MATCH, item.revision.as_str());
                request.send().await?.error_for_status()?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn stream(&mut self, most: u64) -> Result<u64, Failure> {
        let first = format!("{}/Lists/long/Items?PageSize=100", self.service);
        let mut next = Some(first);
        let mut count = 0;
        while count < most
            && let Some(url) = next
        {
            let page: Page<Entry> = read(self.http.get(url)).await?;
            for item in &page.items {
                std::hint::black_box(&item.data);
                count += 1;
            }
            next = page.meta.next_page_url;
        }
        Ok(count)
    }
}
