//! A receiver of webhooks, with the emulator as the sender.

// README: webhook
use axum::{Router, routing::post};
use twilio_sync::webhooks::{Event, Receiver, SignedWebhook};

/// Only webhooks with a valid signature come here; others get the response 403.
async fn on_event(SignedWebhook(webhook): SignedWebhook) {
    match webhook.event() {
        Event::DocumentUpdated(desk) => println!("{:?} is now {:?}", desk.unique_name, desk.data),
        Event::MapItemAdded(item) => println!("{:?} is in the phone book", item.key),
        _ => println!("{}", webhook.event_type()),
    }
}

/// The auth token of the account signs webhooks, whatever the calls to the API are made with. The URL
/// is the public one, by which Twilio reaches this program: it is signed too.
fn app(auth_token: &str, public_url: &str) -> Router {
    let receiver = Receiver::new(auth_token).public_url(public_url);
    Router::new()
        .route("/sync", post(on_event))
        .with_state(receiver)
}
// end

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use twilio_sync::{Emulator, SyncClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::start().await?;
    let sync = emulator.client()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = app(emulator.auth_token(), &url);
    tokio::spawn(async move { axum::serve(listener, app).await });

    // Changes made through the REST API are posted only where the Service says so.
    sync.services()
        .update("default")
        .webhook_url(format!("{url}/sync"))
        .webhooks_from_rest_enabled(true)
        .await?;
    write_something(&sync).await?;

    // Webhooks follow the writes; the emulator logs each with the status of its response.
    while emulator.webhooks().len() < 5 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = emulator.webhooks();
    let refused = refused
        .iter()
        .filter(|webhook| webhook.status() != Some(200));
    assert_eq!(refused.count(), 0);
    Ok(())
}

async fn write_something(sync: &SyncClient) -> twilio_sync::Result<()> {
    let desks = sync.documents::<Value>();
    desks.create("desk-7", &json!({"busy": false})).await?;
    desks.update("desk-7", &json!({"busy": true})).await?;
    desks.remove("desk-7").await?;
    sync.maps().create("phonebook").await?;
    let phones = sync.map("phonebook");
    phones
        .set("+815012345678", &json!({"name": "Alice"}))
        .await?;
    Ok(())
}
