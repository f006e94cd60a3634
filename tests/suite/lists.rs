//! The helpers for Lists and their items.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::call::Outcome;
use twilio_sync::listing::{Bounds, Listing, Order};
use twilio_sync::{ListItem, ListItems, SyncClient, Ttl};

use crate::start;

async fn log(sync: &SyncClient, items: &[Value]) -> ListItems<Value> {
    sync.lists().create("log").await.unwrap();
    let log = sync.list("log");
    for item in items {
        log.add(item).await.unwrap();
    }
    log
}

async fn data(log: &ListItems<Value>) -> Vec<Value> {
    log.items()
        .map_ok(|item| item.data)
        .try_collect()
        .await
        .unwrap()
}

#[tokio::test]
async fn create_get_search_ensure_remove() {
    let (_emulator, sync) = start().await;
    let lists = sync.lists();
    assert_eq!(lists.search("log").await.unwrap(), None);
    let list = lists
        .create("log")
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        list.date_expires.unwrap() - list.date_created,
        TimeDelta::seconds(60)
    );
    assert_eq!(lists.get("log").await.unwrap().sid, list.sid);
    assert_eq!(lists.get(&list.sid).await.unwrap().sid, list.sid);
    assert_eq!(lists.search("log").await.unwrap().as_ref(), Some(&list.sid));
    assert!(lists.create("log").await.unwrap_err().is_already_exists());
    assert_eq!(
        lists.ensure("log").await.unwrap().outcome,
        Outcome::Unchanged
    );
    assert_eq!(
        lists.ensure("other").await.unwrap().outcome,
        Outcome::Created
    );
    assert_eq!(
        lists.set_ttl("log", Ttl::NEVER).await.unwrap().date_expires,
        None
    );
    let names: Vec<_> = lists
        .all()
        .map_ok(|list| list.unique_name)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(names.len(), 2);
    lists.remove_by_id(&list.sid).await.unwrap();
    lists.remove("other").await.unwrap();
    assert!(lists.remove("other").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn items_are_added_read_updated_and_removed() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, &[json!({"n": 0}), json!({"n": 1})]).await;
    let item = log.get(1).await.unwrap();
    assert_eq!((item.index, &item.data), (1, &json!({"n": 1})));
    assert_eq!(log.find(7).await.unwrap(), None);

    let updated = log
        .update(1, &json!({"n": 2}))
        .if_match(&item.revision)
        .await
        .unwrap();
    let error = log
        .update(1, &json!({"n": 3}))
        .if_match(&item.revision)
        .await
        .unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    let error = log.remove(1).if_match(&item.revision).await.unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    log.remove(1).if_match(&updated.revision).await.unwrap();
    assert!(log.remove(1).await.unwrap_err().is_not_found());
    assert!(log.update(1, &json!({})).await.unwrap_err().is_not_found());
    assert_eq!(data(&log).await, [json!({"n": 0})]);
    // The index is not given out again.
    assert!(log.add(&json!({"n": 4})).await.unwrap().index > 1);

    let by_sid = sync.list::<Value>(&sync.lists().get("log").await.unwrap().sid);
    assert_eq!(data(&by_sid).await, data(&log).await);
    let missing = sync.list::<Value>("missing");
    assert!(missing.add(&json!({})).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn item_and_collection_times_to_live() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, &[]).await;
    let item = log
        .add(&json!({}))
        .ttl(Duration::from_secs(30))
        .collection_ttl(Duration::from_secs(90))
        .await
        .unwrap();
    assert_eq!(
        item.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(30)
    );
    let list = sync.lists().get("log").await.unwrap();
    assert_eq!(
        list.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(90)
    );
    let updated = log
        .update(item.index, &json!({}))
        .ttl(Ttl::NEVER)
        .await
        .unwrap();
    assert_eq!(updated.date_expires, None);
}

#[tokio::test]
async fn order_position_and_bounds() {
    let (_emulator, sync) = start().await;
    let items: Vec<_> = (0..6).map(|n| json!({"n": n})).collect();
    let log = log(&sync, &items).await;
    let indexes = |listing: Listing<ListItem<Value>>| async move {
        let listing = listing.map_ok(|item| item.index);
        listing.try_collect::<Vec<i64>>().await.unwrap()
    };
    assert_eq!(
        indexes(log.items().order(Order::Desc).limit(2)).await,
        [5, 4]
    );
    assert_eq!(indexes(log.items().from(3)).await, [3, 4, 5]);
    assert_eq!(
        indexes(log.items().from(3).bounds(Bounds::Exclusive)).await,
        [4, 5]
    );
    assert_eq!(
        indexes(log.items().from(3).order(Order::Desc).page_size(2)).await,
        [3, 2, 1, 0]
    );
    assert_eq!(indexes(log.items().from(99)).await, [0i64; 0]);
}

#[tokio::test]
async fn items_with_a_key_alone_are_found_and_removed() {
    let (_emulator, sync) = start().await;
    let items = [
        json!({"call": 1}),
        json!({"text": "x"}),
        json!({"call": 2, "text": "y"}),
        json!({"call": 3}),
    ];
    let log = log(&sync, &items).await;
    // A gap, over which positions and indexes part.
    log.remove(1).await.unwrap();
    let found: Vec<_> = log.items_with_key("call").try_collect().await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|item| (item.index, item.data))
        .collect();
    assert_eq!(found, [(0, json!({"call": 1})), (3, json!({"call": 3}))]);

    assert_eq!(log.remove_items_with_key("call").await.unwrap(), 2);
    assert_eq!(data(&log).await, [json!({"call": 2, "text": "y"})]);
    assert_eq!(log.remove_items_with_key("call").await.unwrap(), 0);
}

#[tokio::test]
async fn removal_by_key_reaches_every_page() {
    let (_emulator, sync) = start().await;
    let items: Vec<_> = (0..250)
        .map(|n| {
            if n % 5 == 0 {
                json!({"keep": n})
            } else {
                json!({"drop": n})
            }
        })
        .collect();
    let log = log(&sync, &items).await;
    assert_eq!(log.remove_items_with_key("drop").await.unwrap(), 200);
    assert_eq!(data(&log).await.len(), 50);
}

#[tokio::test]
async fn get_fails_where_find_finds_nothing() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, &[json!({"n": 0})]).await;
    let item = log.get(0).await.unwrap();
    assert_eq!(log.find(0).await.unwrap(), Some(item));
    assert!(log.get(1).await.unwrap_err().is_not_found());
    assert_eq!(log.find(1).await.unwrap(), None);
    let missing = sync.list::<Value>("missing");
    assert!(missing.get(0).await.unwrap_err().is_not_found());
    assert!(missing.find(0).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn an_index_is_any_number() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, &[json!({"n": 0})]).await;
    let item = log.get(0_i32).await.unwrap();
    for call in [log.get(0_i64), log.get(0_u64), log.get(0_usize)] {
        assert_eq!(call.await.unwrap(), item);
    }
    // What is no index is refused; what is one too large for any is not there.
    assert!(log.find(-1_i64).await.is_err());
    assert!(log.get(i64::MAX).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn the_time_to_live_of_an_item_is_set_by_itself() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, &[json!({"n": 0})]).await;
    let item = log.set_ttl(0, Duration::from_secs(30)).await.unwrap();
    assert_eq!(
        item.date_expires.unwrap() - item.date_updated,
        TimeDelta::seconds(30)
    );
    assert_eq!(item.data, json!({"n": 0}));
    let item = log.set_ttl(0, Ttl::NEVER).await.unwrap();
    assert_eq!((item.date_expires, item.data), (None, json!({"n": 0})));
    assert!(log.set_ttl(1, Ttl::MAX).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn names_and_sids_work_in_the_same_calls() {
    let (_emulator, sync) = start().await;
    let lists = sync.lists();
    let list = lists.create("log").await.unwrap();
    let (by_name, by_sid) = (sync.list::<Value>("log"), sync.list(&list.sid));
    by_name.add(&json!({"n": 0})).await.unwrap();
    by_sid.add(&json!({"n": 1})).await.unwrap();
    assert_eq!(data(&by_name).await, data(&by_sid).await);
    assert!(lists.set_ttl(&list.sid, Ttl::MAX).await.is_ok());
    assert!(lists.find(&list.sid).await.unwrap().is_some());
    lists.remove(list.sid).await.unwrap();
    assert_eq!(lists.find("log").await.unwrap(), None);
}

#[tokio::test]
async fn items_with_a_key_have_a_limit() {
    let (_emulator, sync) = start().await;
    sync.lists().create("log").await.unwrap();
    let log = sync.list::<Value>("log");
    for n in 0..6 {
        let key = if n % 2 == 0 { "call" } else { "text" };
        log.add(&json!({key: n})).await.unwrap();
    }
    let found = log
        .items_with_key("call")
        .limit(2)
        .map_ok(|item| item.index);
    assert_eq!(found.try_collect::<Vec<_>>().await.unwrap(), [0, 2]);
}
