//! The behaviour of the client, against the emulator over real HTTP. A module a subject.

// A test reads best with what it needs beside it, in the order in which things happen.
#![allow(clippy::items_after_statements, clippy::too_many_lines)]

mod bulk;
mod calls;
mod configuration;
#[cfg(feature = "schema")]
mod contracts;
mod cost;
mod documents;
mod failures;
mod http_service;
mod inputs;
mod limits;
mod lists;
mod maps;
mod mutate;
mod names;
mod operations;
mod outcomes;
mod paging;
mod permissions;
mod requests;
mod retry;
mod scripted;
mod services;
mod streams;
#[cfg(feature = "tokens")]
mod tokens;
mod transfer;
mod upsert;
#[cfg(feature = "axum")]
mod webhooks;

use serde_json::Value;
use twilio_sync::emulator::LoggedRequest;
use twilio_sync::{Documents, Emulator, RetryPolicy, SyncClient, SyncClientBuilder};

/// An emulator of its own for a test, and a client of it.
async fn start() -> (Emulator, SyncClient) {
    let emulator = Emulator::start().await.expect("the emulator starts");
    let sync = emulator.client().expect("its client");
    (emulator, sync)
}

/// The same with a client that sends each request once.
async fn start_without_retry() -> (Emulator, SyncClient) {
    let emulator = Emulator::start().await.expect("the emulator starts");
    let sync = client_builder(&emulator)
        .retry(RetryPolicy::none())
        .build()
        .expect("a client");
    (emulator, sync)
}

/// What a client of an emulator is built from.
fn client_builder(emulator: &Emulator) -> SyncClientBuilder {
    emulator
        .client_builder()
        .expect("the emulator's credentials are well-formed")
}

/// Documents of any JSON.
fn documents(sync: &SyncClient) -> Documents<Value> {
    sync.documents()
}

/// The operations the emulator was asked for since the last time.
fn operations(emulator: &Emulator) -> Vec<String> {
    let operation = |request: &LoggedRequest| {
        request
            .operation()
            .map_or_else(|| "?".to_owned(), |operation| operation.to_string())
    };
    let operations = emulator.requests().iter().map(operation).collect();
    emulator.clear_requests();
    operations
}
