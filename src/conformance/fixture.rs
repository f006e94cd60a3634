//! The objects of a rule: under names of its own, and removed at its end.

use std::sync::{Mutex, PoisonError};

use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::api::{Call, Operation};
use crate::client::SyncClient;
use crate::documents::Document;
use crate::error::Result;
use crate::lists::{List, ListItems};
use crate::maps::{Map, MapItems};
use crate::resource::kind::Kind;
use crate::resource::listing::Listing;
use crate::resource::record::Record;
use crate::services::CreateService;
use crate::streams::MessageStream;
use crate::value::Data;

/// The operations of a kind of object, and the prefix of its SIDs.
pub(super) struct ObjectKind {
    pub(super) prefix: &'static str,
    pub(super) list: Operation,
    pub(super) create: Operation,
    pub(super) fetch: Operation,
    pub(super) delete: Operation,
}

impl ObjectKind {
    const fn of<K: Kind>(prefix: &'static str) -> Self {
        Self {
            prefix,
            list: K::LIST,
            create: K::CREATE,
            fetch: K::FETCH,
            delete: K::DELETE,
        }
    }
}

/// All kinds of objects.
pub(super) const KINDS: [ObjectKind; 4] = [
    ObjectKind::of::<Document<Data>>("ET"),
    ObjectKind::of::<List>("ES"),
    ObjectKind::of::<Map>("MP"),
    ObjectKind::of::<MessageStream>("TO"),
];

/// A client, and the objects that a rule creates with it.
pub(super) struct Fixture<'a> {
    pub(super) sync: &'a SyncClient,
    prefix: String,
    /// The removal of each object: the operation, and the names in its path after the Service.
    removals: Mutex<Vec<(Operation, String)>>,
}

impl<'a> Fixture<'a> {
    pub(super) fn new(sync: &'a SyncClient) -> Self {
        Self {
            sync,
            prefix: format!("conformance-{:016x}", fastrand::u64(..)),
            removals: Mutex::default(),
        }
    }

    /// A name that nobody else uses. Nothing is removed.
    pub(super) fn name(&self, label: &str) -> String {
        format!("{}-{label}", self.prefix)
    }

    /// Has an object removed at the end, by its unique name or SID.
    pub(super) fn remove_at_end(&self, delete: Operation, reference: impl Into<String>) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        removals.push((delete, reference.into()));
    }

    fn name_to_remove(&self, delete: Operation, label: &str) -> String {
        let name = self.name(label);
        self.remove_at_end(delete, &name);
        name
    }

    /// A unique name for a Document, which is removed at the end.
    pub(super) fn document(&self, label: &str) -> String {
        self.name_to_remove(Operation::DeleteDocument, label)
    }

    /// A unique name for a List, which is removed at the end.
    pub(super) fn list(&self, label: &str) -> String {
        self.name_to_remove(Operation::DeleteSyncList, label)
    }

    /// A unique name for a Map, which is removed at the end.
    pub(super) fn map(&self, label: &str) -> String {
        self.name_to_remove(Operation::DeleteSyncMap, label)
    }

    /// A unique name for a Message Stream, which is removed at the end.
    pub(super) fn stream(&self, label: &str) -> String {
        self.name_to_remove(Operation::DeleteSyncStream, label)
    }

    /// A unique name for an object of a kind, which is removed at the end.
    pub(super) fn object(&self, kind: &ObjectKind, label: &str) -> String {
        self.name_to_remove(kind.delete, label)
    }

    /// A new Document with this data; its unique name.
    pub(super) async fn new_document(&self, data: &Value) -> Result<String> {
        let name = self.document("document");
        self.sync.documents().create(&name, data).await?;
        Ok(name)
    }

    /// A new List with this number of items, whose data is `{"n": 0}`, `{"n": 1}` and so on; its unique
    /// name and its items.
    pub(super) async fn new_list(&self, items: usize) -> Result<(String, ListItems<Value>)> {
        let name = self.list("list");
        self.sync.lists().create(&name).await?;
        let list = self.sync.list(&name);
        for n in 0..items {
            list.add(&json!({"n": n})).await?;
        }
        Ok((name, list))
    }

    /// A new Map with these keys, whose data is `{"key": KEY}`; its unique name and its items.
    pub(super) async fn new_map(&self, keys: &[&str]) -> Result<(String, MapItems<Value>)> {
        let name = self.map("map");
        self.sync.maps().create(&name).await?;
        let map = self.sync.map(&name);
        for key in keys {
            map.create(*key, &json!({"key": key})).await?;
        }
        Ok((name, map))
    }

    /// A client of a new Service with these settings, which is removed at the end.
    pub(super) async fn own_service(
        &self,
        settings: impl FnOnce(CreateService) -> CreateService,
    ) -> Result<SyncClient> {
        let create = self.sync.services().create(self.name("service"));
        let service = settings(create).await?;
        self.remove_at_end(Operation::DeleteService, service.sid.as_str());
        self.sync.with_service(service.sid.as_str())
    }

    /// A call of an operation with the names in its path after the Service. Nothing is checked before
    /// it is sent.
    pub(super) fn call(&self, operation: Operation, names: &[&str]) -> Call<Option<Data>> {
        let in_service = operation.path().contains("{ServiceSid}");
        let service = in_service.then(|| self.sync.service().as_str());
        let names = service.into_iter().chain(names.iter().copied());
        self.sync.api().operation(operation, names)
    }

    /// The call that creates an object of a kind under a unique name.
    pub(super) fn create(&self, kind: &ObjectKind, name: &str) -> Call<Option<Data>> {
        let call = self.call(kind.create, &[]);
        call.with_form(&[("UniqueName", name)])
    }

    /// The JSON body of the response to a call.
    pub(super) async fn body(&self, call: Call<Option<Data>>) -> Result<Value, Failure> {
        let body = call.await?;
        let decoded = body.as_ref().and_then(|body| body.decode().ok());
        decoded.ok_or_else(|| Failure::new("the body of a response", "JSON", format!("{body:?}")))
    }

    /// Removes the objects of the rule, and passes on its result. An object that is not there is no
    /// failure.
    pub(super) async fn remove_objects(
        self,
        mut result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let removals =
            std::mem::take(&mut *self.removals.lock().unwrap_or_else(PoisonError::into_inner));
        for (delete, reference) in removals {
            match self.call(delete, &[&reference]).await {
                Err(error) if !error.is_not_found() => result = result.and(Err(error.into())),
                _ => {}
            }
        }
        result
    }
}

/// All records of a listing, each read by a function.
pub(super) async fn collect<R: Record, T>(
    listing: Listing<R>,
    read: impl Fn(R) -> T,
) -> Result<Vec<T>> {
    listing.map_ok(read).try_collect().await
}
