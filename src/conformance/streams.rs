//! Message Streams.

use serde_json::{Value, json};

use super::expect;
use super::fixture::Fixture;
use super::rule::rules;
use crate::api::Operation;

rules! { "streams":
    /// The response to a message has its SID, `TZ` and 32 hexadecimal digits, and its data.
    #[rule(Documented)]
    async fn a_message_has_a_sid(fixture: &Fixture) {
        let name = fixture.stream("stream");
        fixture.sync.streams().create(&name).await?;
        let publish = || fixture.call(Operation::CreateStreamMessage, &[&name]);
        let first = fixture
            .body(publish().with_form(&[("Data", r#"{"n":1}"#)]))
            .await?;
        expect::equal("the data", &first["data"], &json!({"n": 1}))?;
        let sid = first["sid"].as_str().unwrap_or_default();
        let is_sid = sid.starts_with("TZ") && sid.len() == 34;
        expect::holds(
            "the SID",
            is_sid,
            "TZ and 32 hexadecimal digits",
            &first["sid"],
        )?;
        let second = fixture
            .body(publish().with_form(&[("Data", r#"{"n":1}"#)]))
            .await?;
        let is_other = second["sid"] != first["sid"];
        expect::holds(
            "the SID of a second message",
            is_other,
            "another one",
            &second["sid"],
        )?;
    }

    /// A Message Stream takes messages by its SID too.
    #[rule(Documented)]
    async fn a_message_is_published_by_sid(fixture: &Fixture) {
        let name = fixture.stream("stream");
        let stream = fixture.sync.streams().create(&name).await?;
        fixture
            .sync
            .stream(&stream.sid)
            .publish(&json!({"n": 1}))
            .await?;
    }

    /// A Message Stream that is not there, or was removed, takes no messages: 404, code 20404.
    #[rule(Inferred)]
    async fn a_missing_stream_is_not_found(fixture: &Fixture) {
        let (streams, name) = (fixture.sync.streams(), fixture.stream("stream"));
        let stream = fixture.sync.stream::<Value>(&name);
        expect::not_found("the Message Stream", streams.get(&name).await)?;
        expect::not_found("a message", stream.publish(&json!({})).await)?;
        streams.create(&name).await?;
        stream.publish(&json!({})).await?;
        streams.remove(&name).await?;
        expect::not_found(
            "a message after the removal",
            stream.publish(&json!({})).await,
        )?;
    }
}
