//! Services with one fault each: the rule that is meant for it finds it.

use std::fmt;

use chrono::{DateTime, Utc};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use twilio_sync::conformance::{self, Rule};
use twilio_sync::emulator::{Clock, Emulator, EmulatorService};
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};
use twilio_sync::{RetryPolicy, SyncClient};

/// Changes requests on their way to the emulator.
type Request = fn(&mut HttpRequest);

/// Changes the status and the JSON body of responses on their way back. It gets the method and the
/// path.
type Response = fn(&str, &mut StatusCode, &mut Value);

/// The emulator behind a fault.
#[derive(Clone)]
struct Faulty {
    emulator: EmulatorService,
    request: Request,
    response: Response,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").finish_non_exhaustive()
    }
}

impl HttpService for Faulty {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        (self.request)(&mut request);
        let call = format!("{} {}", request.method, request.url.path());
        let mut response = self.emulator.call(request).await?;
        let mut body = serde_json::from_slice(&response.body).unwrap_or_default();
        (self.response)(&call, &mut response.status, &mut body);
        if !body.is_null() {
            response.body = body.to_string().into();
        }
        Ok(response)
    }
}

fn same_request(_: &mut HttpRequest) {}

fn same_response(_: &str, _: &mut StatusCode, _: &mut Value) {}

fn start() -> (Emulator, SyncClient) {
    start_with(same_request, same_response)
}

/// An emulator, and a client of it with a fault between them.
fn start_with(request: Request, response: Response) -> (Emulator, SyncClient) {
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("a date");
    let emulator = Emulator::builder().clock(Clock::tokio(start));
    let emulator = emulator.in_process().expect("an emulator");
    let faulty = Faulty {
        emulator: emulator.http_service(),
        request,
        response,
    };
    let builder = emulator.client_builder().expect("a builder");
    let builder = builder.retry(RetryPolicy::none()).http_service(faulty);
    (emulator, builder.build().expect("a client"))
}

fn rule(name: &str) -> &'static Rule {
    let mut rules = conformance::rules();
    rules
        .find(|rule| rule.to_string() == name)
        .unwrap_or_else(|| panic!("no rule {name}"))
}

/// Checks that a rule passes without a fault, and finds this one, with the text of its failure.
async fn is_found_by(name: &str, request: Request, response: Response, failure: &str) {
    let (_emulator, sync) = start();
    rule(name).check(&sync).await.expect("the rule passes");
    let (_emulator, sync) = start_with(request, response);
    let found = rule(name).check(&sync).await.expect_err(name);
    assert!(found.to_string().starts_with(failure), "{name}: {found}");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_status_of_an_error_is_found() {
    let response: Response = |_, status, body| {
        if *status == StatusCode::CONFLICT {
            *status = StatusCode::BAD_REQUEST;
            body["status"] = json!(400);
        }
    };
    let failure = "a second CreateDocument: expected status 409 and code 54301, found \
                   create_document failed: 400 Bad Request, code 54301";
    let name = "names::a_name_is_unique_within_its_kind";
    is_found_by(name, same_request, response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_is_found() {
    let response: Response = |_, _, body| {
        if body["code"] == json!(54208) {
            body["code"] = json!(54301);
        }
    };
    let failure = "a second item of the key: expected status 409 and code 54208, found";
    is_found_by(
        "maps::a_key_is_created_once",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_revision_is_found() {
    let response: Response = |_, _, body| {
        if let Some(body) = body.as_object_mut() {
            body.remove("revision");
        }
    };
    let failure = "a body: expected the member `revision`, found Object";
    let name = "records::an_object_has_the_documented_members";
    is_found_by(name, same_request, response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn decimal_revisions_are_found() {
    let response: Response = |_, _, body| {
        if let Some(revision) = body["revision"].as_str() {
            let number = u64::from_str_radix(revision, 16).expect("a revision");
            body["revision"] = json!(number.to_string());
        }
    };
    let name = "documents::revisions_are_hexadecimal";
    let failure = r#"the revision after ten updates: expected "a", found "10""#;
    is_found_by(name, same_request, response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_that_does_not_change_is_found() {
    let response: Response = |_, _, body| {
        if body.get("revision").is_some() {
            body["revision"] = json!("0");
        }
    };
    let failure = r#"the revision after an update: expected "1", found "0""#;
    let name = "documents::each_write_adds_one_to_the_revision";
    is_found_by(name, same_request, response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn an_ignored_if_match_is_found() {
    let request: Request = |request| drop(request.headers.remove(header::IF_MATCH));
    let failure =
        "an update of another revision: expected status 412 and code 54103, found a success";
    let name = "documents::an_update_with_another_revision_is_rejected";
    is_found_by(name, request, same_response, failure).await;
    let failure = "the number of updates that were made: expected 1, found 5";
    let name = "documents::one_of_several_updates_of_a_revision_is_made";
    is_found_by(name, request, same_response, failure).await;
    let failure = "an update of an old revision: expected Some(412), found None";
    let name = "lists::a_revision_guards_an_item";
    is_found_by(name, request, same_response, failure).await;
    let failure =
        "an update of an old revision: expected status 412 and code 54205, found a success";
    let name = "maps::a_revision_guards_an_item";
    is_found_by(name, request, same_response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn a_swapped_order_is_found() {
    let response: Response = |_, _, body| {
        if let Some(items) = body["items"].as_array_mut() {
            items.reverse();
        }
    };
    let failure = "the indexes: expected [0, 1, 2], found [2, 1, 0]";
    is_found_by(
        "lists::items_are_listed_by_index",
        same_request,
        response,
        failure,
    )
    .await;
    let failure = "the keys: expected [";
    is_found_by(
        "maps::items_are_listed_by_key",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn ignored_bounds_are_found() {
    let request: Request = |request| {
        let query = request.url.query().unwrap_or_default();
        let query = query.replace("Bounds=exclusive", "Bounds=inclusive");
        request.url.set_query(Some(&query));
    };
    let failure = "the indexes from 3, asc, Some(Exclusive): expected [4], found [3, 4]";
    let name = "lists::a_listing_starts_at_an_index";
    is_found_by(name, request, same_response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_time_to_live_is_found() {
    let request: Request = |request| {
        let body = String::from_utf8_lossy(&request.body);
        request.body = body.replace("Ttl=600", "Ttl=").into();
    };
    let name = "expiry::a_ttl_counts_from_the_write";
    let failure = "date_expires of a Document: expected Some(2026-01-01T00:10:00Z), found None";
    is_found_by(name, request, same_response, failure).await;
}

#[tokio::test(start_paused = true)]
async fn a_merge_in_place_of_a_replacement_is_found() {
    let response: Response = |_, _, body| {
        if let Some(data) = body["data"].as_object_mut() {
            data.insert("a".to_owned(), json!(1));
        }
    };
    let failure = "the data of the update: expected Object";
    is_found_by(
        "documents::an_update_replaces_the_data",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_page_that_ends_too_early_is_found() {
    let response: Response = |_, _, body| {
        if body.get("meta").is_some() {
            body["meta"]["next_page_url"] = Value::Null;
        }
    };
    let failure = "the indexes of each page: expected [[0, 1], [2, 3], [4]], found [[0, 1]]";
    is_found_by(
        "pages::each_page_leads_to_the_next",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_used_again_is_found() {
    let response: Response = |call, _, body| {
        if call.starts_with("POST") && body["index"] == json!(4) {
            body["index"] = json!(2);
        }
    };
    let failure = "the index after a removal: expected above 2, found 2";
    is_found_by(
        "lists::an_index_is_never_reused",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_added_up_are_found() {
    let response: Response = |_, _, body| {
        if body["manage"] == json!(true) {
            body["read"] = json!(true);
        }
    };
    let failure = "the rights: expected Access(manage), found Access(read, manage)";
    is_found_by(
        "permissions::a_permission_is_replaced",
        same_request,
        response,
        failure,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_does_nothing_is_found() {
    let request: Request = |request| {
        if request.method == Method::DELETE {
            request.method = Method::GET;
        }
    };
    let failure = "delete_document: expected a success, found delete_document failed";
    is_found_by(
        "documents::a_removed_document_is_not_found",
        request,
        same_response,
        failure,
    )
    .await;
}

/// No rule passes at a service that does nothing: one whose every response is an error, and one whose
/// every response is a success without content.
#[tokio::test(start_paused = true)]
async fn no_rule_passes_at_a_service_that_does_nothing() {
    let broken: Response = |_, status, body| {
        *status = StatusCode::INTERNAL_SERVER_ERROR;
        *body = json!({"code": 20500, "message": "broken", "status": 500});
    };
    let empty: Response = |call, status, body| {
        *status = match call.split_once(' ') {
            Some(("DELETE", _)) => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        *body = json!({});
    };
    for response in [broken, empty] {
        let (_emulator, sync) = start_with(same_request, response);
        let report = conformance::run_all(&sync).await;
        let passed = report
            .checked()
            .iter()
            .filter(|checked| checked.result.is_ok());
        let passed: Vec<_> = passed.map(|checked| checked.rule.to_string()).collect();
        assert!(passed.is_empty(), "{passed:?}");
        let count = conformance::rules().count();
        let report = report.to_string();
        assert_eq!(report.lines().count(), count + 1);
        assert!(report.ends_with(&format!("\n0 of {count} rules passed")));
    }
}
