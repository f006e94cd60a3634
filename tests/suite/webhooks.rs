//! Webhooks: from the emulator through the extractor to the event that caused them.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use twilio_sync::webhooks::{Event, Receiver, SignedWebhook, Validator, Webhook};
use twilio_sync::{Emulator, SyncClient};

use crate::start;

#[derive(Clone, FromRef)]
struct App {
    receiver: Receiver,
    events: mpsc::UnboundedSender<Webhook>,
}

async fn on_event(
    axum::extract::State(events): axum::extract::State<mpsc::UnboundedSender<Webhook>>,
    SignedWebhook(webhook): SignedWebhook,
) {
    let _ = events.send(webhook);
}

/// A receiver on a port of its own: its address and what it receives.
async fn receive(receiver: Receiver) -> (String, mpsc::UnboundedReceiver<Webhook>) {
    let (events, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/sync", any(on_event))
        .nest("/nested", Router::new().route("/sync", any(on_event)))
        .with_state(App { receiver, events });
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/sync"), told)
}

/// A service that tells such a receiver everything.
async fn service_with_webhooks() -> (Emulator, SyncClient, mpsc::UnboundedReceiver<Webhook>) {
    let (emulator, sync) = start().await;
    let (url, told) = receive(Receiver::new(emulator.auth_token())).await;
    let service = sync.services().get("default").await.unwrap();
    sync.services()
        .update(&service.sid)
        .webhook_url(format!("{url}?shop=7&name=a%20b"))
        .webhooks_from_rest_enabled(true)
        .reachability_webhooks_enabled(true)
        .await
        .unwrap();
    (emulator, sync, told)
}

#[tokio::test]
async fn every_event_arrives_as_what_caused_it() {
    let (emulator, sync, mut told) = service_with_webhooks().await;
    macro_rules! event {
        ($pattern:pat => $check:block) => {{
            let webhook = told.recv().await.unwrap();
            assert_eq!(webhook.service_sid(), Some(emulator.service_sid().as_str()));
            assert_eq!(webhook.account_sid(), Some(emulator.account_sid().as_str()));
            let $pattern = webhook.event().clone() else { panic!("{webhook:?}") };
            $check
            webhook
        }};
    }
    let docs = sync.documents::<Value>();
    let document = docs.create("desk", &json!({"n": "é&=+"})).await.unwrap();
    let webhook = event!(Event::DocumentCreated(event) => {
        assert_eq!((&event.sid, event.unique_name.as_deref()), (&document.sid, Some("desk")));
        assert_eq!(event.revision, Some(0));
        assert_eq!(event.data.unwrap().decode::<Value>().unwrap(), json!({"n": "é&=+"}));
    });
    assert_eq!(
        (webhook.identity(), webhook.endpoint_id()),
        (Some("system"), None)
    );
    docs.update("desk", &json!({"n": 2})).await.unwrap();
    event!(Event::DocumentUpdated(event) => { assert_eq!(event.revision, Some(1)); });
    docs.remove("desk").await.unwrap();
    event!(Event::DocumentRemoved(event) => { assert!(event.data.is_none()); });

    let list = sync.lists().create("log").await.unwrap();
    event!(Event::ListCreated(event) => { assert_eq!(event.sid, list.sid); });
    let log = sync.list::<Value>("log");
    log.add(&json!({"n": 1})).await.unwrap();
    event!(Event::ListItemAdded(event) => {
        assert_eq!((event.index, event.list.unique_name.as_deref()), (Some(0), Some("log")));
        assert_eq!(event.data.unwrap().as_str(), "{\"n\":1}");
    });
    log.update(0, &json!({"n": 2})).await.unwrap();
    event!(Event::ListItemUpdated(event) => { assert_eq!(event.event_id, Some(1)); });
    log.remove(0).await.unwrap();
    event!(Event::ListItemRemoved(event) => { assert_eq!(event.index, Some(0)); });
    sync.lists().remove("log").await.unwrap();
    event!(Event::ListRemoved(event) => { assert_eq!(event.unique_name.as_deref(), Some("log")); });

    let map = sync.maps().create("map").await.unwrap();
    event!(Event::MapCreated(event) => { assert_eq!(event.sid, map.sid); });
    let items = sync.map::<Value>("map");
    items.set("+81/é", &json!({})).await.unwrap();
    event!(Event::MapItemAdded(event) => { assert_eq!(event.key.as_deref(), Some("+81/é")); });
    items.set("+81/é", &json!({"n": 1})).await.unwrap();
    event!(Event::MapItemUpdated(event) => { assert_eq!(event.revision, Some(1)); });
    items.remove("+81/é").await.unwrap();
    event!(Event::MapItemRemoved(event) => { assert_eq!(event.map.sid, map.sid); });
    sync.maps().remove("map").await.unwrap();
    event!(Event::MapRemoved(event) => { assert_eq!(event.sid, map.sid); });

    let stream = sync.streams().create("events").await.unwrap();
    event!(Event::StreamCreated(event) => { assert_eq!(event.sid, stream.sid); });
    let sid = sync
        .stream::<Value>("events")
        .publish(&json!({"open": true}))
        .await
        .unwrap();
    event!(Event::StreamMessagePublished(event) => {
        assert_eq!((event.sid, event.stream.sid), (Some(sid), stream.sid.clone()));
        assert_eq!(event.data.unwrap().as_str(), "{\"open\":true}");
    });
    sync.streams().remove("events").await.unwrap();
    event!(Event::StreamRemoved(event) => { assert_eq!(event.sid, stream.sid); });

    emulator
        .connect_endpoint(emulator.service_sid().as_str(), "bob", "phone")
        .unwrap();
    let webhook = event!(Event::EndpointConnected => {});
    assert_eq!(
        (webhook.identity(), webhook.endpoint_id()),
        (Some("bob"), Some("phone"))
    );
    emulator
        .disconnect_endpoint(emulator.service_sid().as_str(), "bob", "phone")
        .unwrap();
    event!(Event::EndpointDisconnected => {});

    // Each as it was sent passes the check, and not a bit otherwise.
    let validator = Validator::new(emulator.auth_token());
    // The log has one once its answer came, which may be after it was received.
    while emulator.webhooks().len() < 18 {
        tokio::task::yield_now().await;
    }
    let sent = emulator.webhooks();
    for webhook in sent {
        let mut parameters = webhook.parameters().to_vec();
        assert!(validator.is_valid(webhook.url(), &parameters, webhook.signature()));
        parameters[0].1.push('x');
        assert!(!validator.is_valid(webhook.url(), &parameters, webhook.signature()));
        assert_eq!(webhook.status(), Some(200));
    }
}

#[tokio::test]
async fn what_is_not_signed_is_refused() {
    let (url, mut told) = receive(Receiver::new("token")).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = vec![("EventType".to_owned(), "list_created".to_owned())];
    let post = async |url: &str, body: &str, signature: Option<String>| {
        let mut request = http.post(url).body(body.to_owned());
        if let Some(signature) = signature {
            request = request.header("X-Twilio-Signature", signature);
        }
        request.send().await.unwrap().status().as_u16()
    };
    let body = "EventType=list_created";
    let signed = Validator::new("token").sign(&url, &form);
    assert_eq!(post(&url, body, None).await, 403);
    assert_eq!(post(&url, body, Some("nonsense".to_owned())).await, 403);
    assert_eq!(
        post(&url, body, Some(Validator::new("other").sign(&url, &form))).await,
        403
    );
    assert_eq!(
        post(&url, "EventType=list_removed", Some(signed.clone())).await,
        403
    );
    assert_eq!(
        post(&format!("{url}?a=b"), body, Some(signed.clone())).await,
        403
    );
    // Signed, and yet no webhook of Sync: it has no ListSid.
    assert_eq!(post(&url, body, Some(signed)).await, 400);
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn the_address_is_the_one_the_service_called() {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let validator = Validator::new("token");
    let form = [("EventType".to_owned(), "endpoint_connected".to_owned())];
    // Behind a proxy that says so.
    let (url, mut told) = receive(Receiver::new("token")).await;
    let request = http
        .post(&url)
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "example.com")
        .header(
            "X-Twilio-Signature",
            validator.sign("https://example.com/sync", &form),
        )
        .body("EventType=endpoint_connected");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(told.recv().await.is_some());
    // Behind two, and in a router that is part of another.
    let request = http
        .post(url.replace("/sync", "/nested/sync"))
        .header("X-Forwarded-Proto", "https, http")
        .header("X-Forwarded-Host", "example.com , inner.example")
        .header(
            "X-Twilio-Signature",
            validator.sign("https://example.com/nested/sync", &form),
        )
        .body("EventType=endpoint_connected");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(told.recv().await.is_some());
    // Behind one that does not, with its address given.
    let receiver = Receiver::new("token").public_url("https://example.com/below/");
    let (url, mut told) = receive(receiver).await;
    let signed = validator.sign("https://example.com/below/sync?a=b", &form);
    let request = http
        .post(format!("{url}?a=b"))
        .header("X-Twilio-Signature", signed)
        .body("EventType=endpoint_connected");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(told.recv().await.is_some());
    // A query string, if that is how it comes.
    let query = "EventType=endpoint_disconnected&Identity=bob";
    let signed = validator.sign(&format!("https://example.com/below/sync?{query}"), &[]);
    let request = http
        .get(format!("{url}?{query}"))
        .header("X-Twilio-Signature", signed);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(told.recv().await.unwrap().identity(), Some("bob"));
}
