//! Export, import and copies of Documents.

use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Line;
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
    /// A Document as a line of JSON. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Document.
    pub async fn export(&self, key: impl IntoKey<Document<T>>) -> Result<Line> {
        let target = self.target.object(key).unchecked();
        let document: Document<Data> = target.fetch().await?;
        Ok(Line {
            unique_name: document.unique_name,
            ..Line::of_item(None, None, document.data, document.date_expires)
        })
    }

    /// Writes the Document of an export, under its own unique name; `None` if it has expired.
    ///
    /// Cost: one request if it exists, two if not.
    ///
    /// # Errors
    ///
    /// [`Error::Line`](crate::Error::Line) if it is not the line of a Document.
    pub async fn import(&self, line: &Line) -> Result<Option<Written<Document<T>>>> {
        let Some(name) = &line.unique_name else {
            return Err(line.lacks("unique_name"));
        };
        let Some(draft) = line.draft(Utc::now(), &self.target) else {
            return Ok(None);
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
        let mut line = self.export(key).await?;
        line.unique_name = Some(target_name.into());
        target.import(&line).await
    }
}
