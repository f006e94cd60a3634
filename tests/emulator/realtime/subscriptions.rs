//! Subscriptions: the order of replies and events, what a client has missed, and their limits.

use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::Emulator;
use twilio_sync::emulator::LiveFault;

use super::{Bare, Frame};

/// The types and numbers of the events before a result.
fn missed(messages: &[Frame]) -> Vec<(String, i64)> {
    let (result, events) = messages.split_last().expect("a result");
    assert_eq!(
        result.event_type(),
        "subscription_established",
        "{result:?}"
    );
    assert_eq!(result.events()[0]["replay_status"], "completed");
    let of_frame = |frame: &Frame| {
        assert_eq!(frame.header["message_type"], "twilio.sync.event");
        let event_type = frame.event_type().to_owned();
        let ids = frame
            .events()
            .iter()
            .map(|event| event["id"].as_i64().expect("an id"));
        ids.map(|id| (event_type.clone(), id)).collect::<Vec<_>>()
    };
    events.iter().flat_map(of_frame).collect()
}

#[tokio::test]
async fn the_reply_to_a_write_comes_before_its_event() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, map) = client.request("POST", "/v3/Maps", "{}").await;
    let sid = map["sid"].as_str().unwrap();
    client.subscribe(sid, "map", Some(-1)).await;
    let path = format!("/v3/Maps/{sid}/Items/k");
    for n in 0..200 {
        let body = json!({"data": {"n": n}}).to_string();
        let header = json!({"method": "message", "http_request": {"path": path, "method": "PUT"}});
        let id = client.send(header, &body).await;
        let reply = client.next().await.unwrap();
        assert_eq!((reply.method(), &reply.header["id"]), ("reply", &json!(id)));
        assert_eq!(
            reply.header["http_status"]["code"],
            if n == 0 { 201 } else { 200 }
        );
        let event = client.next().await.unwrap();
        assert_eq!(event.events()[0]["id"], n);
        assert_eq!(event.events()[0]["id"], reply.payload["last_event_id"]);
    }
}

#[tokio::test]
async fn missed_events_come_from_the_log_each_by_itself() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    client.subscribe(map.sid.as_str(), "map", Some(-1)).await;
    let items = sync.map::<Value>("m");
    items.set("a", &json!({})).await.unwrap();
    items.set("a", &json!({"n": 1})).await.unwrap();
    items.remove("a").await.unwrap();
    let all = [
        ("map_item_added", 0),
        ("map_item_updated", 1),
        ("map_item_removed", 2),
    ];
    for seen in -1..=2 {
        let mut late = Bare::connect(&emulator, "bob").await;
        let messages = late.subscribe(map.sid.as_str(), "map", Some(seen)).await;
        let expected: Vec<_> = all.iter().filter(|(_, id)| *id > seen).collect();
        let events = missed(&messages);
        let events: Vec<_> = events
            .iter()
            .map(|(name, id)| (name.as_str(), *id))
            .collect();
        assert_eq!(events.iter().collect::<Vec<_>>(), expected);
        assert_eq!(messages.last().unwrap().events()[0]["last_event_id"], 2);
    }
}

#[tokio::test]
async fn without_a_log_missed_events_come_from_the_state_in_their_order() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let items = sync.map::<Value>("m");
    for key in ["c", "b", "a"] {
        items.set(key, &json!({})).await.unwrap();
    }
    // The dates of an item say that it was rewritten.
    emulator.clock().advance(Duration::from_secs(1));
    items.set("c", &json!({"n": 1})).await.unwrap();
    items.remove("b").await.unwrap();
    items.set("d", &json!({})).await.unwrap();
    let list = sync.lists().create("l").await.unwrap();
    let log = sync.list::<Value>("l");
    for _ in 0..2 {
        log.add(&json!({})).await.unwrap();
    }
    log.update(0, &json!({"n": 1})).await.unwrap();
    for n in 0..3 {
        sync.documents()
            .update("d", &json!({"n": n}))
            .await
            .unwrap();
    }
    let mut client = Bare::connect(&emulator, "alice").await;
    for forget in [false, true] {
        if forget {
            emulator.inject_live(LiveFault::forget_log());
        }
        let mut missed_of = async |sid: &str, kind: &str, seen| {
            let messages = client.subscribe(sid, kind, Some(seen)).await;
            let prefix = format!("{kind}_item_");
            let events = missed(&messages).into_iter();
            let events: Vec<_> = events
                .map(|(name, id)| (name.strip_prefix(&prefix).unwrap().to_owned(), id))
                .collect();
            events
        };
        let (added, updated, removed) = (
            |id| ("added".to_owned(), id),
            |id| ("updated".to_owned(), id),
            |id| ("removed".to_owned(), id),
        );
        // Whoever has seen nothing has no items.
        assert_eq!(
            missed_of(map.sid.as_str(), "map", -1).await,
            [added(2), added(3), removed(4), added(5)]
        );
        assert_eq!(
            missed_of(map.sid.as_str(), "map", 2).await,
            [updated(3), removed(4), added(5)]
        );
        assert_eq!(
            missed_of(list.sid.as_str(), "list", 0).await,
            [added(1), updated(2)]
        );
        let messages = client
            .subscribe(document.sid.as_str(), "document", Some(1))
            .await;
        assert_eq!(missed(&messages), [("document_updated".to_owned(), 3)]);
        assert_eq!(messages[0].events()[0]["document_data"], json!({"n": 2}));
    }
}

#[tokio::test]
async fn nothing_is_missed_between_opening_an_object_and_subscribing_to_it() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    for (name, params) in [
        ("created", None),
        ("fetched", Some(json!({}))),
        ("with-items", Some(json!({"Include": "items"}))),
    ] {
        let opened = if let Some(params) = params {
            sync.maps().create(name).await.unwrap();
            let path = format!("/v3/Maps/{name}");
            let opened = client.request_with("GET", &path, params, json!({}), "");
            opened.await.1
        } else {
            let body = json!({"unique_name": name}).to_string();
            client.request("POST", "/v3/Maps", &body).await.1
        };
        let items = sync.map::<Value>(name);
        items.set("k", &json!({"n": 0})).await.unwrap();
        items.set("k", &json!({"n": 1})).await.unwrap();
        items.remove("k").await.unwrap();
        let seen = opened["last_event_id"].as_i64();
        let messages = client
            .subscribe(opened["sid"].as_str().unwrap(), "map", seen)
            .await;
        let expected = ["added", "updated", "removed"].map(|name| format!("map_item_{name}"));
        let expected: Vec<_> = expected.into_iter().zip(0..).collect();
        assert_eq!(missed(&messages), expected, "{name}");
        assert_eq!(messages[2].events()[0]["item_data"], json!({"n": 1}));
    }
    sync.documents().create("d", &json!({})).await.unwrap();
    let (_, opened) = client.request("GET", "/v3/Documents/d", "").await;
    for n in 0..3 {
        let data = json!({"n": n});
        sync.documents().update("d", &data).await.unwrap();
    }
    let seen = opened["last_event_id"].as_i64();
    let messages = client
        .subscribe(opened["sid"].as_str().unwrap(), "document", seen)
        .await;
    let ids: Vec<i64> = missed(&messages).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test]
async fn who_has_seen_later_events_than_there_are_gets_that_the_object_is_not_there() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let list = sync.lists().create("l").await.unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let before = emulator.dump();
    sync.list::<Value>("l").add(&json!({})).await.unwrap();
    let items = sync.map::<Value>("m");
    items.set("k", &json!({})).await.unwrap();
    sync.documents().update("d", &json!({})).await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    for is_set_back in [false, true] {
        if is_set_back {
            emulator.seed(before.clone()).unwrap();
        }
        for (sid, kind, seen, code) in [
            (document.sid.as_str(), "document", 1, 54100),
            (list.sid.as_str(), "list", 0, 54150),
            (map.sid.as_str(), "map", 0, 54200),
        ] {
            let messages = client.subscribe(sid, kind, Some(seen)).await;
            if !is_set_back {
                assert_eq!(missed(&messages), []);
                client.cancel(sid, kind).await;
                continue;
            }
            assert_eq!(messages[0].event_type(), "subscription_failed", "{kind}");
            let error = &messages[0].events()[0]["error"];
            assert_eq!(
                (&error["status"], &error["code"]),
                (&json!(404), &json!(code))
            );
            let messages = client.subscribe(sid, kind, Some(seen - 1)).await;
            assert_eq!(missed(&messages), []);
        }
    }
}

#[tokio::test]
async fn ten_thousand_missed_items_come_in_their_order() {
    let emulator = Emulator::start().await.unwrap();
    let items: Vec<_> = (0..10_000).map(|n| json!({"data": {"n": n}})).collect();
    emulator
        .seed(json!({"services": [{"unique_name": "default",
            "lists": [{"unique_name": "l", "items": items}]}]}))
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, list) = client.request("GET", "/v3/Lists/l", "").await;
    let messages = client
        .subscribe(list["sid"].as_str().unwrap(), "list", Some(-1))
        .await;
    let ids: Vec<i64> = missed(&messages).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, (0..10_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_missed_more_removals_than_are_known_is_told_so() {
    let emulator = Emulator::start().await.unwrap();
    let items: Vec<_> = (0..=1_100)
        .map(|n| json!({"key": format!("k{n}"), "data": {}}))
        .collect();
    emulator
        .seed(json!({"services": [{"unique_name": "default",
            "maps": [{"unique_name": "m", "items": items}]}]}))
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, map) = client.request("GET", "/v3/Maps/m", "").await;
    let (sid, seen) = (
        map["sid"].as_str().unwrap(),
        map["last_event_id"].as_i64().unwrap(),
    );
    let sync = emulator.client().unwrap();
    let items = sync.map::<Value>("m");
    for n in 0..1_100 {
        items.remove(format!("k{n}").as_str()).await.unwrap();
    }
    // A removal stays known when its key is there again.
    items.set("k1099", &json!({})).await.unwrap();
    let (_, map) = client.request("GET", "/v3/Maps/m", "").await;
    let last = map["last_event_id"].as_i64().unwrap();
    assert_eq!(last, seen + 1_101);
    for (seen, is_known) in [
        (seen, false),
        (last - 1_002, false),
        (last - 1_001, true),
        (-1, true),
    ] {
        let messages = client.subscribe(sid, "map", Some(seen)).await;
        let result = messages.last().unwrap();
        if is_known {
            // 999 removals and the new item; for who knows nothing also the one that was never removed.
            let expected = if seen == -1 { 1_001 } else { 1_000 };
            assert_eq!(missed(&messages).len(), expected);
        } else {
            assert_eq!(result.event_type(), "subscription_failed");
            assert_eq!(result.events()[0]["error"]["code"], 20410);
        }
    }
}

#[tokio::test]
async fn events_stop_with_the_subscription() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync.documents().create("d", &json!({})).await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    client
        .subscribe(document.sid.as_str(), "document", Some(0))
        .await;
    client.cancel(document.sid.as_str(), "document").await;
    sync.documents()
        .update("d", &json!({"n": 1}))
        .await
        .unwrap();
    client
        .subscribe(document.sid.as_str(), "document", None)
        .await;
    sync.documents()
        .update("d", &json!({"n": 2}))
        .await
        .unwrap();
    assert_eq!(client.event("document_updated").await["id"], 2);
}

#[tokio::test]
async fn unknown_objects_and_too_many_fail() {
    let emulator = Emulator::start().await.unwrap();
    let documents: Vec<_> = (0..2_001).map(|_| json!({"data": {}})).collect();
    emulator
        .seed(json!({"services": [{"unique_name": "default", "documents": documents}]}))
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let unknown = format!("ET{}", "0".repeat(32));
    for (sid, code) in [(unknown.as_str(), 54100), ("x", 54100)] {
        let messages = client.subscribe(sid, "document", Some(0)).await;
        assert_eq!(messages[0].event_type(), "subscription_failed");
        let error = &messages[0].events()[0]["error"];
        assert_eq!(
            (&error["status"], &error["code"]),
            (&json!(404), &json!(code))
        );
    }
    let dump = emulator.dump();
    let sids = dump["services"][0]["documents"].as_array().unwrap().iter();
    let wanted: Vec<_> = sids
        .map(|document| json!({"object_sid": document["sid"], "object_type": "document"}))
        .collect();
    let mut results = Vec::new();
    for (at, wanted) in wanted.chunks(1_000).enumerate() {
        let body = json!({"action": "establish", "correlation_id": at, "requests": wanted});
        let (status, _) = client
            .request("POST", "/v4/Subscriptions", &body.to_string())
            .await;
        assert_eq!(status, 202);
        let mut left = wanted.len();
        while left > 0 {
            let frame = client.message().await;
            left -= frame.events().len();
            results.extend(frame.events().iter().map(|_| frame.event_type().to_owned()));
        }
    }
    let failed = results
        .iter()
        .filter(|result| *result == "subscription_failed");
    assert_eq!((results.len(), failed.count()), (2_001, 1));
    let body = json!({"action": "establish", "correlation_id": 9, "requests": wanted});
    let (status, _) = client
        .request("POST", "/v4/Subscriptions", &body.to_string())
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn expiry_has_events_when_it_is_due_and_when_the_clock_is_moved() {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let document = sync
        .documents()
        .create("d", &json!({}))
        .ttl(twilio_sync::Ttl::from_secs(1))
        .await
        .unwrap();
    let map = sync.maps().create("m").await.unwrap();
    let items = sync.map::<Value>("m");
    items
        .set("k", &json!({"n": 1}))
        .ttl(twilio_sync::Ttl::from_secs(600))
        .await
        .unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    client
        .subscribe(document.sid.as_str(), "document", Some(0))
        .await;
    client.subscribe(map.sid.as_str(), "map", Some(0)).await;
    client.event("document_removed").await;
    emulator.clock().advance(Duration::from_secs(600));
    let removed = client.event("map_item_removed").await;
    assert_eq!(
        (&removed["item_key"], &removed["item_data"]),
        (&json!("k"), &json!({"n": 1}))
    );
}
