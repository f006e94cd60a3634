//! Documents: each has one JSON object with a revision.

use super::access::{Right, Writer};
use super::events::Change;
use super::inputs::{Data, IfMatch, Ttl};
use super::model::{Content, Document, Object};
use super::service_error::ServiceError;
use super::views::ObjectView;

impl<'a> Writer<'a> {
    /// Replaces the data of a document, sets its TTL, or both.
    ///
    /// Only data moves the revision, and without a TTL the expiry stays.
    pub(crate) fn update_document(
        self,
        service: &str,
        reference: &str,
        if_match: Option<IfMatch>,
        data: Option<Data>,
        ttl: Option<Ttl>,
    ) -> Result<ObjectView<'a, Document>, ServiceError> {
        let place = self
            .reader()
            .find::<Document>(service, reference, Right::Write)?;
        let revision = self.state.object::<Document>(place)?.body.revision;
        IfMatch::check(if_match, revision, ServiceError::DocumentRevisionMismatch)?;
        let change = Change::of_data(data.as_ref());
        let edit = |document: &mut Object<Document>| {
            if let Some(data) = data {
                document.body.data = data;
                document.body.revision += 1;
                document.history.updated = self.now;
            } else {
                document.body.count_ttl_write();
            }
            if let Some(ttl) = ttl {
                document.history.expires = ttl.expiry(self.now);
            }
        };
        self.state.edit_object(place, change, edit)?;
        self.state.view(place)
    }
}
