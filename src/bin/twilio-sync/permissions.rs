//! `twilio-sync permission`

use clap::{Args, Subcommand, ValueEnum};
use futures_util::TryStreamExt;
use serde::Serialize;
use twilio_sync::api::Data;
use twilio_sync::{Access, DocumentSid, ListSid, MapSid, Permission, Permissions, Permitted};

use crate::failure::{Failure, Result};
use crate::input::{Reference, by, with_options};
use crate::output::visible;
use crate::session::Session;

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

/// What is done with the permissions of an object.
enum Verb {
    Ls(Option<usize>),
    Get(String),
    Grant(String, Access),
    Revoke(String),
}

#[derive(Serialize)]
struct Row {
    identity: String,
    read: bool,
    write: bool,
    manage: bool,
    object_sid: String,
}

impl Row {
    fn new<S: std::fmt::Display>(permission: Permission<S>) -> Self {
        Self {
            identity: permission.identity,
            read: permission.access.contains(Access::READ),
            write: permission.access.contains(Access::WRITE),
            manage: permission.access.contains(Access::MANAGE),
            object_sid: permission.object_sid.to_string(),
        }
    }
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let (object, verb) = match self {
            Self::Ls { object, limit } => (object, Verb::Ls(limit)),
            Self::Get { object, identity } => (object, Verb::Get(identity)),
            Self::Grant {
                object,
                identity,
                read,
                write,
                manage,
            } => {
                let asked = [
                    (read, Access::READ),
                    (write, Access::WRITE),
                    (manage, Access::MANAGE),
                ];
                let given = asked.into_iter().filter(|(is_given, _)| *is_given);
                let access = given.fold(Access::NONE, |sum, (_, access)| sum | access);
                (object, Verb::Grant(identity, access))
            }
            Self::Revoke { object, identity } => (object, Verb::Revoke(identity)),
        };
        let sync = session.sync().await?;
        let Object { kind, name } = object;
        match kind {
            Kind::Doc => {
                let reference: Reference<DocumentSid> = Reference::new(name);
                let documents = sync.documents::<Data>();
                let permissions = by!(documents, reference, permissions / permissions_by_id());
                verb.run(session, permissions).await
            }
            Kind::List => {
                let reference: Reference<ListSid> = Reference::new(name);
                let permissions = by!(sync.lists(), reference, permissions / permissions_by_id());
                verb.run(session, permissions).await
            }
            Kind::Map => {
                let reference: Reference<MapSid> = Reference::new(name);
                let permissions = by!(sync.maps(), reference, permissions / permissions_by_id());
                verb.run(session, permissions).await
            }
        }
    }
}

impl Verb {
    async fn run<S>(self, session: &Session, permissions: Permissions<S>) -> Result<()>
    where
        S: Permitted + Clone + std::fmt::Debug + std::fmt::Display + Sync,
    {
        let out = &session.out;
        let absent = |identity: &str| {
            let identity = visible(identity);
            Failure::not_found(format!(
                "\"{identity}\" has no permission there, or there is no such object"
            ))
        };
        match self {
            Self::Ls(limit) => {
                let all = with_options!(permissions.all(), limit: limit);
                out.records(COLUMNS, all.map_ok(Row::new)).await
            }

            Self::Get(identity) => match permissions.get(&identity).await? {
                Some(permission) => out.record(&Row::new(permission)),
                None => Err(absent(&identity)),
            },
            Self::Grant(identity, access) => {
                out.written(&Row::new(permissions.grant(identity, access).await?))
            }
            Self::Revoke(identity) => {
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
