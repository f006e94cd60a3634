//! Error responses.

use http::Method;
use serde_json::json;

use super::expect;
use super::failure::Failure;
use super::fixture::Fixture;
use super::rule::rules;
use crate::api::Operation;

rules! { "errors":
    /// The body of an error response has a code, a message and the address of more information.
    #[rule(Documented)]
    async fn an_error_has_code_message_and_address(fixture: &Fixture) {
        let name = fixture.name("missing");
        let read = fixture.call(Operation::FetchDocument, &[&name]).await;
        let error = expect::error("a missing Document", read, 404, 20404)?;
        let Some(error) = error.service_error() else {
            return Err(Failure::new("the error", "one of the service", error));
        };
        let address = error.body.more_info.as_deref();
        expect::equal(
            "more_info",
            address,
            Some("https://www.twilio.com/docs/errors/20404"),
        )?;
        let message = error.body.message.as_deref().unwrap_or_default();
        expect::holds(
            "the message",
            !message.is_empty(),
            "a text",
            &error.body.message,
        )?;
    }

    /// The message of a 404 has the path of the request, without `/v1`.
    #[rule(Documented)]
    async fn a_404_names_the_path(fixture: &Fixture) {
        let name = fixture.name("missing");
        let read = fixture.call(Operation::FetchDocument, &[&name]);
        let path = read.path().trim_start_matches("/v1").to_owned();
        let error = expect::error("a missing Document", read.await, 404, 20404)?;
        let message = error
            .service_error()
            .and_then(|error| error.body.message.as_deref());
        let expected = format!("The requested resource {path} was not found");
        expect::equal("the message", message, Some(expected.as_str()))?;
    }

    /// The texts of documented errors are those of the service.
    #[rule(Documented)]
    async fn errors_have_their_messages(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let docs = fixture.sync.documents();
        let taken = docs.create(&name, &json!({})).await;
        let stale = docs.update(&name, &json!({})).if_match("7").await;
        for (result, status, code, expected) in [
            (taken, 409, 54301, "Unique name already exists"),
            (
                stale,
                412,
                54103,
                "The revision of the Document does not match the expected revision",
            ),
        ] {
            let error = expect::error(expected, result, status, code)?;
            let message = error
                .service_error()
                .and_then(|error| error.body.message.as_deref());
            expect::equal("the message", message, Some(expected))?;
        }
    }

    /// Form fields that the API does not know are ignored.
    #[rule(Inferred)]
    async fn unknown_fields_are_ignored(fixture: &Fixture) {
        let name = fixture.document("document");
        let form = [("UniqueName", name.as_str()), ("Unknown", "1")];
        let create = fixture
            .call(Operation::CreateDocument, &[])
            .with_form(&form);
        expect::equal(
            "the name",
            &fixture.body(create).await?["unique_name"],
            &json!(name),
        )?;
    }

    /// A method that a path does not have is rejected: 405, code 20004.
    #[rule(Inferred)]
    async fn another_method_is_rejected(fixture: &Fixture) {
        let path = [
            "v1",
            "Services",
            fixture.sync.service().as_str(),
            "Documents",
        ];
        let put = fixture.sync.api().request(Method::PUT, path).await;
        expect::error("PUT", put, 405, 20004)?;
    }

    /// A path that the API does not have is not found: 404, code 20404.
    #[rule(Inferred)]
    async fn an_unknown_path_is_not_found(fixture: &Fixture) {
        let path = ["v1", "Services", fixture.sync.service().as_str(), "Tables"];
        expect::not_found("GET", fixture.sync.api().request(Method::GET, path).await)?;
    }

    /// Each response has an identifier of its request, `RQ` and 32 hexadecimal digits, in the header
    /// `Twilio-Request-Id`.
    #[rule(Inferred)]
    async fn a_response_has_the_identifier_of_its_request(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let read = || fixture.call(Operation::FetchDocument, &[&name]).response();
        let (first, second) = (read().await?.request_id(), read().await?.request_id());
        let is_id = |id: &String| id.starts_with("RQ") && id.len() == 34;
        let expected = "RQ and 32 hexadecimal digits";
        expect::holds(
            "the identifier",
            first.as_ref().is_some_and(is_id),
            expected,
            &first,
        )?;
        expect::holds("the next one", second != first, "another one", &second)?;
    }
}
