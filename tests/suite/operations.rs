//! All 48 operations of the API description: as they are tabulated, as the generated client builds
//! them, and with the responses that come.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use twilio_sync::api::types::{
    Bounds, CreateDocumentRequest, CreateServiceRequest, CreateStreamMessageRequest,
    CreateSyncListItemRequest, CreateSyncListRequest, CreateSyncMapItemRequest,
    CreateSyncMapRequest, CreateSyncStreamRequest, Order, UpdateDocumentPermissionRequest,
    UpdateDocumentRequest, UpdateServiceRequest, UpdateSyncListItemRequest,
    UpdateSyncListPermissionRequest, UpdateSyncListRequest, UpdateSyncMapItemRequest,
    UpdateSyncMapPermissionRequest, UpdateSyncMapRequest, UpdateSyncStreamRequest,
};
use twilio_sync::api::{Call, Kind, Operation, Place};
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};
use twilio_sync::value::{Identity, ItemKey, ObjectReference, ServiceReference, UniqueName};
use twilio_sync::{Credentials, Revision, SyncClient};

use crate::{operations, start};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

/// An operation as described.
#[derive(Debug)]
struct Described {
    method: String,
    path: String,
    status: u16,
    /// Its tag, summary and description.
    texts: [String; 3],
    parameters: Vec<DescribedParameter>,
}

/// A parameter of an operation as described, or a field of its form.
#[derive(Debug)]
struct DescribedParameter {
    name: String,
    place: Place,
    required: bool,
    /// Its schema, with the name of its component if it is one.
    schema: Value,
    component: Option<String>,
    description: String,
}

/// The operations of the description, by their names.
fn described() -> BTreeMap<String, Described> {
    let text = include_str!("../../openapi/twilio_sync_v1.json");
    let description: Value = serde_json::from_str(text).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path, method, operation))
    });
    operations
        .map(|(path, method, operation)| {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let success = statuses.clone().find(|status| status.starts_with('2'));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let described = Described {
                method: method.to_uppercase(),
                path: path.clone(),
                status: success.unwrap().parse().unwrap(),
                texts: [
                    text(&operation["tags"][0]),
                    text(&operation["summary"]),
                    text(&operation["description"]),
                ],
                parameters: parameters(&description, operation),
            };
            (text(&operation["operationId"]), described)
        })
        .collect()
}

fn parameters(description: &Value, operation: &Value) -> Vec<DescribedParameter> {
    let parameter = |name: &str, place, required, node: &Value, about: &Value| {
        let schema = node["allOf"].get(0).unwrap_or(node);
        let component = schema["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        DescribedParameter {
            name: name.to_owned(),
            place,
            required,
            schema: resolved(description, schema).clone(),
            component: component.map(str::to_owned),
            description: about["description"].as_str().unwrap().to_owned(),
        }
    };
    let mut parameters = Vec::new();
    for node in operation["parameters"].as_array().into_iter().flatten() {
        let node = resolved(description, node);
        let place = match node["in"].as_str().unwrap() {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            other => panic!("a parameter in {other}"),
        };
        let name = node["name"].as_str().unwrap();
        let required = node["required"] == true;
        parameters.push(parameter(name, place, required, &node["schema"], node));
    }
    let content = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"];
    let form = resolved(description, &content["schema"]);
    for (name, field) in form["properties"].as_object().into_iter().flatten() {
        let mut required = form["required"].as_array().into_iter().flatten();
        let required = required.any(|required| required == name);
        parameters.push(parameter(name, Place::Form, required, field, field));
    }
    parameters
}

/// The target of a reference, or the value itself.
fn resolved<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str();
    reference.map_or(value, |path| {
        description.pointer(path.trim_start_matches('#')).unwrap()
    })
}

impl DescribedParameter {
    /// Whether a kind says what the schema does.
    fn is_of(&self, kind: Kind) -> bool {
        let schema = &self.schema;
        match (kind, self.component.as_deref()) {
            (Kind::Choice(choices), _) => {
                let described = schema["oneOf"].as_array().unwrap().iter();
                described.map(|choice| &choice["enum"][0]).eq(choices)
            }
            (Kind::Text, None) => schema["type"] == "string",
            (Kind::Boolean, None) => schema["type"] == "boolean",
            (Kind::Integer { minimum, maximum }, None) => {
                schema["type"] == "integer"
                    && schema["minimum"].as_i64() == minimum
                    && schema["maximum"].as_i64() == maximum
            }
            (kind, Some(component)) => format!("{kind:?}") == component,
            (_, None) => false,
        }
    }
}

#[test]
fn the_table_is_the_description() {
    let mut described = described();
    assert_eq!((described.len(), Operation::all().len()), (48, 48));
    for operation in Operation::all() {
        let name = operation.name();
        let expected = described.remove(name).expect(name);
        assert_eq!(operation.to_string(), name);
        assert_eq!(operation.method().as_str(), expected.method, "{name}");
        assert_eq!(operation.path(), expected.path, "{name}");
        assert_eq!(operation.status(), expected.status, "{name}");
        let texts = [
            operation.resource(),
            operation.summary(),
            operation.description(),
        ];
        assert_eq!(texts, expected.texts, "{name}");
        let mut parameters = expected.parameters;
        for parameter in operation.parameters() {
            let at = parameters
                .iter()
                .position(|it| it.name == parameter.name && it.place == parameter.place)
                .unwrap_or_else(|| panic!("{name} has {parameter:?}"));
            let expected = parameters.remove(at);
            assert_eq!(parameter.argument(), format!("{}=", expected.name));
            assert_eq!(
                parameter.required, expected.required,
                "{name}: {expected:?}"
            );
            assert_eq!(parameter.description, expected.description, "{name}");
            assert!(expected.is_of(parameter.kind), "{name}: {parameter:?}");
        }
        assert!(parameters.is_empty(), "{name} lacks {parameters:?}");
        // The parameters of the path stand in the order in which it has them.
        let template = operation.path().split('{').skip(1);
        let in_path = operation.parameters().iter();
        let in_path = in_path.filter(|parameter| parameter.place == Place::Path);
        assert!(
            template
                .map(|part| part.split('}').next())
                .eq(in_path.map(|parameter| Some(parameter.name))),
            "{name}"
        );
    }
}

/// An HTTP service that must not be called.
#[derive(Debug)]
struct Unreachable;

impl HttpService for Unreachable {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        panic!("{request:?} was sent");
    }
}

fn client_without_network() -> SyncClient {
    SyncClient::builder()
        .credentials(Credentials::auth_token(ACCOUNT, "token").unwrap())
        .service("default")
        .http_service(Unreachable)
        .build()
        .unwrap()
}

/// A call as it was built.
#[derive(Debug)]
struct Built {
    operation: Operation,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    if_match: Option<String>,
}

impl Built {
    fn of<T>(call: &Call<T>) -> Self {
        let owned = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (name.into_owned(), value.into_owned())
        };
        Self {
            operation: call.operation().unwrap(),
            method: call.method().to_string(),
            path: call.path().to_owned(),
            query: call.query().map(owned).collect(),
            form: call.form().map(owned).collect(),
            if_match: call.if_match().map(str::to_owned),
        }
    }
}

const SERVICE: &str = "IS0123456789abcdef0123456789abcdef";
const OBJECT: &str = "desk 7/é";
const IDENTITY: &str = "bob@example.com?";
const KEY: &str = "+81 5%2F#";
const INDEX: i64 = 7;
const UNIQUE_NAME: &str = "a & b";
const DATA: &str = r#"{"n":"é&=+ %"}"#;
const FROM: &str = "k&=ü";
const PAGE_TOKEN: &str = "PT 1+2";
const REVISION: &str = "1af";
const FRIENDLY_NAME: &str = "stage=1";
const WEBHOOK_URL: &str = "https://example.com/hook?a=b&c=d";

/// The value that each parameter is given, as text.
fn value(operation: &Described, parameter: &str) -> String {
    match parameter {
        "Sid" if operation.path == "/v1/Services/{Sid}" => SERVICE,
        "ServiceSid" => SERVICE,
        "Sid" | "DocumentSid" | "ListSid" | "MapSid" | "StreamSid" => OBJECT,
        "Identity" => IDENTITY,
        "Key" => KEY,
        "Index" => return INDEX.to_string(),
        "Order" => "desc",
        "From" => FROM,
        "Bounds" => "exclusive",
        "PageSize" => "25",
        "Page" => "3",
        "PageToken" => PAGE_TOKEN,
        "If-Match" => REVISION,
        "UniqueName" => UNIQUE_NAME,
        "Data" => DATA,
        "Ttl" => "60",
        "ItemTtl" => "61",
        "CollectionTtl" => "62",
        "FriendlyName" => FRIENDLY_NAME,
        "WebhookUrl" => WEBHOOK_URL,
        "ReachabilityDebouncingWindow" => "1500",
        "ReachabilityWebhooksEnabled" | "ReachabilityDebouncingEnabled" | "Read" | "Manage" => {
            "true"
        }
        "AclEnabled" | "WebhooksFromRestEnabled" | "Write" => "false",
        other => panic!("{other} is given no value"),
    }
    .to_owned()
}

/// Percent-encodes all but what RFC 3986 calls unreserved.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The call of each operation with all its parameters.
fn all_calls(sync: &SyncClient) -> Vec<Built> {
    let api = sync.api();
    let mut all = Vec::new();
    macro_rules! build {
        ($($method:ident($($argument:expr),*);)*) => {$(
            let built = Built::of(&api.$method($($argument),*));
            assert_eq!(built.operation.id(), stringify!($method));
            all.push(built);
        )*};
    }
    let service = &ServiceReference::new(SERVICE).unwrap();
    let object = &ObjectReference::new(OBJECT).unwrap();
    let identity = &Identity::new(IDENTITY).unwrap();
    let key = &ItemKey::new(KEY).unwrap();
    let revision = Some(&Revision::new(REVISION));
    let (bounds, from, order) = (Some(Bounds::Exclusive), Some(FROM), Some(Order::Desc));
    let (page, size, token) = (Some(3), NonZeroU64::new(25), Some(PAGE_TOKEN));
    let (ttl, item_ttl, collection_ttl) = (Some(60), Some(61), Some(62));
    let unique_name = || Some(UniqueName::new(UNIQUE_NAME).unwrap());
    let data = || DATA.to_owned();

    let create = CreateServiceRequest {
        acl_enabled: Some(false),
        friendly_name: Some(FRIENDLY_NAME.to_owned()),
        reachability_debouncing_enabled: Some(true),
        reachability_debouncing_window: Some(1_500),
        reachability_webhooks_enabled: Some(true),
        webhook_url: Some(WEBHOOK_URL.to_owned()),
        webhooks_from_rest_enabled: Some(false),
    };
    let update = UpdateServiceRequest {
        acl_enabled: Some(false),
        friendly_name: Some(FRIENDLY_NAME.to_owned()),
        reachability_debouncing_enabled: Some(true),
        reachability_debouncing_window: Some(1_500),
        reachability_webhooks_enabled: Some(true),
        webhook_url: Some(WEBHOOK_URL.to_owned()),
        webhooks_from_rest_enabled: Some(false),
    };
    build! {
        list_service(page, size, token);
        create_service(&create);
        fetch_service(service);
        update_service(service, &update);
        delete_service(service);
    }

    let create = CreateDocumentRequest {
        unique_name: unique_name(),
        data: Some(data()),
        ttl,
    };
    let update = UpdateDocumentRequest {
        data: Some(data()),
        ttl,
    };
    build! {
        list_document(service, page, size, token);
        create_document(service, &create);
        fetch_document(service, object);
        update_document(service, object, revision, &update);
        delete_document(service, object);
    }

    let create = CreateSyncListRequest {
        unique_name: unique_name(),
        ttl,
        collection_ttl,
    };
    let update = UpdateSyncListRequest {
        ttl,
        collection_ttl,
    };
    let create_item = CreateSyncListItemRequest {
        data: data(),
        ttl,
        item_ttl,
        collection_ttl,
    };
    let update_item = UpdateSyncListItemRequest {
        data: Some(data()),
        ttl,
        item_ttl,
        collection_ttl,
    };
    build! {
        list_sync_list(service, page, size, token);
        create_sync_list(service, &create);
        fetch_sync_list(service, object);
        update_sync_list(service, object, &update);
        delete_sync_list(service, object);
        list_sync_list_item(service, object, bounds, from, order, page, size, token);
        create_sync_list_item(service, object, &create_item);
        fetch_sync_list_item(service, object, INDEX);
        update_sync_list_item(service, object, INDEX, revision, &update_item);
        delete_sync_list_item(service, object, INDEX, revision);
    }

    let create = CreateSyncMapRequest {
        unique_name: unique_name(),
        ttl,
        collection_ttl,
    };
    let update = UpdateSyncMapRequest {
        ttl,
        collection_ttl,
    };
    let create_item = CreateSyncMapItemRequest {
        key: key.clone(),
        data: data(),
        ttl,
        item_ttl,
        collection_ttl,
    };
    let update_item = UpdateSyncMapItemRequest {
        data: Some(data()),
        ttl,
        item_ttl,
        collection_ttl,
    };
    build! {
        list_sync_map(service, page, size, token);
        create_sync_map(service, &create);
        fetch_sync_map(service, object);
        update_sync_map(service, object, &update);
        delete_sync_map(service, object);
        list_sync_map_item(service, object, bounds, from, order, page, size, token);
        create_sync_map_item(service, object, &create_item);
        fetch_sync_map_item(service, object, key);
        update_sync_map_item(service, object, key, revision, &update_item);
        delete_sync_map_item(service, object, key, revision);
    }

    let (read, write, manage) = (true, false, true);
    let documents = UpdateDocumentPermissionRequest {
        read,
        write,
        manage,
    };
    let lists = UpdateSyncListPermissionRequest {
        read,
        write,
        manage,
    };
    let maps = UpdateSyncMapPermissionRequest {
        read,
        write,
        manage,
    };
    build! {
        list_document_permission(service, object, page, size, token);
        fetch_document_permission(service, object, identity);
        update_document_permission(service, object, identity, &documents);
        delete_document_permission(service, object, identity);
        list_sync_list_permission(service, object, page, size, token);
        fetch_sync_list_permission(service, object, identity);
        update_sync_list_permission(service, object, identity, &lists);
        delete_sync_list_permission(service, object, identity);
        list_sync_map_permission(service, object, page, size, token);
        fetch_sync_map_permission(service, object, identity);
        update_sync_map_permission(service, object, identity, &maps);
        delete_sync_map_permission(service, object, identity);
    }

    let create = CreateSyncStreamRequest {
        unique_name: unique_name(),
        ttl,
    };
    let update = UpdateSyncStreamRequest { ttl };
    let message = CreateStreamMessageRequest { data: data() };
    build! {
        list_sync_stream(service, page, size, token);
        create_sync_stream(service, &create);
        fetch_sync_stream(service, object);
        update_sync_stream(service, object, &update);
        delete_sync_stream(service, object);
        create_stream_message(service, object, &message);
    }
    all
}

/// Without a network, and without a runtime.
#[test]
fn each_is_built_as_described() {
    let mut described = described();
    let calls = all_calls(&client_without_network());
    assert_eq!(calls.len(), 48);
    for mut built in calls {
        let name = built.operation.name();
        let expected = described.remove(name).expect(name);
        let values = |place| {
            let parameters = expected.parameters.iter();
            let parameters = parameters.filter(move |parameter| parameter.place == place);
            parameters.map(|it| (it.name.clone(), value(&expected, &it.name)))
        };
        let mut path = expected.path.clone();
        for (name, value) in values(Place::Path) {
            path = path.replace(&format!("{{{name}}}"), &encoded(&value));
        }
        let sorted = |pairs: &mut dyn Iterator<Item = (String, String)>| {
            let mut pairs: Vec<_> = pairs.collect();
            pairs.sort_unstable();
            pairs
        };
        built.query.sort_unstable();
        built.form.sort_unstable();
        assert_eq!(built.method, expected.method, "{name}");
        assert_eq!(built.path, path, "{name}");
        assert_eq!(built.query, sorted(&mut values(Place::Query)), "{name}");
        assert_eq!(built.form, sorted(&mut values(Place::Form)), "{name}");
        let headers = built
            .if_match
            .map(|revision| ("If-Match".to_owned(), revision));
        assert!(headers.into_iter().eq(values(Place::Header)), "{name}");
    }
    assert!(described.is_empty(), "{:?}", described.keys());
}

#[test]
fn what_is_left_out_is_not_there() {
    let sync = client_without_network();
    let (api, service) = (sync.api(), sync.service());
    let object = ObjectReference::new(OBJECT).unwrap();
    let list = api.list_sync_list_item(service, &object, None, None, None, None, None, None);
    let form = UpdateDocumentRequest::default();
    let update = api.update_document(service, &object, None, &form);
    let delete = api.delete_sync_list_item(service, &object, INDEX, None);
    for built in [Built::of(&list), Built::of(&update), Built::of(&delete)] {
        assert!(built.query.is_empty() && built.form.is_empty(), "{built:?}");
        assert_eq!(built.if_match, None);
    }
}

#[tokio::test]
async fn each_is_answered() -> twilio_sync::Result<()> {
    let (emulator, sync) = start().await;
    let api = sync.api();
    let data = || "{\"n\":1}".to_owned();
    let name = || Some(UniqueName::new("name").unwrap());
    let object = ObjectReference::new("name").unwrap();
    let identity = Identity::new("bob").unwrap();
    let key = ItemKey::new("key").unwrap();

    let form = CreateServiceRequest {
        friendly_name: Some("one".to_owned()),
        ..Default::default()
    };
    let created = api.create_service(&form).await?;
    let service = ServiceReference::try_from(&created.sid).unwrap();
    assert_eq!(
        api.fetch_service(&service).await?.friendly_name.as_deref(),
        Some("one")
    );
    let form = UpdateServiceRequest {
        acl_enabled: Some(true),
        ..Default::default()
    };
    assert!(api.update_service(&service, &form).await?.acl_enabled);
    assert_eq!(api.list_service(None, None, None).await?.services.len(), 2);

    let form = CreateDocumentRequest {
        unique_name: name(),
        data: Some(data()),
        ttl: None,
    };
    let document = api.create_document(&service, &form).await?;
    assert_eq!(document.data.as_str(), data());
    let fetched = api.fetch_document(&service, &object).await?;
    assert_eq!(fetched.sid, document.sid);
    let form = UpdateDocumentRequest {
        data: Some("{}".to_owned()),
        ttl: Some(60),
    };
    let updated = api
        .update_document(&service, &object, Some(&fetched.revision), &form)
        .await?;
    assert_ne!(updated.revision, fetched.revision);
    assert_eq!(
        api.list_document(&service, None, None, None)
            .await?
            .documents
            .len(),
        1
    );

    let form = CreateSyncListRequest {
        unique_name: name(),
        ..Default::default()
    };
    api.create_sync_list(&service, &form).await?;
    api.fetch_sync_list(&service, &object).await?;
    let form = UpdateSyncListRequest {
        ttl: Some(60),
        collection_ttl: None,
    };
    assert!(
        api.update_sync_list(&service, &object, &form)
            .await?
            .date_expires
            .is_some()
    );
    assert_eq!(
        api.list_sync_list(&service, None, None, None)
            .await?
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
    let item = api.create_sync_list_item(&service, &object, &form).await?;
    api.fetch_sync_list_item(&service, &object, item.index)
        .await?;
    let form = UpdateSyncListItemRequest {
        data: Some(data()),
        ..Default::default()
    };
    let revision = Some(&item.revision);
    api.update_sync_list_item(&service, &object, item.index, revision, &form)
        .await?;
    let page = api
        .list_sync_list_item(&service, &object, None, None, None, None, None, None)
        .await?;
    assert_eq!(page.items.len(), 1);

    let form = CreateSyncMapRequest {
        unique_name: name(),
        ..Default::default()
    };
    api.create_sync_map(&service, &form).await?;
    api.fetch_sync_map(&service, &object).await?;
    let form = UpdateSyncMapRequest {
        ttl: Some(60),
        collection_ttl: None,
    };
    assert!(
        api.update_sync_map(&service, &object, &form)
            .await?
            .date_expires
            .is_some()
    );
    assert_eq!(
        api.list_sync_map(&service, None, None, None)
            .await?
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
    let item = api.create_sync_map_item(&service, &object, &form).await?;
    api.fetch_sync_map_item(&service, &object, &key).await?;
    let form = UpdateSyncMapItemRequest {
        data: Some(data()),
        ..Default::default()
    };
    api.update_sync_map_item(&service, &object, &key, Some(&item.revision), &form)
        .await?;
    let page = api
        .list_sync_map_item(&service, &object, None, None, None, None, None, None)
        .await?;
    assert_eq!(page.items.len(), 1);

    macro_rules! permissions {
        ($form:ident, $update:ident, $fetch:ident, $list:ident, $delete:ident) => {
            let form = $form {
                read: true,
                write: false,
                manage: false,
            };
            let set = api.$update(&service, &object, &identity, &form).await?;
            assert_eq!((set.read, set.write, set.manage), (true, false, false));
            assert_eq!(
                api.$fetch(&service, &object, &identity).await?.identity,
                "bob"
            );
            let page = api.$list(&service, &object, None, None, None).await?;
            assert_eq!(page.permissions.len(), 1);
            api.$delete(&service, &object, &identity).await?;
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
    api.create_sync_stream(&service, &form).await?;
    api.fetch_sync_stream(&service, &object).await?;
    let form = UpdateSyncStreamRequest { ttl: Some(60) };
    assert!(
        api.update_sync_stream(&service, &object, &form)
            .await?
            .date_expires
            .is_some()
    );
    assert_eq!(
        api.list_sync_stream(&service, None, None, None)
            .await?
            .streams
            .len(),
        1
    );
    let form = CreateStreamMessageRequest { data: data() };
    assert_eq!(
        api.create_stream_message(&service, &object, &form)
            .await?
            .data
            .as_str(),
        data()
    );

    api.delete_sync_list_item(&service, &object, 0, None)
        .await?;
    api.delete_sync_map_item(&service, &object, &key, None)
        .await?;
    api.delete_document(&service, &object).await?;
    api.delete_sync_list(&service, &object).await?;
    api.delete_sync_map(&service, &object).await?;
    api.delete_sync_stream(&service, &object).await?;
    api.delete_service(&service).await?;

    // The log is the proof that nothing was left out, and nothing called under another name.
    let log = emulator.requests();
    assert!(
        log.iter()
            .all(|request| request.status().is_some_and(|status| status.is_success()))
    );
    let called: BTreeSet<_> = operations(&emulator).into_iter().collect();
    let described: BTreeSet<_> = described().into_keys().collect();
    assert_eq!(described.len(), 48);
    assert_eq!(called, described);
    Ok(())
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
        let response = b"HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\n\r\n{\"code\":20404}";
        connection.write_all(response).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let sync = SyncClient::builder()
        .credentials(Credentials::auth_token(ACCOUNT, "token").unwrap())
        .service("default")
        .base_url(format!("http://{address}/below"))
        .build()
        .unwrap();
    assert!(sync.maps().get("a/b").await.unwrap_err().is_not_found());
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
    let authorization = STANDARD.encode(format!("{ACCOUNT}:token")).to_lowercase();
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
