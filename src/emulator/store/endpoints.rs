//! Endpoints, which are not stored: that one connects or disconnects is an event.

use super::access::Writer;
use super::service_error::ServiceError;

impl Writer<'_> {
    /// Emits the event of an endpoint of the actor that connected or disconnected.
    pub(crate) fn endpoint(
        self,
        service: &str,
        connected: bool,
        endpoint: &str,
    ) -> Result<(), ServiceError> {
        let service = self.state.find_service(service)?;
        let endpoint = endpoint.into();
        self.state.add_endpoint(service, connected, endpoint)
    }
}
