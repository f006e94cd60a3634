//! Documents: revisions, updates and removals.

use serde_json::{Value, json};

use super::expect;
use super::fixture::Fixture;
use super::rule::rules;
use crate::api::Operation;
use crate::value::Revision;

rules! { "documents":
    /// An update replaces the data. Nothing is merged.
    #[rule(Documented)]
    async fn an_update_replaces_the_data(fixture: &Fixture) {
        let name = fixture
            .new_document(&json!({"a": 1, "b": {"c": 1}}))
            .await?;
        let (docs, data) = (fixture.sync.documents::<Value>(), json!({"b": {"d": 2}}));
        expect::equal(
            "the data of the update",
            &docs.update(&name, &data).await?.data,
            &data,
        )?;
        expect::equal("the data that is read", &docs.get(&name).await?.data, &data)?;
    }

    /// The revision of a new Document is `0`. Each write of data adds one.
    #[rule(Documented)]
    async fn each_write_adds_one_to_the_revision(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({})).await?;
        expect::equal(
            "the revision of a new Document",
            created.revision.as_str(),
            "0",
        )?;
        for revision in ["1", "2"] {
            let updated = docs.update(&name, &json!({"n": 1})).await?;
            expect::equal(
                "the revision after an update",
                updated.revision.as_str(),
                revision,
            )?;
            let found = docs.get(&name).await?.revision;
            expect::equal("the revision that is read", found.as_str(), revision)?;
        }
    }

    /// Revisions are lower-case hexadecimal numbers: `a` follows `9`.
    #[rule(Documented)]
    async fn revisions_are_hexadecimal(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let docs = fixture.sync.documents();
        for n in 1..10 {
            docs.update(&name, &json!({"n": n})).await?;
        }
        let updated = docs.update(&name, &json!({"n": 10})).await?;
        expect::equal(
            "the revision after ten updates",
            updated.revision.as_str(),
            "a",
        )?;
    }

    /// An update with `If-Match` writes if the Document has that revision.
    #[rule(Documented)]
    async fn an_update_with_the_revision_is_made(fixture: &Fixture) {
        let name = fixture.new_document(&json!({"n": 0})).await?;
        let docs = fixture.sync.documents();
        let updated = docs.update(&name, &json!({"n": 1})).if_match("0").await?;
        expect::equal("the data", updated.data, json!({"n": 1}))?;
        expect::equal("the revision", updated.revision.as_str(), "1")?;
    }

    /// An update with `If-Match` changes nothing if the Document has another revision: 412, code 54103.
    #[rule(Documented)]
    async fn an_update_with_another_revision_is_rejected(fixture: &Fixture) {
        let name = fixture.new_document(&json!({"n": 0})).await?;
        let docs = fixture.sync.documents();
        docs.update(&name, &json!({"n": 1})).await?;
        for revision in ["0", "2"] {
            let updated = docs
                .update(&name, &json!({"n": 2}))
                .if_match(revision)
                .await;
            expect::error("an update of another revision", updated, 412, 54103)?;
        }
        let found = docs.get(&name).await?;
        expect::equal("the data", found.data, json!({"n": 1}))?;
        expect::equal("the revision", found.revision.as_str(), "1")?;
    }

    /// Without `If-Match` the last write wins.
    #[rule(Documented)]
    async fn the_last_write_wins(fixture: &Fixture) {
        let name = fixture.new_document(&json!({"n": 0})).await?;
        let docs = fixture.sync.documents();
        docs.update(&name, &json!({"by": "one"})).await?;
        docs.update(&name, &json!({"by": "other"})).await?;
        expect::equal(
            "the data",
            docs.get(&name).await?.data,
            json!({"by": "other"}),
        )?;
    }

    /// If several updates at the same time have the same revision in `If-Match`, one of them is made.
    #[rule(Documented)]
    async fn one_of_several_updates_of_a_revision_is_made(fixture: &Fixture) {
        let name = fixture.new_document(&json!({"n": 0})).await?;
        let docs = fixture.sync.documents();
        let calls = (1..=5).map(|n| {
            let update = docs.update(&name, &json!({"n": n})).if_match("0");
            update.into_future()
        });
        let mut made = Vec::new();
        for updated in futures_util::future::join_all(calls).await {
            match updated {
                Ok(updated) => made.push(updated.data),
                failed => {
                    expect::error("another update", failed, 412, 54103)?;
                }
            }
        }
        expect::equal("the number of updates that were made", made.len(), 1)?;
        expect::equal("the data", Some(&docs.get(&name).await?.data), made.first())?;
    }

    /// An `If-Match` that is no revision is rejected: 400, code 54003.
    #[rule(Inferred)]
    async fn if_match_is_a_revision(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let update = fixture.call(Operation::UpdateDocument, &[&name]);
        let update = update.with_if_match(Some(&Revision::new("xyz")));
        let updated = update.with_form(&[("Data", "{}")]).await;
        expect::error("an update with If-Match: xyz", updated, 400, 54003)?;
    }

    /// An update with neither data nor a time to live is rejected: 400, code 54010.
    #[rule(Inferred)]
    async fn an_update_has_a_parameter(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let update = fixture.call(Operation::UpdateDocument, &[&name]);
        let updated = update.with_form(&[("", ""); 0]).await;
        expect::error("an update with nothing", updated, 400, 54010)?;
    }

    /// A Document that is not there cannot be read, updated or removed: 404, code 20404. An update does
    /// not create it.
    #[rule(Documented)]
    async fn a_missing_document_is_not_found(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        expect::not_found("a read", docs.get(&name).await)?;
        expect::not_found("an update", docs.update(&name, &json!({})).await)?;
        expect::not_found("a removal", docs.remove(&name).await)?;
        expect::not_found("a read after the update", docs.get(&name).await)?;
    }

    /// A removed Document is not found, neither by its name nor by its SID.
    #[rule(Documented)]
    async fn a_removed_document_is_not_found(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({})).await?;
        docs.remove(&created.sid).await?;
        expect::not_found("a read by name", docs.get(&name).await)?;
        expect::not_found("a read by SID", docs.get(&created.sid).await)?;
        expect::not_found("a second removal", docs.remove(&created.sid).await)?;
    }

    /// An update moves `date_updated`, and leaves `date_created`.
    #[rule(Documented, Time)]
    async fn an_update_moves_the_date(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({"n": 0})).await?;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let updated = docs.update(&name, &json!({"n": 1})).await?;
        let is_later = updated.date_updated > created.date_updated;
        expect::holds(
            "date_updated",
            is_later,
            "a later date",
            &updated.date_updated,
        )?;
        expect::equal("date_created", updated.date_created, created.date_created)?;
    }
}
