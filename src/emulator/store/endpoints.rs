//! Endpoints: the store has none, but those that connect and disconnect are events like others.

use super::access::Writer;
use super::events::Subject;
use super::model::Actor;
use crate::emulator::failure::Failure;

impl Writer<'_, '_> {
    /// Emits the event of an endpoint that connected or disconnected; its identity is the actor.
    pub(crate) fn endpoint(
        self,
        service: &str,
        connected: bool,
        identity: &str,
        endpoint: &str,
    ) -> Result<(), Failure> {
        let service = self.state.service(self.state.find_service(service)?)?;
        let actor = Actor::identity(identity);
        self.events.add(service, &actor, || Subject::Endpoint {
            connected,
            endpoint: endpoint.into(),
        });
        Ok(())
    }
}
