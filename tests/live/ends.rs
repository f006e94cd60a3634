//! A dropped watch ends its tasks and its connection, and access tokens are not shown.

use std::io::Write;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use twilio_sync::emulator::LiveFault;
use twilio_sync::realtime::{MapEvent, Status};

use crate::watches::start;

/// The number of tasks of this runtime.
fn tasks() -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    metrics.num_alive_tasks()
}

/// Waits until there are this many tasks.
async fn only(expected: usize) {
    for _ in 0..1000 {
        if tasks() == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{} tasks, not {expected}", tasks());
}

#[tokio::test]
async fn dropping_all_ends_the_socket_and_the_tasks() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let calls = sync.map::<Value>("calls");
    // The REST connection and its tasks stay.
    let before = tasks();
    let mut watches: Vec<_> = (0..10).map(|_| calls.watch()).collect();
    for watch in &mut watches {
        assert!(matches!(watch.next().await, Some(Ok(MapEvent::Ready))));
    }
    let view = calls.view().await.unwrap();
    let clone = view.clone();
    assert!(tasks() > before);
    drop((watches, view));
    calls.set("a", &json!({})).await.unwrap();
    clone.wait_for(|calls| calls.len() == 1).await.unwrap();
    drop(clone);
    only(before).await;
    drop(emulator);
}

#[tokio::test]
async fn a_watch_that_is_dropped_while_it_waits_ends_too() {
    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let before = tasks();
    let mut status = sync.realtime().status().unwrap();
    emulator.inject_live(LiveFault::refuse(429).times(1000));
    let mut watch = sync.map::<Value>("calls").watch();
    tokio::select! {
        event = watch.next() => panic!("{event:?}"),
        waiting = status.wait_for(|status| matches!(status, Status::Waiting { .. })) => drop(waiting),
    }
    drop(watch);
    only(before).await;
}

/// The log of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The records of the crate `log` are not seen here: those of `tungstenite` have tokens at the level trace,
/// as SECURITY.md says.
#[tokio::test]
async fn tokens_show_in_no_log_and_no_text() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // With two, an event that another test emits first is asked of both, and not of that test alone.
    let _other = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _guard = tracing::subscriber::set_default(subscriber);

    let (emulator, sync) = start().await;
    sync.maps().create("calls").await.unwrap();
    let token = sync.access_token("watcher").sign().unwrap();
    let token = token.as_str().to_owned();
    let given = token.clone();
    let builder = emulator.client_builder().unwrap().token_provider(move || {
        let token = given.clone();
        async move { Ok::<_, std::io::Error>(token) }
    });
    let mut shown = vec![format!("{builder:?}")];
    let sync = builder.build().unwrap();
    let calls = sync.map::<Value>("calls");
    let mut watch = calls.watch();
    assert!(matches!(watch.try_next().await, Ok(Some(MapEvent::Ready))));
    let view = calls.view().await.unwrap();
    shown.push(format!("{sync:?} {watch:?} {view:?} {:?}", sync.realtime()));
    emulator.inject_live(LiveFault::cut());
    calls.set("a", &json!({})).await.unwrap();
    assert!(matches!(
        watch.try_next().await,
        Ok(Some(MapEvent::Added(_)))
    ));
    emulator.inject_live(LiveFault::close(401));
    let error = watch.try_next().await.unwrap_err();
    shown.push(format!("{error} {error:?} {:?}", sync.realtime().status()));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("no connection for live updates"), "{log}");
    for part in token.split('.').skip(1) {
        assert!(!log.contains(part) && !shown.iter().any(|text| text.contains(part)));
    }
}
