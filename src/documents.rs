//! Documents: one JSON value under a name.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::types::{self, CreateDocumentRequest, UpdateDocumentRequest};
use crate::error::{DataError, Result};
use crate::facade::facade;
use crate::mutate::{Mutate, Versioned};
use crate::resource::{Create, Draft, Update, UpdateOrCreate};
use crate::revision::Revision;
use crate::sids::{AccountSid, DocumentSid, ServiceSid};

/// A Document: one JSON value with a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document<T> {
    /// Its SID.
    pub sid: DocumentSid,
    /// Its unique name; `None` if it was created without one.
    pub unique_name: Option<String>,
    /// The value.
    pub data: T,
    /// The version, which changes with every write of the data.
    pub revision: Revision,
    /// When it expires; `None` for never.
    pub date_expires: Option<DateTime<Utc>>,
    /// When it was created.
    pub date_created: DateTime<Utc>,
    /// When it was last changed.
    pub date_updated: DateTime<Utc>,
    /// The identity of the creator; `system` for the REST API.
    pub created_by: String,
    /// The account it belongs to.
    pub account_sid: AccountSid,
    /// The Service it belongs to.
    pub service_sid: ServiceSid,
}

impl<T: DeserializeOwned> Document<T> {
    fn read(raw: types::Document) -> Result<Self> {
        let data = DataError::decode(&raw.data, || title(raw.unique_name.as_deref(), &raw.sid))?;
        Ok(Self {
            sid: raw.sid,
            unique_name: raw.unique_name,
            data,
            revision: raw.revision,
            date_expires: raw.date_expires,
            date_created: raw.date_created,
            date_updated: raw.date_updated,
            created_by: raw.created_by,
            account_sid: raw.account_sid,
            service_sid: raw.service_sid,
        })
    }
}

fn title(unique_name: Option<&str>, sid: &DocumentSid) -> String {
    match unique_name {
        Some(name) => format!("document \"{name}\""),
        None => format!("document {sid}"),
    }
}

facade! {
    /// The Documents of a Service, holding values of type `T`; `serde_json::Value` for any.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Operator {
    ///     name: String,
    ///     busy: bool,
    /// }
    ///
    /// let desks = sync.documents::<Operator>();
    /// let alice = Operator { name: "Alice".to_owned(), busy: false };
    /// let document = desks.create("desk-7", &alice).await?;
    /// assert_eq!(desks.search("desk-7").await?, Some(document.sid));
    ///
    /// desks.mutate("desk-7", |operator| operator.busy = true).await?;
    /// assert!(desks.get("desk-7").await?.data.busy);
    ///
    /// desks.remove("desk-7").await?;
    /// assert_eq!(desks.search("desk-7").await?, None);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    Documents<T>, "Document", Document<T>, DocumentSid,
    create: create_document(|write, name| CreateDocumentRequest {
        unique_name: Some(name),
        data: write.data,
        ttl: write.ttl,
    }),
    fetch: fetch_document,
    update: update_document(if_match, |write| UpdateDocumentRequest {
        data: write.data,
        ttl: write.ttl,
    }),
    delete: delete_document,
    list: list_document.documents,
    read: Document::read,
}

impl<T> Documents<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Creates a Document under a unique name. Its data may have 16 KiB of JSON text.
    ///
    /// It fails with [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, name: impl Into<String>, data: &T) -> Create<Document<T>> {
        Create::new(self.by_name(name), Draft::of(data))
    }

    /// Replaces the data of the Document with a unique name.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, name: impl Into<String>, data: &T) -> Update<Document<T>> {
        Update::new(self.by_name(name), Draft::of(data))
    }

    /// Replaces the data of the Document with a SID, otherwise like [`update`](Self::update).
    pub fn update_by_id(&self, sid: &DocumentSid, data: &T) -> Update<Document<T>> {
        Update::new(self.by_id(sid), Draft::of(data))
    }

    /// Replaces the data of the Document with a unique name, or creates the Document if there is
    /// none. The result says which.
    ///
    /// Cost: one request if it exists, two if not; more if others create and remove it meanwhile.
    pub fn update_or_create(
        &self,
        name: impl Into<String>,
        data: &T,
    ) -> UpdateOrCreate<Document<T>> {
        UpdateOrCreate::new(self.by_name(name), Draft::of(data))
    }

    /// Changes the data of the Document with a unique name by a function of what is there, without
    /// undoing what others write at the same time.
    pub fn mutate<F>(&self, name: impl Into<String>, change: F) -> Mutate<Document<T>, F>
    where
        F: FnMut(&mut T) + Send + 'static,
    {
        Mutate::new(self.by_name(name), change)
    }
}

impl<T> Versioned for Document<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    type Data = T;

    fn revision(&self) -> &Revision {
        &self.revision
    }

    fn data_mut(&mut self) -> &mut T {
        &mut self.data
    }

    fn title(&self) -> String {
        title(self.unique_name.as_deref(), &self.sid)
    }
}
