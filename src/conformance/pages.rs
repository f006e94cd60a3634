//! Pages of lists.

use serde_json::{Value, json};

use super::expect;
use super::fixture::{Fixture, KINDS, collect};
use super::rule::rules;
use crate::api::{Call, Operation};
use crate::value::Data;

rules! { "pages":
    /// A page has as many records as `PageSize` says, and its `meta` the name of their member, the size
    /// and the number of the page.
    #[rule(Documented)]
    async fn a_page_has_the_size_that_is_asked_for(fixture: &Fixture) {
        let (name, _) = fixture.new_list(3).await?;
        let page = fixture
            .body(items(fixture, &name, &[("PageSize", "2")]))
            .await?;
        expect::equal("the indexes", indexes(&page), [0, 1])?;
        let meta = &page["meta"];
        expect::equal("meta.key", &meta["key"], &json!("items"))?;
        expect::equal("meta.page_size", &meta["page_size"], &json!(2))?;
        expect::equal("meta.page", &meta["page"], &json!(0))?;
    }

    /// `next_page_url` leads from page to page. It is null on the last page, and `previous_page_url` is
    /// null on the first.
    #[rule(Documented)]
    async fn each_page_leads_to_the_next(fixture: &Fixture) {
        let (name, _) = fixture.new_list(5).await?;
        let mut query = vec![("PageSize", "2".to_owned())];
        let mut pages = Vec::new();
        while pages.len() < 5 {
            let page = fixture.body(items(fixture, &name, &query)).await?;
            let token = next_token(&page);
            pages.push(page);
            let Some(token) = token else { break };
            query = vec![("PageSize", "2".to_owned()), ("PageToken", token)];
        }
        let read: Vec<_> = pages.iter().map(indexes).collect();
        expect::equal(
            "the indexes of each page",
            read,
            [vec![0, 1], vec![2, 3], vec![4]],
        )?;
        let first = &pages[0]["meta"]["previous_page_url"];
        expect::equal("previous_page_url of the first page", first, &Value::Null)?;
        let second = &pages[1]["meta"]["previous_page_url"];
        expect::holds(
            "previous_page_url of the second",
            second.is_string(),
            "a URL",
            second,
        )?;
        let last = &pages[2]["meta"]["next_page_url"];
        expect::equal("next_page_url of the last page", last, &Value::Null)?;
    }

    /// A page token has the order and the start of the listing that it is of.
    #[rule(Documented)]
    async fn a_token_keeps_order_and_start(fixture: &Fixture) {
        let (name, _) = fixture.new_list(5).await?;
        let query = [("PageSize", "2"), ("Order", "desc"), ("From", "3")];
        let page = fixture.body(items(fixture, &name, &query)).await?;
        expect::equal("the indexes of the first page", indexes(&page), [3, 2])?;
        let token = next_token(&page).unwrap_or_default();
        let query = [("PageSize", "2"), ("PageToken", token.as_str())];
        let page = fixture.body(items(fixture, &name, &query)).await?;
        expect::equal("the indexes of the second page", indexes(&page), [1, 0])?;
    }

    /// The next page is right though items of the page before were removed since.
    #[rule(Inferred)]
    async fn a_removal_does_not_shift_the_next_page(fixture: &Fixture) {
        let (name, list) = fixture.new_list(4).await?;
        let page = fixture
            .body(items(fixture, &name, &[("PageSize", "2")]))
            .await?;
        let token = next_token(&page).unwrap_or_default();
        list.remove(0).await?;
        list.remove(1).await?;
        let query = [("PageSize", "2"), ("PageToken", token.as_str())];
        let page = fixture.body(items(fixture, &name, &query)).await?;
        expect::equal("the indexes of the second page", indexes(&page), [2, 3])?;
    }

    /// A list without records is one page without records.
    #[rule(Documented)]
    async fn an_empty_list_is_an_empty_page(fixture: &Fixture) {
        let (name, _) = fixture.new_list(0).await?;
        let page = fixture.body(items::<&str>(fixture, &name, &[])).await?;
        expect::equal("the items", &page["items"], &json!([]))?;
        expect::equal(
            "next_page_url",
            &page["meta"]["next_page_url"],
            &Value::Null,
        )?;
    }

    /// Without `PageSize` a page has 50 records.
    #[rule(Documented, Time)]
    async fn a_page_has_50_records(fixture: &Fixture) {
        let (name, _) = fixture.new_list(51).await?;
        let page = fixture.body(items::<&str>(fixture, &name, &[])).await?;
        expect::equal("the number of items", indexes(&page).len(), 50)?;
        expect::equal("meta.page_size", &page["meta"]["page_size"], &json!(50))?;
    }

    /// `PageSize` is 1 or more: else 400, code 54454.
    #[rule(Inferred)]
    async fn a_page_has_a_record_at_least(fixture: &Fixture) {
        let (name, _) = fixture.new_list(1).await?;
        for size in ["0", "-1", "many"] {
            let read = items(fixture, &name, &[("PageSize", size)]).await;
            expect::error(&format!("PageSize={size}"), read, 400, 54454)?;
        }
    }

    /// `Order`, `Bounds` and `PageToken` have values that the API knows: else 400, code 54451, 54452 or
    /// 54453.
    #[rule(Inferred)]
    async fn unknown_values_are_rejected(fixture: &Fixture) {
        let (name, _) = fixture.new_list(1).await?;
        for (parameter, code) in [("Order", 54451), ("Bounds", 54452), ("PageToken", 54453)] {
            let read = items(fixture, &name, &[(parameter, "unknown")]).await;
            expect::error(&format!("{parameter}=unknown"), read, 400, code)?;
        }
    }

    /// Each kind of object is listed: one that was created is in the list, one that was removed is not.
    #[rule(Documented, OwnService)]
    async fn objects_are_listed_until_they_are_removed(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        let own = Fixture::new(&own);
        for kind in &KINDS {
            let name = own.name("object");
            let created = own.body(own.create(kind, &name)).await?;
            let page = own.body(own.call(kind.list, &[])).await?;
            let member = page["meta"]["key"].as_str().unwrap_or_default();
            expect::equal("the objects of the kind", &page[member], &json!([created]))?;
            own.call(kind.delete, &[&name]).await?;
            let page = own.body(own.call(kind.list, &[])).await?;
            expect::equal("the objects after the removal", &page[member], &json!([]))?;
        }
    }

    /// Objects are listed in the order of their creation.
    #[rule(Inferred, OwnService)]
    async fn objects_are_listed_in_order_of_creation(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        let docs = own.documents::<Value>();
        for name in ["b", "a", "c"] {
            docs.create(name, &json!({})).await?;
        }
        docs.update("b", &json!({"n": 1})).await?;
        let names = collect(docs.all().page_size(2), |document| document.unique_name).await?;
        let expected = ["b", "a", "c"].map(|name| Some(name.to_owned()));
        expect::equal("the unique names", names, expected)?;
    }
}

/// The call that reads a page of a List's items, with pairs of a query.
fn items<V: AsRef<str>>(
    fixture: &Fixture<'_>,
    list: &str,
    query: &[(&str, V)],
) -> Call<Option<Data>> {
    let call = fixture.call(Operation::ListSyncListItem, &[list]);
    let pairs = query.iter();
    pairs.fold(call, |call, (name, value)| {
        call.with_query(name, Some(value.as_ref()))
    })
}

/// The indexes of the items in a page.
fn indexes(page: &Value) -> Vec<i64> {
    let items = page["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["index"].as_i64()).collect()
}

/// The token in the address of the next page.
fn next_token(page: &Value) -> Option<String> {
    let url = url::Url::parse(page["meta"]["next_page_url"].as_str()?).ok()?;
    let mut pairs = url.query_pairs();
    let (_, token) = pairs.find(|(name, _)| name == "PageToken")?;
    Some(token.into_owned())
}
