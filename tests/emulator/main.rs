//! The emulator from outside: the program, its controls, its data file, its webhooks.

mod bad_input;
mod controls;
mod coverage_table;
mod data_file;
#[cfg(unix)]
mod kills;
#[cfg(unix)]
mod program;
mod realtime;
mod webhooks;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::Value;
use twilio_sync::Emulator;
use url::form_urlencoded;

/// Requests to an emulator as any HTTP client sends them.
#[derive(Clone)]
struct Http {
    client: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

impl Http {
    fn new(url: &str, user: &str, password: &str) -> Self {
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: url.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    fn of(emulator: &Emulator) -> Self {
        Self::new(
            emulator.url(),
            emulator.account_sid().as_str(),
            emulator.auth_token(),
        )
    }

    /// The same client for another URL.
    #[cfg(unix)]
    fn at(&self, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..self.clone()
        }
    }

    /// Sends a request; none if there was no whole response.
    async fn try_send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Option<(u16, Value)> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .basic_auth(&self.user, Some(&self.password))
            .header("Content-Type", content_type)
            .body(body);
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Sends a form to a path of the default Service; none if there was no whole response.
    async fn try_post(&self, path: &str, form: &[(&str, &str)]) -> Option<(u16, Value)> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let path = format!("/v1/Services/default{path}");
        let content_type = "application/x-www-form-urlencoded";
        self.try_send(Method::POST, &path, content_type, form).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        self.try_post(path, form).await.expect("a response")
    }

    async fn try_delete(&self, path: &str) -> Option<u16> {
        let path = format!("/v1/Services/default{path}");
        let response = self.try_send(Method::DELETE, &path, "", String::new());
        response.await.map(|(status, _)| status)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let path = format!("/v1/Services/default{path}");
        let response = self.try_send(Method::GET, &path, "", String::new());
        response.await.expect("a response")
    }

    /// Uses a control, with JSON.
    async fn control(&self, method: Method, name: &str, body: &Value) -> (u16, Value) {
        let path = format!("/_emulator/{name}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let response = self.try_send(method, &path, "application/json", body);
        response.await.expect("a response")
    }
}

/// A folder for one test, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("emulator-{}-{count}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
