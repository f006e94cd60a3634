//! Read, change, write: no change of anybody is lost.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use twilio_sync::api::Operation;
use twilio_sync::call::{Outcome, Written};
use twilio_sync::emulator::Fault;
use twilio_sync::value::Data;
use twilio_sync::{Error, Result, SyncClient, Ttl};

use crate::{documents, start, start_without_retry};

/// The service takes objects, so a number is in one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counter {
    n: u32,
}

const TASKS: u32 = 64;
const INCREMENTS: u32 = 100;

/// Lets 64 tasks increment 100 times each. The calls must not give up: how long a task waits for its
/// turn depends on the machine.
async fn contend<R, F>(
    sync: &SyncClient,
    increment: impl Fn(SyncClient) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Result<Written<R>>> + Send,
    R: Send,
{
    let increment = Arc::new(increment);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let (sync, increment) = (sync.clone(), Arc::clone(&increment));
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                let written = increment(sync.clone()).await.unwrap();
                assert_eq!(written.outcome, Outcome::Updated);
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_of_a_document_is_lost() {
    let (_emulator, sync) = start().await;
    sync.documents::<Counter>()
        .create("counter", &Counter::default())
        .await
        .unwrap();
    contend(&sync, |sync| async move {
        sync.documents::<Counter>()
            .mutate("counter", |counter| counter.n += 1)
            .max_attempts(u32::MAX)
            .max_elapsed(Duration::MAX)
            .await
    })
    .await;
    assert_eq!(
        sync.documents::<Counter>()
            .get("counter")
            .await
            .unwrap()
            .data
            .n,
        TASKS * INCREMENTS
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_of_a_map_item_is_lost() {
    let (_emulator, sync) = start().await;
    sync.maps().create("counters").await.unwrap();
    sync.map::<Counter>("counters")
        .set("n", &Counter::default())
        .await
        .unwrap();
    contend(&sync, |sync| async move {
        sync.map::<Counter>("counters")
            .mutate("n", |counter| counter.n += 1)
            .max_attempts(u32::MAX)
            .max_elapsed(Duration::MAX)
            .await
    })
    .await;
    let item = sync.map::<Counter>("counters").get("n").await.unwrap();
    assert_eq!(item.data.n, TASKS * INCREMENTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_of_a_list_item_is_lost() {
    let (_emulator, sync) = start().await;
    sync.lists().create("counters").await.unwrap();
    let index = sync
        .list::<Counter>("counters")
        .add(&Counter::default())
        .await
        .unwrap()
        .index;
    contend(&sync, move |sync| async move {
        sync.list::<Counter>("counters")
            .mutate(index, |counter| counter.n += 1)
            .max_attempts(u32::MAX)
            .max_elapsed(Duration::MAX)
            .await
    })
    .await;
    let item = sync.list::<Counter>("counters").get(index).await.unwrap();
    assert_eq!(item.data.n, TASKS * INCREMENTS);
}

#[tokio::test]
async fn nothing_changed_is_nothing_written() {
    let (_emulator, sync) = start().await;
    let before = documents(&sync)
        .create("desk", &json!({"b": 1, "a": 2}))
        .await
        .unwrap();
    let written = documents(&sync)
        .mutate("desk", |desk| desk["a"] = json!(2))
        .await
        .unwrap();
    assert_eq!((written.outcome, written.attempts), (Outcome::Unchanged, 1));
    assert_eq!(written.object.revision, before.revision);
    let error = documents(&sync)
        .mutate("missing", |_| ())
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn the_caps_end_it_with_the_last_conflict() {
    let (emulator, sync) = start().await;
    documents(&sync)
        .create("desk", &json!({"n": 0}))
        .await
        .unwrap();
    let conflict = json!({"code": 54103, "message": "mismatch", "status": 412}).to_string();
    let refuse = || {
        Fault::status(412)
            .body(conflict.clone())
            .on(Operation::UpdateDocument)
    };

    emulator.inject(refuse().times(2));
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let change = move |desk: &mut serde_json::Value| {
        desk["n"] = json!(counted.fetch_add(1, Ordering::Relaxed) + 1);
    };
    let written = documents(&sync).mutate("desk", change).await.unwrap();
    assert_eq!(
        (written.attempts, written.object.data),
        (3, json!({"n": 3}))
    );

    emulator.inject(refuse().always());
    let change = |desk: &mut serde_json::Value| desk["n"] = json!("x");
    let error = documents(&sync)
        .mutate("desk", change)
        .max_attempts(4)
        .await
        .unwrap_err();
    let Error::Contention(contention) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(contention.attempts, 4);
    assert!(contention.source.is_revision_conflict());
    assert!(error.is_revision_conflict() && error.is_retryable());
    let text = error.to_string();
    assert!(
        text.starts_with("document \"desk\" was changed by others in each of 4 attempts"),
        "{text}"
    );
    let error = documents(&sync)
        .mutate("desk", change)
        .max_elapsed(Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Contention(_)), "{error:?}");
}

#[tokio::test]
async fn an_unknown_outcome_is_not_taken_for_a_conflict() {
    let (emulator, sync) = start_without_retry().await;
    sync.documents::<Counter>()
        .create("counter", &Counter::default())
        .await
        .unwrap();
    emulator.inject(Fault::cut_after_write().on(Operation::UpdateDocument));
    let error = sync
        .documents::<Counter>()
        .mutate("counter", |counter| counter.n += 1)
        .await
        .unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    // It did take effect, once.
    assert_eq!(
        sync.documents::<Counter>()
            .get("counter")
            .await
            .unwrap()
            .data
            .n,
        1
    );
}

#[tokio::test]
async fn times_to_live_are_written_with_the_change() {
    let (_emulator, sync) = start().await;
    let counters = sync.documents::<Counter>();
    let increment = |counter: &mut Counter| counter.n += 1;
    let created = counters
        .mutate("counter", increment)
        .or_default()
        .ttl(Duration::from_secs(30))
        .await
        .unwrap()
        .object;
    assert_eq!(
        created.date_expires.unwrap() - created.date_created,
        TimeDelta::seconds(30)
    );
    // A change without a time to live leaves it.
    let changed = counters.mutate("counter", increment).await.unwrap().object;
    assert_eq!(changed.date_expires, created.date_expires);
    // Where nothing is written, no time to live is.
    let unchanged = counters.mutate("counter", |_| ()).ttl(Ttl::NEVER).await;
    let unchanged = unchanged.unwrap();
    assert_eq!(unchanged.outcome, Outcome::Unchanged);
    assert_eq!(unchanged.object.date_expires, created.date_expires);
    let changed = counters.mutate("counter", increment).ttl(Ttl::NEVER).await;
    let changed = changed.unwrap().object;
    assert_eq!((changed.date_expires, changed.data.n), (None, 3));

    sync.maps().create("counters").await.unwrap();
    let item = sync
        .map::<Counter>("counters")
        .mutate("n", increment)
        .or_default()
        .ttl(Duration::from_secs(30))
        .collection_ttl(Duration::from_secs(90))
        .await
        .unwrap()
        .object;
    assert_eq!(
        item.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(30)
    );
    let map = sync.maps().get("counters").await.unwrap();
    assert_eq!(
        map.date_expires.unwrap() - item.date_created,
        TimeDelta::seconds(90)
    );
    let long = Duration::from_secs(31_536_001);
    let refused = counters.mutate("counter", increment).ttl(long).await;
    assert!(matches!(refused.unwrap_err(), Error::Input(_)));
}

/// A change leaves what it does not touch as it is: unknown members, numbers of any size, the order.
#[tokio::test]
async fn what_is_not_changed_keeps_its_text() {
    #[derive(Serialize, Deserialize)]
    struct Desk {
        on: bool,
        calls: Vec<Call>,
        #[serde(default)]
        note: Option<String>,
    }
    #[derive(Serialize, Deserialize)]
    struct Call {
        id: u64,
    }

    let (_emulator, sync) = start().await;
    let raw = sync.documents::<Data>();
    let text = |data: &str| Data::from_json(data.to_owned()).unwrap();
    let stored = r#"{"z":184467440737095516170,"on":false,"calls":[{"id":1,"from":"+1"},{"id":2,"from":"+2"}],"a":0.1000000000000000055}"#;
    raw.create("desk", &text(stored)).await.unwrap();

    let desks = sync.documents::<Desk>();
    let change = desks.mutate("desk", |desk| {
        desk.on = true;
        desk.calls.remove(0);
        desk.calls.push(Call { id: 3 });
    });
    assert_eq!(change.await.unwrap().object.data.calls.len(), 2);
    assert_eq!(
        raw.get("desk").await.unwrap().data.as_str(),
        r#"{"z":184467440737095516170,"on":true,"calls":[{"id":2,"from":"+2"},{"id":3}],"a":0.1000000000000000055}"#
    );
    let merge = raw.merge("desk", &json!({"on": null, "calls": null}));
    assert_eq!(
        merge.await.unwrap().object.data.as_str(),
        r#"{"z":184467440737095516170,"a":0.1000000000000000055}"#
    );
    // The last digit counts, its notation does not.
    let is_written = async |data: &str| {
        let write = raw.update_or_create("desk", &text(data)).unless_equal();
        write.await.unwrap().outcome == Outcome::Updated
    };
    assert!(!is_written(r#"{"a":1.000000000000000055e-1,"z":184467440737095516170.0}"#).await);
    assert!(is_written(r#"{"a":0.1000000000000000055,"z":184467440737095516171}"#).await);
}

/// Members that a type does not know survive, also where a second reading of the data differs from the first,
/// and where the type reads or writes its members in ways of its own.
#[tokio::test]
async fn what_a_type_does_not_know_survives_whatever_the_type_does() {
    #[derive(Serialize, Deserialize)]
    struct Desk {
        #[serde(default)]
        tags: HashSet<u8>,
        #[serde(default)]
        ranks: BTreeSet<u8>,
        #[serde(alias = "operator")]
        agent: Option<String>,
        #[serde(default = "count")]
        read: u64,
        #[serde(default, skip_deserializing)]
        writer: u8,
    }
    /// Another number each time, as a random default or the time of now is.
    fn count() -> u64 {
        static READS: AtomicU64 = AtomicU64::new(0);
        READS.fetch_add(1, Ordering::Relaxed)
    }
    let (_emulator, sync) = start().await;
    let raw = sync.documents::<Data>();
    let desks = sync.documents::<Desk>();
    let tags: Vec<u8> = (0..20).collect();
    let stored = json!({"tags": tags, "ranks": [3, 1, 2]}).to_string();
    let stored = format!(
        "{},\"x\":184467440737095516170}}",
        &stored[..stored.len() - 1]
    );
    let with_operator = format!("{},\"operator\":\"Alice\"}}", &stored[..stored.len() - 1]);
    type Change = fn(&mut Desk);
    let changes: [(&str, &str, Change, Value); 6] = [
        (
            "agent",
            &stored,
            |desk| desk.agent = Some("Bob".into()),
            json!("Bob"),
        ),
        (
            "agent",
            &with_operator,
            |desk| desk.agent = Some("Bob".into()),
            json!("Bob"),
        ),
        ("writer", &stored, |desk| desk.writer = 7, json!(7)),
        (
            "ranks",
            &stored,
            |desk| _ = desk.ranks.pop_first(),
            json!([2, 3]),
        ),
        (
            "tags",
            &stored,
            |desk| desk.tags.retain(|tag| *tag == 5),
            json!([5]),
        ),
        (
            "read",
            &stored,
            |desk| desk.read = 1_000_000,
            json!(1_000_000),
        ),
    ];
    for (member, stored, change, expected) in changes {
        let data = Data::from_json(stored.to_owned()).unwrap();
        raw.update_or_create("desk", &data).await.unwrap();
        desks.mutate("desk", change).await.unwrap();
        let text = raw.get("desk").await.unwrap().data;
        assert!(
            text.as_str().contains("\"x\":184467440737095516170"),
            "{member}: {text}"
        );
        let data: Value = serde_json::from_str(text.as_str()).unwrap();
        assert_eq!(data[member], expected, "{text}");
        assert_eq!(data.get("operator"), None, "{text}");
        let untouched = if member == "tags" { "ranks" } else { "tags" };
        let before: Value = serde_json::from_str(stored).unwrap();
        assert_eq!(data[untouched], before[untouched], "{text}");
    }
}

/// A type that reads a member under an old name too writes data that it can read again.
#[tokio::test]
async fn a_member_with_two_names_is_written_once() {
    #[derive(Serialize, Deserialize)]
    struct Desk {
        #[serde(alias = "operator")]
        agent: String,
    }
    let (_emulator, sync) = start().await;
    let old = json!({"operator": "Alice"});
    documents(&sync).create("desk", &old).await.unwrap();
    let desks = sync.documents::<Desk>();
    let change = desks.mutate("desk", |desk| desk.agent = "Bob".to_owned());
    change.await.unwrap();
    let new = documents(&sync).get("desk").await.unwrap().data;
    assert_eq!(new, json!({"agent": "Bob"}));
}
