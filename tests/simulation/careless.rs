//! Mistakes that a client makes after a lost response, to show that the check finds them.

use std::time::Duration;

use twilio_sync::{Result, Revision};

use crate::place::{Place, Snapshot};

/// A mistake of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Data equal to what was to be created counts as created.
    SettlesByContent,
    /// A removal whose response was lost is sent again, by name.
    RemovesByName,
    /// A mutation writes by name, at a revision that another object of the name may have too.
    MutatesByName,
}

impl Flaw {
    pub(crate) async fn create(
        place: &Place,
        name: &str,
        value: i64,
        ttl: Duration,
    ) -> Result<Snapshot> {
        let error = match place.create(name, value, ttl).await {
            Err(error) if error.is_outcome_unknown() => error,
            result => return result,
        };
        match place.get(name).await {
            Ok(found) if found.value == value => Ok(found),
            _ => Err(error),
        }
    }

    pub(crate) async fn remove(place: &Place, name: &str) -> Result<()> {
        match place.remove(name, None).await {
            Err(error) if error.is_outcome_unknown() => {}
            result => return result,
        }
        match place.remove(name, None).await {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }

    pub(crate) async fn increment(
        place: &Place,
        name: &str,
        ttl: Option<Duration>,
    ) -> Result<Snapshot> {
        loop {
            let read = place.get(name).await?;
            let by_name = Revision::new(read.revision.as_str());
            match place
                .update(name, read.value + 1, ttl, Some(&by_name))
                .await
            {
                Err(error) if error.is_revision_conflict() && !error.is_outcome_unknown() => {}
                result => return result,
            }
        }
    }
}
