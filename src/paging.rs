//! Pages of the service as one stream of records.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::task::JoinHandle;
use url::Url;

use crate::api::types::{Bounds, Order, PageMeta};
use crate::call::CallFuture;
use crate::error::{Error, InputError, Result};
use crate::resource::{Item, Sealed};

/// Most records in one page.
pub const MAX_PAGE_SIZE: usize = 100;

/// What is asked of the service for one page.
#[derive(Clone, Debug, Default)]
pub struct PageQuery {
    pub(crate) order: Option<Order>,
    pub(crate) from: Option<String>,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) page_size: Option<NonZeroU64>,
    pub(crate) page: Option<u64>,
    pub(crate) page_token: Option<String>,
}

/// One page as it came.
#[derive(Debug)]
pub struct Page<R> {
    /// Its records; one that does not fit its type costs no other.
    pub(crate) records: Vec<Result<R>>,
    pub(crate) meta: PageMeta,
}

/// A kind of record that the service lists in pages. Implemented by this crate only; a bound of
/// functions over any [`Listing`].
pub trait Listed: Sealed + Sized + Send + 'static {
    /// What the list is of.
    #[doc(hidden)]
    type Scope: Clone + Debug + Send + Sync + 'static;

    /// Reads one page.
    #[doc(hidden)]
    fn page(
        scope: &Self::Scope,
        query: &PageQuery,
    ) -> impl Future<Output = Result<Page<Self>>> + Send;
}

/// A list of records as a stream: pages are read as they are needed, and none before the first
/// poll. While the records of one page are consumed, the next is read already.
///
/// A record that does not fit its type is an error in its place, and the stream goes on; a page that
/// cannot be read is an error and the end. Dropping the stream ends it, with the page that is being
/// read. Combinators are in `futures::TryStreamExt`.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use futures_util::TryStreamExt;
/// use twilio_sync::Order;
///
/// sync.lists().create("log").await?;
/// let log = sync.list::<serde_json::Value>("log");
/// for n in 0..5 {
///     log.add(&serde_json::json!({"n": n})).await?;
/// }
/// let newest: Vec<i64> = log
///     .items()
///     .order(Order::Desc)
///     .limit(2)
///     .map_ok(|item| item.index)
///     .try_collect()
///     .await?;
/// assert_eq!(newest, [4, 3]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
#[must_use = "a stream does nothing until it is polled"]
pub struct Listing<R: Listed> {
    pages: Pages<R>,
    /// How many records are still to come, at most.
    remaining: Option<usize>,
    /// The records of the current page.
    records: VecDeque<Result<R>>,
}

impl<R: Listed> Debug for Listing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("pages", &self.pages)
            .finish_non_exhaustive()
    }
}

impl<R: Listed> Listing<R> {
    pub(crate) fn new(scope: R::Scope) -> Self {
        Self {
            pages: Pages::new(scope),
            remaining: None,
            records: VecDeque::new(),
        }
    }

    /// How many records each request reads, 1 to 100. Default: 100, or the limit if that is less.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.pages.page_size = Some(page_size);
        self
    }

    /// How many records the stream yields at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.remaining = Some(limit);
        self
    }

    /// How many pages are read at most. If there are more, the stream ends with an
    /// [`Error::PageCap`].
    pub fn max_pages(mut self, max_pages: usize) -> Self {
        self.pages.cap = Some(max_pages);
        self
    }

    /// Whether to read the next page while the current one is consumed. Default: yes.
    pub fn prefetch(mut self, prefetch: bool) -> Self {
        self.pages.prefetch = prefetch;
        self
    }

    /// The same list as a stream of pages. A limit on records does not apply to it.
    pub fn pages(self) -> Pages<R> {
        self.pages
    }

    /// The records that pass a test, as a stream. All pages are read, unless its limit or cap ends it.
    pub fn matching(self, test: impl Fn(&R) -> bool + Send + Sync + 'static) -> Search<R> {
        Search::new(self, move |record| Found::if_matching(test(record)), Ok)
    }
}

impl<R: Listed + Item> Listing<R> {
    /// Lowest first or highest first, by index or key. Default: lowest first.
    pub fn order(mut self, order: Order) -> Self {
        self.pages.query.order = Some(order);
        self
    }

    /// The index or key to start at; it need not exist.
    #[allow(clippy::should_implement_trait, clippy::needless_pass_by_value)]
    pub fn from(mut self, position: impl Into<R::Position>) -> Self {
        self.pages.query.from = Some(position.into().to_string());
        self
    }

    /// Whether the item at the position given to [`from`](Self::from) is included. Default: it is.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.pages.query.bounds = Some(bounds);
        self
    }
}

impl<R: Listed> Unpin for Listing<R> {}

impl<R: Listed> Stream for Listing<R> {
    type Item = Result<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.remaining == Some(0) {
            this.pages.state = State::Done;
            return Poll::Ready(None);
        }
        if let (None, Some(limit)) = (this.pages.page_size, this.remaining) {
            this.pages.page_size = Some(limit.min(MAX_PAGE_SIZE));
        }
        while this.records.is_empty() {
            match ready!(this.pages.poll_page(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(records)) => this.records = records.into(),
            }
            // A page that will not be needed is not asked for.
            if this
                .remaining
                .is_none_or(|remaining| remaining > this.records.len())
            {
                this.pages.read_ahead();
            }
        }
        if let Some(remaining) = &mut this.remaining {
            *remaining -= 1;
        }
        Poll::Ready(this.records.pop_front())
    }
}

/// A list as a stream of pages. A page with a record that does not fit its type is an error in its
/// place, and the stream goes on; a page that cannot be read is an error and the end.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<R: Listed> {
    scope: R::Scope,
    query: PageQuery,
    page_size: Option<usize>,
    cap: Option<usize>,
    prefetch: bool,
    /// How many pages were asked for so far.
    asked: usize,
    path: Path,
    state: State<R>,
}

/// The way from page to page, to tell when it leads in a circle.
///
/// By Brent's algorithm: one token is kept, and another one each time the way has doubled. However long
/// the list, that takes no more memory, and a circle is noticed within three times its length.
#[derive(Default)]
struct Path {
    kept: Option<String>,
    steps: u64,
}

impl Path {
    /// Takes a step, unless it leads to where the way has been.
    fn goes_on(&mut self, token: &str) -> bool {
        if self.kept.as_deref() == Some(token) {
            return false;
        }
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.kept = Some(token.to_owned());
        }
        true
    }
}

enum State<R> {
    /// The next page is to be read.
    Idle,
    Reading(CallFuture<Page<R>>),
    ReadingAhead(Ahead<Page<R>>),
    /// The way on from the last page leads nowhere.
    Failed(Error),
    Done,
}

/// A page that is read in a task of its own, which ends with this.
struct Ahead<T>(JoinHandle<Result<T>>);

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Ahead<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T>> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(cancelled) => Err(InputError::Request {
                    reason: format!("the runtime is shutting down: {cancelled}"),
                }
                .into()),
            },
        })
    }
}

impl<R: Listed> Debug for Pages<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("scope", &self.scope)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

impl<R: Listed> Pages<R> {
    fn new(scope: R::Scope) -> Self {
        Self {
            scope,
            query: PageQuery::default(),
            page_size: None,
            cap: None,
            prefetch: true,
            asked: 0,
            path: Path::default(),
            state: State::Idle,
        }
    }

    /// Begins to read a page: the first, or the one that the query's token stands for.
    fn read(&mut self) -> Result<CallFuture<Page<R>>> {
        let size = self.page_size.unwrap_or(MAX_PAGE_SIZE);
        if !(1..=MAX_PAGE_SIZE).contains(&size) {
            return Err(InputError::PageSize {
                size,
                limit: MAX_PAGE_SIZE,
            }
            .into());
        }
        if let Some(pages) = self.cap
            && self.asked >= pages
        {
            return Err(Error::PageCap { pages });
        }
        self.asked += 1;
        self.query.page_size = NonZeroU64::new(size as u64);
        let (scope, query) = (self.scope.clone(), self.query.clone());
        Ok(Box::pin(async move { R::page(&scope, &query).await }))
    }

    /// Begins to read the next page in a task of its own, so that it goes on whatever the consumer
    /// does meanwhile.
    fn read_ahead(&mut self) {
        if self.prefetch
            && matches!(self.state, State::Idle)
            && self.cap.is_none_or(|pages| self.asked < pages)
            && let Ok(reading) = self.read()
        {
            self.state = State::ReadingAhead(Ahead(tokio::spawn(reading)));
        }
    }

    fn poll_page(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<Result<R>>>>> {
        loop {
            let page = match &mut self.state {
                State::Done => return Poll::Ready(None),
                State::Failed(_) => match std::mem::replace(&mut self.state, State::Done) {
                    State::Failed(error) => Err(error),
                    _ => return Poll::Ready(None),
                },
                State::Idle => match self.read() {
                    Ok(reading) => {
                        self.state = State::Reading(reading);
                        continue;
                    }
                    Err(error) => Err(error),
                },
                State::Reading(reading) => ready!(reading.as_mut().poll(cx)),
                State::ReadingAhead(ahead) => ready!(ahead.poll(cx)),
            };
            self.state = State::Done;
            return Poll::Ready(Some(page.map(|page| {
                // What the page holds is good even if the way on from it is not.
                match self.follow(&page.meta) {
                    Ok(true) => self.state = State::Idle,
                    Ok(false) => {}
                    Err(error) => self.state = State::Failed(error),
                }
                page.records
            })));
        }
    }

    /// Takes what leads to the next page out of a page's `meta`: whether there is one.
    fn follow(&mut self, meta: &PageMeta) -> Result<bool> {
        let Some(next) = &meta.next_page_url else {
            return Ok(false);
        };
        // Only the token is taken, and sent to the address this list is at: credentials never go to
        // an address out of a response.
        let url = Url::parse(next);
        let parameter = |name: &str| {
            let mut pairs = url.iter().flat_map(Url::query_pairs);
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        match parameter("PageToken") {
            Some(token) if self.path.goes_on(&token) => self.query.page_token = Some(token),
            _ => {
                return Err(Error::Paging {
                    next_page_url: next.clone(),
                });
            }
        }
        self.query.page = parameter("Page").and_then(|page| page.parse().ok());
        Ok(true)
    }
}

impl<R: Listed> Unpin for Pages<R> {}

impl<R: Listed> Stream for Pages<R> {
    type Item = Result<Vec<R>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let page = ready!(self.poll_page(cx));
        self.read_ahead();
        Poll::Ready(page.map(|page| page?.into_iter().collect()))
    }
}

/// What a search makes of a record.
pub(crate) enum Found {
    Match,
    Other,
    /// Neither this record nor any behind it is looked for.
    End,
}

impl Found {
    pub(crate) fn if_matching(matches: bool) -> Self {
        if matches { Self::Match } else { Self::Other }
    }
}

/// The records of a list that are looked for, as a stream. Pages are read as they are needed.
///
/// A record that is looked for and does not fit its type is an error in its place; one that is not
/// looked for need not fit.
#[must_use = "a stream does nothing until it is polled"]
pub struct Search<R, S: Listed = R> {
    listing: Listing<S>,
    judge: Box<dyn Fn(&S) -> Found + Send + Sync>,
    /// Makes what is looked for of what is listed.
    read: Box<dyn Fn(S) -> Result<R> + Send + Sync>,
    remaining: Option<usize>,
}

impl<R, S: Listed> Debug for Search<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search")
            .field("listing", &self.listing)
            .finish_non_exhaustive()
    }
}

impl<R, S: Listed> Search<R, S> {
    pub(crate) fn new(
        listing: Listing<S>,
        judge: impl Fn(&S) -> Found + Send + Sync + 'static,
        read: impl Fn(S) -> Result<R> + Send + Sync + 'static,
    ) -> Self {
        Self {
            listing,
            judge: Box::new(judge),
            read: Box::new(read),
            remaining: None,
        }
    }

    /// How many matches the stream yields at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.remaining = Some(limit);
        self
    }

    /// How many records each request reads, 1 to 100. Default: 100.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.listing = self.listing.page_size(page_size);
        self
    }

    /// How many pages are read at most. If there are more, the stream ends with an
    /// [`Error::PageCap`].
    pub fn max_pages(mut self, max_pages: usize) -> Self {
        self.listing = self.listing.max_pages(max_pages);
        self
    }
}

impl<R, S: Listed> Unpin for Search<R, S> {}

impl<R, S: Listed> Stream for Search<R, S> {
    type Item = Result<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.remaining == Some(0) {
                this.listing.pages.state = State::Done;
                return Poll::Ready(None);
            }
            let record = match ready!(Pin::new(&mut this.listing).poll_next(cx)) {
                Some(Ok(record)) => record,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            match (this.judge)(&record) {
                Found::Match => {}
                Found::Other => continue,
                Found::End => {
                    this.remaining = Some(0);
                    continue;
                }
            }
            if let Some(remaining) = &mut this.remaining {
                *remaining -= 1;
            }
            return Poll::Ready(Some((this.read)(record)));
        }
    }
}
