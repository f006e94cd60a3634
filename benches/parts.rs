//! The parts of a call, each by itself: `cargo bench --bench parts --features emulator`.
//!
//! Requests go to a listener in the process that has one response, or to the emulator, over one
//! connection: such figures hold the way there and back too, which `connection` measures alone.

use std::hint::black_box;
use std::num::NonZeroU64;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use twilio_sync::api::Call;
use twilio_sync::api::types::{Document, SyncListItemPage, UpdateDocumentRequest};
use twilio_sync::error::ConnectionFailure;
use twilio_sync::http_service::{HttpError, HttpRequest, HttpResponse, HttpService};
use twilio_sync::value::{ItemKey, ObjectReference, UniqueName};
use twilio_sync::{Credentials, Emulator, RetryPolicy, SyncClient, SyncClientBuilder};

const ACCOUNT: &str = "AC00000000000000000000000000000000";
const SERVICE: &str = "IS00000000000000000000000000000000";

fn builder() -> SyncClientBuilder {
    SyncClient::builder()
        .credentials(Credentials::auth_token(ACCOUNT, "token").expect("well-formed"))
        .service(SERVICE)
        .retry(RetryPolicy::none())
}

fn client(url: &str) -> SyncClient {
    builder().base_url(url).build().expect("a client")
}

/// Sends nothing.
#[derive(Debug)]
struct Refusal;

impl HttpService for Refusal {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        black_box(request);
        Err(HttpError::new(ConnectionFailure::Connect, "refused"))
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// A document as the service sends it.
fn document() -> Value {
    json!({
        "sid": "ET00000000000000000000000000000000",
        "unique_name": "desk-7",
        "account_sid": ACCOUNT,
        "service_sid": SERVICE,
        "url": format!("https://sync.twilio.com/v1/Services/{SERVICE}/Documents/ET00000000000000000000000000000000"),
        "links": {"permissions": "https://sync.twilio.com/v1/Services/IS/Documents/ET/Permissions"},
        "revision": "1f",
        "data": {"name": "Alice", "busy": false},
        "date_created": "2026-01-01T00:00:00Z",
        "date_updated": "2026-01-01T00:00:00Z",
        "date_expires": null,
        "created_by": "system",
    })
}

/// A page of 100 items as the service sends it.
fn page() -> Value {
    let item = |index| {
        json!({
            "index": index,
            "account_sid": ACCOUNT,
            "service_sid": SERVICE,
            "list_sid": "ES00000000000000000000000000000000",
            "url": format!("https://sync.twilio.com/v1/Services/{SERVICE}/Lists/ES00000000000000000000000000000000/Items/{index}"),
            "revision": "1f",
            "data": {"n": index, "text": "an item of usual length"},
            "date_created": "2026-01-01T00:00:00Z",
            "date_updated": "2026-01-01T00:00:00Z",
            "date_expires": null,
            "created_by": "system",
        })
    };
    json!({
        "items": (0..100).map(item).collect::<Vec<_>>(),
        "meta": {
            "page": 0,
            "page_size": 100,
            "key": "items",
            "first_page_url": "https://sync.twilio.com/v1/Services/IS/Lists/ES/Items?PageSize=100&Page=0",
            "previous_page_url": null,
            "next_page_url": null,
            "url": "https://sync.twilio.com/v1/Services/IS/Lists/ES/Items?PageSize=100&Page=0",
        },
    })
}

/// Reads 100 items of a List: the first, or those of a page with its number and token.
fn items(
    sync: &SyncClient,
    list: &ObjectReference,
    page: Option<(u64, &str)>,
) -> Call<SyncListItemPage> {
    let (number, token) = page.unzip();
    let (service, size) = (sync.service(), NonZeroU64::new(100));
    sync.api()
        .list_sync_list_item(service, list, None, None, None, number, size, token)
}

fn names(c: &mut Criterion) {
    let mut group = c.benchmark_group("names");
    for (kind, name) in [("plain", "desk-7"), ("encoded", "bureau 7 / é %")] {
        group.bench_function(format!("check/{kind}"), |b| {
            b.iter(|| UniqueName::new(black_box(name)));
        });
    }
    group.bench_function("check/item key", |b| {
        b.iter(|| ItemKey::new(black_box("+815012345678")));
    });
    group.finish();
}

/// Each request is built, and then refused.
fn requests(c: &mut Criterion) {
    let mut group = c.benchmark_group("requests");
    let sync = builder().http_service(Refusal).build().expect("a client");
    let api = sync.api();
    let runtime = runtime();
    let form = UpdateDocumentRequest {
        data: Some(document().to_string()),
        ttl: None,
    };
    for (kind, name) in [("plain", "desk-7"), ("encoded", "bureau 7 / é %")] {
        let reference = UniqueName::new(name).expect("a name").into();
        group.bench_function(format!("get/{kind}"), |b| {
            b.iter(|| {
                let fetch = api.fetch_document(sync.service(), &reference);
                runtime.block_on(fetch.into_future()).is_err()
            });
        });
        group.bench_function(format!("post/{kind}"), |b| {
            b.iter(|| {
                let update = api.update_document(sync.service(), &reference, None, &form);
                runtime.block_on(update.into_future()).is_err()
            });
        });
    }
    let reference = UniqueName::new("log").expect("a name").into();
    group.bench_function("page", |b| {
        b.iter(|| {
            let page = items(&sync, &reference, Some((1, "PT")));
            runtime.block_on(page.into_future()).is_err()
        });
    });
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decoding");
    let (one, many) = (document().to_string(), page().to_string());
    group.throughput(Throughput::Bytes(one.len() as u64));
    group.bench_function("one document", |b| {
        b.iter(|| serde_json::from_str::<Document>(black_box(&one)));
    });
    group.throughput(Throughput::Bytes(many.len() as u64));
    group.bench_function("page of 100 items", |b| {
        b.iter(|| serde_json::from_str::<SyncListItemPage>(black_box(&many)));
    });
    let decoded: Document = serde_json::from_str(&one).expect("a document");
    group.throughput(Throughput::Bytes(decoded.data.as_str().len() as u64));
    group.bench_function("data", |b| {
        b.iter(|| black_box(&decoded).data.decode::<Value>());
    });
    group.finish();
}

/// A listener with one response for each path.
async fn listen() -> String {
    let body = json!({"code": 20404, "message": "not found", "more_info": "https://x/20404", "status": 404});
    let page = page().to_string();
    let document = document().to_string();
    let list = format!("/v1/Services/{SERVICE}/Lists/log/Items");
    let app = Router::new()
        .route(&list, get(move || std::future::ready(page.clone())))
        .route(
            &format!("/v1/Services/{SERVICE}/Documents/missing"),
            any(move || std::future::ready((StatusCode::NOT_FOUND, body.to_string()))),
        )
        .route(
            &format!("/v1/Services/{SERVICE}/Documents/proxy"),
            any(|| std::future::ready((StatusCode::BAD_GATEWAY, "<html>Bad Gateway</html>"))),
        )
        .fallback(any(move || std::future::ready(document.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("calls");
    let runtime = runtime();
    let url = runtime.block_on(listen());
    let sync = client(&url);
    let http = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    group.bench_function("connection", |b| {
        b.to_async(&runtime).iter(async || {
            http.get(&url)
                .send()
                .await
                .expect("a response")
                .bytes()
                .await
        });
    });
    let documents = sync.documents::<Value>();
    group.bench_function("get", |b| {
        b.to_async(&runtime)
            .iter(async || documents.get("desk-7").await);
    });
    let data = json!({"name": "Alice", "busy": false});
    group.bench_function("update", |b| {
        b.to_async(&runtime)
            .iter(async || documents.update("desk-7", &data).await);
    });
    group.bench_function("error response", |b| {
        b.to_async(&runtime).iter(async || {
            documents
                .get("missing")
                .await
                .is_err_and(|error| error.is_not_found())
        });
    });
    group.bench_function("error response of a proxy", |b| {
        b.to_async(&runtime).iter(async || {
            documents
                .get("proxy")
                .await
                .map_err(|error| error.to_string())
                .is_err()
        });
    });
    let list = UniqueName::new("log").expect("a name").into();
    group.bench_function("page of 100 items", |b| {
        b.to_async(&runtime)
            .iter(async || items(&sync, &list, None).await);
    });
    group.finish();
}

fn emulator(c: &mut Criterion) {
    let mut group = c.benchmark_group("emulator");
    let runtime = runtime();
    let emulator = runtime.block_on(Emulator::start()).expect("an emulator");
    let sync = emulator.client().expect("its client");
    let documents = sync.documents::<Value>();
    let data = json!({"name": "Alice", "busy": false});
    runtime.block_on(async {
        documents.create("desk-7", &data).await.expect("created");
        sync.maps().create("phones").await.expect("created");
        sync.lists().create("log").await.expect("created");
        sync.lists().create("long").await.expect("created");
        let long = sync.list::<Value>("long");
        for _ in 0..100 {
            long.add(&data).await.expect("added");
        }
    });
    let (map, list) = (sync.map::<Value>("phones"), sync.list::<Value>("log"));
    group.bench_function("fetch", |b| {
        b.to_async(&runtime)
            .iter(async || documents.get("desk-7").await);
    });
    group.bench_function("update", |b| {
        b.to_async(&runtime)
            .iter(async || documents.update("desk-7", &data).await);
    });
    group.bench_function("set", |b| {
        b.to_async(&runtime)
            .iter(async || map.set("alice", &data).await);
    });
    group.bench_function("add", |b| {
        b.to_async(&runtime).iter(async || list.add(&data).await);
    });
    let long = UniqueName::new("long").expect("a name").into();
    group.bench_function("page of 100 items", |b| {
        b.to_async(&runtime)
            .iter(async || items(&sync, &long, None).await);
    });
    let seed = emulator.dump();
    group.bench_function("seed and dump", |b| {
        b.iter(|| {
            emulator.seed(seed.clone()).expect("a dump is a seed");
            black_box(emulator.dump())
        });
    });
    group.finish();
}

criterion_group!(benches, names, requests, decoding, calls, emulator);
criterion_main!(benches);
