//! The builder of an emulator.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::core::{self, AccountSettings, Contents, Core, LoggedRequest, Observer, OpenDataFile};
use super::store::{Clock, Random};
use super::{Emulator, EmulatorError, Server, server};

/// Host and port in the URL of an emulator in process: no socket can have that port.
const IN_PROCESS: &str = "localhost:0";

/// Sets up an [`Emulator`]. Everything is optional.
#[derive(Clone)]
#[must_use = "nothing runs until `start` or `in_process`"]
pub struct EmulatorBuilder {
    address: SocketAddr,
    account: AccountSettings,
    clock: Option<Clock>,
    random_seed: Option<u64>,
    data_file: Option<PathBuf>,
    observer: Option<Observer>,
    rate_limits: bool,
    page_tokens: bool,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            account: AccountSettings::default(),
            clock: None,
            random_seed: None,
            data_file: None,
            observer: None,
            rate_limits: false,
            page_tokens: false,
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
    ///
    /// Where it is `0.0.0.0` or `::`, for all addresses, the emulator's URLs have the loopback address, as
    /// nothing can connect to those two.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.address.set_ip(host);
        self
    }

    /// Sets the account SID: `AC` and 32 hex digits.
    pub fn account_sid(mut self, sid: impl Into<String>) -> Self {
        self.account.account_sid = Some(sid.into());
        self
    }

    /// Sets the auth token.
    pub fn auth_token(mut self, token: impl Into<String>) -> Self {
        self.account.auth_token = Some(token.into());
        self
    }

    /// Sets the API key: `SK` and 32 hex digits.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.account.api_key = Some(key.into());
        self
    }

    /// Sets the API secret.
    pub fn api_secret(mut self, secret: impl Into<String>) -> Self {
        self.account.api_secret = Some(secret.into());
        self
    }

    /// Sets the SID of the default service: `IS` and 32 lower-case hex digits.
    pub fn service_sid(mut self, sid: impl Into<String>) -> Self {
        self.account.service_sid = Some(sid.into());
        self
    }

    /// Sets the clock. The default is the system's, and for an emulator
    /// [in process](Self::in_process) Tokio's, which starts with the system's time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Stores everything in this file, which is created if it does not exist.
    ///
    /// The response to a write follows when it is on disk: however the process ends, the
    /// next emulator with the file has it. It has the credentials and the
    /// default Service too, unless others are set. One emulator at a
    /// time can have the file open.
    pub fn data_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_file = Some(path.into());
        self
    }

    /// Calls `observer` with each request after its response.
    ///
    /// It is called where requests are handled, so it must not take long. A
    /// panic in it ends the connection of the request, and no more.
    pub fn observe(mut self, observer: impl Fn(&LoggedRequest) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Applies the documented rates of the service, over a window of 10 seconds: 20 writes a second to
    /// one object, where writes to items count for their List or Map, and fewer above 1 KiB of data,
    /// down to 2 a second from 10 KiB; 20 creations and removals of objects a second in one Service; 30
    /// messages a second in one Message Stream, and fewer above 1 KiB of data, down to 7 a second from 3
    /// KiB. A request above them is refused with status 429 and code 54009. By default there is no limit.
    ///
    /// The time is Tokio's, whatever the [`clock`](Self::clock).
    pub fn rate_limits(mut self, apply: bool) -> Self {
        self.rate_limits = apply;
        self
    }

    /// Gives access tokens of any identity to web pages of this machine, without credentials: those whose
    /// origin is `localhost` or a loopback address, with any port. `POST /_emulator/token` is the way for
    /// them. By default it needs credentials.
    ///
    /// Any program of this machine can then have a token. It is for the development of a page.
    pub fn page_tokens(mut self, give: bool) -> Self {
        self.page_tokens = give;
        self
    }

    /// Seeds the emulator's random numbers, so that its SIDs, secrets and request ids are the same
    /// each time. By default they differ.
    ///
    /// Anybody can compute the secrets of a seed.
    pub fn random_seed(mut self, seed: u64) -> Self {
        self.random_seed = Some(seed);
        self
    }

    /// Starts the emulator on the Tokio runtime this is awaited on.
    ///
    /// # Errors
    ///
    /// If a SID has another form, the address cannot be listened on, or the
    /// data file cannot be used.
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        self.account.check()?;
        let (listener, authority) = self.listen().await?;
        let settings = self.settings(Clock::system);
        let (now, random) = (settings.clock.millis(), settings.random.clone());
        // Reading and creating files blocks.
        let opening = tokio::task::spawn_blocking(move || self.open(now, &random));
        let (contents, data_file) = match opening.await {
            Ok(opened) => opened?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => return Err(EmulatorError::Interrupted(io::Error::other(error))),
            },
        };
        let (core, posting) = Core::new(contents, settings)?;
        let posting = tokio::spawn(posting);
        let mut emulator = Emulator::new(core, authority, data_file);
        let (stop, stopped) = oneshot::channel();
        let serving = server::serve(listener, Arc::clone(&emulator.api), stopped);
        let task = tokio::spawn(async move {
            serving.await;
            // It would keep the data file open while receivers are slow.
            posting.abort();
        });
        emulator.server = Some(Server { stop, task });
        Ok(emulator)
    }

    /// Creates the emulator in this process, without a socket or a task: see
    /// [`Emulator::in_process`].
    ///
    /// With a data file this blocks while the file is read.
    ///
    /// # Errors
    ///
    /// If a SID has another form, or the data file cannot be used.
    pub fn in_process(self) -> Result<Emulator, EmulatorError> {
        self.account.check()?;
        let settings = self.settings(|| Clock::tokio(Utc::now()));
        let (contents, data_file) = self.open(settings.clock.millis(), &settings.random)?;
        // Nothing runs the task, so webhooks are logged as not sent.
        let (core, _) = Core::new(contents, settings)?;
        Ok(Emulator::new(core, IN_PROCESS.to_owned(), data_file))
    }

    fn settings(&self, default_clock: impl FnOnce() -> Clock) -> core::Settings {
        core::Settings {
            clock: self.clock.clone().unwrap_or_else(default_clock),
            observer: self.observer.clone(),
            rate_limits: self.rate_limits,
            page_tokens: self.page_tokens,
            random: self
                .random_seed
                .map_or_else(Random::default, Random::seeded),
        }
    }

    fn open(
        &self,
        now: i64,
        random: &Random,
    ) -> Result<(Contents, Option<OpenDataFile>), EmulatorError> {
        core::open(&self.account, self.data_file.as_deref(), now, random)
    }

    /// A listener, and the host and port at which programs of this machine find it.
    async fn listen(&self) -> Result<(TcpListener, String), EmulatorError> {
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
        let mut local = listener.local_addr().map_err(unavailable)?;
        // Nothing can connect to "all addresses", and clients take plain HTTP from loopback ones only.
        if local.ip().is_unspecified() {
            local.set_ip(match local {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Ok((listener, local.to_string()))
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("address", &self.address)
            .field("account_sid", &self.account.account_sid)
            .field("api_key", &self.account.api_key)
            .field("service_sid", &self.account.service_sid)
            .field("clock", &self.clock)
            .field("random_seed", &self.random_seed)
            .field("data_file", &self.data_file)
            .field("rate_limits", &self.rate_limits)
            .field("page_tokens", &self.page_tokens)
            .finish_non_exhaustive()
    }
}
