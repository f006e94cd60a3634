//! What each helper costs in requests, counted in the emulator's log.

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::Ttl;

use crate::{documents, operations, start};

/// Runs a call and checks what it asked the service for.
macro_rules! costs {
    ($emulator:ident, $call:expr, [$($operation:literal),*]) => {
        operations(&$emulator);
        $call.await.unwrap();
        assert_eq!(operations(&$emulator), [$($operation),*], "{}", stringify!($call));
    };
}

#[tokio::test]
async fn every_helper_costs_what_it_says() {
    let (emulator, sync) = start().await;
    // Others' objects, among which nothing is searched.
    for n in 0..150 {
        documents(&sync)
            .create(format!("other-{n}"), &json!({}))
            .await
            .unwrap();
    }
    let docs = documents(&sync);
    costs!(emulator, docs.search("d"), ["FetchDocument"]);
    costs!(emulator, docs.create("d", &json!({})), ["CreateDocument"]);
    costs!(emulator, docs.get("d"), ["FetchDocument"]);
    costs!(emulator, docs.find("d"), ["FetchDocument"]);
    costs!(emulator, docs.find("missing"), ["FetchDocument"]);
    costs!(emulator, docs.search("d"), ["FetchDocument"]);
    costs!(emulator, docs.update("d", &json!({})), ["UpdateDocument"]);
    costs!(
        emulator,
        docs.update_or_create("d", &json!({})),
        ["UpdateDocument"]
    );
    costs!(
        emulator,
        docs.update_or_create("e", &json!({})),
        ["UpdateDocument", "CreateDocument"]
    );
    costs!(
        emulator,
        docs.mutate("d", |d| d["n"] = json!(1)),
        ["FetchDocument", "UpdateDocument"]
    );
    costs!(emulator, docs.mutate("d", |_| ()), ["FetchDocument"]);
    costs!(emulator, docs.set_ttl("d", Ttl::NEVER), ["UpdateDocument"]);
    costs!(emulator, docs.remove("d"), ["DeleteDocument"]);
    let sid = docs.get("e").await.unwrap().sid;
    costs!(emulator, docs.get(&sid), ["FetchDocument"]);
    costs!(emulator, docs.update(&sid, &json!({})), ["UpdateDocument"]);
    costs!(emulator, docs.set_ttl(&sid, Ttl::NEVER), ["UpdateDocument"]);
    costs!(emulator, docs.mutate(&sid, |_| ()), ["FetchDocument"]);
    costs!(emulator, docs.remove_by_id(&sid), ["DeleteDocument"]);

    costs!(emulator, sync.lists().create("l"), ["CreateSyncList"]);
    costs!(emulator, sync.lists().get("l"), ["FetchSyncList"]);
    costs!(emulator, sync.lists().search("l"), ["FetchSyncList"]);
    costs!(emulator, sync.lists().ensure("l"), ["FetchSyncList"]);
    costs!(
        emulator,
        sync.lists().ensure("m"),
        ["FetchSyncList", "CreateSyncList"]
    );
    let list = sync.list::<Value>("l");
    for n in 0..100 {
        list.add(&json!({"n": n})).await.unwrap();
    }
    costs!(
        emulator,
        list.add(&json!({"call": 1})),
        ["CreateSyncListItem"]
    );
    costs!(emulator, list.get(100), ["FetchSyncListItem"]);
    costs!(emulator, list.find(100), ["FetchSyncListItem"]);
    costs!(
        emulator,
        list.set_ttl(100, Ttl::NEVER),
        ["UpdateSyncListItem"]
    );
    costs!(
        emulator,
        list.update(100, &json!({"call": 2})),
        ["UpdateSyncListItem"]
    );
    costs!(
        emulator,
        list.mutate(100, |i| i["call"] = json!(3)),
        ["FetchSyncListItem", "UpdateSyncListItem"]
    );
    costs!(
        emulator,
        list.items().limit(100).try_collect::<Vec<_>>(),
        ["ListSyncListItem"]
    );
    costs!(
        emulator,
        list.items().try_collect::<Vec<_>>(),
        ["ListSyncListItem", "ListSyncListItem"]
    );
    costs!(
        emulator,
        list.items_with_key("call").try_collect::<Vec<_>>(),
        ["ListSyncListItem", "ListSyncListItem"]
    );
    costs!(
        emulator,
        list.remove_items_with_key("call"),
        ["ListSyncListItem", "ListSyncListItem", "DeleteSyncListItem"]
    );
    costs!(emulator, list.remove(0), ["DeleteSyncListItem"]);
    costs!(emulator, sync.lists().remove("l"), ["DeleteSyncList"]);

    costs!(emulator, sync.maps().create("m"), ["CreateSyncMap"]);
    costs!(emulator, sync.maps().get("m"), ["FetchSyncMap"]);
    costs!(emulator, sync.maps().search("m"), ["FetchSyncMap"]);
    let map = sync.map::<Value>("m");
    costs!(
        emulator,
        map.set("k", &json!({})),
        ["UpdateSyncMapItem", "CreateSyncMapItem"]
    );
    costs!(emulator, map.set("k", &json!({})), ["UpdateSyncMapItem"]);
    costs!(
        emulator,
        map.create("k2", &json!({})),
        ["CreateSyncMapItem"]
    );
    costs!(emulator, map.get("k"), ["FetchSyncMapItem"]);
    costs!(emulator, map.find("k"), ["FetchSyncMapItem"]);
    costs!(
        emulator,
        map.set_ttl("k", Ttl::NEVER),
        ["UpdateSyncMapItem"]
    );
    costs!(emulator, map.find("missing"), ["FetchSyncMapItem"]);
    costs!(emulator, map.update("k", &json!({})), ["UpdateSyncMapItem"]);
    costs!(
        emulator,
        map.mutate("k", |i| i["n"] = json!(1)),
        ["FetchSyncMapItem", "UpdateSyncMapItem"]
    );
    costs!(
        emulator,
        map.items().try_collect::<Vec<_>>(),
        ["ListSyncMapItem"]
    );
    costs!(emulator, map.remove("k"), ["DeleteSyncMapItem"]);
    costs!(emulator, sync.maps().remove("m"), ["DeleteSyncMap"]);

    costs!(emulator, sync.streams().create("s"), ["CreateSyncStream"]);
    costs!(emulator, sync.streams().get("s"), ["FetchSyncStream"]);
    costs!(emulator, sync.streams().search("s"), ["FetchSyncStream"]);
    costs!(emulator, sync.streams().ensure("s"), ["FetchSyncStream"]);
    costs!(
        emulator,
        sync.stream("s").publish(&json!({})),
        ["CreateStreamMessage"]
    );
    costs!(emulator, sync.streams().remove("s"), ["DeleteSyncStream"]);
}
