//! What `doctor` says of a service that is not as it should be.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::http::{StatusCode, header};
use tokio::net::TcpListener;

use super::session::{Outcome, Session};

/// Runs `doctor` against a service that answers everything the same way.
async fn doctor(status: StatusCode, date: SystemTime, body: &'static str) -> Outcome {
    let date = httpdate::fmt_http_date(date);
    let answer = move || std::future::ready((status, [(header::DATE, date.clone())], body));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut session = Session::new();
    for (name, value) in [
        ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef"),
        ("TWILIO_AUTH_TOKEN", "token"),
        (
            "TWILIO_SYNC_BASE_URL",
            &format!("http://{}", listener.local_addr().unwrap()),
        ),
    ] {
        session.export(name, value);
    }
    let server = tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
    let outcome = tokio::task::spawn_blocking(move || session.pipe("twilio-sync doctor"))
        .await
        .unwrap();
    server.abort();
    outcome
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
