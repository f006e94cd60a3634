//! What each contender of this program can do.

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::server::Address;

/// The data of what is read and written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    pub(crate) text: String,
}

/// One way to make the calls. A clone is for one task, which makes one call at a time.
pub(crate) trait Calls: Clone + Send + Sync + 'static {
    fn connect(address: &Address) -> Result<Self, Failure>;

    /// Reads a Document.
    fn get(&mut self, name: &str) -> impl Future<Output = Result<Entry, Failure>> + Send;

    /// Replaces the data of a Document.
    fn update(
        &mut self,
        name: &str,
        data: &Entry,
    ) -> impl Future<Output = Result<Entry, Failure>> + Send;

    /// Sets the item of a Map, which exists.
    fn set(
        &mut self,
        key: &str,
        data: &Entry,
    ) -> impl Future<Output = Result<Entry, Failure>> + Send;

    /// Adds an item to a List.
    fn add(&mut self, data: &Entry) -> impl Future<Output = Result<Entry, Failure>> + Send;

    /// Updates a Document, or creates it.
    fn upsert(
        &mut self,
        name: &str,
        data: &Entry,
    ) -> impl Future<Output = Result<Entry, Failure>> + Send;

    /// Removes the items of a List that have the key `call` alone: how many.
    fn remove(&mut self, list: &str) -> impl Future<Output = Result<u64, Failure>> + Send;

    /// Reads a List, up to so many items: how many.
    fn stream(&mut self, most: u64) -> impl Future<Output = Result<u64, Failure>> + Send;
}
