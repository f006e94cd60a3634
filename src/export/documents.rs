//! Export, import and copies of Documents.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stored::Stored;
use super::{Entry, Kind, LineError};
use crate::documents::Document;
use crate::error::Result;
use crate::objects::Objects;
use crate::resource::call::{UpdateOrCreate, Written};
use crate::resource::key::IntoKey;
use crate::value::Data;

impl<T> Objects<Document<T>>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Exports a Document as an entry. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Document.
    pub async fn export(&self, key: impl IntoKey<Document<T>>) -> Result<Entry> {
        let target = self.target.object(key).unchecked();
        let document: Document<Data> = target.fetch().await?;
        Ok(Stored::document(document).entry)
    }

    /// Writes the Document of an export, under its own unique name; `None` if it has expired.
    ///
    /// Cost: one request if it exists, two if not.
    ///
    /// # Errors
    ///
    /// [`Error::Line`](crate::Error::Line) if it is not the entry of a Document with a unique name.
    pub async fn import(&self, entry: &Entry) -> Result<Option<Written<Document<T>>>> {
        let Some(draft) = entry.draft(Kind::Document, &self.target)? else {
            return Ok(None);
        };
        let Some(name) = &entry.unique_name else {
            return Err(LineError::invalid("it has no `unique_name`").into());
        };
        let target = self.target.object::<Document<T>>(name);
        UpdateOrCreate::new(target, draft).await.map(Some)
    }

    /// Writes the data of a Document to one of another name, which may be of another Service or
    /// account; `None` if it has expired. The time to live is carried over.
    ///
    /// Cost: two requests if the other exists, three if not.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Document.
    pub async fn copy_to(
        &self,
        key: impl IntoKey<Document<T>>,
        target: &Self,
        target_name: impl Into<String>,
    ) -> Result<Option<Written<Document<T>>>> {
        let mut entry = self.export(key).await?;
        entry.unique_name = Some(target_name.into());
        target.import(&entry).await
    }
}
