//! Times to live.

use std::time::Duration;

use serde_json::{Value, json};

use super::expect;
use super::failure::Failure;
use super::fixture::{Fixture, KINDS, collect};
use super::rule::rules;
use crate::api::{Call, Operation};
use crate::value::Ttl;

/// How long an expired object may still be there: the real service promises no moment.
const LAG: Duration = Duration::from_secs(60);

const TEN_MINUTES: Ttl = Ttl::from_secs(600);

rules! { "expiry":
    /// Without a time to live an object or item never expires: `date_expires` is null.
    #[rule(Documented)]
    async fn nothing_expires_by_itself(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "object");
            let created = fixture.body(fixture.create(kind, &name)).await?;
            expect::equal("date_expires", &created["date_expires"], &Value::Null)?;
        }
        let (_, list) = fixture.new_list(1).await?;
        expect::equal(
            "date_expires of an item",
            list.get(0).await?.date_expires,
            None,
        )?;
    }

    /// `date_expires` is the time of the write and the time to live, to the second.
    #[rule(Documented)]
    async fn a_ttl_counts_from_the_write(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({})).ttl(TEN_MINUTES).await?;
        let expected = created.date_created + TEN_MINUTES.as_duration();
        expect::equal(
            "date_expires of a Document",
            created.date_expires,
            Some(expected),
        )?;
        let (_, list) = fixture.new_list(0).await?;
        let item = list.add(&json!({})).ttl(TEN_MINUTES).await?;
        let expected = item.date_created + TEN_MINUTES.as_duration();
        expect::equal("date_expires of an item", item.date_expires, Some(expected))?;
    }

    /// A later write of data without a time to live leaves `date_expires` as it is.
    #[rule(Documented)]
    async fn a_write_of_data_leaves_the_expiry(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({})).ttl(TEN_MINUTES).await?;
        let updated = docs.update(&name, &json!({"n": 1})).await?;
        expect::equal(
            "date_expires of a Document",
            updated.date_expires,
            created.date_expires,
        )?;
        let (_, map) = fixture.new_map(&[]).await?;
        let created = map.create("key", &json!({})).ttl(TEN_MINUTES).await?;
        let updated = map.update("key", &json!({"n": 1})).await?;
        expect::equal(
            "date_expires of an item",
            updated.date_expires,
            created.date_expires,
        )?;
    }

    /// A time to live of 0 means never: it clears `date_expires`.
    #[rule(Documented)]
    async fn a_ttl_of_0_clears_the_expiry(fixture: &Fixture) {
        let (docs, name) = (
            fixture.sync.documents::<Value>(),
            fixture.document("document"),
        );
        docs.create(&name, &json!({})).ttl(TEN_MINUTES).await?;
        docs.set_ttl(&name, Ttl::NEVER).await?;
        expect::equal("date_expires", docs.get(&name).await?.date_expires, None)?;
    }

    /// A time to live alone leaves the data and the revision as they are.
    #[rule(Inferred)]
    async fn a_ttl_alone_leaves_the_revision(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({"n": 0})).await?;
        let updated = docs.set_ttl(&name, TEN_MINUTES).await?;
        expect::equal("the data", updated.data, created.data)?;
        expect::equal("the revision", updated.revision, created.revision)?;
        let is_set = updated.date_expires.is_some();
        expect::holds("date_expires", is_set, "a date", &updated.date_expires)?;
    }

    /// A time to live is at most one year, a whole number, and not below 0: else 400, code 54011.
    #[rule(Inferred)]
    async fn a_ttl_is_one_year_at_most(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        docs.create(&name, &json!({})).ttl(Ttl::MAX).await?;
        for ttl in ["31536001", "-1", "1.5", "soon"] {
            let update = fixture.call(Operation::UpdateDocument, &[&name]);
            let updated = update.with_form(&[("Ttl", ttl)]).await;
            expect::error(&format!("Ttl={ttl}"), updated, 400, 54011)?;
        }
    }

    /// `CollectionTtl` with an item sets the expiry of its List or Map, and not that of the item.
    #[rule(Documented)]
    async fn a_collection_ttl_is_of_the_collection(fixture: &Fixture) {
        let (name, list) = fixture.new_list(0).await?;
        let item = list.add(&json!({})).collection_ttl(TEN_MINUTES).await?;
        expect::equal("date_expires of the item", item.date_expires, None)?;
        let expires = fixture.sync.lists().get(&name).await?.date_expires;
        expect::equal(
            "date_expires of the List",
            expires,
            Some(item.date_created + TEN_MINUTES.as_duration()),
        )?;
    }

    /// `Ttl` is another name of `CollectionTtl` for a List or Map, and is ignored beside it.
    #[rule(Documented)]
    async fn a_collection_ttl_goes_before_a_ttl(fixture: &Fixture) {
        let name = fixture.list("list");
        let form = [
            ("UniqueName", name.as_str()),
            ("Ttl", "60"),
            ("CollectionTtl", "600"),
        ];
        fixture
            .call(Operation::CreateSyncList, &[])
            .with_form(&form)
            .await?;
        let created = fixture.sync.lists().get(&name).await?;
        let expected = created.date_created + TEN_MINUTES.as_duration();
        expect::equal(
            "date_expires with both",
            created.date_expires,
            Some(expected),
        )?;
        let name = fixture.map("map");
        let form = [("UniqueName", name.as_str()), ("Ttl", "600")];
        fixture
            .call(Operation::CreateSyncMap, &[])
            .with_form(&form)
            .await?;
        let created = fixture.sync.maps().get(&name).await?;
        let expected = created.date_created + TEN_MINUTES.as_duration();
        expect::equal(
            "date_expires with Ttl",
            created.date_expires,
            Some(expected),
        )?;
    }

    /// An object is not found after its expiry, nor is it listed. A List or Map takes its items with
    /// it.
    #[rule(Documented, Time)]
    async fn an_expired_object_is_not_found(fixture: &Fixture) {
        let ttl = Ttl::from_secs(2);
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        docs.create(&name, &json!({})).ttl(ttl).await?;
        let (list_name, list) = fixture.new_list(1).await?;
        fixture.sync.lists().set_ttl(&list_name, ttl).await?;
        expires("the Document", || docs.find(&name)).await?;
        expires("the item", || list.find(0)).await?;
        expect::not_found("the List", fixture.sync.lists().get(&list_name).await)?;
        let listed = collect(docs.all_with_prefix(&name), |document| document.unique_name).await?;
        expect::equal("the Documents of that name", listed, [None; 0])?;
        docs.create(&name, &json!({})).await?;
    }

    /// An expired item is not found and not listed. Its List stays.
    #[rule(Documented, Time)]
    async fn an_expired_item_is_not_found(fixture: &Fixture) {
        let (_, list) = fixture.new_list(1).await?;
        let index = list.add(&json!({})).ttl(Ttl::from_secs(2)).await?.index;
        expires("the item", || list.find(index)).await?;
        expect::equal(
            "the indexes",
            collect(list.items(), |item| item.index).await?,
            [0],
        )?;
    }
}

/// Waits until an object or item has expired.
async fn expires<T>(
    subject: &str,
    find: impl Fn() -> Call<Option<T>> + Send,
) -> Result<(), Failure> {
    for _ in 0..LAG.as_secs() {
        if find().await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let expected = format!("nothing {} seconds after its expiry", LAG.as_secs());
    Err(Failure::new(subject, expected, "it is still there"))
}
