//! Read, change, write if nobody else did meanwhile, and again if somebody did.

use std::fmt::{self, Debug};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::data::{self, MAX_DATA_SIZE};
use crate::error::{ContentionError, Error, InputError, Result};
use crate::resource::{CallFuture, Outcome, Resource, Write, Written};
use crate::retry::backoff;
use crate::revision::Revision;

/// A resource with data and a revision. Implemented by this crate only.
pub trait Versioned: Resource {
    /// The type of the data.
    type Data: Serialize + Send;

    /// The revision it was read at.
    fn revision(&self) -> &Revision;

    /// The data, to be changed.
    fn data_mut(&mut self) -> &mut Self::Data;

    /// What to call it in an error.
    fn title(&self) -> String;
}

/// Longest wait before the second attempt, and before any later one.
const BASE_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Changes the data of a Document or item by a function of what is there.
///
/// The function runs on what was read, and the result is written only if nobody wrote meanwhile;
/// else all is done again, so the function may run more than once. If it changes nothing, nothing is
/// written. Cost: two requests in the quiet case, one if nothing changes.
#[must_use = "nothing is sent before `.await`"]
pub struct Mutate<R: Versioned, F> {
    address: R::Address,
    change: F,
    max_attempts: u32,
    max_elapsed: Duration,
}

impl<R: Versioned, F> Debug for Mutate<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutate")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<R: Versioned, F: FnMut(&mut R::Data)> Mutate<R, F> {
    pub(crate) fn new(address: R::Address, change: F) -> Self {
        Self {
            address,
            change,
            max_attempts: 100,
            max_elapsed: Duration::from_secs(30),
        }
    }

    /// How often to try. Default: 100 times.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// How long to go on trying. Default: 30 seconds.
    pub fn max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.max_elapsed = max_elapsed;
        self
    }
}

impl<R, F> IntoFuture for Mutate<R, F>
where
    R: Versioned,
    F: FnMut(&mut R::Data) + Send + 'static,
{
    type Output = Result<Written<R>>;
    type IntoFuture = CallFuture<Written<R>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<R, F> Mutate<R, F>
where
    R: Versioned,
    F: FnMut(&mut R::Data) + Send,
{
    async fn run(mut self) -> Result<Written<R>> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut object = R::fetch(&self.address).await?;
            let revision = object.revision().clone();
            let Some(data) = change(&mut self.change, object.data_mut())? else {
                return Ok(Written::new(object, Outcome::Unchanged, attempts));
            };
            let write = Write {
                data: Some(data),
                if_match: Some(revision.clone()),
                ..Write::default()
            };
            let source = match R::update(&self.address, write).await {
                Ok(object) => return Ok(Written::new(object, Outcome::Updated, attempts)),
                // After an attempt of unknown outcome the conflict may be with our own write.
                Err(error) if error.is_revision_conflict() && !error.is_outcome_unknown() => error,
                Err(error) => return Err(error),
            };
            let delay = backoff(BASE_DELAY, MAX_DELAY, attempts);
            let elapsed = started.elapsed();
            if attempts >= self.max_attempts || elapsed + delay > self.max_elapsed {
                return Err(Error::Contention(Box::new(ContentionError {
                    object: object.title(),
                    attempts,
                    elapsed,
                    revision,
                    source,
                })));
            }
            tokio::time::sleep(delay).await;
        }
    }
}

/// Lets the function change the data: the new JSON text, or `None` if it is what it was.
fn change<T: Serialize>(
    change: &mut impl FnMut(&mut T),
    data: &mut T,
) -> Result<Option<String>, InputError> {
    // Not the text that was read, which another program may have written in another member order.
    let before = data::encode("data", usize::MAX, data)?;
    change(data);
    let after = data::encode("data", MAX_DATA_SIZE, data)?;
    Ok((after != before).then_some(after))
}
