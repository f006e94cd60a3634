//! Access tokens.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::json;
use twilio_sync::emulator::Clock;
use twilio_sync::tokens::TokenBuilder;
use twilio_sync::value::InputError;
use twilio_sync::{Credentials, Emulator, Error};

use crate::{client_builder, start};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";

fn credentials() -> Credentials {
    Credentials::api_key(ACCOUNT, KEY, "the secret").unwrap()
}

#[test]
fn claims_are_those_of_the_documentation() {
    let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let claims = TokenBuilder::new(credentials(), "bob", "default")
        .endpoint_id("browser-1")
        .lifetime(Duration::from_secs(60))
        .grant("video", json!({"room": "lobby"}))
        .issued_at(issued)
        .not_before(issued)
        .claims()
        .unwrap();
    assert_eq!(
        serde_json::to_value(&claims).unwrap(),
        json!({
            "jti": format!("{KEY}-1700000000"),
            "iss": KEY,
            "sub": ACCOUNT,
            "iat": 1_700_000_000,
            "nbf": 1_700_000_000,
            "exp": 1_700_000_060,
            "grants": {
                "identity": "bob",
                "data_sync": {"service_sid": "default", "endpoint_id": "browser-1"},
                "video": {"room": "lobby"},
            },
        })
    );
}

#[test]
fn what_cannot_be_a_token_is_not_signed() {
    let builder = || TokenBuilder::new(credentials(), "bob", "default");
    for lifetime in [0, 86_401] {
        let error = builder()
            .lifetime(Duration::from_secs(lifetime))
            .sign()
            .unwrap_err();
        assert!(
            matches!(error, Error::Input(InputError::TokenLifetime { .. })),
            "{error}"
        );
    }
    assert!(
        builder()
            .lifetime(Duration::from_secs(86_400))
            .sign()
            .is_ok()
    );
    assert!(
        TokenBuilder::new(credentials(), "", "default")
            .sign()
            .is_err()
    );
    assert!(
        TokenBuilder::new(credentials(), "x".repeat(257), "default")
            .sign()
            .is_err()
    );
    assert!(
        TokenBuilder::new(credentials(), "bob", "ET1")
            .sign()
            .is_err()
    );
    let by_token = Credentials::auth_token(ACCOUNT, "token").unwrap();
    let error = TokenBuilder::new(by_token, "bob", "default")
        .sign()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "missing: an API key with its secret: an auth token cannot sign access tokens"
    );
    assert!(builder().grant("identity", json!("eve")).sign().is_err());
    assert!(
        builder()
            .not_before(SystemTime::now() + Duration::from_secs(7200))
            .sign()
            .is_err()
    );
    let token = builder().sign().unwrap();
    assert!(!format!("{token:?} {:?}", builder()).contains(token.as_str()));
}

#[tokio::test]
async fn the_emulator_checks_them() {
    let start: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
    let emulator = Emulator::builder()
        .clock(Clock::manual(start))
        .start()
        .await
        .unwrap();
    let sync = emulator.client().unwrap();
    let token = sync
        .access_token("bob")
        .issued_at(start.into())
        .sign()
        .unwrap();
    let claims = emulator.verify_token(token.as_str()).unwrap();
    assert_eq!(
        claims.grants["data_sync"]["service_sid"],
        emulator.service_sid().as_str()
    );

    let refused = |token: &str| emulator.verify_token(token).unwrap_err().to_string();
    let later = sync
        .access_token("bob")
        .issued_at((start + Duration::from_secs(60)).into());
    let text = refused(later.sign().unwrap().as_str());
    assert_eq!(
        text,
        "the access token is not valid: it becomes valid in 60 seconds"
    );
    let mut forged = token.as_str().to_owned();
    forged.pop();
    assert!(refused(&forged).contains("InvalidSignature") || !refused(&forged).is_empty());
    let elsewhere = sync
        .with_service("IS00000000000000000000000000000000")
        .unwrap();
    let foreign = elsewhere
        .access_token("bob")
        .issued_at(start.into())
        .sign()
        .unwrap();
    assert!(refused(foreign.as_str()).contains("which does not exist"));
    let other_key = TokenBuilder::new(credentials(), "bob", "default").issued_at(start.into());
    refused(other_key.sign().unwrap().as_str());

    emulator.clock().advance(Duration::from_secs(3600));
    let text = refused(token.as_str());
    assert_eq!(
        text,
        "the access token is not valid: it expired 0 seconds ago"
    );
}

#[tokio::test]
async fn a_client_with_an_auth_token_cannot_make_them() {
    let (emulator, _) = start().await;
    let credentials =
        Credentials::auth_token(emulator.account_sid(), emulator.auth_token()).unwrap();
    let sync = client_builder(&emulator)
        .credentials(credentials)
        .build()
        .unwrap();
    assert!(matches!(
        sync.access_token("bob").sign().unwrap_err(),
        Error::Configuration(_)
    ));
}

/// A token is of the region that the client calls.
#[tokio::test]
async fn a_token_names_the_region_of_its_client() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let client = || {
        twilio_sync::SyncClient::builder()
            .credentials(credentials())
            .service("default")
    };
    let region = |builder: twilio_sync::SyncClientBuilder| {
        let token = builder.build().unwrap().access_token("bob").sign().unwrap();
        let header = token.as_str().split('.').next().unwrap();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        header["twr"].as_str().map(ToOwned::to_owned)
    };
    let set = client().region("ie1");
    assert_eq!(region(set.clone()).as_deref(), Some("ie1"));
    assert_eq!(
        region(set.base_url("http://localhost:1")).as_deref(),
        Some("ie1")
    );
    let named = client().base_url("https://sync.dublin.ie1.twilio.com");
    assert_eq!(region(named).as_deref(), Some("ie1"));
    let named = client().base_url("https://sync.au1.twilio.com/");
    assert_eq!(region(named).as_deref(), Some("au1"));
    for url in [
        "https://sync.twilio.com",
        "https://proxy.example",
        "http://localhost:1",
    ] {
        assert_eq!(region(client().base_url(url)), None, "{url}");
    }
    assert_eq!(region(client()), None);
}
