//! Many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::emulator::Fault;
use twilio_sync::error::ConnectionFailure;
use twilio_sync::{Error, MapItems, Result, RetryPolicy};

use crate::{operations, start, start_without_retry};

#[tokio::test]
async fn many_items_are_set_and_removed() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    let entries = (0..250).map(|n| (format!("k{n:03}"), json!({"n": n})));
    let mut keys = map.set_many(entries).concurrency(16).await.unwrap().keys;
    keys.sort_unstable();
    assert_eq!(
        keys,
        (0..250).map(|n| format!("k{n:03}")).collect::<Vec<_>>()
    );
    operations(&emulator);

    let even =
        |item: &twilio_sync::MapItem<Value>| item.data["n"].as_u64().unwrap().is_multiple_of(2);
    assert_eq!(map.remove_where(even).await.unwrap().keys.len(), 125);
    assert_eq!(operations(&emulator).len(), 3 + 125);
    assert_eq!(
        map.items().try_collect::<Vec<_>>().await.unwrap().len(),
        125
    );
    assert_eq!(map.remove_all().await.unwrap().keys.len(), 125);
    assert_eq!(map.items().count().await, 0);
}

#[tokio::test]
async fn no_more_are_under_way_than_allowed() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (started, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Arc::clone(&started);
    // The iterator is asked for work only when it is begun.
    let entries = (0..40).map(move |n| {
        begun.fetch_add(1, Ordering::Relaxed);
        (format!("k{n}"), json!({}))
    });
    emulator.inject(Fault::delay(Duration::from_millis(1)).always());
    let mut bulk = sync.map::<Value>("map").set_many(entries).concurrency(3);
    let mut finished = 0;
    while let Some((_, result)) = bulk.try_next().await.unwrap() {
        result.unwrap();
        most.fetch_max(
            started.load(Ordering::Relaxed) - finished,
            Ordering::Relaxed,
        );
        finished += 1;
    }
    assert_eq!((finished, most.load(Ordering::Relaxed)), (40, 3));
}

#[tokio::test]
async fn order_is_kept_where_it_matters() {
    let (_emulator, sync) = start().await;
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    let done = list
        .add_many((0..30).map(|n| json!({"n": n})))
        .await
        .unwrap();
    assert_eq!(done.keys, (0..30).collect::<Vec<_>>());
    let data: Vec<_> = list
        .items()
        .map_ok(|item| item.data["n"].clone())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(data, (0..30).map(Value::from).collect::<Vec<_>>());

    sync.lists().create("copy").await.unwrap();
    let copy = sync.list::<Value>("copy");
    list.remove(3).await.unwrap();
    list.copy_to(&copy).await.unwrap();
    let copied: Vec<_> = copy
        .items()
        .map_ok(|item| item.data["n"].clone())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        copied,
        (0..30)
            .filter(|n| *n != 3)
            .map(Value::from)
            .collect::<Vec<_>>()
    );
    let removed = list
        .remove_where(|item| item.data["n"].as_u64() > Some(9))
        .await
        .unwrap();
    assert_eq!(removed.keys.len(), 20);
    assert_eq!(list.remove_all().await.unwrap().keys.len(), 9);
}

#[tokio::test]
async fn a_failure_is_accounted_for() {
    let (emulator, sync) = start_without_retry().await;
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    emulator.inject(Fault::status(503).on(Operation::CreateSyncListItem).nth(4));
    let error = list
        .add_many((0..10).map(|n| json!({"n": n})))
        .await
        .unwrap_err();
    assert_eq!(error.done, [0, 1, 2]);
    assert_eq!((error.failed[0].0, error.failed.len()), (3, 1));
    assert!(error.failed[0].1.is_outcome_unknown());
    assert_eq!(error.untried, [4, 5, 6, 7, 8, 9]);
    assert!(
        error
            .to_string()
            .starts_with("3 done, 1 failed, 6 not tried; the first failure: "),
        "{error}"
    );
    assert_eq!(list.items().count().await, 3);

    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    emulator.inject(Fault::status(403).on(Operation::CreateSyncMapItem).times(2));
    let entries = (0..10).map(|n| (n.to_string(), json!({})));
    let error = map
        .set_many(entries.clone())
        .concurrency(1)
        .keep_going()
        .await
        .unwrap_err();
    assert_eq!(
        (error.done.len(), error.failed.len(), error.untried.len()),
        (8, 2, 0)
    );
    // What cannot be listed cannot be removed.
    emulator.inject(Fault::status(403).on(Operation::ListSyncMapItem));
    let error = map.remove_all().await.unwrap_err();
    assert!(error.listing.is_some() && error.done.is_empty() && error.more);
    assert!(
        error
            .to_string()
            .starts_with("0 done, 0 failed, 0 or more not tried; the rest is not known: ")
    );
}

#[tokio::test]
async fn what_changes_meanwhile_is_not_removed_for_what_it_was() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    map.set("a", &json!({"old": true})).await.unwrap();
    // Between the reading and the removal, somebody writes.
    let mut bulk = map.remove_where(|item| item.data["old"] == json!(true));
    emulator.inject(Fault::delay(Duration::from_millis(100)).on(Operation::DeleteSyncMapItem));
    let (removal, ()) = tokio::join!(bulk.next(), async {
        loop {
            let log = emulator.requests();
            if log
                .iter()
                .any(|request| request.operation() == Some(Operation::ListSyncMapItem))
            {
                break;
            }
            tokio::task::yield_now().await;
        }
        map.set("a", &json!({"old": false})).await.unwrap();
    });
    let (key, result) = removal.unwrap().unwrap();
    assert_eq!(key, "a");
    assert!(result.unwrap_err().is_revision_conflict());
    assert!(map.find("a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_told_by_the_stream_too() {
    let (emulator, sync) = start_without_retry().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    map.set_many((0..150).map(|n| (format!("k{n:03}"), json!({}))))
        .await
        .unwrap();
    emulator.inject(Fault::status(403).on(Operation::ListSyncMapItem).nth(2));
    let results: Vec<_> = map.remove_all().collect().await;
    let (removed, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((removed.len(), failed.len()), (100, 1));
    // A source that has ended is not asked again.
    let lines = futures_util::stream::unfold(0, |n| async move {
        let line = format!(r#"{{"kind":"map_item","map":"map","key":"x{n}","data":{{}}}}"#);
        (n < 3).then_some((line, n + 1))
    });
    emulator.inject(Fault::status(403).on(Operation::CreateSyncMapItem).nth(3));
    let error = map.import(lines).await.unwrap_err();
    assert_eq!((error.done.len(), error.failed.len()), (2, 1));
}

#[tokio::test]
async fn what_is_gone_already_is_as_good_as_removed() {
    let (_emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    map.set_many((0..200).map(|n| (format!("k{n:03}"), json!({}))))
        .await
        .unwrap();
    let (one, other) = tokio::join!(async { map.remove_all().await }, async {
        map.remove_all().await
    });
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(map.items().count().await, 0);
}

#[tokio::test]
async fn a_list_can_be_copied_to_itself() {
    let (_emulator, sync) = start().await;
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    list.add_many((0..3).map(|n| json!({"n": n})))
        .await
        .unwrap();
    assert_eq!(list.copy_to(&list).await.unwrap().keys, [0, 1, 2]);
    assert_eq!(list.items().count().await, 6);
}

#[tokio::test]
async fn items_that_do_not_fit_fail_by_themselves() {
    let (_emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let raw = sync.map::<Value>("map");
    for (key, data) in [
        ("a", json!({"n": 1})),
        ("b", json!({"n": "x"})),
        ("c", json!({"n": 2})),
    ] {
        raw.set(key, &data).await.unwrap();
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Entry {
        n: u32,
    }
    let map = sync.map::<Entry>("map");
    let error = map
        .remove_where(|item| item.data.n > 0)
        .keep_going()
        .await
        .unwrap_err();
    assert_eq!((error.done.len(), error.failed.len()), (2, 1));
    assert_eq!(error.failed[0].0, "b");
}

#[tokio::test]
async fn what_is_done_in_order_is_done_one_by_one_whatever_is_asked() {
    let (emulator, sync) = start().await;
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let items = (0..20).map(move |n| {
        count.fetch_add(1, Ordering::Relaxed);
        json!({"n": n})
    });
    // The later an item is added, the sooner the service responds.
    for n in 0..20 {
        let delay = Duration::from_millis(20 - n);
        let fault = Fault::delay(delay).on(Operation::CreateSyncListItem);
        emulator.inject(fault.nth(n + 1));
    }
    let mut bulk = list.add_many(items).concurrency(8);
    let mut added = Vec::new();
    while let Some((position, item)) = bulk.try_next().await.unwrap() {
        assert_eq!(begun.load(Ordering::Relaxed), added.len() + 1);
        added.push((position, item.unwrap().data["n"].as_u64().unwrap()));
    }
    assert_eq!(added, (0..20).map(|n| (n, n as u64)).collect::<Vec<_>>());
}

#[tokio::test]
async fn options_hold_for_each_call() {
    let (emulator, sync) = start().await;
    sync.lists().create("list").await.unwrap();
    sync.maps().create("map").await.unwrap();
    let (list, map) = (sync.list::<Value>("list"), sync.map::<Value>("map"));
    let entries = || (0..3).map(|n| (n.to_string(), json!({"n": n})));
    let ttl = Duration::from_secs(30);
    map.set_many(entries()).ttl(ttl).await.unwrap();
    list.add_many([json!({}), json!({})])
        .ttl(ttl)
        .await
        .unwrap();
    let lifetimes = map
        .items()
        .map_ok(|item| item.date_expires.unwrap() - item.date_created);
    let lifetimes: Vec<_> = lifetimes.try_collect().await.unwrap();
    assert_eq!(lifetimes, [TimeDelta::seconds(30); 3]);
    let lifetimes = list
        .items()
        .map_ok(|item| item.date_expires.unwrap() - item.date_created);
    let lifetimes: Vec<_> = lifetimes.try_collect().await.unwrap();
    assert_eq!(lifetimes, [TimeDelta::seconds(30); 2]);

    emulator.inject(Fault::status(503).on(Operation::UpdateSyncMapItem).always());
    let bulk = map.set_many(entries()).retry(RetryPolicy::none());
    let error = bulk.keep_going().await.unwrap_err();
    let attempts = error.failed.iter().map(|(_, error)| {
        let call = error.call().unwrap();
        (call.attempts, error.status().unwrap().as_u16())
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [(1, 503); 3]);
    emulator.clear_faults();

    let delay = Fault::delay(Duration::from_secs(3600));
    emulator.inject(delay.on(Operation::DeleteSyncMapItem).always());
    let bulk = map.remove_all().retry(RetryPolicy::none());
    let error = bulk.timeout(Duration::from_millis(1)).keep_going().await;
    for (_, error) in error.unwrap_err().failed {
        assert!(error.is_outcome_unknown(), "{error}");
        let Error::Connection(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.kind, ConnectionFailure::Timeout);
    }
}

/// In a function that fails with an [`Error`], a failure of bulk work is its first one.
#[tokio::test]
async fn the_first_failure_is_an_error_as_any_other() {
    async fn fill(map: &MapItems<Value>, keys: &[&str]) -> Result<usize> {
        let entries = keys.iter().map(|key| ((*key).to_owned(), json!({})));
        let done = map
            .set_many(entries.collect::<Vec<_>>())
            .concurrency(1)
            .keep_going()
            .await?;
        Ok(done.keys.len())
    }
    async fn clear(map: &MapItems<Value>) -> Result<()> {
        map.remove_all().await?;
        Ok(())
    }
    let (emulator, sync) = start_without_retry().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    assert_eq!(fill(&map, &["a", "b", "c"]).await.unwrap(), 3);
    emulator.inject(Fault::status(503).on(Operation::UpdateSyncMapItem).nth(2));
    emulator.inject(Fault::status(403).on(Operation::UpdateSyncMapItem));
    let error = fill(&map, &["a", "b", "c"]).await.unwrap_err();
    assert_eq!(error.status().unwrap(), http::StatusCode::FORBIDDEN);
    assert!(error.call().unwrap().path.ends_with("/Items/a"), "{error}");
    emulator.clear_faults();
    let error = fill(&map, &["a", "", "c"]).await.unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error:?}");
    // Without a failure of a call, it is that of the list.
    emulator.inject(Fault::status(401).on(Operation::ListSyncMapItem));
    assert!(clear(&map).await.unwrap_err().is_unauthorized());
    clear(&map).await.unwrap();
}

/// Many new items, or many that exist, take one request each, but for the first.
#[tokio::test]
async fn many_items_take_a_request_each() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    let items = |keys: std::ops::Range<u32>| keys.map(|n| (format!("k{n}"), json!({"n": n})));
    emulator.clear_requests();
    for (keys, requests, concurrency) in [
        (0..20, 21, 1),
        (0..20, 20, 8),
        (10..30, 21, 1),
        (30..50, 21, 1),
        (50..70, 21, 8),
    ] {
        let set = map.set_many(items(keys.clone())).concurrency(concurrency);
        assert_eq!(set.await.unwrap().keys.len(), 20);
        assert_eq!(operations(&emulator).len(), requests, "{keys:?}");
    }
    let lines = (0..20)
        .map(|n| json!({"kind": "map_item", "map": "map", "key": format!("i{n}"), "data": {}}));
    let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
    let import = map.import(futures_util::stream::iter(lines)).concurrency(1);
    assert_eq!(import.await.unwrap().keys.len(), 20);
    assert_eq!(operations(&emulator).len(), 21);
}
