//! Message Streams: messages to those who listen now.

use serde::Serialize;

use crate::api::types::{
    CreateStreamMessageRequest, CreateSyncStreamRequest, SyncStream, UpdateSyncStreamRequest,
};
use crate::data::MAX_MESSAGE_SIZE;
use crate::error::Result;
use crate::facade::{checked, dataless_facade, facade};
use crate::handle::handle;
use crate::sids::{StreamMessageSid, StreamSid};

facade! {
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
    Streams, "Message Stream", SyncStream, StreamSid,
    create: create_sync_stream(|write, name| CreateSyncStreamRequest {
        unique_name: Some(name),
        ttl: write.ttl,
    }),
    fetch: fetch_sync_stream,
    update: update_sync_stream(|write| UpdateSyncStreamRequest { ttl: write.ttl }),
    delete: delete_sync_stream,
    list: list_sync_stream,
    raw: SyncStream,
}

dataless_facade!(Streams, "Message Stream", SyncStream, StreamPage);

handle! {
    /// One Message Stream, for messages of type `T`.
    Stream, StreamSid
}

checked!(Stream<T>, address.context);

impl<T: Serialize> Stream<T> {
    /// Publishes a message of at most 4 KiB of JSON text to those who listen now. One request.
    ///
    /// The service promises neither order nor delivery. A message that may have been published is
    /// never sent again.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](crate::Error::is_not_found) if there is no such Message Stream;
    /// [`is_outcome_unknown`](crate::Error::is_outcome_unknown) if the connection broke while the
    /// message was on its way.
    pub fn publish(
        &self,
        message: &T,
    ) -> impl Future<Output = Result<StreamMessageSid>> + Send + use<T> {
        // Encoded at once: the message need neither live on nor be `Sync`.
        let data = self
            .address
            .context
            .encode("message", MAX_MESSAGE_SIZE, message);
        let address = self.address.clone();
        async move {
            let form = CreateStreamMessageRequest { data: data? };
            let sync = address.sync();
            let publish =
                sync.api()
                    .create_stream_message(sync.service(), address.reference()?, &form);
            Ok(sync.call(publish).await?.sid)
        }
    }
}
