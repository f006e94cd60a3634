//! `twilio-sync stream`

use clap::Subcommand;
use twilio_sync::StreamSid;
use twilio_sync::api::Data;

use crate::failure::Result;
use crate::input::{DataArgument, Reference, by};
use crate::lifecycle::{creation, lifecycle};
use crate::session::Session;

lifecycle! {
    "Message Stream", StreamSid, |sync| sync.streams(),
    columns: &["unique_name", "sid", "date_updated"]
}

creation! { "Message Stream", |sync| sync.streams() }

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    New(Creation),
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
            Self::New(command) => command.run(session).await,
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
