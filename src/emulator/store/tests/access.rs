//! Rights of identities, and creators.

use super::*;

const FORBIDDEN: ServiceError = ServiceError::Forbidden;

fn set_acl(store: &Store, acl_enabled: bool) {
    let change = SettingsChange {
        acl_enabled: Some(acl_enabled),
        ..SettingsChange::default()
    };
    store
        .write(|writer| writer.update_service("default", change).map(drop))
        .unwrap();
}

fn create_as<T: Resource>(
    store: &Store,
    actor: &Actor,
    name: &str,
    body: T::Body,
) -> Result<(), ServiceError> {
    let new = NewObject {
        unique_name: Some(unique_name(name)?),
        ttl: None,
        body,
    };
    store.write_as(actor, |writer| writer.create::<T>("default", new).map(drop))
}

/// The results of reading, writing and removing the List `log`, which has an item 0.
fn rights(store: &Store, actor: &Actor) -> [Result<(), ServiceError>; 3] {
    let change = new_data("{}");
    [
        store.read_as(actor, |reader| {
            reader.item::<List>("default", "log", &0)?;
            reader.items::<List>("default", "log", &Walk::default(), 1)?;
            reader.object::<List>("default", "log").map(drop)
        }),
        store.write_as(actor, |writer| {
            writer
                .update_item::<List>("default", "log", &0, None, change)
                .map(drop)
        }),
        store.write_as(actor, |writer| {
            writer.delete::<List>("default", "log").map(drop)
        }),
    ]
}

fn list_with_item(store: &Store) {
    create::<List>(store, "log", None, Items::default()).unwrap();
    add(store, "log", None).unwrap();
}

#[test]
fn an_identity_needs_a_grant_where_the_acl_is_on() {
    let store = store();
    let bob = Actor::identity("bob");
    for (acl, grant, expected) in [
        (false, None, [Ok(()); 3]),
        (true, None, [Err(FORBIDDEN); 3]),
        (
            true,
            Some([true, false, false]),
            [Ok(()), Err(FORBIDDEN), Err(FORBIDDEN)],
        ),
        (
            true,
            Some([false, true, false]),
            [Err(FORBIDDEN), Ok(()), Err(FORBIDDEN)],
        ),
        (
            true,
            Some([false, false, true]),
            [Err(FORBIDDEN), Err(FORBIDDEN), Ok(())],
        ),
    ] {
        store.reset();
        list_with_item(&store);
        set_acl(&store, acl);
        if let Some([read, write, manage]) = grant {
            let grant = Grant {
                read,
                write,
                manage,
            };
            let set = store.write(|writer| {
                writer
                    .set_grant::<List>("default", "log", "bob", grant)
                    .map(drop)
            });
            set.unwrap();
        }
        assert_eq!(rights(&store, &bob), expected, "{acl} {grant:?}");
    }
    // The system needs none.
    store.reset();
    list_with_item(&store);
    set_acl(&store, true);
    assert_eq!(rights(&store, &Actor::System), [Ok(()); 3]);
    assert_eq!(
        (FORBIDDEN.status().as_u16(), FORBIDDEN.code()),
        (403, 54007)
    );
}

#[test]
fn each_write_of_an_identity_is_checked() {
    let store = store();
    set_acl(&store, true);
    let bob = Actor::identity("bob");
    create::<Document>(&store, "doc", None, Document::new(data("{}"))).unwrap();
    create::<Map>(&store, "map", None, Items::default()).unwrap();
    list_with_item(&store);
    let failures = [
        store.write_as(&bob, |w| {
            w.update_document("default", "doc", None, None, ttl(5))
                .map(drop)
        }),
        store.write_as(&bob, |w| {
            w.set_ttl::<Map>("default", "map", ttl(5).unwrap())
                .map(drop)
        }),
        store.write_as(&bob, |w| {
            w.add_list_item("default", "log", item(None)).map(drop)
        }),
        store.write_as(&bob, |w| {
            w.create_map_item("default", "map", "k", item(None))
                .map(drop)
        }),
        store.write_as(&bob, |w| {
            w.delete_item::<List>("default", "log", &0, None).map(drop)
        }),
        store.write_as(&bob, |w| w.delete_service("default").map(drop)),
        store.write_as(&bob, |w| {
            w.set_grant::<Map>("default", "map", "bob", Grant::ALL)
                .map(drop)
        }),
        store.read_as(&bob, |r| {
            r.objects::<Map>("default", &Walk::default(), 5).map(drop)
        }),
        store.read_as(&bob, |r| r.grant::<Map>("default", "map", "bob").map(drop)),
    ];
    assert_eq!(failures, [Err(FORBIDDEN); 9]);
    // A missing object is not found, with any rights.
    let missing = store.read_as(&bob, |r| r.object::<Map>("default", "x").map(drop));
    assert_eq!(missing, Err(ServiceError::NotFound));

    // Streams take no permissions.
    create::<Stream>(&store, "events", None, Stream).unwrap();
    let published = store.write_as(&bob, |writer| {
        let sid = Sid::random(Kind::Message);
        writer.publish("default", "events", sid, &data("{}"))
    });
    assert_eq!(published, Ok(()));
}

#[test]
fn the_creator_gets_all_rights() {
    let store = store();
    set_acl(&store, true);
    let (alice, bob) = (Actor::identity("alice"), Actor::identity("bob"));
    create_as::<List>(&store, &alice, "log", Items::default()).unwrap();
    store
        .write_as(&alice, |writer| {
            writer.add_list_item("default", "log", item(None)).map(drop)
        })
        .unwrap();
    let granted = store.read(|reader| {
        let view = reader.grant::<List>("default", "log", "alice")?;
        Ok::<_, ServiceError>(view.grant)
    });
    assert_eq!(granted, Ok(Grant::ALL));
    assert_eq!(rights(&store, &bob), [Err(FORBIDDEN); 3]);
    let creators = store.read(|reader| {
        let list = reader.object::<List>("default", "log").unwrap();
        let item = reader.item::<List>("default", "log", &0).unwrap();
        (
            list.object.history.created_by.clone(),
            item.item.history.created_by.clone(),
        )
    });
    assert_eq!(creators, (alice.clone(), alice.clone()));
    assert_eq!(rights(&store, &alice), [Ok(()); 3]);
    create_as::<Stream>(&store, &alice, "events", Stream).unwrap();
}

#[test]
fn dumps_and_seeds_have_creators() {
    let store = store();
    let alice = Actor::identity("alice");
    create_as::<Map>(&store, &alice, "map", Items::default()).unwrap();
    let add = |actor: &Actor, key: &str| {
        store
            .write_as(actor, |writer| {
                writer
                    .create_map_item("default", "map", key, item(None))
                    .map(drop)
            })
            .unwrap();
    };
    add(&alice, "a");
    add(&Actor::System, "s");
    let json = |store: &Store| serde_json::to_value(store.dump()).unwrap();
    let dump = json(&store);
    let map = &dump["services"][0]["maps"][0];
    assert_eq!(map["created_by"], "alice");
    assert_eq!(map["items"][0]["created_by"], "alice");
    assert_eq!(map["items"][1].get("created_by"), None);
    store.reset();
    store
        .seed(serde_json::from_value(dump.clone()).unwrap())
        .unwrap();
    assert_eq!(json(&store), dump);

    let seed = |created_by: &str| {
        let list = serde_json::json!({"unique_name": "l", "created_by": created_by});
        let seed = serde_json::json!({"services": [{"unique_name": "default", "lists": [list]}]});
        store.seed(serde_json::from_value(seed).unwrap())
    };
    seed("system").unwrap();
    let creator = store.read(|reader| {
        let list = reader.object::<List>("default", "l").unwrap();
        list.object.history.created_by.clone()
    });
    assert_eq!(creator, Actor::System);
    let flaw = seed("").unwrap_err().to_string();
    assert!(flaw.starts_with("services[0].lists[0]"), "{flaw}");
}
