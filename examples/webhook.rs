//! A receiver of webhooks beside the emulator: what a tour of all kinds of objects is told.

use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use twilio_sync::Emulator;
use twilio_sync::webhooks::{Receiver, SignedWebhook, Webhook};

#[derive(Clone, FromRef)]
struct App {
    receiver: Receiver,
    events: mpsc::UnboundedSender<Webhook>,
}

/// Answers 200; a webhook that is not signed never gets here, and is answered with 403.
async fn on_event(
    axum::extract::State(events): axum::extract::State<mpsc::UnboundedSender<Webhook>>,
    SignedWebhook(webhook): SignedWebhook,
) {
    // Nobody listens any more once the tour is over.
    let _ = events.send(webhook);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?;
    let (events, mut told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // The account's auth token signs webhooks, whatever the calls to the API are made with.
    let receiver = Receiver::new(emulator.auth_token());
    let app = Router::new()
        .route("/sync", post(on_event))
        .with_state(App { receiver, events });
    tokio::spawn(async move { axum::serve(listener, app).await });

    let service = sync.services().get_default().await?;
    sync.services()
        .update(&service.sid)
        .webhook_url(format!("http://{address}/sync"))
        .webhooks_from_rest_enabled(true)
        .await?;

    let desks = sync.documents::<Value>();
    desks.create("desk-7", &json!({"busy": false})).await?;
    desks.update("desk-7", &json!({"busy": true})).await?;
    desks.remove("desk-7").await?;
    sync.lists().create("log").await?;
    sync.list("log").add(&json!({"call": 1})).await?;
    sync.maps().create("phonebook").await?;
    sync.map("phonebook")
        .set("+815012345678", &json!({"name": "Alice"}))
        .await?;
    sync.streams().create("events").await?;
    sync.stream("events")
        .publish(&json!({"open": true}))
        .await?;
    sync.streams().remove("events").await?;

    while let Some(webhook) = told.recv().await {
        println!("{}: {:?}", webhook.event_type(), webhook.event());
        if webhook.event_type() == "stream_removed" {
            break;
        }
    }
    Ok(())
}
