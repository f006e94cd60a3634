//! Export and import.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::call::Outcome;
use twilio_sync::error::LineError;
use twilio_sync::export::{
    Change, Contents, End, Entry, Heading, Kind, PartialExport, Place, Plan, Record, Verb,
};
use twilio_sync::permissions::Access;
use twilio_sync::{Error, SyncClient};

use crate::{documents, start};

#[tokio::test]
async fn a_map_there_and_back_and_resumed() {
    let (_emulator, sync) = start().await;
    for name in ["here", "there"] {
        sync.maps().create(name).await.unwrap();
    }
    let (here, there) = (sync.map::<Value>("here"), sync.map::<Value>("there"));
    for n in 0..150 {
        here.set(format!("k{n:03}"), &json!({"n": n}))
            .await
            .unwrap();
    }
    here.set("k000", &json!({"n": 0}))
        .ttl(Duration::from_secs(3600))
        .await
        .unwrap();
    let lines: Vec<String> = here
        .export(None)
        .map_ok(|line| line.to_string())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(lines.len(), 150);
    assert_eq!(
        lines[1],
        r#"{"kind":"map_item","map":"here","key":"k001","data":{"n":1}}"#
    );
    assert!(lines[0].contains("\"date_expires\":\"20"), "{}", lines[0]);

    let rest: Vec<_> = here.export(Some("k147")).try_collect().await.unwrap();
    assert_eq!(rest.len(), 2);

    let done = there
        .import(stream::iter(lines[..50].to_vec()))
        .await
        .unwrap();
    assert_eq!(done.keys.len(), 50);
    there
        .import(stream::iter(lines[50..].to_vec()))
        .concurrency(16)
        .await
        .unwrap();
    let copied: Vec<_> = there
        .export(None)
        .map_ok(|line| line.to_string())
        .try_collect()
        .await
        .unwrap();
    let renamed: Vec<_> = lines
        .iter()
        .map(|line| line.replace(r#""map":"here""#, r#""map":"there""#))
        .collect();
    assert_eq!(copied[1..], renamed[1..]);
    assert!(there.get("k000").await.unwrap().date_expires.is_some());

    let copy = sync.maps().create("copy").await.unwrap();
    here.copy_to(&sync.map::<Value>(&copy.sid)).await.unwrap();
    assert_eq!(sync.map::<Value>("copy").items().count().await, 150);
}

#[tokio::test]
async fn a_list_and_a_document() {
    let (_emulator, sync) = start().await;
    for name in ["here", "there"] {
        sync.lists().create(name).await.unwrap();
    }
    let (here, there) = (sync.list::<Value>("here"), sync.list::<Value>("there"));
    here.add_many((0..5).map(|n| json!({"n": n})))
        .await
        .unwrap();
    here.remove(2).await.unwrap();
    let lines: Vec<_> = here
        .export(None)
        .map_ok(|line| line.to_string())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        lines[2],
        r#"{"kind":"list_item","list":"here","index":3,"data":{"n":3}}"#
    );
    // One after the other, whatever is asked for.
    let import = there.import(stream::iter(lines)).concurrency(16);
    import.await.unwrap();
    let data: Vec<_> = there
        .items()
        .map_ok(|item| item.data["n"].clone())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(data, [json!(0), json!(1), json!(3), json!(4)]);
    let copy = here.copy_to(&there).concurrency(16);
    assert_eq!(copy.await.unwrap().keys, [0, 1, 3, 4]);
    let last: Vec<_> = there.items().from(4).try_collect().await.unwrap();
    let last = last.iter().map(|item| item.data["n"].clone());
    assert!(last.eq([json!(0), json!(1), json!(3), json!(4)]));

    let docs = documents(&sync);
    docs.create("desk", &json!({"n": 1})).await.unwrap();
    let line = docs.export("desk").await.unwrap();
    assert_eq!(
        line.to_string(),
        r#"{"kind":"document","unique_name":"desk","data":{"n":1}}"#
    );
    docs.remove("desk").await.unwrap();
    let written = docs.import(&line).await.unwrap().unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    docs.copy_to("desk", &docs, "desk-2").await.unwrap();
    assert_eq!(docs.get("desk-2").await.unwrap().data, json!({"n": 1}));
}

#[tokio::test]
async fn lines_that_are_none_and_lines_that_expired() {
    let (_emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    let lines = [
        r#"{"kind":"map_item","map":"another","key":"a","data":{}}"#,
        "",
        r#"{"kind":"map_item","map":"map","key":"gone","data":{},"date_expires":"2020-01-01T00:00:00Z"}"#,
        r#"{"kind":"map_item","map":"map","data":{}}"#,
        r#"{"kind":"map_item","map":"map","key":"b","data":{}}"#,
    ];
    let error = map
        .import(stream::iter(lines))
        .concurrency(1)
        .await
        .unwrap_err();
    assert_eq!((&error.done[..], error.failed[0].0), (&[0][..], 3));
    let Error::Line(LineError::Invalid { reason, .. }) = &error.failed[0].1 else {
        panic!("{error:?}")
    };
    assert_eq!(reason, "it has no `key`");
    assert_eq!(map.items().count().await, 1);
    let error = map
        .import(stream::iter(lines))
        .keep_going()
        .await
        .unwrap_err();
    assert_eq!((error.done.len(), error.failed.len()), (2, 1));
    // What is overwritten does not keep its expiry.
    map.set("a", &json!({}))
        .ttl(Duration::from_secs(60))
        .await
        .unwrap();
    map.import(stream::iter([lines[0]])).await.unwrap();
    assert_eq!(map.get("a").await.unwrap().date_expires, None);
    // A time to live that is asked for goes before that of the lines.
    let import = map.import(stream::iter([lines[0]]));
    import.ttl(Duration::from_secs(60)).await.unwrap();
    assert!(map.get("a").await.unwrap().date_expires.is_some());
    let error = Entry::parse("{nonsense").unwrap_err();
    assert_eq!(
        error.to_string(),
        "not a valid export line: key must be a string"
    );
}

#[tokio::test]
async fn a_whole_export_of_one_object_is_imported() {
    let (_emulator, sync) = start().await;
    let sid = sync.maps().create("there").await.unwrap().sid;
    let mut item = Entry::new(Kind::MapItem, "here");
    item.key = Some("a".to_owned());
    item.data = Some(serde_json::from_str(r#"{"n":1}"#).unwrap());
    let lines = [
        Record::Heading(Heading::new("IS1", Some(Place::new(Kind::Map, "here")))),
        Record::Entry(Entry::new(Kind::Map, "here")),
        Record::Entry(item),
        Record::End(End::after(2)),
    ];
    let lines = lines.map(|line| line.to_string());
    let there = sync.map::<Value>(&sid);
    let done = there.import(stream::iter(lines.clone())).await.unwrap();
    assert_eq!(done.keys, [2]);
    let entries: Vec<_> = there.export(None).try_collect().await.unwrap();
    assert_eq!(entries[0].place(), Some(Place::new(Kind::Map, sid)));

    // Lines of other kinds are not imported, nor those of a newer program.
    sync.lists().create("list").await.unwrap();
    let list = sync.list::<Value>("list");
    let lines =
        stream::iter(lines).chain(stream::iter(
            [r#"{"kind":"export","version":2}"#.to_owned()],
        ));
    let error = list.import(lines).keep_going().await.unwrap_err();
    let failed: Vec<_> = error.failed.iter().map(|(line, _)| *line).collect();
    assert_eq!((error.done, failed), (vec![], vec![1, 2, 4]));
    assert!(matches!(
        error.failed[1].1,
        Error::Line(LineError::Kind { .. })
    ));
    assert!(matches!(
        error.failed[2].1,
        Error::Line(LineError::Version { version: 2, .. })
    ));
    assert_eq!(list.items().count().await, 0);
}

#[tokio::test]
async fn a_document_is_imported_from_its_own_kind_of_line_only() {
    let (_emulator, sync) = start().await;
    let docs = documents(&sync);
    let mut entry = Entry::new(Kind::Map, "desk");
    let error = docs.import(&entry).await.unwrap_err();
    assert!(
        matches!(error, Error::Line(LineError::Kind { .. })),
        "{error}"
    );
    entry.kind = Kind::Document;
    let error = docs.import(&entry).await.unwrap_err();
    assert!(error.to_string().contains("`data`"), "{error}");
    let sid = format!("ET{}", "5".repeat(32));
    let mut entry = Entry::new(Kind::Document, sid);
    entry.data = Some(serde_json::from_str("{}").unwrap());
    let error = docs.import(&entry).await.unwrap_err();
    assert!(error.to_string().contains("`unique_name`"), "{error}");
}

#[tokio::test]
async fn a_service_there_and_back() {
    let (_emulator, sync) = start().await;
    documents(&sync)
        .create("desk", &json!({"n": 1}))
        .await
        .unwrap();
    sync.lists().create("log").await.unwrap();
    let log = sync.list::<Value>("log");
    log.add_many((0..3).map(|n| json!({"n": n}))).await.unwrap();
    sync.maps().create("phones").await.unwrap();
    let phones = sync.map::<Value>("phones");
    phones.set("a", &json!({"n": 1})).await.unwrap();
    sync.streams().create("events").await.unwrap();
    let export = sync.export(None).await.unwrap();
    let whole: Vec<Record> = export.try_collect().await.unwrap();
    assert_eq!(whole.len(), 10);
    let text = |records: &[Record]| {
        let lines = records.iter().map(|record| format!("{record}\n"));
        lines.collect::<String>()
    };

    // Resumed after any number of its lines, it is the same.
    for count in 0..9 {
        let mut written = PartialExport::default();
        for record in &whole[..count] {
            match record {
                Record::Entry(entry) => written.add(entry.clone()).unwrap(),
                _ => written.add_heading(),
            }
        }
        let export = sync.export(None).await.unwrap().resume(written);
        let rest: Vec<Record> = export.try_collect().await.unwrap();
        assert_eq!(text(&rest), text(&whole[count..]), "after {count}");
    }

    let contents = Contents::read(text(&whole).as_bytes()).unwrap();
    assert!(contents.is_complete);
    let plan = Plan::new(&sync, contents.clone(), None, |_| ())
        .await
        .unwrap();
    assert!(plan.changes.is_empty(), "{plan:?}");
    documents(&sync).remove("desk").await.unwrap();
    documents(&sync).create("extra", &json!({})).await.unwrap();
    log.remove(1).await.unwrap();
    phones.set("a", &json!({"n": 2})).await.unwrap();
    let plan = Plan::new(&sync, contents.clone(), None, |_| ())
        .await
        .unwrap();
    let verbs: Vec<_> = plan.changes.iter().map(|change| change.verb).collect();
    // The items of the List are compared by position.
    let [create, update, remove] = [Verb::Create, Verb::Update, Verb::Remove];
    assert_eq!(verbs, [remove, create, update, create, update]);
    let mut made = 0;
    plan.apply(&sync, |_| made += 1).await.unwrap();
    assert_eq!(made, 5);
    let again = Plan::new(&sync, contents.clone(), None, |_| ())
        .await
        .unwrap();
    assert!(again.changes.is_empty(), "{again:?}");

    // Data written after the comparison stays.
    phones.set("a", &json!({"n": 3})).await.unwrap();
    let plan = Plan::new(&sync, contents, None, |_| ()).await.unwrap();
    phones.set("a", &json!({"n": 4})).await.unwrap();
    let error = plan.apply(&sync, |_| ()).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(phones.get("a").await.unwrap().data, json!({"n": 4}));
}

#[tokio::test]
async fn numbers_are_compared_exactly() {
    let (_emulator, sync) = start().await;
    let line = |data: &str| {
        let line = format!(r#"{{"kind":"document","unique_name":"desk","data":{data}}}"#);
        Contents::read(line.as_bytes()).unwrap()
    };
    let stored = r#"{"n":1,"large":12345678901234567890,"text":"A"}"#;
    line(stored).import(&sync).await.unwrap();
    for (data, changes) in [
        (r#"{"text":"A","large":12345678901234567890,"n":1.0}"#, 0),
        (
            r#"{"n":1e0,"large":1234567890123456789.0E1,"text":"\u0041"}"#,
            0,
        ),
        (r#"{"n":1,"large":12345678901234567891,"text":"A"}"#, 1),
        (
            r#"{"n":1.00000000000000000001,"large":12345678901234567890,"text":"A"}"#,
            1,
        ),
        (r#"{"n":1,"large":12345678901234567890,"text":"\u0042"}"#, 1),
    ] {
        let plan = Plan::new(&sync, line(data), None, |_| ()).await.unwrap();
        assert_eq!(plan.changes.len(), changes, "{data}");
        plan.apply(&sync, |_| ()).await.unwrap();
        let plan = Plan::new(&sync, line(data), None, |_| ()).await.unwrap();
        assert_eq!(plan.changes.len(), 0, "{data}");
        // As it was, for the next one.
        line(stored).import(&sync).await.unwrap();
    }
}

/// An export that failed is no whole one: no end follows an error.
#[tokio::test]
async fn an_export_ends_with_its_error() {
    let (emulator, sync) = crate::start_without_retry().await;
    sync.lists().create("log").await.unwrap();
    sync.maps().create("phonebook").await.unwrap();
    let fault = twilio_sync::emulator::Fault::status(403);
    emulator.inject(fault.on(twilio_sync::api::Operation::ListSyncListItem));
    let export = sync.export(None).await.unwrap();
    let records: Vec<_> = futures_util::StreamExt::collect(export).await;
    assert_eq!(records.len(), 3, "{records:?}");
    assert!(records[2].is_err(), "{records:?}");
}

#[tokio::test]
async fn an_export_counts_what_it_leaves_out() {
    let (_emulator, sync) = start().await;
    sync.maps().create("short-lived").await.unwrap();
    let map = sync.map::<Value>("short-lived");
    let items = (0..250).map(|n| (format!("k{n:03}"), json!({"n": n})));
    map.set_many(items).await.unwrap();
    let create = twilio_sync::api::types::CreateSyncListRequest::default();
    let unnamed = sync.api().create_sync_list(sync.service(), &create);
    unnamed.await.unwrap();
    let mut export = sync.export(None).await.unwrap();
    let mut text = String::new();
    while let Some(record) = export.try_next().await.unwrap() {
        text.push_str(&record.to_string());
        text.push('\n');
        // The last of the three pages of items is asked for later.
        if export.counts().of(Kind::MapItem) == 1 {
            sync.maps().remove("short-lived").await.unwrap();
        }
    }
    assert!(export.counts().of(Kind::MapItem) < 250);
    let removed = export.take_removed();
    assert_eq!(removed, [Place::new(Kind::Map, "short-lived")]);
    let contents = Contents::read(text.as_bytes()).unwrap();
    let end = contents.end.unwrap();
    assert_eq!((end.removed, end.unnamed, end.unaddressable), (1, 1, 0));
    assert!(end.without_permissions);
    // It has a line for all that it counts, and says so of what it does not have.
    assert!(contents.is_complete);

    let export = sync.export(None).await.unwrap().with_permissions(true);
    let whole: Vec<Record> = export.try_collect().await.unwrap();
    let end = whole.last().unwrap().to_string();
    assert_eq!(end, r#"{"kind":"end","lines":1,"unnamed":1}"#);
}

/// A write that may be one's own is not said to be of somebody else.
#[tokio::test]
async fn a_change_of_unknown_outcome_is_no_conflict() {
    let (emulator, sync) = start().await;
    let contents = Contents::read(&br#"{"kind":"document","unique_name":"desk","data":{}}"#[..]);
    let contents = contents.unwrap();
    let plan = Plan::new(&sync, contents.clone(), None, |_| ());
    let plan = plan.await.unwrap();
    let fault = twilio_sync::emulator::Fault::cut_after_write();
    emulator.inject(fault.on(Operation::CreateDocument));
    let error = plan.apply(&sync, |_| ()).await.unwrap_err();
    assert!(error.source.is_outcome_unknown(), "{error}");
    assert!(!error.is_conflict(), "{error}");
    // It met what it created itself.
    let plan = Plan::new(&sync, contents, None, |_| ()).await.unwrap();
    assert!(plan.changes.is_empty(), "{plan:?}");
}

/// A Service of everything, with what only other clients can make: objects without a name or named `..`,
/// and a key and an identity that no path can carry.
fn everything() -> Value {
    let rights = |identity: &str, read: bool, write: bool, manage: bool| json!({"identity": identity, "read": read, "write": write, "manage": manage});
    json!({
        "unique_name": "default",
        "friendly_name": "Desks",
        "acl_enabled": true,
        "webhook_url": "https://user:secret@example.com/sync?token=secret",
        "webhooks_from_rest_enabled": false,
        "reachability_webhooks_enabled": true,
        "reachability_debouncing_enabled": true,
        "reachability_debouncing_window": 7000,
        "documents": [
            {"unique_name": "desk", "data": {"n": 1.50}, "permissions": [
                rights("alice", true, false, false), rights("bob/é", true, true, true),
            ]},
            {"unique_name": "..", "data": {"n": 2}},
            {"data": {"n": 3}, "permissions": [rights("alice", true, false, false)]},
        ],
        "lists": [
            {"unique_name": "log", "items": [{"data": {"n": 1}}, {"data": {"n": 2}}],
             "permissions": [rights("alice", false, false, false), rights("..", true, true, true)]},
            {"items": [{"data": {"n": 9}}]},
        ],
        "maps": [
            {"unique_name": "phones", "permissions": [rights("carol", true, true, false)], "items": [
                {"key": "a", "data": {"n": 1}}, {"key": "..", "data": {"n": 2}}, {"key": "b", "data": {}},
            ]},
        ],
        "streams": [{"unique_name": "events"}, {"unique_name": "."}, {}],
    })
}

async fn exported(sync: &SyncClient) -> String {
    let records: Vec<Record> = sync
        .export(None)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let lines: Vec<_> = records.iter().map(Record::to_string).collect();
    lines.join("\n")
}

/// The number of changes in the plan of a file, and the names of its settings.
async fn differences(sync: &SyncClient, text: &str) -> (Vec<String>, Vec<String>) {
    let contents = Contents::read(text.as_bytes()).unwrap();
    let plan = Plan::new(sync, contents, None, |_| ()).await.unwrap();
    let change = |change: &Change| {
        let (entry, verb) = (&change.entry, change.verb);
        let identity = entry.identity.as_deref().unwrap_or_default();
        format!("{verb:?} {} {identity}", entry.kind)
    };
    let settings = plan.settings.iter().map(|setting| setting.name.clone());
    (
        plan.changes.iter().map(change).collect(),
        settings.collect(),
    )
}

async fn apply(sync: &SyncClient, text: &str) {
    let contents = Contents::read(text.as_bytes()).unwrap();
    let plan = Plan::new(sync, contents, None, |_| ()).await.unwrap();
    plan.apply(sync, |_| ()).await.unwrap();
}

async fn empty_service(sync: &SyncClient) -> SyncClient {
    let service = sync.services().create("empty").await.unwrap();
    sync.with_service(service.sid.as_str()).unwrap()
}

#[tokio::test]
async fn permissions_and_settings_are_exported_and_restored() {
    let (emulator, sync) = start().await;
    emulator.seed(json!({"services": [everything()]})).unwrap();
    let mut export = sync.export(None).await.unwrap();
    let mut text = String::new();
    while let Some(record) = export.try_next().await.unwrap() {
        text.push_str(&record.to_string());
        text.push('\n');
    }
    // Two Documents, a List and two Message Streams have no name that can be sent.
    assert_eq!((export.unnamed(), export.unaddressable()), (5, 2));
    assert_eq!(
        export.counts().to_string(),
        "3 Documents, 2 Lists with 3 items, 1 Map with 3 items, 3 Message Streams, 6 permissions"
    );
    assert!(text.contains(
        r#"{"kind":"map_permission","map":"phones","identity":"carol","access":{"read":true,"write":true,"manage":false}}"#
    ));
    let none = || (Vec::new(), Vec::new());
    assert_eq!(differences(&sync, &text).await, none());

    // By comparison, and by an import, into an empty Service.
    let other = empty_service(&sync).await;
    let contents = Contents::read(text.as_bytes()).unwrap();
    let plan = Plan::new(&other, contents.clone(), None, |_| ())
        .await
        .unwrap();
    assert_eq!((plan.unnamed_in_export, plan.unaddressable), (5, 2));
    plan.apply(&other, |_| ()).await.unwrap();
    assert_eq!(differences(&other, &text).await, none());
    let third = empty_service(&sync).await;
    let imported = contents.import(&third).await.unwrap();
    assert_eq!((imported.unnamed, imported.unaddressable), (5, 2));
    assert_eq!(
        imported.counts.to_string(),
        "1 Document, 1 List with 2 items, 1 Map with 2 items, 1 Message Stream, 4 permissions"
    );
    assert_eq!(differences(&third, &text).await, none());
    for sync in [&other, &third] {
        let service = sync.services().get(sync.service().clone()).await.unwrap();
        let source = everything();
        assert_eq!(json!(service.webhook_url), source["webhook_url"]);
        assert_eq!(json!(service.friendly_name), source["friendly_name"]);
        assert_eq!(service.reachability_debouncing_window, 7000);
        assert!(service.acl_enabled);
        let permission = sync.lists().permissions("log").get("alice").await.unwrap();
        assert_eq!(permission.access, Access::NONE);
    }

    // Names that only other clients can make do not hinder the rest.
    let service = other.services().get(other.service().clone()).await.unwrap();
    let form = [("UniqueName", ".."), ("Data", "{}")];
    let create = Operation::CreateDocument;
    let create = other.api().operation(create, [service.sid.as_str()]);
    create.with_form(&form).await.unwrap();
    assert_eq!(differences(&other, &text).await, none());
}

#[tokio::test]
async fn each_change_of_a_permission_or_setting_is_a_difference() {
    let (emulator, sync) = start().await;
    emulator.seed(json!({"services": [everything()]})).unwrap();
    let text = exported(&sync).await;
    let permissions = documents(&sync).permissions("desk");
    permissions.revoke("alice").await.unwrap();
    permissions.grant("bob/é", Access::READ).await.unwrap();
    permissions.grant("dave", Access::READ).await.unwrap();
    let update = sync.services().update(sync.service().clone());
    let update = update.acl_enabled(false).webhook_url("");
    update.await.unwrap();
    let (mut changes, settings) = differences(&sync, &text).await;
    changes.sort();
    assert_eq!(
        changes,
        [
            "Create Document permission alice",
            "Remove Document permission dave",
            "Update Document permission bob/é",
        ]
    );
    assert_eq!(settings, ["acl_enabled", "webhook_url"]);

    // Without its first line it says nothing of settings, and of permissions only what it has.
    let (_, rest) = text.split_once('\n').unwrap();
    let (mut changes, settings) = differences(&sync, rest).await;
    changes.sort();
    assert_eq!((changes.len(), settings.len()), (2, 0), "{changes:?}");
    // A file of a program that knew neither says nothing of them.
    let old: Vec<_> = rest
        .lines()
        .filter(|line| !line.contains("permission"))
        .collect();
    let old = format!("{}\n{}", Heading::new("IS1", None), old.join("\n"));
    assert_eq!(differences(&sync, &old).await, (vec![], vec![]));

    emulator.clear_requests();
    apply(&sync, &text).await;
    let operations = crate::operations(&emulator);
    assert_eq!(differences(&sync, &text).await, (vec![], vec![]));
    // The ACL is on before a permission is changed, and all else is set when all is done.
    let at = |name: &str| operations.iter().position(|it| it == name).unwrap();
    let updates = operations
        .iter()
        .filter(|it| *it == "UpdateService")
        .count();
    assert!(at("UpdateService") < at("UpdateDocumentPermission"));
    assert_eq!(updates, 2);
}

/// Permissions take a request for each object, so they are read only where they have an effect.
#[tokio::test]
async fn permissions_are_exported_if_the_service_needs_them() {
    let (emulator, sync) = start().await;
    let mut service = everything();
    service["acl_enabled"] = json!(false);
    emulator.seed(json!({"services": [service]})).unwrap();
    assert!(!exported(&sync).await.contains("_permission\""));
    let is_listed = |name: &String| name.ends_with("Permission");
    assert!(!crate::operations(&emulator).iter().any(is_listed));
    for place in [None, Some(Place::new(Kind::Map, "phones"))] {
        let export = sync
            .export(place.as_ref())
            .await
            .unwrap()
            .with_permissions(true);
        let records: Vec<_> = export.try_collect().await.unwrap();
        let is_permission = |record: &&Record| record.to_string().contains("_permission");
        let count = records.iter().filter(is_permission).count();
        assert_eq!(count, if place.is_none() { 6 } else { 1 });
        let Record::Heading(heading) = &records[0] else {
            panic!("{records:?}")
        };
        assert_eq!(
            (heading.permissions, heading.settings.is_some()),
            (true, place.is_none())
        );
    }
}

#[tokio::test]
async fn an_export_with_permissions_is_resumed() {
    let (emulator, sync) = start().await;
    emulator.seed(json!({"services": [everything()]})).unwrap();
    let text = exported(&sync).await;
    let lines: Vec<_> = text.lines().collect();
    for count in 1..lines.len() {
        let mut written = PartialExport::default();
        written.add_heading();
        for line in &lines[1..count] {
            written.add(Entry::parse(line).unwrap()).unwrap();
        }
        let export = sync.export(None).await.unwrap().resume(written);
        let rest: Vec<Record> = export.try_collect().await.unwrap();
        let rest: Vec<_> = rest.iter().map(Record::to_string).collect();
        assert_eq!(rest, lines[count..], "after {count}");
    }
}

/// Files may have names that this client refuses, and are read nevertheless.
#[tokio::test]
async fn names_that_only_another_client_can_make_are_left_out() {
    let (_emulator, sync) = start().await;
    let sid = |prefix: &str| format!("{prefix}{}", "5".repeat(32));
    for name in [
        "..".to_owned(),
        ".".to_owned(),
        sid("ET"),
        sid("MP"),
        sid("XX"),
    ] {
        let lines = [
            json!({"kind": "document", "unique_name": name, "data": {}}),
            json!({"kind": "map", "unique_name": name}),
            json!({"kind": "map_item", "map": name, "key": "a", "data": {}}),
            json!({"kind": "map", "unique_name": "phones"}),
        ];
        let text = lines.map(|line| format!("{line}\n")).concat();
        let contents = Contents::read(text.as_bytes()).unwrap();
        let plan = Plan::new(&sync, contents.clone(), None, |_| ())
            .await
            .unwrap();
        assert_eq!(plan.unnamed_in_export, 2, "{name}");
        let imported = contents.import(&sync).await.unwrap();
        assert_eq!(imported.unnamed, 2, "{name}");
        assert_eq!(imported.counts.to_string(), "1 Map with 0 items", "{name}");
        // Alone it can only be given another name.
        let contents = Contents::read(lines_of(&text, 1).as_bytes()).unwrap();
        let error = contents.import(&sync).await.unwrap_err();
        assert!(
            error.to_string().contains("has no usable unique name"),
            "{error}"
        );
    }
}

fn lines_of(text: &str, count: usize) -> String {
    text.lines().take(count).collect::<Vec<_>>().join("\n")
}

/// What reads an export leaves expired objects out; one may expire between that and its write.
#[tokio::test]
async fn an_object_that_has_just_expired_is_made_to_expire() {
    let (_emulator, sync) = start().await;
    let line = r#"{"kind":"list","unique_name":"old","date_expires":"2020-01-02T03:04:05Z"}"#;
    let contents = Contents::read(line.as_bytes()).unwrap();
    contents.objects[0].ensure(&sync).await.unwrap();
    if let Some(list) = sync.lists().find("old").await.unwrap() {
        assert!(list.date_expires.is_some());
    }
}
