//! Many calls at once.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::emulator::{Fault, Operation};

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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let (started, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Arc::clone(&started);
    // The iterator is asked for work only when it is begun.
    let entries = (0..40).map(move |n| {
        begun.fetch_add(1, Ordering::Relaxed);
        (format!("k{n}"), json!({}))
    });
    emulator.inject(Fault::delay(std::time::Duration::from_millis(1)).always());
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
    let gone = list
        .remove_where(|item| item.data["n"].as_u64() > Some(9))
        .await
        .unwrap();
    assert_eq!(gone.keys.len(), 20);
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
    emulator.inject(
        Fault::delay(std::time::Duration::from_millis(100)).on(Operation::DeleteSyncMapItem),
    );
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
    assert!(map.get("a").await.unwrap().is_some());
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
        (n < 3).then(|| (format!(r#"{{"key":"x{n}","data":{{}}}}"#), n + 1))
    });
    emulator.inject(Fault::status(403).on(Operation::UpdateSyncMapItem).nth(3));
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
