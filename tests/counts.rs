//! What a call costs in requests and in allocations, against bare reqwest: counts that are the same
//! on every machine. Times are measured by `benches/compare`.
//!
//! The emulator runs on a thread of its own. Allocations are counted on the thread of the client,
//! where the connection is driven too.

use std::num::NonZeroU64;
use std::sync::mpsc;
use std::thread;

use futures_util::TryStreamExt;
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use twilio_sync::api::types::{
    CreateSyncListItemRequest, PageMeta, UpdateDocumentRequest, UpdateSyncMapItemRequest,
};
use twilio_sync::value::{Data, ItemKey, ObjectReference, UniqueName};
use twilio_sync::{Credentials, Document, Emulator, ListItem, MapItem, RetryPolicy, SyncClient};

#[path = "../benches/compare/bare_http.rs"]
mod bare_http;

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    n: u64,
    text: String,
}

/// The most allocations in ratio to those of bare reqwest: of a facade, and of the generated client, which
/// reads addresses and links too, and keeps data as text first. They are the measured ones and a few
/// hundredths.
type Most = [f64; 2];

/// Those of a call with one record: 0.97 and 1.02.
const RECORD: Most = [1.0, 1.05];

/// Those of a page of 100 records, each of which may fail alone: 1.15 and 1.26.
const PAGE: Most = [1.18, 1.3];

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// An emulator on another thread, which ends when the sender is dropped.
fn start() -> (Emulator, tokio::sync::oneshot::Sender<()>) {
    let (started, emulator) = mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            started
                .send(Emulator::start().await)
                .expect("somebody waits");
            // Its tasks run for as long as this does.
            let _ = stopped.await;
        });
    });
    let emulator = emulator.recv().expect("a message").expect("an emulator");
    let item = |n: u64| json!({"n": n, "text": "an item of usual length"});
    let items: Vec<_> = (0..1_000).map(|n| json!({"data": item(n)})).collect();
    emulator
        .seed(json!({"services": [{
            "unique_name": "default",
            "documents": [{"unique_name": "desk-7", "data": item(7)}],
            "maps": [{"unique_name": "map", "items": [{"key": "key", "data": item(7)}]}],
            "lists": [{"unique_name": "log"}, {"unique_name": "long", "items": items}],
        }]}))
        .expect("a seed");
    (emulator, stop)
}

/// reqwest and no more.
struct Bare {
    http: reqwest::Client,
    service: String,
}

impl Bare {
    fn of(emulator: &Emulator) -> Self {
        let http = bare_http::client(emulator.api_key().as_str(), emulator.api_secret());
        Self {
            http: http.expect("a client"),
            service: format!("{}/v1/Services/{}", emulator.url(), emulator.service_sid()),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}/{path}", self.service))
    }

    fn post(&self, path: &str, data: &Entry) -> RequestBuilder {
        let data = serde_json::to_string(data).expect("JSON");
        let request = self.http.post(format!("{}/{path}", self.service));
        request.form(&[("Data", data)])
    }
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> T {
    let response = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    response.expect("a success").json().await.expect("a record")
}

/// A page of a List.
#[derive(Deserialize)]
struct Page {
    items: Vec<ListItem<Entry>>,
    /// As all read it.
    #[serde(rename = "meta")]
    _meta: PageMeta,
}

/// What is made of the data that the generated client gives.
fn decoded(data: &Data) -> Entry {
    data.decode().expect("an entry")
}

/// The number of calls that are counted.
const CALLS: u32 = 20;

/// Allocations of one call and requests of all, after the same calls have been made once.
fn count(emulator: &Emulator, runtime: &Runtime, call: impl AsyncFn()) -> (f64, usize) {
    let calls = || {
        runtime.block_on(async {
            for _ in 0..CALLS {
                call().await;
            }
        });
    };
    calls();
    emulator.clear_requests();
    let allocations = allocation_counter::measure(calls).count_total;
    let requests = emulator.requests().len();
    #[allow(clippy::cast_precision_loss)] // it is small
    let allocations = allocations as f64 / f64::from(CALLS);
    (allocations, requests)
}

/// What is wrong with the counts of facade, generated client and bare reqwest.
fn judge(
    what: &str,
    expected: usize,
    [most, most_generated]: Most,
    counts: [(f64, usize); 3],
) -> Vec<String> {
    let [facade, generated, bare] = counts;
    let (ratio, generated_ratio) = (facade.0 / bare.0, generated.0 / bare.0);
    println!(
        "{what}: {expected} requests; allocations {:.1} by the facade, {:.1} by the generated client, \
         {:.1} by bare reqwest: ratios {ratio:.3} and {generated_ratio:.3}",
        facade.0, generated.0, bare.0
    );
    let expected = expected * CALLS as usize;
    let mut wrong = Vec::new();
    if ratio > most || generated_ratio > most_generated {
        wrong.push(format!(
            "{what}: {ratio:.3} and {generated_ratio:.3} times the allocations"
        ));
    }
    for (_, requests) in counts {
        if requests != expected {
            wrong.push(format!(
                "{what}: {requests} requests for {CALLS} calls, not {expected}"
            ));
        }
    }
    wrong
}

fn reference(name: &str) -> ObjectReference {
    UniqueName::new(name).expect("a name").into()
}

// One test: what others do at the same time would be in the log of requests.
#[test]
#[allow(clippy::too_many_lines, clippy::similar_names)] // a list
fn a_call_costs_what_bare_reqwest_does() {
    let (emulator, _stop) = start();
    let runtime = runtime();
    let sync: SyncClient = emulator.client().expect("its client");
    let bare = Bare::of(&emulator);
    let entry = Entry {
        n: 7,
        text: "an item of usual length".to_owned(),
    };
    let data = || serde_json::to_string(&entry).expect("JSON");
    let (api, service) = (sync.api(), sync.service());
    let [desk, to_map, to_log, to_long] = ["desk-7", "map", "log", "long"].map(reference);
    let key = ItemKey::new("key").expect("a key");
    let documents = sync.documents::<Entry>();
    let (map, log, long) = (
        sync.map::<Entry>("map"),
        sync.list::<Entry>("log"),
        sync.list::<Entry>("long"),
    );

    let mut wrong = Vec::new();
    macro_rules! compare {
        ($what:literal, $requests:literal, $most:expr, $facade:expr, $generated:expr, $bare:expr) => {
            let counts = [
                count(&emulator, &runtime, async || drop($facade)),
                count(&emulator, &runtime, async || drop($generated)),
                count(&emulator, &runtime, async || drop($bare)),
            ];
            wrong.extend(judge($what, $requests, $most, counts));
        };
    }
    compare!(
        "get",
        1,
        RECORD,
        documents.get("desk-7").await.unwrap(),
        decoded(&api.fetch_document(service, &desk).await.unwrap().data),
        read::<Document<Entry>>(bare.get("Documents/desk-7")).await
    );
    let update = || UpdateDocumentRequest {
        data: Some(data()),
        ttl: None,
    };
    let by_generated = async || {
        let form = update();
        let updated = api.update_document(service, &desk, None, &form);
        decoded(&updated.await.unwrap().data)
    };
    let by_bare = async || read::<Document<Entry>>(bare.post("Documents/desk-7", &entry)).await;
    compare!(
        "update",
        1,
        RECORD,
        documents.update("desk-7", &entry).await.unwrap(),
        by_generated().await,
        by_bare().await
    );
    compare!(
        "update or create",
        1,
        RECORD,
        documents.update_or_create("desk-7", &entry).await.unwrap(),
        by_generated().await,
        by_bare().await
    );
    compare!(
        "set",
        1,
        RECORD,
        map.set("key", &entry).await.unwrap(),
        {
            let form = UpdateSyncMapItemRequest {
                data: Some(data()),
                ..UpdateSyncMapItemRequest::default()
            };
            let item = api
                .update_sync_map_item(service, &to_map, &key, None, &form)
                .await
                .unwrap();
            decoded(&item.data)
        },
        read::<MapItem<Entry>>(bare.post("Maps/map/Items/key", &entry)).await
    );
    compare!(
        "add",
        1,
        RECORD,
        log.add(&entry).await.unwrap(),
        {
            let form = CreateSyncListItemRequest {
                data: data(),
                collection_ttl: None,
                item_ttl: None,
                ttl: None,
            };
            let item = api
                .create_sync_list_item(service, &to_log, &form)
                .await
                .unwrap();
            decoded(&item.data)
        },
        read::<ListItem<Entry>>(bare.post("Lists/log/Items", &entry)).await
    );
    // A page of 100 items.
    compare!(
        "list",
        1,
        PAGE,
        long.items()
            .limit(100)
            .try_collect::<Vec<_>>()
            .await
            .unwrap(),
        {
            let size = NonZeroU64::new(100);
            let page =
                api.list_sync_list_item(service, &to_long, None, None, None, None, size, None);
            let items = page.await.unwrap().items;
            items
                .iter()
                .map(|item| decoded(&item.data))
                .collect::<Vec<_>>()
        },
        read::<Page>(bare.get("Lists/long/Items?PageSize=100"))
            .await
            .items
    );
    assert!(wrong.is_empty(), "{wrong:#?}");

    // A call is moved by what it is wrapped in; so it must stay small.
    let mut large = Vec::new();
    for (what, size) in [
        (
            "fetch",
            size_of_val(&api.fetch_document(service, &desk).into_future()),
        ),
        (
            "update",
            size_of_val(
                &api.update_document(service, &desk, None, &update())
                    .into_future(),
            ),
        ),
        ("get", size_of_val(&documents.get("desk-7").into_future())),
        ("set", size_of_val(&*map.set("key", &entry).into_future())),
        (
            "facade's update",
            size_of_val(&*documents.update("desk-7", &entry).into_future()),
        ),
    ] {
        println!("future of {what}: {size} bytes");
        if size > 1536 {
            large.push(format!("the future of {what} has {size} bytes"));
        }
    }
    assert!(large.is_empty(), "{large:#?}");
}

/// A body without an end costs no more memory than the largest body that is read.
#[test]
fn an_endless_body_costs_bounded_memory() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let sending = thread::spawn(move || {
        use std::io::{Read, Write};

        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]).expect("a request");
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head).expect("a reader");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    });
    let credentials = Credentials::auth_token("AC0123456789abcdef0123456789abcdef", "secret");
    let sync = SyncClient::builder()
        .credentials(credentials.expect("credentials"))
        .service("default")
        .base_url(format!("http://{address}"))
        .retry(RetryPolicy::none())
        .build()
        .expect("a client");
    let runtime = runtime();
    let most = allocation_counter::measure(|| {
        let result = runtime.block_on(sync.documents::<Entry>().get("desk-7").into_future());
        let error = result.expect_err("the body has no end").to_string();
        assert!(error.contains("too large"), "{error}");
    })
    .bytes_max;
    // Nothing else drives the connection to its end.
    drop((sync, runtime));
    sending.join().expect("it ends with the connection");
    println!("an endless body takes {} KiB at most", most / 1024);
    assert!(most <= 32 << 20, "{most} bytes");
}
