//! `twilio-sync service`

use std::time::Duration;

use clap::{Args, Subcommand};
use twilio_sync::value::ServiceReference;

use crate::io::failure::{Failure, Result};
use crate::io::input::{span, with_options};
use crate::io::output::{visible, written};
use crate::shell::session::{Run, Session};

const COLUMNS: &[&str] = &["friendly_name", "sid", "unique_name", "date_updated"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the Services of the account
    Ls {
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Read the Service that is in use, or another
    Get {
        /// Its SID, or default
        sid: Option<String>,
    },
    /// Look for a Service by its friendly name and print its SID; exit code 3 if there is none
    Search {
        /// Its friendly name
        friendly_name: String,
    },
    /// Create a Service
    Create {
        /// Its friendly name
        friendly_name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Find a Service by its friendly name, or create it if there is none
    Ensure {
        /// Its friendly name
        friendly_name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change settings of a Service
    Update {
        /// Its SID, or default
        sid: String,
        /// A new friendly name
        #[arg(long, value_name = "NAME")]
        friendly_name: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Remove a Service and everything in it
    Rm {
        /// Its SID, or default
        sid: ServiceReference,
    },
}

/// Settings of a Service; those that are not given stay as they are.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// Where to post events; empty for nowhere
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Post changes that are made through the REST API too
    #[arg(long, value_name = "true|false")]
    webhooks_from_rest_enabled: Option<bool>,
    /// Post when a client connects or disconnects
    #[arg(long, value_name = "true|false")]
    reachability_webhooks_enabled: Option<bool>,
    /// Let clients use an object only with a permission
    #[arg(long, value_name = "true|false")]
    acl_enabled: Option<bool>,
    /// Post nothing about a short loss of connection
    #[arg(long, value_name = "true|false")]
    reachability_debouncing_enabled: Option<bool>,
    /// How long a client is disconnected before that is posted: 1s to 30s
    #[arg(long, value_name = "TIME", value_parser = span)]
    reachability_debouncing_window: Option<Duration>,
}

/// Puts settings onto one of the calls that take them.
macro_rules! with_settings {
    ($call:expr, $settings:expr) => {
        with_options!(
            $call,
            webhook_url: $settings.webhook_url,
            webhooks_from_rest_enabled: $settings.webhooks_from_rest_enabled,
            reachability_webhooks_enabled: $settings.reachability_webhooks_enabled,
            acl_enabled: $settings.acl_enabled,
            reachability_debouncing_enabled: $settings.reachability_debouncing_enabled,
            reachability_debouncing_window: $settings.reachability_debouncing_window
        )
    };
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        if let Self::Rm { sid } = &self {
            // Asked before the local data file is taken.
            let which = match sid.as_str() {
                ServiceReference::DEFAULT => "the default Service".to_owned(),
                sid => format!("the Service {sid}"),
            };
            let question = format!("Remove {which} and everything in it");
            session.confirm(&question).await?;
        }
        let sync = session.sync().await?;
        let services = sync.services();
        match self {
            Self::Ls { limit } => {
                let services = with_options!(services.all(), limit: limit);
                out.records(COLUMNS, services).await
            }
            Self::Get { sid } => {
                let sid = sid.as_deref().unwrap_or(sync.service().as_str());
                out.record(&services.get(sid).await?)
            }
            Self::Search { friendly_name } => {
                let found = services.search(&friendly_name).await?;
                let found = found.ok_or_else(|| {
                    let name = visible(&friendly_name);
                    Failure::not_found(format!("there is no Service \"{name}\""))
                })?;
                out.value("sid", found.sid.to_string())
            }
            Self::Create {
                friendly_name,
                settings,
            } => out.written(&with_settings!(services.create(friendly_name), settings).await?),
            Self::Ensure {
                friendly_name,
                settings,
            } => written(
                out,
                &with_settings!(services.ensure(friendly_name), settings).await?,
            ),
            Self::Update {
                sid,
                friendly_name,
                settings,
            } => {
                let call = with_settings!(services.update(sid), settings);
                out.written(&with_options!(call, friendly_name: friendly_name).await?)
            }
            Self::Rm { sid } => {
                // By its SID: another Service must not be removed by a retry.
                let sid = match sid.as_str() {
                    ServiceReference::DEFAULT => services.get(&sid).await?.sid.to_string(),
                    sid => sid.to_owned(),
                };
                services.remove(sid.as_str()).await?;
                out.done(format!("Removed the Service {sid} and everything in it."));
                Ok(())
            }
        }
    }
}
