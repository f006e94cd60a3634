//! Watches: the events of an object as a stream.

use std::fmt::{self, Debug};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::hub::{Hub, Subscribed};
use super::subscription::{Notice, Record, Removal, Subscription};
use super::wire::Kind;
use crate::documents::Document;
use crate::error::{Error, RealtimeError, Result};
use crate::items::Items;
use crate::lists::ListItem;
use crate::maps::MapItem;
use crate::objects::Objects;
use crate::resource::contract::Contract;
use crate::resource::key::IntoKey;
use crate::resource::kind::{Collection, Item};
use crate::resource::record::{self, Versioned};
use crate::resource::target::Target;
use crate::streams::Messages;
use crate::value::{Data, StreamMessageSid};

/// The events of one object, as a stream.
///
/// Nothing happens before it is polled. Then it shares the one connection of the client and its clones,
/// which is open as long as something is watched. Dropping it ends it. It has to be polled in a Tokio
/// runtime: a task of that serves the connection.
///
/// A lost connection is no error: the watch continues where it was, as [`Realtime::status`] shows. An
/// `Err` is either an event that cannot be read, or data that does not fit the type, after which the watch
/// continues; or final, such as a missing permission, after which it ends.
///
/// At most 1,024 events wait for a slow reader. Later ones are dropped, and the service sends those again
/// once the reader has caught up, or what has become of them.
///
/// The connection is served by a task in the Tokio runtime that polled first. If that runtime ends, the
/// next poll begins another one, and the watch goes on.
///
/// # Panics
///
/// When it is polled outside of a Tokio runtime.
///
/// [`Realtime::status`]: super::Realtime::status
#[must_use = "a watch does nothing unless it is polled"]
pub struct Watch<E> {
    target: Target,
    kind: Kind,
    with_initial: bool,
    progress: Progress,
    read: Reader<E>,
}

/// Makes an event of a notice; none for one that is of no interest.
type Reader<E> = fn(Notice, &Source) -> Option<Result<E>>;

/// The origin of a notice.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) contract: Option<Arc<Contract>>,
    /// The object, as `map "calls"`.
    pub(super) object: String,
}

#[derive(Debug)]
enum Progress {
    New,
    Begun(Arc<Subscribed>, Source),
    Ended,
}

impl<E> Debug for Watch<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("kind", &self.kind)
            .field("object", &self.target.name())
            .finish_non_exhaustive()
    }
}

impl<E> Watch<E> {
    pub(super) fn new(target: Target, kind: Kind, read: Reader<E>) -> Self {
        Self {
            target,
            kind,
            with_initial: true,
            progress: Progress::New,
            read,
        }
    }

    /// Returns `true` if events arrive as they happen.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(&self.progress, Progress::Begun(subscribed, _) if subscribed.is_live())
    }

    /// The object, as `map "calls"`.
    pub(super) fn object(&self) -> String {
        format!("{} \"{}\"", self.kind.name(), self.target.name())
    }

    /// The subscription, once it has begun; for as long as the watch is there.
    pub(super) fn subscribed(&self) -> Weak<Subscribed> {
        match &self.progress {
            Progress::Begun(subscribed, _) => Arc::downgrade(subscribed),
            Progress::New | Progress::Ended => Weak::new(),
        }
    }

    fn begin(&mut self) -> Result<()> {
        let key = self.target.key()?.to_owned();
        let hub = Hub::of(&self.target.sync)?;
        let subscription = Subscription::new(self.kind, key, self.with_initial);
        let source = Source {
            contract: self.target.contract.clone(),
            object: self.object(),
        };
        self.progress = Progress::Begun(Arc::new(hub.subscribe(subscription)), source);
        Ok(())
    }
}

impl<I> Watch<ItemEvent<I>>
where
    I: Item + Versioned,
{
    /// Emits only what changes from now on, and not what is there. The items are not read, so that the
    /// first change of an item that is there is an update whose `date_created` is that of the change.
    ///
    /// For the same reason a [`Resync`](ItemEvent::Resync) does not show all: an item that no event was
    /// emitted of before it is not reported if it was removed, and is reported as added if it was changed.
    pub fn skip_initial(mut self) -> Self {
        self.with_initial = false;
        self
    }
}

impl<T> Watch<DocumentEvent<T>> {
    /// Emits only what changes from now on, and not what is there.
    pub fn skip_initial(mut self) -> Self {
        self.with_initial = false;
        self
    }
}

impl<E> Stream for Watch<E> {
    type Item = Result<E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match &this.progress {
                Progress::Ended => return Poll::Ready(None),
                Progress::New => {
                    if let Err(error) = this.begin() {
                        this.progress = Progress::Ended;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Progress::Begun(subscribed, source) => {
                    let notice = std::task::ready!(subscribed.poll_next(context));
                    let Some(notice) = notice else {
                        this.progress = Progress::Ended;
                        return Poll::Ready(None);
                    };
                    if let Some(event) = (this.read)(notice, source) {
                        return Poll::Ready(Some(event));
                    }
                }
            }
        }
    }
}

/// An event of the items of a List or Map: [`MapEvent`], [`ListEvent`].
///
/// The events of an item come in the order of the service, and none comes twice. While the service can
/// replay what was missed, none is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ItemEvent<I: Item + Versioned> {
    /// An item that was there when the watch began.
    Initial(I),
    /// All that was there has been emitted, and all that changed meanwhile. What follows is live.
    Ready,
    /// An item was added. Its `created_by` is empty, since the event does not say it.
    Added(I),
    /// An item was changed.
    Updated(I),
    /// An item was removed, or has expired.
    Removed(RemovedItem<I::Position, I::Data>),
    /// The service cannot replay what was missed. The events from here to the next
    /// [`Ready`](Self::Ready) are the difference between what was emitted and what is there, and not each
    /// change. After [`skip_initial`](Watch::skip_initial) it is the difference in the items that events
    /// were emitted of.
    Resync,
    /// The List or Map was removed, or has expired. The watch ends.
    Gone,
}

/// An event of the items of a Map.
pub type MapEvent<T> = ItemEvent<MapItem<T>>;

/// An event of the items of a List.
pub type ListEvent<T> = ItemEvent<ListItem<T>>;

/// An item that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemovedItem<P, T> {
    /// Its index or key.
    pub position: P,
    /// The last data of it; `None` if that is not known, or does not fit the type.
    pub data: Option<T>,
}

/// An event of a Document. The events come in the order of the service, and none comes twice.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DocumentEvent<T> {
    /// The Document as it was when the watch began.
    Initial(Document<T>),
    /// All that changed while the watch began has been emitted. What follows is live.
    Ready,
    /// The Document was changed.
    Updated(Document<T>),
    /// The service cannot replay what was missed: until the next [`Ready`](Self::Ready), the newest state
    /// is emitted if it is another, and not each change.
    Resync,
    /// The Document was removed, or has expired. The watch ends.
    Gone,
}

/// An event of a Message Stream. Messages are not replayed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MessageEvent<T> {
    /// Messages arrive from here on.
    Ready,
    /// A message was published.
    Message(Message<T>),
    /// The connection was lost, or the reader too slow: messages may have been missed.
    Missed,
    /// The Message Stream was removed, or has expired. The watch ends.
    Gone,
}

/// A message of a Message Stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message<T> {
    /// Its SID.
    pub sid: StreamMessageSid,
    /// The value.
    pub data: T,
}

impl<C, T> Items<C, T>
where
    C: Collection,
    T: DeserializeOwned + Send + 'static,
{
    /// Watches the items: those that are there, then each change as it happens. It reads the object and
    /// its items, 50 in a request over the connection, and costs no more after that.
    ///
    /// The identity of the client needs permission to read, even if the credentials may read all.
    ///
    /// # Errors
    ///
    /// The first event is an `Err` if the client has no [identity], there is no such List or Map
    /// ([`is_not_found`]), or the identity may not read it ([`is_forbidden`]).
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use serde_json::{Value, json};
    /// use twilio_sync::realtime::MapEvent;
    ///
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// let sync = emulator.client()?.with_identity("wallboard");
    /// sync.maps().create("calls").await?;
    /// let calls = sync.map::<Value>("calls");
    /// calls.set("CA1", &json!({"state": "ringing"})).await?;
    ///
    /// let mut watch = calls.watch();
    /// while let Some(event) = watch.try_next().await? {
    ///     match event {
    ///         MapEvent::Initial(item) => println!("{} is {}", item.key, item.data["state"]),
    ///         MapEvent::Ready => drop(calls.set("CA1", &json!({"state": "answered"})).await?),
    ///         MapEvent::Updated(item) => {
    ///             assert_eq!(item.data["state"], "answered");
    ///             break;
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    ///
    /// [identity]: crate::SyncClientBuilder::identity
    /// [`is_not_found`]: crate::Error::is_not_found
    /// [`is_forbidden`]: crate::Error::is_forbidden
    pub fn watch(&self) -> Watch<ItemEvent<C::Item<T>>> {
        Watch::new(self.target.clone(), kind_of::<C>(), item_event)
    }
}

impl<T: DeserializeOwned + Send + 'static> Objects<Document<T>> {
    /// Watches a Document: as it is, then each change as it happens. It reads the Document in one request
    /// over the connection.
    ///
    /// # Errors
    ///
    /// As [`Items::watch`].
    pub fn watch(&self, key: impl IntoKey<Document<T>>) -> Watch<DocumentEvent<T>> {
        Watch::new(self.target.object(key), Kind::Document, document_event)
    }
}

impl<T: DeserializeOwned> Messages<T> {
    /// Listens to the messages that are published from now on.
    ///
    /// # Errors
    ///
    /// As [`Items::watch`].
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use serde_json::{Value, json};
    /// use twilio_sync::realtime::MessageEvent;
    ///
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// let sync = emulator.client()?.with_identity("wallboard");
    /// sync.streams().create("events").await?;
    /// let events = sync.stream::<Value>("events");
    ///
    /// let mut messages = events.listen();
    /// while let Some(event) = messages.try_next().await? {
    ///     match event {
    ///         MessageEvent::Ready => drop(events.publish(&json!({"call": "answered"})).await?),
    ///         MessageEvent::Message(message) => {
    ///             assert_eq!(message.data["call"], "answered");
    ///             break;
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    pub fn listen(&self) -> Watch<MessageEvent<T>> {
        Watch::new(self.target.clone(), Kind::Stream, message_event)
    }
}

/// The kind of a List or Map.
pub(super) fn kind_of<C: Collection>() -> Kind {
    if C::FETCH == crate::api::Operation::FetchSyncList {
        Kind::List
    } else {
        Kind::Map
    }
}

fn item_event<I>(notice: Notice, source: &Source) -> Option<Result<ItemEvent<I>>>
where
    I: Item + Versioned,
{
    let event = match notice {
        Notice::Initial(record) => source.record(&record).map(ItemEvent::Initial),
        Notice::Added(record) => source.record(&record).map(ItemEvent::Added),
        Notice::Updated(record) => source.record(&record).map(ItemEvent::Updated),
        Notice::Removed(removal) => source.removal::<I>(&removal).map(ItemEvent::Removed),
        Notice::Ready(_) => Ok(ItemEvent::Ready),
        Notice::Resync => Ok(ItemEvent::Resync),
        Notice::Gone => Ok(ItemEvent::Gone),
        Notice::Failed(error) => Err(error),
        Notice::Message { .. } | Notice::Missed => return None,
    };
    Some(event)
}

fn document_event<T>(notice: Notice, source: &Source) -> Option<Result<DocumentEvent<T>>>
where
    T: DeserializeOwned + Send + 'static,
{
    let event = match notice {
        Notice::Initial(record) => source.record(&record).map(DocumentEvent::Initial),
        Notice::Added(record) | Notice::Updated(record) => {
            source.record(&record).map(DocumentEvent::Updated)
        }
        Notice::Ready(_) => Ok(DocumentEvent::Ready),
        Notice::Resync => Ok(DocumentEvent::Resync),
        Notice::Gone => Ok(DocumentEvent::Gone),
        Notice::Failed(error) => Err(error),
        Notice::Removed(_) | Notice::Message { .. } | Notice::Missed => return None,
    };
    Some(event)
}

fn message_event<T>(notice: Notice, source: &Source) -> Option<Result<MessageEvent<T>>>
where
    T: DeserializeOwned,
{
    let event = match notice {
        Notice::Message { sid, data } => source.message(&sid, &data).map(MessageEvent::Message),
        Notice::Ready(_) => Ok(MessageEvent::Ready),
        Notice::Missed => Ok(MessageEvent::Missed),
        Notice::Gone => Ok(MessageEvent::Gone),
        Notice::Failed(error) => Err(error),
        _ => return None,
    };
    Some(event)
}

impl Source {
    /// The record as it came, with its data unread.
    pub(super) fn raw<R: DeserializeOwned>(&self, record: &Record) -> Result<R> {
        serde_json::from_str(&record.json).map_err(|error| self.unreadable(&error))
    }

    fn record<R: Versioned>(&self, record: &Record) -> Result<R> {
        // In one pass, unless a contract is held against the data as it came.
        if self.contract.is_none()
            && let Ok(record) = serde_json::from_str::<R>(&record.json)
        {
            return Ok(record.bound());
        }
        self.typed(self.raw(record)?)
    }

    /// Decodes the data of a record.
    pub(super) fn typed<R: Versioned>(&self, raw: R::Untyped) -> Result<R> {
        R::typed(record::Record::bound(raw), self.contract.as_deref(), false)
    }

    fn removal<I>(&self, removal: &Removal) -> Result<RemovedItem<I::Position, I::Data>>
    where
        I: Item + Versioned,
    {
        let data = removal.data.as_ref();
        Ok(RemovedItem {
            position: self.position::<I>(removal)?,
            data: data.and_then(|data| self.data(data).ok()),
        })
    }

    /// The index or key of an item that was removed.
    pub(super) fn position<I: Item>(&self, removal: &Removal) -> Result<I::Position> {
        let position = I::Position::from_str(&removal.position.to_string());
        position.map_err(|_| {
            self.unreadable(&format!(
                "\"{}\" is no index or key of it",
                removal.position
            ))
        })
    }

    fn message<T: DeserializeOwned>(&self, sid: &str, data: &RawValue) -> Result<Message<T>> {
        let sid = serde_json::from_value(sid.into()).map_err(|error| self.unreadable(&error))?;
        Ok(Message {
            sid,
            data: self.data(data)?,
        })
    }

    fn data<T: DeserializeOwned>(&self, data: &RawValue) -> Result<T> {
        let data: Data = serde_json::from_str(data.get()).map_err(|it| self.unreadable(&it))?;
        record::decode(&data, self.contract.as_deref(), false, || {
            self.object.clone()
        })
    }

    pub(super) fn unreadable(&self, reason: &impl ToString) -> Error {
        let object = self.object.clone();
        let reason = reason.to_string();
        RealtimeError::Event { object, reason }.into()
    }
}
