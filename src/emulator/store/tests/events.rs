//! Events: each change one, in the order of the writes, also when something expires.

use std::sync::Mutex;

use super::super::time::Expiry;
use super::*;

/// Collects what it is sent, while it wants events.
#[derive(Default)]
struct Log {
    is_idle: bool,
    events: Mutex<Vec<Arc<Event>>>,
}

impl Subscriber for Log {
    fn wants(&self, _: &ServiceState, _: &Actor, _: Cause) -> bool {
        !self.is_idle
    }

    fn receive(&self, events: &[Arc<Event>]) {
        self.events.lock().unwrap().extend_from_slice(events);
    }
}

impl Log {
    fn take(&self) -> Vec<Arc<Event>> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// One line an event: the change, the object or item, its event id, its revision, the actor.
    fn lines(&self) -> Vec<String> {
        self.take().iter().map(|event| line(event)).collect()
    }
}

fn line(event: &Event) -> String {
    let name = |object: &ObjectState| object.unique_name.clone().unwrap_or_default();
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let text = match &event.subject {
        Subject::Service(change, _) => {
            let name = event.service.unique_name.as_deref().unwrap_or("-");
            format!("{change:?} Service {name}")
        }
        Subject::Permission(change, state) => {
            let Grant {
                read,
                write,
                manage,
            } = state.grant;
            let rights = format!("read {read} write {write} manage {manage}");
            let (object, identity) = (name(&state.object), &state.identity);
            format!("{change:?} permission of {identity} to {object}: {rights}")
        }
        Subject::Object(change, object) => {
            let (id, revision) = (number(object.event_id()), number(object.parts.revision));
            format!("{change:?} {} event {id} revision {revision}", name(object))
        }
        Subject::Item(change, item) => {
            let (id, collection) = (number(item.collection.event_id()), name(&item.collection));
            format!(
                "{change:?} {collection}[{}] event {id} revision {}",
                item.name, item.item.revision
            )
        }
        Subject::Message { stream, data, .. } => {
            format!("Message {} {}", name(stream), data.json())
        }
        Subject::Endpoint {
            connected,
            endpoint,
        } => format!("Endpoint {endpoint} {connected}"),
    };
    let cause = match event.cause {
        Cause::Write => "",
        Cause::Replacement => ", a replacement",
    };
    format!("{text} by {}{cause}", event.actor.name())
}

fn logged() -> (Store, Arc<Log>) {
    let log = Arc::new(Log::default());
    (store_with(vec![log.clone()]), log)
}

fn only_ttl(seconds: u32) -> ItemChange {
    ItemChange {
        data: None,
        ttl: ttl(seconds),
        collection_ttl: None,
    }
}

#[test]
fn every_change_is_one_event() {
    let (store, log) = logged();
    create::<Document>(&store, "doc", None, Document::new(data("{}"))).unwrap();
    let write = |text: Option<&str>, seconds: Option<u32>| {
        let ttl = seconds.and_then(ttl);
        store
            .write(|writer| {
                let data = text.map(data);
                writer
                    .update_document("default", "doc", None, data, ttl)
                    .map(drop)
            })
            .unwrap();
    };
    write(None, Some(60));
    write(Some("{\"a\":1}"), Some(90));
    let delete = |writer: Writer<'_>| writer.delete::<Document>("default", "doc").map(drop);
    store.write(delete).unwrap();
    let expected = [
        "Created doc event 0 revision 0 by system",
        "ExpirySet doc event 1 revision 0 by system",
        "Updated doc event 2 revision 1 by system",
        "Removed doc event 2 revision 1 by system",
    ];
    assert_eq!(log.lines(), expected);

    create::<List>(&store, "log", None, Items::default()).unwrap();
    let added = NewItem {
        collection_ttl: ttl(500),
        ..item(None)
    };
    store
        .write(|writer| writer.add_list_item("default", "log", added).map(drop))
        .unwrap();
    update::<List>(&store, "log", &0, None, only_ttl(60)).unwrap();
    update::<List>(&store, "log", &0, None, new_data("{}")).unwrap();
    remove::<List>(&store, "log", &0).unwrap();
    let expected = [
        "Created log event - revision 0 by system",
        "Created log[0] event 0 revision 0 by system",
        "ExpirySet log event 0 revision 1 by system",
        "ExpirySet log[0] event 0 revision 0 by system",
        "Updated log[0] event 1 revision 1 by system",
        "Removed log[0] event 2 revision 1 by system",
    ];
    assert_eq!(log.lines(), expected);

    create::<Stream>(&store, "events", None, Stream).unwrap();
    let sid = Sid::random(Kind::Message);
    let message = data("{\"m\":1}");
    store
        .write(|writer| writer.publish("default", "events", sid, &message))
        .unwrap();
    store
        .write_as(&Actor::identity("bob"), |writer| {
            writer.endpoint("default", true, "e1")
        })
        .unwrap();
    let expected = [
        "Created events event - revision - by system",
        "Message events {\"m\":1} by system",
        "Endpoint e1 true by bob",
    ];
    assert_eq!(log.lines(), expected);

    // Neither failed writes nor reads are events.
    assert!(create::<Stream>(&store, "events", None, Stream).is_err());
    keys::<List>(&store, "log");
    assert_eq!(log.take().len(), 0);
}

#[test]
fn an_event_has_names_dates_and_data() {
    let (store, log) = logged();
    let start = store.0.clock.millis();
    let alice = Actor::identity("alice");
    let new = NewObject {
        unique_name: Some(unique_name("map").unwrap()),
        ttl: ttl(60),
        body: Items::default(),
    };
    store
        .write_as(&alice, |writer| {
            writer.create::<Map>("default", new).map(drop)
        })
        .unwrap();
    let key: Box<str> = "k".into();
    store
        .write(|writer| {
            writer
                .create_map_item("default", "map", &key, item(ttl(5)))
                .map(drop)
        })
        .unwrap();
    store.0.clock.advance(Duration::from_secs(1));
    update::<Map>(&store, "map", &key, None, new_data("{\"a\":1}")).unwrap();

    let events = log.take();
    let service = store.read(|reader| reader.service("default").map(Service::sid));
    assert!(
        events
            .iter()
            .all(|event| Ok(event.service.sid()) == service && !event.service.settings.acl_enabled)
    );
    let Subject::Item(Change::Updated, item) = &events.last().unwrap().subject else {
        panic!("{events:?}");
    };
    let history = &item.item.history;
    assert_eq!((history.created, history.updated), (start, start + 1_000));
    assert_eq!(history.expires, Some(Expiry::at(start + 5_000)));
    assert_eq!(history.created_by, Actor::System);
    assert_eq!(item.item.data.json().get(), "{\"a\":1}");
    let map = &item.collection;
    assert_eq!((map.kind(), map.parts.revision), (Kind::Map, Some(2)));
    let history = &map.history;
    assert_eq!((history.created, history.updated), (start, start + 1_000));
    assert_eq!(history.expires, Some(Expiry::at(start + 60_000)));
    assert_eq!(history.created_by, alice);
    assert_eq!(events[0].actor, alice);
    assert_eq!(events.last().unwrap().actor, Actor::System);
}

#[test]
fn expired_objects_and_items_are_removed_when_the_clock_is_moved() {
    let (store, log) = logged();
    create::<List>(&store, "log", ttl(60), Items::default()).unwrap();
    for seconds in [10, 20, 0] {
        add(&store, "log", ttl(seconds)).unwrap();
    }
    create::<Document>(&store, "doc", ttl(15), Document::new(data("{}"))).unwrap();
    log.take();

    advance(&store, 9);
    assert_eq!(log.take().len(), 0);
    advance(&store, 6);
    let expected = [
        "Removed log[0] event 3 revision 0 by system",
        "Removed doc event 0 revision 0 by system",
    ];
    assert_eq!(log.lines(), expected);
    // The items that are still in the List are removed with it, without events.
    let end = store.0.clock.now() + Duration::from_secs(60);
    store.0.clock.set(end);
    let expected = [
        "Removed log[1] event 4 revision 1 by system",
        "Removed log event 4 revision 5 by system",
    ];
    assert_eq!(log.lines(), expected);
    advance(&store, 60);
    keys_are_empty(&store);
    assert_eq!(log.take().len(), 0);
}

fn keys_are_empty(store: &Store) {
    let objects = store.read(|reader| {
        let page = reader.objects::<List>("default", &Walk::default(), 10);
        page.map(|(_, page)| page.entries.len())
    });
    assert_eq!(objects, Ok(0));
}

/// With the system's clock a task removes it, at the nearest deadline of all.
#[tokio::test]
async fn an_object_is_removed_when_it_expires() {
    let log = Arc::new(Log::default());
    let clock = Clock::system();
    let default_service = Sid::random(Kind::Service);
    let mut state = State::default();
    state.add_default_service(default_service, clock.millis());
    let store = Store::new(state, clock.clone(), default_service, vec![log.clone()]);
    let task = tokio::spawn(store.expire_when_due());
    tokio::time::sleep(Duration::from_millis(5)).await;
    create::<Document>(&store, "late", ttl(3_600), Document::new(data("{}"))).unwrap();
    create::<Document>(&store, "soon", ttl(1), Document::new(data("{}"))).unwrap();
    log.take();
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if !log.events.lock().unwrap().is_empty() {
            break;
        }
    }
    assert_eq!(log.lines(), ["Removed soon event 0 revision 0 by system"]);

    clock.advance(Duration::from_secs(3_600));
    assert_eq!(log.lines(), ["Removed late event 0 revision 0 by system"]);
    // The task does not keep the store alive.
    drop(store);
    tokio::time::timeout(Duration::from_secs(5), task)
        .await
        .unwrap()
        .unwrap();
}

#[test]
fn permissions_are_events() {
    let (store, log) = logged();
    create::<Map>(&store, "map", None, Items::default()).unwrap();
    let grant = |read| Grant {
        read,
        write: false,
        manage: false,
    };
    for read in [true, false] {
        let set = |w: Writer<'_>| {
            w.set_grant::<Map>("default", "map", "bob", grant(read))
                .map(drop)
        };
        store.write(set).unwrap();
    }
    let delete = |w: Writer<'_>| w.delete_grant::<Map>("default", "map", "bob").map(drop);
    store.write(delete).unwrap();
    assert!(store.write(delete).is_err());
    let new = NewObject {
        unique_name: Some(unique_name("log").unwrap()),
        ttl: None,
        body: Items::default(),
    };
    let alice = Actor::identity("alice");
    store
        .write_as(&alice, |w| w.create::<List>("default", new).map(drop))
        .unwrap();
    let expected = [
        "Created map event - revision 0 by system",
        "Created permission of bob to map: read true write false manage false by system",
        "Updated permission of bob to map: read false write false manage false by system",
        "Removed permission of bob to map: read false write false manage false by system",
        "Created log event - revision 0 by alice",
        "Created permission of alice to log: read true write true manage true by alice",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
fn services_are_events() {
    let (store, log) = logged();
    let change = || SettingsChange {
        acl_enabled: Some(true),
        ..SettingsChange::default()
    };
    let sid = store.write(|writer| writer.create_service(change()).map(Service::sid));
    let sid = sid.unwrap().to_string();
    store
        .write(|writer| writer.update_service("default", change()).map(drop))
        .unwrap();
    let events = log.events.lock().unwrap().clone();
    assert!(events[1].service.settings.acl_enabled);
    store
        .write(|writer| writer.delete_service(&sid).map(drop))
        .unwrap();
    assert!(
        store
            .write(|writer| writer.delete_service(&sid).map(drop))
            .is_err()
    );
    let expected = [
        "Created Service - by system",
        "Updated Service default by system",
        "Removed Service - by system",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
fn a_reset_and_a_seed_replace_everything() {
    let (store, log) = logged();
    create::<Document>(&store, "doc", None, Document::new(data("{}"))).unwrap();
    log.take();
    store.reset();
    let expected = [
        "Removed Service default by system, a replacement",
        "Created Service default by system, a replacement",
    ];
    assert_eq!(log.lines(), expected);
    let seed = serde_json::json!({"services": [{"friendly_name": "s", "lists": [{
        "unique_name": "log",
        "items": [{"data": {}}],
        "permissions": [{"identity": "bob", "read": true}],
    }]}]});
    store.seed(serde_json::from_value(seed).unwrap()).unwrap();
    let expected = [
        "Removed Service default by system, a replacement",
        "Created Service - by system, a replacement",
        "Created log event 0 revision 1 by system, a replacement",
        "Created log[0] event 0 revision 0 by system, a replacement",
        "Created permission of bob to log: read true write false manage false by system, \
         a replacement",
    ];
    assert_eq!(log.lines(), expected);
    // An invalid seed changes nothing.
    let seed = serde_json::json!({"services": [{}, {"streams": [{"data": {}}]}]});
    let seed = serde_json::from_value(seed).unwrap();
    assert!(store.seed(seed).is_err());
    assert_eq!(log.take().len(), 0);
}

#[test]
fn an_event_that_nobody_wants_is_not_built() {
    let idle = Arc::new(Log {
        is_idle: true,
        ..Log::default()
    });
    let store = store_with(vec![idle.clone()]);
    create::<List>(&store, "log", ttl(5), Items::default()).unwrap();
    add(&store, "log", None).unwrap();
    advance(&store, 5);
    assert_eq!(idle.take().len(), 0);
}
