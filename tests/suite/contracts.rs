//! Contracts: data checked against the JSON Schema of its type, both ways.

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::Error;
use twilio_sync::api::Operation;
use twilio_sync::contract::{ContractError, contract_schema};
use twilio_sync::emulator::Fault;

use crate::{documents, operations, start};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Operator {
    #[schemars(length(min = 1, max = 10))]
    name: String,
    #[schemars(range(max = 3))]
    level: u32,
}

fn operator(name: &str, level: u32) -> Operator {
    Operator {
        name: name.to_owned(),
        level,
    }
}

fn violations(error: Error) -> (ContractError, Vec<(String, Value)>) {
    let Error::Contract(error) = error else {
        panic!("{error:?}")
    };
    let places = error.violations.iter();
    let places = places
        .map(|violation| (violation.path.clone(), violation.value.clone()))
        .collect();
    (*error, places)
}

#[tokio::test]
async fn nothing_that_breaks_it_is_written() {
    let (emulator, sync) = start().await;
    let desks = sync.documents::<Operator>().checked();
    desks.create("desk", &operator("Alice", 1)).await.unwrap();
    operations(&emulator);
    let (error, places) = violations(desks.create("other", &operator("", 7)).await.unwrap_err());
    assert_eq!(
        places,
        [
            ("/level".to_owned(), json!(7)),
            ("/name".to_owned(), json!(""))
        ]
    );
    assert!(
        error
            .to_string()
            .starts_with("the data to be written breaks the contract of "),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("at /level: 7 is greater than the maximum of 3"),
        "{error}"
    );
    violations(desks.update("desk", &operator("", 1)).await.unwrap_err());
    violations(
        sync.list("l")
            .checked()
            .add(&operator("", 1))
            .await
            .unwrap_err(),
    );
    violations(
        sync.map("m")
            .checked()
            .set("k", &operator("", 1))
            .await
            .unwrap_err(),
    );
    violations(
        sync.stream("s")
            .checked()
            .publish(&operator("", 1))
            .await
            .unwrap_err(),
    );
    assert_eq!(operations(&emulator).len(), 0);

    let error = desks
        .mutate("desk", |operator| operator.level = 9)
        .await
        .unwrap_err();
    violations(error);
    let error = desks
        .merge("desk", &json!({"nonsense": 1}))
        .await
        .unwrap_err();
    violations(error);
    assert_eq!(desks.get("desk").await.unwrap().data, operator("Alice", 1));
    desks.merge("desk", &json!({"level": 2})).await.unwrap();
}

/// Data that the type reads is too deep for the check.
#[tokio::test]
async fn data_that_cannot_be_checked_is_not_taken_for_good() {
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Desk {
        #[schemars(length(max = 10))]
        name: String,
    }
    let (emulator, sync) = start().await;
    let data = json!({"name": "A name far too long", "x": 0});
    documents(&sync).create("desk", &data).await.unwrap();
    let fetch = [sync.service().as_str(), "desk"];
    let fetch = sync.api().operation(Operation::FetchDocument, fetch);
    let deep = format!("\"x\":{}{}", "[".repeat(200), "]".repeat(200));
    let body = fetch.await.unwrap().unwrap();
    let body = body.as_str().replace("\"x\":0", &deep);
    emulator.inject(Fault::status(200).body(body).times(2));
    let desks = sync.documents::<Desk>();
    desks.get("desk").await.unwrap();
    let error = desks.checked().get("desk").await.unwrap_err();
    assert!(error.to_string().contains("cannot be checked"), "{error}");
}

#[tokio::test]
async fn what_others_wrote_is_checked_when_it_is_read() {
    let (_emulator, sync) = start().await;
    documents(&sync)
        .create("desk", &json!({"name": "A name far too long", "level": 1}))
        .await
        .unwrap();
    let desks = sync.documents::<Operator>();
    // It decodes, and yet breaks what was agreed.
    assert!(desks.get("desk").await.is_ok());
    let (error, places) = violations(desks.clone().checked().get("desk").await.unwrap_err());
    assert_eq!(error.object, "document \"desk\"");
    assert_eq!(places, [("/name".to_owned(), json!("A name far too long"))]);
    // It can still be looked for, overwritten and removed.
    assert!(desks.checked().search("desk").await.unwrap().is_some());
    sync.documents()
        .checked()
        .update("desk", &operator("Bob", 1))
        .await
        .unwrap();

    sync.maps().create("map").await.unwrap();
    let raw = sync.map::<Value>("map");
    raw.set("a", &json!({"name": "Alice", "level": 1}))
        .await
        .unwrap();
    raw.set("b", &json!({"name": "Bob", "level": "two"}))
        .await
        .unwrap();
    let items: Vec<_> = sync
        .map::<Operator>("map")
        .checked()
        .items()
        .collect()
        .await;
    assert!(items[0].is_ok() && items.len() == 2);
    let (_, places) = violations(items.into_iter().nth(1).unwrap().unwrap_err());
    assert_eq!(places, [("/level".to_owned(), json!("two"))]);
}

#[tokio::test]
async fn no_way_of_writing_goes_past_it() {
    use futures_util::stream;

    let (emulator, sync) = start().await;
    let bad = json!({"name": "", "level": 1});
    for name in ["raw", "checked"] {
        sync.lists().create(name).await.unwrap();
        sync.maps().create(name).await.unwrap();
    }
    sync.list("raw").add(&bad).await.unwrap();
    sync.map("raw").set("k", &bad).await.unwrap();
    documents(&sync).create("raw", &bad).await.unwrap();
    let list = sync.list::<Operator>("checked").checked();
    let map = sync.map::<Operator>("checked").checked();
    let docs = sync.documents::<Operator>().checked();
    operations(&emulator);
    let lines = [json!({"key": "k", "data": bad}).to_string()];
    assert!(list.import(stream::iter(lines.clone())).await.is_err());
    assert!(map.import(stream::iter(lines)).await.is_err());
    assert!(map.set_many([("k", operator("", 1))]).await.is_err());
    assert!(list.add_many([operator("", 1)]).await.is_err());
    let bad_operator = operator("", 1);
    for error in [
        map.set("k", &bad_operator).await.unwrap_err(),
        map.set("k", &bad_operator)
            .unless_equal()
            .await
            .unwrap_err(),
        map.create("k", &bad_operator).await.unwrap_err(),
        map.update("k", &bad_operator).await.unwrap_err(),
        map.merge("k", &bad).await.unwrap_err(),
        docs.update_or_create("d", &bad_operator).await.unwrap_err(),
        docs.update_or_create("d", &bad_operator)
            .unless_equal()
            .await
            .unwrap_err(),
        docs.create("d", &bad_operator).await.unwrap_err(),
        docs.update("d", &bad_operator).await.unwrap_err(),
        docs.merge("d", &bad).await.unwrap_err(),
    ] {
        violations(error);
    }
    violations(
        docs.mutate("new", |_| ())
            .or_insert_with(|| operator("", 1))
            .await
            .unwrap_err(),
    );
    let asked = operations(&emulator);
    assert!(
        asked
            .iter()
            .all(|operation| operation == "FetchDocument" || operation == "FetchSyncMapItem"),
        "{asked:?}"
    );
    assert!(sync.list::<Value>("raw").copy_to(&list).await.is_err());
    assert!(sync.map::<Value>("raw").copy_to(&map).await.is_err());
    let line = documents(&sync).export("raw").await.unwrap();
    violations(docs.import(&line).await.unwrap_err());
    assert_eq!(list.items().count().await + map.items().count().await, 0);
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Contact {
    #[schemars(email)]
    mail: String,
}

#[tokio::test]
async fn formats_count() {
    let (_emulator, sync) = start().await;
    let contacts = sync.documents::<Contact>().checked();
    let contact = |mail: &str| Contact {
        mail: mail.to_owned(),
    };
    violations(
        contacts
            .create("bob", &contact("nowhere"))
            .await
            .unwrap_err(),
    );
    contacts
        .create("bob", &contact("bob@example.com"))
        .await
        .unwrap();
}

#[test]
fn the_schema_is_there_to_hand_out() {
    let schema = serde_json::to_value(contract_schema::<Operator>()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["name"]["maxLength"], 10);
}
