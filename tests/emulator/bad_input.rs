//! Bad input: for every parameter of every operation, values that no client should send.
//!
//! An error response to a bad value has a body with a code, and nothing is changed.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use twilio_sync::Emulator;
use twilio_sync::emulator::Clock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use reqwest::Method;

use super::Http;

/// The number of values that each parameter is tested with.
const CASES: u32 = 12;

/// The maximum size of a value outside the form: longer lines are refused unread.
const LINE: usize = 8_192;

/// A parameter of an operation.
#[derive(Clone, Debug)]
struct Parameter {
    place: Place,
    name: String,
    schema: Value,
    required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
    Form,
}

/// An operation with its parameters.
#[derive(Clone, Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
    parameters: Vec<Parameter>,
}

/// All operations of the API description.
fn operations() -> Vec<Operation> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/twilio_sync_v1.json");
    let description: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("operationId").is_none() {
                continue;
            }
            let shared = item.get("parameters").and_then(Value::as_array);
            let own = operation.get("parameters").and_then(Value::as_array);
            let named = shared.into_iter().chain(own).flatten();
            let mut parameters: Vec<_> =
                named.map(|named| parameter(&description, named)).collect();
            parameters.extend(form(&description, operation));
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                parameters,
            });
        }
    }
    operations
}

fn resolve<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        None => value,
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            resolve(description, description.pointer(pointer).unwrap())
        }
    }
}

fn parameter(description: &Value, named: &Value) -> Parameter {
    let parameter = resolve(description, named);
    let place = match parameter["in"].as_str().unwrap() {
        "path" => Place::Path,
        "query" => Place::Query,
        "header" => Place::Header,
        other => panic!("a parameter in {other}"),
    };
    Parameter {
        place,
        name: parameter["name"].as_str().unwrap().to_owned(),
        schema: resolve(description, &parameter["schema"]).clone(),
        required: place == Place::Path,
    }
}

fn form(description: &Value, operation: &Value) -> Vec<Parameter> {
    let Some(content) = operation.pointer("/requestBody/content") else {
        return Vec::new();
    };
    let schema = &content["application/x-www-form-urlencoded"]["schema"];
    let schema = resolve(description, schema);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().unwrap();
    properties
        .iter()
        .map(|(name, schema)| Parameter {
            place: Place::Form,
            name: name.clone(),
            schema: resolve(description, schema).clone(),
            required: required.iter().any(|required| required == name),
        })
        .collect()
}

impl Operation {
    /// Returns true if its `Sid` is that of a Service.
    fn is_of_a_service(&self) -> bool {
        !self.path.contains("{ServiceSid}")
    }

    /// A value that is good for a parameter, where one is needed.
    fn good(&self, parameter: &Parameter) -> Option<&'static str> {
        Some(match (parameter.place, parameter.name.as_str()) {
            (Place::Path, "ServiceSid") => "default",
            (Place::Path, "Sid") if self.is_of_a_service() => "default",
            (Place::Path, "Index") => "0",
            (Place::Path, "Key") => "k",
            (Place::Path, "Identity") => "bob",
            (Place::Path, _) => "it",
            (Place::Form, "Data") => "{\"n\":1}",
            (Place::Form, "Key") => "new",
            (Place::Form, "Read" | "Write" | "Manage") => "true",
            _ => return None,
        })
    }

    /// The request with `value` for one of the parameters, which is left out if there is none.
    fn request(&self, bad: &Parameter, value: Option<&[u8]>, authorization: &str) -> Vec<u8> {
        let mut path = self.path.clone();
        let (mut query, mut form, mut headers) = (Vec::new(), Vec::new(), Vec::new());
        for parameter in &self.parameters {
            let is_bad = (parameter.place, &parameter.name) == (bad.place, &bad.name);
            let value = if is_bad {
                value
            } else {
                self.good(parameter).map(str::as_bytes)
            };
            let Some(value) = value else { continue };
            let value = match parameter.place {
                Place::Form => value,
                _ => &value[..value.len().min(LINE)],
            };
            let name = &parameter.name;
            match parameter.place {
                Place::Path => path = path.replace(&format!("{{{name}}}"), &encoded(value)),
                Place::Query => query.push(format!("{name}={}", encoded(value))),
                Place::Form => form.push(format!("{name}={}", encoded(value))),
                Place::Header => {
                    headers.extend(format!("{name}: ").bytes());
                    headers.extend(value.iter().filter(|byte| is_header_byte(**byte)));
                    headers.extend(b"\r\n");
                }
            }
        }
        let form = form.join("&");
        let mut request = format!(
            "{} {path}?{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: {authorization}\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n",
            self.method,
            query.join("&"),
            form.len()
        )
        .into_bytes();
        request.extend(headers);
        request.extend(b"\r\n");
        request.extend(form.bytes());
        request
    }
}

/// Percent-encodes every byte, so that no value can become another part of the request.
fn encoded(value: &[u8]) -> String {
    let mut text = String::new();
    for byte in value {
        write!(text, "%{byte:02X}").unwrap();
    }
    text
}

/// Returns true if a header can have the byte. Others break the request itself.
fn is_header_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Sends a request as it is, and returns the status and the body of the response.
async fn send(authority: &str, request: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let response = String::from_utf8(response).unwrap();
    let status = response
        .split(' ')
        .nth(1)
        .expect("an response")
        .parse()
        .unwrap();
    let body = response.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_default())
}

fn seed() -> Value {
    let permissions = json!([{"identity": "bob", "read": true}]);
    json!({"services": [{
        "unique_name": "default",
        "documents": [{"unique_name": "it", "data": {}, "permissions": permissions}],
        "lists": [{"unique_name": "it", "items": [{"data": {}}], "permissions": permissions}],
        "maps": [{"unique_name": "it", "items": [{"key": "k", "data": {}}], "permissions": permissions}],
        "streams": [{"unique_name": "it"}],
    }]})
}

/// Values of all sorts, most of them invalid.
fn values() -> impl Strategy<Value = Vec<u8>> {
    let text = |text: &str| Just(text.as_bytes().to_vec());
    prop_oneof![
        2 => any::<Vec<u8>>(),
        2 => any::<String>().prop_map(String::into_bytes),
        1 => any::<i128>().prop_map(|number| number.to_string().into_bytes()),
        1 => any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        1 => (0x20u8..0x7f, 1usize..1200).prop_map(|(byte, length)| vec![byte; length]),
        1 => "(IS|ET|ES|MP|TO|TZ|AC)[0-9a-fA-F]{32}".prop_map(String::into_bytes),
        1 => "PT[A-Za-z0-9_-]{0,80}".prop_map(String::into_bytes),
        1 => "[{}\\[\\]\",:0-9a-z\\\\ ]{0,40}".prop_map(String::into_bytes),
        1 => Just(format!("{}{}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into_bytes()),
        1 => Just(format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)).into_bytes()),
        3 => prop_oneof![
            text(""), text("."), text(".."), text("../.."), text("/"), text("null"), text("true"),
            text("{}"), text("[]"), text("-0"), text("1e400"), text("\0"), text("%00"), text("*"),
            text("\"\""), text("W/\"\""), text("18446744073709551615"), text("18446744073709551616"),
            text("9223372036854775808"), text("{\"a\":\"\\ud800\"}"), text("http://[::1"),
            text("javascript:alert(1)"), text("default"), text("PTe30"), text("\u{202e}"),
        ],
    ]
}

/// Values that no parameter of this type can have.
fn impossible(parameter: &Parameter) -> Vec<&'static str> {
    match parameter.schema["type"].as_str() {
        Some("integer") => vec!["x", "-1", "1.5", "1e2", " 1", "99999999999999999999"],
        Some("boolean") => vec!["maybe", "1", "yes", " true"],
        _ if parameter.schema.get("enum").is_some() => vec!["sideways", "ASC", ""],
        _ if parameter.name == "Data" => {
            vec!["", "x", "[]", "\"a\"", "1", "{", "null", "\u{feff}{}"]
        }
        _ if parameter.name == "If-Match" => vec!["x", "\"", "-1", "0 0"],
        _ => Vec::new(),
    }
}

/// An emulator, and a runtime to call it from code that is not async.
struct Bench {
    runtime: Runtime,
    emulator: Emulator,
    authorization: String,
    before: Value,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let builder = Emulator::builder().clock(Clock::manual(start));
        let emulator = runtime.block_on(builder.start()).unwrap();
        let user = format!("{}:{}", emulator.account_sid(), emulator.auth_token());
        emulator.seed(seed()).unwrap();
        let before = emulator.dump();
        Self {
            runtime,
            authorization: format!("Basic {}", STANDARD.encode(user)),
            before,
            emulator,
        }
    }

    /// Sends a request to the seeded objects, checks the response, and returns true if it is an error.
    fn is_refused(&self, operation: &Operation, bad: &Parameter, value: Option<&[u8]>) -> bool {
        let request = operation.request(bad, value, &self.authorization);
        let authority = self.emulator.url().strip_prefix("http://").unwrap();
        let (status, body) = self.runtime.block_on(send(authority, &request));
        if (200..300).contains(&status) {
            self.emulator.seed(self.before.clone()).unwrap();
            return false;
        }
        let shown = value.map(|value| String::from_utf8_lossy(&value[..value.len().min(100)]));
        let at = format!(
            "{} with {} {shown:?}: {status} {body}",
            operation.id, bad.name
        );
        assert!((400..500).contains(&status), "{at}");
        assert!(
            body["code"].as_u64().is_some_and(|code| code >= 20_000),
            "{at}"
        );
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{at}"
        );
        assert_eq!(body["status"], status, "{at}");
        assert_eq!(self.emulator.dump(), self.before, "{at}");
        true
    }
}

#[test]
fn every_parameter_is_accepted_or_refused_with_a_code() {
    let bench = Bench::new();
    let operations = operations();
    assert_eq!(operations.len(), 48);
    let mut count = 0;
    for operation in &operations {
        for parameter in &operation.parameters {
            count += 1;
            let config = Config {
                cases: CASES,
                failure_persistence: None,
                ..Config::default()
            };
            TestRunner::new(config)
                .run(&values(), |value| {
                    bench.is_refused(operation, parameter, Some(&value));
                    Ok(())
                })
                .unwrap_or_else(|failure| panic!("{:.2000}", failure.to_string()));
        }
    }
    assert!(count >= 196, "{count} parameters");
}

#[test]
fn values_that_a_type_cannot_have_are_refused() {
    let bench = Bench::new();
    let mut count = 0;
    for operation in &operations() {
        for parameter in &operation.parameters {
            for value in impossible(parameter) {
                count += 1;
                let refused = bench.is_refused(operation, parameter, Some(value.as_bytes()));
                assert!(
                    refused,
                    "{} took {} {value:?}",
                    operation.id, parameter.name
                );
            }
            if parameter.place == Place::Form && parameter.required {
                count += 1;
                let refused = bench.is_refused(operation, parameter, None);
                assert!(refused, "{} needs no {}", operation.id, parameter.name);
            }
        }
    }
    assert!(count > 200, "{count} values");
}

/// The good values are accepted, or the tests above would show nothing.
#[test]
fn good_values_are_accepted() {
    let bench = Bench::new();
    for operation in &operations() {
        let none = Parameter {
            place: Place::Query,
            name: String::new(),
            schema: Value::Null,
            required: false,
        };
        // An update needs something to update.
        let bad = operation
            .parameters
            .iter()
            .find(|parameter| parameter.name == "Ttl" || parameter.name == "FriendlyName");
        let refused = match bad {
            Some(parameter) => bench.is_refused(operation, parameter, Some(b"60")),
            None => bench.is_refused(operation, &none, None),
        };
        assert!(!refused, "{}", operation.id);
    }
}

/// The token of one account is not valid for another.
#[tokio::test]
async fn another_account_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let other = format!("AC{}", "0".repeat(32));
    let http = Http::new(emulator.url(), &other, emulator.auth_token());
    let (status, body) = http.get("/Documents").await;
    assert_eq!((status, &body["code"]), (401, &json!(20003)));
}

/// A body may come in chunks; it needs its type.
#[tokio::test]
async fn bodies_come_in_chunks_and_with_their_type() {
    let emulator = Emulator::start().await.unwrap();
    let pair = format!("{}:{}", emulator.account_sid(), emulator.auth_token());
    let pair = STANDARD.encode(pair);
    let address = emulator.url().trim_start_matches("http://").to_owned();
    let send = async |headers: &str, body: &str| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "POST /v1/Services/default/Documents HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Authorization: Basic {pair}\r\n{headers}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let chunked = format!("{form}Transfer-Encoding: chunked");
    let response = send(&chunked, "9\r\nUniqueNam\r\n7\r\ne=first\r\n0\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 201"), "{response}");
    assert!(response.contains("\"unique_name\":\"first\""), "{response}");
    let response = send("Content-Length: 12", "UniqueName=x").await;
    assert!(response.starts_with("HTTP/1.1 400"), "{response}");
    assert!(response.contains("\"code\":54008"), "{response}");
    // The last of two parameters with one name counts.
    let twice = format!("{form}Content-Length: 25");
    let response = send(&twice, "UniqueName=a&UniqueName=b").await;
    assert!(response.contains("\"unique_name\":\"b\""), "{response}");
}

/// A browser that knows the credentials adds them to the requests of any page.
#[tokio::test]
async fn a_page_of_another_origin_writes_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    let send = async |method: Method, headers: &[(&str, &str)]| {
        let url = format!("{}/v1/Services/default/Documents", http.url);
        let mut request = http.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.basic_auth(&http.user, Some(&http.password));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        request
            .body("Data={}")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for foreign in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:1"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(send(Method::POST, &[foreign]).await, 403, "{foreign:?}");
    }
    assert!(emulator.dump()["services"][0]["documents"].is_null());
    let own = http.url.clone();
    for own in [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")] {
        assert_eq!(send(Method::POST, &[own]).await, 201, "{own:?}");
    }
    assert_eq!(send(Method::POST, &[]).await, 201);
}

/// Half a head, a body without an end, and an idle connection end after a while. The clock is that of
/// a test, which goes on when nothing else does.
#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_nothing_more_ends() {
    let emulator = Emulator::start().await.unwrap();
    let address = emulator.url().strip_prefix("http://").unwrap().to_owned();
    for sent in [
        "",
        "GET /v1/Serv",
        "POST /v1/Services HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
        "GET /_emulator/health HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let reading = stream.read_to_end(&mut received);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(600), reading).await;
        assert!(ended.is_ok(), "{sent:?}");
    }
}

#[tokio::test]
async fn the_default_service_has_the_names_of_twilio() {
    let emulator = Emulator::start().await.unwrap();
    let (_, service) = Http::of(&emulator).get("").await;
    assert_eq!(service["friendly_name"], "Default Service");
    assert_eq!(service["unique_name"], "default");
}

/// Only with digits in lower case is a text a SID's shape: to the service and to the client.
#[tokio::test]
async fn a_name_is_shaped_like_a_sid_with_digits_in_lower_case() {
    let emulator = Emulator::start().await.unwrap();
    let http = Http::of(&emulator);
    for path in ["/Documents", "/Lists", "/Maps", "/Streams"] {
        for prefix in ["ET", "ZZ"] {
            let name = format!("{prefix}0123456789abcdef0123456789abcdef");
            let (status, error) = http.post(path, &[("UniqueName", &name)]).await;
            assert_eq!((status, &error["code"]), (400, &54302.into()), "{path}");
            assert!(twilio_sync::value::UniqueName::new(name).is_err());
        }
        for digits in [
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789aBcDeF0123456789abcdef",
        ] {
            let name = format!("ET{digits}");
            let (status, created) = http.post(path, &[("UniqueName", &name)]).await;
            assert_eq!(
                (status, &created["unique_name"]),
                (201, &name.as_str().into())
            );
            let (_, read) = http.get(&format!("{path}/{name}")).await;
            assert_eq!(read["sid"], created["sid"]);
            assert!(twilio_sync::value::UniqueName::new(name).is_ok());
        }
    }
}
