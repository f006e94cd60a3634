//! The bodies of responses: the members that each record has, and the forms of their values.

use serde_json::{Value, json};

use super::expect;
use super::failure::Failure;
use super::fixture::{Fixture, KINDS};
use super::rule::rules;
use crate::api::Operation;
use crate::value::Revision;

/// The members that all objects have.
const OBJECT: [&str; 9] = [
    "account_sid",
    "created_by",
    "date_created",
    "date_expires",
    "date_updated",
    "service_sid",
    "sid",
    "unique_name",
    "url",
];

/// The members that all items have.
const ITEM: [&str; 9] = [
    "account_sid",
    "created_by",
    "data",
    "date_created",
    "date_expires",
    "date_updated",
    "revision",
    "service_sid",
    "url",
];

rules! { "records":
    /// The body of a Document, List, Map or Message Stream has the documented members.
    #[rule(Documented)]
    async fn an_object_has_the_documented_members(fixture: &Fixture) {
        let own: [&[&str]; 4] = [
            &["data", "links", "revision"],
            &["links", "revision"],
            &["links", "revision"],
            &["links"],
        ];
        for (kind, own) in KINDS.iter().zip(own) {
            let name = fixture.object(kind, "object");
            let created = fixture.body(fixture.create(kind, &name)).await?;
            has_members(&created, &[&OBJECT, own])?;
            has_members(
                &fixture.body(fixture.call(kind.fetch, &[&name])).await?,
                &[&OBJECT, own],
            )?;
        }
    }

    /// The body of an item of a List or Map has the documented members.
    #[rule(Documented)]
    async fn an_item_has_the_documented_members(fixture: &Fixture) {
        let (list, _) = fixture.new_list(1).await?;
        let item = fixture.call(Operation::FetchSyncListItem, &[&list, "0"]);
        has_members(&fixture.body(item).await?, &[&ITEM, &["index", "list_sid"]])?;
        let (map, _) = fixture.new_map(&["key"]).await?;
        let item = fixture.call(Operation::FetchSyncMapItem, &[&map, "key"]);
        has_members(&fixture.body(item).await?, &[&ITEM, &["key", "map_sid"]])?;
    }

    /// Objects and items that are created through the REST API have the creator `system`.
    #[rule(Documented)]
    async fn the_creator_is_system(fixture: &Fixture) {
        let docs = fixture.sync.documents::<Value>();
        let name = fixture.new_document(&json!({})).await?;
        expect::equal(
            "the creator of a Document",
            docs.get(&name).await?.created_by,
            "system",
        )?;
        let (_, list) = fixture.new_list(1).await?;
        expect::equal(
            "the creator of an item",
            list.get(0).await?.created_by,
            "system",
        )?;
    }

    /// Dates are in UTC and whole seconds, such as `2016-07-07T20:53:38Z`. Those of a new object are the
    /// same.
    #[rule(Documented)]
    async fn dates_are_in_whole_seconds(fixture: &Fixture) {
        let create = fixture.call(Operation::CreateDocument, &[]);
        let name = fixture.document("document");
        let document = fixture
            .body(create.with_form(&[("UniqueName", &name)]))
            .await?;
        for member in ["date_created", "date_updated"] {
            let text = document[member].as_str().unwrap_or_default();
            let expected = "the form 2016-07-07T20:53:38Z";
            expect::holds(member, is_date(text), expected, &document[member])?;
        }
        expect::equal(
            "date_updated",
            &document["date_updated"],
            &document["date_created"],
        )?;
    }

    /// The `url` of an object or item ends with its path by SID, also when it is read by its name.
    #[rule(Inferred)]
    async fn addresses_have_sids(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "object");
            fixture.create(kind, &name).await?;
            let found = fixture.body(fixture.call(kind.fetch, &[&name])).await?;
            let (url, sid) = (
                found["url"].as_str(),
                found["sid"].as_str().unwrap_or_default(),
            );
            let is_by_sid = url.is_some_and(|url| url.ends_with(&format!("/{sid}")));
            expect::holds(
                "the URL",
                is_by_sid,
                &format!("a URL that ends with {sid}"),
                &url,
            )?;
        }
    }

    /// Responses with a Document or an item have an `ETag` with the revision.
    #[rule(Documented)]
    async fn the_etag_has_the_revision(fixture: &Fixture) {
        let name = fixture.new_document(&json!({"n": 0})).await?;
        fixture
            .sync
            .documents()
            .update(&name, &json!({"n": 1}))
            .await?;
        let (list, _) = fixture.new_list(2).await?;
        let (map, _) = fixture.new_map(&["a", "b"]).await?;
        for call in [
            fixture.call(Operation::FetchDocument, &[&name]),
            fixture.call(Operation::FetchSyncListItem, &[&list, "1"]),
            fixture.call(Operation::FetchSyncMapItem, &[&map, "b"]),
        ] {
            let subject = format!("the ETag of {}", call.path());
            let response = call.response().await?;
            let etag = response.headers.get(http::header::ETAG);
            let etag = etag.and_then(|etag| etag.to_str().ok()).map(Revision::new);
            expect::equal(&subject, etag.as_ref().map(Revision::as_str), Some("1"))?;
        }
    }

    /// A removal has the status 204 and no body.
    #[rule(Documented)]
    async fn a_removal_has_no_body(fixture: &Fixture) {
        for kind in &KINDS {
            let name = fixture.object(kind, "object");
            fixture.create(kind, &name).await?;
            let response = fixture.call(kind.delete, &[&name]).response().await?;
            expect::equal("the status", response.status.as_u16(), 204)?;
            let length = response.headers.get(http::header::CONTENT_LENGTH);
            let length = length
                .and_then(|length| length.to_str().ok())
                .unwrap_or("0");
            expect::equal("the length of the body", length, "0")?;
        }
    }
}

/// Checks that a body has all of these members.
fn has_members(body: &Value, members: &[&[&str]]) -> Result<(), Failure> {
    for member in members.iter().copied().flatten() {
        let is_there = body.get(member).is_some();
        expect::holds("a body", is_there, &format!("the member `{member}`"), body)?;
    }
    Ok(())
}

/// True for a text of the form `2016-07-07T20:53:38Z`.
fn is_date(text: &str) -> bool {
    let form = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c });
    form.eq("0000-00-00T00:00:00Z".chars())
}
