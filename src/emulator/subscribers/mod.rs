//! Subscribers of the store, which receive its events.
//!
//! A subscriber implements [`Subscriber`], which the store defines, since it calls it. It receives
//! events under the lock of the store, so it only queues its work: none delays a write. The store
//! calls them in the order of the list it was created with, the data file first: others can then
//! wait until it has stored the write of an event.

pub(super) mod data_file;
pub(super) mod live;
pub(super) mod recent;
pub(super) mod webhooks;

pub use self::webhooks::LoggedWebhook;
pub(super) use super::store::Subscriber;
