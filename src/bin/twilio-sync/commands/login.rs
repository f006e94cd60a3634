//! `twilio-sync login` and `twilio-sync profile`: the named profiles.

use std::io::{self, IsTerminal};

use clap::{Args, Subcommand};
use futures_util::stream;
use secrecy::SecretString;
use serde::Serialize;
use twilio_sync::{Credentials, SyncClient};

use crate::io::blocking::blocking;
use crate::io::failure::{Failure, Result};
use crate::io::input::with_options;
use crate::shell::profiles::{DEFAULT, Profile, Profiles, no_such_profile};
use crate::shell::prompts::{ask, ask_for_secret};
use crate::shell::session::{Run, Session};
use crate::shell::settings::Connection;

/// Keep credentials in a profile
///
/// It asks for what the options do not say, for the secret without showing it, and tries them before
/// they are kept in a file that only you can read. In a script the secret is the first line of standard
/// input.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Keep them without trying them
    #[arg(long)]
    offline: bool,
}

impl Run for Arguments {
    async fn run(self, session: &Session) -> Result<()> {
        let connection = &session.options.connection;
        if connection.says_local() {
            return Err(Failure::usage("--local needs no login")
                .hint("leave --local out to log in to an account"));
        }
        let name = connection
            .profile_name()
            .unwrap_or_else(|| DEFAULT.to_owned());
        let mut profiles = Profiles::read()?;
        if profiles.all.contains_key(&name) {
            session
                .confirm(&format!("Replace the profile \"{name}\""))
                .await?;
        }
        let asked = connection.clone();
        let profile = blocking(move || ask_for_profile(&asked)).await?;
        let sync = client(&profile)?;
        if !self.offline {
            let service = sync.services().get(sync.service().as_str()).await;
            service.map_err(|error| {
                Failure::from(error).hint("nothing was kept; with --offline it is kept untried")
            })?;
        }
        profiles.all.insert(name.clone(), profile);
        profiles.write()?;
        session.out.notice(format!(
            "The profile \"{name}\" is in {}.",
            profiles.path.display()
        ));
        Ok(())
    }
}

/// Asks for what the options do not say.
fn ask_for_profile(connection: &Connection) -> Result<Profile> {
    let is_terminal = io::stdin().is_terminal();
    let account_sid = match &connection.account_sid {
        Some(sid) => sid.clone(),
        None if is_terminal => ask("Account SID (AC…): ")?,
        None => {
            return Err(Failure::usage("there is no account SID")
                .hint("give --account-sid; standard input is not a terminal"));
        }
    };
    let api_key = match &connection.api_key {
        Some(sid) => Some(sid.clone()),
        None if is_terminal => {
            let key = ask("API key SID (SK…), or nothing to use the auth token: ")?;
            (!key.is_empty()).then_some(key)
        }
        None => None,
    };
    let what = if api_key.is_some() {
        "API secret"
    } else {
        "Auth token"
    };
    let secret = ask_for_secret(what)?;
    if secret.is_empty() {
        return Err(Failure::usage(format!(
            "there is no {}",
            what.to_lowercase()
        )));
    }
    let service_sid = match &connection.service {
        Some(sid) => Some(sid.clone()),
        None if is_terminal => {
            let sid = ask("Service SID (IS…), or nothing for the default Service: ")?;
            (!sid.is_empty()).then_some(sid)
        }
        None => None,
    };
    let secret = SecretString::from(secret);
    let (api_secret, auth_token) = if api_key.is_some() {
        (Some(secret), None)
    } else {
        (None, Some(secret))
    };
    Ok(Profile {
        account_sid,
        api_key,
        api_secret,
        auth_token,
        service_sid,
        region: connection.region.clone(),
        edge: connection.edge.clone(),
        base_url: connection.base_url.clone(),
    })
}

/// A client by a profile alone.
fn client(profile: &Profile) -> Result<SyncClient> {
    let account = profile.account_sid.as_str();
    let secret = |secret: &Option<SecretString>| secret.clone().unwrap_or_default();
    let credentials = match &profile.api_key {
        Some(key) => Credentials::api_key(account, key.as_str(), secret(&profile.api_secret))?,
        None => Credentials::auth_token(account, secret(&profile.auth_token))?,
    };
    let service = profile.service_sid.as_deref().unwrap_or("default");
    let builder = SyncClient::builder()
        .credentials(credentials)
        .service(service);
    let builder = with_options!(
        builder,
        region: profile.region.clone(),
        edge: profile.edge.clone(),
        base_url: profile.base_url.clone()
    );
    Ok(builder.build()?)
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles, without their secrets
    Ls,
    /// Remove a profile
    Rm {
        /// Its name
        name: String,
    },
}

const COLUMNS: &[&str] = &["profile", "account_sid", "api_key", "service_sid"];

/// A profile without its secrets.
#[derive(Serialize)]
struct Row {
    profile: String,
    account_sid: String,
    api_key: Option<String>,
    service_sid: Option<String>,
    region: Option<String>,
    edge: Option<String>,
    base_url: Option<String>,
}

impl Run for ProfileCommand {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let mut profiles = Profiles::read()?;
        match self {
            Self::Ls => {
                let rows = profiles.all.into_iter().map(|(name, profile)| {
                    Ok(Row {
                        profile: name,
                        account_sid: profile.account_sid,
                        api_key: profile.api_key,
                        service_sid: profile.service_sid,
                        region: profile.region,
                        edge: profile.edge,
                        base_url: profile.base_url,
                    })
                });
                out.records(COLUMNS, stream::iter(rows)).await
            }
            Self::Rm { name } => {
                if !profiles.all.contains_key(&name) {
                    return Err(no_such_profile(&name, &profiles));
                }
                session
                    .confirm(&format!("Remove the profile \"{name}\""))
                    .await?;
                profiles.all.remove(&name);
                profiles.write()?;
                out.done(format!("Removed the profile \"{name}\"."));
                Ok(())
            }
        }
    }
}
