//! The helpers for Services.

use std::time::Duration;

use futures_util::TryStreamExt;
use twilio_sync::Error;
use twilio_sync::call::Outcome;
use twilio_sync::value::{InputError, ServiceReference, ServiceSid};

use crate::{operations, start};

#[tokio::test]
async fn create_get_search_ensure_update_remove() {
    let (emulator, sync) = start().await;
    let services = sync.services();
    assert_eq!(
        services.get("default").await.unwrap().sid,
        *emulator.service_sid()
    );
    let created = services
        .create("staging")
        .webhook_url("https://example.com/hook")
        .webhooks_from_rest_enabled(true)
        .reachability_webhooks_enabled(true)
        .acl_enabled(true)
        .reachability_debouncing_enabled(true)
        .reachability_debouncing_window(Duration::from_millis(1_500))
        .await
        .unwrap();
    assert_eq!(created.friendly_name.as_deref(), Some("staging"));
    assert_eq!(
        created.webhook_url.as_deref(),
        Some("https://example.com/hook")
    );
    assert!(created.webhooks_from_rest_enabled && created.reachability_webhooks_enabled);
    assert!(created.acl_enabled && created.reachability_debouncing_enabled);
    assert_eq!(created.reachability_debouncing_window, 1_500);
    assert_eq!(services.get(&created.sid).await.unwrap().sid, created.sid);
    let sid = created.sid.as_str();
    assert_eq!(services.get(sid).await.unwrap().sid, created.sid);
    let reference = ServiceReference::try_from(&created.sid).unwrap();
    let found = services.find(reference).await.unwrap().unwrap();
    assert_eq!(found.sid, created.sid);
    assert_eq!(
        services.search("staging").await.unwrap().unwrap().sid,
        created.sid
    );
    assert!(services.search("production").await.unwrap().is_none());

    operations(&emulator);
    let found = services.ensure("staging").await.unwrap();
    assert_eq!(
        (found.outcome, &found.object.sid),
        (Outcome::Unchanged, &created.sid)
    );
    assert_eq!(operations(&emulator), ["ListService"]);
    let made = services
        .ensure("production")
        .acl_enabled(true)
        .await
        .unwrap();
    assert!(made.is_created() && made.object.acl_enabled);
    assert_eq!(operations(&emulator), ["ListService", "CreateService"]);

    let updated = services
        .update(&created.sid)
        .friendly_name("test")
        .webhook_url("")
        .await
        .unwrap();
    assert_eq!(
        (updated.friendly_name.as_deref(), updated.webhook_url),
        (Some("test"), None)
    );
    assert!(updated.acl_enabled, "what is not named stays");
    assert_eq!(
        services.all().try_collect::<Vec<_>>().await.unwrap().len(),
        3
    );

    let staging = sync.with_service(created.sid.as_str()).unwrap();
    staging.lists().create("log").await.unwrap();
    assert_eq!(sync.lists().search("log").await.unwrap(), None);
    services.remove(&created.sid).await.unwrap();
    assert!(services.get(&created.sid).await.unwrap_err().is_not_found());
    assert_eq!(services.find(&created.sid).await.unwrap(), None);
    let error = services.remove(&created.sid).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(staging.lists().get("log").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn bad_settings_and_what_is_no_service_are_not_sent() {
    let (emulator, sync) = start().await;
    let services = sync.services();
    let sid = ServiceSid::new(emulator.service_sid()).unwrap();
    // A friendly name is no address: a removal by one would be a guess.
    for result in [
        services.remove("staging").await,
        services.update("staging").acl_enabled(true).await.map(drop),
        services.get("staging").await.map(drop),
        services.find("").await.map(drop),
        services.remove("..".to_owned()).await,
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(error, Error::Input(InputError::Sid { .. })),
            "{error}"
        );
    }
    for (error, text) in [
        (
            services.create("x".repeat(256)).await.unwrap_err(),
            "the friendly name has 256 characters, at most 255 are allowed: ",
        ),
        (
            services
                .update(&sid)
                .webhook_url("x".repeat(513))
                .await
                .unwrap_err(),
            "the webhook URL has 513 characters, at most 512 are allowed: ",
        ),
        (
            services
                .ensure("x")
                .reachability_debouncing_window(Duration::from_millis(999))
                .await
                .map(drop)
                .unwrap_err(),
            "the reachability debouncing window is 999ms, 1 s to 30 s are allowed",
        ),
    ] {
        assert!(error.to_string().starts_with(text), "{error}");
    }
    assert_eq!(operations(&emulator).len(), 0);
}
