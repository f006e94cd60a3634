//! The helpers for Maps and their items.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::call::Outcome;
use twilio_sync::listing::{Bounds, Listing, Order};
use twilio_sync::value::ItemKey;
use twilio_sync::{MapItem, MapItems, SyncClient, Ttl};

use crate::start;

async fn phonebook(sync: &SyncClient) -> MapItems<Value> {
    sync.maps().create("phonebook").await.unwrap();
    sync.map("phonebook")
}

async fn keys(listing: Listing<MapItem<Value>>) -> Vec<String> {
    listing.map_ok(|item| item.key).try_collect().await.unwrap()
}

#[tokio::test]
async fn create_get_search_ensure_remove() {
    let (_emulator, sync) = start().await;
    let maps = sync.maps();
    assert_eq!(maps.search("phonebook").await.unwrap(), None);
    let map = maps
        .create("phonebook")
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(
        map.date_expires.unwrap() - map.date_created,
        TimeDelta::seconds(60)
    );
    assert_eq!(maps.get("phonebook").await.unwrap().sid, map.sid);
    assert_eq!(maps.get(&map.sid).await.unwrap().sid, map.sid);
    assert_eq!(
        maps.search("phonebook").await.unwrap().as_ref(),
        Some(&map.sid)
    );
    assert!(
        maps.create("phonebook")
            .await
            .unwrap_err()
            .is_already_exists()
    );
    assert_eq!(
        maps.ensure("phonebook").await.unwrap().outcome,
        Outcome::Unchanged
    );
    assert_eq!(maps.all().try_collect::<Vec<_>>().await.unwrap().len(), 1);
    maps.remove_by_id(&map.sid).await.unwrap();
    assert!(maps.remove("phonebook").await.unwrap_err().is_not_found());
    assert_eq!(
        maps.ensure("phonebook").await.unwrap().outcome,
        Outcome::Created
    );
}

#[tokio::test]
async fn items_are_set_read_and_removed() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    let key = "+815012345678";
    assert_eq!(phones.find(key).await.unwrap(), None);
    let first = phones.set(key, &json!({"name": "Alice"})).await.unwrap();
    assert_eq!(first.outcome, Outcome::Created);
    let second = phones.set(key, &json!({"name": "Bob"})).await.unwrap();
    assert_eq!(second.outcome, Outcome::Updated);
    assert_eq!(phones.get(key).await.unwrap().data, json!({"name": "Bob"}));

    let error = phones.create(key, &json!({})).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(error.code(), Some(54208));
    let stale = first.object.revision;
    assert!(
        phones
            .update(key, &json!({}))
            .if_match(&stale)
            .await
            .unwrap_err()
            .is_revision_conflict()
    );
    assert!(
        phones
            .remove(key)
            .if_match(&stale)
            .await
            .unwrap_err()
            .is_revision_conflict()
    );
    phones
        .remove(key)
        .if_match(&second.object.revision)
        .await
        .unwrap();
    assert!(phones.remove(key).await.unwrap_err().is_not_found());
    assert!(
        phones
            .update(key, &json!({}))
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert!(phones.create(key, &json!({"name": "Eve"})).await.is_ok());

    let by_sid = sync.map::<Value>(&sync.maps().get("phonebook").await.unwrap().sid);
    assert_eq!(keys(by_sid.items()).await, [key]);
    assert!(
        sync.map::<Value>("missing")
            .set("k", &json!({}))
            .await
            .unwrap_err()
            .is_not_found()
    );
    let missing = sync.map::<Value>("missing").find("k").await;
    assert!(missing.unwrap_err().is_not_found());
}

#[tokio::test]
async fn times_to_live() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    let item = phones
        .set("k", &json!({}))
        .ttl(Duration::from_secs(30))
        .collection_ttl(Duration::from_secs(90))
        .await
        .unwrap()
        .object;
    assert_eq!(
        item.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(30)
    );
    let map = sync.maps().get("phonebook").await.unwrap();
    assert_eq!(
        map.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(90)
    );
}

#[tokio::test]
async fn items_come_by_key() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    for key in ["b", "é", "a", "c", "B"] {
        phones.set(key, &json!({})).await.unwrap();
    }
    assert_eq!(keys(phones.items()).await, ["B", "a", "b", "c", "é"]);
    assert_eq!(
        keys(phones.items().order(Order::Desc).page_size(2)).await,
        ["é", "c", "b", "a", "B"]
    );
    assert_eq!(
        keys(phones.items().from("b").bounds(Bounds::Exclusive)).await,
        ["c", "é"]
    );
    assert_eq!(keys(phones.items().from("bb").limit(1)).await, ["c"]);
}

#[tokio::test]
async fn get_fails_where_find_finds_nothing() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    assert!(phones.get("k").await.unwrap_err().is_not_found());
    assert_eq!(phones.find("k").await.unwrap(), None);
    let item = phones.set("k", &json!({"n": 1})).await.unwrap().object;
    assert_eq!(phones.get("k").await.unwrap(), item);
    assert_eq!(phones.find("k").await.unwrap(), Some(item));
    let missing = sync.map::<Value>("missing");
    assert!(missing.get("k").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_key_comes_in_any_form() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    let text = "a/b ü".to_owned();
    let key = ItemKey::new(&*text).unwrap();
    let item = phones.set(&text, &json!({})).await.unwrap().object;
    for call in [
        phones.get("a/b ü"),
        phones.get(&text),
        phones.get(text),
        phones.get(&key),
        phones.get(key),
    ] {
        assert_eq!(call.await.unwrap(), item);
    }
}

#[tokio::test]
async fn the_time_to_live_of_an_item_is_set_by_itself() {
    let (_emulator, sync) = start().await;
    let phones = phonebook(&sync).await;
    phones.set("k", &json!({"n": 0})).await.unwrap();
    let item = phones.set_ttl("k", Duration::from_secs(30)).await.unwrap();
    assert_eq!(
        item.date_expires.unwrap() - item.date_updated,
        TimeDelta::seconds(30)
    );
    assert_eq!(item.data, json!({"n": 0}));
    let item = phones.set_ttl("k", Ttl::NEVER).await.unwrap();
    assert_eq!((item.date_expires, item.data), (None, json!({"n": 0})));
    let error = phones.set_ttl("missing", Ttl::MAX).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn names_and_sids_work_in_the_same_calls() {
    let (_emulator, sync) = start().await;
    let maps = sync.maps();
    let map = maps.create("phonebook").await.unwrap();
    let (by_name, by_sid) = (sync.map::<Value>("phonebook"), sync.map(&map.sid));
    by_sid.set("k", &json!({"n": 1})).await.unwrap();
    let item = by_name.get("k").await.unwrap();
    assert_eq!(by_sid.get("k").await.unwrap(), item);
    assert!(maps.set_ttl(&map.sid, Ttl::MAX).await.is_ok());
    assert!(maps.find(&map.sid).await.unwrap().is_some());
    maps.remove(map.sid).await.unwrap();
    assert_eq!(maps.find("phonebook").await.unwrap(), None);
}

/// Only the pages that hold the items are read, and an empty prefix is no prefix.
#[tokio::test]
async fn remove_with_prefix_reads_the_range_alone() {
    let (emulator, sync) = start().await;
    let map = phonebook(&sync).await;
    let items = (0..250).map(|n| (format!("a{n:03}"), json!({})));
    map.set_many(items).await.unwrap();
    map.set("b1", &json!({})).await.unwrap();
    map.set("b2", &json!({})).await.unwrap();
    map.set("c", &json!({})).await.unwrap();
    crate::operations(&emulator);
    let removed = map.remove_with_prefix("b").await.unwrap();
    assert_eq!(removed.keys.len(), 2);
    let operations = crate::operations(&emulator);
    let lists = operations.iter().filter(|it| *it == "ListSyncMapItem");
    assert_eq!((lists.count(), operations.len()), (1, 3), "{operations:?}");

    let error = map.remove_with_prefix("").await.unwrap_err();
    assert!(error.to_string().contains("the prefix is empty"), "{error}");
    assert_eq!(crate::operations(&emulator).len(), 0);
    assert_eq!(keys(map.items()).await.len(), 251);
}

/// Another client can create a key that no path can carry: it addresses the Map itself.
#[tokio::test]
async fn a_key_that_no_path_can_carry_is_not_sent_in_one() {
    let (emulator, sync) = crate::start_without_retry().await;
    let map = sync.maps().create("m").await.unwrap();
    let form = [("Key", ".."), ("Data", "{}")];
    let names = [sync.service().as_str(), "m"];
    let create = sync
        .api()
        .operation(twilio_sync::api::Operation::CreateSyncMapItem, names);
    create.with_form(&form).await.unwrap();
    sync.map::<serde_json::Value>("m")
        .create("a", &serde_json::json!({}))
        .await
        .unwrap();
    emulator.clear_requests();
    let error = sync
        .map::<serde_json::Value>("m")
        .remove_all()
        .keep_going()
        .await;
    let error = error.unwrap_err();
    assert_eq!((error.done, error.failed.len()), (vec!["a".to_owned()], 1));
    assert!(matches!(error.failed[0].1, twilio_sync::Error::Input(_)));
    let is_sent = |request: &twilio_sync::emulator::LoggedRequest| request.path().contains("..");
    assert!(!emulator.requests().iter().any(is_sent));
    assert_eq!(sync.maps().get("m").await.unwrap().sid, map.sid);
}
