//! Many calls, a bounded number at a time, with an account of those that were done.

use std::fmt::{self, Debug};
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, Fuse, FuturesUnordered};

use crate::api::{Options, call_options};
use crate::error::{Error, Result};
use crate::resource::found;
use crate::resource::kind::Resource;
use crate::resource::outcome::{self, Removal};
use crate::resource::target::Target;
use crate::value::{InputError, Revision, Ttl};

/// The work still to be done: for each piece its key and its call, in order.
type Jobs<K, R> = Fuse<BoxStream<'static, Result<(K, Job<R>)>>>;

/// The result of a call, with its place in the order of starting and its key.
type Ended<K, R> = (u64, K, Result<R>);

type Running<K, R> = BoxFuture<'static, Ended<K, R>>;

/// The call of one piece of work, made when it is due, with the options of the whole.
pub(crate) type Job<R> = Box<dyn FnOnce(&JobOptions) -> BoxFuture<'static, Result<R>> + Send>;

/// The options of all calls of a [`Bulk`].
#[derive(Clone, Debug, Default)]
pub(crate) struct JobOptions {
    pub(crate) options: Options,
    pub(crate) ttl: Option<Ttl>,
}

/// A call that can be one of many.
pub(crate) trait Work<R>:
    IntoFuture<Output = Result<R>, IntoFuture = BoxFuture<'static, Result<R>>> + Send + 'static
{
    /// The same call with options of the whole.
    fn with(self, options: &JobOptions) -> Self;
}

/// The default number of calls in flight. The service allows 20 writes a
/// second to one object.
const CONCURRENCY: usize = 8;

/// Many calls, each for a key: a stream of their results, as they come.
///
/// `.await` runs all of it and gives a [`Done`], or a [`BulkError`] that accounts for what was done
/// and what was not. As a stream it shows progress: each element is a key with the result of its call,
/// or the error that the rest of the work is not known, which is the end.
/// After a failure no more calls are made, and those in flight are finished; with
/// [`keep_going`](Self::keep_going) all is tried.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use futures_util::TryStreamExt;
/// use serde_json::{Value, json};
///
/// sync.maps().create("phonebook").await?;
/// let phones = sync.map::<Value>("phonebook");
/// let entries = (0..100).map(|n| (format!("+8150{n:08}"), json!({"n": n})));
/// let mut bulk = phones.set_many(entries).concurrency(4);
/// let mut count = 0;
/// while let Some((key, result)) = bulk.try_next().await? {
///     result?;
///     count += 1; // key is set
/// }
/// assert_eq!(count, 100);
/// assert_eq!(phones.remove_all().await?.keys.len(), 100);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[must_use = "nothing is sent before it is awaited or polled"]
pub struct Bulk<K, R> {
    jobs: Jobs<K, R>,
    running: FuturesUnordered<Running<K, R>>,
    /// The number of calls that were started.
    started: u64,
    options: JobOptions,
    concurrency: usize,
    /// `true` if one call must end before the next begins.
    in_order: bool,
    keep_going: bool,
    /// Returns `true` if a result is the effect of this work.
    is_effect: fn(&R) -> bool,
    state: State,
    /// An error that belongs to no key: the work itself could not be listed. It is the last element.
    listing_failure: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// No more calls are started.
    Stopping,
}

impl<K, R> Debug for Bulk<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk")
            .field("concurrency", &self.concurrency)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// All of a bulk's work was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done<K> {
    /// The keys, in the order in which they were done.
    pub keys: Vec<K>,
    /// The keys of what was to be removed and did not exist any more: another call may have removed it.
    pub gone: Vec<K>,
}

/// Not all of a bulk's work was done.
#[derive(Debug)]
#[non_exhaustive]
pub struct BulkError<K> {
    /// The keys of the work that was done.
    pub done: Vec<K>,
    /// The keys of what was to be removed and did not exist any more.
    pub gone: Vec<K>,
    /// The keys of the work that failed, each with its error, in the order in which it was started.
    pub failed: Vec<(K, Error)>,
    /// The keys of the work that was not tried, if it was given rather than read from a list.
    pub untried: Vec<K>,
    /// `true` if there may be more that was not tried: the rest of a list, which was not read.
    pub more: bool,
    /// Why the rest of the work is not known: it is read from a list, and that failed.
    pub listing: Option<Error>,
}

impl<K> fmt::Display for BulkError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, failed, untried) = (self.done.len(), self.failed.len(), self.untried.len());
        let more = if self.more { " or more" } else { "" };
        write!(f, "{done} done, {failed} failed, {untried}{more} not tried")?;
        match (self.failed.first(), &self.listing) {
            (Some((_, error)), _) => write!(f, "; the first failure: {error}"),
            (None, Some(error)) => write!(f, "; the rest is not known: {error}"),
            (None, None) => Ok(()),
        }
    }
}

impl<K: Debug> std::error::Error for BulkError<K> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let first = self.failed.first().map(|(_, error)| error);
        first.or(self.listing.as_ref()).map(|error| error as _)
    }
}

/// The first failure of bulk work, for functions whose error is [`Error`].
impl<K> From<Box<BulkError<K>>> for Error {
    fn from(error: Box<BulkError<K>>) -> Self {
        let first = error.failed.into_iter().next().map(|(_, error)| error);
        first.or(error.listing).unwrap_or_else(|| {
            // Work that ends without a failure ends without an error.
            InputError::Request {
                reason: "the work was not done".to_owned(),
            }
            .into()
        })
    }
}

call_options!([K, R] Bulk<K, R>, options.options);

impl<K, R> Bulk<K, R> {
    pub(crate) fn new(jobs: impl Stream<Item = Result<(K, Job<R>)>> + Send + 'static) -> Self {
        Self {
            jobs: jobs.boxed().fuse(),
            running: FuturesUnordered::new(),
            started: 0,
            options: JobOptions::default(),
            concurrency: CONCURRENCY,
            in_order: false,
            keep_going: false,
            is_effect: |_| true,
            state: State::Running,
            listing_failure: None,
        }
    }

    /// One call after the other, since their order matters.
    pub(crate) fn in_order(jobs: impl Stream<Item = Result<(K, Job<R>)>> + Send + 'static) -> Self {
        Self {
            in_order: true,
            concurrency: 1,
            ..Self::new(jobs)
        }
    }

    /// Sets the number of calls in flight at a time. Default: 8. 0 counts as 1. Calls whose order matters, as
    /// those of [`add_many`](crate::ListItems::add_many), are made one after the other whatever is set.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        if !self.in_order {
            self.concurrency = concurrency.max(1);
        }
        self
    }

    pub(crate) fn with_ttl(mut self, ttl: Ttl) -> Self {
        self.options.ttl = Some(ttl);
        self
    }

    /// Continues after a failure.
    pub fn keep_going(mut self) -> Self {
        self.keep_going = true;
        self
    }
}

impl<K> Bulk<K, Removal> {
    /// Work that removes.
    pub(crate) fn of_removals(
        jobs: impl Stream<Item = Result<(K, Job<Removal>)>> + Send + 'static,
    ) -> Self {
        Self {
            is_effect: |removal| *removal == Removal::Done,
            ..Self::new(jobs)
        }
    }
}

impl<K, R> Unpin for Bulk<K, R> {}

impl<K: Send + 'static, R: 'static> Bulk<K, R> {
    /// Starts as many calls as may be in flight.
    fn start(&mut self, cx: &mut Context<'_>) {
        while self.state == State::Running && self.running.len() < self.concurrency {
            match self.jobs.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok((key, job)))) => {
                    let (call, number) = (job(&self.options), self.started);
                    self.started += 1;
                    self.running
                        .push(Box::pin(async move { (number, key, call.await) }));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.listing_failure = Some(error);
                    self.state = State::Stopping;
                }
                Poll::Ready(None) => self.state = State::Stopping,
                Poll::Pending => return,
            }
        }
    }
}

impl<K: Send + 'static, R: 'static> Bulk<K, R> {
    /// The next result, with the place of its call in the order of starting.
    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Ended<K, R>>>> {
        self.start(cx);
        match self.running.poll_next_unpin(cx) {
            Poll::Ready(Some(done)) => {
                if done.2.is_err() && !self.keep_going {
                    self.state = State::Stopping;
                }
                Poll::Ready(Some(Ok(done)))
            }
            // Nothing is in flight, and nothing more will be, or it is still being listed.
            Poll::Ready(None) if self.state == State::Stopping => {
                Poll::Ready(self.listing_failure.take().map(Err))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Runs all of it, as `.await` does, and calls a function with each key whose call was done, and its
    /// result.
    ///
    /// # Errors
    ///
    /// [`BulkError`] with an account of what was done and what was not.
    pub async fn run(
        mut self,
        mut each: impl FnMut(&K, R) + Send,
    ) -> Result<Done<K>, Box<BulkError<K>>> {
        let (mut done, mut gone, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut listing = None;
        while let Some(element) = poll_fn(|cx| self.poll_result(cx)).await {
            match element {
                Ok((_, key, Ok(result))) => {
                    let keys = if (self.is_effect)(&result) {
                        &mut done
                    } else {
                        &mut gone
                    };
                    each(&key, result);
                    keys.push(key);
                }
                Ok((number, key, Err(error))) => failed.push((number, key, error)),
                Err(error) => listing = Some(error),
            }
        }
        if failed.is_empty() && listing.is_none() {
            return Ok(Done { keys: done, gone });
        }
        failed.sort_by_key(|(number, _, _)| *number);
        // Work that was given is reported; a list is not read on only to report its rest.
        let is_given = self.jobs.size_hint().1.is_some();
        let mut untried = Vec::new();
        while is_given && let Some(Ok((key, _))) = self.jobs.next().await {
            untried.push(key);
        }
        Err(Box::new(BulkError {
            done,
            gone,
            failed: failed
                .into_iter()
                .map(|(_, key, error)| (key, error))
                .collect(),
            untried,
            more: !is_given,
            listing,
        }))
    }
}

impl<K: Send + 'static, R: 'static> Stream for Bulk<K, R> {
    type Item = Result<(K, Result<R>)>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.poll_result(cx);
        next.map(|next| next.map(|done| done.map(|(_, key, result)| (key, result))))
    }
}

impl<K, R> IntoFuture for Bulk<K, R>
where
    K: Send + 'static,
    R: Send + 'static,
{
    type Output = Result<Done<K>, Box<BulkError<K>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run(|_, _| ()))
    }
}

/// The work of a call.
pub(crate) fn job<R>(call: impl Work<R>) -> Job<R> {
    Box::new(|options| call.with(options).into_future())
}

/// The removal of what is at a place, if it still has a revision that is given. It also succeeds if there is
/// nothing to remove.
pub(crate) fn removal<R: Resource>(place: Target, if_match: Option<Revision>) -> Job<Removal> {
    Box::new(move |given| {
        let mut place = place;
        place.options = given.options.clone();
        Box::pin(async move {
            let removal = outcome::remove::<R>(&place, if_match.as_ref()).await;
            Ok(found(removal)?.unwrap_or(Removal::Gone))
        })
    })
}

/// Work that fails before it starts.
pub(crate) fn failed<R: Send + 'static>(error: Error) -> Job<R> {
    Box::new(|_| Box::pin(std::future::ready(Err(error))))
}
