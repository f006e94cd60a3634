//! Listings: pages of the service as one stream of records.

use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use tokio::task::JoinHandle;
use url::Url;

use crate::api::types::{Bounds, Order};
use crate::api::{Call, CallFuture, RawResponse};
use crate::error::{Error, Result};
use crate::resource::contract::Contract;
use crate::resource::key::Position;
use crate::resource::kind::Item;
use crate::resource::record::Record;
use crate::resource::target::Target;
use crate::value::InputError;

/// Most pages without a record that are read one after the other.
const MAX_EMPTY_PAGES: usize = 100;

/// Most records in one page.
pub const MAX_PAGE_SIZE: usize = 100;

/// The options of a request for one page.
#[derive(Clone, Debug, Default)]
struct PageQuery {
    order: Option<Order>,
    from: Option<String>,
    bounds: Option<Bounds>,
    page_size: Option<NonZeroU64>,
    next: Option<NextPage>,
}

/// The part of a page that leads to the next one.
#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    next_page_url: Option<String>,
}

/// A page as the service sends it: its records under the name that their kind has there.
struct RawPage<R> {
    records: Vec<R>,
    meta: Meta,
}

impl<'de, R: Record> Deserialize<'de> for RawPage<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PageVisitor(PhantomData))
    }
}

struct PageVisitor<R>(PhantomData<fn() -> R>);

impl<'de, R: Record> Visitor<'de> for PageVisitor<R> {
    type Value = RawPage<R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a page with `{}` and `meta`", R::MEMBER)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut records, mut meta) = (None, None);
        while let Some(name) = members.next_key::<String>()? {
            if name == R::MEMBER {
                records = Some(members.next_value()?);
            } else if name == "meta" {
                meta = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(RawPage {
            records: records.ok_or_else(|| de::Error::missing_field(R::MEMBER))?,
            meta: meta.ok_or_else(|| de::Error::missing_field("meta"))?,
        })
    }
}

/// The decision about a record of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Match,
    Other,
    /// Neither this record nor any behind it is.
    End,
}

impl Found {
    pub(crate) fn if_matching(matches: bool) -> Self {
        if matches { Self::Match } else { Self::Other }
    }
}

/// Judges a record as it came, by the order of the list: one that is not looked for need not fit its
/// type.
type Judge<R> = Arc<dyn Fn(&<R as Record>::Raw, Order) -> Found + Send + Sync>;

/// A test of records.
type Test<R> = Box<dyn Fn(&R) -> bool + Send + Sync>;

/// A page as a stream wants it.
struct Page<R> {
    /// One that does not fit its type costs no other.
    records: Vec<Result<R>>,
    /// `true` if the service sent no record at all.
    is_empty: bool,
    next_page_url: Option<String>,
}

impl<R: Record> Page<R> {
    fn read(
        response: &RawResponse,
        contract: Option<&Contract>,
        judge: Option<&Judge<R>>,
        order: Order,
    ) -> Result<Self> {
        // In one pass, unless records must be looked at as they came.
        if contract.is_none()
            && judge.is_none()
            && let Some(page) = response.json_if_it_fits::<RawPage<R>>()?
        {
            return Ok(Self {
                is_empty: page.records.is_empty(),
                records: page
                    .records
                    .into_iter()
                    .map(|record| Ok(record.bound()))
                    .collect(),
                next_page_url: page.meta.next_page_url,
            });
        }
        let page: RawPage<R::Raw> = response.json()?;
        let is_empty = page.records.is_empty();
        let mut next_page_url = page.meta.next_page_url;
        let mut records = Vec::new();
        for raw in page.records {
            match judge.map_or(Found::Match, |judge| judge(&raw, order)) {
                Found::Match => records.push(R::typed(raw.bound(), contract, false)),
                Found::Other => {}
                Found::End => {
                    next_page_url = None;
                    break;
                }
            }
        }
        Ok(Self {
            records,
            is_empty,
            next_page_url,
        })
    }
}

/// A list of records as a stream: pages are read as they are needed, and none before the first
/// poll. While the records of one page are consumed, the next is read already.
///
/// A record that does not fit its type is an error in its place, and the stream goes on; a page that
/// cannot be read, or the 100th page in a row without a record, is an error and the end. Dropping the stream
/// ends it, with the page that is being read. Combinators are in `futures::TryStreamExt`.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// use futures_util::TryStreamExt;
/// use twilio_sync::listing::Order;
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
pub struct Listing<R: Record> {
    pages: Pages<R>,
    /// The most records that are still to be yielded.
    remaining: Option<usize>,
    /// The records of the current page.
    records: VecDeque<Result<R>>,
    /// A test that records must pass.
    test: Option<Test<R>>,
}

impl<R: Record> Debug for Listing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listing").field(&self.pages).finish()
    }
}

impl<R: Record> Listing<R> {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            pages: Pages::new(target),
            remaining: None,
            records: VecDeque::new(),
            test: None,
        }
    }

    /// A listing that fails with an error, and sends nothing.
    pub(crate) fn failed(mut self, error: InputError) -> Self {
        self.pages.failure = Some(error.into());
        self
    }

    /// The records that a function finds among those that came.
    pub(crate) fn judged(
        mut self,
        judge: impl Fn(&R::Raw, Order) -> Found + Send + Sync + 'static,
    ) -> Self {
        self.pages.judge = Some(Arc::new(judge));
        self
    }

    /// Sets how many records each request reads, 1 to 100. Default: 100, or the limit if that is less and all
    /// records are wanted.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.pages.page_size = Some(page_size);
        self
    }

    /// Sets how many records the stream yields at most.
    pub fn limit(mut self, limit: usize) -> Self {
        self.remaining = Some(limit);
        self
    }

    /// Sets how many pages are read at most. If there are more, the stream ends with an
    /// [`Error::PageCap`].
    pub fn max_pages(mut self, max_pages: usize) -> Self {
        self.pages.cap = Some(max_pages);
        self
    }

    /// Sets whether the next page is read while the current one is consumed. Default: yes.
    pub fn prefetch(mut self, prefetch: bool) -> Self {
        self.pages.prefetch = prefetch;
        self
    }

    /// The same list as a stream of pages. A limit on records and a test of them do not apply to it.
    pub fn pages(self) -> Pages<R> {
        self.pages
    }

    /// The records that pass a test, as a stream. All pages are read, unless its limit or cap ends it.
    pub fn matching(mut self, test: impl Fn(&R) -> bool + Send + Sync + 'static) -> Self {
        self.test = Some(match self.test.take() {
            None => Box::new(test),
            Some(first) => Box::new(move |record| first(record) && test(record)),
        });
        self
    }

    /// Returns `true` if a record that was read is one of the stream.
    fn is_wanted(&self, record: &Result<R>) -> bool {
        match (record, &self.test) {
            (Ok(record), Some(test)) => test(record),
            _ => true,
        }
    }
}

impl<R: Record + Item> Listing<R> {
    /// Lowest first or highest first, by index or key. Default: lowest first.
    pub fn order(mut self, order: Order) -> Self {
        self.pages.query.order = Some(order);
        self
    }

    /// The index or key to start at; it need not exist.
    #[allow(
        clippy::should_implement_trait,
        reason = "the name of the API's parameter"
    )]
    pub fn from(mut self, position: impl Into<Position<R::Collection>>) -> Self {
        match position.into().into_text() {
            Ok(text) => self.pages.query.from = Some(text),
            Err(error) => self.pages.failure = Some((*error).into()),
        }
        self
    }

    /// The items whose keys begin with a text. Only the pages that hold them are read.
    pub(crate) fn with_prefix(mut self, prefix: String, key: fn(&R::Raw) -> &str) -> Self {
        self.pages.prefix = Some(prefix.clone());
        self.prefetch(false).judged(move |raw, order| {
            let key = key(raw);
            let is_before = match order {
                Order::Asc => key < prefix.as_str(),
                Order::Desc => key > prefix.as_str(),
            };
            match key.starts_with(&prefix) {
                true => Found::Match,
                false if is_before => Found::Other,
                false => Found::End,
            }
        })
    }

    /// Starts at a text that need not be a key.
    pub(crate) fn starting_at(mut self, text: String) -> Self {
        self.pages.query.from = Some(text);
        self
    }

    /// Sets whether the item at the position given to [`from`](Self::from) is included. Default: it is.
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.pages.query.bounds = Some(bounds);
        self
    }
}

impl<R: Record> Unpin for Listing<R> {}

impl<R: Record> Stream for Listing<R> {
    type Item = Result<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let reads_all = this.test.is_none() && this.pages.judge.is_none();
        if let (None, Some(limit), true) = (this.pages.page_size, this.remaining, reads_all) {
            this.pages.page_size = Some(limit.min(MAX_PAGE_SIZE));
        }
        let mut has_read = false;
        loop {
            if this.remaining == Some(0) {
                this.pages.state = State::Done;
                return Poll::Ready(None);
            }
            while let Some(record) = this.records.pop_front() {
                if this.is_wanted(&record) {
                    if let Some(remaining) = &mut this.remaining {
                        *remaining -= 1;
                    }
                    return Poll::Ready(Some(record));
                }
            }
            if has_read {
                // Other tasks run between pages of which no record is wanted.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(this.pages.poll_page(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(records)) => this.records = records.into(),
            }
            has_read = true;
            // A page that will not be needed is not asked for.
            let remaining = this.remaining.unwrap_or(usize::MAX);
            if !reads_all || remaining > this.records.len() {
                this.pages.read_ahead();
            }
        }
    }
}

/// A list as a stream of pages. A page with a record that does not fit its type is an error in its
/// place, and the stream goes on; a page that cannot be read is an error and the end.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<R: Record> {
    target: Target,
    query: PageQuery,
    judge: Option<Judge<R>>,
    /// The text that the keys that are looked for begin with.
    prefix: Option<String>,
    page_size: Option<usize>,
    cap: Option<usize>,
    prefetch: bool,
    /// An option that cannot be sent.
    failure: Option<Error>,
    /// The number of pages that were requested so far.
    asked: usize,
    cursor: Cursor,
    state: State<R>,
}

/// The way from page to page of a list, for lists that are read by [`api`](crate::SyncClient::api): [`Listing`]
/// and [`Pages`] go that way themselves.
///
/// It ends with an error where it would have no end: at a page that leads back to one before it, and at the
/// 100th page in a row without a record.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    path: Path,
    /// The number of the latest pages that had no record.
    empty: usize,
}

/// The parameters that ask for the next page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextPage {
    /// The parameter `PageToken`.
    pub token: String,
    /// The parameter `Page`, if the service gave it.
    pub page: Option<u64>,
}

impl Cursor {
    /// Takes what leads to the next page out of its address, which is in the `meta` of a page. `None` if the
    /// page is the last one. `is_empty` says whether the page has no record.
    ///
    /// Only the parameters of that address are used, in requests to the client's own: credentials are never
    /// sent to an address from a response.
    ///
    /// # Errors
    ///
    /// [`Error::Paging`] if the way leads nowhere new.
    pub fn follow(
        &mut self,
        next_page_url: Option<&str>,
        is_empty: bool,
    ) -> Result<Option<NextPage>> {
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        let Some(next) = next_page_url else {
            return Ok(None);
        };
        let url = Url::parse(next);
        let parameter = |name: &str| {
            let mut pairs = url.iter().flat_map(Url::query_pairs);
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        match parameter("PageToken") {
            Some(token) if self.empty < MAX_EMPTY_PAGES && self.path.goes_on(&token) => {
                let page = parameter("Page").and_then(|page| page.parse().ok());
                Ok(Some(NextPage { token, page }))
            }
            _ => Err(Error::Paging {
                next_page_url: next.to_owned(),
            }),
        }
    }
}

/// The tokens from page to page, to notice a circle.
///
/// By Brent's algorithm: one token is stored, and another one each time the number of steps has doubled.
/// However long the list, that takes no more memory, and a circle is noticed within three times its length.
#[derive(Clone, Debug, Default)]
struct Path {
    stored: Option<String>,
    steps: u64,
}

impl Path {
    /// Takes a step, unless it leads back to a page before.
    fn goes_on(&mut self, token: &str) -> bool {
        if self.stored.as_deref() == Some(token) {
            return false;
        }
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.stored = Some(token.to_owned());
        }
        true
    }
}

enum State<R> {
    /// The next page is to be read.
    Idle,
    Reading(CallFuture<Page<R>>),
    ReadingAhead(Ahead<Page<R>>),
    /// The address of the next page is not one that leads on.
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

impl<R: Record> Debug for Pages<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("target", &self.target)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

impl<R: Record> Pages<R> {
    fn new(target: Target) -> Self {
        Self {
            target,
            query: PageQuery::default(),
            judge: None,
            prefix: None,
            page_size: None,
            cap: None,
            prefetch: true,
            failure: None,
            asked: 0,
            cursor: Cursor::default(),
            state: State::Idle,
        }
    }
}

impl<R: Record> Pages<R> {
    /// The call that reads a page: the first, or the one that the query's token stands for.
    fn call(&self) -> Call<Page<R>> {
        let (contract, judge) = (self.target.contract.clone(), self.judge.clone());
        let query = &self.query;
        let order = query.order.unwrap_or(Order::Asc);
        // The keys with a prefix stand together; from which side they are reached depends on the order.
        let start = match (&query.from, &self.prefix, order) {
            (Some(from), ..) => Some(from.clone()),
            (None, Some(prefix), Order::Desc) => Some(format!("{prefix}{}", char::MAX)),
            (None, prefix, _) => prefix.clone(),
        };
        let bounds = query.bounds.filter(|_| query.from.is_some());
        self.target
            .call::<()>(R::LIST)
            .read_by(Box::new(move |response| {
                Page::read(response, contract.as_deref(), judge.as_ref(), order)
            }))
            .with_query("Order", query.order)
            .with_query("From", start)
            .with_query("Bounds", bounds)
            .with_query("PageSize", query.page_size)
            .with_query("Page", query.next.as_ref().and_then(|next| next.page))
            .with_query("PageToken", query.next.as_ref().map(|next| &next.token))
    }

    /// Begins to read a page.
    fn read(&mut self) -> Result<CallFuture<Page<R>>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let size = self.page_size.unwrap_or(MAX_PAGE_SIZE);
        if !(1..=MAX_PAGE_SIZE).contains(&size) {
            let limit = MAX_PAGE_SIZE;
            return Err(InputError::PageSize { size, limit }.into());
        }
        if let Some(pages) = self.cap
            && self.asked >= pages
        {
            return Err(Error::PageCap { pages });
        }
        self.asked += 1;
        self.query.page_size = NonZeroU64::new(size as u64);
        Ok(self.call().into_future())
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
                State::Reading(reading) => ready!(Pin::new(reading).poll(cx)),
                State::ReadingAhead(ahead) => ready!(ahead.poll(cx)),
            };
            self.state = State::Done;
            return Poll::Ready(Some(page.map(|page| {
                let next = page.next_page_url.as_deref();
                // What the page holds is good even if the way on from it is not.
                match self.cursor.follow(next, page.is_empty) {
                    Ok(Some(next)) => {
                        self.query.next = Some(next);
                        self.state = State::Idle;
                    }
                    Ok(None) => {}
                    Err(error) => self.state = State::Failed(error),
                }
                page.records
            })));
        }
    }
}

impl<R: Record> Unpin for Pages<R> {}

impl<R: Record> Stream for Pages<R> {
    type Item = Result<Vec<R>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let page = ready!(self.poll_page(cx));
        self.read_ahead();
        Poll::Ready(page.map(|page| page?.into_iter().collect()))
    }
}
