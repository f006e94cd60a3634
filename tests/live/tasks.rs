//! The task of a connection may end at any time. Whatever ends it, the next watch has another one.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use twilio_sync::realtime::{MapEvent, Status, Watch};
use twilio_sync::{Emulator, SyncClient};

use crate::watches::start;

/// Waits for what comes, unless there is a fault.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, future).await.expect("in time")
}

async fn ready(watch: &mut Watch<MapEvent<Value>>) {
    let event = soon(watch.next()).await;
    assert!(matches!(event, Some(Ok(MapEvent::Ready))), "{event:?}");
}

/// A client with a Map, whose token provider does something else when it is called first.
async fn client_with_provider(
    emulator: &Emulator,
    first: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> SyncClient {
    let sync = emulator.client().unwrap();
    sync.maps().create("calls").await.unwrap();
    let token = sync.access_token("watcher").sign().unwrap();
    let token = token.as_str().to_owned();
    let was_called = AtomicBool::new(false);
    let builder = emulator.client_builder().unwrap().token_provider(move || {
        let first = (!was_called.swap(true, Ordering::SeqCst)).then(&first);
        let token = token.clone();
        async move {
            if let Some(first) = first {
                first.await;
            }
            Ok::<_, std::io::Error>(token)
        }
    });
    builder.build().unwrap()
}

#[tokio::test]
async fn a_watch_that_is_dropped_while_a_token_is_fetched_holds_up_no_other() {
    let emulator = Emulator::start().await.unwrap();
    let called = Arc::new(Notify::new());
    let notify = Arc::clone(&called);
    let sync = client_with_provider(&emulator, move || {
        notify.notify_one();
        pending().boxed()
    })
    .await;
    let calls = sync.map::<Value>("calls");
    let mut status = sync.realtime().status().unwrap();
    let mut watch = calls.watch();
    tokio::select! {
        event = watch.next() => panic!("{event:?}"),
        () = called.notified() => {}
    }
    drop(watch);
    soon(status.wait_for(|status| *status == Status::Idle))
        .await
        .unwrap();
    ready(&mut calls.watch()).await;
}

#[tokio::test]
async fn a_token_provider_that_panics_has_failed() {
    let emulator = Emulator::start().await.unwrap();
    let sync = client_with_provider(&emulator, || panic!("a fault of the provider")).await;
    let mut watch = sync.map::<Value>("calls").watch();
    ready(&mut watch).await;
    soon(sync.realtime().close()).await;
}

#[test]
fn a_watch_goes_on_in_another_runtime_when_its_own_has_ended() {
    let service = Runtime::new().unwrap();
    let (_emulator, sync) = service.block_on(start());
    let writer = sync.clone();
    let set = |key: &'static str| {
        service.block_on(async {
            let written = writer.map::<Value>("calls").set(key, &json!({})).await;
            written.unwrap();
        });
    };
    service.block_on(async { drop(sync.maps().create("calls").await.unwrap()) });
    let calls = sync.map::<Value>("calls");
    let (mut watch, mut other) = (calls.watch(), calls.watch());

    let first = Runtime::new().unwrap();
    first.block_on(ready(&mut watch));
    let second = Runtime::new().unwrap();
    // The task is that of the first runtime; this one only waits.
    second.block_on(ready(&mut other));
    let other = second.spawn(async move { other.next().await });
    drop(first);
    set("a");
    let told = second.block_on(soon(other)).unwrap();
    assert!(matches!(told, Some(Ok(MapEvent::Added(_)))), "{told:?}");
    let told = second.block_on(soon(watch.next()));
    assert!(matches!(told, Some(Ok(MapEvent::Added(_)))), "{told:?}");
    drop(second);

    // Without a task there is nothing to wait for.
    let third = Runtime::new().unwrap();
    third.block_on(soon(sync.realtime().close()));
    assert_eq!(*sync.realtime().status().unwrap().borrow(), Status::Idle);
    assert!(third.block_on(soon(watch.next())).is_none());
}

#[test]
fn a_watch_outside_of_a_runtime_panics_and_harms_no_other() {
    let runtime = Runtime::new().unwrap();
    let (_emulator, sync) = runtime.block_on(start());
    runtime.block_on(async { drop(sync.maps().create("calls").await.unwrap()) });
    let mut watch = sync.map::<Value>("calls").watch();
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut watch).poll_next(&mut context)
    }));
    assert!(polled.is_err(), "{polled:?}");
    runtime.block_on(ready(&mut watch));
}

#[tokio::test]
async fn the_connection_is_closed_although_others_watch_again_at_once() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let begun = Arc::new(Notify::new());
    let notify = Arc::clone(&begun);
    let other = tokio::spawn(async move {
        loop {
            let mut watch = calls.watch();
            while let Some(event) = watch.next().await {
                event.unwrap();
                notify.notify_one();
            }
        }
    });
    for _ in 0..5 {
        soon(begun.notified()).await;
        soon(sync.realtime().close()).await;
    }
    other.abort();
}
