//! The emulator over real HTTP.

mod in_process;

use std::net::SocketAddr;
use std::time::Duration;

use ::http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

struct Client {
    emulator: Emulator,
    http: reqwest::Client,
}

impl Client {
    async fn start() -> Self {
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let emulator = Emulator::builder()
            .clock(Clock::manual(start))
            .start()
            .await
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { emulator, http }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/v1/Services/default{path}", self.emulator.url())
        };
        let body = form.iter().map(|(name, value)| {
            let encode = |text| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
            };
            format!("{}={}", encode(name), encode(value))
        });
        self.http
            .request(method, url)
            .basic_auth(
                self.emulator.account_sid(),
                Some(self.emulator.auth_token()),
            )
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.collect::<Vec<_>>().join("&"))
    }

    async fn send(&self, method: Method, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let response = self.request(method, path, form).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, &[]).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        self.send(Method::POST, path, form).await
    }
}

#[tokio::test]
async fn a_document_is_shown_as_documented() {
    let client = Client::start().await;
    let form = [
        ("UniqueName", "a/b ö"),
        ("Data", "{\"n\": 1.50}"),
        ("Ttl", "60"),
    ];
    let response = client
        .request(Method::POST, "/Documents", &form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["etag"], "\"0\"");
    assert!(
        response.headers()["twilio-request-id"]
            .to_str()
            .unwrap()
            .starts_with("RQ")
    );
    let body: Value = response.json().await.unwrap();
    let (service, sid) = (client.emulator.service_sid(), body["sid"].as_str().unwrap());
    let url = format!(
        "{}/v1/Services/{service}/Documents/{sid}",
        client.emulator.url()
    );
    assert_eq!(
        body,
        json!({
            "account_sid": client.emulator.account_sid(), "created_by": "system",
            "data": {"n": 1.5}, "date_expires": "2026-01-01T00:01:00Z",
            "date_created": "2026-01-01T00:00:00Z", "date_updated": "2026-01-01T00:00:00Z",
            "revision": "0", "service_sid": service, "sid": sid, "unique_name": "a/b ö",
            "url": url, "links": {"permissions": format!("{url}/Permissions")},
        })
    );
    let (status, fetched) = client.get("/Documents/a%2Fb%20%C3%B6").await;
    assert_eq!((status, fetched), (200, body));
    client.emulator.clock().advance(Duration::from_secs(60));
    let (status, error) = client.get("/Documents/a%2Fb%20%C3%B6").await;
    assert_eq!((status, &error["code"]), (404, &json!(20404)));
    let message = "The requested resource /Services/default/Documents/a%2Fb%20%C3%B6 was not found";
    assert_eq!(error["message"], message);
    client.emulator.stop().await;
}

#[tokio::test]
async fn pages_lead_on_and_back() {
    let client = Client::start().await;
    client.post("/Lists", &[("UniqueName", "log")]).await;
    for _ in 0..5 {
        assert_eq!(
            client.post("/Lists/log/Items", &[("Data", "{}")]).await.0,
            201
        );
    }
    let indexes = |page: &Value| -> Vec<u64> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["index"].as_u64().unwrap())
            .collect()
    };
    let (_, first) = client
        .get("/Lists/log/Items?Order=desc&From=4&Bounds=exclusive&PageSize=2")
        .await;
    assert_eq!(
        (indexes(&first), &first["meta"]["key"]),
        (vec![3, 2], &json!("items"))
    );
    let (_, last) = client
        .get(first["meta"]["next_page_url"].as_str().unwrap())
        .await;
    assert_eq!(
        (indexes(&last), &last["meta"]["page"]),
        (vec![1, 0], &json!(1))
    );
    assert_eq!(last["meta"]["next_page_url"], Value::Null);
    let (_, back) = client
        .get(last["meta"]["previous_page_url"].as_str().unwrap())
        .await;
    assert_eq!(
        (indexes(&back), &back["meta"]["page"]),
        (vec![3, 2], &json!(0))
    );
    assert_eq!(back["meta"]["previous_page_url"], Value::Null);
    let (_, again) = client.get(last["meta"]["url"].as_str().unwrap()).await;
    assert_eq!(again, last);
}

#[tokio::test]
async fn every_resource_takes_its_operations() {
    let client = Client::start().await;
    for (kind, prefix) in [
        ("Documents", "ET"),
        ("Lists", "ES"),
        ("Maps", "MP"),
        ("Streams", "TO"),
    ] {
        let path = format!("/{kind}/x");
        let (status, body) = client
            .post(&format!("/{kind}"), &[("UniqueName", "x")])
            .await;
        assert_eq!(status, 201);
        assert!(body["sid"].as_str().unwrap().starts_with(prefix));
        assert_eq!(client.post(&path, &[]).await.1["code"], 54010);
        assert_eq!(client.post(&path, &[("Ttl", "5")]).await.0, 200);
        assert_eq!(
            client.get(&format!("/{kind}")).await.1[kind.to_lowercase()],
            json!([client.get(&path).await.1])
        );
        if kind == "Streams" {
            let (status, message) = client
                .post("/Streams/x/Messages", &[("Data", "{\"a\":1}")])
                .await;
            assert_eq!((status, &message["data"]), (201, &json!({"a": 1})));
        } else {
            let permission = format!("{path}/Permissions/bob%2F1");
            let flags = [("Read", "true"), ("Write", "false"), ("Manage", "true")];
            let (status, body) = client.post(&permission, &flags).await;
            assert_eq!((status, &body["identity"]), (200, &json!("bob/1")));
            assert_eq!(
                client.get(body["url"].as_str().unwrap()).await,
                (200, body.clone())
            );
            assert_eq!(
                client.get(&format!("{path}/Permissions")).await.1["permissions"],
                json!([body])
            );
            assert_eq!(client.post(&permission, &flags[..2]).await.1["code"], 20001);
            assert_eq!(client.send(Method::DELETE, &permission, &[]).await.0, 204);
            assert_eq!(client.get(&permission).await.0, 404);
        }
        assert_eq!(client.send(Method::DELETE, &path, &[]).await.0, 204);
        assert_eq!(client.get(&path).await.0, 404);
    }
    let services = format!("{}/v1/Services", client.emulator.url());
    let form = [
        ("FriendlyName", "f"),
        ("AclEnabled", "true"),
        ("ReachabilityDebouncingWindow", "1000"),
    ];
    let (status, service) = client.post(&services, &form).await;
    assert_eq!(
        (status, &service["acl_enabled"], &service["unique_name"]),
        (201, &json!(true), &Value::Null)
    );
    let url = service["url"].as_str().unwrap();
    assert_eq!(
        client
            .post(url, &[("WebhookUrl", "http://localhost/x")])
            .await
            .1["friendly_name"],
        "f"
    );
    assert_eq!(client.send(Method::DELETE, url, &[]).await.0, 204);
    assert_eq!(
        client.get(&services).await.1["services"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn refusals_have_twilios_codes() {
    let client = Client::start().await;
    client.post("/Maps", &[("UniqueName", "m")]).await;
    client
        .post("/Maps/m/Items", &[("Key", "k"), ("Data", "{}")])
        .await;
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(16_384));
    for (path, form, status, code) in [
        ("/Maps", &[("UniqueName", "m")][..], 409, 54301),
        ("/Maps", &[("UniqueName", "")], 400, 54302),
        ("/Maps", &[("Ttl", "-1")], 400, 54011),
        ("/Maps/m/Items", &[("Key", "k"), ("Data", "{}")], 409, 54208),
        ("/Maps/m/Items", &[("Key", ""), ("Data", "{}")], 400, 54209),
        ("/Maps/m/Items", &[("Key", "k")], 400, 54206),
        (
            "/Maps/m/Items",
            &[("Key", "x"), ("Data", "nonsense")],
            400,
            54008,
        ),
        (
            "/Maps/m/Items",
            &[("Key", "x"), ("Data", &long)],
            413,
            54006,
        ),
        ("/Maps/m/Items/k", &[("CollectionTtl", "5")], 400, 54010),
        ("/Maps/m/Items/x", &[("Data", "{}")], 404, 20404),
        ("/Lists/l/Items/x", &[("Data", "{}")], 400, 54458),
    ] {
        let (got, body) = client.post(path, form).await;
        assert_eq!(
            (got, &body["code"]),
            (status, &json!(code)),
            "{path} {form:?}"
        );
        assert_eq!(body["status"], status);
    }
    let stale = client.request(Method::POST, "/Maps/m/Items/k", &[("Data", "{}")]);
    let stale = stale.header(header::IF_MATCH, "7").send().await.unwrap();
    assert_eq!(stale.status(), 412);
    let wrong = client
        .request(Method::PUT, "/Maps", &[])
        .send()
        .await
        .unwrap();
    assert_eq!(
        (wrong.status().as_u16(), &wrong.headers()["allow"]),
        (405, &HeaderValue::from_static("GET, POST"))
    );
    let huge = "x".repeat(3_000_000);
    assert_eq!(client.post("/Maps", &[("UniqueName", &huge)]).await.0, 413);
    let stranger = client.http.get(client.emulator.url()).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test]
async fn faults_strike_the_connection_itself() {
    let client = Client::start().await;
    client.post("/Lists", &[("UniqueName", "l")]).await;
    let add = || {
        client
            .request(Method::POST, "/Lists/l/Items", &[("Data", "{}")])
            .send()
    };
    let count = async || {
        client.get("/Lists/l/Items").await.1["items"]
            .as_array()
            .unwrap()
            .len()
    };

    client
        .emulator
        .inject(Fault::cut().on(Operation::CreateSyncListItem));
    assert!(add().await.is_err());
    assert_eq!(count().await, 0);
    client
        .emulator
        .inject(Fault::cut_after_write().on(Operation::CreateSyncListItem));
    assert!(add().await.is_err());
    assert_eq!(count().await, 1);

    client.emulator.inject(Fault::truncate());
    let response = add().await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.bytes().await.is_err());

    client.emulator.inject(Fault::truncate());
    let delete = client
        .request(Method::DELETE, "/Lists/l/Items/7", &[])
        .send();
    assert_eq!(delete.await.unwrap().status(), 404);
    client.emulator.inject(Fault::truncate());
    let delete = client
        .request(Method::DELETE, "/Lists/l/Items/1", &[])
        .send();
    assert!(delete.await.is_err());

    client.emulator.inject(Fault::garbage());
    let response = add().await.unwrap();
    assert!(response.json::<Value>().await.is_err());

    client
        .emulator
        .inject(Fault::status(429).header(header::RETRY_AFTER, 3));
    let response = add().await.unwrap();
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["retry-after"]
        ),
        (429, &HeaderValue::from(3))
    );
    assert_eq!(response.json::<Value>().await.unwrap()["code"], 54009);
    client.emulator.inject(
        Fault::status(503)
            .after_write()
            .delayed(Duration::from_millis(5)),
    );
    assert_eq!(add().await.unwrap().status(), 503);
    assert_eq!(count().await, 3);

    let log = client.emulator.requests();
    let statuses: Vec<_> = log
        .iter()
        .filter(|request| request.operation() == Some(Operation::CreateSyncListItem))
        .map(|request| request.status().map(|status| status.as_u16()))
        .collect();
    assert_eq!(
        statuses,
        [None, None, Some(201), Some(201), Some(429), Some(503)]
    );
    assert_eq!(
        log.last().unwrap().path(),
        "/v1/Services/default/Lists/l/Items"
    );
    let shown = format!("{log:?} {:?}", client.emulator);
    assert!(!shown.contains(client.emulator.auth_token()));
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_in_the_end_waiting_ones() {
    let client = Client::start().await;
    let address = client
        .emulator
        .url()
        .trim_start_matches("http://")
        .to_owned();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    let mut waiting = TcpStream::connect(&address).await.unwrap();
    client
        .emulator
        .inject(Fault::delay(Duration::from_secs(3_600)));
    waiting
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    client.emulator.stop().await;
    for stream in [&mut idle, &mut waiting] {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut byte));
        assert!(matches!(read.await.unwrap(), Ok(0) | Err(_)));
    }
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn dropping_stops_and_a_taken_port_is_named() {
    let first = Emulator::start().await.unwrap();
    let address: SocketAddr = first.url()["http://".len()..].parse().unwrap();
    let second = Emulator::builder()
        .port(address.port())
        .start()
        .await
        .unwrap_err();
    assert!(matches!(second, EmulatorError::PortInUse { .. }));
    assert!(second.to_string().contains(&address.to_string()));
    first.inject(Fault::delay(Duration::from_secs(3_600)));
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    waiting.write_all(request).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(first);
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(5), waiting.read(&mut byte));
    assert!(matches!(read.await.unwrap(), Ok(0) | Err(_)));
    for _ in 0..100 {
        if TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still listening");
}

#[tokio::test]
async fn sids_are_checked() {
    let wrong = Emulator::builder()
        .service_sid("IS1")
        .start()
        .await
        .unwrap_err();
    assert!(wrong.to_string().contains("\"IS1\" is no service SID"));
    let sid = format!("AC{}", "0".repeat(32));
    let emulator = Emulator::builder()
        .account_sid(&sid)
        .auth_token("t")
        .start()
        .await
        .unwrap();
    assert_eq!(
        (emulator.account_sid().as_str(), emulator.auth_token()),
        (sid.as_str(), "t")
    );
}

/// Asserts that a response is of a generated type, with nothing left over.
fn is<T: serde::Serialize + serde::de::DeserializeOwned>((status, body): (u16, Value)) {
    assert!(status < 300, "{body}");
    let read: T = serde_json::from_value(body.clone()).unwrap();
    let written = serde_json::to_value(&read).unwrap();
    assert_eq!(without_nulls(written), without_nulls(body));
}

/// The same JSON without members that are null, which the generated types leave out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            members
                .map(|(name, value)| (name, without_nulls(value)))
                .collect()
        }
        Value::Array(elements) => elements.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[tokio::test]
async fn bodies_are_of_the_generated_types() {
    use crate::api::types;

    let client = Client::start().await;
    let flags = [("Read", "true"), ("Write", "false"), ("Manage", "true")];
    is::<types::Service>(client.get("").await);
    is::<types::Document>(client.post("/Documents", &[("UniqueName", "x")]).await);
    is::<types::DocumentPermission>(client.post("/Documents/x/Permissions/bob", &flags).await);
    is::<types::SyncList>(client.post("/Lists", &[("UniqueName", "x")]).await);
    is::<types::SyncListItem>(client.post("/Lists/x/Items", &[("Data", "{}")]).await);
    is::<types::SyncListPermission>(client.post("/Lists/x/Permissions/bob", &flags).await);
    is::<types::SyncMap>(
        client
            .post("/Maps", &[("UniqueName", "x"), ("Ttl", "9")])
            .await,
    );
    is::<types::SyncMapItem>(
        client
            .post("/Maps/x/Items", &[("Key", "k"), ("Data", "{}")])
            .await,
    );
    is::<types::SyncMapPermission>(client.post("/Maps/x/Permissions/bob", &flags).await);
    is::<types::SyncStream>(client.post("/Streams", &[("UniqueName", "x")]).await);
    is::<types::StreamMessage>(client.post("/Streams/x/Messages", &[("Data", "{}")]).await);
    let services = format!("{}/v1/Services", client.emulator.url());
    is::<types::ServicePage>(client.get(&services).await);
    is::<types::DocumentPage>(client.get("/Documents").await);
    is::<types::SyncListItemPage>(client.get("/Lists/x/Items?Order=desc").await);
    is::<types::SyncMapPermissionPage>(client.get("/Maps/x/Permissions").await);
}

#[tokio::test]
async fn tokens_may_be_signed_with_any_length_of_hash() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};

    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap();
    let token = sync.access_token("alice").sign().unwrap();
    let claims = emulator.verify_token(token.as_str()).unwrap();
    let signed = |algorithm, secret: &str| {
        let mut header = Header::new(algorithm);
        header.cty = Some("twilio-fpa;v=1".to_owned());
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = signed(algorithm, emulator.api_secret());
        emulator.verify_token(&token).unwrap();
        emulator.verify_token(&signed(algorithm, "x")).unwrap_err();
    }
}
