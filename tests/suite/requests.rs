//! Requests as values: nothing is sent before they are awaited, they can go to another thread, and
//! there are requests of one's own.

use std::cell::Cell;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::emulator::Fault;
use twilio_sync::kind::{Collection, Items, Kind, Objects, Record};
use twilio_sync::listing::Listing;
use twilio_sync::value::InputError;
use twilio_sync::{Error, Result, RetryPolicy, Revision, SyncClient};

use crate::{client_builder, documents, operations, start};

/// Data that is `Send`, and not `Sync`.
#[derive(Default, Serialize, Deserialize)]
struct Counter {
    n: Cell<u32>,
}

fn is_send<T: Send>(_: T) {}

/// Every call, future and stream can go to another thread, whatever is in the data.
#[expect(dead_code, reason = "that it compiles is the test")]
fn futures(sync: &SyncClient) {
    let data = Counter::default();
    let docs = sync.documents::<Counter>();
    is_send(docs.create("x", &data).into_future());
    is_send(docs.get("x"));
    is_send(docs.get("x").into_future());
    is_send(docs.get("x").response());
    is_send(docs.find("x").into_future());
    is_send(docs.search("x").into_future());
    is_send(docs.update("x", &data).into_future());
    is_send(docs.update_or_create("x", &data).into_future());
    is_send(
        docs.update_or_create("x", &data)
            .unless_equal()
            .into_future(),
    );
    is_send(docs.merge("x", &data).into_future());
    is_send(docs.mutate("x", |counter| counter.n.set(1)).into_future());
    is_send(docs.mutate("x", |_| ()).or_default().into_future());
    is_send(docs.remove("x").into_future());
    is_send(docs.all());
    let list = sync.list::<Counter>("x");
    is_send(list.add(&data).into_future());
    is_send(list.items());
    is_send(list.remove_items_with_key("x"));
    is_send(list.add_many([Counter::default()]));
    is_send(list.remove_all().into_future());
    let map = sync.map::<Counter>("x");
    is_send(map.set("x", &data).into_future());
    is_send(map.get("x").into_future());
    is_send(map.set_many([("x", Counter::default())]).into_future());
    is_send(sync.stream::<Counter>("x").publish(&data).into_future());
    is_send(sync.api().list_service(None, None, None).into_future());
}

/// Functions over any kind of list, object and item, which is what the traits are public for.
#[expect(dead_code, reason = "that it compiles is the test")]
async fn count<R: Record>(listing: Listing<R>) -> usize {
    use futures_util::StreamExt;
    listing.count().await
}

#[expect(dead_code, reason = "that it compiles is the test")]
async fn is_there<K: Kind>(objects: &Objects<K>, name: &str) -> Result<bool> {
    Ok(objects.search(name).await?.is_some())
}

#[expect(dead_code, reason = "that it compiles is the test")]
async fn clear<C: Collection>(items: &Items<C, Value>) -> Result<()> {
    items.remove_all().await?;
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_not_awaited_does_nothing() {
    let (emulator, sync) = start().await;
    let docs = documents(&sync);
    let data = json!({});
    drop(docs.create("desk", &data));
    drop(docs.create("desk", &data).into_future());
    drop(docs.get("desk"));
    drop(docs.get("desk").into_future());
    drop(docs.get("desk").response());
    drop(sync.api().request(Method::DELETE, ["v1"]));
    tokio::task::yield_now().await;
    assert_eq!(operations(&emulator).len(), 0);
}

#[tokio::test]
async fn a_call_can_be_looked_at_before_it_is_sent() {
    let (emulator, sync) = start().await;
    let service = sync.service();
    let call = documents(&sync).search("a/b ü");
    assert_eq!(call.operation(), Some(Operation::FetchDocument));
    assert_eq!(call.method(), Method::GET);
    assert_eq!(
        call.path(),
        format!("/v1/Services/{service}/Documents/a%2Fb%20%C3%BC")
    );
    assert_eq!((call.query().count(), call.form().count()), (0, 0));
    assert_eq!(call.if_match(), None);
    assert_eq!(operations(&emulator).len(), 0);
    assert_eq!(call.await.unwrap(), None);
    // Where there is nothing, the Service is asked for once.
    assert_eq!(operations(&emulator), ["FetchDocument", "FetchService"]);
}

/// The form of a request of one's own.
#[derive(Serialize)]
struct Form<'a> {
    #[serde(rename = "UniqueName")]
    unique_name: Option<&'a str>,
    #[serde(rename = "Data")]
    data: &'a str,
}

#[tokio::test]
async fn an_operation_by_the_names_in_its_path() {
    let (emulator, sync) = start().await;
    let (api, service) = (sync.api(), sync.service().as_str());
    let names = [service, "a/b ü"];
    let form = Form {
        unique_name: Some("a/b ü"),
        data: r#"{"n":"&="}"#,
    };
    let create = api.operation(Operation::CreateDocument, [service]);
    let create = create.with_form(&form).response().await.unwrap();
    assert_eq!((create.status, create.attempts), (StatusCode::CREATED, 1));
    assert!(create.request_id().is_some());
    let created: Value = create.value.unwrap().decode().unwrap();
    assert_eq!(created["data"], json!({"n": "&="}));
    let request = emulator.requests().pop().unwrap();
    assert_eq!(request.operation(), Some(Operation::CreateDocument));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        request.form(),
        [pair("UniqueName", "a/b ü"), pair("Data", r#"{"n":"&="}"#)]
    );
    let update = |revision: &str| {
        api.operation(Operation::UpdateDocument, names)
            .with_form(&[("Data", "{}")])
            .with_if_match(Some(&Revision::new(revision)))
    };
    let error = update("7").await.unwrap_err();
    assert!(error.is_revision_conflict(), "{error}");
    assert_eq!(error.call().unwrap().operation, "update_document");
    assert!(update("0").await.unwrap().is_some());
    // A success without a body.
    let delete = api.operation(Operation::DeleteDocument, names);
    assert!(delete.await.unwrap().is_none());
    let fetch = api.operation(Operation::FetchDocument, names);
    assert!(fetch.await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_request_that_no_operation_has() {
    let (emulator, sync) = start().await;
    documents(&sync).create("desk", &json!({})).await.unwrap();
    operations(&emulator);
    let service = sync.service().as_str();
    let path = ["v1", "Services", service, "Documents"];
    let call = sync.api().request(Method::GET, path);
    let call = call
        .with_query("PageSize", Some(2))
        .with_query("PageToken", None::<&str>);
    assert_eq!(call.operation(), None);
    assert_eq!(call.path(), format!("/v1/Services/{service}/Documents"));
    assert_eq!(
        call.query().collect::<Vec<_>>(),
        [("PageSize".into(), "2".into())]
    );
    let page: Value = call.await.unwrap().unwrap().decode().unwrap();
    assert_eq!(page["documents"].as_array().unwrap().len(), 1);
    assert_eq!(page["meta"]["page_size"], 2);
    // Any success will do, and one without a body.
    let path = ["v1", "Services", service, "Documents", "desk"];
    let delete = sync.api().request(Method::DELETE, path);
    assert!(delete.await.unwrap().is_none());
    let error = sync.api().request(Method::GET, path).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.call().unwrap().operation, "request");
    assert!(
        error.to_string().starts_with("request failed: 404"),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_a_request_is_not_sent() {
    let (emulator, sync) = start().await;
    let (api, service) = (sync.api(), sync.service().as_str());
    let fetch = || api.operation(Operation::FetchDocument, [service, "desk"]);
    let too_long = "x".repeat(321);
    for (call, text) in [
        (
            api.operation(Operation::FetchDocument, [service]),
            "the request cannot be made: FetchDocument has 2 names in its path, 1 are given",
        ),
        (
            api.operation(Operation::FetchDocument, [service, "desk", "more"]),
            "the request cannot be made: FetchDocument has 2 names in its path, 3 are given",
        ),
        (
            api.operation(Operation::FetchDocument, [service, ".."]),
            "the SID or unique name \"..\" cannot be sent: ",
        ),
        (
            api.operation(Operation::FetchDocument, [service, ""]),
            "the SID or unique name is empty; ",
        ),
        (
            api.request(Method::GET, ["v1", ".", "Services"]),
            "the SID or unique name \".\" cannot be sent: ",
        ),
        (
            api.request(Method::GET, ["v1", &too_long]),
            "the SID or unique name has 321 characters, at most 320 are allowed: ",
        ),
        (
            fetch().with_form(&["no", "pairs"]),
            "the request cannot be made: its form cannot be encoded: ",
        ),
        (
            fetch().with_if_match(Some(&Revision::new("1\r\nX-Evil: 1"))),
            "the revision \"1\\r\\nX-Evil: 1\" cannot be sent; ",
        ),
        (
            // The first error is reported.
            api.request(Method::GET, [".."])
                .with_if_match(Some(&Revision::new(""))),
            "the SID or unique name \"..\" cannot be sent: ",
        ),
    ] {
        let error = call.await.unwrap_err();
        assert!(matches!(error, Error::Input(_)), "{error:?}");
        assert!(error.to_string().starts_with(text), "{error}");
        assert!(error.call().is_none() && !error.is_outcome_unknown());
    }
    let error = documents(&sync).get("").response().await.unwrap_err();
    assert!(
        matches!(error, Error::Input(InputError::Empty { .. })),
        "{error}"
    );
    assert_eq!(operations(&emulator).len(), 0);
}

#[tokio::test]
async fn only_what_does_no_harm_is_sent_again() {
    let (emulator, _) = start().await;
    let retry = RetryPolicy::default().base_delay(Duration::ZERO);
    let sync = client_builder(&emulator).retry(retry).build().unwrap();
    let (api, service) = (sync.api(), sync.service().as_str());
    let collection = ["v1", "Services", service, "Documents"];
    let own = |method| api.request(method, collection);
    let create = || api.operation(Operation::CreateDocument, [service]);
    let attempts = async |call: twilio_sync::call::Call<_>| {
        emulator.clear_requests();
        emulator.inject(Fault::cut_after_write());
        let error = call.await.err();
        emulator.clear_faults();
        let is_unknown = error.is_some_and(|error| error.is_outcome_unknown());
        (emulator.requests().len(), is_unknown)
    };
    assert_eq!(attempts(own(Method::GET)).await, (2, false));
    assert_eq!(attempts(own(Method::POST)).await, (1, true));
    assert_eq!(
        attempts(own(Method::POST).at_least_once()).await,
        (2, false)
    );
    assert_eq!(attempts(create()).await, (1, true));
    let named = create().with_form(&[("UniqueName", "desk")]);
    assert_eq!(attempts(named).await, (1, true));
    let named = create().with_form(&[("UniqueName", "chair")]);
    // The second attempt meets what the first one left.
    assert_eq!(attempts(named.at_least_once()).await, (2, true));
}
