//! Writes to objects and items that may or may not exist, while others create and remove them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::resource::bulk::Job;
use crate::resource::call::{Outcome, Written};
use crate::resource::kind::Resource;
use crate::resource::record::Versioned;
use crate::resource::swap::{Known, Rounds, Step, Swapped, swap};
use crate::resource::target::Target;
use crate::resource::write::{Draft, Write};
use crate::value::{InputError, is_same_json, merge_patch};

/// The limit of a call that competes with others that create and remove the same object.
const ROUNDS: Rounds = Rounds::at_once(8);

/// Replaces the data of what is at a target, or creates it. If it is likely new, the first step creates it:
/// one request where there is nothing.
pub(super) async fn update_or_create<R: Resource>(
    target: &Target,
    write: &Write,
    is_likely_new: bool,
) -> Result<Written<R>> {
    let mut create_first = is_likely_new;
    let swapped = swap(target, write, ROUNDS, Known::Unread, |known| {
        let create_first = std::mem::take(&mut create_first);
        Ok(match known {
            Known::Unread if !create_first => Step::Overwrite,
            Known::Unread | Known::Absent(_) => Step::Create(None),
            Known::Found(_) => Step::Keep,
        })
    });
    written(swapped.await?)
}

/// Many writes that replace or create. Each first tries what the one before did, and the first is made alone:
/// of many new ones, all but the first take one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upserts {
    are_new: Arc<AtomicBool>,
    /// `true` once a write has ended. The others wait for the lock until then.
    is_known: Arc<Mutex<bool>>,
}

impl Upserts {
    pub(crate) fn job<R: Resource>(&self, mut target: Target, mut draft: Draft) -> Job<Written<R>> {
        let Self { are_new, is_known } = self.clone();
        Box::new(move |given| {
            target.options = given.options.clone();
            if let Some(ttl) = given.ttl {
                draft.ttl(ttl);
            }
            Box::pin(async move {
                let write = draft.finish()?;
                let first = Some(is_known.lock().await).filter(|is_known| !**is_known);
                let is_likely_new = are_new.load(Ordering::Relaxed);
                let written: Result<Written<R>> =
                    update_or_create(&target, &write, is_likely_new).await;
                if let Ok(written) = &written {
                    are_new.store(written.is_created(), Ordering::Relaxed);
                }
                if let Some(mut is_known) = first {
                    *is_known = true;
                }
                written
            })
        })
    }
}

/// Finds what is at a target, or creates it.
pub(super) async fn ensure<R: Resource>(target: &Target, write: &Write) -> Result<Written<R>> {
    let swapped = swap(target, write, ROUNDS, Known::Unread, |known| {
        Ok(match known {
            Known::Unread => Step::Read,
            Known::Absent(_) => Step::Create(None),
            Known::Found(_) => Step::Keep,
        })
    });
    written(swapped.await?)
}

/// Replaces the data of what is at a target unless it is equal as JSON, or creates it.
pub(super) async fn unless_equal<R: Versioned>(
    target: &Target,
    write: &Write,
) -> Result<Written<R>> {
    let data = write.data.as_deref().unwrap_or_default();
    put(target, write, |_| Ok(data.to_owned())).await
}

/// Merges a JSON Merge Patch into the data of what is at a target, or creates it.
pub(super) async fn merge<R: Versioned>(target: &Target, write: &Write) -> Result<Written<R>> {
    let patch = write.data.as_deref().unwrap_or("null");
    put(target, write, |stored| {
        target.checked(merge_patch(stored, patch))
    })
    .await
}

/// Writes the text that a function makes of the stored one, or of nothing, unless the two are equal as
/// JSON.
async fn put<R: Versioned>(
    target: &Target,
    write: &Write,
    make: impl Fn(Option<&str>) -> Result<String> + Send,
) -> Result<Written<R>> {
    // A time to live is written even if the data does not change.
    let must_write = write.ttl.is_some() || write.collection_ttl.is_some();
    let make = move |stored: Option<&R::Untyped>| {
        let stored = stored.map(|stored| stored.data().as_str());
        let new = make(stored)?;
        let is_change = stored.is_none_or(|stored| must_write || !is_same_json(stored, &new));
        Ok(is_change.then_some(new))
    };
    rewrite(target, write, Rounds::CONTENDED, make).await
}

/// Writes the text that a function makes of the stored object, or of nothing; nothing if it makes none.
pub(super) async fn rewrite<R: Versioned>(
    target: &Target,
    write: &Write,
    rounds: Rounds,
    mut make: impl FnMut(Option<&R::Untyped>) -> Result<Option<String>> + Send,
) -> Result<Written<R>> {
    let decide = |known: &Known<R::Untyped>| {
        Ok(match known {
            Known::Unread => Step::Read,
            Known::Absent(_) => make(None)?.map_or(Step::Keep, |new| Step::Create(Some(new))),
            Known::Found(stored) => make(Some(stored))?.map_or(Step::Keep, |new| {
                Step::Replace(new, stored.revision().clone())
            }),
        })
    };
    let swapped = swap(&target.unchecked(), write, rounds, Known::Unread, decide).await?;
    let raw = written(swapped)?;
    let is_write = raw.outcome != Outcome::Unchanged;
    let object = R::typed(raw.object, target.contract.as_deref(), is_write)?;
    Ok(Written::new(object, raw.outcome, raw.attempts))
}

/// The object after a loop that leaves one; or why there is none.
fn written<R>(swapped: Swapped<R>) -> Result<Written<R>> {
    match swapped {
        Swapped::Present(object, outcome, attempts) => Ok(Written::new(object, outcome, attempts)),
        Swapped::Absent(error) => Err(error),
        Swapped::Removed => Err(Error::from(InputError::Request {
            reason: "the object was removed by this very call".to_owned(),
        })),
    }
}
