//! The connection of a client, with the task that serves it while something is watched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::{BoxFuture, OptionFuture};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::machine::{Input, Machine, Output};
use super::socket::Socket;
use super::status::Status;
use super::subscription::{Notice, Subscription};
use super::token::{LiveToken, TokenSource};
use crate::client::{SyncClient, http_client};
use crate::error::Result;

/// The connection of a client. It is open while something is watched.
#[derive(Debug)]
pub(super) struct Hub {
    state: Mutex<State>,
    /// Something was added, removed or read.
    changed: Notify,
    status: watch::Sender<Status>,
    /// The number of times that all was closed.
    closed: watch::Sender<u64>,
    tokens: TokenSource,
    url: Url,
    http: reqwest::Client,
}

#[derive(Debug)]
struct State {
    machine: Machine,
    has_task: bool,
}

impl Hub {
    /// The connection of a client, which its clones share.
    pub(super) fn of(sync: &SyncClient) -> Result<Arc<Self>> {
        sync.connection(|| {
            let url = sync.realtime_url()?;
            Ok(Self {
                tokens: TokenSource::new(sync)?,
                http: http_client(sync.connect_timeout(), &url)?,
                url,
                state: Mutex::new(State {
                    machine: Machine::new(Arc::clone(sync.random())),
                    has_task: false,
                }),
                changed: Notify::new(),
                status: watch::Sender::default(),
                closed: watch::Sender::default(),
            })
        })
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is one of a waker; the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a subscription.
    pub(super) fn subscribe(self: &Arc<Self>, subscription: Subscription) -> Subscribed {
        let number = self.state().machine.add(subscription);
        let subscribed = Subscribed {
            hub: Arc::clone(self),
            number,
        };
        self.begin_task();
        self.changed.notify_one();
        subscribed
    }

    /// Begins a task in the runtime of the caller, unless there is one.
    ///
    /// The caller must not hold the lock: outside of a runtime, or in one that shuts down, the task is
    /// dropped at once, which takes it.
    fn begin_task(self: &Arc<Self>) {
        let had_task = std::mem::replace(&mut self.state().has_task, true);
        if !had_task {
            tokio::spawn(run(Task {
                hub: Arc::clone(self),
                is_done: false,
            }));
        }
    }

    /// Takes note that there is no task any more: what it had open is closed.
    fn end_task(&self, state: &mut State) {
        state.has_task = false;
        state.machine.stopped(Instant::now());
        self.publish(state.machine.status());
        self.closed.send_replace(state.machine.closings());
    }

    /// Ends all subscriptions and the connection, and waits until it is closed.
    pub(super) async fn close(&self) {
        let mut closed = self.closed.subscribe();
        let number = {
            let mut state = self.state();
            let number = state.machine.close();
            if !state.has_task {
                self.end_task(&mut state);
            }
            number
        };
        self.changed.notify_one();
        // The sender lives as long as `self`.
        let _ = closed.wait_for(|closed| *closed >= number).await;
    }
}

/// A subscription of a hub, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Subscribed {
    hub: Arc<Hub>,
    number: u64,
}

impl Subscribed {
    /// The next notice; none after the last one.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Notice>> {
        let mut state = self.hub.state();
        let subscription = state.machine.subscription(self.number);
        let is_active = subscription.is_some_and(|subscription| !subscription.is_ended());
        if is_active && !state.has_task {
            // The former one ended with its runtime, or by a panic of a token provider.
            drop(state);
            self.hub.begin_task();
            state = self.hub.state();
        }
        let Some(subscription) = state.machine.subscription(self.number) else {
            return Poll::Ready(None);
        };
        let Some(notice) = subscription.pop(context.waker()) else {
            let is_ended = subscription.is_ended();
            return if is_ended {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        };
        if subscription.waits_for_reader() {
            state.machine.reader_has_room();
            drop(state);
            self.hub.changed.notify_one();
        }
        Poll::Ready(Some(notice))
    }

    /// Returns `true` if events arrive as they happen.
    pub(super) fn is_live(&self) -> bool {
        let mut state = self.hub.state();
        let is_live = state.machine.status().is_live();
        let subscription = state.machine.subscription(self.number);
        is_live && subscription.is_some_and(|subscription| subscription.is_live())
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.hub.state().machine.remove(self.number);
        self.hub.changed.notify_one();
    }
}

/// The task of a hub. However it ends, another one can begin.
struct Task {
    hub: Arc<Hub>,
    /// It ends since nothing is watched, and another one may have begun.
    is_done: bool,
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut state = self.hub.state();
        self.hub.end_task(&mut state);
        let wakers = state.machine.take_wakers();
        drop(state);
        // A reader in another runtime begins another task.
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The means of a task: what is open, and what is under way.
#[derive(Default)]
struct Means {
    socket: Option<Socket>,
    connecting: Option<BoxFuture<'static, Result<Socket, String>>>,
    fetching: Option<BoxFuture<'static, Result<LiveToken, String>>>,
}

async fn run(mut task: Task) {
    let hub = Arc::clone(&task.hub);
    let mut means = Means::default();
    loop {
        let deadline = match hub.carry_out(&mut means).await {
            Next::Wait(deadline) => deadline,
            Next::End => {
                task.is_done = true;
                return;
            }
        };
        let message = OptionFuture::from(means.socket.as_mut().map(Socket::next));
        let timer = OptionFuture::from(deadline.map(sleep_until));
        let connection = OptionFuture::from(means.connecting.as_mut());
        let token = OptionFuture::from(means.fetching.as_mut());
        tokio::select! {
            () = hub.changed.notified() => {}
            Some(message) = message => match message {
                Ok(message) => hub.handle(Input::Frame(&message)),
                Err(reason) => {
                    means.socket = None;
                    hub.handle(Input::Lost(reason));
                }
            },
            Some(connection) = connection => {
                means.connecting = None;
                match connection {
                    Ok(socket) => {
                        means.socket = Some(socket);
                        hub.handle(Input::Opened);
                    }
                    Err(reason) => hub.handle(Input::Lost(reason)),
                }
            }
            Some(token) = token => {
                means.fetching = None;
                hub.handle(Input::Token(token));
            }
            Some(()) = timer => {}
        }
    }
}

/// What the task does next.
enum Next {
    /// It waits for something to come in, at most until then.
    Wait(Option<Instant>),
    End,
}

impl Hub {
    fn handle(&self, input: Input<'_>) {
        self.state().machine.handle(Instant::now(), input);
    }

    /// Does what the machine wants done.
    async fn carry_out(&self, means: &mut Means) -> Next {
        loop {
            let output = {
                let mut state = self.state();
                let Some(output) = state.machine.poll(Instant::now()) else {
                    if state.machine.has_active() {
                        self.publish(state.machine.status());
                        return Next::Wait(state.machine.deadline());
                    }
                    self.end_task(&mut state);
                    return Next::End;
                };
                output
            };
            match output {
                Output::Connect => {
                    let connect = Socket::connect(self.http.clone(), self.url.clone());
                    means.connecting = Some(Box::pin(connect));
                }
                Output::Send(message) => {
                    if let Some(socket) = &mut means.socket {
                        socket.send(message.0);
                    }
                }
                Output::Disconnect => {
                    means.connecting = None;
                    if let Some(socket) = means.socket.take() {
                        socket.close().await;
                    }
                }
                Output::FetchToken => {
                    means.fetching = Some(Box::pin(self.tokens.clone().token()));
                }
                Output::Closed(number) => {
                    self.publish(self.state().machine.status());
                    self.closed.send_replace(number);
                }
            }
        }
    }

    /// Publishes the status, if it is another.
    fn publish(&self, status: Status) {
        self.status.send_if_modified(|published| {
            let is_other = *published != status;
            *published = status;
            is_other
        });
    }
}
