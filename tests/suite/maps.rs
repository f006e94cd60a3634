//! The helpers for Maps and their items.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::{Bounds, Listing, Map, MapItem, Order, Outcome, SyncClient};

use crate::start;

async fn phonebook(sync: &SyncClient) -> Map<Value> {
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
    assert_eq!(maps.get_by_id(&map.sid).await.unwrap().sid, map.sid);
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
    assert_eq!(phones.get(key).await.unwrap(), None);
    let first = phones.set(key, &json!({"name": "Alice"})).await.unwrap();
    assert_eq!(first.outcome, Outcome::Created);
    let second = phones.set(key, &json!({"name": "Bob"})).await.unwrap();
    assert_eq!(second.outcome, Outcome::Updated);
    assert_eq!(
        phones.get(key).await.unwrap().unwrap().data,
        json!({"name": "Bob"})
    );

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

    let by_id = sync.map_by_id::<Value>(&sync.maps().get("phonebook").await.unwrap().sid);
    assert_eq!(keys(by_id.items()).await, [key]);
    assert!(
        sync.map::<Value>("missing")
            .set("k", &json!({}))
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert_eq!(sync.map::<Value>("missing").get("k").await.unwrap(), None);
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
