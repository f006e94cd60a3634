//! Documents: one JSON object each, with a revision.

use super::Writer;
use super::events::Change;
use super::inputs::{Data, IfMatch, Ttl};
use super::state::Document;
use super::views::ObjectView;
use crate::emulator::error::Failure;

impl Document {
    pub(crate) fn new(data: Data) -> Self {
        Self { data, revision: 0 }
    }
}

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
    ) -> Result<ObjectView<'a, Document>, Failure> {
        let place = self.state.find::<Document>(service, reference)?;
        let revision = self.state.object::<Document>(place)?.body.revision;
        IfMatch::check(if_match, revision, Failure::DocumentRevisionMismatch)?;
        let written = data.is_some();
        self.state.edit_object::<Document>(place, |document| {
            if let Some(data) = data {
                document.body.data = data;
                document.body.revision += 1;
                document.updated = self.now;
            }
            if let Some(ttl) = ttl {
                document.expires = ttl.expiry(self.now);
            }
        })?;
        let view = self.state.view(place)?;
        if written {
            self.events
                .object(self.state, place.service, Change::Updated, view.object)?;
        }
        Ok(view)
    }
}
