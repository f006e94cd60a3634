//! A connection of a live client, from its first message to its end.

mod calls;
mod events;
mod faults;
mod frames;
mod outgoing;
mod tokens;

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use self::calls::Delayed;
use self::events::Replay;
use self::faults::{HeldEvents, back_off_policy, status_of};
use self::outgoing::Outgoing;
use self::tokens::WARNING;
use super::requests::Caller;
use super::{Endpoint, Realtime};
use crate::emulator::core::Core;
use crate::emulator::store::{Millis, Sid};
use crate::emulator::subscribers::live::{Connection, Notice, Order};
use crate::twilsock::{Method, Status};

/// The time in which the first message must come.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time between two pings: Kotlin gives up a connection that was silent for 45 seconds.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The time after which a silent client is given up.
const SILENCE: Duration = Duration::from_secs(65);
/// The time to close a WebSocket in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// The messages that are carried out before their replies are sent.
const MESSAGES_AT_A_TIME: usize = 64;
/// The size of the payloads that are queued before they are sent: no more is added then.
const MAX_QUEUED: usize = 1024 * 1024;
/// The maximum number of requests that a fault delays at a time.
const MAX_DELAYED: usize = 256;

/// The reason of the end when the emulator stops.
const STOPS: &str = "the emulator stops";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The end of a connection.
enum End {
    /// Without a word.
    Cut,
    /// The client has closed the `WebSocket`, which is answered.
    Closed,
    /// With a status of the `WebSocket` protocol and a reason.
    Close(CloseCode, &'static str),
}

/// A client whose first message was accepted.
struct Client {
    connection: Connection,
    caller: Caller,
    identity: Arc<str>,
    service: Sid,
    endpoint: Endpoint,
    /// The time at which its token expires.
    expires: Millis,
    /// The time of the warning before that; none when it was sent.
    warning: Option<Millis>,
    /// The numbers of its subscriptions.
    subscriptions: HashMap<Sid, u64>,
    /// Subscriptions whose missed events are being sent.
    replays: VecDeque<Replay>,
    /// Events that faults hold back.
    held: HeldEvents,
}

/// The reason that a connection wakes up.
enum Wake {
    Ends,
    Cut,
    Order(Order),
    Delayed(Box<Delayed>),
    Notice(Notice),
    Message(Option<Result<Message, SocketError>>),
    /// A fault had it neither send nor read until now.
    Resumed,
    Timer,
}

pub(in crate::emulator::realtime) struct Session {
    realtime: Arc<Realtime>,
    socket: Socket,
    client: Option<Client>,
    out: VecDeque<Outgoing>,
    delayed: FuturesUnordered<BoxFuture<'static, Box<Delayed>>>,
    /// The time by which the first message must come.
    init_deadline: Instant,
    /// The time of the last frame from the client.
    heard: Instant,
    ping: Instant,
    /// The end that follows when all is sent.
    end: Option<End>,
    /// The time until which a fault has it neither send nor read.
    stalled: Option<Instant>,
    /// An order that came meanwhile, and ends the connection after that time.
    postponed: Option<Order>,
}

impl Session {
    pub(in crate::emulator::realtime) fn new(realtime: Arc<Realtime>, socket: Socket) -> Self {
        let now = Instant::now();
        Self {
            realtime,
            socket,
            client: None,
            out: VecDeque::new(),
            delayed: FuturesUnordered::new(),
            init_deadline: now + INIT_TIMEOUT,
            heard: now,
            ping: now + PING_INTERVAL,
            end: None,
            stalled: None,
            postponed: None,
        }
    }

    fn core(&self) -> &Arc<Core> {
        &self.realtime.core
    }

    /// Serves the connection until it ends, or until the sender of `ends` is dropped.
    pub(in crate::emulator::realtime) async fn run(mut self, mut ends: watch::Receiver<()>) {
        let end = loop {
            let wake = self.wake(&mut ends).await;
            if let Err(end) = self.handle(wake) {
                break end;
            }
            if self.stalled.is_some() {
                continue;
            }
            self.queue_events();
            if let Err(end) = self.send(&mut ends).await {
                break end;
            }
            if let Some(end) = self.end.take() {
                break end;
            }
        };
        if let Some(client) = self.client.take() {
            self.core().live.leave(client.connection.id);
            self.realtime.disconnect(&client.endpoint);
        }
        self.close_socket(end).await;
    }

    /// Closes the WebSocket in good order, unless the connection is cut.
    async fn close_socket(&mut self, end: End) {
        let socket = &mut self.socket;
        let closing = async {
            match end {
                End::Cut => {}
                // Reading it has queued the frame that answers it.
                End::Closed => drop(socket.flush().await),
                End::Close(code, reason) => {
                    let frame = CloseFrame {
                        code,
                        reason: reason.into(),
                    };
                    if socket.close(Some(frame)).await.is_ok() {
                        // Until the client has closed it too.
                        while let Some(Ok(_)) = socket.next().await {}
                    }
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }

    /// Waits until there is something to do.
    async fn wake(&mut self, ends: &mut watch::Receiver<()>) -> Wake {
        async fn receive<T>(receiver: Option<&mut mpsc::Receiver<T>>) -> Option<T> {
            match receiver {
                Some(receiver) => receiver.recv().await,
                None => pending().await,
            }
        }
        let timer = self.timer();
        // Events wait while missed ones are sent.
        let mut is_replaying = false;
        let (mut notices, mut orders, mut cut) = (None, None, None);
        if let Some(client) = &mut self.client {
            is_replaying = !client.replays.is_empty();
            notices = Some(&mut client.connection.notices).filter(|_| !is_replaying);
            orders = Some(&mut client.connection.orders);
            cut = Some(&client.connection.cut);
        }
        let is_cut = async {
            match cut {
                Some(cut) => cut.notified().await,
                None => pending().await,
            }
        };
        if let Some(until) = self.stalled {
            return tokio::select! {
                biased;
                _ = ends.changed() => Wake::Ends,
                () = is_cut => Wake::Cut,
                order = receive(orders) => order.map_or(Wake::Cut, Wake::Order),
                () = sleep_until(until) => Wake::Resumed,
            };
        }
        let delayed = &mut self.delayed;
        let has_room = delayed.len() < MAX_DELAYED;
        let delayed = async {
            match delayed.next().await {
                Some(delayed) => delayed,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = ends.changed() => Wake::Ends,
            () = is_cut => Wake::Cut,
            order = receive(orders) => order.map_or(Wake::Cut, Wake::Order),
            delayed = delayed => Wake::Delayed(delayed),
            message = self.socket.next(), if has_room => Wake::Message(message),
            notice = receive(notices) => notice.map_or(Wake::Cut, Wake::Notice),
            () = std::future::ready(()), if is_replaying => Wake::Timer,
            () = sleep_until(timer) => Wake::Timer,
        }
    }

    /// The time of the next thing to do.
    fn timer(&self) -> Instant {
        let now = Instant::now();
        let Some(client) = &self.client else {
            return self.init_deadline;
        };
        let mut next = self.ping.min(self.heard + SILENCE);
        let due = client.warning.unwrap_or(client.expires).min(client.expires);
        // A clock that stands still calls when it is moved.
        if let Some(wait) = self.core().clock.sleep_until(due) {
            next = next.min(now + wait);
        }
        client.held.next().map_or(next, |held| next.min(held))
    }

    fn handle(&mut self, wake: Wake) -> Result<(), End> {
        match wake {
            Wake::Ends => return Err(End::Close(CloseCode::Away, STOPS)),
            Wake::Cut | Wake::Message(None | Some(Err(_))) => return Err(End::Cut),
            Wake::Order(order) if self.stalled.is_some() => return self.postpone(order),
            Wake::Order(order) => self.carry_out(&order)?,
            Wake::Resumed => {
                self.stalled = None;
                self.heard = Instant::now();
                if let Some(order) = self.postponed.take() {
                    self.carry_out(&order)?;
                }
            }
            Wake::Delayed(delayed) => self.apply_delayed(*delayed)?,
            Wake::Notice(notice) => self.notice(notice),
            Wake::Message(Some(Ok(message))) => {
                self.message(message)?;
                self.handle_waiting()?;
            }
            Wake::Timer => {}
        }
        self.on_time()
    }

    /// Carries out the messages that have come by now.
    fn handle_waiting(&mut self) -> Result<(), End> {
        for _ in 1..MESSAGES_AT_A_TIME {
            if self.end.is_some() || self.delayed.len() >= MAX_DELAYED || self.is_full() {
                break;
            }
            match self.socket.next().now_or_never() {
                None => break,
                Some(None | Some(Err(_))) => return Err(End::Cut),
                Some(Some(Ok(message))) => self.message(message)?,
            }
        }
        Ok(())
    }

    /// Does what is due.
    fn on_time(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let Some(client) = &mut self.client else {
            if now >= self.init_deadline {
                return Err(End::Close(CloseCode::Normal, "no-init-from-client"));
            }
            return Ok(());
        };
        let clock = self.realtime.core.clock.millis();
        if clock >= client.expires {
            self.expire_token();
            return Ok(());
        }
        if client.warning.is_some_and(|warning| clock >= warning) {
            client.warning = None;
            let method = Method::ClientUpdate {
                client_update_type: "token_about_to_expire".to_owned(),
                client_update_message: format!(
                    "Your token is about to expire. Time left: less than {WARNING} ms"
                ),
            };
            self.push_message(method, Vec::new());
        }
        if now >= self.heard + SILENCE {
            return Err(End::Cut);
        }
        if now >= self.ping {
            self.ping = now + PING_INTERVAL;
            self.push_message(Method::Ping, Vec::new());
        }
        Ok(())
    }

    /// Sends a message that says why the connection ends, and ends it.
    fn close(&mut self, status: Status, back_off: Option<(u64, u64)>) {
        let payload = back_off.map(back_off_policy).unwrap_or_default();
        let method = Method::Close {
            status: Some(status),
        };
        self.push_message(method, payload);
        self.end = Some(End::Close(CloseCode::Normal, ""));
    }

    /// Receives an order while a fault has the connection neither send nor read.
    fn postpone(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Cut | Order::Stall(_) => return self.carry_out(&order),
            // The first one ends the connection.
            Order::Close { .. } | Order::ExpireToken => {
                self.postponed.get_or_insert(order);
            }
            // The time is looked at when it goes on.
            Order::ClockMoved => {}
        }
        Ok(())
    }

    fn carry_out(&mut self, order: &Order) -> Result<(), End> {
        match *order {
            Order::Cut => return Err(End::Cut),
            Order::Stall(time) => self.stalled = Some(Instant::now() + time),
            Order::Close { status, back_off } => self.close(status_of(status), back_off),
            Order::ExpireToken => self.expire_token(),
            // The time is looked at after each order.
            Order::ClockMoved => {}
        }
        Ok(())
    }
}
