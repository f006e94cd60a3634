//! Webhooks, as a receiver sees them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use twilio_sync::Emulator;
use twilio_sync::webhooks::Validator;
use url::form_urlencoded;

use super::Http;

/// A webhook that was received.
#[derive(Clone)]
struct Webhook {
    head: String,
    form: BTreeMap<String, String>,
}

/// Receives webhooks.
struct Receiver {
    url: String,
    webhooks: Arc<Mutex<Vec<Webhook>>>,
}

impl Receiver {
    /// Sends this response to each request, and closes the connection.
    async fn start(response: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=1", listener.local_addr().unwrap());
        let webhooks: Arc<Mutex<Vec<Webhook>>> = Arc::default();
        let receiver = Self {
            url,
            webhooks: Arc::clone(&webhooks),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                receive(stream, response, &webhooks).await;
            }
        });
        receiver
    }

    fn webhooks(&self) -> Vec<Webhook> {
        self.webhooks.lock().unwrap().clone()
    }

    /// The event types it received, once there are as many as these.
    async fn types(&self, count: usize) -> Vec<String> {
        for _ in 0..500 {
            if self.webhooks().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let webhooks = self.webhooks();
        webhooks
            .iter()
            .map(|webhook| webhook.form["EventType"].clone())
            .collect()
    }
}

async fn receive(mut stream: TcpStream, response: &str, webhooks: &Mutex<Vec<Webhook>>) {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 8192];
        let length = stream.read(&mut chunk).await.unwrap();
        assert_ne!(length, 0, "the request broke off");
        request.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8(request.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split_once("content-length: ").unwrap().1;
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if body.len() == length {
                break (
                    text.split_once("\r\n\r\n").unwrap().0.to_owned(),
                    body.to_owned(),
                );
            }
        }
    };
    let form = form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    webhooks.lock().unwrap().push(Webhook { head, form });
    stream.write_all(response.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

async fn start(url: &str) -> (Emulator, Http) {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    let form = [("WebhookUrl", url), ("WebhooksFromRestEnabled", "true")];
    assert_eq!(http.post("", &form).await.0, 200);
    (emulator, http)
}

/// A receiver gets user name and password in a header, and sees an address without them.
#[tokio::test]
async fn the_signature_covers_what_the_receiver_sees() {
    let receiver = Receiver::start(OK).await;
    let with_secrets = receiver.url.replace("http://", "HTTP://amy:s3cret@");
    let (emulator, http) = start(&format!("{with_secrets}#part")).await;
    http.post("/Documents", &[]).await;
    let logged = logged(&emulator, 1).await.remove(0);
    assert_eq!(logged.url(), receiver.url);
    let head = &receiver.webhooks()[0].head;
    assert!(head.contains("authorization: Basic "), "{head}");
    let validator = Validator::new(emulator.auth_token());
    let is_valid = |url| validator.is_valid(url, logged.parameters(), logged.signature());
    assert!(is_valid(&receiver.url) && !is_valid(&with_secrets));
}

/// An endpoint exists for as long as its Service.
#[tokio::test]
async fn endpoints_are_removed_with_their_service() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    http.post("", &[("ReachabilityWebhooksEnabled", "true")])
        .await;
    let dump = emulator.dump();
    let connect = || emulator.connect_endpoint("default", "bob", "e1").unwrap();
    connect();
    emulator.seed(dump.clone()).unwrap();
    connect();
    emulator.reset();
    emulator.seed(dump.clone()).unwrap();
    connect();
    http.try_delete("").await;
    emulator.seed(dump).unwrap();
    connect();
    connect();
    assert_eq!(receiver.types(4).await, ["endpoint_connected"; 4]);
}

/// The log, once it has as many entries.
async fn logged(emulator: &Emulator, count: usize) -> Vec<twilio_sync::emulator::LoggedWebhook> {
    for _ in 0..500 {
        if emulator.webhooks().len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    emulator.webhooks()
}

/// Makes one change of each kind with a webhook, and some without.
async fn write(http: &Http) -> Written {
    let data = [("Data", "{\"n\": \"é &\"}")];
    http.post("/Documents", &[("UniqueName", "d"), data[0]])
        .await;
    http.post("/Documents/d", &data).await;
    // A TTL alone, a permission and a failed write have no webhooks.
    http.post("/Documents/d", &[("Ttl", "9")]).await;
    let grant = [("Read", "true"), ("Write", "true"), ("Manage", "true")];
    http.post("/Documents/d/Permissions/bob", &grant).await;
    http.post("/Documents", &[("UniqueName", "d")]).await;
    http.try_delete("/Documents/d").await;
    let list = http.post("/Lists", &[("UniqueName", "l")]).await.1;
    http.post("/Lists/l/Items", &data).await;
    http.post("/Lists/l/Items/0", &data).await;
    http.try_delete("/Lists/l/Items/0").await;
    http.try_delete("/Lists/l").await;
    http.post("/Maps", &[]).await;
    let map = http.post("/Maps", &[("UniqueName", "m")]).await.1;
    http.post("/Maps/m/Items", &[("Key", "k"), data[0]]).await;
    http.post("/Maps/m/Items/k", &data).await;
    http.try_delete("/Maps/m/Items/k").await;
    http.try_delete("/Maps/m").await;
    http.post("/Streams", &[("UniqueName", "s")]).await;
    let message = http.post("/Streams/s/Messages", &data).await.1;
    http.try_delete("/Streams/s").await;
    let sid = |object: &Value| object["sid"].as_str().unwrap().to_owned();
    Written {
        list: sid(&list),
        map: sid(&map),
        message: sid(&message),
    }
}

/// The SIDs of the objects that were written.
struct Written {
    list: String,
    map: String,
    message: String,
}

const EXPECTED: [&str; 17] = [
    "document_created",
    "document_updated",
    "document_removed",
    "list_created",
    "list_item_added",
    "list_item_updated",
    "list_item_removed",
    "list_removed",
    "map_created",
    "map_created",
    "map_item_added",
    "map_item_updated",
    "map_item_removed",
    "map_removed",
    "stream_created",
    "stream_message_published",
    "stream_removed",
];

#[tokio::test]
async fn changes_have_webhooks_in_their_order() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    let written = write(&http).await;
    assert_eq!(receiver.types(EXPECTED.len()).await, EXPECTED);

    let webhooks = receiver.webhooks();
    for webhook in &webhooks {
        assert_eq!(webhook.form["AccountSid"], emulator.account_sid().as_str());
        assert_eq!(webhook.form["ServiceSid"], emulator.service_sid().as_str());
        assert_eq!(webhook.form["Identity"], "system");
        assert!(!webhook.form.contains_key("EndpointId"));
        assert!(
            webhook.head.starts_with("POST /hook?a=1 HTTP/1.1"),
            "{}",
            webhook.head
        );
    }
    let form = |at: usize, names: &[&str]| -> Vec<Option<String>> {
        let form = &webhooks[at].form;
        names.iter().map(|name| form.get(*name).cloned()).collect()
    };
    let some = |values: &[&str]| -> Vec<Option<String>> {
        values
            .iter()
            .map(|value| Some((*value).to_owned()))
            .collect()
    };
    let names = ["DocumentUniqueName", "DocumentRevision", "DocumentData"];
    assert_eq!(form(1, &names), some(&["d", "1", "{\"n\":\"é &\"}"]));
    assert_eq!(form(2, &names[1..]), [Some("1".to_owned()), None]);
    let names = ["ListSid", "ListUniqueName", "ListRevision"];
    assert_eq!(form(3, &names), some(&[&written.list, "l", "0"]));
    let names = [
        "EventId",
        "ItemIndex",
        "ItemRevision",
        "ListRevision",
        "ItemData",
    ];
    assert_eq!(
        form(5, &names),
        some(&["1", "0", "1", "2", "{\"n\":\"é &\"}"])
    );
    assert_eq!(form(6, &names[..2]), some(&["2", "0"]));
    assert_eq!(form(8, &["MapUniqueName"]), some(&[""]));
    let names = [
        "MapSid",
        "EventId",
        "ItemKey",
        "ItemRevision",
        "MapRevision",
    ];
    assert_eq!(form(12, &names), some(&[&written.map, "2", "k", "1", "3"]));
    let names = ["StreamUniqueName", "MessageSid", "MessageData"];
    assert_eq!(
        form(15, &names),
        some(&["s", &written.message, "{\"n\":\"é &\"}"])
    );
}

#[tokio::test]
async fn the_log_has_the_webhooks_and_their_responses() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    write(&http).await;
    let log = logged(&emulator, EXPECTED.len()).await;
    let webhooks = receiver.webhooks();
    assert_eq!(
        (log.len(), webhooks.len()),
        (EXPECTED.len(), EXPECTED.len())
    );
    for (logged, webhook) in log.iter().zip(&webhooks) {
        let parameters: BTreeMap<_, _> = logged.parameters().iter().cloned().collect();
        assert_eq!(parameters, webhook.form);
        assert_eq!((logged.status(), logged.error()), (Some(200), None));
        assert_eq!(logged.url(), receiver.url);
        let signature = format!("x-twilio-signature: {}", logged.signature());
        assert!(webhook.head.contains(&signature), "{}", webhook.head);
    }
    let (_, shown) = http.control(Method::GET, "webhooks", &Value::Null).await;
    assert_eq!(shown["webhooks"][0]["event_type"], "document_created");
    http.control(Method::DELETE, "webhooks", &Value::Null).await;
    assert!(emulator.webhooks().is_empty());
}

#[tokio::test]
async fn only_enabled_webhooks_are_posted() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    let enabled = |enabled| [("WebhooksFromRestEnabled", enabled)];
    http.post("", &enabled("false")).await;
    http.post("/Documents", &[]).await;
    http.post(
        "",
        &[("WebhooksFromRestEnabled", "true"), ("WebhookUrl", "")],
    )
    .await;
    http.post("/Lists", &[]).await;
    http.post("", &[("WebhookUrl", &receiver.url)]).await;
    // Resets and seeds have no webhooks.
    emulator.seed(emulator.dump()).unwrap();
    http.post("/Documents", &[]).await;
    http.post("/Streams", &[]).await;
    assert_eq!(
        receiver.types(2).await,
        ["document_created", "stream_created"]
    );
}

/// No request is needed: the clock moves or runs.
#[tokio::test]
async fn an_object_is_removed_when_it_expires() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    let map = [("UniqueName", "m"), ("Ttl", "90")];
    http.post("/Maps", &map).await;
    for (key, ttl) in [("a", "60"), ("b", "0")] {
        let item = [("Key", key), ("Data", "{}"), ("ItemTtl", ttl)];
        http.post("/Maps/m/Items", &item).await;
    }
    emulator.clock().advance(Duration::from_secs(60));
    let mut expected = vec![
        "map_created",
        "map_item_added",
        "map_item_added",
        "map_item_removed",
    ];
    assert_eq!(receiver.types(4).await, expected);
    let form = receiver.webhooks()[3].form.clone();
    let names = ["ItemKey", "EventId", "MapRevision", "Identity"];
    assert_eq!(names.map(|name| &*form[name]), ["a", "2", "3", "system"]);

    // The items that are still in it are removed with the Map, without webhooks.
    emulator.clock().advance(Duration::from_secs(30));
    expected.push("map_removed");
    assert_eq!(receiver.types(5).await, expected);

    http.post("/Documents", &[("Ttl", "1")]).await;
    expected.extend(["document_created", "document_removed"]);
    assert_eq!(receiver.types(7).await, expected);
}

/// While the receiver sends no response, writes do not wait, and their order stays.
#[tokio::test]
async fn a_slow_receiver_delays_no_write() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (emulator, http) = start(&url).await;
    http.post("/Lists", &[("UniqueName", "l")]).await;
    for _ in 0..100 {
        assert_eq!(http.post("/Lists/l/Items", &[("Data", "{}")]).await.0, 201);
    }
    assert!(emulator.webhooks().is_empty());

    let webhooks = Mutex::default();
    for _ in 0..101 {
        let (stream, _) = listener.accept().await.unwrap();
        receive(stream, OK, &webhooks).await;
    }
    let webhooks = webhooks.into_inner().unwrap();
    let indexes = webhooks[1..]
        .iter()
        .map(|webhook| webhook.form["ItemIndex"].parse::<u32>().unwrap());
    assert!(indexes.eq(0..100));
    // An address without a path is requested with one, and signed as requested.
    assert_eq!(logged(&emulator, 101).await[0].url(), format!("{url}/"));
}

#[tokio::test]
async fn failures_are_logged_and_redirects_not_followed() {
    let other = Receiver::start(OK).await;
    let response = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        other.url
    );
    let receiver = Receiver::start(response.leak()).await;
    let (emulator, http) = start(&receiver.url).await;
    http.post("/Documents", &[]).await;
    let log = logged(&emulator, 1).await;
    assert_eq!((log[0].status(), log[0].error()), (Some(307), None));
    assert!(other.webhooks().is_empty());

    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    http.post("", &[("WebhookUrl", &url)]).await;
    http.post("/Documents", &[]).await;
    let log = logged(&emulator, 2).await;
    assert_eq!(log[1].status(), None);
    let error = log[1].error().unwrap();
    assert!(error.contains("onnect"), "{error}");
}

#[tokio::test]
async fn endpoints_come_and_go() {
    let receiver = Receiver::start(OK).await;
    let (emulator, http) = start(&receiver.url).await;
    emulator
        .connect_endpoint("default", "bob", "before")
        .unwrap();
    let form = [
        ("WebhooksFromRestEnabled", "false"),
        ("ReachabilityWebhooksEnabled", "true"),
    ];
    http.post("", &form).await;
    emulator.connect_endpoint("default", "bob", "e1").unwrap();
    emulator.connect_endpoint("default", "bob", "e1").unwrap();
    emulator
        .disconnect_endpoint("default", "bob", "e1")
        .unwrap();
    emulator
        .disconnect_endpoint("default", "bob", "e1")
        .unwrap();
    let types = receiver.types(2).await;
    assert_eq!(types, ["endpoint_connected", "endpoint_disconnected"]);
    let form = &receiver.webhooks()[0].form;
    assert_eq!((&*form["Identity"], &*form["EndpointId"]), ("bob", "e1"));
    assert_eq!(form.len(), 5, "{form:?}");
    assert!(emulator.connect_endpoint("IS1", "bob", "e1").is_err());

    // With debouncing, an endpoint that is back in time has no webhook.
    let form = [
        ("ReachabilityDebouncingEnabled", "true"),
        ("ReachabilityDebouncingWindow", "1000"),
    ];
    http.post("", &form).await;
    let endpoint = |connected: bool| json!({"service": emulator.service_sid(), "identity": "amy", "endpoint": "e2", "connected": connected});
    for connected in [true, false, true, false] {
        let change = endpoint(connected);
        assert_eq!(
            http.control(Method::POST, "endpoints", &change).await.0,
            204
        );
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.types(3).await.len(), 3);
    let types = receiver.types(4).await;
    assert_eq!(types[2..], ["endpoint_connected", "endpoint_disconnected"]);
    let unknown = json!({"service": "x", "identity": "a", "endpoint": "b", "connected": true});
    assert_eq!(
        http.control(Method::POST, "endpoints", &unknown).await.0,
        404
    );
}
