//! The low-level API: all 48 operations of Sync, one method each.
//!
//! This is the escape hatch, for what the helpers do not cover. [`SyncClient::api`] gives the
//! [`Client`]. Each of its methods builds a [`Call`], a value that can be looked at; `.await` sends it
//! the way the helpers do: with the same credentials, the same retries, the same [`Error`].
//!
//! ```
//! # #[cfg(feature = "emulator")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = twilio_sync::Emulator::start().await?;
//! # let sync = emulator.client()?;
//! use twilio_sync::api::types::CreateServiceRequest;
//! use twilio_sync::value::ServiceReference;
//!
//! let request = CreateServiceRequest {
//!     friendly_name: Some("staging".to_owned()),
//!     ..CreateServiceRequest::default()
//! };
//! let service = sync.api().create_service(&request).await?;
//! sync.api().delete_service(&ServiceReference::try_from(&service.sid)?).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "emulator"))]
//! # fn main() {}
//! ```
//!
//! Arguments that go into a path have types that hold only what a path can carry: a
//! [`ServiceReference`], an [`ObjectReference`], an
//! [`ItemKey`](crate::value::ItemKey), an [`Identity`](crate::value::Identity). `Data` fields of
//! requests are JSON text. The methods and [`types`] are generated from a description of the API;
//! [`Operation`] has the facts of that description about each operation.
//!
//! [`SyncClient::api`]: crate::SyncClient::api
//! [`Error`]: crate::Error
//! [`ServiceReference`]: crate::value::ServiceReference

mod call;
mod operation;
mod response;
mod retry_policy;

use std::sync::Arc;

use http::Method;

pub use call::{Call, CallFuture};
pub(crate) use call::{Form, Options, Request, Sender, call_options};
pub use generated::types;
pub use operation::{Idempotence, Kind, Operation, Parameter, Place};
pub use response::Response;
pub(crate) use response::{RawResponse, Read, retry_after};
pub use retry_policy::RetryPolicy;

use crate::error::Result;
use crate::value::{Data, InputError, ObjectReference, Segment};

/// The client of the low-level API, with a method for each operation.
///
/// [`SyncClient::api`](crate::SyncClient::api) gives it. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Client(Arc<dyn Sender>);

impl Client {
    pub(crate) fn new(sender: Arc<dyn Sender>) -> Self {
        Self(sender)
    }

    /// A call of an operation, whose path has these names in the places of its parameters.
    pub(crate) fn call<T>(&self, operation: Operation, names: &[&dyn Segment]) -> Call<T>
    where
        T: serde::de::DeserializeOwned + Send + 'static,
    {
        Call::new(Arc::clone(&self.0), Request::new(operation, names))
    }

    /// A call of an operation by the names of its path parameters in their order, with the response's
    /// body as it came; `None` if it has none. Query and form are added with
    /// [`with_query`](Call::with_query) and [`with_form`](Call::with_form).
    ///
    /// A name that a path cannot carry, and a number of names that is not the operation's, fail the
    /// call when it is sent.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// use twilio_sync::api::Operation;
    ///
    /// let call = sync.api().operation(Operation::FetchService, [sync.service().as_str()]);
    /// assert_eq!(call.path(), format!("/v1/Services/{}", sync.service()));
    /// let body = call.await?;
    /// assert!(body.is_some_and(|body| body.as_str().contains("acl_enabled")));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    pub fn operation<N: AsRef<str>>(
        &self,
        operation: Operation,
        names: impl IntoIterator<Item = N>,
    ) -> Call<Option<Data>> {
        let request = checked(names).and_then(|names| {
            let expected = operation.path_parameters().count();
            if names.len() != expected {
                let given = names.len();
                let reason =
                    format!("{operation} has {expected} names in its path, {given} are given");
                return Err(InputError::Request { reason });
            }
            let names: Vec<_> = names.iter().map(|name| name as &dyn Segment).collect();
            Ok(Request::new(operation, &names))
        });
        let request = request.unwrap_or_else(|error| Request::new(operation, &[]).failed(error));
        Call::new(Arc::clone(&self.0), request)
    }

    /// A request of one's own, for what the description does not have: its method and the segments of
    /// its path, which are percent-encoded here; the response's body as it came, `None` if it has none.
    ///
    /// A request that is no GET or HEAD and may have taken effect is retried only with
    /// [`Call::at_least_once`]. A segment that a path cannot carry fails the call when it is sent.
    ///
    /// ```
    /// # #[cfg(feature = "emulator")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let emulator = twilio_sync::Emulator::start().await?;
    /// # let sync = emulator.client()?;
    /// use http::Method;
    ///
    /// let path = ["v1", "Services", sync.service().as_str(), "Documents"];
    /// let page = sync.api().request(Method::GET, path).with_query("PageSize", Some(2)).await?;
    /// assert!(page.is_some_and(|page| page.as_str().contains("\"documents\"")));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "emulator"))]
    /// # fn main() {}
    /// ```
    pub fn request<N: AsRef<str>>(
        &self,
        method: Method,
        segments: impl IntoIterator<Item = N>,
    ) -> Call<Option<Data>> {
        let segments = checked(segments);
        let request = Request::own(method, segments.as_deref().unwrap_or_default());
        let call = Call::new(Arc::clone(&self.0), request);
        match segments {
            Ok(_) => call,
            Err(error) => call.failed(error),
        }
    }
}

/// Checks that texts can be segments of a path. The rules are those of a reference.
fn checked<N: AsRef<str>>(
    texts: impl IntoIterator<Item = N>,
) -> Result<Vec<ObjectReference>, InputError> {
    let texts = texts.into_iter();
    texts
        .map(|text| ObjectReference::new(text.as_ref()))
        .collect()
}

/// The generated code: the methods of [`Client`] and their types.
#[allow(clippy::pedantic, reason = "generated code")]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/client.rs"));
}
