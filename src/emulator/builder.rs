//! Setting up an emulator, and starting it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::clock::Clock;
use super::data_file::{self, Account, DataFile, Unusable};
use super::faults::Faults;
use super::http::{Api, Credentials};
use super::log::{LoggedRequest, Observer, RequestLog};
use super::store::{Change, Event, Kind, Outlet, Sid, State, Store, looks_like_sid};
use super::webhooks::{self, Endpoints, Outbox, WebhookLog};
use super::{Emulator, EmulatorError, Kept, server};
use crate::webhooks::Validator;

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
    data_file: Option<PathBuf>,
    observer: Option<Observer>,
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
            data_file: None,
            observer: None,
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

    /// Keeps everything in this file, which is made if it is not there.
    ///
    /// A write is answered when it is on disk: whatever ends the process, the
    /// next emulator with the file has it. It has the credentials and the
    /// default service too, unless they are set otherwise. One emulator at a
    /// time can have the file.
    pub fn data_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_file = Some(path.into());
        self
    }

    /// Tells `observer` of each request once it is answered.
    ///
    /// It is called where requests are handled, so it must not take long. A
    /// panic in it costs the connection of the request, and no more.
    pub fn observe(mut self, observer: impl Fn(&LoggedRequest) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts the emulator on the Tokio runtime this is awaited on.
    ///
    /// # Errors
    ///
    /// If a SID is none of its kind, the address cannot be listened on, or the
    /// data file cannot be used.
    pub async fn start(self) -> Result<Emulator, EmulatorError> {
        self.check_sids()?;
        let (listener, authority) = self.listen().await?;
        let clock = self.clock.clone();
        let observer = self.observer.clone();
        // Reading and making files blocks.
        let began = tokio::task::spawn_blocking(|| self.begin());
        let Began {
            account,
            default_service,
            state,
            data_file,
        } = match began.await {
            Ok(began) => began?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => return Err(EmulatorError::Interrupted(io::Error::other(error))),
            },
        };

        let webhooks = Arc::new(WebhookLog::default());
        let sender = webhooks::Sender {
            account_sid: account.account_sid.clone(),
            validator: Validator::new(account.auth_token.as_str()),
        };
        let file = data_file.as_ref().map(|kept| Arc::clone(&kept.file));
        let (outbox, posting) = Outbox::new(sender, file.clone(), Arc::clone(&webhooks));
        let posting = tokio::spawn(posting);

        let url = format!("http://{authority}");
        let outlets = Outlets {
            data_file: file.clone(),
            outbox,
        };
        let api = Arc::new(Api {
            store: Store::new(state, clock.clone(), default_service, Box::new(outlets)),
            credentials: Credentials::new(
                account.account_sid,
                account.auth_token,
                account.api_key,
                account.api_secret,
            ),
            clock,
            faults: Faults::default(),
            log: RequestLog::observed_by(observer),
            webhooks,
            endpoints: Endpoints::default(),
            data_file: file,
            authority,
            under_way: AtomicUsize::new(0),
            runtime: Handle::current(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = server::serve(listener, Arc::clone(&api), stopped);
        let server = tokio::spawn(async move {
            serving.await;
            // It would hold on to the data file for as long as receivers are slow.
            posting.abort();
        });
        Ok(Emulator {
            api,
            url,
            service_sid: default_service.to_string(),
            stop,
            server,
            data_file,
        })
    }

    fn check_sids(&self) -> Result<(), EmulatorError> {
        for (what, prefix, given) in [
            ("account SID", "AC", &self.account_sid),
            ("API key", "SK", &self.api_key),
            ("service SID", "IS", &self.service_sid),
        ] {
            if let Some(given) = given
                && !(given.starts_with(prefix) && looks_like_sid(given))
            {
                return Err(EmulatorError::InvalidSid {
                    what,
                    prefix,
                    given: given.clone(),
                });
            }
        }
        Ok(())
    }

    /// A listener, and its host and port.
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
        let authority = listener.local_addr().map_err(unavailable)?.to_string();
        Ok((listener, authority))
    }

    /// The account and its state: what the data file has, and new where it has nothing.
    fn begin(self) -> Result<Began, EmulatorError> {
        let Some(path) = self.data_file.clone() else {
            let account = self.account(None)?;
            let mut state = State::default();
            let default_service = default_service(&account)?;
            state.begin(default_service, self.clock.millis());
            return Ok(Began {
                account,
                default_service,
                state,
                data_file: None,
            });
        };
        let unusable = |error: Unusable| match error {
            Unusable::InUse => EmulatorError::DataFileInUse { path: path.clone() },
            error => EmulatorError::DataFile {
                path: path.clone(),
                source: error.into(),
            },
        };
        let now = self.clock.millis();
        let mut opened = data_file::open(&path, now).map_err(unusable)?;
        let kept = opened.account.take();
        let kept_service = kept.as_ref().map(|kept| kept.service_sid.clone());
        let account = self.account(kept)?;
        let mut default_service = default_service(&account)?;
        let mut state = std::mem::take(&mut opened.state);
        state.keep_journal();
        match kept_service {
            None => state.begin(default_service, now),
            // A seed may have given it another SID since that was kept.
            Some(kept) if kept == account.service_sid => {
                default_service = state.default_service().unwrap_or(default_service);
            }
            Some(_) => state
                .rename_default_service(default_service)
                .map_err(|_| unusable(Unusable::ServiceTaken(default_service)))?,
        }
        let changes = state.take_journal();
        let (file, writer) = opened.begin(&account, changes).map_err(unusable)?;
        Ok(Began {
            account,
            default_service,
            state,
            data_file: Some(Kept {
                file: Arc::new(file),
                writer,
            }),
        })
    }

    /// What was set, else what was kept, else something new.
    fn account(&self, kept: Option<Account>) -> Result<Account, EmulatorError> {
        let given = |set: &Option<String>, kept: Option<String>, prefix| {
            let new = || format!("{prefix}{:032x}", fastrand::u128(..));
            set.clone().or(kept).unwrap_or_else(new)
        };
        let secret = |set: &Option<String>, kept: Option<String>| {
            set.clone().or(kept).map_or_else(new_secret, Ok)
        };
        let kept = kept.map_or([const { None }; 5], |kept| {
            [
                kept.account_sid,
                kept.auth_token,
                kept.api_key,
                kept.api_secret,
                kept.service_sid,
            ]
            .map(Some)
        });
        let [account_sid, auth_token, api_key, api_secret, service_sid] = kept;
        Ok(Account {
            account_sid: given(&self.account_sid, account_sid, "AC"),
            auth_token: secret(&self.auth_token, auth_token)?,
            api_key: given(&self.api_key, api_key, "SK"),
            api_secret: secret(&self.api_secret, api_secret)?,
            service_sid: given(&self.service_sid, service_sid, "IS"),
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
            .field("data_file", &self.data_file)
            .finish_non_exhaustive()
    }
}

/// What an emulator begins with.
struct Began {
    account: Account,
    default_service: Sid,
    state: State,
    data_file: Option<Kept>,
}

/// 32 hex digits that nobody can guess from what else the emulator makes up.
fn new_secret() -> Result<String, EmulatorError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| EmulatorError::NoRandomness(error.into()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn default_service(account: &Account) -> Result<Sid, EmulatorError> {
    let given = &account.service_sid;
    Sid::parse(Kind::Service, given).ok_or_else(|| EmulatorError::InvalidSid {
        what: "service SID",
        prefix: "IS",
        given: given.clone(),
    })
}

/// Where the writes of the store lead.
struct Outlets {
    data_file: Option<Arc<DataFile>>,
    outbox: Outbox,
}

impl Outlet for Outlets {
    fn changed(&self, changes: Vec<Change>) {
        if let Some(file) = &self.data_file {
            file.keep(changes);
        }
    }

    fn happened(&self, event: Event) {
        let after = self.data_file.as_ref().map_or(0, |file| file.asked());
        self.outbox.put(event, after);
    }
}
