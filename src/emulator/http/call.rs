//! A request after routing and decoding, and its response before it is sent.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::bodies::{Body, Shown, ShownCollection, Site};
use crate::emulator::core::Parameters;
use crate::emulator::store::{IfMatch, ItemView, ObjectView, Random, ServiceError, Store};

/// A request for an operation.
pub(super) struct Call<'a> {
    pub(super) store: &'a Store,
    pub(super) random: &'a Random,
    pub(super) site: Site<'a>,
    /// The variable segments of the path, decoded.
    pub(super) names: [Cow<'a, str>; 3],
    pub(super) query: Parameters<'a>,
    pub(super) form: Parameters<'a>,
    pub(super) if_match: Option<&'a HeaderValue>,
}

impl Call<'_> {
    pub(super) fn service(&self) -> &str {
        &self.names[0]
    }

    /// The document, list, map or stream.
    pub(super) fn object(&self) -> &str {
        &self.names[1]
    }

    /// The item's index or key, or the permission's identity.
    pub(super) fn member(&self) -> &str {
        &self.names[2]
    }

    pub(super) fn if_match(&self) -> Result<Option<IfMatch>, ServiceError> {
        self.if_match
            .map(|value| IfMatch::parse(value.as_bytes()))
            .transpose()
    }
}

/// The response of an operation that succeeds.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The revision in the `ETag` header.
    pub(super) etag: Option<u64>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self {
            status,
            etag: None,
            // No body has anything that can fail to serialise.
            body: serde_json::to_vec(body).unwrap_or_default(),
        }
    }

    pub(super) fn object<T: Shown>(
        status: StatusCode,
        site: Site<'_>,
        view: ObjectView<'_, T>,
    ) -> Self {
        let etag = T::etag(&view.object.body);
        Self {
            etag,
            ..Self::json(status, &Body(site, view))
        }
    }

    pub(super) fn item<C: ShownCollection>(
        status: StatusCode,
        site: Site<'_>,
        view: ItemView<'_, C>,
    ) -> Self {
        let etag = Some(view.item.revision);
        Self {
            etag,
            ..Self::json(status, &Body(site, view))
        }
    }

    pub(super) fn deleted() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            etag: None,
            body: Vec::new(),
        }
    }
}
