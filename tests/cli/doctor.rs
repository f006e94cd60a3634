//! What `doctor` says of a service that is not as it should be.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;

use super::service::against;
use super::session::{Outcome, Session};

/// Runs `doctor` against a service that responds to everything the same way.
async fn doctor(status: StatusCode, date: SystemTime, body: &'static str) -> Outcome {
    against((status, date, body), |session| {
        session.pipe("twilio-sync doctor")
    })
    .await
}

#[tokio::test]
async fn an_address_is_shown_without_its_secrets() {
    let response = (StatusCode::OK, SystemTime::now(), "{}");
    let outcome = against(response, |session: &Session| {
        session.pipe(
            "TWILIO_SYNC_REALTIME_URL='wss://u:hunter2@sync.example/v3?token=hunter3#hunter4' \
             twilio-sync doctor",
        )
    })
    .await;
    assert!(
        outcome
            .output
            .contains("TWILIO_SYNC_REALTIME_URL wss://***@sync.example/v3?***#***"),
        "{}",
        outcome.output
    );
    assert!(!outcome.output.contains("hunter"), "{}", outcome.output);
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_from_credentials_that_are() {
    let body = r#"{"code": 20003, "message": "Authenticate", "status": 401}"#;
    let date = SystemTime::now() - Duration::from_secs(7200);
    let outcome = doctor(StatusCode::UNAUTHORIZED, date, body).await;
    assert_eq!(outcome.code, 1, "{}", outcome.output);
    for part in [
        "reachability: ok",
        "clock: failed: the clock here is 2h",
        "ahead",
        "credentials: failed",
        "2 checks failed",
    ] {
        assert!(outcome.output.contains(part), "{part}: {}", outcome.output);
    }
}

#[tokio::test]
async fn a_proxy_is_no_service() {
    let outcome = doctor(StatusCode::OK, SystemTime::now(), "<html>log in</html>").await;
    assert_eq!(outcome.code, 1, "{}", outcome.output);
    assert!(
        outcome.output.contains("it is not JSON"),
        "{}",
        outcome.output
    );
    assert!(
        outcome.output.contains("<html>log in"),
        "{}",
        outcome.output
    );
}
