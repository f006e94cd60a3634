//! The settings, and the places that they come from: the command line, the environment, a `.env` file, a
//! profile.

use std::fmt::{self, Display};
use std::time::Duration;

use clap::Args;
use twilio_sync::{SyncClient, SyncClientBuilder};
use url::{Host, Url};

use super::profiles::{DEFAULT, Profile, Profiles, no_such_profile};
use super::{env_file, environment};
use crate::io::failure::{Failure, Result};
use crate::io::input::{selector, span};
use crate::io::output;

/// Options that say which service to call. Secrets are not among them: other users of a machine can
/// see the arguments of a program.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Use a local emulator, with its data in a file of yours: no account is needed, and of the
    /// settings only --service counts (or TWILIO_SYNC_LOCAL=1)
    #[arg(long, global = true)]
    local: bool,

    /// Use this profile, and nothing of the environment (or TWILIO_SYNC_PROFILE)
    #[arg(long, global = true, value_name = "NAME", value_parser = selector, conflicts_with = "local")]
    profile: Option<String>,

    /// The Service: its SID, IS…, or default
    #[arg(long, alias = "service-sid", global = true, value_name = "SID", value_parser = selector)]
    pub(crate) service: Option<String>,

    /// The account SID, AC…
    #[arg(long, global = true, value_name = "SID", value_parser = selector, conflicts_with = "local")]
    pub(crate) account_sid: Option<String>,

    /// The API key, SK…; its secret comes from TWILIO_API_SECRET
    #[arg(long, global = true, value_name = "SID", value_parser = selector, conflicts_with = "local")]
    pub(crate) api_key: Option<String>,

    /// The region that processes the calls, such as ie1
    #[arg(long, global = true, value_name = "REGION", value_parser = selector, conflicts_with = "local")]
    pub(crate) region: Option<String>,

    /// The edge at which calls enter Twilio's network, such as dublin
    #[arg(long, global = true, value_name = "EDGE", value_parser = selector, conflicts_with = "local")]
    pub(crate) edge: Option<String>,

    /// Another address of the service, such as an emulator's
    #[arg(long, global = true, value_name = "URL", value_parser = selector, conflicts_with = "local")]
    pub(crate) base_url: Option<String>,

    /// How long an attempt of a call may take, such as 10s; 30s without it
    #[arg(long, global = true, value_name = "TIME", value_parser = span)]
    pub(crate) timeout: Option<Duration>,

    /// Print each request on standard error
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

impl Connection {
    /// A setting, by the name of its environment variable.
    fn get(&self, variable: &str) -> Option<String> {
        match variable {
            environment::ACCOUNT_SID => self.account_sid.clone(),
            environment::API_KEY => self.api_key.clone(),
            environment::SERVICE_SID => self.service.clone(),
            environment::REGION => self.region.clone(),
            environment::EDGE => self.edge.clone(),
            environment::BASE_URL => self.base_url.clone(),
            _ => None,
        }
    }

    /// A setting of an emulator: the command line says it, or else the environment, which
    /// may have a real account's and so has no say in what the local data file keeps.
    pub(crate) fn of_emulator(&self, variable: &str) -> Option<String> {
        let of_environment = || {
            (!self.is_local())
                .then(|| environment::get(variable))
                .flatten()
        };
        self.get(variable).or_else(of_environment)
    }

    /// Returns true if the local emulator is asked for. What the command line says of another service goes
    /// before the variable.
    pub(crate) fn is_local(&self) -> bool {
        let no = ["0", "false", "no", "off"];
        let is_set = || {
            environment::get(environment::LOCAL)
                .is_some_and(|value| !no.contains(&value.to_lowercase().as_str()))
        };
        let of_another = [
            &self.profile,
            &self.account_sid,
            &self.api_key,
            &self.region,
            &self.edge,
            &self.base_url,
        ];
        self.local || of_another.iter().all(|option| option.is_none()) && is_set()
    }

    /// Returns true if `--local` itself was given.
    pub(crate) fn says_local(&self) -> bool {
        self.local
    }

    /// The profile that is asked for.
    pub(crate) fn profile_name(&self) -> Option<String> {
        self.profile
            .clone()
            .or_else(|| environment::get(environment::PROFILE))
    }
}

/// A place that settings come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    CommandLine,
    Environment,
    EnvFile,
    Profile(String),
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("the command line"),
            Self::Environment => f.write_str("the environment"),
            Self::EnvFile => f.write_str(env_file::NAME),
            Self::Profile(name) => write!(f, "the profile \"{name}\""),
        }
    }
}

/// Finds a setting by the name of its environment variable.
type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// One place with settings.
struct Layer {
    source: Source,
    get: Lookup,
}

impl Layer {
    fn has_secret(&self) -> bool {
        environment::SECRETS
            .iter()
            .any(|name| (self.get)(name).is_some_and(|secret| !secret.is_empty()))
    }
}

/// All settings, the strongest place first.
pub(crate) struct Settings {
    layers: Vec<Layer>,
    /// The place that the credentials are taken from; `None` if there are no secrets anywhere.
    credentials: Option<Source>,
}

impl Settings {
    /// Reads them all.
    pub(crate) fn read(connection: &Connection) -> Result<Self> {
        let flags = connection.clone();
        let mut layers = vec![Layer {
            source: Source::CommandLine,
            get: Box::new(move |variable| flags.get(variable)),
        }];
        if let Some(name) = connection.profile_name() {
            let mut profiles = Profiles::read()?;
            match profiles.all.remove(&name) {
                Some(profile) => layers.push(of_profile(name, profile)),
                None => return Err(no_such_profile(&name, &profiles)),
            }
        } else {
            let environment = Layer {
                source: Source::Environment,
                get: Box::new(environment::get),
            };
            let env_file = match env_file::read() {
                Ok(variables) => variables,
                // Many a program has a file of this name, in a form of its own.
                Err(failure) if environment.has_secret() => {
                    output::note(format_args!(
                        "{}; the file is not used: the credentials are from {}",
                        failure.message(),
                        environment.source
                    ));
                    env_file::Variables::new()
                }
                Err(failure) => return Err(with_way_around(failure)),
            };
            layers.push(environment);
            layers.push(Layer {
                source: Source::EnvFile,
                get: Box::new(move |variable| env_file.get(variable).cloned()),
            });
            // A profile that is not needed need not be readable.
            if !layers.iter().any(Layer::has_secret)
                && let Some(profile) = Profiles::read()?.all.remove(DEFAULT)
            {
                layers.push(of_profile(DEFAULT.to_owned(), profile));
            }
        }
        let credentials = layers.iter().find(|layer| layer.has_secret());
        Ok(Self {
            credentials: credentials.map(|layer| layer.source.clone()),
            layers,
        })
    }

    /// Returns the place that the credentials are taken from.
    pub(crate) fn credentials(&self) -> Option<&Source> {
        self.credentials.as_ref()
    }

    /// Says on standard error that a file of this folder has the credentials, which nothing on the
    /// command line shows.
    pub(crate) fn announce(&self, is_quiet: bool) {
        if !is_quiet && self.credentials == Some(Source::EnvFile) {
            output::note(format_args!("credentials from {}", Source::EnvFile));
        }
    }

    /// Returns a setting, and the place that it is from.
    pub(crate) fn find(&self, variable: &str) -> Option<(String, &Source)> {
        let is_credential = environment::CREDENTIALS.contains(&variable);
        let mut layers = self.layers.iter().filter(|layer| {
            !is_credential
                || layer.source == Source::CommandLine
                || self
                    .credentials
                    .as_ref()
                    .is_none_or(|source| *source == layer.source)
        });
        layers.find_map(|layer| {
            let value = (layer.get)(variable).filter(|value| !value.is_empty())?;
            Some((value, &layer.source))
        })
    }

    pub(crate) fn get(&self, variable: &str) -> Option<String> {
        self.find(variable).map(|(value, _)| value)
    }

    /// A client by these settings. Without a Service it is the account's default one.
    pub(crate) fn client_builder(&self) -> Result<SyncClientBuilder> {
        self.check_destination()?;
        let builder = SyncClient::builder().from_variables(|variable| {
            // Another service than that of the base URL is not the one to watch.
            if variable == environment::REALTIME_URL && !self.is_of_base_url(variable) {
                return None;
            }
            // Only the current name is asked for first, so that an older one is still found.
            self.get(variable).or_else(|| {
                let is_unset = variable == environment::SERVICE_SID
                    && self.get(environment::older::SERVICE_SID).is_none();
                is_unset.then(|| "default".to_owned())
            })
        });
        Ok(builder?)
    }

    /// Returns true if a setting comes from the place of the base URL, or from one that goes before it.
    fn is_of_base_url(&self, variable: &str) -> bool {
        let rank = |variable| {
            let (_, source) = self.find(variable)?;
            self.layers.iter().position(|layer| layer.source == *source)
        };
        match (rank(variable), rank(environment::BASE_URL)) {
            (Some(one), Some(base)) => one <= base,
            _ => true,
        }
    }

    /// Sees to it that a file that lies in some folder does not send the credentials of another
    /// place elsewhere.
    fn check_destination(&self) -> Result<()> {
        for variable in environment::DESTINATION {
            let Some((value, source)) = self.find(variable) else {
                continue;
            };
            if *source != Source::EnvFile {
                continue;
            }
            if environment::ADDRESSES.contains(variable) && !is_loopback(&value) {
                return Err(Failure::usage(format!(
                    "{source} sets {variable} to an address of another machine: a file of a folder \
                     does not say where credentials go"
                ))
                .hint("set it in the environment, with --base-url, or in a --profile"));
            }
            if let Some(credentials) = &self.credentials
                && credentials != source
            {
                return Err(Failure::usage(format!(
                    "{source} sets {variable}, and the credentials are from {credentials}: a file of \
                     a folder does not say where they go"
                ))
                .hint("name a --profile, or set that in the same place as the credentials"));
            }
        }
        Ok(())
    }
}

/// A failure to read the file `.env`, whose hint also says how to do without the file.
fn with_way_around(failure: Failure) -> Failure {
    let fix = failure.hinted().unwrap_or("let this program read it");
    let hint = format!("{fix}; credentials in the environment, or a --profile, need no such file");
    failure.hint(hint)
}

fn of_profile(name: String, profile: Profile) -> Layer {
    Layer {
        source: Source::Profile(name),
        get: Box::new(move |variable| profile.get(variable)),
    }
}

/// Returns true for the address of a service on this machine.
fn is_loopback(address: &str) -> bool {
    let url = Url::parse(address).ok();
    url.as_ref()
        .and_then(Url::host)
        .is_some_and(|host| match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        })
}
