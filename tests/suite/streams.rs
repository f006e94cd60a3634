//! The helpers for Message Streams.

use std::time::Duration;

use serde_json::{Value, json};
use twilio_sync::Ttl;
use twilio_sync::call::Outcome;

use crate::{operations, start};

#[tokio::test]
async fn create_publish_remove() {
    let (emulator, sync) = start().await;
    let streams = sync.streams();
    assert_eq!(streams.search("events").await.unwrap(), None);
    let stream = streams
        .create("events")
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    assert!(stream.date_expires.is_some());
    assert_eq!(
        streams.ensure("events").await.unwrap().outcome,
        Outcome::Unchanged
    );
    assert_eq!(
        streams
            .set_ttl("events", Ttl::NEVER)
            .await
            .unwrap()
            .date_expires,
        None
    );
    operations(&emulator);

    let events = sync.stream::<Value>("events");
    let sid = events.publish(&json!({"call": "answered"})).await.unwrap();
    assert!(sid.as_str().starts_with("TZ"));
    let request = emulator.requests().pop().unwrap();
    assert_eq!(
        request.form(),
        [("Data".to_owned(), r#"{"call":"answered"}"#.to_owned())]
    );
    sync.stream::<Value>(&stream.sid)
        .publish(&json!({}))
        .await
        .unwrap();
    assert_eq!(
        operations(&emulator),
        ["CreateStreamMessage", "CreateStreamMessage"]
    );

    streams.remove("events").await.unwrap();
    assert!(events.publish(&json!({})).await.unwrap_err().is_not_found());
}
