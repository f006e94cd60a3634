//! Message streams: what is published to them is an event, and not stored.

use super::access::{Right, Writer};
use super::events::{ObjectState, Subject};
use super::inputs::Data;
use super::model::Stream;
use super::sid::Sid;
use crate::emulator::failure::Failure;

impl Writer<'_, '_> {
    /// Publishes a message with this SID.
    pub(crate) fn publish(
        self,
        service: &str,
        stream: &str,
        sid: Sid,
        data: &Data,
    ) -> Result<(), Failure> {
        let place = self
            .reader()
            .find::<Stream>(service, stream, Right::Write)?;
        let service = self.state.service(place.service)?;
        let stream = self.state.object::<Stream>(place)?;
        self.events.add(service, self.actor, || Subject::Message {
            stream: ObjectState::new(stream),
            sid,
            data: data.clone(),
        });
        Ok(())
    }
}
