//! Documents: one JSON object each, with a revision.

use super::access::{Right, Writer};
use super::events::Change;
use super::inputs::{Data, IfMatch, Ttl};
use super::model::{Content, Document};
use super::views::ObjectView;
use crate::emulator::failure::Failure;

impl<'a> Writer<'a, '_> {
    /// Replaces the data of a document, sets its TTL, or both.
    ///
    /// Only data moves the revision, and without a TTL the expiry stays.
    pub(crate) fn update_document(
        mut self,
        service: &str,
        reference: &str,
        if_match: Option<IfMatch>,
        data: Option<Data>,
        ttl: Option<Ttl>,
    ) -> Result<ObjectView<'a, Document>, Failure> {
        let place = self
            .reader()
            .find::<Document>(service, reference, Right::Write)?;
        let revision = self.state.object::<Document>(place)?.body.revision;
        IfMatch::check(if_match, revision, Failure::DocumentRevisionMismatch)?;
        let change = if data.is_some() {
            Change::Updated
        } else {
            Change::ExpirySet
        };
        self.state.edit_object::<Document>(place, |document| {
            if let Some(data) = data {
                document.body.data = data;
                document.body.revision += 1;
                document.updated = self.now;
            } else {
                document.body.count_ttl_write();
            }
            if let Some(ttl) = ttl {
                document.expires = ttl.expiry(self.now);
            }
        })?;
        self.emit_object::<Document>(place, change, None)?;
        self.state.view(place)
    }
}
