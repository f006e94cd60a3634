//! Message Streams: a message that is published is an event, and is not stored.

use super::access::{Right, Writer};
use super::inputs::Data;
use super::model::Stream;
use super::service_error::ServiceError;
use super::sid::Sid;

impl Writer<'_> {
    /// Publishes a message with this SID.
    pub(crate) fn publish(
        self,
        service: &str,
        stream: &str,
        sid: Sid,
        data: &Data,
    ) -> Result<(), ServiceError> {
        let place = self
            .reader()
            .find::<Stream>(service, stream, Right::Write)?;
        self.state.add_message(place, sid, data)
    }
}
