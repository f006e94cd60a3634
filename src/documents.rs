//! Documents: one JSON object under a name.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::SyncClient;
use crate::objects::Objects;
use crate::resource::call::{Create, Merge, Update, UpdateOrCreate};
use crate::resource::contract::checked;
use crate::resource::key::IntoKey;
use crate::resource::kind::{Named, kind, resource};
use crate::resource::mutate::{Mutate, Verdict};
use crate::resource::record::{data_record, record};
use crate::resource::write::Draft;
use crate::value::DocumentSid;

record! {
    /// A Document: one JSON object with a revision.
    Document<T> {
        /// Its SID.
        sid: DocumentSid,
        /// Its unique name; `None` if it was created without one.
        unique_name: Option<String>,
    }
}

data_record!(
    Document { sid, unique_name } of sid,
    |document| match &document.unique_name {
        Some(name) => format!("document \"{name}\""),
        None => format!("document {}", document.sid),
    }
);

resource! {
    Document<T>, ListDocument in "documents",
    CreateDocument(Some("UniqueName")), FetchDocument, UpdateDocument("Ttl"), DeleteDocument,
    const REVISION_COUNTS_WRITES: bool = true;
}

kind!(Document<T>, DocumentSid);

impl<T: DeserializeOwned + Send + 'static> Named for Document<T> {}

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
pub type Documents<T> = Objects<Document<T>>;

impl SyncClient {
    /// The Documents of the Service, holding values of type `T`.
    #[must_use]
    pub fn documents<T>(&self) -> Documents<T> {
        Documents::new(self.clone())
    }
}

checked!(Objects<Document<T>>);

impl<T> Objects<Document<T>>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    /// Creates a Document under a unique name. Its data may have 16 KiB of JSON text.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](crate::Error::is_already_exists) if there is one.
    pub fn create(&self, name: impl Into<String>, data: &T) -> Create<Document<T>> {
        let target = self.target.object::<Document<T>>(name.into());
        Create::new(target, Draft::of(&self.target, data))
    }

    /// Replaces the data of a Document.
    ///
    /// Without [`if_match`](Update::if_match) it overwrites whatever others wrote.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is none.
    pub fn update(&self, key: impl IntoKey<Document<T>>, data: &T) -> Update<Document<T>> {
        Update::new(self.target.object(key), Draft::of(&self.target, data))
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
        let target = self.target.object::<Document<T>>(name.into());
        UpdateOrCreate::new(target, Draft::of(&self.target, data))
    }

    /// Merges a JSON Merge Patch (RFC 7396) into the data of the Document with a unique name, or
    /// creates the Document from it: members that are null are removed, objects are merged, all else
    /// is replaced. The patch leaves all other members as they are.
    ///
    /// Cost: two requests in the quiet case, one if nothing changes.
    pub fn merge<P>(&self, name: impl Into<String>, patch: &P) -> Merge<Document<T>>
    where
        P: Serialize + ?Sized,
    {
        let target = self.target.object::<Document<T>>(name.into());
        // The patch need not fit `T`, nor a contract; the result of it must.
        let draft = Draft::of(&target.unchecked(), patch);
        Merge::new(target, draft)
    }

    /// Changes the data of a Document by a function of what is there, without undoing what others write
    /// at the same time.
    pub fn mutate<'a, F, V>(
        &self,
        key: impl IntoKey<Document<T>>,
        change: F,
    ) -> Mutate<'a, Document<T>, F>
    where
        F: FnMut(&mut T) -> V + Send + 'a,
        V: Verdict,
    {
        Mutate::new(self.target.object(key), change)
    }
}
