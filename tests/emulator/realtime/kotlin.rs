//! What Twilio's Kotlin SDK needs: it drops an event, or fails a call, where a member is missing or has
//! another type.

use serde_json::{Map, Value, json};
use twilio_sync::Emulator;

use super::Bare;

/// A member and the check of its value.
type Member = (&'static str, fn(&Value) -> bool);

fn is_date(value: &Value) -> bool {
    let date = value.as_str().unwrap_or_default();
    date.len() == 24 && date.ends_with('Z') && date.parse::<chrono::DateTime<chrono::Utc>>().is_ok()
}

fn is_date_or_null(value: &Value) -> bool {
    value.is_null() || is_date(value)
}

const OBJECT: &[Member] = &[
    ("sid", Value::is_string),
    ("date_created", is_date),
    ("date_updated", is_date),
    ("date_expires", is_date_or_null),
    ("revision", Value::is_string),
    ("last_event_id", Value::is_i64),
];

const ITEM: &[Member] = &[
    ("date_created", is_date),
    ("date_updated", is_date),
    ("date_expires", is_date_or_null),
    ("revision", Value::is_string),
    ("last_event_id", Value::is_i64),
    ("url", Value::is_string),
];

const ITEM_EVENT: &[Member] = &[("id", Value::is_i64), ("date_created", is_date)];

const ITEM_WRITTEN: &[Member] = &[
    ("item_data", Value::is_object),
    ("item_revision", Value::is_string),
    ("item_url", Value::is_string),
    ("date_expires", is_date_or_null),
];

fn check(what: &str, value: &Value, members: &[&[Member]]) -> Map<String, Value> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("{what}: {value}"));
    for (name, is_right) in members.iter().copied().flatten() {
        let member = object
            .get(*name)
            .unwrap_or_else(|| panic!("{what} has no {name}: {value}"));
        assert!(is_right(member), "{what}: {name} is {member}");
    }
    object.clone()
}

#[tokio::test]
async fn the_first_reply_names_the_account() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::open(&emulator).await;
    let reply = client.init(&super::token(&emulator, "alice")).await.header;
    assert_eq!(
        reply["capabilities"],
        json!(["client_update", "account_descriptor"])
    );
    let account = &reply["account_descriptor"];
    assert_eq!(account["account_sid"], emulator.account_sid().as_str());
    assert_eq!(
        account["instance_sids"]["data_sync"],
        emulator.service_sid().as_str()
    );
    assert_eq!(account["identity"], "alice");
    assert!(reply["continuation_token"].is_string());
}

#[tokio::test]
async fn the_configuration_has_templates_of_every_address() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (status, body) = client.request("GET", "/v3/Configuration", "").await;
    assert_eq!(status, 200);
    for name in [
        "subscriptions",
        "maps",
        "map_items",
        "map_item",
        "lists",
        "list_items",
        "list_item",
        "documents",
        "streams",
        "stream_messages",
        "insights_items",
    ] {
        assert!(body["links"][name].is_string(), "{name}");
    }
    // It builds the addresses of objects from the first segments of these.
    for (name, kind) in [("map_items", "Maps"), ("list_items", "Lists")] {
        let address = body["links"][name].as_str().unwrap();
        let path: Vec<&str> = address.split('/').skip(3).collect();
        let service = emulator.service_sid().as_str();
        assert_eq!(path[..4], ["v3", "Services", service, kind]);
    }
}

#[tokio::test]
async fn objects_are_found_with_and_without_their_service() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let service = emulator.service_sid().as_str();
    for kind in ["Documents", "Lists", "Maps", "Streams"] {
        let body = r#"{"unique_name":"a b"}"#;
        let (status, created) = client.request("POST", &format!("/v3/{kind}"), body).await;
        assert_eq!(status, 201);
        if kind != "Streams" {
            check(kind, &created, &[OBJECT]);
        }
        assert!(created.get("data").is_none(), "{created}");
        for path in [
            format!("/v3/{kind}/a%20b"),
            format!("/v3/Services/{service}/{kind}/a%20b"),
            format!(
                "/v3/Services/{service}/{kind}/{}",
                created["sid"].as_str().unwrap()
            ),
        ] {
            let (status, fetched) = client.request("GET", &path, "").await;
            assert_eq!((status, &fetched["sid"]), (200, &created["sid"]), "{path}");
        }
        let other = format!("/v3/Services/IS{}/{kind}/a%20b", "0".repeat(32));
        assert_eq!(client.request("GET", &other, "").await.0, 403);
        assert_eq!(
            client
                .request("DELETE", &format!("/v3/{kind}/a%20b"), "data_sync")
                .await
                .0,
            204
        );
    }
}

#[tokio::test]
async fn documents_have_data_where_they_are_read_only() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let body = r#"{"unique_name":"d","data":{"big":12345678901234567890123,"f":1.50},"ttl":60}"#;
    let (_, created) = client.request("POST", "/v3/Documents", body).await;
    let created = check("created", &created, &[OBJECT]);
    assert!(is_date(&created["date_expires"]));
    assert_eq!(
        (&created["revision"], &created["last_event_id"]),
        (&json!("0"), &json!(0))
    );
    let subscribed = client
        .subscribe(created["sid"].as_str().unwrap(), "document", Some(0))
        .await;
    assert_eq!(subscribed.len(), 1);
    let headers = json!({"If-Match": ["0"]});
    let body = r#"{"data":{"n":1}}"#;
    let written = client.request_with("POST", "/v3/Documents/d", json!({}), headers.clone(), body);
    let (status, written) = written.await;
    assert_eq!(status, 200);
    assert!(written.get("data").is_none());
    check("written", &written, &[OBJECT]);
    let event = client.event("document_updated").await;
    check(
        "document_updated",
        &event,
        &[&[
            ("id", Value::is_i64),
            ("document_sid", Value::is_string),
            ("document_revision", Value::is_string),
            ("document_data", Value::is_object),
            ("document_unique_name", Value::is_string),
            ("date_created", is_date),
            ("date_expires", is_date_or_null),
        ]],
    );
    let stale = client
        .request_with("POST", "/v3/Documents/d", json!({}), headers, body)
        .await;
    assert_eq!((stale.0, &stale.1["code"]), (412, &json!(54103)));
    assert_eq!(client.request("DELETE", "/v3/Documents/d", "").await.0, 204);
    let removed = client.event("document_removed").await;
    assert_eq!(removed, json!({"document_sid": created["sid"]}));
}

#[tokio::test]
async fn items_of_maps_have_all_that_it_reads() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, map) = client
        .request("POST", "/v3/Maps", r#"{"unique_name":"m"}"#)
        .await;
    assert_eq!(map["last_event_id"], -1);
    let sid = map["sid"].as_str().unwrap().to_owned();
    client.subscribe(&sid, "map", Some(-1)).await;
    let key: &[Member] = &[("map_sid", Value::is_string), ("key", Value::is_string)];
    let event_key: &[Member] = &[
        ("map_sid", Value::is_string),
        ("item_key", Value::is_string),
    ];
    let items = "/v3/Maps/m/Items";

    let (status, added) = client
        .request("POST", items, r#"{"key":"k/1","data":{"n":1}}"#)
        .await;
    assert_eq!(status, 201);
    assert!(check("added", &added, &[ITEM, key]).get("data").is_none());
    check(
        "map_item_added",
        &client.event("map_item_added").await,
        &[ITEM_EVENT, ITEM_WRITTEN, event_key],
    );
    let (status, taken) = client
        .request("POST", items, r#"{"key":"k/1","data":{}}"#)
        .await;
    assert_eq!((status, &taken["code"]), (409, &json!(54208)));

    let path = "/v3/Maps/m/Items/k%2F1";
    let (status, updated) = client.request("POST", path, r#"{"data":{"n":2}}"#).await;
    assert_eq!(status, 200);
    assert!(
        check("updated", &updated, &[ITEM, key])
            .get("data")
            .is_none()
    );
    check(
        "map_item_updated",
        &client.event("map_item_updated").await,
        &[ITEM_EVENT, ITEM_WRITTEN, event_key],
    );

    let (_, page) = client.request("GET", items, "").await;
    let item = check("page", &page["items"][0], &[ITEM, key]);
    assert_eq!(item["data"], json!({"n": 2}));
    assert!(page["meta"].is_object());

    let (status, removed) = client.request("DELETE", path, "data_sync").await;
    assert_eq!(status, 200);
    let removed = check("removed", &removed, &[ITEM, key]);
    assert!(removed.get("data").is_none());
    let event = check(
        "map_item_removed",
        &client.event("map_item_removed").await,
        &[ITEM_EVENT, event_key],
    );
    assert_eq!(event["id"], removed["last_event_id"]);
    // As a removal of the real service was seen.
    assert_eq!(
        (
            &event["id"],
            &event["item_revision"],
            &event["map_revision"]
        ),
        (&json!(2), &json!("2"), &json!("3"))
    );
    assert_eq!(event["item_data"], json!({"n": 2}));
}

#[tokio::test]
async fn items_of_lists_have_all_that_it_reads() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, list) = client
        .request("POST", "/v3/Lists", r#"{"unique_name":"l"}"#)
        .await;
    let sid = list["sid"].as_str().unwrap().to_owned();
    client.subscribe(&sid, "list", Some(-1)).await;
    let index: &[Member] = &[("list_sid", Value::is_string), ("index", Value::is_u64)];
    let event_index: &[Member] = &[
        ("list_sid", Value::is_string),
        ("item_index", Value::is_u64),
    ];
    let (status, added) = client
        .request("POST", "/v3/Lists/l/Items", r#"{"data":{"n":1},"ttl":60}"#)
        .await;
    assert_eq!(status, 201);
    assert!(is_date(
        &check("added", &added, &[ITEM, index])["date_expires"]
    ));
    let event = client.event("list_item_added").await;
    assert!(is_date(
        &check(
            "list_item_added",
            &event,
            &[ITEM_EVENT, ITEM_WRITTEN, event_index]
        )["date_expires"]
    ));
    let path = "/v3/Lists/l/Items/0";
    client.request("POST", path, r#"{"data":{"n":2}}"#).await;
    check(
        "list_item_updated",
        &client.event("list_item_updated").await,
        &[ITEM_EVENT, ITEM_WRITTEN, event_index],
    );
    let (_, removed) = client.request("DELETE", path, "").await;
    check("removed", &removed, &[ITEM, index]);
    check(
        "list_item_removed",
        &client.event("list_item_removed").await,
        &[ITEM_EVENT, event_index],
    );
    let (status, missing) = client.request("GET", path, "").await;
    assert_eq!((status, &missing["code"]), (404, &json!(54151)));
    for member in ["status", "code", "message"] {
        assert!(missing.get(member).is_some(), "{missing}");
    }
    assert!(missing.get("reason").is_none());
}

#[tokio::test]
async fn messages_of_streams_are_sent_as_ordered_events() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    let (_, stream) = client
        .request("POST", "/v3/Streams", r#"{"unique_name":"s"}"#)
        .await;
    client
        .subscribe(stream["sid"].as_str().unwrap(), "stream", None)
        .await;
    let (_, published) = client
        .request("POST", "/v3/Streams/s/Messages", r#"{"data":{"n":1}}"#)
        .await;
    let frame = client.message().await;
    assert_eq!(frame.header["message_type"], "twilio.sync.event");
    let expected = json!({"stream_sid": stream["sid"], "message_sid": published["sid"],
        "message_data": {"n": 1}});
    assert_eq!(frame.events(), [expected]);
}

#[tokio::test]
async fn pages_begin_where_their_bounds_say() {
    let emulator = Emulator::start().await.unwrap();
    let mut client = Bare::connect(&emulator, "alice").await;
    client
        .request("POST", "/v3/Maps", r#"{"unique_name":"m"}"#)
        .await;
    for key in ["a", "b", "c", "d"] {
        let body = json!({"key": key, "data": {}}).to_string();
        client.request("POST", "/v3/Maps/m/Items", &body).await;
    }
    for (order, from, bounds, expected, previous, next) in [
        ("asc", "b", "inclusive", "bc", true, true),
        ("asc", "b", "exclusive", "cd", true, false),
        ("asc", "a", "inclusive", "ab", false, true),
        ("desc", "c", "exclusive", "ba", true, false),
        ("desc", "z", "inclusive", "dc", false, true),
    ] {
        let params =
            json!({"Order": [order], "PageSize": ["2"], "Bounds": [bounds], "From": [from]});
        let page = client
            .request_with("GET", "/v3/Maps/m/Items", params, json!({}), "")
            .await
            .1;
        let items = page["items"].as_array().unwrap().iter();
        let keys: String = items.map(|item| item["key"].as_str().unwrap()).collect();
        let (before, after) = (&page["meta"]["previous_token"], &page["meta"]["next_token"]);
        assert_eq!(
            (keys.as_str(), before.is_string(), after.is_string()),
            (expected, previous, next),
            "{order} {from} {bounds}"
        );
        if let Some(token) = after.as_str() {
            let params = json!({"PageToken": [token], "PageSize": ["2"]});
            let page = client
                .request_with("GET", "/v3/Maps/m/Items", params, json!({}), "")
                .await;
            assert_eq!(
                (page.0, page.1["items"].as_array().unwrap().is_empty()),
                (200, false)
            );
        }
    }
}
