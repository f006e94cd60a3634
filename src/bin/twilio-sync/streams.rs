//! `twilio-sync stream`

use clap::Subcommand;
use twilio_sync::StreamSid;
use twilio_sync::api::Data;

use crate::failure::Result;
use crate::input::{DataArgument, Reference, TtlOption, by};
use crate::lifecycle::{create, lifecycle};
use crate::output::written;
use crate::session::Session;

lifecycle! {
    "Message Stream", StreamSid, |sync| sync.streams(),
    columns: &["unique_name", "sid", "date_updated"]
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a Message Stream; exit code 4 if there is one
    Create {
        /// Its unique name
        name: String,
        #[command(flatten)]
        ttl: TtlOption,
    },
    /// Find a Message Stream, or create it if there is none
    Ensure {
        /// Its unique name
        name: String,
        #[command(flatten)]
        ttl: TtlOption,
    },
    /// Read a Message Stream
    Get {
        /// Its unique name or SID
        name: Reference<StreamSid>,
    },
    /// Publish a message, and print its SID
    Publish {
        /// The unique name or SID of the Message Stream
        stream: Reference<StreamSid>,
        #[command(flatten)]
        message: DataArgument,
    },
    #[command(flatten)]
    Shared(Lifecycle),
}

impl Command {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::Create { name, ttl } => out.written(&create!(
                session.sync().await?.streams(),
                create,
                name,
                ttl
            )?),
            Self::Ensure { name, ttl } => written(
                out,
                &create!(session.sync().await?.streams(), ensure, name, ttl)?,
            ),
            Self::Get { name } => {
                out.record(&by!(await session.sync().await?.streams(), name, get / get_by_id())?)
            }
            Self::Publish { stream, message } => {
                let message = message.read().await?;
                let stream = by!(
                    session.sync().await?,
                    stream,
                    stream / stream_by_id::<Data>()
                );
                let sid = stream.publish(&message).await?;
                out.written_value("sid", sid.to_string())
            }
            Self::Shared(command) => command.run(session).await,
        }
    }
}
