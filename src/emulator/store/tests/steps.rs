//! Random writes of every kind, for properties of subscribers.

use super::*;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
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
    Settings(bool),
    DeleteDefault,
    Publish(u8),
    Wait(u64),
    Reset,
    Seed(u64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
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
        1 => any::<bool>().prop_map(Step::Settings),
        1 => Just(Step::DeleteDefault),
        1 => object().prop_map(Step::Publish),
        1 => (0_u64..10).prop_map(Step::Wait),
        1 => Just(Step::Reset),
        1 => prop_oneof![0_u64..4, Just(u64::MAX / 2)].prop_map(Step::Seed),
    ]
}

/// Does a step, to a Document, List, Map or Message Stream by the number of the object. Steps that
/// are impossible are errors, and change nothing.
pub(crate) fn run(store: &Store, step: Step) {
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
        Step::Service(stays) => {
            let change = SettingsChange {
                acl_enabled: Some(stays),
                ..SettingsChange::default()
            };
            let made = store.write(|writer| writer.create_service(change).map(Service::sid));
            let sid = made.unwrap().to_string();
            if !stays {
                store
                    .write(|writer| writer.delete_service(&sid).map(drop))
                    .unwrap();
            }
        }
        Step::Settings(acl_enabled) => {
            let change = SettingsChange {
                acl_enabled: Some(acl_enabled),
                webhook_url: Some(if acl_enabled { "" } else { "http://localhost/" }.into()),
                ..SettingsChange::default()
            };
            let _ = store.write(|writer| writer.update_service("default", change).map(drop));
        }
        Step::DeleteDefault => {
            let _ = store.write(|writer| writer.delete_service("default").map(drop));
        }
        Step::Publish(object) => {
            let (name, sid) = (name(object), Sid::random(Kind::Message));
            let _ = store.write(|writer| writer.publish("default", &name, sid, &data("{}")));
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

/// Does a step to an item or permission of an object.
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
            let name = name(object);
            let _ = store.write(|writer| match object % 4 {
                0 => writer.delete_grant::<Document>("default", &name, "bob"),
                1 => writer.delete_grant::<List>("default", &name, "bob"),
                _ => writer.delete_grant::<Map>("default", &name, "bob"),
            });
        }
        _ => {}
    }
}
