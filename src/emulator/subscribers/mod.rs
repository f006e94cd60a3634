//! Subscribers of the store: what follows from its changes.
//!
//! A subscriber implements [`Subscriber`], which the store defines, since it calls it. It gets each
//! change under the store's lock, so it only queues what it has to do: none delays a write. The
//! store calls them in the order of the list it was created with, the data file first: others can
//! then wait until it has stored the write that an event is of.

pub(super) mod data_file;
pub(super) mod webhooks;

pub use self::webhooks::LoggedWebhook;
pub(super) use super::store::Subscriber;
