//! Webhooks: what the service posts to a Service's `webhook_url`, typed, and proven to come from it.
//!
//! A [`Validator`] checks the signature, a [`Webhook`] is what a body or query string says.
#![cfg_attr(
    feature = "axum",
    doc = "With the feature `axum`, [`SignedWebhook`] is an extractor that does both."
)]
//!
//! ```
//! use twilio_sync::webhooks::{Event, Validator, Webhook};
//!
//! let validator = Validator::new("the account's auth token");
//! let url = "https://example.com/sync"; // as the service called it
//! let body = "EventType=document_updated&AccountSid=AC1&ServiceSid=IS1&DocumentSid=ET1\
//!             &DocumentUniqueName=desk-7&DocumentRevision=2&DocumentData=%7B%22busy%22%3Atrue%7D";
//! # let parameters: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
//! # let signature = validator.sign(url, &parameters);
//! // `signature` is the header X-Twilio-Signature.
//! let webhook = Webhook::parse(body)?;
//! if validator.is_valid(url, webhook.parameters(), &signature) {
//!     if let Event::DocumentUpdated(document) = webhook.event() {
//!         let data: serde_json::Value = document.data.as_ref().expect("it has data").decode()?;
//!         assert_eq!(data["busy"], true);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
#[cfg(feature = "axum")]
mod extract;
mod signature;

pub use event::{
    DocumentEvent, Event, ListItemEvent, MapItemEvent, ObjectEvent, StreamMessageEvent, Webhook,
    WebhookError,
};
#[cfg(feature = "axum")]
pub use extract::{Receiver, Rejection, SignedWebhook};
pub use signature::{SIGNATURE_HEADER, Validator};
