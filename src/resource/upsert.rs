//! Writes to objects and items that may or may not exist, while others create and remove them.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::resource::call::{Outcome, Written};
use crate::resource::kind::Resource;
use crate::resource::mutate;
use crate::resource::record::Versioned;
use crate::resource::swap::{Known, Rounds, Step, Swapped, swap};
use crate::resource::target::Target;
use crate::resource::write::Write;
use crate::value::{InputError, MAX_DATA_SIZE, is_same_json};

/// The limit of a call that competes with others that create and remove the same object.
const ROUNDS: Rounds = Rounds::at_once(8);

/// Replaces the data of what is at a target, or creates it.
pub(super) async fn update_or_create<R: Resource>(
    target: &Target,
    write: &Write,
) -> Result<Written<R>> {
    let swapped = swap(target, write, ROUNDS, Known::Unread, |known| {
        Ok(match known {
            Known::Unread => Step::Overwrite,
            Known::Absent(_) => Step::Ensure,
            Known::Found(_) => Step::Keep,
        })
    });
    written(swapped.await?)
}

/// Finds what is at a target, or creates it.
pub(super) async fn ensure<R: Resource>(target: &Target, write: &Write) -> Result<Written<R>> {
    let swapped = swap(target, write, ROUNDS, Known::Unread, |known| {
        Ok(match known {
            Known::Unread => Step::Read,
            Known::Absent(_) => Step::Ensure,
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
    swap_json(target, write, |_| Ok(data.to_owned())).await
}

/// Merges a JSON Merge Patch into the data of what is at a target, or creates it.
pub(super) async fn merge<R: Versioned>(target: &Target, write: &Write) -> Result<Written<R>> {
    let patch = parsed(write.data.as_deref())?;
    let merge = |old: Option<&str>| {
        let mut merged = old.map_or(Ok(Value::Null), |old| parsed(Some(old)))?;
        merge_patch(&mut merged, &patch);
        target.encode("data", MAX_DATA_SIZE, &merged)
    };
    swap_json(target, write, merge).await
}

/// Writes what a function makes of the JSON text that is there, or of nothing, unless that is what is
/// there already.
async fn swap_json<R: Versioned>(
    target: &Target,
    write: &Write,
    make: impl Fn(Option<&str>) -> Result<String> + Send,
) -> Result<Written<R>> {
    // A time to live is written even if the data is what it was.
    let must_write = write.ttl.is_some() || write.collection_ttl.is_some();
    let decide = move |known: &mut Known<R::Untyped>| {
        Ok(match known {
            Known::Unread => Step::Read,
            Known::Absent(_) => Step::Create(make(None)?),
            Known::Found(raw) => {
                let old = raw.data().as_str();
                let new = make(Some(old))?;
                if must_write || !is_same_json(old, &new) {
                    Step::Replace(new, raw.revision().clone())
                } else {
                    Step::Keep
                }
            }
        })
    };
    let unchecked = target.unchecked();
    let swapped = swap(&unchecked, write, mutate::ROUNDS, Known::Unread, decide).await?;
    let raw = written(swapped)?;
    let is_write = raw.outcome != Outcome::Unchanged;
    let object = R::typed(raw.object, target.contract.as_deref(), is_write)?;
    Ok(Written::new(object, raw.outcome, raw.attempts))
}

/// The object after a loop that leaves one; or why there is none.
pub(super) fn written<R>(swapped: Swapped<R>) -> Result<Written<R>> {
    match swapped {
        Swapped::Present(object, outcome, attempts) => Ok(Written::new(object, outcome, attempts)),
        Swapped::Absent(error) => Err(error),
        Swapped::Removed => Err(Error::from(InputError::Request {
            reason: "the object was removed by this very call".to_owned(),
        })),
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
fn merge_patch(target: &mut Value, patch: &Value) {
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
                merge_patch(members.entry(name).or_insert(Value::Null), value);
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
            merge_patch(&mut merged, &patch);
            assert_eq!(merged, expected, "{target} with {patch}");
        }
    }
}
