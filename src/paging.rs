//! Pages of the service as one stream of records.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use url::Url;

use crate::api::types::{Bounds, Order, PageMeta};
use crate::error::{Error, InputError, Result};
use crate::resource::{CallFuture, Item};

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

/// A kind of record that the service lists in pages. Implemented by this crate only.
pub trait Listed: Sized + Send + 'static {
    /// What the list is of.
    type Scope: Clone + Debug + Send + Sync + 'static;

    /// Reads one page.
    fn page(
        scope: &Self::Scope,
        query: &PageQuery,
    ) -> impl Future<Output = Result<Page<Self>>> + Send;
}

/// A list of records as a stream: pages are read as they are needed, and none before the first
/// poll.
///
/// A record that does not fit its type is an error in its place, and the stream goes on; a page that
/// cannot be read is an error and the end. Combinators are in `futures::TryStreamExt`.
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
    scope: R::Scope,
    query: PageQuery,
    page_size: Option<usize>,
    /// How many records are still to come, at most.
    remaining: Option<usize>,
    state: State<R>,
}

enum State<R> {
    Idle,
    Reading(CallFuture<Page<R>>),
    Read {
        records: VecDeque<Result<R>>,
        has_next: bool,
    },
    Done,
}

impl<R: Listed> Debug for Listing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("scope", &self.scope)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

impl<R: Listed> Listing<R> {
    pub(crate) fn new(scope: R::Scope) -> Self {
        Self {
            scope,
            query: PageQuery::default(),
            page_size: None,
            remaining: None,
            state: State::Idle,
        }
    }

    /// How many records each request reads, 1 to 100. Default: 100, or the limit if that is less.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.page_size = Some(page_size);
        self
    }

    /// How many records the stream yields at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.remaining = Some(limit);
        self
    }

    /// Begins to read a page: the first, or the one that the query's token stands for.
    fn read(&mut self) -> Result<CallFuture<Page<R>>> {
        let size = match self.page_size {
            Some(size) if (1..=MAX_PAGE_SIZE).contains(&size) => size,
            Some(size) => {
                return Err(InputError::PageSize {
                    size,
                    limit: MAX_PAGE_SIZE,
                }
                .into());
            }
            None => self
                .remaining
                .map_or(MAX_PAGE_SIZE, |remaining| remaining.clamp(1, MAX_PAGE_SIZE)),
        };
        // Later pages keep the size of the first one.
        self.page_size = Some(size);
        self.query.page_size = NonZeroU64::new(size as u64);
        let (scope, query) = (self.scope.clone(), self.query.clone());
        Ok(Box::pin(async move { R::page(&scope, &query).await }))
    }

    /// Takes what leads to the next page out of a page's `meta`: whether there is one.
    fn follow(&mut self, meta: &PageMeta) -> Result<bool> {
        let Some(next) = &meta.next_page_url else {
            return Ok(false);
        };
        // Only the token is taken, and sent to the address this listing is for: credentials never
        // go to an address out of a response.
        let url = Url::parse(next);
        let parameter = |name: &str| {
            let mut pairs = url.iter().flat_map(Url::query_pairs);
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        let token = parameter("PageToken");
        if token.is_none() || token == self.query.page_token {
            return Err(Error::Paging {
                next_page_url: next.clone(),
            });
        }
        self.query.page_token = token;
        self.query.page = parameter("Page").and_then(|page| page.parse().ok());
        Ok(true)
    }
}

impl<R: Listed + Item> Listing<R> {
    /// Lowest first or highest first, by index or key. Default: lowest first.
    pub fn order(mut self, order: Order) -> Self {
        self.query.order = Some(order);
        self
    }

    /// The index or key to start at; it need not exist.
    #[allow(clippy::should_implement_trait, clippy::needless_pass_by_value)]
    pub fn from(mut self, position: impl Into<R::Position>) -> Self {
        self.query.from = Some(position.into().to_string());
        self
    }

    /// Whether the item at the position given to [`from`](Self::from) is included. Default: it is.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.query.bounds = Some(bounds);
        self
    }
}

impl<R: Listed> Unpin for Listing<R> {}

impl<R: Listed> Stream for Listing<R> {
    type Item = Result<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let this = &mut *self;
            if this.remaining == Some(0) {
                this.state = State::Done;
            }
            match &mut this.state {
                State::Done => return Poll::Ready(None),
                State::Idle => match this.read() {
                    Ok(reading) => this.state = State::Reading(reading),
                    Err(error) => {
                        this.state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                State::Reading(reading) => {
                    let page = ready!(reading.as_mut().poll(cx));
                    // What the page holds is good even if the way on from it is not.
                    let (records, followed) = match page {
                        Ok(page) => (page.records, this.follow(&page.meta)),
                        Err(error) => (Vec::new(), Err(error)),
                    };
                    let mut records = VecDeque::from(records);
                    let has_next = followed.unwrap_or_else(|error| {
                        records.push_back(Err(error));
                        false
                    });
                    this.state = State::Read { records, has_next };
                }
                State::Read { records, has_next } => {
                    if let Some(record) = records.pop_front() {
                        if let Some(remaining) = &mut this.remaining {
                            *remaining -= 1;
                        }
                        return Poll::Ready(Some(record));
                    }
                    this.state = if *has_next { State::Idle } else { State::Done };
                }
            }
        }
    }
}
