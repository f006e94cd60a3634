//! Twilio Sync from Rust.
//!
//! [Twilio Sync](https://www.twilio.com/docs/sync) keeps JSON state for phones, browsers and back
//! ends: Documents hold one JSON object each, Lists hold items in order, Maps hold items under keys,
//! Message Streams carry messages. This crate is a client of its REST API. Nothing was tried against the
//! real service; what is known of it comes from public material.
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
//! assert_eq!(phones.get("+815012345678").await?.data["calls"], 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "emulator"))]
//! # fn main() {}
//! ```
//!
//! # Objects and items
//!
//! [`SyncClient`] leads to all of them. [`documents`](SyncClient::documents),
//! [`lists`](SyncClient::lists), [`maps`](SyncClient::maps) and [`streams`](SyncClient::streams) are the
//! objects of a kind: they are created, found, listed and removed there.
//! [`list`](SyncClient::list), [`map`](SyncClient::map) and [`stream`](SyncClient::stream) are the items
//! or messages of one object. Each call takes a unique name, or a SID of that kind. `get` fails where
//! there is nothing; `find` gives an [`Option`].
//!
//! Data is typed: any type of serde whose JSON is an object, or `serde_json::Value`. Functions over any
//! kind of object or item have the traits of [`kind`] as bounds, and the types of names, SIDs and limits
//! are in [`value`].
//!
//! # Calls
//!
//! A call is a value with options, such as a [`Ttl`], a time limit or a retry policy. `.await` sends it;
//! a call that is not awaited does nothing. [`call`] has the types of calls. Functions that take a
//! future, such as `tokio::spawn`, take `call.into_future()`.
//!
//! Calls need a Tokio runtime with time and IO. A call whose future is dropped before it is done may
//! have taken effect.
//!
//! # Writing while others write
//!
//! - `set` and `update_or_create` replace or create, with
//!   [`unless_equal`](call::UpdateOrCreate::unless_equal) only if there is a difference; `merge` applies
//!   a JSON Merge Patch; `ensure` creates what is missing.
//! - `update` with [`if_match`](call::Update::if_match) fails if somebody else wrote since a
//!   [`Revision`] was read.
//! - `mutate` reads, changes and writes, and starts again if somebody else wrote meanwhile:
//!   [`call::Mutate`].
#![cfg_attr(
    feature = "schema",
    doc = "- `checked` holds data to the JSON Schema of its type: [`contract`]."
)]
//!
//! # Many at once
//!
//! [`listing`] has the streams of records, [`bulk`] the calls that are made a bounded number at a time,
//! with an account of what was done, and [`export`] the lines of exports and imports.
//!
#![cfg_attr(
    feature = "realtime",
    doc = "# Live updates\n\n[`realtime`] reports what changes as it happens: \
           [`watch`](kind::Items::watch) as events, [`view`](kind::Items::view) as the state now, and \
           [`listen`](Messages::listen) for messages.\n"
)]
//! # Errors, retries and rate limits
//!
//! There is one [`Error`], with predicates such as [`is_not_found`](Error::is_not_found) and a text that
//! says what to do; its parts are in [`error`]. A call that fails for a passing reason is retried where
//! that does no harm: [`RetryPolicy`]. The [`outcome`](Error::outcome) of one that fails is done, not done,
//! or unknown; the README says what each call promises. [`RateLimit`] keeps to the rates of the service;
//! [`on_attempt`](SyncClientBuilder::on_attempt) sees each attempt. All three are in [`retry`].
//!
//! # The rest of the service
//!
//! - [`services`]: Services with their settings.
//! - [`permissions`]: permissions of Documents, Lists and Maps.
#![cfg_attr(
    feature = "tokens",
    doc = "- [`tokens`]: access tokens for browsers and phones."
)]
#![cfg_attr(
    feature = "webhooks",
    doc = "- [`webhooks`]: the events that the service posts, with their signature."
)]
//! - [`api`]: the generated client of all 48 operations, and requests of one's own.
//! - [`http_service`]: the seam to HTTP, for a proxy or a stack of one's own.
#![cfg_attr(
    feature = "emulator",
    doc = "\n# Tests\n\n[`emulator`] is a Sync service on a loopback port, for tests and for work \
           without an account. Each test starts one of its own."
)]
//!
#![cfg_attr(
    feature = "conformance",
    doc = "\n[`conformance`] has the rules that every Sync service keeps, to test one of your own with."
)]
//!
//! # What the service allows
//!
//! | subject | limit |
//! | --- | --- |
//! | data of a Document or item | an object of [16 KiB](value::MAX_DATA_SIZE) of JSON text |
//! | message | an object of [4 KiB](value::MAX_MESSAGE_SIZE) of JSON text |
//! | unique name, item key | [320](value::MAX_NAME_LENGTH) characters |
//! | time to live | [one year](Ttl::MAX), or [`Ttl::NEVER`] |
//! | items of a List or Map | 1,000,000 |
//! | reads and writes of one object | 20 a second each, fewer writes of more than 1 KiB |
//!
//! All but the last two are checked before a request is sent.
//!
//! # Features
//!
//! `rustls` (the default) or `native-tls` for TLS; `schema` for contracts; `tokens` for access tokens;
//! `webhooks` for webhooks, `axum` for an extractor of them; `realtime` for live updates; `emulator` for the
//! emulator; `conformance` for rules to test a Sync service with; `cli` for the program `twilio-sync`; `full`
//! for all of these but `native-tls`.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod documents;
#[cfg(feature = "emulator")]
pub mod emulator;
pub mod error;
pub mod export;
mod items;
mod lists;
mod maps;
mod objects;
pub mod permissions;
#[cfg(feature = "realtime")]
pub mod realtime;
mod resource;
pub mod services;
mod streams;
#[cfg(feature = "tokens")]
pub mod tokens;
mod transport;
#[cfg(any(feature = "emulator", feature = "realtime"))]
#[cfg_attr(
    not(all(feature = "emulator", feature = "realtime")),
    allow(dead_code, reason = "each end of a connection needs its own part")
)]
mod twilsock;
pub mod value;
#[cfg(feature = "webhooks")]
pub mod webhooks;

pub use api::RetryPolicy;
pub use client::{Credentials, SyncClient, SyncClientBuilder};
pub use documents::{Document, Documents};
#[cfg(feature = "emulator")]
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use lists::{List, ListItem, ListItems, Lists};
pub use maps::{Map, MapItem, MapItems, Maps};
pub use permissions::Permission;
pub use services::Service;
pub use streams::{MessageStream, MessageStreams, Messages};
pub use transport::RateLimit;
pub use value::{Revision, Ttl};

/// Many calls at once, a bounded number at a time.
pub mod bulk {
    pub use crate::resource::bulk::{Bulk, BulkError, Done};
    pub use crate::resource::outcome::Removal;
}

/// Calls that create, change or remove: their options hang on them, and `.await` sends one.
pub mod call {
    pub use crate::api::{Call, CallFuture};
    pub use crate::resource::call::{
        Create, Ensure, Merge, Outcome, Remove, Update, UpdateOrCreate, Written,
    };
    pub use crate::resource::mutate::{Mutate, MutateOrCreate, Verdict};
}

/// Contracts: data checked against the JSON Schema of its type. See
/// [`Documents::checked`](crate::Documents::checked).
#[cfg(feature = "schema")]
pub mod contract {
    pub use crate::error::{ContractError, Violation};
    pub use crate::resource::contract::contract_schema;
}

/// The seam to HTTP, for a stack of one's own and for tests without sockets.
pub mod http_service {
    pub use crate::transport::{HttpError, HttpRequest, HttpResponse, HttpService, ReqwestService};
}

/// Lists of records as streams.
pub mod listing {
    pub use crate::api::types::{Bounds, Order};
    pub use crate::resource::listing::{Cursor, Listing, MAX_PAGE_SIZE, NextPage, Pages};
}

/// Objects and items of any kind: the types behind [`Documents`],
/// [`MapItems`] and the others, and traits for functions over any of them.
pub mod kind {
    pub use crate::items::Items;
    pub use crate::objects::Objects;
    pub use crate::permissions::{Permissions, Permitted};
    pub use crate::resource::key::{IntoKey, Key, Position};
    pub use crate::resource::kind::{Collection, Dataless, Item, Kind, Listed, Named, Resource};
    pub use crate::resource::record::{Record, Versioned};
}

/// Retries, rate limits and the observer of attempts.
pub mod retry {
    pub use crate::api::RetryPolicy;
    pub use crate::transport::{Attempt, RateLimit};
}
