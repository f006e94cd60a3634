//! Streams over any number of pages.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::api::Operation;
use twilio_sync::emulator::Fault;
use twilio_sync::listing::Order;
use twilio_sync::{Error, ListItems, MapItem, SyncClient};

use crate::scripted::{Scripted, json_response};
use crate::{operations, start, start_without_retry};

async fn log(sync: &SyncClient, length: usize) -> ListItems<Value> {
    sync.lists().create("log").await.unwrap();
    let log = sync.list("log");
    for n in 0..length {
        log.add(&json!({"n": n})).await.unwrap();
    }
    log
}

#[tokio::test]
async fn pages_are_read_as_they_are_needed() {
    let (emulator, sync) = start().await;
    let log = log(&sync, 250).await;
    operations(&emulator);
    let mut items = log.items().prefetch(false);
    assert_eq!(operations(&emulator).len(), 0, "lazy until polled");
    for _ in 0..100 {
        items.next().await.unwrap().unwrap();
    }
    assert_eq!(operations(&emulator).len(), 1);
    items.next().await.unwrap().unwrap();
    assert_eq!(operations(&emulator).len(), 1);
    drop(items);

    let all: Vec<_> = log
        .items()
        .map_ok(|item| item.index)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(all, (0..250).collect::<Vec<_>>());
    let few: Vec<_> = log.items().limit(7).try_collect().await.unwrap();
    assert_eq!(few.len(), 7);
    let size = emulator.requests().pop().unwrap().query();
    assert!(
        size.contains(&("PageSize".to_owned(), "7".to_owned())),
        "{size:?}"
    );
    assert_eq!(
        log.items().limit(0).try_collect::<Vec<_>>().await.unwrap(),
        []
    );
    let across: Vec<_> = log
        .items()
        .page_size(10)
        .limit(25)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(across.len(), 25);
}

#[tokio::test]
async fn items_that_come_and_go_meanwhile_confuse_nothing() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, 20).await;
    let mut items = log.items().page_size(5).prefetch(false);
    let mut seen = Vec::new();
    while let Some(item) = items.try_next().await.unwrap() {
        seen.push(item.index);
        if item.index == 4 {
            // Behind the page, at its edge, ahead, and at the end.
            for index in [0, 4, 5, 12] {
                log.remove(index).await.unwrap();
            }
            log.add(&json!({"n": "late"})).await.unwrap();
        }
    }
    let late = *seen.last().unwrap();
    assert!(late >= 20, "{seen:?}");
    let expected: Vec<_> = (0..20)
        .filter(|index| ![5, 12].contains(index))
        .chain([late])
        .collect();
    assert_eq!(seen, expected);
}

#[derive(Debug, serde::Deserialize)]
struct Entry {
    n: u32,
}

#[tokio::test]
async fn an_item_that_does_not_fit_costs_no_other() {
    let (_emulator, sync) = start().await;
    let log = log(&sync, 3).await;
    log.update(1, &json!({"n": "one"})).await.unwrap();
    let items = sync.list::<Entry>("log").items();
    let results: Vec<_> = items
        .map(|item| item.map(|item| item.data.n))
        .collect()
        .await;
    assert_eq!(results.len(), 3);
    assert_eq!(
        (results[0].as_ref().unwrap(), results[2].as_ref().unwrap()),
        (&0, &2)
    );
    let error = results[1].as_ref().unwrap_err();
    let Error::Data(data) = error else {
        panic!("{error:?}")
    };
    assert_eq!(data.path, "n");
    assert!(
        data.object.starts_with("item 1 of list ES"),
        "{}",
        data.object
    );
}

#[tokio::test]
async fn a_page_that_fails_ends_the_stream() {
    let (emulator, sync) = start_without_retry().await;
    let log = log(&sync, 30).await;
    emulator.inject(Fault::status(503).on(Operation::ListSyncListItem).nth(2));
    let results: Vec<_> = log.items().page_size(10).collect().await;
    assert_eq!(results.len(), 11);
    assert!(results[..10].iter().all(Result::is_ok));
    assert!(results[10].as_ref().unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_circle_of_pages_is_noticed() {
    let (emulator, sync) = start().await;
    let log = log(&sync, 1).await;
    let page = |next: &str| {
        let url = "https://sync.twilio.com/v1/x";
        json!({
            "items": [],
            "meta": {
                "page": 0, "page_size": 50, "first_page_url": url, "previous_page_url": null,
                "url": url, "next_page_url": next, "key": "items",
            },
        })
    };
    let circle = "https://elsewhere.example/v1/other?Page=1&PageToken=PTsame";
    emulator.inject(Fault::status(200).body(page(circle).to_string()).times(2));
    operations(&emulator);
    let results: Vec<_> = log.items().collect().await;
    assert_eq!(results.len(), 1);
    let text = results[0].as_ref().unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "the address of the next page, {circle}, leads nowhere new: what was read is not the \
             whole list"
        )
    );
    // The second page was asked for at our own address, wherever the first one pointed.
    let requests = emulator.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].path(), requests[0].path());
    emulator.inject(Fault::status(200).body(page("no url").to_string()));
    assert!(matches!(
        log.items().next().await,
        Some(Err(Error::Paging { .. }))
    ));
}

#[tokio::test]
async fn longer_circles_of_pages_are_noticed() {
    let (emulator, sync) = start().await;
    let log = log(&sync, 0).await;
    for n in 0..30 {
        let url = format!("https://sync.twilio.com/v1/x?PageToken=PT{}", n % 3);
        let meta = json!({
            "page": n, "page_size": 50, "first_page_url": url, "previous_page_url": null,
            "url": url, "next_page_url": url, "key": "items",
        });
        let page = json!({"items": [], "meta": meta}).to_string();
        emulator.inject(
            Fault::status(200)
                .body(page)
                .on(Operation::ListSyncListItem),
        );
    }
    let results: Vec<_> = log.items().collect().await;
    assert!(
        matches!(results[..], [Err(Error::Paging { .. })]),
        "{results:?}"
    );
    // Around once until a token is stored, and once more.
    assert_eq!(operations(&emulator).len(), 1 + 7);
}

#[tokio::test]
async fn the_next_page_is_read_while_one_is_consumed() {
    let (emulator, sync) = start().await;
    let log = log(&sync, 30).await;
    operations(&emulator);
    let mut items = log.items().page_size(10);
    items.next().await.unwrap().unwrap();
    // Nobody polls the stream meanwhile.
    while emulator.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    drop(items);
    // With a limit, a page that will not be needed is not asked for.
    operations(&emulator);
    assert_eq!(log.items().page_size(10).limit(20).count().await, 20);
    assert_eq!(operations(&emulator).len(), 2);
}

#[tokio::test]
async fn pages_and_caps() {
    let (emulator, sync) = start().await;
    let log = log(&sync, 25).await;
    let sizes: Vec<_> = log
        .items()
        .page_size(10)
        .pages()
        .map_ok(|page| page.len())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(sizes, [10, 10, 5]);
    operations(&emulator);
    let results: Vec<_> = log.items().page_size(10).max_pages(2).collect().await;
    assert_eq!(results.len(), 21);
    assert!(matches!(results[20], Err(Error::PageCap { pages: 2 })));
    assert_eq!(operations(&emulator).len(), 2);
    // A cap that is just enough is no failure.
    assert!(
        log.items()
            .page_size(25)
            .max_pages(1)
            .try_collect::<Vec<_>>()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn searches_read_what_they_need() {
    let (emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    let keys = (0..400).map(|n| (format!("key-{n:03}"), json!({"n": n})));
    map.set_many(keys).await.unwrap();
    operations(&emulator);
    let found: Vec<_> = map.items_with_prefix("key-12").try_collect().await.unwrap();
    assert_eq!(found.len(), 10);
    assert_eq!(
        (found[0].key.as_str(), found[9].key.as_str()),
        ("key-120", "key-129")
    );
    assert_eq!(operations(&emulator), ["ListSyncMapItem"]);
    assert_eq!(map.items_with_prefix("zzz").count().await, 0);
    assert_eq!(map.items_with_prefix("").count().await, 400);
    assert_eq!(map.items_with_prefix("key").limit(3).count().await, 3);
    // The options of any listing are there too.
    let last = map.items_with_prefix("key-12").from("key-127");
    assert_eq!(last.count().await, 3);
    operations(&emulator);
    let hundreds = |item: &MapItem<Value>| item.data["n"].as_u64().unwrap().is_multiple_of(100);
    let first: Vec<_> = map
        .items()
        .prefetch(false)
        .matching(hundreds)
        .limit(1)
        .try_collect()
        .await
        .unwrap();
    assert_eq!((first.len(), operations(&emulator).len()), (1, 1));
    assert_eq!(map.items().matching(hundreds).count().await, 4);
    // What is not looked for need not fit.
    #[derive(Debug, serde::Deserialize)]
    struct Number {
        #[expect(dead_code)]
        n: u32,
    }
    map.set("zoo", &json!({"animals": true})).await.unwrap();
    let typed = sync.map::<Number>("map");
    operations(&emulator);
    assert_eq!(
        typed
            .items_with_prefix("key-39")
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .len(),
        10
    );
    assert_eq!(operations(&emulator).len(), 1);
    sync.documents::<Value>()
        .create("other", &json!({}))
        .await
        .unwrap();
    sync.documents::<Value>()
        .create("number-1", &json!({"n": 1}))
        .await
        .unwrap();
    let numbers = sync.documents::<Number>().all_with_prefix("number-");
    assert_eq!(numbers.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(sync.maps().all_with_prefix("ma").count().await, 1);
    assert_eq!(sync.maps().all_with_prefix("mb").count().await, 0);
}

#[tokio::test]
async fn searches_go_either_way() {
    let (_emulator, sync) = start().await;
    sync.maps().create("map").await.unwrap();
    let map = sync.map::<Value>("map");
    let keys = ["a", "k", "k1", "k2", "z"];
    map.set_many(keys.map(|key| (key, json!({}))))
        .await
        .unwrap();
    for (order, expected) in [
        (Order::Asc, ["k", "k1", "k2"]),
        (Order::Desc, ["k2", "k1", "k"]),
    ] {
        let found = map.items_with_prefix("k").order(order);
        let found: Vec<_> = found.map_ok(|item| item.key).try_collect().await.unwrap();
        assert_eq!(found, expected, "{order}");
    }
    // A start before them is no end.
    let found = map.items_with_prefix("k").from("a");
    assert_eq!(found.count().await, 3);
}

#[tokio::test]
async fn a_search_among_very_many_keys_reads_the_matching_range() {
    let (emulator, sync) = start().await;
    let before = (0..50_000).map(|n| format!("a-{n:05}"));
    let matching = (0..50).map(|n| format!("m-{n:02}"));
    let behind = (0..49_950).map(|n| format!("z-{n:05}"));
    let keys = before.chain(matching).chain(behind);
    let items: Vec<_> = keys.map(|key| json!({"key": key, "data": {}})).collect();
    assert_eq!(items.len(), 100_000);
    let map = json!({"unique_name": "map", "items": items});
    let service = json!({"unique_name": "default", "maps": [map]});
    emulator.seed(json!({"services": [service]})).unwrap();
    let found = sync.map::<Value>("map").items_with_prefix("m-");
    assert_eq!(found.try_collect::<Vec<_>>().await.unwrap().len(), 50);
    assert_eq!(operations(&emulator), ["ListSyncMapItem"]);
}

/// Pages of Documents, each with a number of them and the way to the next.
fn endless_pages(documents: &Value) -> Scripted {
    let page = |n: u32| {
        let next = format!("https://x/?PageToken={n}");
        json_response(
            200,
            &json!({"documents": documents, "meta": {"next_page_url": next}}),
        )
    };
    Scripted::new((0..300).map(page))
}

#[tokio::test]
async fn empty_pages_without_an_end_are_an_error() {
    let http = endless_pages(&json!([]));
    let sync = http.client_builder().build().unwrap();
    let docs = sync.documents::<Value>();
    let error = docs.all().try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, Error::Paging { .. }), "{error}");
    assert_eq!(http.count(), 100);
    let error = docs
        .all()
        .pages()
        .try_collect::<Vec<_>>()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Paging { .. }), "{error}");
}

/// A listing of which no record is wanted lets other tasks run, even if each page is there at once.
#[tokio::test]
async fn a_listing_yields_between_pages() {
    let http = endless_pages(&json!([]));
    let sync = http.client_builder().build().unwrap();
    let ran = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&ran);
    let other = tokio::spawn(async move {
        loop {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let listing = sync.documents::<Value>().all().prefetch(false);
    listing.try_collect::<Vec<_>>().await.unwrap_err();
    other.abort();
    assert!(ran.load(std::sync::atomic::Ordering::Relaxed) >= 99);
}
