//! What a facade or handle works with: a client, and what it asks of data.

#[cfg(feature = "schema")]
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::Data;
use crate::client::SyncClient;
use crate::data::{self, MAX_DATA_SIZE};
use crate::error::{DataError, Result};
#[cfg(feature = "schema")]
use crate::schema::Contract;

/// A client with its Service, and the contract that data must keep, if there is one.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) sync: SyncClient,
    #[cfg(feature = "schema")]
    pub(crate) contract: Option<Arc<Contract>>,
}

impl Context {
    pub(crate) fn new(sync: SyncClient) -> Self {
        Self {
            sync,
            #[cfg(feature = "schema")]
            contract: None,
        }
    }

    /// The same without a contract, for data that is not looked at.
    pub(crate) fn unchecked(&self) -> Self {
        Self::new(self.sync.clone())
    }

    /// Encodes data to be written: at most `limit` bytes, and as the contract wants it.
    pub(crate) fn encode<T: Serialize + ?Sized>(
        &self,
        what: &'static str,
        limit: usize,
        value: &T,
    ) -> Result<String> {
        let text = data::encode(what, limit, value)?;
        self.check(what, &text)?;
        Ok(text)
    }

    /// Holds JSON text that is to be written to the same.
    pub(crate) fn check_json(&self, json: String) -> Result<String> {
        data::check_size("data", MAX_DATA_SIZE, &json)?;
        self.check("data", &json)?;
        Ok(json)
    }

    #[cfg_attr(
        not(feature = "schema"),
        allow(clippy::unused_self, clippy::unnecessary_wraps)
    )]
    fn check(&self, what: &str, json: &str) -> Result<()> {
        #[cfg(feature = "schema")]
        if let Some(contract) = &self.contract {
            contract.check(json, || format!("the {what} to be written"))?;
        }
        let _ = (what, json);
        Ok(())
    }

    /// Whether there is a contract.
    #[cfg_attr(not(feature = "schema"), allow(clippy::unused_self))]
    pub(crate) fn has_contract(&self) -> bool {
        #[cfg(feature = "schema")]
        return self.contract.is_some();
        #[cfg(not(feature = "schema"))]
        false
    }

    /// Decodes data that was read, if it is as the contract wants it.
    #[cfg_attr(not(feature = "schema"), allow(clippy::unused_self))]
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        data: &Data,
        title: impl Fn() -> String,
    ) -> Result<T> {
        #[cfg(feature = "schema")]
        if let Some(contract) = &self.contract {
            contract.check(data.as_str(), &title)?;
        }
        DataError::decode(data, title)
    }
}
