//! Views: an object as it is now, kept up to date.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::hub::Subscribed;
use super::subscription::Notice;
use super::watch::{Source, Watch, kind_of};
use super::wire::{EventId, Kind};
use crate::documents::Document;
use crate::error::{EndCause, Error, RealtimeError, Result};
use crate::items::Items;
use crate::lists::ListItem;
use crate::maps::MapItem;
use crate::objects::Objects;
use crate::resource::key::IntoKey;
use crate::resource::kind::{Collection, Item};
use crate::resource::record::Versioned;
use crate::resource::target::Target;
use crate::value::{Data, InputError, Revision};

/// An object as it is now, in the memory of this program: [`MapView`], [`ListView`], [`DocumentView`].
///
/// It is kept up to date until it and its clones are dropped, by a task of the Tokio runtime in which it
/// was made. Reading it takes no request, and holds no lock when it returns. While the connection is lost
/// it stays as it was, and [`is_live`](Self::is_live) returns `false`.
///
/// A write of nothing but a time to live is no event of an item: its `date_expires` stays as it was until
/// the item is written or expires.
pub struct View<S> {
    shared: Arc<Shared<S>>,
    changes: watch::Receiver<u64>,
    /// Ends the task that keeps it up to date, once no clone is left.
    task: Arc<Task>,
}

/// The items of a Map as they are now, by key.
pub type MapView<T> = View<ItemsState<MapItem<T>>>;

/// The items of a List as they are now, by index.
pub type ListView<T> = View<ItemsState<ListItem<T>>>;

/// A Document as it is now.
pub type DocumentView<T> = View<DocumentState<T>>;

/// The items in a view, in the order of their indexes or keys.
pub type ItemsState<I> = BTreeMap<<I as Item>::Position, Arc<I>>;

/// The Document in a view; `None` if its data does not fit the type.
pub type DocumentState<T> = Option<Arc<Document<T>>>;

struct Shared<S> {
    now: Mutex<Now<S>>,
    /// The number of changes.
    changes: watch::Sender<u64>,
    subscribed: Weak<Subscribed>,
}

struct Now<S> {
    /// A snapshot that is held elsewhere is copied before the next change.
    state: Arc<S>,
    /// The number of the last event up to which all are in it; none while all is read again: items come
    /// in the order of their keys then, and those of a backup have lower numbers than before.
    last: Option<EventId>,
    /// The errors of what is not in it, since its data does not fit the type, by index or key.
    unreadable: BTreeMap<String, Arc<Error>>,
    end: Option<RealtimeError>,
}

impl<S: Default> Default for Now<S> {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            last: None,
            unreadable: BTreeMap::new(),
            end: None,
        }
    }
}

struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A change of a view.
enum Change<P, R> {
    Set {
        position: P,
        record: Result<R>,
        event: EventId,
        /// It is all of the object, and so its event is the last one.
        is_whole: bool,
    },
    Remove {
        position: P,
        event: Option<EventId>,
    },
    /// All is read again.
    Resync,
    /// All up to an event is in it; none if the records say which is the last one.
    Ready(Option<EventId>),
    /// The object was removed.
    Gone,
}

impl<S> Clone for View<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            changes: self.changes.clone(),
            task: Arc::clone(&self.task),
        }
    }
}

impl<S> Debug for View<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.shared.now();
        f.debug_struct("View")
            .field("last_event", &now.last)
            .field("end", &now.end)
            .finish_non_exhaustive()
    }
}

impl<S> Shared<S> {
    fn now(&self) -> MutexGuard<'_, Now<S>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Now<S> {
    /// Makes a change, where `set` puts a record into the state or takes it out.
    fn change<P: Display, R>(&mut self, change: Change<P, R>, set: Set<S, P, R>)
    where
        S: Clone,
    {
        let (position, record) = match change {
            Change::Set {
                position,
                record,
                event,
                is_whole,
            } => {
                self.last = if is_whole {
                    Some(event)
                } else {
                    self.last.map(|last| last.max(event))
                };
                (position, Some(record))
            }
            Change::Remove { position, event } => {
                self.last = self.last.map(|last| event.unwrap_or(last).max(last));
                (position, None)
            }
            Change::Resync => {
                self.last = None;
                return;
            }
            Change::Ready(event) => {
                self.last = event.or(self.last);
                return;
            }
            Change::Gone => return,
        };
        let name = position.to_string();
        self.unreadable.remove(&name);
        let record = match record {
            Some(Ok(record)) => Some(Arc::new(record)),
            Some(Err(error)) => {
                self.unreadable.insert(name, Arc::new(error));
                None
            }
            None => None,
        };
        set(Arc::make_mut(&mut self.state), position, record);
    }
}

type Set<S, P, R> = fn(&mut S, P, Option<Arc<R>>);

impl<S: Clone + Default + Send + Sync + 'static> View<S> {
    /// A view of what a watch emits, which is complete when it returns.
    async fn new<P, R>(mut watch: Watch<Change<P, R>>, set: Set<S, P, R>) -> Result<Self>
    where
        P: Display + Send + 'static,
        R: Send + Sync + 'static,
    {
        let object = watch.object();
        let mut now = Now::default();
        loop {
            let cause = match watch.try_next().await? {
                Some(Change::Gone) => EndCause::Removed,
                Some(change) => {
                    let is_ready = matches!(change, Change::Ready(_));
                    now.change(change, set);
                    if is_ready {
                        break;
                    }
                    continue;
                }
                None => EndCause::Closed,
            };
            return Err(RealtimeError::Ended { object, cause }.into());
        }
        let (changes, receiver) = watch::channel(0);
        let shared = Arc::new(Shared {
            now: Mutex::new(now),
            changes,
            subscribed: watch.subscribed(),
        });
        let kept = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let cause = loop {
                match watch.try_next().await {
                    Ok(Some(Change::Gone)) => break EndCause::Removed,
                    Ok(Some(change)) => kept.now().change(change, set),
                    Ok(None) => break EndCause::Closed,
                    Err(error) => break EndCause::Failed(Arc::new(error)),
                }
                kept.changes.send_modify(|changes| *changes += 1);
            };
            let end = RealtimeError::Ended { object, cause };
            kept.now().end = Some(end);
            kept.changes.send_modify(|changes| *changes += 1);
        });
        Ok(Self {
            shared,
            changes: receiver,
            task: Arc::new(Task(task.abort_handle())),
        })
    }
}

impl<S> View<S> {
    /// The state now. It stays as it is, whatever changes. Taking it costs nothing; the next change of
    /// the view after that copies the state once, without its records.
    #[must_use]
    pub fn snapshot(&self) -> Arc<S> {
        Arc::clone(&self.shared.now().state)
    }

    /// Returns `true` if changes arrive as they happen.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let subscribed = self.shared.subscribed.upgrade();
        subscribed.is_some_and(|subscribed| subscribed.is_live())
    }

    /// The errors of the records that are not in the view, since their data does not fit the type.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Arc<Error>> {
        self.shared.now().unreadable.values().cloned().collect()
    }

    /// Waits for a change since this was last called on this value, or since it was made.
    ///
    /// # Errors
    ///
    /// [`RealtimeError::Ended`] if the view has ended: the object was removed ([`is_not_found`]), the
    /// identity may not read it any more ([`is_forbidden`]), the access token was refused
    /// ([`is_unauthorized`]), or the connection was [closed](super::Realtime::close). An event that
    /// cannot be read ends a view too, since it would not be up to date without it, though a watch
    /// continues after it; data that does not fit the type does not end it, see
    /// [`unreadable`](Self::unreadable).
    ///
    /// [`is_not_found`]: Error::is_not_found
    /// [`is_forbidden`]: Error::is_forbidden
    /// [`is_unauthorized`]: Error::is_unauthorized
    pub async fn changed(&mut self) -> Result<()> {
        let end = self.shared.now().end.clone();
        if let Some(end) = end {
            return Err(end.into());
        }
        // The sender lives as long as this.
        let _ = self.changes.changed().await;
        let end = self.shared.now().end.clone();
        end.map_or(Ok(()), |end| Err(end.into()))
    }

    /// Waits until the state passes a test, and returns the state that passed. The test may use the view.
    ///
    /// # Errors
    ///
    /// As [`changed`](Self::changed).
    pub async fn wait_for(&self, test: impl Fn(&S) -> bool + Send + Sync) -> Result<Arc<S>>
    where
        S: Send + Sync,
    {
        self.wait(|state, _| test(&state).then_some(state)).await
    }

    /// Waits until a record that a write returned is in the view, or a later one in its place. While all is
    /// read again, since the service cannot replay what was missed, it waits for the end of that.
    ///
    /// # Errors
    ///
    /// As [`changed`](Self::changed); and if its revision is not one of the service.
    pub async fn includes(&self, record: &(impl Versioned + Sync)) -> Result<()>
    where
        S: Send + Sync,
    {
        let event = number(record.revision())?;
        self.wait(move |_, last| (last >= Some(event)).then_some(()))
            .await
    }

    /// Waits until a test of the state, and of the last event in it, returns something.
    async fn wait<T>(
        &self,
        test: impl Fn(Arc<S>, Option<EventId>) -> Option<T> + Send,
    ) -> Result<T> {
        let mut changes = self.changes.clone();
        loop {
            changes.borrow_and_update();
            let (state, last, end) = {
                let now = self.shared.now();
                (Arc::clone(&now.state), now.last, now.end.clone())
            };
            // Without the lock: a test of the user may read the view.
            if let Some(passed) = test(state, last) {
                return Ok(passed);
            }
            if let Some(end) = end {
                return Err(end.into());
            }
            // The sender lives as long as this.
            let _ = changes.changed().await;
        }
    }
}

impl<P: Ord, I> View<BTreeMap<P, Arc<I>>> {
    /// The item with an index or key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, position: &Q) -> Option<Arc<I>>
    where
        P: Borrow<Q>,
    {
        self.shared.now().state.get(position).cloned()
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.now().state.len()
    }

    /// Returns `true` if there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.now().state.is_empty()
    }
}

impl<T> View<DocumentState<T>> {
    /// The Document; `None` if its data does not fit the type.
    #[must_use]
    pub fn get(&self) -> Option<Arc<Document<T>>> {
        Option::clone(&self.shared.now().state)
    }
}

impl<C, T> Items<C, T>
where
    C: Collection,
    C::Item<T>: Send + Sync,
    T: DeserializeOwned + Send + 'static,
{
    /// A view of the items, complete when it returns. Cost as [`watch`](Self::watch); an item takes the
    /// memory of its record, and some 200 bytes.
    ///
    /// It needs a Tokio runtime, in which it is kept up to date. A write of nothing but a time to live is
    /// no event of an item: its `date_expires` stays as it was until the item is written or expires.
    ///
    /// # Errors
    ///
    /// As those of [`watch`](Self::watch). Data that does not fit the type is no error, but
    /// [`unreadable`](View::unreadable); an event that cannot be read at all ends the view, see
    /// [`changed`](View::changed).
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use serde_json::{Value, json};
    ///
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// let sync = emulator.client()?.with_identity("wallboard");
    /// sync.maps().create("calls").await?;
    /// let calls = sync.map::<Value>("calls");
    ///
    /// let view = calls.view().await?;
    /// let written = calls.set("CA1", &json!({"state": "ringing"})).await?;
    /// view.includes(&written.object).await?;
    /// assert_eq!(view.get("CA1").unwrap().data["state"], "ringing");
    /// assert_eq!(view.len(), 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    pub async fn view(&self) -> Result<View<ItemsState<C::Item<T>>>> {
        let watch = Watch::new(self.target.clone(), kind_of::<C>(), item_change::<C, T>);
        View::new(
            watch,
            |state: &mut ItemsState<C::Item<T>>, position, item| {
                match item {
                    Some(item) => state.insert(position, item),
                    None => state.remove(&position),
                };
            },
        )
        .await
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Objects<Document<T>> {
    /// A view of a Document. Cost as [`watch`](Self::watch).
    ///
    /// # Errors
    ///
    /// As those of [`Items::watch`].
    pub async fn view(&self, key: impl IntoKey<Document<T>>) -> Result<DocumentView<T>> {
        let target: Target = self.target.object(key);
        let watch = Watch::new(target, Kind::Document, document_change::<T>);
        View::new(watch, |state, _: &'static str, document| *state = document).await
    }
}

type ItemChange<C, T> =
    Change<<<C as Collection>::Item<T> as Item>::Position, <C as Collection>::Item<T>>;

fn item_change<C, T>(notice: Notice, source: &Source) -> Option<Result<ItemChange<C, T>>>
where
    C: Collection,
    T: DeserializeOwned + Send + 'static,
{
    let change = match notice {
        Notice::Initial(record) | Notice::Added(record) | Notice::Updated(record) => {
            source.raw::<C::Item<Data>>(&record).and_then(|raw| {
                let event = number(raw.revision())?;
                let position = raw.position().to_string().parse().ok();
                let position = position.ok_or_else(|| source.unreadable(&"an index or key"))?;
                let record = source.typed::<C::Item<T>>(raw);
                Ok(Change::Set {
                    position,
                    record,
                    event,
                    is_whole: false,
                })
            })
        }
        Notice::Removed(removal) => {
            source
                .position::<C::Item<T>>(&removal)
                .map(|position| Change::Remove {
                    position,
                    event: removal.event,
                })
        }
        Notice::Resync => Ok(Change::Resync),
        Notice::Ready(last) => Ok(Change::Ready(Some(last))),
        Notice::Gone => Ok(Change::Gone),
        Notice::Failed(error) => Err(error),
        _ => return None,
    };
    Some(change)
}

fn document_change<T>(
    notice: Notice,
    source: &Source,
) -> Option<Result<Change<&'static str, Document<T>>>>
where
    T: DeserializeOwned + Send + 'static,
{
    let change = match notice {
        Notice::Initial(record) | Notice::Added(record) | Notice::Updated(record) => {
            source.raw::<Document<Data>>(&record).and_then(|raw| {
                Ok(Change::Set {
                    position: "",
                    event: number(&raw.revision)?,
                    record: source.typed(raw),
                    is_whole: true,
                })
            })
        }
        // Its events have other numbers than its revisions.
        Notice::Ready(_) => Ok(Change::Ready(None)),
        Notice::Gone => Ok(Change::Gone),
        Notice::Failed(error) => Err(error),
        _ => return None,
    };
    Some(change)
}

/// The number of the event that a revision is of.
fn number(revision: &Revision) -> Result<EventId> {
    let number = EventId::from_str_radix(revision.as_str(), 16);
    let revision = revision.as_str().to_owned();
    number.map_err(|_| InputError::Revision { revision }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Item = Change<&'static str, u64>;

    fn set(position: &'static str, event: EventId) -> Item {
        Change::Set {
            position,
            record: Ok(0),
            event,
            is_whole: false,
        }
    }

    fn after(changes: impl IntoIterator<Item = Item>) -> Option<EventId> {
        let mut now = Now::<BTreeMap<&str, Arc<u64>>>::default();
        for change in changes {
            now.change(change, |state, position, record| match record {
                Some(record) => drop(state.insert(position, record)),
                None => drop(state.remove(position)),
            });
        }
        now.last
    }

    #[test]
    fn no_event_counts_as_included_while_all_is_read_again() {
        let ready = || Change::Ready(Some(40));
        assert_eq!(after([set("z", 40), ready(), set("a", 41)]), Some(41));
        assert_eq!(after([ready(), Change::Resync, set("a", 100)]), None);
        // A backup has lower numbers.
        let resync = [ready(), Change::Resync, set("a", 8), Change::Ready(Some(8))];
        assert_eq!(after(resync), Some(8));
        // One that comes late is no step back.
        assert_eq!(after([ready(), set("a", 39)]), Some(40));
    }

    #[test]
    fn the_last_event_of_a_document_is_that_of_its_record() {
        let document = |event| Change::Set {
            position: "",
            record: Ok(0),
            event,
            is_whole: true,
        };
        assert_eq!(after([document(15), Change::Ready(None)]), Some(15));
        assert_eq!(after([document(15), document(8)]), Some(8));
    }
}
