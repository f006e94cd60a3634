//! Lists and their items.

use serde_json::json;

use super::expect;
use super::failure::Failure;
use super::fixture::{Fixture, collect};
use super::rule::rules;
use crate::api::Operation;
use crate::api::types::{Bounds, Order};

rules! { "lists":
    /// A new List has the revision `0` and no items.
    #[rule(Documented)]
    async fn a_new_list_is_empty(fixture: &Fixture) {
        let name = fixture.list("list");
        let created = fixture.sync.lists().create(&name).await?;
        expect::equal("the revision", created.revision.as_str(), "0")?;
        let list = fixture.sync.list::<serde_json::Value>(&name);
        expect::equal(
            "the indexes",
            collect(list.items(), |item| item.index).await?,
            [0; 0],
        )?;
    }

    /// The indexes of items are numbered from 0.
    #[rule(Documented)]
    async fn indexes_start_at_0(fixture: &Fixture) {
        let (_, list) = fixture.new_list(0).await?;
        for index in 0..3 {
            let added = list.add(&json!({"n": index})).await?;
            expect::equal("the index of a new item", added.index, index)?;
            expect::equal("the data", list.get(index).await?.data, json!({"n": index}))?;
        }
    }

    /// The index of a removed item is not used again, not even that of the last one.
    #[rule(Documented)]
    async fn an_index_is_never_reused(fixture: &Fixture) {
        let (_, list) = fixture.new_list(3).await?;
        list.remove(2).await?;
        let added = list.add(&json!({})).await?.index;
        expect::holds("the index after a removal", added > 2, "above 2", &added)?;
    }

    /// An update or removal of an item takes a number too: the next index leaves it out.
    #[rule(Inferred)]
    async fn an_index_is_the_number_of_an_event(fixture: &Fixture) {
        let (_, list) = fixture.new_list(3).await?;
        list.remove(1).await?;
        expect::equal(
            "the index after a removal",
            list.add(&json!({})).await?.index,
            4,
        )?;
        list.update(0, &json!({"n": 1})).await?;
        expect::equal(
            "the index after an update",
            list.add(&json!({})).await?.index,
            6,
        )?;
    }

    /// The revision of an item is the number of its latest event in the List, and the revision of the
    /// List the number of events.
    #[rule(Inferred)]
    async fn revisions_are_numbers_of_events(fixture: &Fixture) {
        let (name, list) = fixture.new_list(2).await?;
        expect::equal(
            "the revision of an item",
            list.get(1).await?.revision.as_str(),
            "1",
        )?;
        let updated = list.update(0, &json!({"n": 1})).await?;
        expect::equal(
            "the revision of an updated item",
            updated.revision.as_str(),
            "2",
        )?;
        list.remove(1).await?;
        let found = fixture.sync.lists().get(&name).await?;
        expect::equal("the revision of the List", found.revision.as_str(), "4")?;
    }

    /// A write to an item changes the revision of the List.
    #[rule(Documented)]
    async fn a_write_to_an_item_changes_the_revision(fixture: &Fixture) {
        let (name, list) = fixture.new_list(1).await?;
        let lists = fixture.sync.lists();
        let before = lists.get(&name).await?.revision;
        list.add(&json!({})).await?;
        let after = lists.get(&name).await?.revision;
        expect::holds("the revision", after != before, "another one", &after)?;
    }

    /// An update of an item replaces its data and changes its revision.
    #[rule(Documented)]
    async fn an_update_replaces_the_data(fixture: &Fixture) {
        let (_, list) = fixture.new_list(1).await?;
        let before = list.get(0).await?;
        let updated = list.update(0, &json!({"m": 1})).await?;
        expect::equal("the data", &updated.data, &json!({"m": 1}))?;
        let is_new = updated.revision != before.revision;
        expect::holds("the revision", is_new, "another one", &updated.revision)?;
        expect::equal("the item that is read", list.get(0).await?, updated)?;
    }

    /// An update or removal of an item with `If-Match` is made if the item has that revision, and
    /// changes nothing if it has another: 412.
    #[rule(Documented)]
    async fn a_revision_guards_an_item(fixture: &Fixture) {
        let (_, list) = fixture.new_list(1).await?;
        let old = list.get(0).await?.revision;
        let new = list
            .update(0, &json!({"n": 1}))
            .if_match(&old)
            .await?
            .revision;
        let updated = list.update(0, &json!({"n": 2})).if_match(&old).await;
        status_412("an update of an old revision", updated)?;
        status_412(
            "a removal of an old revision",
            list.remove(0).if_match(&old).await,
        )?;
        expect::equal("the data", list.get(0).await?.data, json!({"n": 1}))?;
        list.remove(0).if_match(&new).await?;
        expect::not_found("the removed item", list.get(0).await)?;
    }

    /// The code of another revision of an item is 54155.
    #[rule(Inferred)]
    async fn the_code_of_another_revision_is_54155(fixture: &Fixture) {
        let (_, list) = fixture.new_list(1).await?;
        let updated = list.update(0, &json!({})).if_match("7").await;
        expect::error("an update of another revision", updated, 412, 54155)?;
        expect::error("a removal", list.remove(0).if_match("7").await, 412, 54155)?;
    }

    /// An item that is not there cannot be read, updated or removed: 404, code 20404.
    #[rule(Documented)]
    async fn a_missing_item_is_not_found(fixture: &Fixture) {
        let (_, list) = fixture.new_list(1).await?;
        expect::not_found("a read", list.get(1).await)?;
        expect::not_found("an update", list.update(1, &json!({})).await)?;
        expect::not_found("a removal", list.remove(1).await)?;
    }

    /// A List that is not there has no items to read or add: 404, code 20404.
    #[rule(Documented)]
    async fn a_missing_list_is_not_found(fixture: &Fixture) {
        let name = fixture.list("list");
        let list = fixture.sync.list(&name);
        expect::not_found("the List", fixture.sync.lists().get(&name).await)?;
        expect::not_found("an addition", list.add(&json!({})).await)?;
        expect::not_found("the items", collect(list.items(), drop).await)?;
    }

    /// An index that is not a whole number is rejected: 400, code 54458.
    #[rule(Inferred)]
    async fn an_index_is_a_whole_number(fixture: &Fixture) {
        let (name, _) = fixture.new_list(1).await?;
        for index in ["first", "-1", "0.5"] {
            let read = fixture
                .call(Operation::FetchSyncListItem, &[&name, index])
                .await;
            expect::error(&format!("the index {index}"), read, 400, 54458)?;
        }
    }

    /// The items are listed by index, lowest first or highest first.
    #[rule(Documented)]
    async fn items_are_listed_by_index(fixture: &Fixture) {
        let (_, list) = fixture.new_list(3).await?;
        list.update(0, &json!({"n": 9})).await?;
        let items = || list.items();
        expect::equal(
            "the indexes",
            collect(items(), |item| item.index).await?,
            [0, 1, 2],
        )?;
        let ascending = collect(items().order(Order::Asc), |item| item.index).await?;
        expect::equal("the indexes in ascending order", ascending, [0, 1, 2])?;
        let descending = collect(items().order(Order::Desc), |item| item.index).await?;
        expect::equal("the indexes in descending order", descending, [2, 1, 0])?;
    }

    /// A listing starts at the index `From`, which need not exist. `Bounds` says whether it is included;
    /// it is without `Bounds`.
    #[rule(Documented)]
    async fn a_listing_starts_at_an_index(fixture: &Fixture) {
        let (_, list) = fixture.new_list(5).await?;
        list.remove(2).await?;
        for (order, from, bounds, expected) in [
            (Order::Asc, 3, None, &[3, 4][..]),
            (Order::Asc, 3, Some(Bounds::Inclusive), &[3, 4]),
            (Order::Asc, 3, Some(Bounds::Exclusive), &[4]),
            (Order::Asc, 2, None, &[3, 4]),
            (Order::Asc, 9, None, &[]),
            (Order::Desc, 1, None, &[1, 0]),
            (Order::Desc, 1, Some(Bounds::Exclusive), &[0]),
            (Order::Desc, 2, None, &[1, 0]),
        ] {
            let mut items = list.items().order(order).from(from);
            if let Some(bounds) = bounds {
                items = items.bounds(bounds);
            }
            let subject = format!("the indexes from {from}, {order}, {bounds:?}");
            expect::equal(&subject, collect(items, |item| item.index).await?, expected)?;
        }
    }

    /// The removal of a List removes its items: a new one with its name has none.
    #[rule(Documented)]
    async fn a_removed_list_has_no_items(fixture: &Fixture) {
        let (name, list) = fixture.new_list(2).await?;
        let lists = fixture.sync.lists();
        lists.remove(&name).await?;
        expect::not_found("an item of the removed List", list.get(0).await)?;
        lists.create(&name).await?;
        expect::equal(
            "the indexes",
            collect(list.items(), |item| item.index).await?,
            [0; 0],
        )?;
        expect::equal("the first index", list.add(&json!({})).await?.index, 0)?;
    }
}

/// Checks that a call fails because of the revision, with any code.
fn status_412<T>(subject: &str, result: crate::error::Result<T>) -> Result<(), Failure> {
    let status = result.err().and_then(|error| error.status());
    expect::equal(subject, status.map(|status| status.as_u16()), Some(412))
}
