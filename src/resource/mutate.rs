//! Changes by a function: read, change, write unless somebody else wrote meanwhile, and start again if
//! somebody did.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::api::call_options;
use crate::error::{Error, Result};
use crate::resource::call::Written;
use crate::resource::kind::{Item, Named};
use crate::resource::record::{Record, Versioned, decode};
use crate::resource::swap::Rounds;
use crate::resource::target::Target;
use crate::resource::upsert::rewrite;
use crate::resource::write::Draft;
use crate::value::{
    MAX_DATA_SIZE, Ttl, apply_change, encode, has_change, replace_members, without_other_names,
};

/// The values that a function given to `mutate` may return.
///
/// - `()`: the change is written.
/// - [`ControlFlow<()>`]: `Break` declines, and nothing is written; `Continue` goes on.
/// - `Result<(), E>` or `Result<ControlFlow<()>, E>`: `Err` fails the call, and nothing is written.
///
/// Implemented for these only.
#[diagnostic::on_unimplemented(
    message = "a function given to `mutate` cannot return `{Self}`",
    label = "returned by the function given to `mutate`",
    note = "it may return `()`, `ControlFlow<()>`, or a `Result` of one of these; end the last expression \
            with a semicolon to return `()`, and do without `async`"
)]
pub trait Verdict: private::Sealed {
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

/// Changes the data of a Document or item by a function of what is there.
///
/// The function runs on the data that was read, and the result is written only if nobody wrote
/// meanwhile. Otherwise the call starts again, so the function may run more than once. It may decline or
/// fail, see [`Verdict`]. If it changes nothing, nothing is written.
///
/// Cost: two requests if nobody else writes, one if nothing changes.
///
/// The difference that the function makes is applied to the JSON text that was read. Members that the
/// type does not know, numbers that the function does not touch, and the order of members stay as they
/// are.
///
/// It writes to the object that was read, by its SID, so that another one of the same name is never
/// changed. If a response is lost it is retried at the same revision. If the retry meets another revision,
/// and it is not proven that this is another's write, the call fails with
/// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) and does not write again.
#[must_use = "nothing is sent before `.await`"]
pub struct Mutate<'a, R, F> {
    target: Target,
    draft: Draft,
    change: F,
    rounds: Rounds,
    /// The call lives no longer than what the function borrows.
    borrowed: PhantomData<&'a fn() -> R>,
}

/// A [`Mutate`] that starts from a value of its own if there is nothing.
#[must_use = "nothing is sent before `.await`"]
pub struct MutateOrCreate<'a, R, F, D> {
    mutate: Mutate<'a, R, F>,
    start: D,
}

impl<R, F> Debug for Mutate<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutate")
            .field("target", &self.target)
            .field("rounds", &self.rounds)
            .finish_non_exhaustive()
    }
}

impl<R, F, D> Debug for MutateOrCreate<'_, R, F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MutateOrCreate").field(&self.mutate).finish()
    }
}

call_options!(['a, R, F] Mutate<'a, R, F>, target.options);

impl<'a, R, F> Mutate<'a, R, F> {
    pub(crate) fn new(target: Target, change: F) -> Self {
        Self {
            target,
            draft: Draft::default(),
            change,
            rounds: Rounds::CONTENDED,
            borrowed: PhantomData,
        }
    }

    /// Sets how often to try. Default: 100 times. 0 counts as 1.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.rounds.limit = max_attempts;
        self
    }

    /// Sets for how long to try: no attempt starts later. Default: 30 seconds.
    pub fn max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.rounds.max_elapsed = max_elapsed;
        self
    }

    /// After how long it expires and is removed, set by a write of this call. Without it, its expiry
    /// stays as it is.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.draft.ttl(ttl.into());
        self
    }

    /// Starts from the default if there is nothing, and creates it. Cost then: two requests.
    pub fn or_default(self) -> MutateOrCreate<'a, R, F, fn() -> R::Data>
    where
        R: Versioned<Data: Default> + Named,
    {
        self.or_insert_with(R::Data::default)
    }

    /// Starts from the value of a function if there is nothing, and creates it. Cost then: two requests.
    pub fn or_insert_with<D>(self, start: D) -> MutateOrCreate<'a, R, F, D>
    where
        R: Versioned + Named,
        D: FnMut() -> R::Data,
    {
        MutateOrCreate {
            mutate: self,
            start,
        }
    }
}

impl<R: Item, F> Mutate<'_, R, F> {
    /// After how long, from a write of this call, the List or Map with all its items expires.
    pub fn collection_ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.draft.collection_ttl(ttl.into());
        self
    }
}

impl<R, F, D> MutateOrCreate<'_, R, F, D> {
    /// After how long it expires and is removed, set by a write of this call. Without it, what is new
    /// never expires, and the expiry of what exists stays as it is.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.mutate = self.mutate.ttl(ttl);
        self
    }
}

impl<R: Item, F, D> MutateOrCreate<'_, R, F, D> {
    /// After how long, from a write of this call, the Map with all its items expires.
    pub fn collection_ttl(mut self, ttl: impl Into<Ttl>) -> Self {
        self.mutate = self.mutate.collection_ttl(ttl);
        self
    }
}

/// Lets a function change stored data: the new JSON text, or `None` if it changes nothing or declines.
///
/// The text is the stored one with the members that the function changed.
fn changed<R: Versioned<Data: Serialize>, V: Verdict>(
    target: &Target,
    stored: &R::Untyped,
    change: &mut impl FnMut(&mut R::Data) -> V,
) -> Result<Option<String>> {
    let stored_json = stored.data();
    let mut data: R::Data = decode(stored_json, target.contract.as_deref(), false, || {
        stored.title()
    })?;
    // Stored data may have any size.
    let text_of = |data: &R::Data| encode("data", usize::MAX, data);
    let before = text_of(&data)?;
    if change(&mut data).into_flow()?.is_break() {
        return Ok(None);
    }
    let after = text_of(&data)?;
    let reading = |json: &str| {
        let data: R::Data = serde_json::from_str(json).ok()?;
        text_of(&data).ok()
    };
    let json = changed_text(stored_json.as_str(), &before, &after, reading);
    json.map(|json| target.checked(json)).transpose()
}

/// The stored text with the change that a function made, so that the type reads that change from it.
/// `None` if there is no change.
///
/// The first text of these that does is taken:
/// - the change of each part that differs;
/// - the same without members that the type reads under another name;
/// - each member that differs as a whole, for a type that writes a member and does not read it, or reads
///   the elements of an array in another order;
/// - all that the type writes.
fn changed_text(
    stored: &str,
    before: &str,
    after: &str,
    reading: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let is_read = |json: &str| reading(json).is_some_and(|read| has_change(&read, before, after));
    let json = apply_change(stored, before, after)?;
    if is_read(&json) {
        return Some(json);
    }
    let stored = without_other_names(stored, after, &reading);
    let json = apply_change(&stored, before, after)?;
    if is_read(&json) {
        return Some(json);
    }
    let json = replace_members(&stored, before, after);
    Some(if reading(&json).is_some() {
        json
    } else {
        after.to_owned()
    })
}

impl<'a, R, F, V> Mutate<'a, R, F>
where
    R: Versioned<Data: Serialize>,
    F: FnMut(&mut R::Data) -> V + Send + 'a,
    V: Verdict,
{
    /// Makes the change to what is there, or to what a function starts from.
    async fn run(self, mut start: impl FnMut() -> Option<R::Data> + Send) -> Result<Written<R>> {
        let Self {
            target,
            draft,
            mut change,
            rounds,
            ..
        } = self;
        let write = draft.finish()?;
        let make = |stored: Option<&R::Untyped>| {
            if let Some(stored) = stored {
                return changed::<R, V>(&target, stored, &mut change);
            }
            let Some(mut data) = start() else {
                return Ok(None);
            };
            match change(&mut data).into_flow()? {
                ControlFlow::Continue(()) => target.encode("data", MAX_DATA_SIZE, &data).map(Some),
                ControlFlow::Break(()) => Ok(None),
            }
        };
        rewrite(&target, &write, rounds, make).await
    }
}

impl<'a, R, F, V> IntoFuture for Mutate<'a, R, F>
where
    R: Versioned<Data: Serialize>,
    F: FnMut(&mut R::Data) -> V + Send + 'a,
    V: Verdict + 'a,
{
    type Output = Result<Written<R>>;
    type IntoFuture = BoxFuture<'a, Result<Written<R>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run(|| None))
    }
}

impl<'a, R, F, D, V> IntoFuture for MutateOrCreate<'a, R, F, D>
where
    R: Versioned<Data: Serialize> + Named,
    F: FnMut(&mut R::Data) -> V + Send + 'a,
    D: FnMut() -> R::Data + Send + 'a,
    V: Verdict + 'a,
{
    type Output = Result<Written<R>>;
    type IntoFuture = BoxFuture<'a, Result<Written<R>>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { mutate, mut start } = self;
        Box::pin(mutate.run(move || Some(start())))
    }
}
