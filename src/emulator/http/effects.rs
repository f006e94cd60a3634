//! The effects of faults on responses.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use hyper::body::Body as _;

use super::response::fault_response;
use super::routing::Route;
use super::{Api, Cut, Head, ResponseBody};
use crate::emulator::core::{Action, Effect};
use crate::emulator::store::ServiceError;

impl Api {
    /// Applies a fault to a request.
    pub(super) fn apply(
        &self,
        fault: Action,
        head: &Parts,
        body: Result<Vec<u8>, ServiceError>,
    ) -> Result<Response<ResponseBody>, Cut> {
        let handled = fault.after_write.then(|| {
            let route = Route::find(&head.method, head.uri.path());
            self.handle(&Head::of(head), &route, body)
        });
        let has_body = |response: &Response<ResponseBody>| {
            head.method != Method::HEAD && !response.body().is_end_stream()
        };
        match (fault.effect, handled) {
            (Effect::Respond(response), _) => Ok(fault_response(response, &head.method)),
            (Effect::Truncate, Some(response)) if has_body(&response) => {
                Ok(response.map(ResponseBody::truncated))
            }
            (Effect::Garble, Some(response)) if has_body(&response) => {
                Ok(response.map(|_| garbage()))
            }
            (Effect::Wait, Some(response)) => Ok(response),
            (Effect::Cut | Effect::Truncate | Effect::Garble, _) | (_, None) => Err(Cut),
        }
    }

    /// Applies a fault after its delay, even if the client gives up meanwhile: then a task of the
    /// runtime makes the write.
    pub(super) async fn apply_later(
        self: &Arc<Self>,
        fault: Action,
        head: Parts,
        body: Result<Vec<u8>, ServiceError>,
    ) -> Result<Response<ResponseBody>, Cut> {
        // The task does not keep the emulator alive.
        let api = Arc::downgrade(self);
        let later = tokio::spawn(async move {
            tokio::time::sleep(fault.delay).await;
            let api = api.upgrade().ok_or(Cut)?;
            api.apply(fault, &head, body)
        });
        later.await.unwrap_or(Err(Cut))
    }
}

fn garbage() -> ResponseBody {
    ResponseBody::whole(Bytes::from_static(b"{\"sid\": \xff\xfe<html>"))
}
