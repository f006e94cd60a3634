//! What is logged of calls: each as it went, and secrets never, which neither `Debug` nor `Display` shows.
//!
//! It is a program of its own, for what is logged depends on who else in the process has listened.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tracing::field::Empty;
use tracing::subscriber::DefaultGuard;
use tracing::{Instrument, Level};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use twilio_sync::emulator::{Fault, Operation};
use twilio_sync::{Credentials, Emulator};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Captured {
    /// Collects what this thread logs up to a level, until the guard is dropped.
    fn up_to(level: Level, events: FmtSpan) -> (Self, DefaultGuard) {
        let captured = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(events)
            .with_ansi(false)
            .with_writer(captured.clone())
            .finish();
        (captured, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The fields of the last span that was closed, but for those of the time.
    fn closed(&self) -> String {
        let text = self.text();
        let line = text.lines().rfind(|line| line.contains(" close ")).unwrap();
        let (_, fields) = line.split_once('{').unwrap();
        let (fields, _) = fields.split_once('}').unwrap();
        let is_of_time = |field: &&str| field.starts_with("duration_ms=");
        let fields: Vec<_> = fields
            .split(' ')
            .filter(|field| !is_of_time(field))
            .collect();
        fields.join(" ")
    }
}

#[tokio::test]
async fn a_span_tells_how_its_call_ended() {
    let (captured, _guard) = Captured::up_to(Level::DEBUG, FmtSpan::CLOSE);
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let docs = sync.documents::<serde_json::Value>();
    let desk = docs.create("desk", &json!({})).await.unwrap();
    assert_eq!(
        captured.closed(),
        "operation=\"create_document\" attempt=1 status=201"
    );

    emulator.inject(Fault::status(503));
    docs.get("desk").await.unwrap();
    assert_eq!(
        captured.closed(),
        "operation=\"fetch_document\" attempt=2 status=200"
    );

    emulator.inject(Fault::cut().on(Operation::DeleteDocument));
    docs.remove(&desk.sid).await.unwrap();
    assert_eq!(
        captured.closed(),
        "operation=\"delete_document\" attempt=2 status=204"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_down_is_one_event() {
    let (captured, _guard) = Captured::up_to(Level::INFO, FmtSpan::NONE);
    let emulator = Emulator::builder().rate_limits(true).in_process().unwrap();
    let sync = emulator.client().unwrap();
    sync.maps().create("m").await.unwrap();
    let map = sync.map::<serde_json::Value>("m");
    for slowed in 1..3 {
        let items = (0..400).map(|n| (format!("k{n}"), json!({})));
        map.set_many(items).concurrency(16).await.unwrap();
        let events = captured.text().matches("slowed down").count();
        assert_eq!(events, slowed, "{}", captured.text());
        tokio::time::sleep(Duration::from_secs(700)).await;
    }
}

#[tokio::test]
async fn the_span_of_a_caller_is_its_own() {
    let (captured, _guard) = Captured::up_to(Level::INFO, FmtSpan::CLOSE);
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let docs = sync.documents::<serde_json::Value>();
    let span = tracing::info_span!("mine", name = "x", status = Empty, attempt = Empty);
    let read = docs.get("desk").into_future();
    read.instrument(span).await.unwrap_err();
    assert_eq!(captured.closed(), "name=\"x\"");
}

#[tokio::test]
async fn secrets_of_a_failing_run() {
    let (captured, _guard) = Captured::up_to(Level::TRACE, FmtSpan::FULL);
    let emulator = Emulator::start().await.unwrap();
    let credentials = Credentials::api_key(
        emulator.account_sid(),
        emulator.api_key(),
        emulator.api_secret(),
    )
    .unwrap();
    let builder = emulator
        .client_builder()
        .unwrap()
        .credentials(credentials.clone());
    let sync = builder.clone().build().unwrap();
    let docs = sync.documents::<serde_json::Value>();

    let mut shown = vec![
        format!(
            "{credentials:?} {builder:?} {sync:?} {:?} {docs:?}",
            sync.api()
        ),
        format!("{:?} {emulator:?}", docs.create("desk", &json!({}))),
    ];
    docs.create("desk", &json!({"payload": "confidential"}))
        .await
        .unwrap();
    let faults = [
        Fault::status(401),
        Fault::status(400).body("no"),
        Fault::garbage(),
        Fault::cut().times(9),
        Fault::status(302),
    ];
    for fault in faults {
        emulator.inject(fault);
        let error = docs.get("desk").await.unwrap_err();
        emulator.clear_faults();
        let source = std::error::Error::source(&error);
        shown.push(format!("{error} {error:?} {error:#?} {source:?}"));
    }
    // The auth token, used and in the wrong places.
    let token = emulator.auth_token();
    let with_token = Credentials::auth_token(emulator.account_sid(), token).unwrap();
    let by_token = emulator
        .client_builder()
        .unwrap()
        .credentials(with_token)
        .build()
        .unwrap();
    let searched = by_token
        .documents::<serde_json::Value>()
        .search("desk")
        .await;
    shown.push(format!("{by_token:?} {searched:?}"));
    let misplaced = Credentials::auth_token(token, emulator.account_sid().as_str()).unwrap_err();
    shown.push(format!("{misplaced} {misplaced:?}"));
    let misplaced =
        Credentials::api_key(emulator.account_sid(), emulator.api_secret(), "x").unwrap_err();
    shown.push(format!("{misplaced} {misplaced:?}"));
    let misplaced = emulator
        .client_builder()
        .unwrap()
        .service(token)
        .build()
        .unwrap_err();
    shown.push(format!("{misplaced} {misplaced:?}"));
    shown.push(format!("{:?}", emulator.requests()));
    let log = captured.text();
    for part in [
        "operation",
        "fetch_document",
        "attempt=",
        "status=401",
        "duration_ms",
    ] {
        assert!(log.contains(part), "{part} is not in the log");
    }
    // Payloads have no place in logs either.
    assert!(!log.contains("confidential"), "{log}");
    shown.push(log);

    let user = emulator.api_key();
    for secret in [
        emulator.api_secret().to_owned(),
        emulator.auth_token().to_owned(),
        STANDARD.encode(emulator.api_secret()),
        STANDARD.encode(format!("{user}:{}", emulator.api_secret())),
        STANDARD.encode(format!("{}:{token}", emulator.account_sid())),
    ] {
        for text in &shown {
            assert!(!text.contains(&secret), "{text}");
            // The end of the base64 of `user:secret` does not depend on where the secret begins.
            assert!(!text.contains(secret.trim_end_matches('=')), "{text}");
        }
    }
}

/// A webhook that is rejected is a warning with the reason and the address that was checked.
#[cfg(feature = "axum")]
#[tokio::test(flavor = "current_thread")]
async fn a_rejected_webhook_is_a_warning() {
    use axum::body::Body;
    use axum::extract::{FromRequest, Request};
    use twilio_sync::webhooks::{Receiver, SignedWebhook, Validator};

    let (logs, _guard) = Captured::up_to(Level::WARN, FmtSpan::NONE);
    let url = "https://user:password@wrong.example";
    let receiver = Receiver::new("token").public_url(url);
    assert!(!format!("{receiver:?}").contains("password"));
    let check = async |receiver: &Receiver, signature: Option<String>| {
        let mut request = Request::post("/sync?x=1");
        if let Some(signature) = signature {
            request = request.header("X-Twilio-Signature", signature);
        }
        let request = request.body(Body::from("a=b")).unwrap();
        SignedWebhook::from_request(request, receiver)
            .await
            .unwrap_err();
    };
    let form = [("a".to_owned(), "b".to_owned())];
    let sign = |token, url: &str| Validator::new(token).sign(url, &form);
    check(&receiver, None).await;
    check(
        &receiver,
        Some(sign("token", "https://right.example/sync?x=1")),
    )
    .await;
    let checked = format!("{url}/sync?x=1");
    check(&receiver, Some(sign("token", &checked))).await;
    let unset = Receiver::new("").public_url(url);
    check(&unset, Some(sign("", &checked))).await;
    let text = logs.text();
    assert!(!text.contains("password"), "{text}");
    let shown = "https://***@wrong.example/sync?x=1";
    let lines: Vec<_> = text.lines().collect();
    let reasons = [
        "it has no signature",
        "its signature is not that of this address",
        "EventType",
        "the receiver has no auth token",
    ];
    assert_eq!(lines.len(), reasons.len(), "{text}");
    for (line, reason) in lines.iter().zip(reasons) {
        assert!(line.contains("WARN") && line.contains(shown), "{line}");
        assert!(line.contains(reason), "{line}");
    }
}
