//! The rules, seen from outside the store.

mod access;
mod events;
mod mirror;
pub(crate) mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const START: &str = "2026-01-01T00:00:00Z";

fn store() -> Store {
    store_with(Vec::new())
}

impl Store {
    /// Inspects the state.
    pub(crate) fn inspect<R>(&self, inspect: impl FnOnce(&State) -> R) -> R {
        inspect(&self.0.lock())
    }
}

pub(crate) fn store_with(subscribers: Subscribers) -> Store {
    let clock = Clock::manual(START.parse().unwrap());
    let default_service = Sid::random(Kind::Service);
    let mut state = State::default();
    state.add_default_service(default_service, clock.millis());
    Store::new(state, clock, default_service, subscribers)
}

fn advance(store: &Store, seconds: u64) {
    store.0.clock.advance(Duration::from_secs(seconds));
}

fn data(text: &str) -> Data {
    Data::parse(text, ServiceError::InvalidBody).unwrap()
}

fn ttl(seconds: u32) -> Option<Ttl> {
    Ttl::parse(&seconds.to_string()).unwrap()
}

fn item(ttl: Option<Ttl>) -> NewItem {
    NewItem {
        data: data("{}"),
        ttl,
        collection_ttl: None,
    }
}

fn new_data(text: &str) -> ItemChange {
    ItemChange {
        data: Some(data(text)),
        ttl: None,
        collection_ttl: None,
    }
}

fn create<T: Resource>(
    store: &Store,
    name: &str,
    ttl: Option<Ttl>,
    body: T::Body,
) -> Result<String, ServiceError> {
    let new = NewObject {
        unique_name: Some(unique_name(name)?),
        ttl,
        body,
    };
    store.write(|writer| {
        writer
            .create::<T>("default", new)
            .map(|view| view.sid.to_string())
    })
}

fn add(store: &Store, list: &str, ttl: Option<Ttl>) -> Result<u64, ServiceError> {
    store.write(|writer| {
        let view = writer.add_list_item("default", list, item(ttl))?;
        assert_eq!(*view.key, view.item.revision);
        Ok(*view.key)
    })
}

fn update<C: ItemRules>(
    store: &Store,
    collection: &str,
    key: &C::Key,
    if_match: Option<IfMatch>,
    change: ItemChange,
) -> Result<u64, ServiceError> {
    store.write(|writer| {
        let view = writer.update_item::<C>("default", collection, key, if_match, change)?;
        Ok(view.item.revision)
    })
}

fn remove<C: ItemRules>(store: &Store, collection: &str, key: &C::Key) -> Result<(), ServiceError> {
    store
        .write(|writer| writer.delete_item::<C>("default", collection, key, None))
        .map(drop)
}

fn events<C: ItemRules>(store: &Store, collection: &str) -> Result<u64, ServiceError> {
    store.read(|reader| {
        let view = reader.object::<C>("default", collection)?;
        Ok(view.object.body.events)
    })
}

fn keys<C: ItemRules>(store: &Store, collection: &str) -> Vec<C::Key> {
    store.read(|reader| {
        let page = reader.items::<C>("default", collection, &Walk::default(), 1_000);
        let entries = page.unwrap().page.entries;
        entries.into_iter().map(|view| view.key.clone()).collect()
    })
}

#[test]
fn indexes_and_revisions_are_events_of_the_list() {
    let store = store();
    create::<List>(&store, "log", None, Items::default()).unwrap();
    for index in 0..3 {
        assert_eq!(add(&store, "log", None), Ok(index));
    }
    remove::<List>(&store, "log", &1).unwrap();
    assert_eq!(add(&store, "log", None), Ok(4));
    assert_eq!(
        update::<List>(&store, "log", &0, None, new_data("{\"a\":1}")),
        Ok(5)
    );
    assert_eq!(add(&store, "log", None), Ok(6));
    assert_eq!(keys::<List>(&store, "log"), [0, 2, 4, 6]);
    assert_eq!(events::<List>(&store, "log"), Ok(7));
}

#[test]
fn a_ttl_alone_is_no_event() {
    let store = store();
    create::<List>(&store, "log", None, Items::default()).unwrap();
    add(&store, "log", None).unwrap();
    let change = ItemChange {
        data: None,
        ttl: ttl(60),
        collection_ttl: None,
    };
    assert_eq!(update::<List>(&store, "log", &0, None, change), Ok(0));
    assert_eq!(events::<List>(&store, "log"), Ok(1));
}

#[test]
fn if_match_guards_each_write_that_takes_it() {
    let store = store();
    let at = |revision| Some(IfMatch::Revision(revision));
    create::<Document>(&store, "doc", None, Document::new(data("{}"))).unwrap();
    let write = |if_match| {
        store.write(|writer| {
            let data = Some(data("{\"a\":1}"));
            let view = writer.update_document("default", "doc", if_match, data, None)?;
            Ok(view.object.body.revision)
        })
    };
    assert_eq!(write(at(0)), Ok(1));
    assert_eq!(write(at(0)), Err(ServiceError::DocumentRevisionMismatch));
    assert_eq!(write(Some(IfMatch::Any)), Ok(2));
    assert_eq!(write(None), Ok(3));

    create::<List>(&store, "log", None, Items::default()).unwrap();
    add(&store, "log", None).unwrap();
    let stale = update::<List>(&store, "log", &0, at(9), new_data("{}"));
    assert_eq!(stale, Err(ServiceError::ListItemRevisionMismatch));
    create::<Map>(&store, "map", None, Items::default()).unwrap();
    let key: Box<str> = "k".into();
    store
        .write(|w| {
            w.create_map_item("default", "map", &key, item(None))
                .map(drop)
        })
        .unwrap();
    let stale = store.write(|w| {
        w.delete_item::<Map>("default", "map", &key, at(9))
            .map(drop)
    });
    assert_eq!(stale, Err(ServiceError::MapItemRevisionMismatch));
    let missing = update::<Map>(&store, "map", &Box::<str>::from("x"), at(9), new_data("{}"));
    assert_eq!(missing, Err(ServiceError::NotFound));
}

#[test]
fn names_are_unique_per_service_and_type() {
    let store = store();
    let first = create::<Stream>(&store, "name", None, Stream).unwrap();
    assert_eq!(
        create::<Stream>(&store, "name", None, Stream),
        Err(ServiceError::UniqueNameTaken)
    );
    create::<List>(&store, "name", None, Items::default()).unwrap();
    store
        .write(|writer| writer.delete::<Stream>("default", &first).map(drop))
        .unwrap();
    assert_ne!(
        create::<Stream>(&store, "name", None, Stream).unwrap(),
        first
    );

    let missing = store.read(|reader| reader.object::<Stream>("default", &first).map(drop));
    assert_eq!(missing, Err(ServiceError::NotFound));
}

#[test]
fn expired_objects_and_items_are_removed_at_once_and_names_are_free() {
    let store = store();
    create::<List>(&store, "log", ttl(60), Items::default()).unwrap();
    add(&store, "log", ttl(10)).unwrap();
    add(&store, "log", None).unwrap();
    store.0.clock.advance(Duration::from_millis(9_999));
    assert_eq!(keys::<List>(&store, "log"), [0, 1]);
    store.0.clock.advance(Duration::from_millis(1));
    assert_eq!(keys::<List>(&store, "log"), [1]);
    assert_eq!(events::<List>(&store, "log"), Ok(3));
    assert_eq!(
        create::<List>(&store, "log", None, Items::default()),
        Err(ServiceError::UniqueNameTaken)
    );

    // A write of data leaves the expiry; CollectionTtl moves that of the list.
    let change = ItemChange {
        collection_ttl: ttl(100),
        ..new_data("{}")
    };
    update::<List>(&store, "log", &1, None, change).unwrap();
    store.0.clock.advance(Duration::from_secs(99));
    assert_eq!(add(&store, "log", ttl(500)), Ok(4));
    store.0.clock.advance(Duration::from_secs(1));
    assert_eq!(events::<List>(&store, "log"), Err(ServiceError::NotFound));
    create::<List>(&store, "log", None, Items::default()).unwrap();
    assert_eq!(add(&store, "log", None), Ok(0));
}

#[test]
fn a_deadline_is_removed_with_its_object_or_item() {
    let store = store();
    for name in ["a", "b"] {
        create::<List>(&store, name, ttl(60), Items::default()).unwrap();
        add(&store, name, ttl(10)).unwrap();
    }
    create::<Map>(&store, "m", ttl(60), Items::default()).unwrap();
    let deadlines = |store: &Store| store.write(|writer| writer.state.deadline_count());
    assert_eq!(deadlines(&store), 5);
    update::<List>(
        &store,
        "a",
        &0,
        None,
        ItemChange {
            data: None,
            ttl: ttl(0),
            collection_ttl: None,
        },
    )
    .unwrap();
    assert_eq!(deadlines(&store), 4);
    store
        .write(|writer| writer.delete::<List>("default", "b").map(drop))
        .unwrap();
    assert_eq!(deadlines(&store), 2);
    store
        .write(|writer| writer.delete_service("default").map(drop))
        .unwrap();
    assert_eq!(deadlines(&store), 0);
    let missing = store.read(|reader| reader.service("default").map(drop));
    assert_eq!(missing, Err(ServiceError::NotFound));
    store.reset();
    assert!(store.read(|reader| reader.service("default").is_ok()));
}

#[test]
fn permissions_are_replaced_and_go_with_their_object() {
    let store = store();
    create::<Map>(&store, "map", None, Items::default()).unwrap();
    let grant = |read| Grant {
        read,
        write: false,
        manage: false,
    };
    for read in [true, false] {
        let set = store.write(|writer| {
            let view = writer.set_grant::<Map>("default", "map", "bob", grant(read))?;
            Ok::<_, ServiceError>(view.grant)
        });
        assert_eq!(set, Ok(grant(read)));
    }
    let delete = || store.write(|w| w.delete_grant::<Map>("default", "map", "bob").map(drop));
    assert_eq!(delete(), Ok(()));
    assert_eq!(delete(), Err(ServiceError::NotFound));
}

#[derive(Clone, Debug)]
enum Step {
    Add { ttl: u32 },
    Update(u64),
    Remove(u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u32..30).prop_map(|ttl| Step::Add { ttl }),
        1 => (0_u64..20).prop_map(Step::Update),
        1 => (0_u64..20).prop_map(Step::Remove),
        1 => (0_u64..10).prop_map(Step::Wait),
    ]
}

proptest! {
    /// A list does what a plain model of it does.
    #[test]
    fn a_list_follows_its_model(steps in prop::collection::vec(step(), 0..60)) {
        let store = store();
        create::<List>(&store, "log", None, Items::default()).unwrap();
        // Index to revision and expiry; the events so far; the seconds passed.
        let mut model = BTreeMap::<u64, (u64, Option<u64>)>::new();
        let (mut events_so_far, mut now) = (0, 0);
        for step in steps {
            match step {
                Step::Add { ttl: seconds } => {
                    let expires = (seconds > 0).then(|| now + u64::from(seconds));
                    prop_assert_eq!(add(&store, "log", ttl(seconds)), Ok(events_so_far));
                    model.insert(events_so_far, (events_so_far, expires));
                    events_so_far += 1;
                }
                Step::Update(index) => {
                    let updated = update::<List>(&store, "log", &index, None, new_data("{}"));
                    if let Some((revision, _)) = model.get_mut(&index) {
                        prop_assert_eq!(updated, Ok(events_so_far));
                        *revision = events_so_far;
                        events_so_far += 1;
                    } else {
                        prop_assert_eq!(updated, Err(ServiceError::NotFound));
                    }
                }
                Step::Remove(index) => {
                    let removed = remove::<List>(&store, "log", &index);
                    prop_assert_eq!(removed.is_ok(), model.remove(&index).is_some());
                    events_so_far += u64::from(removed.is_ok());
                }
                Step::Wait(seconds) => {
                    now += seconds;
                    store.0.clock.advance(Duration::from_secs(seconds));
                    let before = model.len();
                    model.retain(|_, (_, expires)| expires.is_none_or(|at| at > now));
                    events_so_far += (before - model.len()) as u64;
                }
            }
            prop_assert_eq!(keys::<List>(&store, "log"), model.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(events::<List>(&store, "log"), Ok(events_so_far));
        }
    }
}

#[test]
#[ignore = "a measurement: run it with --release and --nocapture"]
fn cost_of_adding_an_item() {
    const ITEMS: u32 = 200_000;
    for round in 0..5 {
        let store = store();
        create::<List>(&store, "log", None, Items::default()).unwrap();
        let started = std::time::Instant::now();
        for _ in 0..ITEMS {
            add(&store, "log", None).unwrap();
        }
        println!(
            "round {round}: an item takes {:?}",
            started.elapsed() / ITEMS
        );
    }
}
