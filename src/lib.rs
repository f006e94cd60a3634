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
#![cfg_attr(
    feature = "emulator",
    doc = "- [`emulator`] is a Sync service on a loopback port, for tests and for work without an account."
)]
//!
//! ```
//! # #[cfg(feature = "emulator")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use serde_json::{Value, json};
//! use twilio_sync::Emulator;
//!
//! let emulator = Emulator::start().await?;
//! let sync = emulator.client()?; // with an account: SyncClient::from_env()?
//!
//! sync.maps().ensure("phonebook").await?;
//! let phones = sync.map::<Value>("phonebook");
//! phones.set("+815012345678", &json!({"name": "Alice", "calls": 0})).await?;
//! phones.mutate("+815012345678", |entry| entry["calls"] = json!(1)).await?;
//! # let entry = phones.get("+815012345678").await?.expect("just set");
//! # assert_eq!(entry.data["calls"], 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "emulator"))]
//! # fn main() {}
//! ```
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
//! Sizes, lengths and times to live are checked before a request is sent. Whether data is an object is
//! left to the service.
//!
//! Calls need a Tokio runtime with time and IO. A call whose future is dropped before it is done may
//! have taken effect.
//!
//! # Features
//!
//! `rustls` (the default) or `native-tls` for TLS; `schema` for contracts; `tokens` for access tokens;
//! `webhooks` for webhooks, `axum` for an extractor of them; `emulator` for the emulator; `cli` for the
//! program `twilio-sync`; `full` for all of these but `native-tls`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
#[allow(clippy::pedantic)] // of the generated code
pub mod api;
mod bulk;
mod call;
mod client;
mod context;
mod credentials;
mod data;
mod documents;
#[cfg(feature = "emulator")]
pub mod emulator;
mod error;
mod facade;
mod handle;
mod item;
mod lists;
mod maps;
mod mutate;
mod names;
mod pace;
mod paging;
mod permissions;
mod record;
mod report;
mod resource;
mod retry;
mod revision;
#[cfg(feature = "schema")]
mod schema;
mod services;
mod settle;
mod sids;
mod streams;
#[cfg(feature = "tokens")]
mod tokens;
mod transfer;
mod transport;
mod ttl;
mod upsert;
#[cfg(feature = "webhooks")]
pub mod webhooks;

pub use api::types::{Bounds, Order, Service, SyncList, SyncMap, SyncStream};
pub use bulk::{Bulk, BulkError, Done, InOrder};
pub use call::{Create, Ensure, Outcome, Remove, Update, UpdateOrCreate, Written};
pub use client::{SyncClient, SyncClientBuilder};
pub use credentials::Credentials;
pub use data::{MAX_DATA_SIZE, MAX_MESSAGE_SIZE};
pub use documents::{Document, Documents};
#[cfg(feature = "emulator")]
pub use emulator::Emulator;
pub use error::{
    Call, ConfigurationError, ConnectionError, ConnectionFailure, ContentionError, DataError,
    Error, ErrorBody, InputError, ResponseError, Result, ServiceError,
};
pub use lists::{List, ListItem, Lists};
pub use maps::{Map, MapItem, Maps};
pub use mutate::{Mutate, MutateOrCreate, Verdict};
pub use names::{Identity, ItemKey, MAX_IDENTITY_LENGTH, MAX_NAME_LENGTH, UniqueName};
pub use pace::RateLimit;
pub use paging::{Listed, Listing, MAX_PAGE_SIZE, Pages, Search};
pub use permissions::{Access, Permission, PermissionChanges, Permissions, Permitted};
pub use resource::{Creatable, Item, Named, Resource, Versioned};
pub use retry::{Attempt, RetryPolicy};
pub use revision::Revision;
#[cfg(feature = "schema")]
pub use schema::{ContractError, Violation, contract_schema};
pub use services::{
    CreateService, DEBOUNCING_WINDOW, EnsureService, MAX_FRIENDLY_NAME_LENGTH,
    MAX_WEBHOOK_URL_LENGTH, Services, UpdateService,
};
pub use sids::{
    AccountSid, ApiKeySid, DocumentSid, ListSid, MapSid, ServiceSid, StreamMessageSid, StreamSid,
};
pub use streams::{Stream, Streams};
#[cfg(all(feature = "tokens", feature = "emulator"))]
pub use tokens::TokenError;
#[cfg(feature = "tokens")]
pub use tokens::{AccessToken, MAX_TOKEN_LIFETIME, TokenBuilder, TokenClaims};
pub use transfer::Line;
pub use ttl::{MAX_TTL, NEVER};
pub use upsert::{Policy, Writable};

/// The README's examples, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
