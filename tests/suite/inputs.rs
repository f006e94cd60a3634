//! Bad input: refused with the limit and the value, and nothing is sent.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::export::Contents;
use twilio_sync::value::{Data, DocumentSid};
use twilio_sync::{Emulator, Error};

use crate::{client_builder, documents, start};

/// Checks that a call is refused with a text, and counts it.
macro_rules! refused {
    ($emulator:ident, $call:expr, $text:expr) => {
        let error: Error = $call.await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Input(_)), "{error:?}");
        assert_eq!(error.to_string(), $text);
        assert_eq!($emulator.requests().len(), 0, "a request was sent");
    };
}

#[tokio::test]
async fn names() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let map = sync.map::<Value>("m");
    let long = "x".repeat(321);
    let empty = "the unique name is empty; give it 1 to 320 characters";
    refused!(emulator, docs.get(""), empty);
    refused!(emulator, docs.search(""), empty);
    refused!(emulator, docs.remove(""), empty);
    refused!(emulator, docs.create("", &json!({})), empty);
    refused!(emulator, docs.mutate("", |_| ()), empty);
    refused!(emulator, sync.lists().ensure(""), empty);
    refused!(emulator, sync.list::<Value>("").add(&json!({})), empty);
    refused!(
        emulator,
        sync.list::<Value>("").items().try_collect::<Vec<_>>(),
        empty
    );
    refused!(emulator, sync.stream("").publish(&json!({})), empty);
    refused!(
        emulator,
        docs.get(long.clone()),
        format!(
            "the unique name has 321 characters, at most 320 are allowed: \"{}…\"",
            "x".repeat(40)
        )
    );
    refused!(
        emulator,
        map.set(long.clone(), &json!({})),
        format!(
            "the item key has 321 characters, at most 320 are allowed: \"{}…\"",
            "x".repeat(40)
        )
    );
    refused!(
        emulator,
        docs.remove(".."),
        "the unique name \"..\" cannot be sent: as a segment of a URL path it addresses another \
         resource; choose another name"
    );
    refused!(
        emulator,
        map.remove("."),
        "the item key \".\" cannot be sent: as a segment of a URL path it addresses another \
         resource; choose another name"
    );
    refused!(
        emulator,
        docs.get("ET0123456789abcdef0123456789abcdef"),
        "the unique name \"ET0123456789abcdef0123456789abcdef\" is shaped like a SID, which no \
         unique name may be; to address an object by its SID, pass the SID as its type, such as \
         `DocumentSid`"
    );
    refused!(
        emulator,
        sync.list::<Value>("l").get(-1),
        "the list index -1 is negative; indexes begin at 0"
    );
}

#[tokio::test]
async fn sizes() {
    let (emulator, sync) = start().await;
    // `{"x":""}` takes 8 bytes.
    let data = |bytes: usize| json!({"x": "y".repeat(bytes - 8)});
    let text = "the data takes 16385 bytes as JSON, at most 16384 are allowed";
    refused!(emulator, documents(&sync).create("d", &data(16_385)), text);
    refused!(emulator, documents(&sync).update("d", &data(16_385)), text);
    refused!(
        emulator,
        documents(&sync).update_or_create("d", &data(16_385)),
        text
    );
    refused!(emulator, sync.list("l").add(&data(16_385)), text);
    refused!(emulator, sync.map("m").set("k", &data(16_385)), text);
    let text = "the message takes 4097 bytes as JSON, at most 4096 are allowed";
    refused!(emulator, sync.stream("s").publish(&data(4_097)), text);

    documents(&sync).create("d", &data(16_384)).await.unwrap();
    sync.streams().create("s").await.unwrap();
    sync.stream("s").publish(&data(4_096)).await.unwrap();
    // The limit holds for what a `mutate` makes, too.
    let error = documents(&sync)
        .mutate("d", move |d| *d = data(16_385))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
}

#[tokio::test]
async fn times_to_live_and_page_sizes() {
    let (emulator, sync) = start().await;
    let text = "the time to live is 31536001 seconds, 0 (never) to 31536000 are allowed";
    let long = Duration::from_secs(31_536_001);
    refused!(
        emulator,
        documents(&sync).create("d", &json!({})).ttl(long),
        text
    );
    refused!(emulator, documents(&sync).set_ttl("d", long), text);
    refused!(emulator, sync.lists().create("l").ttl(long), text);
    refused!(
        emulator,
        sync.list("l").add(&json!({})).collection_ttl(long),
        text
    );
    for size in [0, 101] {
        refused!(
            emulator,
            documents(&sync)
                .all()
                .page_size(size)
                .try_collect::<Vec<_>>(),
            format!("the page size is {size}, 1 to 100 are allowed")
        );
    }
}

#[tokio::test]
async fn sids_of_the_wrong_kind() {
    let text = "\"ES0123456789abcdef0123456789abcdef\" is not the SID of a Document, which is `ET` \
                and 32 hexadecimal digits";
    let error = DocumentSid::new("ES0123456789abcdef0123456789abcdef").unwrap_err();
    assert_eq!(error.to_string(), text);
    let emulator = Emulator::start().await.unwrap();
    let error = client_builder(&emulator)
        .service("ET0123")
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the service is not usable: \"ET0123\" is not the SID of a Service, which is `IS` and 32 \
         hexadecimal digits"
    );
}

#[tokio::test]
async fn data_that_is_no_json() {
    let (emulator, sync) = start().await;
    let data: std::collections::HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
    let log = sync.stream("s");
    refused!(
        emulator,
        log.publish(&data),
        "the message cannot be written as JSON: key must be a string"
    );
}

#[tokio::test]
async fn data_that_is_no_object() {
    let (emulator, sync) = start().await;
    let text = |what, found| {
        format!(
            "the {what} is {found}, and the service takes only JSON objects; put it in a member of \
             one, as in {{\"value\": …}}"
        )
    };
    let docs = documents(&sync);
    let array = json!([1]);
    refused!(emulator, docs.create("d", &array), text("data", "an array"));
    refused!(emulator, docs.update("d", &array), text("data", "an array"));
    refused!(
        emulator,
        docs.update_or_create("d", &array),
        text("data", "an array")
    );
    refused!(emulator, docs.merge("d", &array), text("data", "an array"));
    refused!(
        emulator,
        sync.documents::<String>().create("d", &"x".to_owned()),
        text("data", "a text")
    );
    refused!(emulator, sync.list("l").add(&1), text("data", "a number"));
    refused!(
        emulator,
        sync.list("l").update(0, &-1),
        text("data", "a number")
    );
    refused!(emulator, sync.map("m").set("k", &()), text("data", "null"));
    refused!(
        emulator,
        sync.map("m").create("k", &None::<u8>),
        text("data", "null")
    );
    refused!(
        emulator,
        sync.map::<Value>("m").merge("k", &true),
        text("data", "a boolean")
    );
    refused!(
        emulator,
        sync.stream("s").publish(&[1]),
        text("message", "an array")
    );

    docs.create("d", &json!({})).await.unwrap();
    let error = docs.mutate("d", |d| *d = json!([1])).await.unwrap_err();
    assert_eq!(error.to_string(), text("data", "an array"));
    assert_eq!(docs.get("d").await.unwrap().data, json!({}));
}

#[tokio::test]
async fn data_counts_in_its_shortest_form() {
    let (_emulator, sync) = start().await;
    let escaped = format!("{{ \"x\": \"{}\" }}", "\\u00e9".repeat(3_000));
    assert!(escaped.len() > 16_384);
    let data = Data::from_json(escaped).unwrap();
    let written = sync.documents::<Data>().create("d", &data).await.unwrap();
    assert!(written.data.is_same_json(&data));
}

#[tokio::test]
async fn revisions_that_are_no_header() {
    let (emulator, sync) = start().await;
    let error = documents(&sync)
        .update("d", &json!({}))
        .if_match("1\r\nX: y")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert_eq!(emulator.requests().len(), 0);
}

/// The service writes SIDs in lower case, and takes the same in capitals for a unique name.
#[tokio::test]
async fn a_name_with_the_shape_of_a_sid_in_capitals_is_a_name() {
    let (_emulator, sync) = start().await;
    let name = format!("ET{}", "ABCDEF00".repeat(4));
    let docs = documents(&sync);
    docs.create(&name, &json!({"n": 1})).await.unwrap();
    let entry = docs.export(&name).await.unwrap();
    assert_eq!(entry.unique_name.as_ref(), Some(&name));
    docs.remove(&name).await.unwrap();
    let contents = Contents::read(format!("{entry}\n").as_bytes()).unwrap();
    let imported = contents.import(&sync).await.unwrap();
    assert_eq!(
        (imported.unnamed, docs.get(&name).await.unwrap().data),
        (0, json!({"n": 1}))
    );
}
