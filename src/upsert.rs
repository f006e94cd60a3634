//! Writing to what may or may not exist, while others create and remove it.

use serde_json::Value;
use tokio::time::Instant;

use crate::call::{Outcome, Written};
use crate::data::MAX_DATA_SIZE;
use crate::error::{ContentionError, Error, InputError, Result};
use crate::mutate::swap_json;
use crate::resource::{Locate, Named, Versioned, Write, found};
use crate::revision::Revision;
use crate::settle::{create_settled, update_settled};

/// What a write does with what is there, and if there is nothing.
///
/// | policy | there is one | there is none | requests in the quiet case |
/// | --- | --- | --- | --- |
/// | `Replace` | replaced | created | 1, or 2 to create |
/// | `CreateOnly` | fails, [`is_already_exists`] | created | 1 |
/// | `UpdateOnly` | replaced | fails, [`is_not_found`] | 1 |
/// | `UpdateIf` | replaced at that revision, else fails, [`is_revision_conflict`] | fails, [`is_not_found`] | 1 |
/// | `Merge` | merged | created | 2, or 1 if nothing changes |
/// | `SkipIfEqual` | replaced unless equal | created | 2, or 1 if it is equal |
///
/// Where others create and remove the object at the same time, `Replace`, `Merge` and `SkipIfEqual`
/// follow them, within bounds.
///
/// [`is_already_exists`]: crate::Error::is_already_exists
/// [`is_not_found`]: crate::Error::is_not_found
/// [`is_revision_conflict`]: crate::Error::is_revision_conflict
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// The data replaces whatever is there.
    #[default]
    Replace,
    /// There must be nothing.
    CreateOnly,
    /// There must be something.
    UpdateOnly,
    /// There must be something at this revision.
    UpdateIf(Revision),
    /// The data is a JSON Merge Patch (RFC 7396) of what is there: members that are null are removed,
    /// objects are merged, everything else is replaced. Numbers that fit neither 64 bits nor a double
    /// are rounded, also where the patch does not touch them.
    Merge,
    /// Nothing is written if what is there is equal as JSON.
    SkipIfEqual,
}

/// A resource that a [`Policy`] can be applied to. Implemented by this crate only.
pub trait Writable: Versioned<Raw: Named> + Named {}

impl<R: Versioned<Raw: Named> + Named> Writable for R {}

/// Writes by a policy.
pub(crate) async fn write<R: Writable>(
    policy: &Policy,
    address: &R::Address,
    write: &mut Write,
) -> Result<Written<R>> {
    if write.is_patch && *policy != Policy::Merge {
        // Then it is data like any other.
        write.data = write
            .data
            .take()
            .map(|json| address.context().check_json(json))
            .transpose()?;
    }
    match policy {
        Policy::Replace => find_or_create(address, write, Outcome::Updated).await,
        Policy::CreateOnly => {
            let object = Box::pin(create_settled(address, write)).await?;
            Ok(Written::new(object, Outcome::Created, 1))
        }
        Policy::UpdateOnly => {
            let object = R::update(address, write).await?;
            Ok(Written::new(object, Outcome::Updated, 1))
        }
        Policy::UpdateIf(revision) => {
            write.if_match = Some(revision.clone());
            let object = Box::pin(update_settled(address, write)).await?;
            Ok(Written::new(object, Outcome::Updated, 1))
        }
        Policy::Merge => {
            let patch = parsed(write.data.as_deref())?;
            let merge = |old: Option<&str>| {
                let mut merged = match old {
                    Some(old) => parsed(Some(old))?,
                    None => Value::Null,
                };
                merge(&mut merged, &patch);
                address.context().encode("data", MAX_DATA_SIZE, &merged)
            };
            // On the heap, both here and below: the usual policy needs much less room.
            Box::pin(swap_json(address, write, merge)).await
        }
        Policy::SkipIfEqual => {
            let data = write.data.clone().unwrap_or_default();
            Box::pin(swap_json(address, write, |_| Ok(data.clone()))).await
        }
    }
}

/// Finds an object, or creates it.
pub(crate) async fn ensure<R: Named>(
    address: &R::Address,
    write: &mut Write,
) -> Result<Written<R>> {
    find_or_create(address, write, Outcome::Unchanged).await
}

/// How often a call follows others that create and remove the same object at the same time.
const ROUNDS: u32 = 8;

/// Finds an object, to leave it or to update it, or creates it, however others create and remove it
/// meanwhile, within bounds.
async fn find_or_create<R: Named>(
    address: &R::Address,
    write: &mut Write,
    outcome: Outcome,
) -> Result<Written<R>> {
    let begun = Instant::now();
    let mut round = 1;
    loop {
        let result = match outcome {
            Outcome::Updated => R::update(address, write).await,
            _ => R::fetch(address).await,
        };
        if let Some(object) = found(result)? {
            return Ok(Written::new(object, outcome, round));
        }
        // On the heap: it is the rarer way.
        match Box::pin(create_settled(address, write)).await {
            Ok(object) => return Ok(Written::new(object, Outcome::Created, round)),
            // Whoever it was that created it, the next round finds it.
            Err(error) if error.is_already_exists() && round < ROUNDS => round += 1,
            Err(source) if source.is_already_exists() => {
                return Err(Error::Contention(Box::new(ContentionError {
                    object: address.describe(),
                    attempts: round,
                    elapsed: begun.elapsed(),
                    revision: None,
                    source,
                })));
            }
            Err(error) => return Err(error),
        }
    }
}

fn parsed(json: Option<&str>) -> Result<Value> {
    serde_json::from_str(json.unwrap_or("null")).map_err(|error| {
        InputError::Encode {
            what: "data",
            reason: error.to_string(),
        }
        .into()
    })
}

/// Applies a JSON Merge Patch, by the rules of RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(members) = target {
        for (name, value) in patch {
            if value.is_null() {
                members.remove(name);
            } else {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of the RFC's appendix, in values of our own where they are long.
    #[test]
    fn merge_patches() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} with {patch}");
        }
    }
}
