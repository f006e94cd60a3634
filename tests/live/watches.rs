//! The events of watches and the states of views, without faults.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::emulator::LiveFault;
use twilio_sync::error::{EndCause, RealtimeError};
use twilio_sync::realtime::{DocumentEvent, ListEvent, MapEvent, MessageEvent, Status};
use twilio_sync::{Emulator, Error, SyncClient};

pub(crate) async fn start() -> (Emulator, SyncClient) {
    let emulator = Emulator::start().await.unwrap();
    let sync = emulator.client().unwrap().with_identity("watcher");
    (emulator, sync)
}

#[tokio::test]
async fn a_watch_of_a_map_emits_what_is_there_and_then_each_change() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    for key in 0..120 {
        let written = calls.set(format!("{key:03}"), &json!({"n": key})).await;
        written.unwrap();
    }
    let mut watch = calls.watch();
    for key in 0..120 {
        let Some(MapEvent::Initial(item)) = watch.try_next().await.unwrap() else {
            panic!("no initial item {key}");
        };
        assert_eq!(item.key, format!("{key:03}"));
        // The dates are more exact than those of the REST API.
        let mut read = calls.get(&item.key).await.unwrap();
        (read.date_created, read.date_updated) = (item.date_created, item.date_updated);
        assert_eq!(item, read);
    }
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Ready))));
    assert!(watch.is_live());

    let added = calls.set("new", &json!({"n": 1.50})).await.unwrap().object;
    let Some(MapEvent::Added(emitted)) = watch.try_next().await.unwrap() else {
        panic!("not added");
    };
    assert_eq!((&emitted.key, &emitted.data), (&added.key, &added.data));
    assert_eq!(emitted.revision, added.revision);

    let before = calls.get("007").await.unwrap();
    let updated = calls.update("007", &json!({"n": "seven"})).await.unwrap();
    let Some(MapEvent::Updated(emitted)) = watch.try_next().await.unwrap() else {
        panic!("not updated");
    };
    assert_eq!(
        (&emitted.data, &emitted.revision),
        (&updated.data, &updated.revision)
    );
    let created = emitted.date_created.timestamp();
    assert_eq!(created, before.date_created.timestamp());
    assert_eq!(emitted.created_by, before.created_by);
    // The revision of an event is one to write with.
    calls
        .remove("007")
        .if_match(&emitted.revision)
        .await
        .unwrap();
    let Some(MapEvent::Removed(removed)) = watch.try_next().await.unwrap() else {
        panic!("not removed");
    };
    assert_eq!(removed.position, "007");
    assert_eq!(removed.data, Some(json!({"n": "seven"})));

    sync.maps().remove("calls").await.unwrap();
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Gone))));
    assert!(matches!(watch.try_next().await, Ok(None)));
}

#[tokio::test]
async fn a_watch_of_a_list_may_begin_with_what_comes() {
    let (_emulator, sync) = start().await;
    sync.lists().create("log").await.unwrap();
    let log = sync.list::<Value>("log");
    for n in 0..3 {
        log.add(&json!({"n": n})).await.unwrap();
    }
    let mut watch = log.watch().skip_initial();
    assert!(matches!(watch.try_next().await, Ok(Some(ListEvent::Ready))));
    log.add(&json!({"n": 3})).await.unwrap();
    log.update(1, &json!({"n": "one"})).await.unwrap();
    log.remove(0).await.unwrap();
    let Some(ListEvent::Added(item)) = watch.try_next().await.unwrap() else {
        panic!("not added");
    };
    assert_eq!((item.index, item.data), (3, json!({"n": 3})));
    let Some(ListEvent::Updated(item)) = watch.try_next().await.unwrap() else {
        panic!("not updated");
    };
    assert_eq!((item.index, item.data), (1, json!({"n": "one"})));
    let Some(ListEvent::Removed(removed)) = watch.try_next().await.unwrap() else {
        panic!("not removed");
    };
    assert_eq!(removed.position, 0);
}

#[tokio::test]
async fn a_watch_of_a_document_emits_its_states() {
    let (_emulator, sync) = start().await;
    let desks = sync.documents::<Value>();
    let created = desks
        .create("desk-7", &json!({"busy": false}))
        .await
        .unwrap();
    let mut watch = desks.watch("desk-7");
    let Some(DocumentEvent::Initial(document)) = watch.try_next().await.unwrap() else {
        panic!("no initial state");
    };
    assert_eq!(
        (&document.data, &document.revision),
        (&created.data, &created.revision)
    );
    assert_eq!(
        (&document.sid, &document.unique_name),
        (&created.sid, &created.unique_name)
    );
    assert!(matches!(
        watch.try_next().await,
        Ok(Some(DocumentEvent::Ready))
    ));
    let updated = desks
        .update("desk-7", &json!({"busy": true}))
        .await
        .unwrap();
    let Some(DocumentEvent::Updated(document)) = watch.try_next().await.unwrap() else {
        panic!("not updated");
    };
    assert_eq!(document.data, updated.data);
    assert_eq!(document.revision, updated.revision);
    assert_eq!(document.sid, updated.sid);
    assert_eq!(document.unique_name, updated.unique_name);
    desks.remove("desk-7").await.unwrap();
    assert!(matches!(
        watch.try_next().await,
        Ok(Some(DocumentEvent::Gone))
    ));
}

#[tokio::test]
async fn messages_are_heard() {
    let (_emulator, sync) = start().await;
    sync.streams().create("events").await.unwrap();
    let events = sync.stream::<Value>("events");
    let mut listen = events.listen();
    assert!(matches!(
        listen.try_next().await,
        Ok(Some(MessageEvent::Ready))
    ));
    for n in 0..10 {
        let sid = events.publish(&json!({"n": n})).await.unwrap();
        let Some(MessageEvent::Message(message)) = listen.try_next().await.unwrap() else {
            panic!("no message");
        };
        assert_eq!((message.sid, message.data), (sid, json!({"n": n})));
    }
}

#[tokio::test]
async fn a_second_listener_does_not_interrupt_the_first() {
    let (emulator, sync) = start().await;
    sync.streams().create("events").await.unwrap();
    let events = sync.stream::<Value>("events");
    let (mut one, mut other) = (events.listen(), events.listen());
    for listen in [&mut one, &mut other] {
        let ready = listen.try_next().await;
        assert!(matches!(ready, Ok(Some(MessageEvent::Ready))), "{ready:?}");
    }
    let frames = emulator.frames();
    let requests = frames.iter();
    let requests = requests.filter(|frame| frame.payload().contains("\"establish\""));
    assert_eq!(requests.count(), 1);
    drop(one);
    let sid = events.publish(&json!({})).await.unwrap();
    let Ok(Some(MessageEvent::Message(message))) = other.try_next().await else {
        panic!("no message");
    };
    assert_eq!(message.sid, sid);
}

#[tokio::test]
async fn a_view_has_what_was_written() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    calls.set("a", &json!({"n": 1})).await.unwrap();
    let mut view = calls.view().await.unwrap();
    assert_eq!(view.len(), 1);
    assert!(view.is_live());
    let before = view.snapshot();
    let written = calls.set("b", &json!({"n": 2})).await.unwrap();
    view.includes(&written.object).await.unwrap();
    view.changed().await.unwrap();
    assert_eq!(view.get("b").unwrap().data, json!({"n": 2}));
    assert_eq!(before.len(), 1);
    calls.remove("a").await.unwrap();
    let state = view
        .wait_for(|calls| !calls.contains_key("a"))
        .await
        .unwrap();
    assert_eq!(state.keys().collect::<Vec<_>>(), ["b"]);
    sync.maps().remove("calls").await.unwrap();
    let error = view.wait_for(BTreeMap::is_empty).await.unwrap_err();
    assert!(error.to_string().contains("map \"calls\""), "{error}");
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn a_view_says_why_it_ended() {
    let cause = |error| match error {
        Error::Realtime(RealtimeError::Ended { cause, .. }) => cause,
        error => panic!("{error}"),
    };
    let (emulator, sync) = start().await;
    let desks = sync.documents::<Value>();
    desks.create("desk-7", &json!({})).await.unwrap();
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");

    let view = desks.view("desk-7").await.unwrap();
    desks.remove("desk-7").await.unwrap();
    let error = view.wait_for(|_| false).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(cause(error), EndCause::Removed);

    let view = calls.view().await.unwrap();
    sync.realtime().close().await;
    let error = view.wait_for(|_| false).await.unwrap_err();
    assert_eq!(cause(error), EndCause::Closed);

    let view = calls.view().await.unwrap();
    emulator.inject_live(LiveFault::close(401));
    let error = view.wait_for(|_| false).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert!(matches!(cause(error), EndCause::Failed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_waits_for_a_state_and_returns_that_one() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let view = calls.view().await.unwrap();
    calls.set("a", &json!({})).await.unwrap();
    let (passing, passed) = tokio::sync::oneshot::channel();
    let passing = std::sync::Mutex::new(Some(passing));
    let other = tokio::spawn(async move {
        passed.await.unwrap();
        calls.set("b", &json!({})).await.unwrap();
    });
    let state = view
        .wait_for(|state| {
            if state.len() != 1 {
                return false;
            }
            if let Some(passing) = passing.lock().unwrap().take() {
                passing.send(()).unwrap();
            }
            // The view is read, and changes, while the test runs.
            while view.len() < 2 {
                std::thread::yield_now();
            }
            true
        })
        .await
        .unwrap();
    assert_eq!((state.len(), view.len()), (1, 2));
    other.await.unwrap();
}

/// 50 of the largest items, with the longest of their keys and addresses.
#[tokio::test]
async fn the_largest_items_are_read_and_replayed() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let items = |text: &'static str| {
        let data = json!({"text": text.repeat(16 * 1024 - r#"{"text":""}"#.len())});
        (10..60).map(move |n| (format!("{}{n}", "\u{1f4de}".repeat(318)), data.clone()))
    };
    calls.set_many(items("a")).await.unwrap();
    let view = calls.view().await.unwrap();
    assert_eq!(view.len(), 50);

    emulator.inject_live(LiveFault::refuse(503).always());
    emulator.inject_live(LiveFault::cut());
    calls.set_many(items("b")).await.unwrap();
    emulator.clear_live_faults();
    let is_new = |item: &twilio_sync::MapItem<Value>| {
        let text = item.data["text"].as_str();
        text.is_some_and(|text| text.starts_with('b'))
    };
    view.wait_for(|calls| calls.values().all(|item| is_new(item)))
        .await
        .unwrap();
    let frames = emulator.frames();
    let sizes = frames.iter().filter_map(|frame| {
        let header: Value = serde_json::from_str(frame.header()).ok()?;
        header["payload_size"].as_u64()
    });
    assert!(sizes.max() > Some(1024 * 1024));
}

#[tokio::test]
async fn a_view_of_a_document_has_its_state() {
    let (_emulator, sync) = start().await;
    let desks = sync.documents::<Value>();
    desks
        .create("desk-7", &json!({"busy": false}))
        .await
        .unwrap();
    let view = desks.view("desk-7").await.unwrap();
    let updated = desks
        .update("desk-7", &json!({"busy": true}))
        .await
        .unwrap();
    view.includes(&updated).await.unwrap();
    assert_eq!(view.get().unwrap().data, json!({"busy": true}));
}

#[tokio::test]
async fn what_cannot_be_watched_says_why() {
    let (emulator, sync) = start().await;
    let mut watch = sync.map::<Value>("nothing").watch();
    let error = watch.try_next().await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains("maps().ensure"), "{error}");
    assert!(watch.next().await.is_none());

    let nobody = emulator.client().unwrap();
    let error = nobody
        .map::<Value>("calls")
        .watch()
        .try_next()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("with_identity"), "{error}");

    let error = sync.map::<Value>("").watch().try_next().await.unwrap_err();
    assert!(matches!(error, twilio_sync::Error::Input(_)), "{error}");
}

#[tokio::test]
async fn the_end_of_the_last_watch_is_the_end_of_the_connection() {
    let (_emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    let mut status = sync.realtime().status().unwrap();
    assert_eq!(*status.borrow(), Status::Idle);
    let (mut one, mut other) = (calls.watch(), calls.watch());
    one.next().await.unwrap().unwrap();
    other.next().await.unwrap().unwrap();
    assert_eq!(*status.borrow(), Status::Live);
    drop(one);
    calls.set("a", &json!({})).await.unwrap();
    assert!(matches!(
        other.try_next().await,
        Ok(Some(MapEvent::Added(_)))
    ));
    drop(other);
    status
        .wait_for(|status| *status == Status::Idle)
        .await
        .unwrap();

    let mut again = calls.watch();
    assert!(matches!(
        again.try_next().await,
        Ok(Some(MapEvent::Initial(_)))
    ));
    sync.realtime().close().await;
    assert_eq!(*status.borrow(), Status::Idle);
    while again.try_next().await.unwrap().is_some() {}
}
