//! Writes of unknown outcome that meet a conflict: with another writer, or with an earlier attempt of
//! their own.
//!
//! If a connection breaks and the retry of a write gets a conflict, the first attempt may be its cause.
//! Reading back decides.

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, Result};
use crate::resource::found;
use crate::resource::kind::Resource;
use crate::resource::record::Version;
use crate::resource::target::Target;
use crate::resource::write::Write;
use crate::value::{Revision, is_same_json};

/// How far the clocks of the service and of this machine may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Writes to what is at a target, and resolves a conflict of unknown outcome.
pub(super) async fn update_resolved<R: Resource>(target: &Target, write: &Write) -> Result<R> {
    let begun = Utc::now();
    match target.update(write).await {
        Err(error) if write.if_match.is_some() && is_unresolved(&error) => {
            // On the heap, as few calls come here; and so below.
            Box::pin(resolve(target, write, begun, error)).await
        }
        result => result,
    }
}

/// Creates what is to be at a target, and resolves a conflict of unknown outcome.
pub(super) async fn create_resolved<R: Resource>(target: &Target, write: &Write) -> Result<R> {
    let begun = Utc::now();
    match target.create(write).await {
        // Where the service gives the name there is nothing to read back.
        Err(error) if R::NAME.is_some() && is_unresolved(&error) => {
            Box::pin(resolve(target, write, begun, error)).await
        }
        result => result,
    }
}

/// Returns `true` if an error is a conflict that may be with the call's own write.
fn is_unresolved(error: &Error) -> bool {
    (error.is_revision_conflict() || error.is_already_exists()) && error.is_outcome_unknown()
}

/// Resolves a conflict by reading back: success if the write was the call's own, else the error, which
/// says whether the outcome is known now.
async fn resolve<R: Resource>(
    target: &Target,
    write: &Write,
    begun: DateTime<Utc>,
    error: Error,
) -> Result<R> {
    // What cannot be read back stays unknown; the first error says more than a second would.
    let Ok(Some(now)) = found(target.unchecked().record::<R::Raw>(R::FETCH).await) else {
        return Err(error);
    };
    let (Some(version), Some(written)) = (R::version(&now), &write.data) else {
        // Without data one's own write cannot be recognized.
        return Err(error);
    };
    match writer::<R>(&version, written, write.if_match.as_ref(), begun) {
        Writer::Own => R::typed(now, target.contract.as_deref(), true),
        Writer::Other => Err(error.without_effect()),
        Writer::Unknown => Err(error),
    }
}

/// The writer whose write a conflict is with.
#[derive(Debug, PartialEq, Eq)]
enum Writer {
    Own,
    Other,
    Unknown,
}

/// Compares the stored data with the data that was written. Two writers that write the same value at the
/// same revision cannot be distinguished.
fn writer<R: Resource>(
    now: &Version<'_>,
    written: &str,
    if_match: Option<&Revision>,
    begun: DateTime<Utc>,
) -> Writer {
    if is_same_json(now.data.as_str(), written) {
        // What a call creates is not older than the call, as far as the two clocks agree.
        let is_old = if_match.is_none() && now.date_created < begun - CLOCK_SKEW;
        return if is_old { Writer::Unknown } else { Writer::Own };
    }
    // If there was one write only, and it is not this one, this one did not take effect. If there
    // were more, this one may be among them. The revision of an item counts the writes of all items of
    // its List or Map, so it proves nothing here.
    if R::REVISION_COUNTS_WRITES && is_next(now.revision, if_match) {
        Writer::Other
    } else {
        Writer::Unknown
    }
}

/// Returns `true` if a revision is the one that a single write leaves, after another or after nothing.
fn is_next(revision: &Revision, after: Option<&Revision>) -> bool {
    let number = |revision: &Revision| u64::from_str_radix(revision.as_str(), 16).ok();
    let next = match after {
        Some(after) => number(after).and_then(|number| number.checked_add(1)),
        None => Some(0),
    };
    next.is_some() && number(revision) == next
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
