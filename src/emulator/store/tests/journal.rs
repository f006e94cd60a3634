//! The records of the journal are the state.

use std::sync::Mutex;

use super::*;
use crate::emulator::store::model::Object;

/// Stores what a data file would.
#[derive(Default)]
struct Stored(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Subscriber for Stored {
    fn records_changed(&self, changes: &Arc<Vec<RecordChange>>) {
        let mut stored = self.0.lock().unwrap();
        for change in &**changes {
            match change {
                RecordChange::Clear => stored.clear(),
                RecordChange::Put(key, record) => {
                    stored.insert(key.as_bytes().to_vec(), record.clone());
                }
                RecordChange::Remove(key) => {
                    stored.remove(key.as_bytes());
                }
                RecordChange::RemoveAll(prefix) => {
                    stored.retain(|key, _| !key.starts_with(prefix.as_bytes()));
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create(u8, u32),
    CreateAsIdentity(u8),
    Delete(u8),
    Expire(u8, u32),
    Add(u8, u32),
    Update(u8, u64),
    Remove(u8, u64),
    Grant(u8, bool),
    Revoke(u8),
    Service(bool),
    Wait(u64),
    Reset,
    Seed(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let object = || 0_u8..6;
    prop_oneof![
        4 => (object(), 0_u32..40).prop_map(|(object, ttl)| Step::Create(object, ttl)),
        1 => object().prop_map(Step::CreateAsIdentity),
        1 => object().prop_map(Step::Delete),
        1 => (object(), 0_u32..40).prop_map(|(object, ttl)| Step::Expire(object, ttl)),
        6 => (object(), 0_u32..40).prop_map(|(object, ttl)| Step::Add(object, ttl)),
        2 => (object(), 0_u64..8).prop_map(|(object, item)| Step::Update(object, item)),
        2 => (object(), 0_u64..8).prop_map(|(object, item)| Step::Remove(object, item)),
        2 => (object(), any::<bool>()).prop_map(|(object, read)| Step::Grant(object, read)),
        1 => object().prop_map(Step::Revoke),
        1 => any::<bool>().prop_map(Step::Service),
        1 => (0_u64..10).prop_map(Step::Wait),
        1 => Just(Step::Reset),
        1 => prop_oneof![0_u64..4, Just(u64::MAX / 2)].prop_map(Step::Seed),
    ]
}

/// Does a step, to a document, list, map or stream by the object's number; some cannot be done.
fn run(store: &Store, step: Step) {
    let name = |object: u8| format!("o{object}");
    match step {
        Step::Create(object, seconds) => {
            let (name, ttl) = (name(object), ttl(seconds));
            let _ = match object % 4 {
                0 => create::<Document>(store, &name, ttl, Document::new(data("{\"n\":1.50}"))),
                1 => create::<List>(store, &name, ttl, Items::default()),
                2 => create::<Map>(store, &name, ttl, Items::default()),
                _ => create::<Stream>(store, &name, ttl, Stream),
            };
        }
        Step::CreateAsIdentity(object) => {
            let actor = Actor::identity("alice");
            let name = Some(name(object).into());
            let _ = store.write_as(&actor, |writer| match object % 4 {
                1 => writer
                    .create::<List>("default", new_object(name, Items::default()))
                    .map(drop),
                2 => writer
                    .create::<Map>("default", new_object(name, Items::default()))
                    .map(drop),
                _ => writer
                    .create::<Stream>("default", new_object(name, Stream))
                    .map(drop),
            });
        }
        Step::Delete(object) => {
            let name = name(object);
            let _ = store.write(|writer| match object % 4 {
                0 => writer.delete::<Document>("default", &name).map(drop),
                1 => writer.delete::<List>("default", &name).map(drop),
                2 => writer.delete::<Map>("default", &name).map(drop),
                _ => writer.delete::<Stream>("default", &name).map(drop),
            });
        }
        Step::Expire(object, seconds) => {
            let (name, ttl) = (name(object), ttl(seconds).unwrap());
            let _ = store.write(|writer| match object % 4 {
                0 => writer
                    .update_document(
                        "default",
                        &name,
                        None,
                        (seconds % 2 == 0).then(|| data("{}")),
                        Some(ttl),
                    )
                    .map(drop),
                1 => writer.set_ttl::<List>("default", &name, ttl).map(drop),
                2 => writer.set_ttl::<Map>("default", &name, ttl).map(drop),
                _ => writer.set_ttl::<Stream>("default", &name, ttl).map(drop),
            });
        }
        Step::Service(keep) => {
            let change = SettingsChange {
                acl_enabled: Some(keep),
                ..SettingsChange::default()
            };
            let made = store.write(|writer| writer.create_service(change).map(Service::sid));
            let sid = made.unwrap().to_string();
            if !keep {
                store
                    .write(|writer| writer.delete_service(&sid).map(drop))
                    .unwrap();
            }
        }
        Step::Wait(seconds) => {
            store.0.clock.advance(Duration::from_secs(seconds));
            store.write(|_| ());
        }
        Step::Reset => store.reset(),
        Step::Seed(number) => store.seed(seed(number)).unwrap(),
        within => run_within(store, within),
    }
}

fn new_object<B>(unique_name: Option<Box<str>>, body: B) -> NewObject<B> {
    NewObject {
        unique_name,
        ttl: None,
        body,
    }
}

/// A seed whose revisions and indexes have this number, the largest possible among them.
fn seed(number: u64) -> Records {
    let revision = format!("{number:x}");
    let seed = serde_json::json!({"services": [{
        "unique_name": "default",
        "documents": [{"unique_name": "o0", "revision": revision}],
        "lists": [{"unique_name": "o1", "items": [{"index": number, "data": {}}]}],
        "maps": [{"unique_name": "o2", "items": [{"key": "k1", "revision": revision, "data": {}}]}],
    }]});
    serde_json::from_value(seed).unwrap()
}

/// Does a step to what an object holds.
fn run_within(store: &Store, step: Step) {
    let name = |object: u8| format!("o{object}");
    match step {
        Step::Add(object, seconds) => {
            let new = NewItem {
                collection_ttl: ttl(seconds / 2),
                ..item(ttl(seconds))
            };
            let key = format!("k{}", seconds % 8);
            let _ = store.write(|writer| match object % 4 {
                1 => writer
                    .add_list_item("default", &name(object), new)
                    .map(drop),
                _ => writer
                    .create_map_item("default", &name(object), &key, new)
                    .map(drop),
            });
        }
        Step::Update(object, number) => {
            let change = ItemChange {
                ttl: ttl(5),
                ..new_data("{\"u\":1}")
            };
            let _ = match object % 4 {
                1 => update::<List>(store, &name(object), &number, None, change),
                _ => update::<Map>(
                    store,
                    &name(object),
                    &Box::from(format!("k{number}")),
                    None,
                    change,
                ),
            };
        }
        Step::Remove(object, number) => {
            let _ = match object % 4 {
                1 => remove::<List>(store, &name(object), &number),
                _ => remove::<Map>(store, &name(object), &Box::from(format!("k{number}"))),
            };
        }
        Step::Grant(object, read) => {
            let (name, grant) = (
                name(object),
                Grant {
                    read,
                    write: true,
                    manage: false,
                },
            );
            let _ = store.write(|writer| match object % 4 {
                0 => writer
                    .set_grant::<Document>("default", &name, "bob", grant)
                    .map(drop),
                1 => writer
                    .set_grant::<List>("default", &name, "bob", grant)
                    .map(drop),
                _ => writer
                    .set_grant::<Map>("default", &name, "bob", grant)
                    .map(drop),
            });
        }
        Step::Revoke(object) => {
            let _ = store.write(|writer| {
                writer
                    .delete_grant::<Document>("default", &name(object), "bob")
                    .map(drop)
            });
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn its_records_are_the_state(steps in prop::collection::vec(step(), 0..60)) {
        let clock = Clock::manual(START.parse().unwrap());
        let default_service = Sid::random(Kind::Service);
        let mut state = State::default();
        state.keep_journal();
        state.add_default_service(default_service, clock.millis());
        let stored = Arc::new(Stored::default());
        stored.records_changed(&Arc::new(state.take_journal()));
        let store = Store::new(state, clock.clone(), default_service, vec![stored.clone()]);
        for step in steps {
            run(&store, step);
        }

        let mut restored = State::default();
        for (key, record) in &*stored.0.lock().unwrap() {
            restored.restore(key, record, 0).unwrap();
        }
        let json = |state: &State| serde_json::to_string_pretty(&state.dump()).unwrap();
        let state = store.0.lock();
        prop_assert_eq!(json(&state), json(&restored));
        prop_assert_eq!(state.deadline_count(), restored.deadline_count());
        prop_assert_eq!(state.next_place(), restored.next_place());
        prop_assert_eq!(places::<Document>(&state), places::<Document>(&restored));
        prop_assert_eq!(places::<Map>(&state), places::<Map>(&restored));
    }
}

/// Where the objects of the default service are.
fn places<T: Resource>(state: &State) -> Vec<u64> {
    let service = state.service(state.find_service("default").unwrap());
    let objects: &BTreeMap<u64, Object<T>> = T::registry(service.unwrap()).records();
    objects.keys().copied().collect()
}
