//! The data file: everything is there again.

use std::fs;
use std::time::Duration;

use serde_json::json;
use twilio_sync::Emulator;
use twilio_sync::emulator::EmulatorError;
use twilio_sync::emulator::{Clock, EmulatorBuilder};

use super::{Folder, Http};

fn builder(folder: &Folder) -> EmulatorBuilder {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    Emulator::builder()
        .clock(Clock::manual(start))
        .data_file(folder.file("sync.db"))
}

#[tokio::test]
async fn everything_is_there_again() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    let grant = [("Read", "true"), ("Write", "false"), ("Manage", "true")];
    http.post("", &[("FriendlyName", "a"), ("AclEnabled", "true")])
        .await;
    http.post("/Documents", &[("UniqueName", "d"), ("Ttl", "60")])
        .await;
    http.post("/Documents/d", &[("Data", "{\"n\": 1.50}")])
        .await;
    http.post("/Documents/d/Permissions/b%C3%B6b", &grant).await;
    http.post("/Streams", &[("UniqueName", "s")]).await;
    http.post("/Lists", &[("UniqueName", "l")]).await;
    http.post("/Maps", &[("UniqueName", "m")]).await;
    http.post("/Maps", &[("UniqueName", "deleted")]).await;
    for key in ["a", "ab", "abc"] {
        http.post("/Lists/l/Items", &[("Data", "{}"), ("ItemTtl", "30")])
            .await;
        let form = [("Key", key), ("Data", "{}")];
        http.post("/Maps/m/Items", &form).await;
        http.post("/Maps/deleted/Items", &form).await;
    }
    // A Map whose name begins like that of the deleted one stays.
    http.try_delete("/Maps/m/Items/ab").await;
    http.try_delete("/Lists/l/Items/2").await;
    http.try_delete("/Maps/deleted").await;
    let before = emulator.dump();
    let identity = [
        emulator.account_sid().as_str(),
        emulator.auth_token(),
        emulator.api_key().as_str(),
        emulator.api_secret(),
        emulator.service_sid().as_str(),
    ]
    .map(ToOwned::to_owned);
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    assert_eq!(emulator.dump(), before);
    let again = [
        emulator.account_sid().as_str(),
        emulator.auth_token(),
        emulator.api_key().as_str(),
        emulator.api_secret(),
        emulator.service_sid().as_str(),
    ];
    assert_eq!(again, identity.each_ref());

    // The counters go on, and an object with a TTL expires.
    let http = Http::of(&emulator);
    let added = http.post("/Lists/l/Items", &[("Data", "{}")]).await.1;
    assert_eq!(
        (&added["index"], &added["revision"]),
        (&json!(4), &json!("4"))
    );
    let form = [("Data", "{}")];
    assert_eq!(http.post("/Documents/d", &form).await.1["revision"], "2");
    emulator.clock().advance(Duration::from_secs(30));
    assert_eq!(http.get("/Lists/l/Items/0").await.0, 404);
    emulator.clock().advance(Duration::from_secs(30));
    assert_eq!(http.get("/Documents/d").await.0, 404);
    let before = emulator.dump();
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    assert_eq!(emulator.dump(), before);
}

/// A page token contains a place that no later object may take.
#[tokio::test]
async fn page_tokens_outlive_the_process() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    for name in ["a", "b", "c"] {
        http.post("/Documents", &[("UniqueName", name)]).await;
    }
    let page = http.get("/Documents?PageSize=2").await.1;
    let next = page["meta"]["next_page_url"].as_str().unwrap();
    let query = next.split_once('?').unwrap().1.to_owned();
    for name in ["b", "c"] {
        http.try_delete(&format!("/Documents/{name}")).await;
    }
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    http.post("/Documents", &[("UniqueName", "d")]).await;
    let page = http.get(&format!("/Documents?{query}")).await.1;
    assert_eq!(page["documents"][0]["unique_name"], "d");
}

#[tokio::test]
async fn resets_and_seeds_are_stored() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    http.post("/Documents", &[("UniqueName", "a")]).await;
    emulator.reset();
    http.post("/Documents", &[("UniqueName", "b")]).await;
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    assert_eq!(http.get("/Documents/a").await.0, 404);
    assert_eq!(http.get("/Documents/b").await.0, 200);
    emulator.seed(json!({"services": []})).unwrap();
    emulator.stop().await;

    // A default service that was deleted does not come back by itself.
    let emulator = builder(&folder).start().await.unwrap();
    assert_eq!(emulator.dump(), json!({"services": []}));
    emulator.reset();
    assert_eq!(Http::of(&emulator).get("").await.0, 200);
}

#[tokio::test]
async fn settings_override_those_in_the_file() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let document = Http::of(&emulator);
    document.post("/Documents", &[("UniqueName", "a")]).await;
    let other = document.try_send(
        reqwest::Method::POST,
        "/v1/Services",
        "application/x-www-form-urlencoded",
        String::new(),
    );
    let other = other.await.unwrap().1["sid"].as_str().unwrap().to_owned();
    let token = emulator.auth_token().to_owned();
    emulator.stop().await;

    let service = format!("IS{}", "c".repeat(32));
    let emulator = builder(&folder)
        .api_secret("another")
        .service_sid(&service)
        .start()
        .await
        .unwrap();
    assert_eq!(emulator.api_secret(), "another");
    assert_eq!(emulator.auth_token(), token);
    let found = Http::of(&emulator).get("/Documents/a").await.1;
    assert_eq!(found["service_sid"], service);
    emulator.stop().await;

    let refused = builder(&folder).service_sid(&other).start().await;
    let error = refused.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("has another service"), "{source}");
    let emulator = builder(&folder).start().await.unwrap();
    assert_eq!(emulator.service_sid().as_str(), service);
}

/// Writes a data file as the version of format 1 did.
fn write_format_1(path: &std::path::Path) {
    let about: redb::TableDefinition<&str, &[u8]> =
        redb::TableDefinition::new("twilio-sync emulator");
    let records: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("records");
    let database = redb::Database::builder()
        .create_with_file_format_v3(true)
        .create(path)
        .unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut about = transaction.open_table(about).unwrap();
        let mut records = transaction.open_table(records).unwrap();
        let lines = include_str!("fixtures/data-v1.txt").lines().skip(1);
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let mut next = || parts.next().unwrap();
            let (table, key, value) = (next(), next(), next().as_bytes());
            if table == "about" {
                about.insert(key, value).unwrap();
            } else {
                let digits = |at| u8::from_str_radix(&key[at..at + 2], 16).unwrap();
                let key: Vec<u8> = (0..key.len()).step_by(2).map(digits).collect();
                records.insert(key.as_slice(), value).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
}

/// Absent members have the values that the older version showed.
#[tokio::test]
async fn a_file_of_an_older_version_opens() {
    let folder = Folder::new();
    write_format_1(&folder.file("sync.db"));
    let clock = || Clock::manual("2026-12-01T00:00:00Z".parse().unwrap());
    let start = async || builder(&folder).clock(clock()).start().await.unwrap();
    let emulator = start().await;
    assert_eq!(emulator.auth_token(), "the old token");
    let http = Http::of(&emulator);
    let document = http.get("/Documents/doc").await.1;
    assert_eq!(document["created_by"], "system");
    assert_eq!(
        (&document["revision"], &document["data"]["n"]),
        (&json!("2"), &json!(3.50))
    );
    assert_eq!(document["date_expires"], "2027-11-26T02:16:30Z");
    let bob = http.get("/Documents/doc/Permissions/bob").await.1;
    assert_eq!(bob["read"], true);
    let items = http.get("/Lists/log/Items").await.1;
    let indexes: Vec<_> = items["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&indexes[0]["index"], &indexes[1]["index"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(indexes[1]["created_by"], "system");
    let alice = http.get("/Maps/phones/Items/alice").await.1;
    assert_eq!(
        (&alice["revision"], &alice["created_by"]),
        (&json!("1"), &json!("system"))
    );
    assert_eq!(http.get("/Streams/events").await.0, 200);
    // It goes on where the older version ended, and then has the new format.
    let item = http.post("/Lists/log/Items", &[("Data", "{}")]).await.1;
    assert_eq!(
        (&item["index"], &item["revision"]),
        (&json!(4), &json!("4"))
    );
    let dump = emulator.dump();
    emulator.stop().await;
    let emulator = start().await;
    assert_eq!(emulator.dump(), dump);
}

#[tokio::test]
async fn creators_are_there_again() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let item = json!({"key": "k", "data": {}, "created_by": "bob"});
    let map = json!({"unique_name": "m", "created_by": "alice", "items": [item]});
    let seed = json!({"services": [{"unique_name": "default", "maps": [map]}]});
    emulator.seed(seed).unwrap();
    let http = Http::of(&emulator);
    // A write by another does not change who created it.
    http.post("/Maps/m/Items/k", &[("Data", "{\"a\":1}")]).await;
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    assert_eq!(http.get("/Maps/m").await.1["created_by"], "alice");
    assert_eq!(http.get("/Maps/m/Items/k").await.1["created_by"], "bob");
}

#[tokio::test]
async fn files_that_cannot_be_used_say_why() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let why = |error: EmulatorError| {
        assert!(error.to_string().contains("sync.db"), "{error}");
        std::error::Error::source(&error).unwrap().to_string()
    };
    let error = builder(&folder).start().await.unwrap_err();
    assert!(matches!(error, EmulatorError::DataFileInUse { .. }));
    assert!(error.to_string().contains("sync.db"), "{error}");
    emulator.stop().await;

    // A file of a future version: the table and key are those of the data file.
    let path = folder.file("sync.db");
    let about: redb::TableDefinition<&str, &[u8]> =
        redb::TableDefinition::new("twilio-sync emulator");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(about).unwrap();
    table.insert("format", b"4".as_slice()).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let error = builder(&folder).start().await.unwrap_err();
    assert!(why(error).contains("it has format 4, and this version knows up to 3"));

    for junk in [b"some text".to_vec(), vec![7; 100_000]] {
        fs::write(&path, junk).unwrap();
        let error = builder(&folder).start().await.unwrap_err();
        assert!(why(error).contains("no data file of this emulator"));
    }
    fs::remove_file(&path).unwrap();
    let database = redb::Database::create(&path).unwrap();
    let strange: redb::TableDefinition<u32, u32> = redb::TableDefinition::new("strange");
    let transaction = database.begin_write().unwrap();
    transaction.open_table(strange).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = builder(&folder).start().await.unwrap_err();
    assert!(why(error).contains("no data file of this emulator"));
}

/// A write that is not stored is not acknowledged, and one that was acknowledged is not lost.
#[cfg(unix)]
#[tokio::test]
async fn a_write_on_a_full_disk_fails() {
    use super::program::Program;

    let folder = Folder::new();
    let path = folder.file("sync.db");
    let mut program = Program::with_data_on_a_full_disk(&path);
    let http = program.http();
    http.post("/Lists", &[("UniqueName", "l")]).await;
    let data = format!("{{\"pad\": \"{}\"}}", "x".repeat(16_000));
    let form = [("Data", &*data)];
    let mut written = 0;
    let refused = loop {
        let (status, body) = http.post("/Lists/l/Items", &form).await;
        if status != 201 {
            break (status, body["code"].clone());
        }
        written += 1;
        assert!(written < 10_000, "the disk is not full");
    };
    assert_eq!(refused, (500, json!(20500)));
    assert_eq!(http.post("/Documents", &[]).await.0, 500);
    assert_eq!(http.get("/Lists/l").await.0, 200);

    // A write that is not stored has no webhook, and the log says so.
    let url = ("WebhookUrl", "http://127.0.0.1:1/");
    http.post("", &[url, ("WebhooksFromRestEnabled", "true")])
        .await;
    http.post("/Documents", &[]).await;
    let mut log = json!(null);
    for _ in 0..500 {
        let shown = http.control(reqwest::Method::GET, "webhooks", &json!(null));
        log = shown.await.1["webhooks"].clone();
        if log != json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let not_stored = "not sent: the write was not stored";
    assert_eq!(log[0]["error"], not_stored, "{log}");
    program.kill();

    let program = Program::with_data(&path);
    let (http, none) = (program.http(), json!(null));
    let (_, dump) = http.control(reqwest::Method::GET, "dump", &none).await;
    let items = dump["services"][0]["lists"][0]["items"].as_array().unwrap();
    // The one that failed may be there.
    assert!(
        (written..=written + 1).contains(&items.len()),
        "{written} {}",
        items.len()
    );
    let parsed: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert!(items.iter().all(|item| item["data"] == parsed));
}

/// A receiver that does not respond to a webhook does not keep the file open.
#[tokio::test]
async fn a_dropped_emulator_closes_its_file() {
    let folder = Folder::new();
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", receiver.local_addr().unwrap());
    let emulator = builder(&folder).start().await.unwrap();
    let form = [("WebhookUrl", &*url), ("WebhooksFromRestEnabled", "true")];
    let http = Http::of(&emulator);
    http.post("", &form).await;
    http.post("/Documents", &[("UniqueName", "a")]).await;
    let _connection = receiver.accept().await.unwrap();
    drop(emulator);

    let mut tries = 0;
    let emulator = loop {
        match builder(&folder).start().await {
            Ok(emulator) => break emulator,
            Err(error) if tries == 200 => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        tries += 1;
    };
    assert_eq!(Http::of(&emulator).get("/Documents/a").await.0, 200);
}

/// A data file can store the largest seed, and later revisions.
#[tokio::test]
async fn the_largest_seed_is_there_again() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let largest = u64::MAX / 2;
    let hex = format!("{largest:x}");
    let seed = json!({"services": [{
        "unique_name": "default",
        "documents": [{"unique_name": "d", "revision": hex}],
        "lists": [{"unique_name": "l", "items": [{"index": largest, "data": {}}]}],
        "maps": [{"unique_name": "m", "items": [{"key": "k", "revision": hex, "data": {}}]}],
    }]});
    emulator.seed(seed).unwrap();
    let http = Http::of(&emulator);
    for path in ["/Documents/d", "/Maps/m/Items/k", "/Lists/l/Items"] {
        let (status, body) = http.post(path, &[("Data", "{}")]).await;
        assert!(status < 300, "{body}");
        assert_eq!(body["revision"], "8000000000000000");
    }
    for seed in [
        json!({"documents": [{"revision": "8000000000000000"}]}),
        json!({"lists": [{"items": [{"index": largest + 1, "data": {}}]}]}),
        json!({"maps": [{"items": [{"key": "k", "revision": "ffffffffffffffff", "data": {}}]}]}),
    ] {
        assert!(emulator.seed(json!({"services": [seed]})).is_err());
    }
    let before = emulator.dump();
    emulator.stop().await;

    let emulator = builder(&folder).start().await.unwrap();
    assert_eq!(emulator.dump(), before);
}

/// The SID of a seeded default Service stays, even if another Service has the earlier one.
#[tokio::test]
async fn a_seeded_default_service_keeps_its_sid() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let first = emulator.service_sid().to_owned();
    let seeded = format!("IS{}", "d".repeat(32));
    let seed = json!({"services": [{"unique_name": "default", "sid": seeded}, {"sid": first}]});
    emulator.seed(seed).unwrap();
    let client = emulator.client().unwrap();
    client
        .documents()
        .create("a", &json!({"n": 1}))
        .await
        .unwrap();
    let http = Http::of(&emulator);
    assert_eq!(http.get("/Documents/a").await.1["service_sid"], seeded);
    let before = emulator.dump();
    emulator.stop().await;

    // On every start, and with the SID that a shell still has from the first time.
    for set in [None, Some(&first), None] {
        let mut builder = builder(&folder);
        if let Some(set) = set {
            builder = builder.service_sid(set);
        }
        let emulator = builder.start().await.unwrap();
        assert_eq!(emulator.service_sid().as_str(), seeded);
        assert_eq!(emulator.dump(), before);
        emulator.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let path = folder.file("sync.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let emulator = builder(&folder).start().await.unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    emulator.stop().await;
}

/// However a file is damaged, it is opened as it was, or the error names it and says what to do.
#[tokio::test]
async fn a_damaged_file_is_an_error_that_names_it() {
    let folder = Folder::new();
    let emulator = builder(&folder).start().await.unwrap();
    let http = Http::of(&emulator);
    http.post("/Maps", &[("UniqueName", "m")]).await;
    let data = format!("{{\"x\":\"{}\"}}", "y".repeat(2_000));
    for key in ["a", "b", "c", "d", "e", "f"] {
        http.post("/Maps/m/Items", &[("Key", key), ("Data", &data)])
            .await;
    }
    let before = emulator.dump();
    emulator.stop().await;
    let path = folder.file("sync.db");
    let whole = fs::read(&path).unwrap();
    let length = whole.len();

    let cuts = (0..40).map(|n| whole[..(length * n / 40).max(1)].to_vec());
    let flips = (0..200).map(|n| {
        let mut bytes = whole.clone();
        // The beginning has the most of what matters.
        let at = if n < 100 {
            n * 7
        } else {
            length * (n - 100) / 100
        };
        bytes[at.min(length - 1)] ^= 1 << (n % 8);
        bytes
    });
    for (n, bytes) in cuts.chain(flips).enumerate() {
        fs::write(&path, bytes).unwrap();
        match builder(&folder).start().await {
            Ok(emulator) => {
                assert_eq!(emulator.dump(), before, "{n}");
                emulator.stop().await;
            }
            Err(error) => {
                assert!(
                    matches!(error, EmulatorError::DataFile { .. }),
                    "{n}: {error:?}"
                );
                let text = error.to_string();
                assert!(text.contains(&path.display().to_string()), "{n}: {text}");
                let cause = std::error::Error::source(&error).unwrap().to_string();
                assert!(
                    [
                        "restore a copy",
                        "choose another file",
                        "use the newer version"
                    ]
                    .iter()
                    .any(|advice| cause.contains(advice)),
                    "{n}: {cause}"
                );
            }
        }
    }
}
