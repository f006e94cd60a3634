//! Maps and their items.

use serde_json::{Value, json};

use super::expect;
use super::fixture::{Fixture, collect};
use super::rule::rules;
use crate::api::Operation;
use crate::api::types::{Bounds, Order};
use crate::value::MAX_NAME_LENGTH;

rules! { "maps":
    /// A new Map has the revision `0` and no items.
    #[rule(Documented)]
    async fn a_new_map_is_empty(fixture: &Fixture) {
        let name = fixture.map("map");
        let created = fixture.sync.maps().create(&name).await?;
        expect::equal("the revision", created.revision.as_str(), "0")?;
        let map = fixture.sync.map::<Value>(&name);
        expect::equal(
            "the keys",
            collect(map.items(), |item| item.key).await?,
            [""; 0],
        )?;
    }

    /// A key is created once: else 409, code 54208, and the item stays as it is.
    #[rule(Documented)]
    async fn a_key_is_created_once(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["key"]).await?;
        let before = map.get("key").await?;
        let created = map.create("key", &json!({"n": 1})).await;
        expect::error("a second item of the key", created, 409, 54208)?;
        expect::equal("the item", map.get("key").await?, before)?;
    }

    /// An item that is not there cannot be read, updated or removed: 404, code 20404. An update does not
    /// create it.
    #[rule(Documented)]
    async fn a_missing_item_is_not_found(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["key"]).await?;
        expect::not_found("a read", map.get("other").await)?;
        expect::not_found("an update", map.update("other", &json!({})).await)?;
        expect::not_found("a removal", map.remove("other").await)?;
        expect::not_found("a read after the update", map.get("other").await)?;
    }

    /// A Map that is not there has no items to read or create: 404, code 20404.
    #[rule(Documented)]
    async fn a_missing_map_is_not_found(fixture: &Fixture) {
        let name = fixture.map("map");
        let map = fixture.sync.map(&name);
        expect::not_found("the Map", fixture.sync.maps().get(&name).await)?;
        expect::not_found("a creation", map.create("key", &json!({})).await)?;
        expect::not_found("the items", collect(map.items(), drop).await)?;
    }

    /// An update of an item replaces its data and changes its revision.
    #[rule(Documented)]
    async fn an_update_replaces_the_data(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["key", "other"]).await?;
        let before = map.get("key").await?;
        let updated = map.update("key", &json!({"m": 1})).await?;
        expect::equal("the data", &updated.data, &json!({"m": 1}))?;
        let is_new = updated.revision != before.revision;
        expect::holds("the revision", is_new, "another one", &updated.revision)?;
        expect::equal("the item that is read", map.get("key").await?, updated)?;
        let other = map.get("other").await?.data;
        expect::equal("the data of another item", other, json!({"key": "other"}))?;
    }

    /// An update or removal of an item with `If-Match` is made if the item has that revision, and
    /// changes nothing if it has another: 412, code 54205.
    #[rule(Inferred)]
    async fn a_revision_guards_an_item(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["key"]).await?;
        let old = map.get("key").await?.revision;
        let new = map
            .update("key", &json!({"n": 1}))
            .if_match(&old)
            .await?
            .revision;
        let updated = map.update("key", &json!({"n": 2})).if_match(&old).await;
        expect::error("an update of an old revision", updated, 412, 54205)?;
        let removed = map.remove("key").if_match(&old).await;
        expect::error("a removal of an old revision", removed, 412, 54205)?;
        expect::equal("the data", map.get("key").await?.data, json!({"n": 1}))?;
        map.remove("key").if_match(&new).await?;
        expect::not_found("the removed item", map.get("key").await)?;
    }

    /// The revision of an item is the number of its latest event in the Map, and the revision of the Map
    /// the number of events.
    #[rule(Inferred)]
    async fn revisions_are_numbers_of_events(fixture: &Fixture) {
        let (name, map) = fixture.new_map(&["a", "b"]).await?;
        expect::equal(
            "the revision of an item",
            map.get("b").await?.revision.as_str(),
            "1",
        )?;
        let updated = map.update("a", &json!({})).await?;
        expect::equal(
            "the revision of an updated item",
            updated.revision.as_str(),
            "2",
        )?;
        map.remove("b").await?;
        let found = fixture.sync.maps().get(&name).await?;
        expect::equal("the revision of the Map", found.revision.as_str(), "4")?;
    }

    /// The items are listed by key, in the order of code points and not of an alphabet.
    #[rule(Documented)]
    async fn items_are_listed_by_key(fixture: &Fixture) {
        let keys = [
            "simple-key",
            "émoji-café-naïve",
            "key/with/slashes",
            "key.with.dots",
        ];
        let (_, map) = fixture.new_map(&keys).await?;
        let sorted = [
            "key.with.dots",
            "key/with/slashes",
            "simple-key",
            "émoji-café-naïve",
        ];
        let listed = collect(map.items().page_size(2), |item| item.key).await?;
        expect::equal("the keys", listed, sorted)?;
        let listed = collect(map.items().order(Order::Desc), |item| item.key).await?;
        let reversed: Vec<_> = sorted.into_iter().rev().collect();
        expect::equal("the keys in descending order", listed, reversed)?;
    }

    /// Keys are in the order of their UTF-8 bytes: capitals come before small letters, and characters
    /// beyond `U+FFFF` last.
    #[rule(Inferred)]
    async fn keys_are_in_the_order_of_their_bytes(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["😀", "\u{ff5e}", "a", "Z"]).await?;
        let listed = collect(map.items(), |item| item.key).await?;
        expect::equal("the keys", listed, ["Z", "a", "\u{ff5e}", "😀"])?;
    }

    /// A listing starts at the key `From`, which need not exist. `Bounds` says whether it is included;
    /// it is without `Bounds`.
    #[rule(Documented)]
    async fn a_listing_starts_at_a_key(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["a", "c", "e"]).await?;
        for (order, from, bounds, expected) in [
            (Order::Asc, "c", None, &["c", "e"][..]),
            (Order::Asc, "c", Some(Bounds::Inclusive), &["c", "e"]),
            (Order::Asc, "c", Some(Bounds::Exclusive), &["e"]),
            (Order::Asc, "b", None, &["c", "e"]),
            (Order::Asc, "z", None, &[]),
            (Order::Desc, "c", None, &["c", "a"]),
            (Order::Desc, "c", Some(Bounds::Exclusive), &["a"]),
            (Order::Desc, "d", None, &["c", "a"]),
        ] {
            let mut items = map.items().order(order).from(from);
            if let Some(bounds) = bounds {
                items = items.bounds(bounds);
            }
            let subject = format!("the keys from {from}, {order}, {bounds:?}");
            expect::equal(&subject, collect(items, |item| item.key).await?, expected)?;
        }
    }

    /// A key may have 320 characters, and no more: else 400, code 54209.
    #[rule(Documented)]
    async fn a_key_has_320_characters_at_most(fixture: &Fixture) {
        let (name, map) = fixture.new_map(&[]).await?;
        let key = "x".repeat(MAX_NAME_LENGTH);
        map.create(&key, &json!({})).await?;
        expect::equal("the key", map.get(&key).await?.key, key.as_str())?;
        let create = fixture.call(Operation::CreateSyncMapItem, &[&name]);
        let created = create
            .with_form(&[("Key", format!("{key}x").as_str()), ("Data", "{}")])
            .await;
        expect::error("a key of 321 characters", created, 400, 54209)?;
    }

    /// A key is not empty: else 400, code 54209.
    #[rule(Documented)]
    async fn a_key_is_not_empty(fixture: &Fixture) {
        let (name, _) = fixture.new_map(&[]).await?;
        let create = fixture.call(Operation::CreateSyncMapItem, &[&name]);
        let created = create.with_form(&[("Key", ""), ("Data", "{}")]).await;
        expect::error("an empty key", created, 400, 54209)?;
    }

    /// Upper and lower case are different in a key.
    #[rule(Inferred)]
    async fn a_key_has_upper_and_lower_case(fixture: &Fixture) {
        let (_, map) = fixture.new_map(&["key"]).await?;
        expect::not_found("the key in upper case", map.get("KEY").await)?;
        map.create("KEY", &json!({})).await?;
        expect::equal(
            "the data",
            map.get("key").await?.data,
            json!({"key": "key"}),
        )?;
    }

    /// A key may have any characters, percent-encoded in a path.
    #[rule(Inferred)]
    async fn a_key_has_any_characters(fixture: &Fixture) {
        let keys = ["+815012345678", "a b", "a/b", "a?b#c&d=e%20", "é 日本 😀"];
        let (_, map) = fixture.new_map(&keys).await?;
        for key in keys {
            expect::equal("the data", map.get(key).await?.data, json!({"key": key}))?;
            map.update(key, &json!({})).await?;
            map.remove(key).await?;
        }
        expect::equal(
            "the keys",
            collect(map.items(), |item| item.key).await?,
            [""; 0],
        )?;
    }

    /// The removal of a Map removes its items: a new one with its name has none.
    #[rule(Documented)]
    async fn a_removed_map_has_no_items(fixture: &Fixture) {
        let (name, map) = fixture.new_map(&["key"]).await?;
        let maps = fixture.sync.maps();
        maps.remove(&name).await?;
        expect::not_found("an item of the removed Map", map.get("key").await)?;
        maps.create(&name).await?;
        expect::not_found("an item of the new Map", map.get("key").await)?;
    }
}
