//! A mirror that is built from events alone equals the store.

use std::sync::Mutex;

use super::steps::{run, step};
use super::*;

/// The contents of a store, as events have described them.
#[derive(Default)]
struct Mirror(Mutex<BTreeMap<u64, MirroredService>>);

struct MirroredService {
    state: Arc<ServiceState>,
    /// By kind and place.
    objects: BTreeMap<(Kind, u64), MirroredObject>,
}

struct MirroredObject {
    state: ObjectState,
    items: BTreeMap<ItemName, ItemState>,
    grants: BTreeMap<Box<str>, Grant>,
}

impl Subscriber for Mirror {
    fn wants(&self, _: &ServiceState, _: &Actor, _: Cause) -> bool {
        true
    }

    fn receive(&self, events: &[Arc<Event>]) {
        let mut services = self.0.lock().unwrap();
        for event in events {
            apply(&mut services, event);
        }
    }
}

/// Makes the change of an event, which must fit the contents.
fn apply(services: &mut BTreeMap<u64, MirroredService>, event: &Event) {
    let found = services
        .iter_mut()
        .find(|(_, known)| known.state.sid() == event.service.sid());
    let (seq, objects) = match (&event.subject, found) {
        (Subject::Service(Change::Created, seq), None) => {
            let service = MirroredService {
                state: Arc::clone(&event.service),
                objects: BTreeMap::new(),
            };
            services.insert(*seq, service);
            return;
        }
        (Subject::Service(Change::Updated, _), Some((_, service))) => {
            service.state = Arc::clone(&event.service);
            return;
        }
        (_, found) => {
            let (seq, service) = found.expect("the Service");
            (*seq, &mut service.objects)
        }
    };
    let at = |object: &ObjectState| {
        assert_eq!(object.place.service, seq);
        (object.kind(), object.place.object)
    };
    match &event.subject {
        Subject::Service(change, place) => {
            assert_eq!((*change, *place), (Change::Removed, seq));
            services.remove(&seq);
        }
        Subject::Object(Change::Removed, object) => {
            assert!(objects.remove(&at(object)).is_some());
        }
        Subject::Object(Change::Created, object) => {
            let mirrored = MirroredObject {
                state: object.clone(),
                items: BTreeMap::new(),
                grants: BTreeMap::new(),
            };
            assert!(objects.insert(at(object), mirrored).is_none());
        }
        Subject::Object(_, object) => {
            objects.get_mut(&at(object)).expect("the object").state = object.clone();
        }
        Subject::Item(change, item) => {
            let object = objects.get_mut(&at(&item.collection)).expect("the object");
            object.state = item.collection.clone();
            let known = match change {
                Change::Removed => object.items.remove(&item.name),
                _ => object.items.insert(item.name.clone(), item.clone()),
            };
            assert_eq!(known.is_none(), *change == Change::Created);
        }
        Subject::Permission(change, permission) => {
            let place = at(&permission.object);
            let grants = &mut objects.get_mut(&place).expect("the object").grants;
            let known = match change {
                Change::Removed => grants.remove(&permission.identity),
                _ => grants.insert(permission.identity.clone(), permission.grant),
            };
            assert_eq!(known.is_none(), *change == Change::Created);
        }
        Subject::Message { stream, .. } => {
            assert!(objects.contains_key(&at(stream)));
        }
        Subject::Endpoint { .. } => {}
    }
}

impl Mirror {
    /// Adds the Service that the store has before it has subscribers.
    fn add_default_service(&self, store: &Store) {
        let state = store.read(|reader| reader.service("default").unwrap().state.clone());
        let service = MirroredService {
            state,
            objects: BTreeMap::new(),
        };
        self.0.lock().unwrap().insert(0, service);
    }

    /// The contents in the form of a dump.
    fn dump(&self) -> Records {
        let services = self.0.lock().unwrap();
        let services = services.values().map(|service| {
            let of = |kind| {
                let objects = service
                    .objects
                    .iter()
                    .filter(move |((known, _), _)| *known == kind);
                objects.map(|(_, object)| object.record()).collect()
            };
            ServiceRecord {
                documents: of(Kind::Document),
                lists: of(Kind::List),
                maps: of(Kind::Map),
                streams: of(Kind::Stream),
                ..ServiceRecord::from(&*service.state)
            }
        });
        Records {
            services: services.collect(),
        }
    }
}

impl MirroredObject {
    fn record(&self) -> ObjectRecord {
        let item = |state: &ItemState| ItemRecord::from(&state.item).with_name(state.name.clone());
        let grants = self.grants.iter().map(|(identity, grant)| GrantRecord {
            identity: Some(identity.clone()),
            ..GrantRecord::from(*grant)
        });
        ObjectRecord {
            items: self.items.values().map(item).collect(),
            permissions: grants.collect(),
            ..ObjectRecord::from(self.state.clone())
        }
    }
}

proptest! {
    #[test]
    fn a_mirror_equals_the_store(steps in prop::collection::vec(step(), 0..60)) {
        let mirror = Arc::new(Mirror::default());
        let store = store_with(vec![mirror.clone()]);
        mirror.add_default_service(&store);
        let json = |records: &Records| serde_json::to_value(records).unwrap();
        for step in steps {
            run(&store, step);
            prop_assert_eq!(json(&store.dump()), json(&mirror.dump()), "after {:?}", step);
        }
    }
}
