//! Webhooks: what happens in a service, posted to where it wants to be told.
//!
//! Events queue up in the order of the writes, and one task posts them, so
//! no write waits. What cannot be delivered is not tried again.

mod endpoints;
mod parameters;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use reqwest::redirect;
use tokio::sync::mpsc;
use url::{Url, form_urlencoded};

pub(super) use self::endpoints::Endpoints;
use super::data_file::DataFile;
use super::recent::{self, Recent};
use super::store::Event;
use crate::webhooks::Validator;

/// How many events may wait to be posted.
const QUEUE: usize = 10_000;
/// How long a receiver may take to answer.
const TIMEOUT: Duration = Duration::from_secs(15);
const SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");
const USER_AGENT: &str = concat!("twilio-sync-emulator/", env!("CARGO_PKG_VERSION"));

/// A webhook the emulator posted, or could not post.
///
/// The newest 10,000 are kept, fewer when their addresses and parameters
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

    /// What happened, such as `document_created`.
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

    /// The status it was answered with; none if there was no answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.outcome.as_ref().ok().copied()
    }

    /// Why there was no answer.
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
pub(super) type WebhookLog = Recent<LoggedWebhook>;

/// Who signs webhooks.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) account_sid: String,
    pub(super) validator: Validator,
}

/// An event, and the write it may be told of only after.
struct Pending {
    event: Event,
    after: u64,
}

/// Takes events to be posted.
pub(super) struct Outbox {
    queue: mpsc::Sender<Pending>,
    sender: Sender,
    log: Arc<WebhookLog>,
}

impl Outbox {
    /// An outbox, and the task that posts what is put into it; the task ends with the outbox.
    pub(super) fn new(
        sender: Sender,
        data_file: Option<Arc<DataFile>>,
        log: Arc<WebhookLog>,
    ) -> (Self, impl Future<Output = ()>) {
        let (queue, pending) = mpsc::channel(QUEUE);
        let worker = Worker {
            pending,
            sender: sender.clone(),
            data_file,
            log: Arc::clone(&log),
        };
        (Self { queue, sender, log }, worker.run())
    }

    /// Queues an event that is to be told once `after` writes are on disk.
    pub(super) fn put(&self, event: Event, after: u64) {
        if let Err(refused) = self.queue.try_send(Pending { event, after }) {
            let event = refused.into_inner().event;
            let letter = Letter::new(&self.sender, event);
            self.log
                .push(letter.logged(Err("not sent: the queue is full".into())));
        }
    }
}

/// A webhook ready to be posted.
struct Letter {
    /// Where it goes, with user name and password.
    address: Box<str>,
    /// That address as the receiver sees it.
    url: Box<str>,
    parameters: Vec<(String, String)>,
    signature: String,
}

impl Letter {
    fn new(sender: &Sender, event: Event) -> Self {
        let url = as_received(&event.url);
        let parameters = parameters::parameters(&sender.account_sid, &event);
        let signature = sender.validator.sign(&url, &parameters);
        Self {
            address: event.url,
            url,
            parameters,
            signature,
        }
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
        // It was parsed before it was kept.
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
        // Made when it is needed: it takes longer than the emulator's start does.
        let mut client = None;
        while let Some(Pending { event, after }) = self.pending.recv().await {
            let letter = Letter::new(&self.sender, event);
            // What is not on disk may never have happened.
            let is_kept = match &self.data_file {
                Some(data_file) => data_file.kept(after).await.is_ok(),
                None => true,
            };
            let outcome = if is_kept {
                match client.get_or_insert_with(new_client) {
                    Ok(client) => letter.post(client).await,
                    Err(error) => Err(error.clone()),
                }
            } else {
                Err("not sent: the write was not kept".into())
            };
            if let Err(error) = &outcome {
                tracing::debug!(%error, url = %letter.url, "a webhook was not delivered");
            }
            self.log.push(letter.logged(outcome));
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
