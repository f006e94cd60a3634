//! The generated client: all 48 operations of the Sync API, one method each.
//!
//! This is the escape hatch, for what the helpers do not cover. [`SyncClient::api`] gives the
//! client, which sends its requests the way the helpers do: same credentials, same repetition of
//! failed attempts. [`SyncClient::call`] awaits one of its calls and turns what can go wrong into
//! this crate's [`Error`](crate::Error).
//!
//! ```
//! # #[cfg(feature = "emulator")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let emulator = twilio_sync::Emulator::start().await?;
//! # let sync = emulator.client()?;
//! use twilio_sync::api::{ServiceReference, types::CreateServiceRequest};
//!
//! let request = CreateServiceRequest {
//!     friendly_name: Some("staging".to_owned()),
//!     ..CreateServiceRequest::default()
//! };
//! let service = sync.call(sync.api().create_service(&request)).await?;
//! let address = ServiceReference::try_from(&service.sid)?;
//! sync.call(sync.api().delete_service(&address)).await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "emulator"))]
//! # fn main() {}
//! ```
//!
//! What goes into a path has a type that holds what a path can carry: a [`ServiceReference`], an
//! [`ObjectReference`], an [`ItemKey`](crate::ItemKey), an [`Identity`](crate::Identity). `Data`
//! fields of requests are JSON text.
//!
//! [`SyncClient::api`]: crate::SyncClient::api
//! [`SyncClient::call`]: crate::SyncClient::call

pub use crate::data::Data;
pub use crate::error::ErrorBody;
pub use crate::names::{ObjectReference, ServiceReference};
pub use crate::transport::Transport;

/// Operations whose answers are left to be read by whoever makes the call: those that answer with what
/// the facades read themselves.
#[derive(Clone, Copy)]
pub(crate) struct Responses<'c>(pub(crate) &'c Client);

impl std::ops::Deref for Responses<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0
    }
}

include!(concat!(env!("OUT_DIR"), "/api.rs"));
