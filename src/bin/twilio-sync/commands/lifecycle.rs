//! The verbs that Documents, Lists, Maps and Message Streams share.

use std::marker::PhantomData;

use clap::Subcommand;
use twilio_sync::Ttl;
use twilio_sync::kind::Dataless;

use crate::io::failure::{Failure, Result};
use crate::io::input::{Reference, TtlOption, selector, ttl, with_options};
use crate::io::noun::Noun;
use crate::io::output::{visible, written};
use crate::shell::session::{Run, Session};

/// The verbs of all kinds of objects.
#[derive(Debug, Subcommand)]
pub(crate) enum Lifecycle<K: Noun> {
    #[command(about = format!("Look for a {} and print its SID; exit code 3 if there is none", K::NOUN))]
    Search {
        /// Its unique name
        name: String,
    },
    #[command(about = format!("List every {}", K::NOUN))]
    Ls {
        /// Only those whose name begins with this; all are read
        #[arg(long, value_name = "TEXT", value_parser = selector)]
        prefix: Option<String>,
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    #[command(about = format!("Set after how long a {} expires", K::NOUN))]
    Ttl {
        /// Its unique name or SID
        name: Reference<K::Sid>,
        /// Seconds, or as in 90s, 3m, 1h, 2days, never
        #[arg(value_name = "TIME", value_parser = ttl)]
        ttl: Ttl,
    },
    #[command(about = format!("Remove a {} and all that is in it", K::NOUN))]
    Rm {
        /// Its unique name or SID
        name: Reference<K::Sid>,
    },
}

impl<K: Noun> Run for Lifecycle<K> {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let title = |name: &Reference<K::Sid>| format!("the {} {name}", K::NOUN);
        if let Self::Rm { name } = &self {
            // Asked before the local data file is taken.
            session.confirm(&format!("Remove {}", title(name))).await?;
        }
        let objects = K::objects(session.sync().await?);
        match self {
            Self::Search { name } => match objects.search(&name).await? {
                Some(sid) => out.value("sid", sid.to_string()),
                None => Err(Failure::not_found(format!(
                    "there is no {} \"{}\"",
                    K::NOUN,
                    visible(&name)
                ))),
            },
            Self::Ls { prefix, limit } => {
                let found = match prefix {
                    Some(prefix) => objects.all_with_prefix(prefix),
                    None => objects.all(),
                };
                out.records(K::COLUMNS, with_options!(found, limit: limit))
                    .await
            }
            Self::Ttl { name, ttl } => out.written(&objects.set_ttl(name, ttl).await?),
            Self::Rm { name } => {
                let title = title(&name);
                objects.remove(name).await?;
                out.done(format!("Removed {title}."));
                Ok(())
            }
        }
    }
}

/// The verbs of objects without data of their own.
#[derive(Debug, Subcommand)]
pub(crate) enum Creation<K: Noun> {
    #[command(about = format!("Create a {}; exit code 4 if there is one", K::NOUN))]
    Create {
        /// Its unique name
        name: String,
        #[command(flatten)]
        ttl: TtlOption,
        #[arg(skip)]
        kind: PhantomData<K>,
    },
    #[command(about = format!("Find a {}, or create it if there is none", K::NOUN))]
    Ensure {
        /// Its unique name
        name: String,
        #[command(flatten)]
        ttl: TtlOption,
    },
}

impl<K: Noun + Dataless> Run for Creation<K> {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let objects = K::objects(session.sync().await?);
        match self {
            Self::Create { name, ttl, .. } => {
                out.written(&with_options!(objects.create(name), ttl: ttl.ttl).await?)
            }
            Self::Ensure { name, ttl } => written(
                out,
                &with_options!(objects.ensure(name), ttl: ttl.ttl).await?,
            ),
        }
    }
}
