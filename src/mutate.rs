//! Read, change, write if nobody else did meanwhile, and again if somebody did.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::{Outcome, Written};
use crate::data::{MAX_DATA_SIZE, is_same_json};
use crate::error::{ContentionError, Error, Result};
use crate::resource::{Draft, Item, Locate, Named, Versioned, Write};
use crate::retry::backoff;
use crate::revision::Revision;
use crate::settle::{create_settled, update_settled};

/// Longest wait before the second attempt, and before any later one.
const BASE_DELAY: Duration = Duration::from_millis(50);
const MAX_DELAY: Duration = Duration::from_secs(2);

/// What a function given to `mutate` may return.
///
/// - `()`: the change is written.
/// - [`ControlFlow<()>`]: `Break` declines, and nothing is written; `Continue` goes on.
/// - `Result<(), E>` or `Result<ControlFlow<()>, E>`: `Err` fails the call, and nothing is written.
///
/// Implemented for these only.
pub trait Verdict: private::Sealed {
    /// Whether to go on, or why not.
    #[doc(hidden)]
    fn into_flow(self) -> Result<ControlFlow<()>>;
}

mod private {
    pub trait Sealed {}

    impl Sealed for () {}
    impl Sealed for std::ops::ControlFlow<()> {}
    impl<V: super::Verdict, E> Sealed for Result<V, E> {}
}

impl Verdict for () {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

impl Verdict for ControlFlow<()> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        Ok(self)
    }
}

impl<V: Verdict, E: Into<Box<dyn std::error::Error + Send + Sync>>> Verdict for Result<V, E> {
    fn into_flow(self) -> Result<ControlFlow<()>> {
        self.map_err(|error| Error::Refused(error.into()))?
            .into_flow()
    }
}

/// How long a loop of attempts goes on.
#[derive(Clone, Copy, Debug)]
struct Caps {
    attempts: u32,
    elapsed: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            attempts: 100,
            elapsed: Duration::from_secs(30),
        }
    }
}

/// The attempts of one loop.
struct Turns {
    caps: Caps,
    started: Instant,
    number: u32,
}

impl Turns {
    fn new(caps: Caps) -> Self {
        Self {
            caps,
            started: Instant::now(),
            number: 1,
        }
    }

    /// Waits for the next attempt after a conflict, or gives up.
    async fn next(&mut self, conflict: Conflict) -> Result<()> {
        let delay = backoff(BASE_DELAY, MAX_DELAY, self.number);
        let elapsed = self.started.elapsed();
        if self.number >= self.caps.attempts || elapsed + delay > self.caps.elapsed {
            return Err(Error::Contention(Box::new(ContentionError {
                object: conflict.title,
                attempts: self.number,
                elapsed,
                revision: conflict.revision,
                source: conflict.source,
            })));
        }
        tokio::time::sleep(delay).await;
        self.number += 1;
        Ok(())
    }
}

/// A write that came to nothing, since somebody else's came first.
struct Conflict {
    title: String,
    /// What was read; none if there was nothing.
    revision: Option<Revision>,
    source: Error,
}

/// How one attempt went.
enum Attempt<R> {
    Done(R, Outcome),
    Conflict(Conflict),
    Absent(Error),
}

/// Reads, lets a function decide on the JSON text to write (`None` for nothing), and writes it if
/// nobody wrote meanwhile.
async fn attempt<R: Versioned>(
    address: &R::Address,
    options: &Write,
    decide: &mut (impl FnMut(&mut R) -> Result<Option<String>> + Send),
) -> Result<Attempt<R>> {
    let mut object = match R::fetch(address).await {
        Ok(object) => object,
        Err(error) if error.is_not_found() => return Ok(Attempt::Absent(error)),
        Err(error) => return Err(error),
    };
    let Some(data) = decide(&mut object)? else {
        return Ok(Attempt::Done(object, Outcome::Unchanged));
    };
    let mut write = Write {
        data: Some(data),
        if_match: Some(object.revision().clone()),
        ..options.clone()
    };
    match update_settled(address, &mut write).await {
        Ok(object) => Ok(Attempt::Done(object, Outcome::Updated)),
        // If it cannot be told whose write the conflict is with, doing it again may do it twice. What
        // is gone by now is found to be at the next attempt.
        Err(source)
            if (source.is_revision_conflict() || source.is_not_found())
                && !source.is_outcome_unknown() =>
        {
            Ok(Attempt::Conflict(Conflict {
                title: object.title(),
                revision: Some(object.revision().clone()),
                source,
            }))
        }
        Err(error) => Err(error),
    }
}

/// Swaps what is there for what a function makes of it, or creates it, until nobody interferes.
///
/// The function is given what was read, or nothing; if it makes nothing of nothing, there was nothing
/// to be found.
async fn swap_or_create<R: Versioned + Named>(
    address: &R::Address,
    caps: Caps,
    options: &Write,
    mut decide: impl FnMut(Option<&mut R>) -> Result<Option<String>> + Send,
) -> Result<Written<R>> {
    let mut turns = Turns::new(caps);
    loop {
        let attempt = attempt(address, options, &mut |object| decide(Some(object))).await?;
        let conflict = match attempt {
            Attempt::Done(object, outcome) => {
                return Ok(Written::new(object, outcome, turns.number));
            }
            Attempt::Conflict(conflict) => conflict,
            Attempt::Absent(absence) => {
                let Some(data) = decide(None)? else {
                    return Err(absence);
                };
                let mut write = Write {
                    data: Some(data),
                    ..options.clone()
                };
                match create_settled::<R>(address, &mut write).await {
                    Ok(object) => return Ok(Written::new(object, Outcome::Created, turns.number)),
                    Err(source) if source.is_already_exists() && !source.is_outcome_unknown() => {
                        Conflict {
                            title: address.describe(),
                            revision: None,
                            source,
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        turns.next(conflict).await?;
    }
}

/// Writes what a function makes of the JSON text that is there, or of nothing, unless that is what is
/// there already.
pub(crate) async fn swap_json<R>(
    address: &R::Address,
    write: &Write,
    make: impl Fn(Option<&str>) -> Result<String> + Send,
) -> Result<Written<R>>
where
    R: Versioned,
    R::Raw: Named,
{
    // A time to live is written even if the data is what it was.
    let must_write = write.ttl.is_some() || write.collection_ttl.is_some();
    let decide = move |raw: Option<&mut R::Raw>| {
        let old = raw.as_ref().map(|raw| raw.data().as_str());
        let new = make(old)?;
        let is_same = old.is_some_and(|old| is_same_json(old, &new));
        Ok((must_write || !is_same).then_some(new))
    };
    let raw = swap_or_create(&address.unchecked(), Caps::default(), write, decide).await?;
    Ok(Written::new(
        R::decode(raw.object, address.context()).map_err(Error::after_write)?,
        raw.outcome,
        raw.attempts,
    ))
}

/// Lets a function change data: the new JSON text, or `None` if it is what it was or the function
/// declines.
fn changed<R: Versioned, V: Verdict>(
    address: &R::Address,
    data: &mut R::Data,
    change: &mut impl FnMut(&mut R::Data) -> V,
) -> Result<Option<String>> {
    let context = address.context();
    // Not the text that was read, which another program may have written in another member order;
    // and whatever it is, it is there.
    let before = context.unchecked().encode("data", usize::MAX, data)?;
    if change(data).into_flow()?.is_break() {
        // What the function did before it declined is not what is there.
        if let Ok(unchanged) = serde_json::from_str(&before) {
            *data = unchanged;
        }
        return Ok(None);
    }
    let after = context.encode("data", MAX_DATA_SIZE, data)?;
    Ok((after != before).then_some(after))
}

/// Lets a function change the data to begin with: the JSON text to create, or `None` if it declines.
fn created<R: Versioned, V: Verdict>(
    address: &R::Address,
    mut data: R::Data,
    change: &mut impl FnMut(&mut R::Data) -> V,
) -> Result<Option<String>> {
    if change(&mut data).into_flow()?.is_break() {
        return Ok(None);
    }
    address
        .context()
        .encode("data", MAX_DATA_SIZE, &data)
        .map(Some)
}

/// Changes the data of a Document or item by a function of what is there.
///
/// The function runs on what was read, and the result is written only if nobody wrote meanwhile;
/// else all is done again, so the function may run more than once. It may decline or fail, see
/// [`Verdict`]. If it changes nothing, nothing is written. Cost: two requests in the quiet case, one
/// if nothing changes.
///
/// The whole of the data is written back. A type that does not know some members of what others wrote
/// removes them: let it keep them in a `#[serde(flatten)]` map, or use `serde_json::Value`.
///
/// If the connection breaks while the change is on its way, reading back tells whether it took place:
/// it did if the data is what was written. Where that cannot be told the call fails with
/// [`is_outcome_unknown`](Error::is_outcome_unknown), and does not do it twice. Of two programs that
/// make the very same value at the same moment, one may so take the other's change for its own: where
/// that matters, as for a counter, keep a member for each program in the data.
#[must_use = "nothing is sent before `.await`"]
pub struct Mutate<'a, R: Versioned, F> {
    address: R::Address,
    change: F,
    caps: Caps,
    /// What the function borrows lives as long as the call.
    borrowed: PhantomData<&'a ()>,
}

/// A [`Mutate`] that starts from a value of its own if there is nothing.
#[must_use = "nothing is sent before `.await`"]
pub struct MutateOrCreate<'a, R: Versioned, F, D> {
    mutate: Mutate<'a, R, F>,
    start: D,
    draft: Draft,
}

impl<R: Versioned, F> Debug for Mutate<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutate")
            .field("address", &self.address)
            .field("caps", &self.caps)
            .finish_non_exhaustive()
    }
}

impl<R: Versioned, F, D> Debug for MutateOrCreate<'_, R, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutateOrCreate")
            .field("mutate", &self.mutate)
            .finish_non_exhaustive()
    }
}

impl<R: Versioned, F> Mutate<'_, R, F> {
    pub(crate) fn new(address: R::Address, change: F) -> Self {
        Self {
            address,
            change,
            caps: Caps::default(),
            borrowed: PhantomData,
        }
    }

    /// How often to try. Default: 100 times. 0 counts as 1.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.caps.attempts = max_attempts;
        self
    }

    /// How long to go on trying: no attempt begins later. Default: 30 seconds.
    pub fn max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.caps.elapsed = max_elapsed;
        self
    }
}

impl<'a, R: Versioned + Named, F> Mutate<'a, R, F> {
    /// Starts from the default if there is nothing, and creates it. Cost then: two requests.
    pub fn or_default(self) -> MutateOrCreate<'a, R, F, fn() -> R::Data>
    where
        R::Data: Default,
    {
        self.or_insert_with(R::Data::default)
    }

    /// Starts from what a function makes if there is nothing, and creates it.
    pub fn or_insert_with<D: FnMut() -> R::Data>(self, start: D) -> MutateOrCreate<'a, R, F, D> {
        MutateOrCreate {
            mutate: self,
            start,
            draft: Draft::default(),
        }
    }
}

impl<R: Versioned, F, D> MutateOrCreate<'_, R, F, D> {
    /// After how long it expires and is removed, set by each write of this call: at most one year, in
    /// whole seconds; zero for never.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.draft.ttl = Some(ttl);
        self
    }
}

impl<R: Versioned + Item, F, D> MutateOrCreate<'_, R, F, D> {
    /// After how long, from each write of this call, the Map with all its items expires.
    pub fn collection_ttl(mut self, ttl: Duration) -> Self {
        self.draft.collection_ttl = Some(ttl);
        self
    }
}

impl<'a, R, F, V> IntoFuture for Mutate<'a, R, F>
where
    R: Versioned,
    F: FnMut(&mut R::Data) -> V + Send + 'a,
    V: Verdict,
{
    type Output = Result<Written<R>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let address = &self.address;
            let mut decide =
                |object: &mut R| changed::<R, V>(address, object.data_mut(), &mut self.change);
            let mut turns = Turns::new(self.caps);
            loop {
                match attempt(address, &Write::default(), &mut decide).await? {
                    Attempt::Done(object, outcome) => {
                        return Ok(Written::new(object, outcome, turns.number));
                    }
                    Attempt::Conflict(conflict) => turns.next(conflict).await?,
                    Attempt::Absent(error) => return Err(error),
                }
            }
        })
    }
}

impl<'a, R, F, D, V> IntoFuture for MutateOrCreate<'a, R, F, D>
where
    R: Versioned + Named,
    F: FnMut(&mut R::Data) -> V + Send + 'a,
    D: FnMut() -> R::Data + Send + 'a,
    V: Verdict,
{
    type Output = Result<Written<R>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            mutate,
            mut start,
            draft,
        } = self;
        let Mutate {
            address,
            mut change,
            caps,
            ..
        } = mutate;
        Box::pin(async move {
            let options = draft.finish()?;
            let decide = |found: Option<&mut R>| match found {
                Some(object) => changed::<R, V>(&address, object.data_mut(), &mut change),
                None => created::<R, V>(&address, start(), &mut change),
            };
            swap_or_create(&address, caps, &options, decide).await
        })
    }
}
