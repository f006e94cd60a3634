//! Streams over any number of pages.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::emulator::{Fault, Operation};
use twilio_sync::{Error, List, SyncClient};

use crate::{operations, start, start_without_retry};

async fn log(sync: &SyncClient, length: usize) -> List<Value> {
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
    let mut items = log.items();
    assert_eq!(operations(&emulator).len(), 0, "lazy until polled");
    for _ in 0..100 {
        items.next().await.unwrap().unwrap();
    }
    assert_eq!(operations(&emulator).len(), 1);
    items.next().await.unwrap().unwrap();
    drop(items);
    assert_eq!(operations(&emulator).len(), 1);

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
    let mut items = log.items().page_size(5);
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
