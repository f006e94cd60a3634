//! The data of Documents, items and messages.

use serde_json::json;

use super::expect;
use super::failure::Failure;
use super::fixture::Fixture;
use super::rule::rules;
use crate::api::{Call, Operation};
use crate::value::{Data, MAX_DATA_SIZE, MAX_MESSAGE_SIZE};

rules! { "data":
    /// Data comes back as it was written: text of all scripts, numbers, nulls, and objects and arrays in
    /// one another.
    #[rule(Documented)]
    async fn data_comes_back_as_it_was_written(fixture: &Fixture) {
        let data = json!({
            "": null, "text": "é 日本 😀 \" \\ \n \u{0}", "truth": [true, false],
            "numbers": [0, -1, 1.5, 9_007_199_254_740_991_i64, -1e-7],
            "deep": {"object": {"list": [[], {}, [{"a": []}]]}},
        });
        let docs = fixture.sync.documents();
        let name = fixture.document("document");
        expect::equal(
            "the data of a creation",
            &docs.create(&name, &data).await?.data,
            &data,
        )?;
        expect::equal("the data that is read", &docs.get(&name).await?.data, &data)?;
    }

    /// The text of numbers comes back as it was written, whatever their size and precision.
    #[rule(Inferred)]
    async fn numbers_keep_their_text(fixture: &Fixture) {
        let text = r#"{"n":[12345678901234567890123,0.1000,1.0]}"#;
        let name = fixture.document("document");
        let form = [("UniqueName", name.as_str()), ("Data", text)];
        fixture
            .call(Operation::CreateDocument, &[])
            .with_form(&form)
            .await?;
        let found = fixture.sync.documents::<Data>().get(&name).await?.data;
        expect::equal("the data", found.as_str(), text)?;
    }

    /// A Document that is created without data has the data `{}`.
    #[rule(Documented)]
    async fn the_data_of_a_document_is_optional(fixture: &Fixture) {
        let name = fixture.document("document");
        let create = fixture.call(Operation::CreateDocument, &[]);
        let created = fixture
            .body(create.with_form(&[("UniqueName", &name)]))
            .await?;
        expect::equal("the data", &created["data"], &json!({}))?;
    }

    /// An item or message needs data: else 400, code 54156, 54206 or 54251.
    #[rule(Inferred)]
    async fn the_data_of_an_item_is_required(fixture: &Fixture) {
        for place in &places(fixture).await?[1..] {
            let written = place.write(fixture, None).await;
            expect::error("a write without data", written, 400, place.code)?;
        }
    }

    /// Text that is not JSON is rejected: 400, code 54008.
    #[rule(Documented)]
    async fn text_that_is_not_json_is_rejected(fixture: &Fixture) {
        for place in places(fixture).await? {
            for text in ["{no json", "{'n': 1}", "{\"n\": 1}}"] {
                expect::error(text, place.write(fixture, Some(text)).await, 400, 54008)?;
            }
        }
    }

    /// Data that is not an object is rejected: 400, code 54008.
    #[rule(Documented)]
    async fn data_is_an_object(fixture: &Fixture) {
        for place in places(fixture).await? {
            for text in ["[1]", "\"text\"", "1"] {
                expect::error(text, place.write(fixture, Some(text)).await, 400, 54008)?;
            }
        }
    }

    /// Data that is null is rejected: 400, code 54101, 54156, 54206 or 54251.
    #[rule(Inferred)]
    async fn data_is_not_null(fixture: &Fixture) {
        for place in places(fixture).await? {
            let written = place.write(fixture, Some("null")).await;
            expect::error("data that is null", written, 400, place.code)?;
        }
    }

    /// The data of a Document or item may have 16 KiB of JSON text, and no more: else 413, code 54006.
    #[rule(Documented)]
    async fn data_has_16_kib_at_most(fixture: &Fixture) {
        let (largest, larger) = (sized(MAX_DATA_SIZE), sized(MAX_DATA_SIZE + 1));
        for place in &places(fixture).await?[..3] {
            let written = place.write(fixture, Some(&larger)).await;
            expect::error("16385 bytes", written, 413, 54006)?;
            place.write(fixture, Some(&largest)).await?;
        }
    }

    /// A message may have 4 KiB of JSON text, and no more: else 413, code 54006.
    #[rule(Documented)]
    async fn a_message_has_4_kib_at_most(fixture: &Fixture) {
        let (largest, larger) = (sized(MAX_MESSAGE_SIZE), sized(MAX_MESSAGE_SIZE + 1));
        let [.., stream] = places(fixture).await?;
        let written = stream.write(fixture, Some(&larger)).await;
        expect::error("4097 bytes", written, 413, 54006)?;
        stream.write(fixture, Some(&largest)).await?;
    }
}

/// An object that data can be written to, or to a new item or message in it.
struct Place {
    object: String,
    operation: Operation,
    /// The code of data that is missing or null.
    code: i64,
}

impl Place {
    fn write(&self, fixture: &Fixture<'_>, data: Option<&str>) -> Call<Option<Data>> {
        let key = (self.operation == Operation::CreateSyncMapItem).then_some(("Key", "key"));
        let data = data.map(|data| ("Data", data));
        let form: Vec<_> = key.into_iter().chain(data).collect();
        let call = fixture.call(self.operation, &[&self.object]);
        call.with_form(&form)
    }
}

/// A new Document, List, Map and Message Stream.
async fn places(fixture: &Fixture<'_>) -> Result<[Place; 4], Failure> {
    let document = fixture.new_document(&json!({})).await?;
    let (list, _) = fixture.new_list(0).await?;
    let (map, _) = fixture.new_map(&[]).await?;
    let stream = fixture.stream("stream");
    fixture.sync.streams().create(&stream).await?;
    let place = |object, operation, code| Place {
        object,
        operation,
        code,
    };
    Ok([
        place(document, Operation::UpdateDocument, 54101),
        place(list, Operation::CreateSyncListItem, 54156),
        place(map, Operation::CreateSyncMapItem, 54206),
        place(stream, Operation::CreateStreamMessage, 54251),
    ])
}

/// JSON text of a size in bytes.
fn sized(size: usize) -> String {
    format!("{{\"x\":\"{}\"}}", "y".repeat(size - 8))
}
