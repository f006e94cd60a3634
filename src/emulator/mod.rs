//! A local Twilio Sync service, for tests and for work without an account.
//!
//! [`Emulator::start`] gives a service of its own on a port of its own, with
//! everything in memory; it ends when it is dropped. It keeps the rules of
//! the real one (revisions and `If-Match`, unique names, list indexes, TTLs,
//! paging, limits) and answers with its errors. Beyond that a test can move
//! its [`Clock`], script a [`Fault`] and read its log of requests.
//!
//! ```
//! # async fn example() -> Result<(), twilio_sync::emulator::EmulatorError> {
//! use twilio_sync::emulator::Emulator;
//!
//! let emulator = Emulator::start().await?;
//! println!("{} {}", emulator.url(), emulator.account_sid());
//! emulator.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! It is made for tests, not for the open network: rate limits are not
//! applied, and it speaks plain HTTP/1.1.

mod client;
mod clock;
mod error;
mod faults;
mod http;
mod log;
mod operation;
mod server;
mod store;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::clock::Clock;
pub use self::faults::Fault;
pub use self::log::LoggedRequest;
pub use self::operation::Operation;

use self::faults::Faults;
use self::http::{Api, Credentials};
use self::log::RequestLog;
use self::store::{Kind, Sid, Store};

/// A running emulator; dropping it stops it.
pub struct Emulator {
    api: Arc<Api>,
    url: String,
    service_sid: String,
    clock: Clock,
    /// Dropped to stop.
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts an emulator on 127.0.0.1 and a free port, with credentials and
    /// a default service of its own.
    ///
    /// It runs on the Tokio runtime it is started on, which needs its I/O and
    /// time drivers.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub async fn start() -> Result<Self, EmulatorError> {
        Self::builder().start().await
    }

    /// Sets up an emulator before it starts.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Where it listens: `http://127.0.0.1:PORT`, the base URL for clients.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The account SID, `AC…`: the user name that goes with the auth token.
    #[must_use]
    pub fn account_sid(&self) -> &str {
        self.api.credentials.account_sid()
    }

    /// The auth token.
    #[must_use]
    pub fn auth_token(&self) -> &str {
        self.api.credentials.auth_token()
    }

    /// The API key, `SK…`: the user name that goes with the API secret.
    #[must_use]
    pub fn api_key(&self) -> &str {
        self.api.credentials.api_key()
    }

    /// The API secret.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        self.api.credentials.api_secret()
    }

    /// The SID of the default service, `IS…`.
    #[must_use]
    pub fn service_sid(&self) -> &str {
        &self.service_sid
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The requests it got, in the order they were answered.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.api.log.requests()
    }

    /// Empties the log of requests.
    pub fn clear_requests(&self) {
        self.api.log.clear();
    }

    /// Makes something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.api.faults.inject(fault);
    }

    /// Forgets the faults that were injected.
    pub fn clear_faults(&self) {
        self.api.faults.clear();
    }

    /// Drops all services but the default one, which is empty and has its
    /// first settings again. Faults, log and clock stay as they are.
    pub fn reset(&self) {
        self.api.store.reset();
    }

    /// Stops, and waits until every connection has ended.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.server.await {
            tracing::warn!(%error, "the emulator ended badly");
        }
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url)
            .field("account_sid", &self.account_sid())
            .field("service_sid", &self.service_sid)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Sets up an [`Emulator`]: what is not set is chosen.
#[derive(Clone)]
#[must_use = "nothing runs until `start`"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    account_sid: Option<String>,
    auth_token: Option<String>,
    api_key: Option<String>,
    api_secret: Option<String>,
    service_sid: Option<String>,
    clock: Clock,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            account_sid: None,
            auth_token: None,
            api_key: None,
            api_secret: None,
            service_sid: None,
            clock: Clock::system(),
        }
    }
}

impl EmulatorBuilder {
    /// Listens on this port; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Listens on this address; the default is 127.0.0.1.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.address.set_ip(host);
        self
    }

    /// Sets the account SID: `AC` and 32 hex digits.
    pub fn account_sid(mut self, sid: impl Into<String>) -> Self {
        self.account_sid = Some(sid.into());
        self
    }

    /// Sets the auth token.
    pub fn auth_token(mut self, token: impl Into<String>) -> Self {
        self.auth_token = Some(token.into());
        self
    }

    /// Sets the API key: `SK` and 32 hex digits.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sets the API secret.
    pub fn api_secret(mut self, secret: impl Into<String>) -> Self {
        self.api_secret = Some(secret.into());
        self
    }

    /// Sets the SID of the default service: `IS` and 32 lower-case hex digits.
    pub fn service_sid(mut self, sid: impl Into<String>) -> Self {
        self.service_sid = Some(sid.into());
        self
    }

    /// Sets the clock; the default is the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Starts the emulator on the Tokio runtime this is awaited on.
    ///
    /// # Errors
    ///
    /// If a SID is none of its kind, or the address cannot be listened on.
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        let account_sid = given_or_random("account SID", "AC", self.account_sid)?;
        let api_key = given_or_random("API key", "SK", self.api_key)?;
        let service_sid = match self.service_sid {
            None => Sid::random(Kind::Service),
            Some(sid) => Sid::parse(Kind::Service, &sid).ok_or(EmulatorError::InvalidSid {
                what: "service SID",
                prefix: "IS",
                given: sid,
            })?,
        };
        let credentials = Credentials::new(
            account_sid,
            self.auth_token.unwrap_or_else(random_hex),
            api_key,
            self.api_secret.unwrap_or_else(random_hex),
        );

        let unavailable = |source| EmulatorError::Unavailable {
            address: self.address,
            source,
        };
        let listener = TcpListener::bind(self.address).await.map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                EmulatorError::PortInUse {
                    address: self.address,
                }
            } else {
                unavailable(source)
            }
        })?;
        let authority = listener.local_addr().map_err(unavailable)?.to_string();

        let url = format!("http://{authority}");
        let api = Arc::new(Api {
            store: Store::new(self.clock.clone(), service_sid),
            credentials,
            faults: Faults::default(),
            log: RequestLog::default(),
            authority,
            under_way: AtomicUsize::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(server::serve(listener, Arc::clone(&api), stopped));
        Ok(Emulator {
            api,
            url,
            service_sid: service_sid.to_string(),
            clock: self.clock,
            stop,
            server,
        })
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("address", &self.address)
            .field("account_sid", &self.account_sid)
            .field("api_key", &self.api_key)
            .field("service_sid", &self.service_sid)
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// Another program has the port.
    #[error(
        "{address} is in use: stop what listens there, or choose another port (0 takes a free one)"
    )]
    PortInUse {
        /// What was to be listened on.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose an address of this machine and a port you may use")]
    Unavailable {
        /// What was to be listened on.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A SID that was set is none of its kind.
    #[error(
        "{given:?} is no {what}: give {prefix} and 32 lower-case hex digits, or none to have one chosen"
    )]
    InvalidSid {
        /// Which one.
        what: &'static str,
        /// What it has to begin with.
        prefix: &'static str,
        /// What was given.
        given: String,
    },
}

/// A SID that was given, or a new one.
fn given_or_random(
    what: &'static str,
    prefix: &'static str,
    given: Option<String>,
) -> Result<String, EmulatorError> {
    let Some(given) = given else {
        return Ok(format!("{prefix}{}", random_hex()));
    };
    if given.starts_with(prefix) && store::looks_like_sid(&given) {
        Ok(given)
    } else {
        Err(EmulatorError::InvalidSid {
            what,
            prefix,
            given,
        })
    }
}

fn random_hex() -> String {
    format!("{:032x}", fastrand::u128(..))
}
