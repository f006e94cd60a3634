//! Live clients: their subscriptions, which get the events of objects as they are emitted.
//!
//! Each client has a bounded queue. One that reads so slowly that its queue is full is cut off, and
//! gets what it has missed when it is back: no client delays a write or another client. Subscriptions
//! begin under the lock of the store, so that none misses an event. The log of an object starts when a
//! client first opens it, as clients subscribe a little later.

mod log;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use self::log::Log;
use super::Subscriber;
use super::data_file::DataFile;
use crate::emulator::store::{
    Actor, Cause, Change, Clock, Event, Kind, OnMove, Random, ServiceState, Sid, Subject,
};

/// The maximum number of events that wait for one client.
const QUEUE: usize = 1_024;
/// The maximum number of orders that wait for one client.
const ORDERS: usize = 64;
/// The maximum number of subscriptions of one client: the documented limit of the service.
pub(in crate::emulator) const MAX_SUBSCRIPTIONS: usize = 2_000;
/// The number of objects whose logs are remembered while nobody is subscribed to them.
const MAX_UNWATCHED: usize = 4_096;
/// The number of objects opened last that keep their logs when there are too many: their clients are
/// about to subscribe to them.
const NEWLY_OPENED: u64 = 1_024;
/// The maximum size of all logs, in bytes of data.
const MAX_LOG_SIZE: usize = 64 * 1024 * 1024;
/// The size that is left when logs are emptied at that maximum, so that this is done seldom.
const KEPT_LOG_SIZE: usize = MAX_LOG_SIZE / 4 * 3;

/// An event of an object, as its subscribers get it.
pub(in crate::emulator) struct LiveEvent {
    pub(in crate::emulator) object: Sid,
    /// Its number; none where such events have none.
    pub(in crate::emulator) id: Option<i64>,
    pub(in crate::emulator) what: What,
    /// The number of writes that must be on disk before it is sent.
    pub(in crate::emulator) after: u64,
    /// Its JSON, which is the same for all subscribers.
    pub(in crate::emulator) payload: OnceLock<Bytes>,
}

/// The change that an event is about.
pub(in crate::emulator) enum What {
    /// A change of the object, of its items, or a message.
    Changed(Arc<Event>),
    /// The object was removed.
    Removed,
}

impl LiveEvent {
    fn size(&self) -> usize {
        const FIXED: usize = 256;
        let data = match &self.what {
            What::Changed(event) => match &event.subject {
                Subject::Item(_, state) => Some(&state.item.data),
                Subject::Object(_, state) => state.parts.data.as_ref(),
                _ => None,
            },
            What::Removed => None,
        };
        data.map_or(0, |data| data.json().get().len()) + FIXED
    }
}

impl fmt::Debug for LiveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveEvent")
            .field("object", &self.object)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An entry of a client's queue.
#[derive(Debug)]
pub(in crate::emulator) enum Notice {
    /// An event of a subscription.
    Event {
        subscription: u64,
        event: Arc<LiveEvent>,
    },
    /// The identity may no longer read the object of a subscription, which is cancelled.
    Forbidden { subscription: u64, object: Sid },
    /// Permissions may have changed for any object.
    Recheck,
}

/// An order to a client's connection, from a test or the clock.
#[derive(Clone, Debug)]
pub(in crate::emulator) enum Order {
    /// Ends the connection without a word.
    Cut,
    /// Sends nothing and reads nothing for a while.
    Stall(std::time::Duration),
    /// Closes the connection, with a status and the time to stay away, in milliseconds.
    Close {
        status: u16,
        back_off: Option<(u64, u64)>,
    },
    /// Ends the access token.
    ExpireToken,
    /// The clock was moved.
    ClockMoved,
}

/// A client's connection, as the door to it holds it.
#[derive(Debug)]
pub(in crate::emulator) struct Connection {
    pub(in crate::emulator) id: u64,
    pub(in crate::emulator) notices: mpsc::Receiver<Notice>,
    pub(in crate::emulator) orders: mpsc::Receiver<Order>,
    /// Notified when the client is cut off.
    pub(in crate::emulator) cut: Arc<Notify>,
}

/// A client's connection, as the subscriber holds it.
struct Client {
    service: Sid,
    identity: Box<str>,
    notices: mpsc::Sender<Notice>,
    orders: mpsc::Sender<Order>,
    cut: Arc<Notify>,
    objects: HashSet<Sid>,
}

/// An object that clients have opened: it is watched, was, or is about to be.
struct Watched {
    service: Sid,
    /// The number of the time at which it was opened last.
    opened: u64,
    /// None for Message Streams, whose messages are not sent again.
    log: Option<Log>,
    /// Clients, and the numbers of their subscriptions.
    subscriptions: HashMap<u64, u64>,
}

#[derive(Default)]
struct State {
    clients: HashMap<u64, Client>,
    objects: HashMap<Sid, Watched>,
    /// The last number of a client, a subscription or the opening of an object.
    last: u64,
    log_size: usize,
    /// The number of objects at which those that nobody watches are counted.
    sweep_at: usize,
}

/// The subscriber that serves live clients.
pub(in crate::emulator) struct Live {
    state: Mutex<State>,
    /// The number of objects that clients have opened: without any, no events are built for this.
    watched: AtomicUsize,
    /// A number for this life of the store: a reset or seed begins a new one.
    life: Mutex<u128>,
    random: Random,
    data_file: Option<Arc<DataFile>>,
}

/// A new subscription.
#[derive(Debug)]
pub(in crate::emulator) struct Subscribed {
    pub(in crate::emulator) subscription: u64,
    /// The events that the client has missed; none where the log does not go back that far.
    pub(in crate::emulator) missed: Option<Vec<Arc<LiveEvent>>>,
}

impl Live {
    pub(in crate::emulator) fn new(random: Random, data_file: Option<Arc<DataFile>>) -> Self {
        Self {
            state: Mutex::default(),
            watched: AtomicUsize::new(0),
            life: Mutex::new(random.number()),
            random,
            data_file,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of this life of the store.
    pub(in crate::emulator) fn life(&self) -> u128 {
        *self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a new life of the store, after a reset or seed.
    pub(in crate::emulator) fn renew(&self) {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        *life = self.random.number();
    }

    /// Adds a client.
    pub(in crate::emulator) fn enter(&self, service: Sid, identity: &str) -> Connection {
        let (notices, received_notices) = mpsc::channel(QUEUE);
        let (orders, received_orders) = mpsc::channel(ORDERS);
        let cut = Arc::new(Notify::new());
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        let client = Client {
            service,
            identity: identity.into(),
            notices,
            orders,
            cut: Arc::clone(&cut),
            objects: HashSet::new(),
        };
        state.clients.insert(id, client);
        Connection {
            id,
            notices: received_notices,
            orders: received_orders,
            cut,
        }
    }

    /// Removes a client with its subscriptions.
    pub(in crate::emulator) fn leave(&self, client: u64) {
        let mut state = self.lock();
        state.remove_client(client);
        self.count(&state);
    }

    /// Starts the log of an object that a client opens, whose last event has the number `last`: the client
    /// subscribes a little later, and must miss nothing meanwhile.
    ///
    /// It must be called under the lock of the store.
    pub(in crate::emulator) fn watch(&self, service: Sid, object: Sid, last: i64) {
        // Messages are not sent again.
        if object.kind() == Kind::Stream {
            return;
        }
        let mut state = self.lock();
        state.open(service, object, last);
        state.drop_unwatched();
        self.count(&state);
    }

    /// Subscribes a client to an object whose last event has the number `last`, and has the client
    /// miss nothing after the event `seen`.
    ///
    /// It must be called under the lock of the store. Without room for another subscription, or for
    /// a client that was cut off, there is none.
    pub(in crate::emulator) fn subscribe(
        &self,
        client: u64,
        object: Sid,
        last: i64,
        seen: Option<i64>,
    ) -> Option<Subscribed> {
        let mut state = self.lock();
        let known = state.clients.get_mut(&client)?;
        if known.objects.len() >= MAX_SUBSCRIPTIONS && !known.objects.contains(&object) {
            return None;
        }
        known.objects.insert(object);
        let service = known.service;
        let watched = state.open(service, object, last);
        let subscription = watched.opened;
        watched.subscriptions.insert(client, subscription);
        let missed = match (&watched.log, seen) {
            (Some(log), Some(seen)) => log.after(seen),
            _ => Some(Vec::new()),
        };
        state.drop_unwatched();
        self.count(&state);
        Some(Subscribed {
            subscription,
            missed,
        })
    }

    /// Ends a subscription.
    pub(in crate::emulator) fn unsubscribe(&self, client: u64, object: Sid) {
        let mut state = self.lock();
        if let Some(client) = state.clients.get_mut(&client) {
            client.objects.remove(&object);
        }
        if let Some(watched) = state.objects.get_mut(&object) {
            watched.subscriptions.remove(&client);
        }
    }

    /// Drops the events of all logs.
    pub(in crate::emulator) fn forget_logs(&self) {
        let mut state = self.lock();
        for watched in state.objects.values_mut() {
            watched.log.iter_mut().for_each(Log::forget);
        }
        state.log_size = 0;
    }

    /// Gives an order to all clients, or to those of an identity. Returns how many there are.
    pub(in crate::emulator) fn order(&self, identity: Option<&str>, order: &Order) -> usize {
        let state = self.lock();
        let clients = state
            .clients
            .values()
            .filter(|client| identity.is_none_or(|identity| *client.identity == *identity));
        clients
            // One that has so many orders to carry out is on its way out.
            .filter(|client| client.orders.try_send(order.clone()).is_ok())
            .count()
    }

    /// The number of clients.
    pub(in crate::emulator) fn clients(&self) -> usize {
        self.lock().clients.len()
    }

    fn count(&self, state: &State) {
        self.watched.store(state.objects.len(), Ordering::Relaxed);
    }
}

impl State {
    /// Receives an event of the store; its write is on disk after `after` writes.
    fn receive(&mut self, event: &Arc<Event>, after: u64) {
        let live = |object: Sid, id: Option<u64>, what: What| {
            Arc::new(LiveEvent {
                object,
                id: id.and_then(|id| i64::try_from(id).ok()),
                what,
                after,
                payload: OnceLock::new(),
            })
        };
        let changed = || What::Changed(Arc::clone(event));
        match &event.subject {
            Subject::Object(Change::Removed, object) => {
                self.remove_object(&live(object.sid, None, What::Removed));
            }
            Subject::Object(Change::Updated | Change::ExpirySet, object)
                if object.kind() == Kind::Document =>
            {
                self.emit(&live(object.sid, object.event_id(), changed()));
            }
            Subject::Item(Change::Created | Change::Updated | Change::Removed, item) => {
                let collection = &item.collection;
                self.emit(&live(collection.sid, collection.event_id(), changed()));
            }
            Subject::Message { stream, .. } => self.emit(&live(stream.sid, None, changed())),
            Subject::Permission(change, permission) => {
                let may_read = *change != Change::Removed && permission.grant.read;
                if event.service.settings.acl_enabled && !may_read {
                    self.forbid(permission.object.sid, &permission.identity);
                }
            }
            Subject::Service(Change::Removed, _) => {
                let service = event.service.sid();
                let of_service = |watched: &&Sid| {
                    let watched = self.objects.get(*watched);
                    watched.is_some_and(|watched| watched.service == service)
                };
                let objects: Vec<Sid> = self.objects.keys().filter(of_service).copied().collect();
                for object in objects {
                    self.remove_object(&live(object, None, What::Removed));
                }
            }
            Subject::Service(Change::Updated, _) if event.service.settings.acl_enabled => {
                self.recheck(event.service.sid());
            }
            Subject::Service(..)
            | Subject::Object(..)
            | Subject::Item(..)
            | Subject::Endpoint { .. } => {}
        }
    }

    fn remove_client(&mut self, id: u64) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        for object in client.objects {
            if let Some(watched) = self.objects.get_mut(&object) {
                watched.subscriptions.remove(&id);
            }
        }
    }

    /// An object that is opened, with its log.
    fn open(&mut self, service: Sid, object: Sid, last: i64) -> &mut Watched {
        self.last += 1;
        let watched = self.objects.entry(object).or_insert_with(|| Watched {
            service,
            opened: 0,
            log: (object.kind() != Kind::Stream).then(|| Log::new(last)),
            subscriptions: HashMap::new(),
        });
        watched.opened = self.last;
        watched
    }

    /// Drops objects that nobody watches and nobody has opened lately, if there are many.
    fn drop_unwatched(&mut self) {
        if self.objects.len() <= self.sweep_at.max(MAX_UNWATCHED) {
            return;
        }
        let opened_before = self.last.saturating_sub(NEWLY_OPENED);
        self.objects.retain(|_, watched| {
            !watched.subscriptions.is_empty() || watched.opened > opened_before
        });
        // Counting takes time, so it is done again only when there are many more.
        self.sweep_at = 2 * self.objects.len();
        let logs = self.objects.values();
        let logs = logs.filter_map(|watched| watched.log.as_ref());
        self.log_size = logs.map(Log::size).sum();
    }

    /// Adds an event to the log of its object, and to the queues of its subscribers.
    fn emit(&mut self, event: &Arc<LiveEvent>) {
        let Some(watched) = self.objects.get_mut(&event.object) else {
            return;
        };
        let subscriptions: Vec<_> = watched
            .subscriptions
            .iter()
            .map(|(client, subscription)| (*client, *subscription))
            .collect();
        if let Some(log) = &mut watched.log {
            let before = log.size();
            log.push(Arc::clone(event));
            self.log_size = self.log_size + log.size() - before;
        }
        if self.log_size > MAX_LOG_SIZE {
            self.empty_logs(event.object);
        }
        for (client, subscription) in subscriptions {
            let event = Arc::clone(event);
            let notice = Notice::Event {
                subscription,
                event,
            };
            self.notify(client, notice);
        }
    }

    /// Empties logs until there is room for others: first those of objects that nobody watches, and the
    /// largest of them; last the one that has just grown, which its clients are about to need.
    fn empty_logs(&mut self, grown: Sid) {
        let Self {
            objects, log_size, ..
        } = self;
        let mut logs: Vec<_> = objects
            .iter_mut()
            .filter_map(|(sid, watched)| {
                let is_watched = !watched.subscriptions.is_empty();
                let log = watched.log.as_mut()?;
                Some(((*sid == grown, is_watched, Reverse(log.size())), log))
            })
            .collect();
        logs.sort_unstable_by_key(|(order, _)| *order);
        for (_, log) in logs {
            if *log_size <= KEPT_LOG_SIZE {
                return;
            }
            *log_size -= log.size();
            log.forget();
        }
    }

    /// Queues a notice; a client whose queue is full is cut off.
    fn notify(&mut self, id: u64, notice: Notice) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        if client.notices.try_send(notice).is_err() {
            client.cut.notify_one();
            self.remove_client(id);
        }
    }

    /// Ends all subscriptions to an object that was removed.
    fn remove_object(&mut self, event: &Arc<LiveEvent>) {
        let Some(watched) = self.objects.remove(&event.object) else {
            return;
        };
        self.log_size -= watched.log.as_ref().map_or(0, Log::size);
        for (id, subscription) in watched.subscriptions {
            if let Some(client) = self.clients.get_mut(&id) {
                client.objects.remove(&event.object);
            }
            let event = Arc::clone(event);
            let notice = Notice::Event {
                subscription,
                event,
            };
            self.notify(id, notice);
        }
    }

    /// Ends the subscriptions of an identity to an object.
    fn forbid(&mut self, object: Sid, identity: &str) {
        let Some(watched) = self.objects.get_mut(&object) else {
            return;
        };
        let clients = &mut self.clients;
        let mut ended = Vec::new();
        watched.subscriptions.retain(|id, subscription| {
            let Some(client) = clients
                .get_mut(id)
                .filter(|known| *known.identity == *identity)
            else {
                return true;
            };
            client.objects.remove(&object);
            ended.push((*id, *subscription));
            false
        });
        for (id, subscription) in ended {
            let notice = Notice::Forbidden {
                subscription,
                object,
            };
            self.notify(id, notice);
        }
    }

    /// Has all clients of a Service check what they may read.
    fn recheck(&mut self, service: Sid) {
        let of_service = self
            .clients
            .iter()
            .filter(|(_, client)| client.service == service);
        let ids: Vec<u64> = of_service.map(|(id, _)| *id).collect();
        for id in ids {
            self.notify(id, Notice::Recheck);
        }
    }
}

impl Subscriber for Live {
    fn wants(&self, _: &ServiceState, _: &Actor, _: Cause) -> bool {
        self.watched.load(Ordering::Relaxed) > 0
    }

    fn receive(&self, events: &[Arc<Event>]) {
        let after = self.data_file.as_ref().map_or(0, |file| file.queued());
        let mut state = self.lock();
        for event in events {
            state.receive(event, after);
        }
        self.count(&state);
    }
}

/// The tokens of clients may have expired.
impl OnMove for Live {
    fn moved(&self) {
        self.order(None, &Order::ClockMoved);
    }
}

/// Has the clock call `live` when it is moved.
pub(in crate::emulator) fn follow(live: &Arc<Live>, clock: &Clock) {
    let live: std::sync::Weak<Live> = Arc::downgrade(live);
    clock.on_move(live);
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(object: Sid, id: i64) -> Arc<LiveEvent> {
        Arc::new(LiveEvent {
            object,
            id: Some(id),
            what: What::Removed,
            after: 0,
            payload: OnceLock::new(),
        })
    }

    #[test]
    fn a_client_that_does_not_read_is_cut_off_and_others_are_not() {
        let live = Live::new(Random::default(), None);
        let (service, map) = (Sid::new(Kind::Service, 1), Sid::new(Kind::Map, 2));
        let slow = live.enter(service, "slow");
        let mut quick = live.enter(service, "quick");
        for client in [slow.id, quick.id] {
            live.subscribe(client, map, -1, Some(-1)).unwrap();
        }
        for _ in 0..=QUEUE {
            live.lock().emit(&event(map, 1));
            assert!(quick.notices.try_recv().is_ok());
        }
        assert_eq!(live.clients(), 1);
        // It has all that was queued, and then the end.
        let mut slow = slow;
        assert_eq!(
            std::iter::from_fn(|| slow.notices.try_recv().ok()).count(),
            QUEUE
        );
        assert!(live.subscribe(slow.id, map, -1, None).is_none());
    }

    #[test]
    fn objects_that_nobody_watches_are_dropped_when_there_are_many() {
        let live = Live::new(Random::default(), None);
        let client = live.enter(Sid::new(Kind::Service, 1), "alice");
        let watched = Sid::new(Kind::Document, 0);
        live.subscribe(client.id, watched, 0, Some(0)).unwrap();
        for id in 1..10_000 {
            let object = Sid::new(Kind::Document, id);
            live.subscribe(client.id, object, 0, Some(0)).unwrap();
            live.unsubscribe(client.id, object);
        }
        assert!(live.lock().objects.len() <= MAX_UNWATCHED + 1);
        assert!(live.lock().objects.contains_key(&watched));
        live.leave(client.id);
        assert_eq!(live.clients(), 0);
    }

    #[test]
    fn an_object_that_was_just_opened_keeps_its_log_when_others_are_dropped() {
        let live = Live::new(Random::default(), None);
        let service = Sid::new(Kind::Service, 1);
        let client = live.enter(service, "alice");
        for id in 0..10_000 {
            let map = Sid::new(Kind::Map, id);
            live.watch(service, map, -1);
            live.lock().emit(&event(map, 0));
            let subscribed = live.subscribe(client.id, map, 0, Some(-1)).unwrap();
            assert_eq!(subscribed.missed.map(|events| events.len()), Some(1));
            live.unsubscribe(client.id, map);
        }
        assert!(live.lock().objects.len() <= MAX_UNWATCHED + 1);
    }

    #[test]
    fn when_the_logs_are_full_those_that_nobody_watches_are_emptied_first_then_the_largest() {
        let live = Live::new(Random::default(), None);
        let service = Sid::new(Kind::Service, 1);
        let mut client = live.enter(service, "alice");
        let id = client.id;
        let missed = |object| {
            let subscribed = live.subscribe(id, object, 101, Some(100)).unwrap();
            subscribed.missed.map(|events| events.len())
        };
        let mut emit = |object, count: usize| {
            let event = event(object, 101);
            for _ in 0..count {
                live.lock().emit(&event);
                assert!(live.lock().log_size <= MAX_LOG_SIZE);
                let _ = client.notices.try_recv();
            }
        };
        let (small, large) = (Sid::new(Kind::Document, 1), Sid::new(Kind::Document, 2));
        for object in [small, large] {
            live.subscribe(id, object, 100, None).unwrap();
        }
        emit(large, 500);
        // A quarter more than there is room for.
        let event_size = event(small, 101).size();
        let objects = |events: usize| {
            let count = MAX_LOG_SIZE / (events * event_size) * 5 / 4;
            0..u128::try_from(count).unwrap()
        };
        for object in objects(500) {
            let object = Sid::new(Kind::Map, object);
            live.watch(service, object, 100);
            emit(object, 500);
        }
        emit(small, 1);
        assert_eq!((missed(small), missed(large)), (Some(1), Some(500)));
        // Those of the clients alone are too many now.
        let mut last = small;
        for object in objects(400) {
            last = Sid::new(Kind::List, object);
            live.subscribe(id, last, 100, None).unwrap();
            emit(last, 400);
        }
        assert_eq!(
            (missed(small), missed(large), missed(last)),
            (Some(1), None, Some(400))
        );
    }
}
