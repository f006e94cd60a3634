//! `twilio-sync api`: each operation for real, arguments that are wrong, and help texts.

use std::collections::HashSet;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use tempfile::TempDir;
use twilio_sync::Emulator;
use twilio_sync::api::Operation;
use twilio_sync::emulator::LoggedRequest;

use super::session::Session;

/// The program against an emulator, in a folder where nothing of the machine's is seen.
struct Program {
    emulator: Emulator,
    folder: TempDir,
}

impl Program {
    async fn start() -> Self {
        Self {
            emulator: Emulator::start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twilio-sync"));
        for (name, _) in std::env::vars() {
            if name.starts_with("TWILIO_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("TWILIO_ACCOUNT_SID", self.emulator.account_sid().as_str())
            .env("TWILIO_API_KEY", self.emulator.api_key().as_str())
            .env("TWILIO_API_SECRET", self.emulator.api_secret())
            .env(
                "TWILIO_SYNC_SERVICE_SID",
                self.emulator.service_sid().as_str(),
            )
            .env("TWILIO_SYNC_BASE_URL", self.emulator.url())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs an operation, its arguments with blanks between: its answer.
    fn call(&self, call: &str) -> Value {
        let arguments: Vec<_> = ["api"].into_iter().chain(call.split(' ')).collect();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{call}: {output:?}");
        let text = text(&output.stdout);
        if text.is_empty() {
            return Value::Null;
        }
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{call}: {text}");
        serde_json::from_str(line).unwrap()
    }

    /// Runs what is wrong: the message on standard error.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        text(&output.stderr).to_owned()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn description() -> Value {
    serde_json::from_str(include_str!("../../openapi/twilio_sync_v1.json")).unwrap()
}

/// The operations of the description, each by its name.
fn operations(description: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = description["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    operations.map(|operation| (operation["operationId"].as_str().unwrap(), operation))
}

/// Each of the operations, in an order in which all find what they are about.
const CALLS: &[&str] = &[
    "ListService",
    "CreateService FriendlyName=staging AclEnabled=true ReachabilityDebouncingWindow=2000",
    "FetchService Sid=default",
    "UpdateService Sid=default FriendlyName=tests",
    "ListDocument PageSize=1",
    "CreateDocument UniqueName=desk Data={\"busy\":false} Ttl=60",
    "FetchDocument Sid=desk",
    "UpdateDocument Sid=desk If-Match=0 Data={\"busy\":true}",
    "UpdateDocumentPermission DocumentSid=desk Identity=bob Read=true Write=false Manage=false",
    "ListDocumentPermission DocumentSid=desk",
    "FetchDocumentPermission DocumentSid=desk Identity=bob",
    "DeleteDocumentPermission DocumentSid=desk Identity=bob --yes",
    "DeleteDocument Sid=desk --yes",
    "CreateSyncList UniqueName=log",
    "ListSyncList",
    "FetchSyncList Sid=log",
    "UpdateSyncList Sid=log CollectionTtl=0",
    "CreateSyncListItem ListSid=log Data={\"a\":1}",
    "ListSyncListItem ListSid=log Order=desc From=0 Bounds=inclusive",
    "FetchSyncListItem ListSid=log Index=0",
    "UpdateSyncListItem ListSid=log Index=0 ItemTtl=60 CollectionTtl=90",
    "DeleteSyncListItem ListSid=log Index=0 --yes",
    "UpdateSyncListPermission ListSid=log Identity=bob Read=true Write=false Manage=false",
    "ListSyncListPermission ListSid=log",
    "FetchSyncListPermission ListSid=log Identity=bob",
    "DeleteSyncListPermission ListSid=log Identity=bob --yes",
    "DeleteSyncList Sid=log --yes",
    "CreateSyncMap UniqueName=phones",
    "ListSyncMap",
    "FetchSyncMap Sid=phones",
    "UpdateSyncMap Sid=phones Ttl=600",
    "CreateSyncMapItem MapSid=phones Key=+81/5 Data={\"a\":1}",
    "ListSyncMapItem MapSid=phones From=+8 Bounds=exclusive",
    "FetchSyncMapItem MapSid=phones Key=+81/5",
    "UpdateSyncMapItem MapSid=phones Key=+81/5 IfMatch=0 Data={\"a\":2}",
    "DeleteSyncMapItem MapSid=phones Key=+81/5 IfMatch=1 --yes",
    "UpdateSyncMapPermission MapSid=phones Identity=bob Read=true Write=false Manage=false",
    "ListSyncMapPermission MapSid=phones",
    "FetchSyncMapPermission MapSid=phones Identity=bob",
    "DeleteSyncMapPermission MapSid=phones Identity=bob --yes",
    "DeleteSyncMap Sid=phones --yes",
    "CreateSyncStream UniqueName=events",
    "ListSyncStream",
    "FetchSyncStream Sid=events",
    "UpdateSyncStream Sid=events Ttl=60",
    "CreateStreamMessage StreamSid=events Data={\"a\":1}",
    "DeleteSyncStream Sid=events --yes",
    "DeleteService Sid=default --yes",
];

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_is_answered_with_its_status() {
    let program = Program::start().await;
    let description = description();
    let mut called = HashSet::new();
    for call in CALLS {
        let (name, arguments) = call.split_once(' ').unwrap_or((call, ""));
        let arguments = arguments.replace("IfMatch=0", "If-Match=0");
        let (_, operation) = operations(&description)
            .find(|(other, _)| *other == name)
            .unwrap();
        let mut statuses = operation["responses"].as_object().unwrap().keys();
        let status = statuses.find(|status| status.starts_with('2')).unwrap();

        program.emulator.clear_requests();
        let answer = program.call(call);
        assert_eq!(answer.is_null(), status == "204", "{call}: {answer}");
        let requests = program.emulator.requests();
        let [request] = requests.as_slice() else {
            panic!("{call}: {requests:?}");
        };
        assert_eq!(request.operation().map(Operation::name), Some(name));
        assert_eq!(request.status().unwrap().as_str(), status, "{call}");

        // All that was given has arrived, where the description says.
        let decode = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.unwrap().into_owned()
        };
        let segments: Vec<_> = request.path().split('/').map(decode).collect();
        for argument in arguments
            .split(' ')
            .filter(|argument| argument.contains('='))
        {
            let (name, value) = argument.split_once('=').unwrap();
            let is = |(other, text): &(String, String)| other == name && text == value;
            let has_arrived = segments.iter().any(|segment| segment == value)
                || request.query().iter().any(is)
                || request.form().iter().any(is)
                || (name.starts_with("If") && request.if_match() == Some(value));
            assert!(has_arrived, "{call}: {argument}");
        }
        called.insert(name);
    }
    let all: HashSet<_> = operations(&description).map(|(name, _)| name).collect();
    assert_eq!(called, all);
    assert_eq!(all.len(), 48);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_of_the_settings_gives_way() {
    let program = Program::start().await;
    let service = program.call("CreateService");
    let sid = service["sid"].as_str().unwrap();
    program.call(&format!("CreateDocument ServiceSid={sid} UniqueName=desk"));
    let document = program.call(&format!("FetchDocument Sid=desk --service {sid}"));
    assert_eq!(document["service_sid"], sid);
    let output = program.run(&["api", "FetchDocument", "Sid=desk"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_printed_as_it_came() {
    let program = Program::start().await;
    let data = r#"{"z":12345678901234567890123,"a":1.50,"a":2}"#;
    program.call(&format!("CreateDocument UniqueName=desk Data={data}"));
    let output = program.run(&["api", "fetch_document", "Sid=desk"]);
    let line = text(&output.stdout);
    assert!(line.contains("12345678901234567890123"), "{line}");
    assert!(line.find("\"z\"") < line.find("\"a\""), "{line}");
}

#[test]
fn people_get_lines_and_a_word_where_there_is_no_answer() {
    let session = Session::new();
    let api = |call: &str| {
        let outcome = session.terminal(&format!("twilio-sync --local api {call}"), "y\n");
        assert_eq!(outcome.code, 0, "{}", outcome.output);
        outcome.output
    };
    let answer = api("CreateDocument UniqueName=desk 'Data={\"busy\":[true,{}]}'");
    assert!(answer.contains("unique_name   \u{1b}[0mdesk"), "{answer:?}");
    assert!(answer.contains("\"busy\": ["), "{answer:?}");
    let answer = api("DeleteDocument Sid=desk");
    assert!(
        answer.contains("Call DeleteDocument Sid=desk? [y/N]"),
        "{answer}"
    );
    assert!(answer.contains("the response is empty"), "{answer}");
    let help = api("FetchDocument --help");
    assert!(
        help.contains("\u{1b}[1m  Sid=") || help.contains("\u{1b}[1mSid="),
        "{help}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_from_files_and_standard_input() {
    let program = Program::start().await;
    let path = program.folder.path().join("data.json");
    std::fs::write(&path, "{\"from\": \"a file\"}\n").unwrap();
    program.call("CreateDocument UniqueName=desk Data=@data.json");
    let document = program.call("FetchDocument Sid=desk");
    assert_eq!(document["data"], json!({"from": "a file"}));
    let request = program.emulator.requests().remove(0);
    assert_eq!(
        request.form_value("Data").as_deref(),
        Some("{\"from\": \"a file\"}")
    );
    // Standard input is empty here, and a name of nothing is none.
    let message = program.refusal(&["api", "FetchDocument", "Sid=-"]);
    assert!(message.contains("is empty"), "{message}");
    let message = program.refusal(&["api", "FetchSyncMapItem", "MapSid=-", "Key=-"]);
    assert!(message.contains("standard input"), "{message}");
    let output = program.run(&["api", "FetchDocument", "Sid=@nothing"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let message = text(&output.stderr);
    assert!(
        message.contains("Sid") && message.contains("nothing"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_are_read() {
    let program = Program::start().await;
    let sync = program.emulator.client().unwrap();
    sync.maps().create("m").await.unwrap();
    let map = sync.map::<Value>("m");
    for number in 0..7 {
        map.set(format!("key {number}"), &json!({"n": number}))
            .await
            .unwrap();
    }
    for size in [&["PageSize=2"][..], &[]] {
        program.emulator.clear_requests();
        let arguments = [&["api", "ListSyncMapItem", "MapSid=m", "--all"][..], size].concat();
        let output = program.run(&arguments);
        assert!(output.status.success(), "{output:?}");
        let lines = text(&output.stdout).lines();
        let numbers: Vec<_> = lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["data"]["n"].clone())
            .collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6].map(Value::from));
        let pages = if size.is_empty() { 1 } else { 4 };
        assert_eq!(program.emulator.requests().len(), pages);
    }
}

/// A service of Documents whose pages are empty, and lead on for ever.
async fn endless_pages() -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let page = async move || {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let url = "https://example.com/";
        json!({
            "documents": [],
            "meta": {
                "key": "documents",
                "page": number,
                "page_size": 100,
                "first_page_url": url,
                "previous_page_url": null,
                "url": url,
                "next_page_url": format!("{url}?PageToken={number}"),
            },
        })
        .to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = axum::Router::new().fallback(page);
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (url, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_pages_without_an_end_are_an_error() {
    let program = Program::start().await;
    let (url, count) = endless_pages().await;
    let output = program.run(&["api", "ListDocument", "--all", "--base-url", &url]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = text(&output.stderr);
    assert!(message.contains("leads nowhere new"), "{message}");
    assert_eq!(count.load(Ordering::Relaxed), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_explained_and_nothing_is_sent() {
    let program = Program::start().await;
    for (arguments, messages) in [
        (
            &["FetchDocument", "Sidd=desk"][..],
            &[
                "no parameter \"Sidd\"",
                "did you mean Sid?",
                "Sid (required)",
                "ServiceSid",
            ][..],
        ),
        (
            &["FetchDocument", "Zzz=1"],
            &["no parameter \"Zzz\"", "takes ServiceSid, Sid"],
        ),
        (
            &["FetchDocument", "Sid=a", "Sid=b"],
            &["Sid is given twice"],
        ),
        (
            &[
                "DeleteSyncListItem",
                "ListSid=a",
                "Index=1",
                "IfMatch=1",
                "If-Match=1",
                "--yes",
            ],
            &["If-Match is given twice"],
        ),
        (
            &["FetchDocument"],
            &["FetchDocument needs Sid", "Sid (required)"],
        ),
        (
            &["CreateSyncMapItem", "MapSid=m"],
            &["CreateSyncMapItem needs Data, Key"],
        ),
        (&["FetchDocument", "desk"], &["\"desk\" is not NAME=VALUE"]),
        (
            &["FetchDocumnet", "Sid=desk"],
            &[
                "no operation \"FetchDocumnet\"",
                "did you mean FetchDocument?",
            ],
        ),
        (
            &["zzz"],
            &["no operation \"zzz\"", "hint: `twilio-sync api` lists all"],
        ),
        (
            &["ListDocument", "PageSize=101"],
            &["PageSize: it must be a whole number, 1 to 100"],
        ),
        (
            &["ListDocument", "PageSize=many"],
            &["PageSize: it must be a whole number, 1 to 100"],
        ),
        (
            &["ListDocument", "Page=-1"],
            &["Page: it must be a whole number, at least 0"],
        ),
        (
            &["ListSyncMapItem", "MapSid=m", "Order=up"],
            &["Order: it must be asc or desc"],
        ),
        (
            &["UpdateService", "Sid=default", "AclEnabled=yes"],
            &["AclEnabled: it must be true or false"],
        ),
        (
            &["FetchSyncListItem", "ListSid=l", "Index=.."],
            &["Index: it must be a whole number"],
        ),
        (&["FetchDocument", "Sid=.."], &["Sid: ", "another resource"]),
        (
            &["UpdateDocument", "Sid=desk", "Data={}", "IfMatch="],
            &["If-Match: the revision \"\" cannot be sent"],
        ),
        (
            &["FetchDocument", "Sid=desk", "ServiceSid=.."],
            &["ServiceSid: "],
        ),
        (&["FetchDocument", "Sid=desk", "--all"], &["--all"]),
        (
            &["DeleteDocument", "Sid=desk"],
            &["Call DeleteDocument Sid=desk?", "--yes"],
        ),
    ] {
        let arguments = [&["api"][..], arguments].concat();
        let refusal = program.refusal(&arguments);
        for message in messages {
            assert!(refusal.contains(message), "{arguments:?}: {refusal}");
        }
    }
    assert!(program.emulator.requests().is_empty());
}

/// Texts that a careless path would take for something else.
fn odd_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[.%2eE/\\\\]{1,6}",
        "\\PC{1,20}",
        "[\\x00-\\x7f]{1,8}",
        "[@=?#&+; -]{1,4}",
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_name_reaches_its_item_or_is_refused() {
    let program = Program::start().await;
    let seed = json!({"services": [{
        "unique_name": "default",
        "maps": [{"unique_name": "m", "items": [{"key": "neighbour", "data": {}}]}],
    }]});
    let keys = || {
        let maps = &program.emulator.dump()["services"][0]["maps"];
        let items = maps[0]["items"].as_array().unwrap().iter();
        let keys = items.map(|item| item["key"].as_str().unwrap().to_owned());
        keys.collect::<Vec<_>>()
    };
    let check = |name: String| {
        program.emulator.seed(seed.clone()).unwrap();
        program.emulator.clear_requests();
        let given = if name.starts_with('@') || name == "-" || name.contains('\0') {
            let path = program.folder.path().join("name");
            std::fs::write(&path, format!("{name}\r\n")).unwrap();
            "Key=@name".to_owned()
        } else {
            format!("Key={name}")
        };
        let create = ["api", "CreateSyncMapItem", "MapSid=m", "Data={}", &given];
        let output = program.run(&create);
        if matches!(name.as_str(), "." | "..") {
            prop_assert_eq!(output.status.code(), Some(64), "{:?}", output);
            prop_assert!(program.emulator.requests().is_empty());
            return Ok(());
        }
        prop_assert!(output.status.success(), "{:?}", output);
        let output = program.run(&["api", "FetchSyncMapItem", "MapSid=m", &given]);
        prop_assert!(output.status.success(), "{:?}", output);
        let item: Value = serde_json::from_slice(&output.stdout).unwrap();
        prop_assert_eq!(item["key"].as_str(), Some(name.as_str()));
        let output = program.run(&["api", "DeleteSyncMapItem", "MapSid=m", &given, "--yes"]);
        prop_assert!(output.status.success(), "{:?}", output);
        prop_assert_eq!(keys(), ["neighbour"]);
        let requests = program.emulator.requests();
        let operations: Vec<_> = requests.iter().map(LoggedRequest::operation).collect();
        let expected = [
            Operation::CreateSyncMapItem,
            Operation::FetchSyncMapItem,
            Operation::DeleteSyncMapItem,
        ];
        prop_assert_eq!(operations, expected.map(Some));
        Ok::<(), TestCaseError>(())
    };
    for name in [
        ".", "..", "%2e", "%2E%2e", "a/b", "\\", "..\\..", "-", "@x", "=", "?", "a\0b",
    ] {
        check(name.to_owned()).unwrap();
    }
    // Each case is three processes.
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config).run(&odd_name(), check).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_made_from_the_description() {
    let program = Program::start().await;
    let description = description();
    let list = program.run(&["api"]);
    assert!(list.status.success());
    let list = text(&list.stdout);
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => description.pointer(&reference[1..]).unwrap().clone(),
        None => value.clone(),
    };
    for (name, operation) in operations(&description) {
        let summary = operation["summary"].as_str().unwrap();
        let line = list
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{name} ")));
        assert!(line.unwrap().ends_with(summary), "{line:?}");

        let output = program.run(&["api", name, "--help"]);
        assert!(output.status.success());
        let help = text(&output.stdout);
        // Lines are broken at the terminal's width.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = words(help);
        assert!(help.contains(&words(summary)), "{name}: {help}");
        let more = operation["description"].as_str().unwrap_or_default();
        assert!(help.contains(&words(more)), "{name}: {help}");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters {
            let parameter = resolve(parameter);
            let argument = format!("{}=", parameter["name"].as_str().unwrap());
            assert!(help.contains(&argument), "{name}: {help}");
            let about = parameter["description"].as_str().unwrap();
            assert!(help.contains(&words(about)), "{name}: {help}");
        }
        let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"];
        for (field, about) in resolve(&form["schema"])["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            assert!(help.contains(&format!("{field}=")), "{name}: {help}");
            let about = about["description"].as_str().unwrap();
            assert!(help.contains(&words(about)), "{name}: {help}");
        }
    }
}
