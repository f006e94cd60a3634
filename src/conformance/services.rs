//! Services and their settings.

use std::time::Duration;

use serde_json::{Value, json};

use super::expect;
use super::fixture::Fixture;
use super::rule::rules;
use crate::api::Operation;

rules! { "services":
    /// The Service of the client is read by its SID or `default`, and its records say so.
    #[rule(Documented)]
    async fn a_service_is_found_by_its_reference(fixture: &Fixture) {
        let (sync, name) = (fixture.sync, fixture.new_document(&json!({})).await?);
        let service = sync.services().get(sync.service()).await?;
        let document = sync.documents::<Value>().get(&name).await?;
        expect::equal(
            "the SID of the Service",
            &document.service_sid,
            &service.sid,
        )?;
        expect::equal("the account", document.account_sid, service.account_sid)?;
        let by_sid = sync.with_service(service.sid.as_str())?;
        let found = by_sid.documents::<Value>().get(&name).await?;
        expect::equal(
            "the Document by the SID of its Service",
            found.sid,
            document.sid,
        )?;
    }

    /// A Service that is not there is not found, and nothing in it: 404, code 20404.
    #[rule(Inferred)]
    async fn a_missing_service_is_not_found(fixture: &Fixture) {
        let sid = format!("IS{:032x}", fastrand::u128(..));
        let sync = fixture.sync.with_service(&sid)?;
        expect::not_found("the Service", sync.services().get(sync.service()).await)?;
        expect::not_found("a Document", sync.documents::<Value>().get("desk").await)?;
        let created = sync.documents::<Value>().create("desk", &json!({})).await;
        expect::not_found("a new Document", created)?;
    }

    /// A new Service has a friendly name, no webhook, no access control, a debouncing window of 5
    /// seconds, and no unique name.
    #[rule(Documented, OwnService)]
    async fn a_new_service_has_default_settings(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        let service = own.services().get(own.service()).await?;
        expect::equal(
            "the friendly name",
            service.friendly_name,
            Some(fixture.name("service")),
        )?;
        expect::equal("the unique name", service.unique_name, None)?;
        expect::equal(
            "the webhook URL",
            service.webhook_url.unwrap_or_default(),
            "",
        )?;
        let flags = [
            service.acl_enabled,
            service.webhooks_from_rest_enabled,
            service.reachability_webhooks_enabled,
            service.reachability_debouncing_enabled,
        ];
        expect::equal("the flags", flags, [false; 4])?;
        expect::equal(
            "the debouncing window",
            service.reachability_debouncing_window,
            5000,
        )?;
    }

    /// A change of one setting leaves the others.
    #[rule(Documented, OwnService)]
    async fn settings_that_are_not_named_stay(fixture: &Fixture) {
        let url = "https://example.com/sync";
        let own = fixture
            .own_service(|settings| settings.acl_enabled(true).webhook_url(url))
            .await?;
        let services = own.services();
        services
            .update(own.service())
            .webhooks_from_rest_enabled(true)
            .await?;
        let service = services.get(own.service()).await?;
        expect::equal("the webhook URL", service.webhook_url.as_deref(), Some(url))?;
        let flags = [service.acl_enabled, service.webhooks_from_rest_enabled];
        expect::equal("the flags", flags, [true; 2])?;
    }

    /// A debouncing window has 1 to 30 seconds: else it is rejected with 400.
    #[rule(Inferred, OwnService)]
    async fn a_debouncing_window_has_1_to_30_seconds(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        for seconds in [1, 30] {
            let window = Duration::from_secs(seconds);
            let update = own.services().update(own.service());
            update.reachability_debouncing_window(window).await?;
        }
        for window in ["999", "30001"] {
            let update = fixture.call(Operation::UpdateService, &[own.service().as_str()]);
            let updated = update
                .with_form(&[("ReachabilityDebouncingWindow", window)])
                .await;
            let status = updated.err().and_then(|error| error.status());
            let status = status.map(|status| status.as_u16());
            expect::equal(&format!("the status of {window} ms"), status, Some(400))?;
        }
    }

    /// A friendly name has 1 to 255 characters: else 400, code 54053.
    #[rule(Inferred, OwnService)]
    async fn a_friendly_name_has_255_characters_at_most(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        let longest = "x".repeat(255);
        own.services()
            .update(own.service())
            .friendly_name(&longest)
            .await?;
        let update = fixture.call(Operation::UpdateService, &[own.service().as_str()]);
        let updated = update.with_form(&[("FriendlyName", longest + "x")]).await;
        expect::error("256 characters", updated, 400, 54053)?;
    }

    /// Services are separate: an object of one is not in another, by name or by SID.
    #[rule(Documented, OwnService)]
    async fn services_are_separate(fixture: &Fixture) {
        let (docs, name) = (fixture.sync.documents(), fixture.document("document"));
        let created = docs.create(&name, &json!({"n": 0})).await?;
        let own = fixture.own_service(|settings| settings).await?;
        let others = own.documents::<Value>();
        expect::not_found("the name in another Service", others.get(&name).await)?;
        expect::not_found("the SID in another Service", others.get(&created.sid).await)?;
        others.create(&name, &json!({"n": 1})).await?;
        expect::equal("the data", docs.get(&name).await?.data, json!({"n": 0}))?;
    }

    /// The removal of a Service removes all that is in it.
    #[rule(Inferred, OwnService)]
    async fn a_removed_service_has_no_objects(fixture: &Fixture) {
        let own = fixture.own_service(|settings| settings).await?;
        let docs = own.documents::<Value>();
        docs.create("desk", &json!({})).await?;
        own.services().remove(own.service()).await?;
        expect::not_found("the Service", own.services().get(own.service()).await)?;
        expect::not_found("a Document", docs.get("desk").await)?;
    }
}
