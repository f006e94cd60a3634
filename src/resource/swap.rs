//! The compare-and-swap loop: read, decide, write unless somebody else wrote meanwhile, and start again
//! if somebody did.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ContentionError, Error, Result, WriteOutcome};
use crate::resource::call::Outcome;
use crate::resource::kind::Resource;
use crate::resource::outcome::{self, Removal};
use crate::resource::target::Target;
use crate::resource::write::Write;
use crate::transport::backoff;
use crate::value::Revision;

/// The knowledge about a target within a round.
#[derive(Debug)]
pub(crate) enum Known<R> {
    /// Nothing yet: this is the first step of a round.
    Unread,
    /// It does not exist, as this error says.
    Absent(Error),
    /// It exists, with this content.
    Found(Box<R>),
}

/// The next step, by what is known.
#[derive(Debug)]
pub(crate) enum Step {
    /// Read it.
    Read,
    /// Write the call's own data, whatever is stored.
    Overwrite,
    /// Write this JSON text, if the stored revision is still this one.
    Replace(String, Revision),
    /// Create it with this JSON text, or with the call's own data. If somebody else creates it meanwhile,
    /// the next round finds it.
    Create(Option<String>),
    /// Remove it, if the stored revision is still this one.
    Remove(Revision),
    /// Leave it as it is.
    Keep,
}

/// The result of a loop.
#[derive(Debug)]
pub(crate) enum Swapped<R> {
    /// It exists, after this number of rounds.
    Present(R, Outcome, u32),
    /// It was removed.
    Removed,
    /// It does not exist, as this error says.
    Absent(Error),
}

/// The limits of a loop: its number of rounds, its time, and the delays between rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) limit: u32,
    pub(crate) max_elapsed: Duration,
    /// The longest wait before the second round, and before any later one.
    pub(crate) delays: (Duration, Duration),
}

impl Rounds {
    /// The limits of a call that competes with other writers, unless it sets others.
    pub(crate) const CONTENDED: Self = Self {
        limit: 100,
        max_elapsed: Duration::from_secs(30),
        delays: (Duration::from_millis(50), Duration::from_secs(2)),
    };

    /// A number of rounds without a wait between them.
    pub(crate) const fn at_once(limit: u32) -> Self {
        Self {
            limit,
            max_elapsed: Duration::MAX,
            delays: (Duration::ZERO, Duration::ZERO),
        }
    }
}

/// Takes the steps that a function decides on until one of them ends the loop. A step that writes ends
/// it, unless somebody else wrote first, which starts a new round.
pub(crate) async fn swap<R: Resource>(
    target: &Target,
    write: &Write,
    rounds: Rounds,
    known: Known<R>,
    decide: impl FnMut(&Known<R>) -> Result<Step> + Send,
) -> Result<Swapped<R>> {
    let mut doubt = None;
    let result = take_steps(target, write, rounds, known, decide, &mut doubt).await;
    // The doubt about a write of an earlier round outlives it.
    result.map_err(|error| match doubt {
        Some(doubt) if error.call().is_none() && error.outcome() == WriteOutcome::NotDone => doubt,
        Some(_) => error.with_outcome(WriteOutcome::Unknown),
        None => error,
    })
}

/// Takes steps. An error of a write that may have taken effect, and did not end the loop, is left in
/// `doubt`.
async fn take_steps<R: Resource>(
    target: &Target,
    write: &Write,
    rounds: Rounds,
    mut known: Known<R>,
    mut decide: impl FnMut(&Known<R>) -> Result<Step> + Send,
    doubt: &mut Option<Error>,
) -> Result<Swapped<R>> {
    // Another round may write twice, where that is not known.
    let may_go_on = |error: &Error| target.is_at_least_once() || !error.is_outcome_unknown();
    let started = Instant::now();
    let mut round = 1;
    loop {
        let step = decide(&known)?;
        let (read, conflict) = match step {
            Step::Read => {
                known = match target.fetch::<R>().await {
                    Ok(object) => Known::Found(Box::new(object)),
                    Err(error) if error.is_not_found() => Known::Absent(error),
                    Err(error) => return Err(error),
                };
                continue;
            }
            Step::Overwrite => match outcome::update::<R>(target, write).await {
                Ok(object) => return Ok(Swapped::Present(object, Outcome::Updated, round)),
                Err(error) if error.is_not_found() && may_go_on(&error) => {
                    known = Known::Absent(error);
                    continue;
                }
                Err(error) => return Err(error),
            },
            // On the heap, as most loops end before; and so below.
            Step::Create(data) => {
                let own;
                let write = match data {
                    Some(data) => {
                        own = with(write, data, None);
                        &own
                    }
                    None => write,
                };
                match Box::pin(outcome::create::<R>(target, write)).await {
                    Ok(object) => return Ok(Swapped::Present(object, Outcome::Created, round)),
                    Err(error) if error.is_already_exists() && may_go_on(&error) => (None, error),
                    Err(error) => return Err(error),
                }
            }
            Step::Replace(data, revision) => {
                let write = with(write, data, Some(revision));
                match Box::pin(outcome::update::<R>(target, &write)).await {
                    Ok(object) => return Ok(Swapped::Present(object, Outcome::Updated, round)),
                    // The next round finds out if it was removed.
                    Err(error)
                        if (error.is_revision_conflict() || error.is_not_found())
                            && may_go_on(&error) =>
                    {
                        (write.if_match, error)
                    }
                    Err(error) => return Err(error),
                }
            }
            Step::Remove(revision) => {
                match Box::pin(outcome::remove::<R>(target, Some(&revision))).await {
                    Ok(Removal::Done) => return Ok(Swapped::Removed),
                    // The next round finds out what is there now.
                    Ok(Removal::Gone) => {
                        known = Known::Unread;
                        continue;
                    }
                    Err(error) if error.is_not_found() => return Ok(Swapped::Absent(error)),
                    Err(error) if error.is_revision_conflict() => (Some(revision), error),
                    Err(error) => return Err(error),
                }
            }
            Step::Keep => match known {
                Known::Found(object) => {
                    return Ok(Swapped::Present(*object, Outcome::Unchanged, round));
                }
                Known::Absent(error) => return Ok(Swapped::Absent(error)),
                // It is not known yet.
                Known::Unread => continue,
            },
        };
        let delay = backoff(
            rounds.delays.0,
            rounds.delays.1,
            round,
            target.sync.random(),
        );
        let elapsed = started.elapsed();
        if round >= rounds.limit || elapsed + delay > rounds.max_elapsed {
            let object = match &known {
                Known::Found(object) => object.title(),
                _ => target.describe(),
            };
            return Err(Error::Contention(Box::new(ContentionError {
                object,
                attempts: round,
                elapsed,
                revision: read,
                source: conflict,
            })));
        }
        if conflict.is_outcome_unknown() {
            *doubt = Some(conflict);
        }
        tokio::time::sleep(delay).await;
        round += 1;
        known = Known::Unread;
    }
}

/// A write of JSON text with the options of another.
fn with(write: &Write, data: String, if_match: Option<Revision>) -> Write {
    Write {
        data: Some(data),
        if_match,
        ..write.clone()
    }
}
