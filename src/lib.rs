//! Twilio Sync from Rust.
//!
//! [Twilio Sync](https://www.twilio.com/docs/sync) keeps JSON state for phones, browsers and back
//! ends: Documents hold one value, Lists ordered items, Maps keyed items, Message Streams carry
//! messages.
//!
//! - [`SyncClient`] has helpers that take objects by name, on typed data. Options hang on a call, and
//!   `.await` sends it.
//! - [`api`] is the generated client of all 48 operations, for what the helpers do not cover.
//! - [`Error`] is what can go wrong, with predicates and a text that says what to do.
//!
//! # What the service allows
//!
//! | | limit |
//! | --- | --- |
//! | data of a Document or item | an object of [16 KiB](MAX_DATA_SIZE) of JSON text |
//! | message | an object of [4 KiB](MAX_MESSAGE_SIZE) of JSON text |
//! | unique name, item key | [320](MAX_NAME_LENGTH) characters |
//! | time to live | [one year](MAX_TTL), or [`NEVER`] |
//! | items of a List or Map | 1,000,000 |
//! | reads and writes of one object | 20 a second each, fewer writes of more than 1 KiB |
//!
//! All but the last two are checked before a request is sent.
//!
//! # Features
//!
//! `rustls` (the default) or `native-tls` for TLS.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[allow(clippy::pedantic)] // of the generated code
pub mod api;
mod client;
mod credentials;
mod data;
mod documents;
mod error;
mod facade;
mod handle;
mod item;
mod lists;
mod maps;
mod mutate;
mod names;
mod paging;
mod resource;
mod retry;
mod revision;
mod sids;
mod streams;
mod transport;
mod ttl;

pub use api::types::{Bounds, Order, SyncList, SyncMap, SyncStream};
pub use client::{SyncClient, SyncClientBuilder};
pub use credentials::Credentials;
pub use data::{MAX_DATA_SIZE, MAX_MESSAGE_SIZE};
pub use documents::{Document, Documents};
pub use error::{
    Call, ConfigurationError, ConnectionError, ContentionError, DataError, Error, InputError,
    ResponseError, Result, ServiceError,
};
pub use lists::{List, ListItem, Lists};
pub use maps::{Map, MapItem, Maps};
pub use mutate::Mutate;
pub use names::{Identity, ItemKey, MAX_IDENTITY_LENGTH, MAX_NAME_LENGTH, UniqueName};
pub use paging::{Listing, MAX_PAGE_SIZE};
pub use resource::{Create, Ensure, Outcome, Remove, Update, UpdateOrCreate, Written};
pub use retry::{Attempt, RetryPolicy};
pub use revision::Revision;
pub use sids::{
    AccountSid, ApiKeySid, DocumentSid, ListSid, MapSid, ServiceSid, StreamMessageSid, StreamSid,
};
pub use streams::{Stream, Streams};
pub use ttl::{MAX_TTL, NEVER};
