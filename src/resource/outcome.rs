//! Writes whose outcome is unknown, since an attempt may have taken effect although it failed.
//!
//! A write is retried only where a second attempt cannot do it twice, or where its caller allows that
//! ([`at_least_once`](crate::api::Call::at_least_once)). Otherwise the call reads back, and proof decides:
//! the SID of an object, its revision, and its dates against the service's own clock. Equal content is no
//! proof, for another may have written the same. Without proof the outcome stays unknown.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::error::{ConnectionFailure, Error, Present, ReadBack, Result, WriteOutcome};
use crate::resource::kind::Resource;
use crate::resource::record::Version;
use crate::resource::target::Target;
use crate::resource::write::Write;
use crate::value::{Revision, is_same_json};

/// How often a call that proved that nothing was written starts again.
const ROUNDS: u32 = 8;

/// The precision of the dates of the service.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// How far the clocks of the machines of the service may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(1);

/// Creates an object or item.
pub(super) async fn create<R: Resource>(target: &Target, write: &Write) -> Result<R> {
    let began = Instant::now();
    let mut round = 1;
    loop {
        let error = match target.create(write).await {
            // Where the service gives the name there is nothing to read back.
            Err(error) if is_unknown(&error) && R::NAME.is_some() && target.is_named() => error,
            result => return result,
        };
        let evidence = Box::pin(Evidence::<R>::read(target, began)).await;
        let was_taken = evidence.date_created() == When::Before && !error.is_in_flight();
        if was_taken && !error.is_already_exists() && round < ROUNDS {
            // No attempt can have created anything. The next one gets the service's own error.
            round += 1;
        } else if was_taken {
            return Err(error.with_outcome(WriteOutcome::NotDone));
        } else {
            return evidence.end(target, write, error);
        }
    }
}

/// Writes to an object or item.
pub(super) async fn update<R: Resource>(target: &Target, write: &Write) -> Result<R> {
    let began = Instant::now();
    match target.update(write).await {
        // On the heap, as few calls come here; and so below.
        Err(error) if is_unknown(&error) => {
            Box::pin(resolve_update(target, write, began, error)).await
        }
        result => result,
    }
}

async fn resolve_update<R: Resource>(
    target: &Target,
    write: &Write,
    began: Instant,
    error: Error,
) -> Result<R> {
    let place = target.of_revision(write.if_match.as_ref());
    let evidence = Evidence::<R>::read(&place, began).await;
    match &write.if_match {
        Some(expected) if evidence.excludes(write, expected, &error) => {
            Err(error.with_outcome(WriteOutcome::NotDone))
        }
        None if evidence.date_updated() == When::Before
            && write.data.is_some()
            && !error.is_in_flight() =>
        {
            overwrite(target, write, evidence, error).await
        }
        _ => evidence.end(target, write, error),
    }
}

/// Replaces what was read after an update that took no effect, and what others write meanwhile. From here
/// on each write asks for the revision that was read, so that an attempt has no effect after another one.
async fn overwrite<R: Resource>(
    target: &Target,
    write: &Write,
    mut evidence: Evidence<R>,
    mut error: Error,
) -> Result<R> {
    for _ in 0..ROUNDS {
        let Some(revision) = evidence.revision() else {
            break;
        };
        let conditional = Write {
            if_match: Some(revision),
            ..write.clone()
        };
        error = match Box::pin(update::<R>(target, &conditional)).await {
            Err(error) if is_lost_race(&error) => error,
            result => return result,
        };
        evidence = Evidence::read(target, Instant::now()).await;
        if let Found::Absent(absent) = evidence.found {
            return Err(absent);
        }
    }
    Err(error.with_outcome(WriteOutcome::NotDone))
}

/// The effect of a removal that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removal {
    /// This call removed it.
    Done,
    /// It does not exist any more, and another call may have removed it.
    Gone,
}

/// Removes an object or item, if it still has a revision that is given.
pub(crate) async fn remove<R: Resource>(
    target: &Target,
    if_match: Option<&Revision>,
) -> Result<Removal> {
    let began = Instant::now();
    match target.delete::<R>(if_match).await {
        Ok(()) => Ok(Removal::Done),
        // An attempt before removed it, or another did.
        Err(error) if error.is_not_found() && error.is_outcome_unknown() => Ok(Removal::Gone),
        Err(error) if is_unknown(&error) => {
            Box::pin(resolve_removal::<R>(target, if_match, began, error)).await
        }
        Err(error) => Err(error),
    }
}

async fn resolve_removal<R: Resource>(
    target: &Target,
    if_match: Option<&Revision>,
    began: Instant,
    error: Error,
) -> Result<Removal> {
    let place = target.of_revision(if_match);
    let evidence = Evidence::<R>::read(&place, began).await;
    let is_gone = match &evidence.found {
        Found::Absent(_) => true,
        // The one that was to be removed was there before.
        _ => evidence.date_created() == When::After,
    };
    // Elsewhere an attempt that is still under way could remove what another creates.
    let reaches_one_only = place.is_by_sid() && (!place.is_item() || if_match.is_some());
    if is_gone && (reaches_one_only || !error.is_in_flight()) {
        return Ok(Removal::Gone);
    }
    if evidence.date_created() != When::Before || error.is_in_flight() {
        return Err(evidence.explain(None, error));
    }
    // No attempt had an effect: it is still the same.
    match if_match {
        Some(expected) if evidence.revision().as_ref() != Some(expected) => {
            Err(error.with_outcome(WriteOutcome::NotDone))
        }
        _ => remove_read(target, if_match, evidence, error).await,
    }
}

/// Removes what was read, by its SID, and an item at the revision that was read, so that no attempt
/// reaches another one.
async fn remove_read<R: Resource>(
    target: &Target,
    if_match: Option<&Revision>,
    mut evidence: Evidence<R>,
    mut error: Error,
) -> Result<Removal> {
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let Some(sid) = evidence.object_sid() else {
            break;
        };
        let place = target.with_object_sid(&sid);
        let revision = match if_match {
            Some(expected) => Some(expected.clone()),
            None if place.is_item() => evidence.revision(),
            None => None,
        };
        error = match place.delete::<R>(revision.as_ref()).await {
            Ok(()) => return Ok(Removal::Done),
            Err(error) if error.is_not_found() => return Ok(Removal::Gone),
            Err(error) if error.is_revision_conflict() && if_match.is_none() => error,
            Err(error) => return Err(error),
        };
        evidence = Evidence::read(&place, began).await;
        if let Found::Absent(_) = evidence.found {
            return Ok(Removal::Gone);
        }
        // An attempt before the one that met another revision may have removed it: what is there now was
        // then created after that, and stays.
        match evidence.date_created() {
            When::After => return Ok(Removal::Gone),
            When::Unclear if error.is_outcome_unknown() => {
                return Err(evidence.explain(None, error));
            }
            When::Before | When::Unclear => {}
        }
    }
    Err(error)
}

/// Returns `true` for an error whose outcome reading back may decide. A service that does not respond in time
/// is not asked again.
fn is_unknown(error: &Error) -> bool {
    let is_timeout =
        matches!(error, Error::Connection(error) if error.kind == ConnectionFailure::Timeout);
    error.is_outcome_unknown() && !is_timeout
}

/// Returns `true` for the error of a write that asked for a revision which the object no longer has, and
/// which is known to have had no effect.
fn is_lost_race(error: &Error) -> bool {
    error.outcome() == WriteOutcome::NotDone
        && (error.is_revision_conflict() || error.is_not_found())
}

/// The order of a date of the service and the beginning of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    After,
    /// They are too near to tell, or the service's clock is not known.
    Unclear,
}

/// The evidence that a call found when it read back.
struct Evidence<R: Resource> {
    found: Found<R::Raw>,
    /// The time of the service when the call began: it began no earlier, and no later, than these.
    began: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The time of the service when this was read, or later.
    read: Option<DateTime<Utc>>,
}

enum Found<R> {
    /// It could not be read.
    Nothing,
    /// It does not exist, as this error says.
    Absent(Error),
    Present(Box<R>),
}

impl<R: Resource> Evidence<R> {
    /// Reads what is at a target, for a call that began at a moment.
    async fn read(target: &Target, began: Instant) -> Self {
        let before = began.elapsed();
        let response = target
            .unchecked()
            .record::<R::Raw>(R::FETCH)
            .response()
            .await;
        let after = began.elapsed();
        let date = match &response {
            Ok(response) => response.date(),
            Err(error) => error.call().and_then(|call| call.date),
        };
        let found = match response {
            Ok(response) => Found::Present(Box::new(response.value)),
            Err(error) if error.is_not_found() => Found::Absent(error),
            Err(_) => Found::Nothing,
        };
        Self {
            found,
            began: date
                .and_then(|date| Some((date - delta(after)?, date + SECOND - delta(before)?))),
            read: date.map(|date| date + SECOND),
        }
    }

    fn version(&self) -> Option<Version<'_>> {
        match &self.found {
            Found::Present(raw) => R::version(raw),
            _ => None,
        }
    }

    fn revision(&self) -> Option<Revision> {
        let version = self.version()?;
        let (_, revision) = version.content?;
        Some(revision.clone())
    }

    fn object_sid(&self) -> Option<String> {
        Some(self.version()?.object_sid.to_owned())
    }

    /// The order of a date, which has whole seconds, and the beginning of the call.
    fn order(&self, date: Option<DateTime<Utc>>) -> When {
        match (date, self.began) {
            (Some(date), Some((earliest, _))) if date + SECOND + CLOCK_SKEW <= earliest => {
                When::Before
            }
            (Some(date), Some((_, latest))) if date >= latest + CLOCK_SKEW => When::After,
            _ => When::Unclear,
        }
    }

    fn date_created(&self) -> When {
        self.order(self.version().map(|version| version.date_created))
    }

    fn date_updated(&self) -> When {
        self.order(self.version().map(|version| version.date_updated))
    }

    /// Returns `true` if a write that asked for a revision had no effect and cannot have one any more.
    fn excludes(&self, write: &Write, expected: &Revision, error: &Error) -> bool {
        let Some(version) = self.version() else {
            return false;
        };
        let Some((_, revision)) = version.content else {
            return false;
        };
        if write.data.is_none() {
            // A time to live leaves no trace in revision and dates.
            return false;
        }
        if revision == expected {
            // Nobody wrote so far, if it is the same object.
            let is_same = expected.object_sid() == Some(version.object_sid)
                || self.date_created() == When::Before;
            return is_same && !error.is_in_flight();
        }
        // The revision that the write asked for is past.
        let is_older = self.date_updated() == When::Before;
        // If there was one write only, and it is not this one, this one had no effect. The revision of an
        // item counts the writes of all items of its List or Map, so it proves nothing here.
        let is_anothers = R::REVISION_COUNTS_WRITES
            && expected.object_sid() == Some(version.object_sid)
            && is_next(revision, expected)
            // Not the expiry: a time to live that was set since leaves no trace.
            && !is_same_data(&version, write);
        is_older || is_anothers
    }

    /// Returns `true` if an object or item is as a write leaves it.
    fn is_equal(&self, version: &Version<'_>, write: &Write) -> bool {
        is_same_data(version, write) && self.is_expiry_possible(version.date_expires, write.ttl)
    }

    /// Returns `true` if a time to live, set since the call began, can have led to an expiry.
    fn is_expiry_possible(&self, expires: Option<DateTime<Utc>>, ttl: Option<i64>) -> bool {
        match (ttl, expires, self.began, self.read) {
            (Some(0), expires, ..) => expires.is_none(),
            (Some(_), None, ..) => false,
            (Some(ttl), Some(expires), Some((began, _)), Some(read)) => {
                let tolerance = SECOND + CLOCK_SKEW;
                let set = expires - TimeDelta::seconds(ttl);
                began - tolerance <= set && set <= read + tolerance
            }
            // Without a time to live the expiry stayed as it was, which is not known.
            _ => true,
        }
    }

    /// Ends a call whose outcome this does not decide: as a success if its caller does not mind that the
    /// data may be another's, else with its error.
    fn end(self, target: &Target, write: &Write, error: Error) -> Result<R> {
        let is_enough = target.is_at_least_once()
            && self
                .version()
                .is_some_and(|version| self.is_equal(&version, write));
        match self.found {
            Found::Present(raw) if is_enough => R::typed(*raw, target.contract.as_deref(), true),
            _ => Err(self.explain(Some(write), error)),
        }
    }

    /// The error of a call with what was found, compared with what it wrote, if it wrote data.
    fn explain(self, write: Option<&Write>, error: Error) -> Error {
        let read_back = match &self.found {
            Found::Nothing => return error,
            Found::Absent(_) => ReadBack::Absent,
            Found::Present(_) => {
                let Some(version) = self.version() else {
                    return error;
                };
                let is_equal = write.is_some_and(|write| self.is_equal(&version, write));
                ReadBack::Present(Present::new(
                    version.object_sid.to_owned(),
                    version.content.map(|(_, revision)| revision.clone()),
                    (version.date_created, version.date_updated),
                    is_equal,
                ))
            }
        };
        error.with_read_back(read_back)
    }
}

/// Returns `true` if an object or item has the data of a write, if that has data.
fn is_same_data(version: &Version<'_>, write: &Write) -> bool {
    match (&write.data, version.content) {
        (Some(written), Some((data, _))) => is_same_json(data.as_str(), written),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

fn delta(elapsed: Duration) -> Option<TimeDelta> {
    TimeDelta::from_std(elapsed).ok()
}

/// Returns `true` if a revision is the one that a single write leaves after another.
fn is_next(revision: &Revision, after: &Revision) -> bool {
    let number = |revision: &Revision| u64::from_str_radix(revision.as_str(), 16).ok();
    let next = number(after).and_then(|number| number.checked_add(1));
    next.is_some() && number(revision) == next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_count_writes() {
        let is_next = |revision, after| is_next(&Revision::new(revision), &Revision::new(after));
        assert!(is_next("10", "f") && is_next("1", "0"));
        assert!(!is_next("11", "f") && !is_next("f", "f"));
        assert!(!is_next("x", "f") && !is_next("1", "x"));
    }
}
