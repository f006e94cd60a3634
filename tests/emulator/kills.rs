//! `kill -9` during writes: all acknowledged writes are there, and whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::program::Program;
use super::{Folder, Http};

/// The number of concurrent writers.
const WRITERS: usize = 8;

/// The objects of one writer, as it knows them.
#[derive(Default)]
struct Known {
    /// The number in its Document: the last that was acknowledged, and the last that was sent.
    acknowledged: u64,
    sent: u64,
    /// The items of its List and Map whose creation was acknowledged in this round.
    items: BTreeMap<u64, Item>,
    keys: BTreeMap<u64, Item>,
    writes: u64,
}

/// An item, as a writer knows it.
struct Item {
    /// The last number that was acknowledged, and the last that was sent.
    acknowledged: u64,
    sent: u64,
    removal: Removal,
}

impl Item {
    fn new(number: u64) -> Self {
        Self {
            acknowledged: number,
            sent: number,
            removal: Removal::No,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    No,
    Sent,
    Acknowledged,
}

/// Data that shows if a part of it is missing.
fn data(number: u64) -> Value {
    json!({"n": number, "pad": "x".repeat(usize::try_from(number % 3_000).unwrap())})
}

/// Writes until there is no response.
async fn write(http: Http, name: String, mut known: Known) -> Known {
    if run(&http, &name, &mut known).await.is_none() {
        return known;
    }
    unreachable!("it writes until the program is killed")
}

async fn run(http: &Http, name: &str, known: &mut Known) -> Option<()> {
    let (list, map) = (
        format!("/Lists/{name}/Items"),
        format!("/Maps/{name}/Items"),
    );
    for round in 0u64.. {
        known.sent = known.acknowledged + 1;
        let text = data(known.sent).to_string();
        let form = [("Data", &*text)];
        let (status, document) = http.try_post(&format!("/Documents/{name}"), &form).await?;
        assert_eq!(status, 200, "{document}");
        known.acknowledged = known.sent;

        let text = data(round).to_string();
        let form = [("Data", &*text)];
        let (status, item) = http.try_post(&list, &form).await?;
        assert_eq!(status, 201, "{item}");
        let index = item["index"].as_u64().unwrap();
        known.items.insert(index, Item::new(round));

        let key = format!("k{round}");
        let (status, item) = http.try_post(&map, &[("Key", &key), form[0]]).await?;
        assert_eq!(status, 201, "{item}");
        known.keys.insert(round, Item::new(round));
        known.writes += 3;

        // Every second round writes the items once more.
        if round % 2 == 1 {
            update(http, &list, &mut known.items, |index| index.to_string()).await?;
            update(http, &map, &mut known.keys, |round| format!("k{round}")).await?;
            known.writes += 2;
        }

        // Every third round removes the oldest item.
        if round % 3 == 2 {
            remove(http, &list, &mut known.items, |index| index.to_string()).await?;
            remove(http, &map, &mut known.keys, |round| format!("k{round}")).await?;
            known.writes += 2;
        }
    }
    Some(())
}

/// Writes the newest item once more.
async fn update(
    http: &Http,
    path: &str,
    known: &mut BTreeMap<u64, Item>,
    name: impl Fn(u64) -> String,
) -> Option<()> {
    let (newest, item) = known.iter_mut().next_back()?;
    item.sent = item.acknowledged + 1;
    let text = data(item.sent).to_string();
    let path = format!("{path}/{}", name(*newest));
    let (status, body) = http.try_post(&path, &[("Data", &text)]).await?;
    assert_eq!(status, 200, "{body}");
    item.acknowledged = item.sent;
    Some(())
}

async fn remove(
    http: &Http,
    path: &str,
    known: &mut BTreeMap<u64, Item>,
    name: impl Fn(u64) -> String,
) -> Option<()> {
    let (oldest, item) = known
        .iter_mut()
        .find(|(_, item)| item.removal == Removal::No)?;
    item.removal = Removal::Sent;
    let status = http
        .try_delete(&format!("{path}/{}", name(*oldest)))
        .await?;
    assert_eq!(status, 204);
    item.removal = Removal::Acknowledged;
    Some(())
}

/// Gives a writer a new list and map.
async fn renew(http: &Http, name: &str) {
    for kind in ["Lists", "Maps"] {
        http.try_delete(&format!("/{kind}/{name}")).await;
        let form = [("UniqueName", name)];
        assert_eq!(http.post(&format!("/{kind}"), &form).await.0, 201);
    }
}

/// Checks one writer's objects in a dump against what it knows.
fn check(service: &Value, name: &str, known: &mut Known) {
    let object = |kind: &str| {
        let objects = service[kind].as_array().unwrap();
        let found = objects.iter().find(|object| object["unique_name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not among the {kind}"))
    };
    let document = object("documents");
    let number = document["data"]["n"].as_u64().unwrap();
    assert!(
        (known.acknowledged..=known.sent).contains(&number),
        "{name} has {number}: {} was acknowledged, {} sent",
        known.acknowledged,
        known.sent
    );
    assert_eq!(document["data"], data(number));
    assert_eq!(document["revision"], format!("{number:x}"));
    known.acknowledged = number;

    let items = |kind: &str| {
        object(kind)["items"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    // Each is whole, and has the number of its index or key.
    let number = |item: &Value| {
        let number = item["data"]["n"].as_u64().unwrap();
        assert_eq!(item["data"], data(number));
        number
    };
    let indexes = items("lists").into_iter().map(|item| {
        let index = item["index"].as_u64().unwrap();
        (index, number(&item))
    });
    check_items(name, &known.items, &indexes.collect());
    let keys = items("maps").into_iter().map(|item| {
        let key = item["key"].as_str().unwrap().strip_prefix('k').unwrap();
        (key.parse().unwrap(), number(&item))
    });
    check_items(name, &known.keys, &keys.collect());
}

fn check_items(name: &str, known: &BTreeMap<u64, Item>, there: &BTreeMap<u64, u64>) {
    for (at, item) in known {
        let number = there.get(at);
        match item.removal {
            Removal::No => assert!(number.is_some(), "{name}: item {at} is lost"),
            Removal::Acknowledged => assert!(number.is_none(), "{name}: item {at} is back"),
            Removal::Sent => {}
        }
        if let Some(number) = number {
            let (acknowledged, sent) = (item.acknowledged, item.sent);
            assert!(
                (acknowledged..=sent).contains(number),
                "{name}: item {at} has {number}: {acknowledged} was acknowledged, {sent} sent"
            );
        }
    }
    // Beside those, only the one without a response.
    let unknown = there.keys().filter(|at| !known.contains_key(at)).count();
    assert!(unknown <= 1, "{name}: {there:?}");
}

/// Kills the program this many times.
async fn kill(times: u32) {
    let folder = Folder::new();
    let path = folder.file("sync.db");
    let started = Instant::now();
    let names: Vec<String> = (0..WRITERS).map(|writer| format!("w{writer}")).collect();
    let mut program = Program::with_data(&path);
    let identity = {
        let mut json = program.json();
        json.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.ends_with("url"));
        json
    };
    // One for all rounds: to create one takes longer than a round.
    let client = program.http();
    let mut known: Vec<Known> = Vec::new();
    for name in &names {
        let form = [("UniqueName", &**name), ("Data", &*data(0).to_string())];
        assert_eq!(client.post("/Documents", &form).await.0, 201);
        known.push(Known::default());
    }
    let mut total = 0;
    let mut slowest = Duration::ZERO;
    for round in 0..times {
        let http = client.at(&program.url());
        join_all(names.iter().map(|name| renew(&http, name))).await;
        for known in &mut known {
            known.items.clear();
            known.keys.clear();
        }
        let writers: Vec<_> = names
            .iter()
            .zip(std::mem::take(&mut known))
            .map(|(name, known)| tokio::spawn(write(http.clone(), name.clone(), known)))
            .collect();
        // At another moment each time, sometimes before the response to the first write.
        let life = u64::from(round * 7919 % 97);
        tokio::time::sleep(Duration::from_millis(life)).await;
        program.kill();
        for writer in writers {
            known.push(writer.await.unwrap());
        }

        let started = Instant::now();
        program = Program::with_data(&path);
        slowest = slowest.max(started.elapsed());
        let mut json = program.json();
        json.as_object_mut()
            .unwrap()
            .retain(|name, _| !name.ends_with("url"));
        assert_eq!(json, identity);
        let http = client.at(&program.url());
        let (_, dump) = http.control(Method::GET, "dump", &Value::Null).await;
        let service = &dump["services"][0];
        for (name, known) in names.iter().zip(&mut known) {
            check(service, name, known);
            total += std::mem::take(&mut known.writes);
        }
    }
    println!(
        "{times} kills: {total} acknowledged writes, all there and whole; slowest restart {slowest:?}; {:?} in all",
        started.elapsed()
    );
    assert!(total > u64::from(times), "{total} writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_times() {
    kill(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_thousand_times() {
    kill(1_000).await;
}
