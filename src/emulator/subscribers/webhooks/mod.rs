//! Webhooks: events of a Service, posted to its webhook URL.
//!
//! Events are queued in the order of the writes, and one task posts them, so no write waits. One
//! that cannot be delivered is not posted again.
//!
//! An event of an object, item, message or endpoint is posted when its Service has a `webhook_url`,
//! and
//! - for changes by the system, as over REST: `webhooks_from_rest_enabled`;
//! - for endpoints: `reachability_webhooks_enabled`;
//! - for changes by an identity: always.

mod endpoints;
mod parameters;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use reqwest::redirect;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use url::{Url, form_urlencoded};

pub(in crate::emulator) use self::endpoints::Endpoints;
use super::Subscriber;
use super::data_file::DataFile;
use super::recent::{self, Recent};
use crate::emulator::store::{Actor, Cause, Event, ServiceState, Subject};
use crate::webhooks::Validator;

/// The maximum number of events that wait to be posted.
const QUEUE: usize = 10_000;
/// The time in which a receiver has to respond.
const TIMEOUT: Duration = Duration::from_secs(15);
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const USER_AGENT: &str = concat!("twilio-sync-emulator/", env!("CARGO_PKG_VERSION"));

/// A webhook that the emulator posted, or could not post.
///
/// The log has the newest 10,000, fewer when their addresses and parameters
/// exceed 16 MiB.
#[derive(Clone, Debug)]
pub struct LoggedWebhook {
    url: Box<str>,
    parameters: Vec<(String, String)>,
    signature: String,
    outcome: Result<u16, Box<str>>,
}

impl LoggedWebhook {
    /// The address it was posted to, as the receiver sees it: without user
    /// name, password and fragment. That is what the signature covers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The form parameters, in the order they were sent.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// The value of a form parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The type of the event, such as `document_created`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.parameter(parameters::name::EVENT_TYPE)
            .unwrap_or_default()
    }

    /// The `X-Twilio-Signature` header.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The status of the response; none if there was no response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.outcome.as_ref().ok().copied()
    }

    /// The reason that there was no response.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.outcome.as_ref().err().map(|error| &**error)
    }
}

impl recent::Entry for LoggedWebhook {
    fn size(&self) -> usize {
        let size = |(name, value): &(String, String)| name.len() + value.len();
        let error = self.error().map_or(0, str::len);
        self.parameters.iter().map(size).sum::<usize>() + self.url.len() + error
    }
}

/// The newest webhooks, the oldest of them first.
pub(in crate::emulator) type WebhookLog = Recent<LoggedWebhook>;

/// The account whose webhooks are signed.
#[derive(Clone)]
pub(in crate::emulator) struct Sender {
    pub(in crate::emulator) account_sid: String,
    pub(in crate::emulator) validator: Validator,
}

/// An event, and the number of writes that must be on disk before it is posted.
struct Pending {
    event: Arc<Event>,
    after: u64,
}

/// Queues events to be posted.
pub(in crate::emulator) struct Outbox {
    queue: mpsc::Sender<Pending>,
    sender: Sender,
    data_file: Option<Arc<DataFile>>,
    log: Arc<WebhookLog>,
}

impl Outbox {
    /// An outbox, and the task that posts its events; the task ends with the outbox.
    ///
    /// With a data file, which must be a subscriber before the outbox, events are posted once
    /// their writes are on disk.
    pub(in crate::emulator) fn new(
        sender: Sender,
        data_file: Option<Arc<DataFile>>,
        log: Arc<WebhookLog>,
    ) -> (Self, impl Future<Output = ()>) {
        let (queue, pending) = mpsc::channel(QUEUE);
        let outbox = Self {
            queue,
            sender: sender.clone(),
            data_file: data_file.clone(),
            log: Arc::clone(&log),
        };
        let worker = Worker {
            pending,
            sender,
            data_file,
            log,
        };
        (outbox, worker.run())
    }
}

impl Subscriber for Outbox {
    fn wants(&self, service: &ServiceState, actor: &Actor, cause: Cause) -> bool {
        let settings = &service.settings;
        settings.webhook_url.is_some()
            && cause == Cause::Write
            && (settings.webhooks_from_rest_enabled
                || settings.reachability_webhooks_enabled
                || *actor != Actor::System)
    }

    fn receive(&self, events: &[Arc<Event>]) {
        let after = self.data_file.as_ref().map_or(0, |file| file.queued());
        for event in events.iter().filter(|event| is_posted(event)) {
            let event = Arc::clone(event);
            let Err(unsent) = self.queue.try_send(Pending { event, after }) else {
                continue;
            };
            let cause = match &unsent {
                TrySendError::Full(_) => "not sent: the queue is full",
                TrySendError::Closed(_) => "not sent: an emulator in process posts no webhooks",
            };
            if let Some(webhook) = Webhook::new(&self.sender, &unsent.into_inner().event) {
                self.log.push(webhook.logged(Err(cause.into())));
            }
        }
    }
}

/// Returns true if the Service has a webhook for this event.
fn is_posted(event: &Event) -> bool {
    let settings = &event.service.settings;
    let is_enabled = match (&event.subject, &event.actor) {
        (Subject::Endpoint { .. }, _) => settings.reachability_webhooks_enabled,
        (_, Actor::System) => settings.webhooks_from_rest_enabled,
        (_, Actor::Identity(_)) => true,
    };
    settings.webhook_url.is_some()
        && event.cause == Cause::Write
        && is_enabled
        && parameters::event_type(&event.subject).is_some()
}

/// A webhook ready to be posted.
struct Webhook {
    /// The webhook URL, with user name and password.
    address: Box<str>,
    /// That address as the receiver sees it.
    url: Box<str>,
    parameters: Vec<(String, String)>,
    signature: String,
}

impl Webhook {
    /// The webhook of an event; none if the Service has none for it.
    fn new(sender: &Sender, event: &Event) -> Option<Self> {
        let address = event.service.settings.webhook_url.clone()?;
        let url = as_received(&address);
        let parameters = parameters::parameters(&sender.account_sid, event)?;
        let signature = sender.validator.sign(&url, &parameters);
        Some(Self {
            address,
            url,
            parameters,
            signature,
        })
    }

    async fn post(&self, client: &reqwest::Client) -> Result<u16, Box<str>> {
        let signature = HeaderValue::from_str(&self.signature).map_err(describe)?;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.parameters)
            .finish();
        let response = client
            .post(&*self.address)
            .header(
                header::CONTENT_TYPE,
                "application/x-www-form-urlencoded; charset=utf-8",
            )
            .header(SIGNATURE, signature)
            .body(body)
            .send()
            .await
            .map_err(describe)?;
        Ok(response.status().as_u16())
    }

    fn logged(self, outcome: Result<u16, Box<str>>) -> LoggedWebhook {
        LoggedWebhook {
            url: self.url,
            parameters: self.parameters,
            signature: self.signature,
            outcome,
        }
    }
}

/// The address as the receiver of a request to it sees it: normalised, with a path, and without
/// fragment, user name and password, of which the latter two are sent as `Authorization`.
fn as_received(url: &str) -> Box<str> {
    match Url::parse(url) {
        Ok(mut url) => {
            url.set_fragment(None);
            // Addresses with a host, as these are, can have both.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            String::from(url).into()
        }
        // It was parsed when the setting was written.
        Err(_) => url.into(),
    }
}

/// An error with its causes.
fn describe(error: impl std::error::Error) -> Box<str> {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.into()
}

struct Worker {
    pending: mpsc::Receiver<Pending>,
    sender: Sender,
    data_file: Option<Arc<DataFile>>,
    log: Arc<WebhookLog>,
}

impl Worker {
    async fn run(mut self) {
        // Created when it is needed: that takes longer than the start of the emulator.
        let mut client = None;
        while let Some(Pending { event, after }) = self.pending.recv().await {
            let Some(webhook) = Webhook::new(&self.sender, &event) else {
                continue;
            };
            // A write that is not on disk is lost when the emulator ends.
            let is_stored = match &self.data_file {
                Some(data_file) => data_file.stored(after).await.is_ok(),
                None => true,
            };
            let outcome = if is_stored {
                match client.get_or_insert_with(new_client) {
                    Ok(client) => webhook.post(client).await,
                    Err(error) => Err(error.clone()),
                }
            } else {
                Err("not sent: the write was not stored".into())
            };
            if let Err(error) = &outcome {
                tracing::debug!(%error, url = %webhook.url, "a webhook was not delivered");
            }
            self.log.push(webhook.logged(outcome));
        }
    }
}

fn new_client() -> Result<reqwest::Client, Box<str>> {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(describe)
}
