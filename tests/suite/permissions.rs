//! The helpers for permissions.

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use twilio_sync::kind::Permitted;
use twilio_sync::permissions::{Access, Permissions};

use crate::{documents, operations, start};

async fn a_life<K>(permissions: Permissions<K>)
where
    K: Permitted<Sid: PartialEq>,
{
    assert_eq!(permissions.find("bob/é").await.unwrap(), None);
    let error = permissions.get("bob/é").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let granted = permissions
        .grant("bob/é", Access::READ | Access::MANAGE)
        .await
        .unwrap();
    assert_eq!(granted.identity, "bob/é");
    assert_eq!(granted.access, Access::READ | Access::MANAGE);
    assert_eq!(permissions.get("bob/é").await.unwrap(), granted);
    assert_eq!(permissions.find("bob/é").await.unwrap(), Some(granted));
    let changed = permissions.grant("bob/é", Access::WRITE).await.unwrap();
    assert_eq!(changed.access, Access::WRITE, "it replaces what was there");
    let all: Vec<_> = permissions.all().try_collect().await.unwrap();
    assert_eq!(all, [changed]);
    assert!(permissions.revoke("bob/é").await.unwrap());
    assert!(!permissions.revoke("bob/é").await.unwrap());
}

#[tokio::test]
async fn of_every_kind_of_object() {
    let (_emulator, sync) = start().await;
    let document = documents(&sync).create("desk", &json!({})).await.unwrap();
    let list = sync.lists().create("log").await.unwrap();
    let map = sync.maps().create("map").await.unwrap();
    a_life(documents(&sync).permissions("desk")).await;
    a_life(documents(&sync).permissions(&document.sid)).await;
    a_life(sync.lists().permissions("log")).await;
    a_life(sync.lists().permissions(&list.sid)).await;
    a_life(sync.maps().permissions("map")).await;
    a_life(sync.maps().permissions(&map.sid)).await;
    let missing = sync.documents::<Value>().permissions("missing");
    assert!(
        missing
            .grant("bob", Access::READ)
            .await
            .unwrap_err()
            .is_not_found()
    );
    assert!(missing.find("bob").await.unwrap_err().is_not_found());
    assert!(missing.get("bob").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_set_is_brought_about_with_the_fewest_calls() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let permissions = sync.maps().permissions("map");
    for (identity, access) in [
        ("alice", Access::READ),
        ("bob", Access::ALL),
        ("carol", Access::READ),
        ("dave", Access::WRITE),
    ] {
        permissions.grant(identity, access).await.unwrap();
    }
    operations(&emulator);
    let wanted = [
        ("alice", Access::READ),
        ("bob", Access::READ),
        ("carol", Access::NONE),
        ("eve", Access::READ),
    ];
    let changes = permissions.set_all(wanted).await.unwrap();
    assert_eq!(changes.unchanged, ["alice"]);
    assert_eq!(changes.changed, ["bob"]);
    assert_eq!(changes.revoked, ["carol", "dave"]);
    assert_eq!(changes.granted, ["eve"]);
    let mut asked = operations(&emulator);
    asked.sort_unstable();
    assert_eq!(
        asked,
        [
            "DeleteSyncMapPermission",
            "DeleteSyncMapPermission",
            "ListSyncMapPermission",
            "UpdateSyncMapPermission",
            "UpdateSyncMapPermission",
        ]
    );
    let again = permissions.set_all(wanted).await.unwrap();
    assert_eq!(
        (
            again.unchanged.len(),
            again.granted.len() + again.changed.len()
        ),
        (3, 0)
    );
    assert_eq!(operations(&emulator), ["ListSyncMapPermission"]);
    assert!(permissions.set_all([("", Access::READ)]).await.is_err());
    assert_eq!(
        permissions
            .set_all([("x", Access::NONE); 0])
            .await
            .unwrap()
            .revoked
            .len(),
        3
    );
}

#[test]
fn access_reads_well() {
    assert_eq!(Access::ALL.to_string(), "read, write, manage");
    assert_eq!(Access::NONE.to_string(), "none");
    assert_eq!(format!("{:?}", Access::WRITE), "Access(write)");
    let mut access = Access::READ;
    access |= Access::WRITE;
    assert!(access.contains(Access::READ | Access::WRITE) && !access.contains(Access::ALL));
}
