//! Where settings come from: the command line, the environment, a `.env` file, a profile.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use twilio_sync::{SyncClient, SyncClientBuilder};
use url::{Host, Url};

use super::environment;
use super::ownership::check_writers;
use super::profiles::{DEFAULT, Profile, Profiles, no_such_profile};
use crate::io::failure::{Failure, Result};
use crate::io::input::{selector, span};
use crate::io::output;

/// In this folder, and not looked for in those above: who can write there is another matter.
const ENV_FILE: &str = "./.env";

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

/// Where a setting comes from.
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
            Self::EnvFile => f.write_str("the file .env here"),
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
    /// Where the credentials are taken from; none if there are no secrets anywhere.
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
            let env_file = read_env_file()?;
            layers.push(Layer {
                source: Source::Environment,
                get: Box::new(environment::get),
            });
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

    /// Where the credentials are taken from.
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

    /// A setting and where it is from.
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

/// The variables of the `.env` file here; none if there is no such file.
fn read_env_file() -> Result<HashMap<String, String>> {
    let path = Path::new(ENV_FILE);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(Failure::io(Source::EnvFile, &error)),
    };
    let unread = |error: io::Error| Failure::io(Source::EnvFile, &error);
    // The metadata of the open file: its path may lead to another file by now.
    check_writers(path, &file.metadata().map_err(unread)?)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unread)?;
    let text = without_substitution(&text);
    let variables = dotenvy::from_read_iter(text.as_bytes());
    let restored = |variable: Result<(String, String), dotenvy::Error>| {
        let (name, value) = variable.map_err(unusable)?;
        Ok((name, value.replace(DOLLAR, "$")))
    };
    variables.map(restored).collect()
}

/// Stands for a dollar sign while the file is parsed: no value of a variable can have this character.
const DOLLAR: char = '\0';

/// A file with its dollar signs hidden, for a value that has one must not be expanded into the value of
/// another variable.
fn without_substitution(text: &str) -> String {
    let mut is_escaped = false;
    let hidden = text.chars().map(|letter| {
        let hides = letter == '$' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        if hides { DOLLAR } else { letter }
    });
    hidden.collect()
}

/// Why the file cannot be used. What is in its lines, which may be a secret, is not shown.
#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn unusable(error: dotenvy::Error) -> Failure {
    if let dotenvy::Error::Io(error) = &error {
        return Failure::io(Source::EnvFile, error);
    }
    Failure::usage(format!(
        "{} has a line that cannot be read",
        Source::EnvFile
    ))
    .hint("each of its lines is NAME=value, with quotes around a value that has blanks")
}
