//! Conflicts after a write of unknown outcome: with somebody else's write, or with one's own.
//!
//! A connection breaks, the write is sent again, and the service says that the revision has moved on
//! or that the name is taken. It may have been the first attempt that did it. Reading back tells.

use chrono::{DateTime, TimeDelta, Utc};

use crate::api::Data;
use crate::data::is_same_json;
use crate::error::{Error, Result};
use crate::resource::{Creatable, Locate, Resource, Versioned, Write, found};
use crate::revision::Revision;

/// How far the clocks of the service and of this machine may be apart.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Whose write a conflict is with.
#[derive(Debug)]
pub enum Settled<R> {
    /// One's own: this is what it left, if that can be read.
    Own(Result<R>),
    /// Somebody else's: one's own did not take place.
    Other,
    /// It cannot be told.
    Unknown,
}

/// Whether an error is a conflict that may be with one's own write.
fn is_unsettled(error: &Error) -> bool {
    (error.is_revision_conflict() || error.is_already_exists()) && error.is_outcome_unknown()
}

/// Settles a conflict by reading back: success if the write was one's own, else the error, which says
/// whether the outcome is known now.
async fn settled<R: Resource>(
    address: &R::Address,
    write: &Write,
    begun: DateTime<Utc>,
    mut error: Error,
) -> Result<R> {
    match R::settle(address, write, begun).await {
        Ok(Settled::Own(object)) => object.map_err(Error::after_write),
        Ok(Settled::Other) => {
            error.settle();
            Err(error)
        }
        // What cannot be read back stays unknown; the first error says more than a second would.
        Ok(Settled::Unknown) | Err(_) => Err(error),
    }
}

/// Writes to an object, and if it cannot be told whose write a conflict is with, finds out.
pub(crate) async fn update_settled<R: Resource>(
    address: &R::Address,
    write: &mut Write,
) -> Result<R> {
    if write.if_match.is_none() {
        return R::update(address, write).await;
    }
    let begun = Utc::now();
    match R::update(address, write).await {
        Err(error) if is_unsettled(&error) => {
            // On the heap, as few calls come here.
            Box::pin(settled(address, write, begun, error)).await
        }
        result => result,
    }
}

/// Creates an object, and if it cannot be told whose creation a conflict is with, finds out.
pub(crate) async fn create_settled<R: Creatable>(place: &R::Place, write: &mut Write) -> Result<R> {
    let Some(address) = R::found_at(place) else {
        return R::create(place, write).await;
    };
    let begun = Utc::now();
    match R::create(place, write).await {
        Err(error) if is_unsettled(&error) => {
            // On the heap, as few calls come here.
            Box::pin(settled(address, write, begun, error)).await
        }
        result => result,
    }
}

/// Reads an object back and compares: if it holds what was written, that was it.
///
/// `is_next` tells whether a revision is the one that a single write leaves. Two writers that write
/// the very same value at the same revision cannot be told apart.
pub(crate) async fn by_reading_back<R: Versioned<Data = Data>, T>(
    address: &R::Address,
    write: &Write,
    begun: DateTime<Utc>,
    is_next: impl Fn(&Revision, Option<&Revision>) -> bool,
    decode: impl FnOnce(R) -> Result<T>,
) -> Result<Settled<T>> {
    let (Some(now), Some(written)) = (found(R::fetch(&address.unchecked()).await)?, &write.data)
    else {
        return Ok(Settled::Unknown);
    };
    // What one creates is not older than the call, as far as the two clocks agree.
    let is_old = write.if_match.is_none() && now.date_created() < begun - CLOCK_SKEW;
    if is_same_json(now.data().as_str(), written) {
        return Ok(if is_old {
            Settled::Unknown
        } else {
            Settled::Own(decode(now))
        });
    }
    // If there was one write only, and it is not this one, this one did not take place. If there
    // were more, this one may be among them.
    Ok(if is_next(now.revision(), write.if_match.as_ref()) {
        Settled::Other
    } else {
        Settled::Unknown
    })
}
