//! A service that gives the same response to every request.

use std::time::SystemTime;

use axum::Router;
use axum::http::{StatusCode, header};
use tokio::net::TcpListener;

use super::session::{Outcome, Session};

/// Runs a command against such a service.
pub(crate) async fn against(
    (status, date, body): (StatusCode, SystemTime, impl Into<String>),
    run: impl FnOnce(&Session) -> Outcome + Send + 'static,
) -> Outcome {
    let date = httpdate::fmt_http_date(date);
    let body = body.into();
    let respond =
        move || std::future::ready((status, [(header::DATE, date.clone())], body.clone()));
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
    let server = tokio::spawn(axum::serve(listener, Router::new().fallback(respond)).into_future());
    let outcome = tokio::task::spawn_blocking(move || run(&session))
        .await
        .unwrap();
    server.abort();
    outcome
}
