//! What each contender of this program can do.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twilio_sync::value::Data;

use crate::Failure;
use crate::server::Address;

/// The data of what is read and written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    pub(crate) text: String,
}

/// Whether an item is one of those to be removed: its data has the key `call` alone.
pub(crate) fn is_call(data: &Data) -> Result<bool, Failure> {
    let data: Value = data.decode()?;
    let members = data.as_object();
    Ok(members.is_some_and(|members| members.len() == 1 && members.contains_key("call")))
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
