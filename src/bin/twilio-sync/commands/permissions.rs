//! `twilio-sync permission`

use clap::{Args, Subcommand, ValueEnum};
use twilio_sync::kind::Permitted;
use twilio_sync::permissions::Access;
use twilio_sync::value::Data;
use twilio_sync::{Document, List, Map};

use crate::io::failure::{Failure, Result};
use crate::io::input::{Reference, with_options};
use crate::io::noun::Noun;
use crate::io::output::visible;
use crate::shell::session::{Run, Session};

const COLUMNS: &[&str] = &["identity", "read", "write", "manage"];

/// What an identity may do with an object through client software, if the Service has acl_enabled.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the permissions of an object
    Ls {
        #[command(flatten)]
        object: Object,
        /// No more than this many
        #[arg(long, value_name = "COUNT")]
        limit: Option<usize>,
    },
    /// Read the permission of an identity; exit code 3 if it has none
    Get {
        #[command(flatten)]
        object: Object,
        /// Whose
        identity: String,
    },
    /// Set what an identity may do; it replaces what it could do before
    #[command(group = clap::ArgGroup::new("access").required(true).multiple(true))]
    Grant {
        #[command(flatten)]
        object: Object,
        /// To whom
        identity: String,
        /// Read the object and its items
        #[arg(long, group = "access")]
        read: bool,
        /// Change data and items
        #[arg(long, group = "access")]
        write: bool,
        /// Remove the object
        #[arg(long, group = "access")]
        manage: bool,
    },
    /// Remove the permission of an identity; exit code 3 if it has none
    Revoke {
        #[command(flatten)]
        object: Object,
        /// Whose
        identity: String,
    },
}

/// An object that has permissions.
#[derive(Args, Debug)]
pub(crate) struct Object {
    /// The kind of the object
    kind: Kind,
    /// The unique name or SID of the object
    name: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Doc,
    List,
    Map,
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        match self.object().kind {
            Kind::Doc => self.run_on::<Document<Data>>(session).await,
            Kind::List => self.run_on::<List>(session).await,
            Kind::Map => self.run_on::<Map>(session).await,
        }
    }
}

impl Command {
    fn object(&self) -> &Object {
        match self {
            Self::Ls { object, .. }
            | Self::Get { object, .. }
            | Self::Grant { object, .. }
            | Self::Revoke { object, .. } => object,
        }
    }

    async fn run_on<K: Noun + Permitted>(self, session: &Session) -> Result<()> {
        let out = &session.out;
        let objects = K::objects(session.sync().await?);
        let permissions = objects.permissions(Reference::new(&self.object().name));
        let absent = |identity: &str| {
            let identity = visible(identity);
            Failure::not_found(format!(
                "\"{identity}\" has no permission there, or there is no such object"
            ))
        };
        match self {
            Self::Ls { limit, .. } => {
                let all = with_options!(permissions.all(), limit: limit);
                out.records(COLUMNS, all).await
            }
            Self::Get { identity, .. } => match permissions.find(&identity).await? {
                Some(permission) => out.record(&permission),
                None => Err(absent(&identity)),
            },
            Self::Grant {
                identity,
                read,
                write,
                manage,
                ..
            } => {
                let asked = [
                    (read, Access::READ),
                    (write, Access::WRITE),
                    (manage, Access::MANAGE),
                ];
                let given = asked.into_iter().filter(|(is_given, _)| *is_given);
                let access = given.fold(Access::NONE, |sum, (_, access)| sum | access);
                out.written(&permissions.grant(identity, access).await?)
            }
            Self::Revoke { identity, .. } => {
                if !permissions.revoke(&identity).await? {
                    return Err(absent(&identity));
                }
                out.done(format!(
                    "Revoked the permission of \"{}\".",
                    visible(&identity)
                ));
                Ok(())
            }
        }
    }
}
