//! Documents: one JSON value under a name.

use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Data;
use crate::api::types::{CreateDocumentRequest, UpdateDocumentRequest};
use crate::call::{Create, Update, UpdateOrCreate, Written};
use crate::error::Result;
use crate::facade::{checked, facade};
use crate::mutate::{Mutate, Verdict};
use crate::permissions::permissions;
use crate::record::record;
use crate::resource::{Draft, Locate, Resource};
use crate::revision::Revision;
use crate::settle::by_reading_back;
use crate::sids::DocumentSid;
use crate::transfer::Line;
use crate::upsert::Policy;

record! {
    /// A Document: one JSON value with a revision.
    Document {
        /// Its SID.
        sid: DocumentSid,
        /// Its unique name; `None` if it was created without one.
        unique_name: Option<String>,
    },
    page: DocumentPage,
    title: |document| match &document.unique_name {
        Some(name) => format!("document \"{name}\""),
        None => format!("document {}", document.sid),
    },
}

/// Whether a revision is the one that a single write leaves, after another or after nothing.
///
/// The service counts the writes of a Document's data, from 0, in hexadecimal digits.
fn is_next(revision: &Revision, after: Option<&Revision>) -> bool {
    let number = |revision: &Revision| u64::from_str_radix(revision.as_str(), 16).ok();
    let next = match after {
        Some(after) => number(after).and_then(|number| number.checked_add(1)),
        None => Some(0),
    };
    next.is_some() && number(revision) == next
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
        data: write.data.take(),
        ttl: write.ttl,
    }, data),
    fetch: fetch_document,
    update: update_document(if_match, |write| UpdateDocumentRequest {
        data: write.data.take(),
        ttl: write.ttl,
    }, data),
    delete: delete_document,
    list: list_document,
    raw: Document<Data>,
    settle: |address, write, begun| by_reading_back::<Document<Data>, _>(
        address,
        write, begun,
        is_next,
        |raw| raw.typed(&address.context),
    ),
}

checked!(Documents<T>, context);

permissions!(Documents<T>, "Document", DocumentSid);

impl<T> Documents<T>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Creates a Document under a unique name. Its data may have 16 KiB of JSON text.
    ///
    /// It fails with [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, name: impl Into<String>, data: &T) -> Create<Document<T>> {
        Create::new(self.by_name(name), Draft::of(&self.context, data))
    }

    /// Replaces the data of the Document with a unique name.
    ///
    /// It fails with [`is_not_found`](crate::Error::is_not_found) if there is none. Without
    /// [`if_match`](Update::if_match) it overwrites whatever others wrote.
    pub fn update(&self, name: impl Into<String>, data: &T) -> Update<Document<T>> {
        Update::new(self.by_name(name), Draft::of(&self.context, data))
    }

    /// Replaces the data of the Document with a SID, otherwise like [`update`](Self::update).
    pub fn update_by_id(&self, sid: &DocumentSid, data: &T) -> Update<Document<T>> {
        Update::new(self.by_id(sid), Draft::of(&self.context, data))
    }

    /// Replaces the data of the Document with a unique name, or creates the Document if there is
    /// none. The result says which. [`policy`](UpdateOrCreate::policy) can ask for something else.
    ///
    /// Cost: one request if it exists, two if not; more if others create and remove it meanwhile.
    pub fn update_or_create(
        &self,
        name: impl Into<String>,
        data: &T,
    ) -> UpdateOrCreate<Document<T>> {
        UpdateOrCreate::new(self.by_name(name), Draft::of(&self.context, data))
    }

    /// Merges a JSON Merge Patch (RFC 7396) into the data of the Document with a unique name, or
    /// creates the Document from it: members that are null are removed, objects are merged, all else
    /// is replaced.
    ///
    /// Cost: two requests in the quiet case, one if nothing changes.
    pub fn merge<P>(&self, name: impl Into<String>, patch: &P) -> UpdateOrCreate<Document<T>>
    where
        P: Serialize + ?Sized,
    {
        // The patch need not fit `T`, nor a contract; what comes of it must.
        let draft = Draft::of_patch(&self.context, patch);
        UpdateOrCreate::new(self.by_name(name), draft).policy(Policy::Merge)
    }

    /// Changes the data of the Document with a SID, otherwise like [`mutate`](Self::mutate).
    pub fn mutate_by_id<'a, F, V>(&self, sid: &DocumentSid, change: F) -> Mutate<'a, Document<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.by_id(sid), change)
    }

    /// The Document with a unique name as a line of JSON. One request.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Document.
    pub async fn export(&self, name: impl Into<String>) -> Result<Line> {
        let address = self.by_name(name).unchecked();
        let document = Document::<Data>::fetch(&address).await?;
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
        let Some(draft) = line.draft(Utc::now(), &self.context) else {
            return Ok(None);
        };
        UpdateOrCreate::new(self.by_name(name), draft)
            .await
            .map(Some)
    }

    /// Writes the data of the Document with a unique name to one of another name, which may be of
    /// another Service or account; `None` if it has expired. The time to live is carried over.
    ///
    /// Cost: two requests if the other exists, three if not.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Document.
    pub async fn copy_to(
        &self,
        name: impl Into<String>,
        target: &Self,
        target_name: impl Into<String>,
    ) -> Result<Option<Written<Document<T>>>> {
        let mut line = self.export(name).await?;
        line.unique_name = Some(target_name.into());
        target.import(&line).await
    }

    /// Changes the data of the Document with a unique name by a function of what is there, without
    /// undoing what others write at the same time.
    pub fn mutate<'a, F, V>(&self, name: impl Into<String>, change: F) -> Mutate<'a, Document<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.by_name(name), change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_count_writes() {
        let is_next = |revision, after: Option<&str>| {
            is_next(&Revision::new(revision), after.map(Revision::new).as_ref())
        };
        assert!(is_next("0", None) && is_next("10", Some("f")) && is_next("1", Some("0")));
        assert!(!is_next("1", None) && !is_next("11", Some("f")) && !is_next("f", Some("f")));
        assert!(!is_next("x", Some("f")) && !is_next("1", Some("x")));
    }
}
