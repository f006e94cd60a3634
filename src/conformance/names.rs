//! Unique names and SIDs.

use serde_json::{Value, json};

use super::expect;
use super::fixture::{Fixture, KINDS};
use super::rule::rules;
use crate::api::Operation;
use crate::value::MAX_NAME_LENGTH;

rules! { "names":
    /// A unique name is unique among the objects of its kind in a Service: else 409, code 54301.
    #[rule(Documented)]
    async fn a_name_is_unique_within_its_kind(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "same");
            let create = || fixture.create(kind, &name);
            create().await?;
            let subject = format!("a second {}", kind.create);
            expect::error(&subject, create().await, 409, 54301)?;
        }
    }

    /// Objects of different kinds may have the same unique name.
    #[rule(Inferred)]
    async fn kinds_share_names(fixture: &Fixture) {
        let mut sids = Vec::new();
        for kind in &KINDS {
            let name = fixture.object(kind, "same");
            let create = fixture.create(kind, &name);
            sids.push(fixture.body(create).await?["sid"].clone());
        }
        for (kind, sid) in KINDS.iter().zip(sids) {
            let read = fixture.call(kind.fetch, &[&fixture.name("same")]);
            expect::equal(
                "the SID by the shared name",
                &fixture.body(read).await?["sid"],
                &sid,
            )?;
        }
    }

    /// Every call takes the unique name of an object or its SID.
    #[rule(Documented)]
    async fn an_object_is_found_by_name_and_by_sid(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "object");
            let created = fixture.body(fixture.create(kind, &name)).await?;
            let sid = created["sid"].as_str().unwrap_or_default();
            for reference in [name.as_str(), sid] {
                let found = fixture.body(fixture.call(kind.fetch, &[reference])).await?;
                expect::equal("the object that was created", &found, &created)?;
            }
        }
    }

    /// An object may be created without a unique name. Its `unique_name` is null.
    #[rule(Documented)]
    async fn a_name_is_optional(fixture: &Fixture) {
        for kind in &KINDS {
            let created = fixture.body(fixture.call(kind.create, &[])).await?;
            let sid = created["sid"].as_str().unwrap_or_default();
            fixture.remove_at_end(kind.delete, sid);
            expect::equal("the unique name", &created["unique_name"], &Value::Null)?;
            let found = fixture.body(fixture.call(kind.fetch, &[sid])).await?;
            expect::equal("the object by its SID", &found, &created)?;
        }
    }

    /// A SID is two letters, which stand for the kind, and 32 lower-case hexadecimal digits.
    #[rule(Documented)]
    async fn a_sid_begins_with_the_letters_of_its_kind(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "object");
            let created = fixture.body(fixture.create(kind, &name)).await?;
            let members = [
                ("sid", kind.prefix),
                ("service_sid", "IS"),
                ("account_sid", "AC"),
            ];
            for (member, prefix) in members {
                let expected = format!("{prefix} and 32 lower-case hexadecimal digits");
                let sid = created[member].as_str().unwrap_or_default();
                expect::holds(member, is_sid(prefix, sid), &expected, &created[member])?;
            }
        }
    }

    /// A unique name may have 320 characters, and no more: else 400, code 54302.
    #[rule(Documented)]
    async fn a_name_has_320_characters_at_most(fixture: &Fixture) {
        let start = fixture.name("");
        let name = start.clone() + &"x".repeat(MAX_NAME_LENGTH - start.len());
        fixture.remove_at_end(Operation::DeleteDocument, &name);
        let create = |name: &str| {
            let call = fixture.call(Operation::CreateDocument, &[]);
            call.with_form(&[("UniqueName", name)])
        };
        let created = fixture.body(create(&name)).await?;
        expect::equal("the unique name", &created["unique_name"], &json!(name))?;
        let longer = create(&format!("{name}x")).await;
        expect::error("a name of 321 characters", longer, 400, 54302)?;
    }

    /// A unique name is not empty: else 400, code 54302.
    #[rule(Documented)]
    async fn a_name_is_not_empty(fixture: &Fixture) {
        let call = fixture.call(Operation::CreateDocument, &[]);
        let created = call.with_form(&[("UniqueName", "")]).await;
        expect::error("an empty name", created, 400, 54302)?;
    }

    /// A unique name does not have the form of a SID: else 400, code 54302.
    #[rule(Documented)]
    async fn a_name_is_not_like_a_sid(fixture: &Fixture) {
        let name = format!("ZZ{:032x}", fastrand::u128(..));
        fixture.remove_at_end(Operation::DeleteDocument, &name);
        let call = fixture.call(Operation::CreateDocument, &[]);
        let created = call.with_form(&[("UniqueName", &name)]).await;
        expect::error("a name like a SID", created, 400, 54302)?;
    }

    /// Upper and lower case are different in a unique name.
    #[rule(Inferred)]
    async fn a_name_has_upper_and_lower_case(fixture: &Fixture) {
        let (docs, lower) = (fixture.sync.documents(), fixture.document("desk"));
        docs.create(&lower, &json!({})).await?;
        let upper = fixture.document("DESK");
        expect::not_found("the name in upper case", docs.get(&upper).await)?;
        let created = docs.create(&upper, &json!({})).await?;
        expect::equal("the unique name", created.unique_name, Some(upper))?;
    }

    /// A unique name may have any characters, percent-encoded in a path: letters of all scripts, spaces
    /// and signs.
    #[rule(Inferred)]
    async fn a_name_has_any_characters(fixture: &Fixture) {
        let docs = fixture.sync.documents::<Value>();
        for label in ["é 日本 😀", "a?b#c&d=e%20+;:@'\"<>"] {
            let name = fixture.document(label);
            let created = docs.create(&name, &json!({})).await?;
            expect::equal("the unique name", created.unique_name.as_ref(), Some(&name))?;
            expect::equal("the Document by its name", docs.get(&name).await?, created)?;
        }
    }

    /// A unique name may have a slash, which is `%2F` in a path.
    #[rule(Inferred)]
    async fn a_name_has_slashes(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("desk/7"));
        let created = docs.create(&name, &json!({})).await?;
        expect::equal("the Document by its name", docs.get(&name).await?, created)?;
    }

    /// A removed object leaves its unique name free, for another object with a SID of its own.
    #[rule(Inferred)]
    async fn a_removed_object_leaves_its_name_free(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("desk"));
        let first = docs.create(&name, &json!({"n": 0})).await?;
        docs.update(&name, &json!({"n": 1})).await?;
        docs.remove(&name).await?;
        let second = docs.create(&name, &json!({})).await?;
        expect::holds(
            "the SID",
            second.sid != first.sid,
            "another one",
            &second.sid,
        )?;
        expect::equal("the revision", second.revision.as_str(), "0")?;
        expect::not_found("the removed Document", docs.get(&first.sid).await)?;
    }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default().as_bytes();
    digits.len() == 32
        && digits
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
