//! Message Streams: messages to those who listen now.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use serde::Serialize;

use crate::api::types::StreamMessage;
use crate::api::{Call, Form, Operation};
use crate::client::SyncClient;
use crate::objects::Objects;
use crate::resource::contract::checked;
use crate::resource::key::IntoKey;
use crate::resource::kind::{Dataless, kind, resource};
use crate::resource::record::{dataless_record, record};
use crate::resource::target::Target;
use crate::value::{MAX_MESSAGE_SIZE, StreamMessageSid, StreamSid};

record! {
    /// A Message Stream. Messages are published at [`SyncClient::stream`].
    MessageStream {
        /// Its SID.
        sid: StreamSid,
        /// Its unique name; `None` if it was created without one.
        unique_name: Option<String>,
    }
}

dataless_record!(MessageStream, "message stream");

resource! {
    MessageStream, ListSyncStream in "streams",
    CreateSyncStream(Some("UniqueName")), FetchSyncStream, UpdateSyncStream("Ttl"), DeleteSyncStream
}

kind!(MessageStream, StreamSid);

impl Dataless for MessageStream {}

/// The Message Streams of a Service.
///
/// ```
/// # #[cfg(feature = "emulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let emulator = twilio_sync::Emulator::start().await?;
/// # let sync = emulator.client()?;
/// sync.streams().ensure("events").await?;
/// sync.stream("events").publish(&serde_json::json!({"call": "answered"})).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "emulator"))]
/// # fn main() {}
/// ```
pub type MessageStreams = Objects<MessageStream>;

/// The messages, of type `T`, of one Message Stream.
pub struct Messages<T> {
    pub(crate) target: Target,
    data: PhantomData<fn() -> T>,
}

impl<T> Debug for Messages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Messages").field(&self.target).finish()
    }
}

impl<T> Clone for Messages<T> {
    fn clone(&self) -> Self {
        Self {
            target: self.target.clone(),
            data: PhantomData,
        }
    }
}

impl SyncClient {
    /// The Message Streams of the Service.
    #[must_use]
    pub fn streams(&self) -> MessageStreams {
        MessageStreams::new(self.clone())
    }

    /// The messages, of type `T`, of a Message Stream: its unique name or SID.
    #[must_use]
    pub fn stream<T>(&self, key: impl IntoKey<MessageStream>) -> Messages<T> {
        Messages {
            target: Target::service(self.clone()).at(key.into_key()),
            data: PhantomData,
        }
    }
}

checked!(Messages<T>);

impl<T: Serialize> Messages<T> {
    /// Publishes a message of at most 4 KiB of JSON text to those who listen now. One request; it gives
    /// the SID of the message.
    ///
    /// The service promises neither order nor delivery. A message that may have been published is
    /// retried only with [`at_least_once`](Call::at_least_once).
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Message Stream;
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) if the connection broke while the
    /// message was on its way.
    pub fn publish(&self, message: &T) -> Call<StreamMessageSid> {
        let call = self.target.call::<()>(Operation::CreateStreamMessage);
        let call = call.read_by(Box::new(|response| {
            Ok(response.json::<StreamMessage>()?.sid)
        }));
        // Encoded at once: the message need neither live on nor be `Sync`.
        match self.target.encode("message", MAX_MESSAGE_SIZE, message) {
            Ok(text) => {
                call.with_fields(Form::with_capacity(text.len()).field("Data", Some(&text)))
            }
            Err(error) => call.failed(error),
        }
    }
}
