//! Watches and views through faults of the connection.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::emulator::LiveFault;
use twilio_sync::realtime::{MapEvent, Status};

use crate::watches::start;

/// Writes to one item through a fault, and expects each write to be emitted once and in its order.
async fn all_is_emitted(fault: LiveFault) {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let mut watch = calls.watch();
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Ready))));
    for n in 0..40 {
        if n % 10 == 5 {
            emulator.inject_live(fault.clone());
        }
        let key = if n % 3 == 0 { "a" } else { "b" };
        calls.set(key, &json!({"n": n})).await.unwrap();
    }
    for n in 0..40 {
        let event = watch.try_next().await.unwrap();
        let Some(MapEvent::Added(item) | MapEvent::Updated(item)) = event else {
            panic!("{n}: {event:?}");
        };
        assert_eq!(item.data["n"], n);
    }
    calls.remove("a").await.unwrap();
    assert!(matches!(
        watch.try_next().await,
        Ok(Some(MapEvent::Removed(_)))
    ));
}

#[tokio::test]
async fn a_cut_connection() {
    all_is_emitted(LiveFault::cut()).await;
}

#[tokio::test]
async fn a_closed_connection() {
    all_is_emitted(LiveFault::close(308)).await;
}

#[tokio::test]
async fn an_expired_token() {
    all_is_emitted(LiveFault::expire_token()).await;
}

#[tokio::test]
async fn a_stalled_connection() {
    all_is_emitted(LiveFault::stall(Duration::from_millis(300))).await;
}

#[tokio::test]
async fn late_events() {
    all_is_emitted(LiveFault::delay(Duration::from_millis(100))).await;
}

#[tokio::test]
async fn doubled_events() {
    all_is_emitted(LiveFault::duplicate()).await;
}

#[tokio::test]
async fn reordered_events() {
    all_is_emitted(LiveFault::reorder()).await;
}

#[tokio::test]
async fn a_log_that_is_lost_is_made_up_for_from_the_state() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    calls.set("gone", &json!({})).await.unwrap();
    let view = calls.view().await.unwrap();
    emulator.inject_live(LiveFault::cut());
    for n in 0..20 {
        calls.set(format!("{n}"), &json!({"n": n})).await.unwrap();
    }
    calls.remove("gone").await.unwrap();
    emulator.inject_live(LiveFault::forget_log());
    let state = view.wait_for(|calls| calls.len() == 20).await.unwrap();
    let numbers: BTreeMap<_, _> = state.values().map(|it| (&it.key, &it.data["n"])).collect();
    assert_eq!(numbers.len(), 20);
}

#[tokio::test]
async fn what_the_service_cannot_replay_is_read_again() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let items = (0..1100).map(|n| (format!("{n}"), json!({"n": n})));
    calls.set_many(items).await.unwrap();
    let mut watch = calls.watch();
    while !matches!(watch.try_next().await, Ok(Some(MapEvent::Ready))) {}

    // Away for longer than the emulator remembers removals.
    emulator.inject_live(
        LiveFault::close(429).back_off(Duration::from_secs(1), Duration::from_secs(1)),
    );
    emulator.inject_live(LiveFault::refuse(503).times(1000));
    calls.remove_all().await.unwrap();
    calls.set("new", &json!({})).await.unwrap();
    emulator.inject_live(LiveFault::forget_log());
    emulator.clear_live_faults();
    let mut removed = 0;
    let mut added = Vec::new();
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Resync))));
    loop {
        match watch.try_next().await.unwrap().unwrap() {
            MapEvent::Removed(_) => removed += 1,
            MapEvent::Added(item) => added.push(item.key),
            MapEvent::Ready => break,
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(
        (removed, added.as_slice()),
        (1100, ["new".to_owned()].as_slice())
    );
}

#[tokio::test]
async fn a_refused_token_ends_all_watches() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    emulator.inject_live(LiveFault::refuse(401));
    let mut watch = sync.map::<Value>("calls").watch();
    let error = watch.try_next().await.unwrap_err();
    assert!(error.to_string().contains("access token"), "{error}");
    assert!(error.is_unauthorized(), "{error:?}");
    assert!(matches!(watch.try_next().await, Ok(None)));
    let status = sync.realtime().status().unwrap().borrow().clone();
    assert!(matches!(status, Status::Refused(_)), "{status:?}");
    // The next one tries again.
    let mut watch = sync.map::<Value>("calls").watch();
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Ready))));
}
