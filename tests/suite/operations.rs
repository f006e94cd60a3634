//! All 48 operations of the API description, called through the generated client.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use twilio_sync::api::types::{
    CreateDocumentRequest, CreateServiceRequest, CreateStreamMessageRequest,
    CreateSyncListItemRequest, CreateSyncListRequest, CreateSyncMapItemRequest,
    CreateSyncMapRequest, CreateSyncStreamRequest, UpdateDocumentPermissionRequest,
    UpdateDocumentRequest, UpdateServiceRequest, UpdateSyncListItemRequest,
    UpdateSyncListPermissionRequest, UpdateSyncListRequest, UpdateSyncMapItemRequest,
    UpdateSyncMapPermissionRequest, UpdateSyncMapRequest, UpdateSyncStreamRequest,
};
use twilio_sync::api::{ObjectReference, ServiceReference};
use twilio_sync::{Credentials, Identity, ItemKey, SyncClient, UniqueName};

use crate::{operations, start};

/// The operation ids of the description.
fn described() -> BTreeSet<String> {
    let text = include_str!("../../openapi/twilio_sync_v1.json");
    let description: Value = serde_json::from_str(text).unwrap();
    let paths = description["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    operations
        .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_is_answered() {
    let (emulator, sync) = start().await;
    let api = sync.api();
    macro_rules! call {
        ($call:expr) => {
            sync.call($call)
                .await
                .unwrap_or_else(|error| panic!("{error}"))
        };
    }
    let data = || "{\"n\":1}".to_owned();
    let name = || Some(UniqueName::new("name").unwrap());
    let object = ObjectReference::new("name").unwrap();
    let identity = Identity::new("bob").unwrap();
    let key = ItemKey::new("key").unwrap();

    let form = CreateServiceRequest {
        friendly_name: Some("one".to_owned()),
        ..Default::default()
    };
    let created = call!(api.create_service(&form));
    let service = ServiceReference::try_from(&created.sid).unwrap();
    assert_eq!(
        call!(api.fetch_service(&service)).friendly_name.as_deref(),
        Some("one")
    );
    let form = UpdateServiceRequest {
        acl_enabled: Some(true),
        ..Default::default()
    };
    assert!(call!(api.update_service(&service, &form)).acl_enabled);
    assert_eq!(call!(api.list_service(None, None, None)).services.len(), 2);

    let form = CreateDocumentRequest {
        unique_name: name(),
        data: Some(data()),
        ttl: None,
    };
    let document = call!(api.create_document(&service, &form));
    assert_eq!(document.data.as_str(), data());
    let fetched = call!(api.fetch_document(&service, &object));
    assert_eq!(fetched.sid, document.sid);
    let form = UpdateDocumentRequest {
        data: Some("{}".to_owned()),
        ttl: Some(60),
    };
    let updated = call!(api.update_document(&service, &object, Some(&fetched.revision), &form));
    assert_ne!(updated.revision, fetched.revision);
    assert_eq!(
        call!(api.list_document(&service, None, None, None))
            .documents
            .len(),
        1
    );

    let form = CreateSyncListRequest {
        unique_name: name(),
        ..Default::default()
    };
    call!(api.create_sync_list(&service, &form));
    call!(api.fetch_sync_list(&service, &object));
    let form = UpdateSyncListRequest {
        ttl: Some(60),
        collection_ttl: None,
    };
    assert!(
        call!(api.update_sync_list(&service, &object, &form))
            .date_expires
            .is_some()
    );
    assert_eq!(
        call!(api.list_sync_list(&service, None, None, None))
            .lists
            .len(),
        1
    );
    let form = CreateSyncListItemRequest {
        data: data(),
        ttl: None,
        item_ttl: Some(5),
        collection_ttl: Some(0),
    };
    let item = call!(api.create_sync_list_item(&service, &object, &form));
    call!(api.fetch_sync_list_item(&service, &object, item.index));
    let form = UpdateSyncListItemRequest {
        data: Some(data()),
        ..Default::default()
    };
    let revision = Some(&item.revision);
    call!(api.update_sync_list_item(&service, &object, item.index, revision, &form));
    let page =
        call!(api.list_sync_list_item(&service, &object, None, None, None, None, None, None));
    assert_eq!(page.items.len(), 1);

    let form = CreateSyncMapRequest {
        unique_name: name(),
        ..Default::default()
    };
    call!(api.create_sync_map(&service, &form));
    call!(api.fetch_sync_map(&service, &object));
    let form = UpdateSyncMapRequest {
        ttl: Some(60),
        collection_ttl: None,
    };
    assert!(
        call!(api.update_sync_map(&service, &object, &form))
            .date_expires
            .is_some()
    );
    assert_eq!(
        call!(api.list_sync_map(&service, None, None, None))
            .maps
            .len(),
        1
    );
    let form = CreateSyncMapItemRequest {
        key: key.clone(),
        data: data(),
        ttl: Some(5),
        item_ttl: None,
        collection_ttl: None,
    };
    let item = call!(api.create_sync_map_item(&service, &object, &form));
    call!(api.fetch_sync_map_item(&service, &object, &key));
    let form = UpdateSyncMapItemRequest {
        data: Some(data()),
        ..Default::default()
    };
    call!(api.update_sync_map_item(&service, &object, &key, Some(&item.revision), &form));
    let page = call!(api.list_sync_map_item(&service, &object, None, None, None, None, None, None));
    assert_eq!(page.items.len(), 1);

    macro_rules! permissions {
        ($form:ident, $update:ident, $fetch:ident, $list:ident, $delete:ident) => {
            let form = $form {
                read: true,
                write: false,
                manage: false,
            };
            let set = call!(api.$update(&service, &object, &identity, &form));
            assert_eq!((set.read, set.write, set.manage), (true, false, false));
            assert_eq!(
                call!(api.$fetch(&service, &object, &identity)).identity,
                "bob"
            );
            let page = call!(api.$list(&service, &object, None, None, None));
            assert_eq!(page.permissions.len(), 1);
            call!(api.$delete(&service, &object, &identity));
        };
    }
    permissions!(
        UpdateDocumentPermissionRequest,
        update_document_permission,
        fetch_document_permission,
        list_document_permission,
        delete_document_permission
    );
    permissions!(
        UpdateSyncListPermissionRequest,
        update_sync_list_permission,
        fetch_sync_list_permission,
        list_sync_list_permission,
        delete_sync_list_permission
    );
    permissions!(
        UpdateSyncMapPermissionRequest,
        update_sync_map_permission,
        fetch_sync_map_permission,
        list_sync_map_permission,
        delete_sync_map_permission
    );

    let form = CreateSyncStreamRequest {
        unique_name: name(),
        ttl: None,
    };
    call!(api.create_sync_stream(&service, &form));
    call!(api.fetch_sync_stream(&service, &object));
    let form = UpdateSyncStreamRequest { ttl: Some(60) };
    assert!(
        call!(api.update_sync_stream(&service, &object, &form))
            .date_expires
            .is_some()
    );
    assert_eq!(
        call!(api.list_sync_stream(&service, None, None, None))
            .streams
            .len(),
        1
    );
    let form = CreateStreamMessageRequest { data: data() };
    assert_eq!(
        call!(api.create_stream_message(&service, &object, &form))
            .data
            .as_str(),
        data()
    );

    call!(api.delete_sync_list_item(&service, &object, 0, None));
    call!(api.delete_sync_map_item(&service, &object, &key, None));
    call!(api.delete_document(&service, &object));
    call!(api.delete_sync_list(&service, &object));
    call!(api.delete_sync_map(&service, &object));
    call!(api.delete_sync_stream(&service, &object));
    call!(api.delete_service(&service));

    // The log is the proof that nothing was left out, and nothing called under another name.
    let log = emulator.requests();
    assert!(
        log.iter()
            .all(|request| request.status().is_some_and(|status| status < 300))
    );
    let called: BTreeSet<_> = operations(&emulator).into_iter().collect();
    let described = described();
    assert_eq!(described.len(), 48);
    assert_eq!(called, described);
}

/// Against a socket, which sees what a log may leave out.
#[tokio::test]
async fn requests_carry_what_they_should_and_no_more() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\n\r\n{\"code\":20404}";
        connection.write_all(answer).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let account = "AC0123456789abcdef0123456789abcdef";
    let sync = SyncClient::builder()
        .credentials(Credentials::auth_token(account, "token").unwrap())
        .service("default")
        .base_url(format!("http://{address}/below"))
        .build()
        .unwrap();
    assert_eq!(sync.maps().search("a/b").await.unwrap(), None);
    let head = head.await.unwrap();
    let mut lines: Vec<_> = head
        .trim_end()
        .split("\r\n")
        .map(str::to_lowercase)
        .collect();
    assert_eq!(
        lines.remove(0),
        "get /below/v1/services/default/maps/a%2fb http/1.1"
    );
    lines.sort_unstable();
    let authorization = STANDARD.encode(format!("{account}:token")).to_lowercase();
    assert_eq!(
        lines,
        [
            "accept: application/json".to_owned(),
            format!("authorization: basic {authorization}"),
            format!("host: {address}"),
            concat!("user-agent: twilio-sync-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        ]
    );
}
