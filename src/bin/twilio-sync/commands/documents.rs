//! `twilio-sync doc`

use clap::Subcommand;
use twilio_sync::value::{Data, DocumentSid};
use twilio_sync::{Document, Documents};

use super::lifecycle::Lifecycle;
use super::watch::{InitialOption, WatchOptions};
use crate::io::failure::Result;
use crate::io::input::{
    DataArgument, IfMatchOption, PatchArgument, Reference, TtlOption, with_options,
};
use crate::io::output::{json_line, print, written};
use crate::shell::session::{Run, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a Document; exit code 4 if there is one
    Create {
        /// Its unique name
        name: String,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: TtlOption,
    },
    /// Read a Document
    Get {
        /// Its unique name or SID
        name: Reference<DocumentSid>,
        /// Print its data and nothing else
        #[arg(long = "data")]
        is_data_only: bool,
    },
    /// Write the data of a Document, which is created if there is none
    Set {
        /// Its unique name; or its SID, if it is there
        name: Reference<DocumentSid>,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: TtlOption,
    },
    /// Replace the data of a Document; exit code 3 if there is none
    Update {
        /// Its unique name or SID
        name: Reference<DocumentSid>,
        #[command(flatten)]
        data: DataArgument,
        #[command(flatten)]
        ttl: TtlOption,
        #[command(flatten)]
        if_match: IfMatchOption,
    },
    /// Change the data of a Document, without undoing what others write at the same time
    Mutate {
        /// Its unique name or SID
        name: Reference<DocumentSid>,
        #[command(flatten)]
        patch: PatchArgument,
        #[command(flatten)]
        ttl: TtlOption,
        /// Start from {} if there is no such Document
        #[arg(long = "create")]
        may_create: bool,
    },
    /// Print the changes of a Document as they happen
    Watch {
        /// Its unique name or SID
        name: Reference<DocumentSid>,
        #[command(flatten)]
        initial: InitialOption,
        #[command(flatten)]
        options: WatchOptions,
    },
    #[command(flatten)]
    Shared(Lifecycle<Document<Data>>),
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::Create { name, data, ttl } => {
                let data = data.read().await?;
                let call = documents(session).await?.create(name, &data);
                out.written(&with_options!(call, ttl: ttl.ttl).await?)
            }
            Self::Get { name, is_data_only } => {
                let document = documents(session).await?.get(name).await?;
                if is_data_only {
                    return print(json_line(&document.data)?);
                }
                out.record(&document)
            }
            Self::Set { name, data, ttl } => {
                let data = data.read().await?;
                let documents = documents(session).await?;
                match name {
                    Reference::Name(name) => {
                        let call = documents.update_or_create(name, &data);
                        written(out, &with_options!(call, ttl: ttl.ttl).await?)
                    }
                    Reference::Sid(sid) => {
                        let call = documents.update(sid, &data);
                        out.written(&with_options!(call, ttl: ttl.ttl).await?)
                    }
                }
            }
            Self::Update {
                name,
                data,
                ttl,
                if_match,
            } => {
                let data = data.read().await?;
                let documents = documents(session).await?;
                let call = documents.update(name, &data);
                let call = with_options!(call, ttl: ttl.ttl, if_match: if_match.if_match);
                out.written(&call.await?)
            }
            Self::Mutate {
                name,
                patch,
                ttl,
                may_create,
            } => {
                let patch = patch.read().await?;
                let documents = documents(session).await?;
                let call = documents.mutate(name, |data| patch.apply(data));
                let call = with_options!(call, ttl: ttl.ttl);
                let document = if may_create {
                    call.or_default().await?
                } else {
                    call.await?
                };
                ttl.warn_if_unset(out, document.outcome);
                written(out, &document)
            }
            Self::Watch {
                name,
                initial: InitialOption { initial },
                options,
            } => {
                let title = format!("the Document {name}");
                let sync = options.sync(session).await?;
                let watch = sync.documents::<Data>().watch(name);
                let watch = if initial { watch } else { watch.skip_initial() };
                options.run(session, &sync, &title, watch, initial).await
            }
            Self::Shared(command) => command.run(session).await,
        }
    }
}

/// The Documents, with data as it comes.
async fn documents(session: &Session) -> Result<Documents<Data>> {
    Ok(session.sync().await?.documents())
}
