//! `twilio-sync stream`

use clap::Subcommand;
use twilio_sync::MessageStream;
use twilio_sync::value::{Data, StreamSid};

use super::lifecycle::{Creation, Lifecycle};
use super::watch::WatchOptions;
use crate::io::failure::Result;
use crate::io::input::{DataArgument, Reference};
use crate::shell::session::{Run, Session};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    New(Creation<MessageStream>),
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
    /// Print the messages as they are published
    Listen {
        /// The unique name or SID of the Message Stream
        stream: Reference<StreamSid>,
        #[command(flatten)]
        options: WatchOptions,
    },
    #[command(flatten)]
    Shared(Lifecycle<MessageStream>),
}

impl Run for Command {
    async fn run(self, session: &Session) -> Result<()> {
        let out = &session.out;
        match self {
            Self::New(command) => command.run(session).await,
            Self::Get { name } => out.record(&session.sync().await?.streams().get(name).await?),
            Self::Publish { stream, message } => {
                let message = message.read().await?;
                let stream = session.sync().await?.stream::<Data>(stream);
                let sid = stream.publish(&message).await?;
                out.written_value("sid", sid.to_string())
            }
            Self::Listen { stream, options } => {
                let title = format!("the Message Stream {stream}");
                let sync = options.sync(session).await?;
                let messages = sync.stream::<Data>(stream).listen();
                options.run(session, &sync, &title, messages, false).await
            }
            Self::Shared(command) => command.run(session).await,
        }
    }
}
