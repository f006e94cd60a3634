//! Controls for tests, over HTTP and in the library.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use twilio_sync::Emulator;
use twilio_sync::emulator::{Clock, Fault};

use super::Http;

async fn start() -> (Emulator, Http) {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    let builder = Emulator::builder().clock(Clock::manual(start));
    let emulator = builder.start().await.unwrap();
    let http = Http::of(&emulator);
    (emulator, http)
}

/// A service with one of everything, written by hand.
fn seed() -> Value {
    let permissions = json!([{"identity": "bob", "read": true}]);
    json!({"services": [{
        "unique_name": "default",
        "friendly_name": "seeded",
        "documents": [{"unique_name": "d", "data": {"n": 1}, "permissions": permissions}, {}],
        "lists": [{"unique_name": "l", "items": [
            {"data": {"n": 0}},
            {"data": {"n": 4}, "index": 4, "date_expires": "2026-01-01T00:01:00Z"},
            {"data": {"n": 5}},
        ], "permissions": permissions}],
        "maps": [{"unique_name": "m", "items": [{"key": "b", "data": {}}, {"key": "a", "data": {}}]}],
        "streams": [{"unique_name": "s"}],
    }, {"friendly_name": "other"}]})
}

#[tokio::test]
async fn the_api_shows_a_seed() {
    let (emulator, http) = start().await;
    http.post("/Documents", &[("UniqueName", "before")]).await;
    emulator.seed(seed()).unwrap();

    assert_eq!(http.get("/Documents/before").await.0, 404);
    assert_eq!(http.get("").await.1["sid"], emulator.service_sid().as_str());
    assert_eq!(http.get("").await.1["friendly_name"], "seeded");
    assert_eq!(http.get("/Documents/d").await.1["data"], json!({"n": 1}));
    let grant = http.get("/Lists/l/Permissions/bob").await.1;
    assert_eq!(
        [&grant["read"], &grant["write"]],
        [&json!(true), &json!(false)]
    );
    let items = http.get("/Lists/l/Items").await.1;
    let indexes: Vec<_> = items["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        indexes
            .iter()
            .map(|item| item["index"].clone())
            .collect::<Vec<_>>(),
        [0, 4, 5]
    );
    // The next event comes after all that are there.
    let added = http.post("/Lists/l/Items", &[("Data", "{}")]).await.1;
    assert_eq!(added["index"], 6);
    let set = http.post("/Maps/m/Items/a", &[("Data", "{}")]).await.1;
    assert_eq!(set["revision"], "2");
    emulator.clock().advance(Duration::from_secs(60));
    assert_eq!(http.get("/Lists/l/Items/4").await.0, 404);
}

#[tokio::test]
async fn a_dump_seeds_the_same() {
    let (emulator, http) = start().await;
    emulator.seed(seed()).unwrap();
    emulator.clock().advance(Duration::from_millis(1_500));
    let text = "{\"n\": 1.50, \"n\": 1e3}";
    http.post("/Documents/d", &[("Data", text), ("Ttl", "9")])
        .await;
    http.try_delete("/Lists/l/Items/0").await;

    let dump = emulator.dump();
    emulator.reset();
    assert_ne!(emulator.dump(), dump);
    emulator.seed(dump.clone()).unwrap();
    assert_eq!(emulator.dump(), dump);

    // Over HTTP, and into another emulator.
    let (status, again) = http.control(Method::GET, "dump", &Value::Null).await;
    assert_eq!((status, &again), (200, &dump));
    let (other, other_http) = start().await;
    let seeded = other_http.control(Method::POST, "seed", &again).await;
    assert_eq!(seeded, (204, Value::Null));
    assert_eq!(other.dump(), dump);
}

#[tokio::test]
async fn an_invalid_seed_changes_nothing_and_the_error_says_where() {
    let (emulator, http) = start().await;
    http.post("/Documents", &[("UniqueName", "a")]).await;
    let before = emulator.dump();
    let service = |content: Value| json!({"services": [{}, content]});
    for (seed, named) in [
        (json!({}), "services"),
        (json!({"services": [{"documnets": []}]}), "documnets"),
        (service(json!({"unique_name": "x"})), "services[1]"),
        (service(json!({"documents": [{"data": []}]})), "data"),
        (
            service(json!({"documents": [{}, {"unique_name": ""}]})),
            "services[1].documents[1]: Invalid unique name",
        ),
        (
            service(json!({"documents": [{"unique_name": "a"}, {"unique_name": "a"}]})),
            "documents[1]: Unique name already exists",
        ),
        (
            service(json!({"streams": [{"data": {}}]})),
            "streams[0]: it cannot have data",
        ),
        (
            service(json!({"lists": [{"data": {}}]})),
            "lists[0]: it cannot have data",
        ),
        (
            service(json!({"maps": [{"items": [{"data": {}}]}]})),
            "maps[0].items[0]: Invalid Map Item key",
        ),
        (
            service(json!({"maps": [{"items": [{"key": "a", "index": 1, "data": {}}]}]})),
            "a key, not an index",
        ),
        (
            service(
                json!({"lists": [{"items": [{"index": 1, "data": {}}, {"index": 1, "data": {}}]}]}),
            ),
            "items[1]",
        ),
        (
            service(json!({"lists": [{"permissions": [{"read": true}]}]})),
            "permissions[0]: Invalid identity",
        ),
        (service(json!({"lists": [{"revision": "g"}]})), "revision"),
        (
            service(json!({"lists": [{"sid": format!("MP{}", "0".repeat(32))}]})),
            "something else",
        ),
        (
            service(json!({"lists": [{"date_created": "1969-01-01T00:00:00Z"}]})),
            "1970",
        ),
        (
            service(json!({"reachability_debouncing_window": 1})),
            "ReachabilityDebouncingWindow",
        ),
    ] {
        let error = emulator.seed(seed.clone()).unwrap_err().to_string();
        assert!(error.contains(named), "{error} should name {named}");
        let (status, error) = http.control(Method::POST, "seed", &seed).await;
        assert_eq!(status, 400);
        assert!(
            error["message"].as_str().unwrap().contains(named),
            "{error}"
        );
    }
    assert_eq!(emulator.dump(), before);
}

#[tokio::test]
async fn the_clock_is_moved() {
    let (_emulator, http) = start().await;
    let clock = |method, body: Value| {
        let http = http.clone();
        async move { http.control(method, "clock", &body).await.1["now"].clone() }
    };
    assert_eq!(
        clock(Method::GET, Value::Null).await,
        "2026-01-01T00:00:00.000Z"
    );
    let moved = clock(Method::POST, json!({"advance_ms": 1500})).await;
    assert_eq!(moved, "2026-01-01T00:00:01.500Z");
    let set = clock(Method::POST, json!({"now": "2027-01-01T01:00:00+01:00"})).await;
    assert_eq!(set, "2027-01-01T00:00:00.000Z");
    for wrong in [
        json!({}),
        json!({"advance_ms": -1}),
        json!({"now": 1}),
        json!({"on": 1}),
    ] {
        assert_eq!(http.control(Method::POST, "clock", &wrong).await.0, 400);
    }
}

#[tokio::test]
async fn faults_are_scripted() {
    let (_emulator, http) = start().await;
    let inject = |fault: Value| {
        let http = http.clone();
        async move { http.control(Method::POST, "faults", &fault).await }
    };
    let fault = json!({
        "fault": "status", "status": 429, "headers": {"Retry-After": "7"}, "body": "{\"slow\":1}",
        "on": "CreateDocument", "nth": 2, "times": 2, "after_write": true, "delay_ms": 1,
    });
    assert_eq!(inject(fault).await.0, 204);
    assert_eq!(http.post("/Documents", &[]).await.0, 201);
    assert_eq!(http.get("/Documents").await.0, 200);
    for name in ["a", "b"] {
        let response = http.post("/Documents", &[("UniqueName", name)]).await;
        assert_eq!(response, (429, json!({"slow": 1})));
        assert_eq!(http.get(&format!("/Documents/{name}")).await.0, 200);
    }
    assert_eq!(http.post("/Documents", &[]).await.0, 201);

    inject(json!({"fault": "cut"})).await;
    assert_eq!(
        http.try_post("/Documents", &[("UniqueName", "c")]).await,
        None
    );
    inject(json!({"fault": "cut_after_write"})).await;
    assert_eq!(
        http.try_post("/Documents", &[("UniqueName", "d")]).await,
        None
    );
    inject(json!({"fault": "truncate"})).await;
    assert_eq!(
        http.try_post("/Documents", &[("UniqueName", "e")]).await,
        None
    );
    inject(json!({"fault": "garbage"})).await;
    let response = http.post("/Documents", &[("UniqueName", "f")]).await;
    assert_eq!(response, (201, Value::Null));
    for (name, status) in [("c", 404), ("d", 200), ("e", 200), ("f", 200)] {
        assert_eq!(
            http.get(&format!("/Documents/{name}")).await.0,
            status,
            "{name}"
        );
    }
    inject(json!({"fault": "status", "status": 503, "always": true})).await;
    assert_eq!(http.get("/Lists").await.0, 503);
    http.control(Method::DELETE, "faults", &Value::Null).await;
    assert_eq!(http.get("/Lists").await.0, 200);

    for wrong in [
        json!({}),
        json!({"fault": "status"}),
        json!({"fault": "status", "status": 199}),
        json!({"fault": "cut", "status": 500}),
        json!({"fault": "cut", "body": ""}),
        json!({"fault": "delay"}),
        json!({"fault": "cut", "on": "FetchNothing"}),
        json!({"fault": "cut", "sometimes": true}),
        json!({"fault": "status", "status": 500, "headers": {"a b": "c"}}),
        json!({"fault": "status", "status": 500, "headers": {"Content-Length": "7"}}),
        json!({"fault": "status", "status": 500, "headers": {"transfer-encoding": "chunked"}}),
        json!({"fault": "status", "status": 500, "headers": {"Connection": "keep-alive"}}),
    ] {
        assert_eq!(inject(wrong.clone()).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn requests_are_read_and_cleared() {
    let (emulator, http) = start().await;
    http.post(
        "/Documents?PageSize=3",
        &[("UniqueName", "ö"), ("Ttl", "x")],
    )
    .await;
    let (_, log) = http.control(Method::GET, "requests", &Value::Null).await;
    // Controls are not in the log.
    let [request] = &log["requests"].as_array().unwrap()[..] else {
        panic!("{log}");
    };
    assert_eq!(request["operation"], "CreateDocument");
    assert_eq!(request["method"], "POST");
    assert_eq!(request["path"], "/v1/Services/default/Documents");
    assert_eq!(request["query"], json!([["PageSize", "3"]]));
    assert_eq!(request["form"], json!([["UniqueName", "ö"], ["Ttl", "x"]]));
    assert_eq!(
        (&request["status"], &request["code"]),
        (&json!(400), &json!(54011))
    );
    assert_eq!(request["request_id"], emulator.requests()[0].request_id());
    assert!(request["duration_ms"].as_f64().unwrap() > 0.0);
    http.control(Method::DELETE, "requests", &Value::Null).await;
    assert!(emulator.requests().is_empty());
}

#[tokio::test]
async fn controls_need_the_credentials_and_a_name() {
    let (emulator, http) = start().await;
    http.post("/Documents", &[("UniqueName", "a")]).await;
    let stranger = Http::new(emulator.url(), emulator.account_sid().as_str(), "wrong");
    for (method, name) in [
        (Method::POST, "reset"),
        (Method::GET, "dump"),
        (Method::POST, "seed"),
        (Method::GET, "requests"),
    ] {
        let (status, body) = stranger.control(method, name, &Value::Null).await;
        assert_eq!(status, 401);
        assert!(body.get("services").is_none());
    }
    assert_eq!(http.get("/Documents/a").await.0, 200);
    for (method, name) in [
        (Method::GET, "reset"),
        (Method::PUT, "clock"),
        (Method::GET, ""),
    ] {
        let (status, body) = http.control(method, name, &Value::Null).await;
        assert_eq!(status, 404);
        assert!(
            body["message"].as_str().unwrap().contains("POST reset"),
            "{body}"
        );
    }
    assert_eq!(
        http.control(Method::POST, "reset", &Value::Null).await.0,
        204
    );
    assert_eq!(http.get("/Documents/a").await.0, 404);
}

/// A browser adds credentials it knows to the requests of any page.
#[tokio::test]
async fn controls_take_nothing_from_other_pages() {
    let (emulator, http) = start().await;
    http.post("/Documents", &[("UniqueName", "a")]).await;
    let reset = |name: &'static str, value: String| {
        http.client
            .post(format!("{}/_emulator/reset", http.url))
            .basic_auth(&http.user, Some(&http.password))
            .header(name, value)
            .send()
    };
    for (name, value) in [
        ("Origin", "http://localhost:3000"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let response = reset(name, value.to_owned()).await.unwrap();
        assert_eq!(response.status(), 403, "{name}: {value}");
        assert!(response.headers().get("www-authenticate").is_none());
    }
    assert_eq!(http.get("/Documents/a").await.0, 200);
    let own = reset("Origin", emulator.url().to_owned()).await.unwrap();
    assert_eq!(own.status(), 204);
}

/// A client without credentials cannot fill the memory: only a part of the body is read.
#[tokio::test]
async fn clients_without_credentials_get_a_response_before_the_end() {
    let (emulator, _http) = start().await;
    let address = emulator.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /_emulator/seed HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let part = vec![b' '; 1024 * 1024];
    // The connection may be closed before all of this is sent.
    for _ in 0..17 {
        if stream.write_all(&part).await.is_err() {
            break;
        }
    }
    let mut response = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut response));
    read.await.unwrap().unwrap();
    assert_eq!(&response, b"HTTP/1.1 401");
}

/// A client that gives up does not undo its write.
#[tokio::test]
async fn a_delayed_write_takes_effect_though_the_client_gives_up() {
    let (emulator, http) = start().await;
    emulator.inject(Fault::delay(Duration::from_millis(100)));
    let request = http
        .client
        .post(format!("{}/v1/Services/default/Documents", http.url))
        .basic_auth(&http.user, Some(&http.password))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("UniqueName=late")
        .timeout(Duration::from_millis(20));
    assert!(request.send().await.is_err());
    assert_eq!(http.get("/Documents/late").await.0, 404);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(http.get("/Documents/late").await.0, 200);
    // The client gave up before the response.
    assert_eq!(emulator.requests()[0].status(), None);
}

/// A response without a body cannot have garbage in place of it.
#[tokio::test]
async fn a_response_without_a_body_is_cut() {
    let (_emulator, http) = start().await;
    for fault in ["garbage", "truncate"] {
        http.post("/Documents", &[("UniqueName", "a")]).await;
        let script = json!({"fault": fault});
        http.control(Method::POST, "faults", &script).await;
        assert_eq!(http.try_delete("/Documents/a").await, None, "{fault}");
        assert_eq!(http.get("/Documents/a").await.0, 404);
        http.control(Method::POST, "faults", &script).await;
        let head = http
            .client
            .head(format!("{}/v1/Services", http.url))
            .basic_auth(&http.user, Some(&http.password));
        assert!(head.send().await.is_err(), "{fault}");
    }
}
