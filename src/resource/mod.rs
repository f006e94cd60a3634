//! The engine that all kinds of objects and items share: how one is found, read, written and listed. No
//! kind is named here.

pub(crate) mod bulk;
pub(crate) mod call;
pub(crate) mod contract;
pub(crate) mod key;
pub(crate) mod kind;
pub(crate) mod listing;
pub(crate) mod mutate;
pub(crate) mod outcome;
pub(crate) mod record;
pub(crate) mod swap;
pub(crate) mod target;
pub(crate) mod upsert;
pub(crate) mod write;

use crate::error::Result;

/// `Ok(None)` for the failure of a call because there is nothing.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
