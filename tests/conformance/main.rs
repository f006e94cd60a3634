//! What any Sync service does, whichever it is.
//!
//! It runs on the emulator, and on the real service too if credentials are in the environment (see
//! `SyncClient::from_env`); each test prints where it ran. Objects get names of the run's own; a test that
//! passes removes them.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use twilio_sync::call::Outcome;
use twilio_sync::listing::{Bounds, Order};
use twilio_sync::{Emulator, RateLimit, SyncClient, Ttl};

/// A service to test, with names that nobody else uses.
struct Service {
    sync: SyncClient,
    run: String,
    _emulator: Option<Emulator>,
}

impl Service {
    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.run)
    }
}

/// The services there are.
async fn services(test: &str) -> Vec<Service> {
    let run = format!("conformance-{:016x}", fastrand::u64(..));
    let emulator = Emulator::start().await.unwrap();
    println!("{test}: on the emulator");
    let mut services = vec![Service {
        sync: emulator.client().unwrap(),
        run: run.clone(),
        _emulator: Some(emulator),
    }];
    match SyncClient::builder().from_variables(|name| std::env::var(name).ok()) {
        Ok(builder) => {
            println!("{test}: on the service of the environment");
            // Below what it allows for one object.
            let sync = builder
                .rate_limit(RateLimit::per_second(10))
                .build()
                .unwrap();
            services.push(Service {
                sync,
                run,
                _emulator: None,
            });
        }
        Err(error) => println!("{test}: not on a service of the environment, {error}"),
    }
    services
}

/// Defines tests that run on each service.
macro_rules! conformance {
    ($(async fn $test:ident($service:ident: &Service) $body:block)*) => {$(
        #[tokio::test]
        async fn $test() {
            for service in services(stringify!($test)).await {
                let $service = &service;
                $body
            }
        }
    )*};
}

conformance! {
    async fn documents_have_a_life(service: &Service) {
        let (docs, name) = (service.sync.documents::<Value>(), service.name("desk/7 é"));
        assert_eq!(docs.search(&name).await.unwrap(), None);
        let created = docs.create(&name, &json!({"n": 0})).await.unwrap();
        assert_eq!(created.revision.as_str(), "0");
        let error = docs.create(&name, &json!({})).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (409, Some(54301)));
        let read = docs.get(&name).await.unwrap();
        assert_eq!((&read.sid, &read.data, read.date_expires), (&created.sid, &created.data, None));
        let updated = docs.update(&name, &json!({"n": 1})).await.unwrap();
        assert_eq!(updated.revision.as_str(), "1");
        docs.remove_by_id(&created.sid).await.unwrap();
        let error = docs.get(&name).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (404, Some(20404)));
        assert!(docs.update(&name, &json!({})).await.unwrap_err().is_not_found());
    }

    async fn revisions_guard_documents(service: &Service) {
        let (docs, name) = (service.sync.documents::<Value>(), service.name("desk"));
        let read = docs.create(&name, &json!({"n": 0})).await.unwrap();
        docs.update(&name, &json!({"n": 1})).if_match(&read.revision).await.unwrap();
        let stale = docs.update(&name, &json!({"n": 2})).if_match(&read.revision).await;
        let error = stale.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (412, Some(54103)));
        assert_eq!(docs.get(&name).await.unwrap().data, json!({"n": 1}));
        docs.remove(&name).await.unwrap();
    }

    async fn times_to_live_count_from_the_write(service: &Service) {
        let (docs, name) = (service.sync.documents::<Value>(), service.name("desk"));
        let created = docs.create(&name, &json!({})).ttl(Duration::from_secs(600)).await.unwrap();
        let left = created.date_expires.unwrap() - created.date_created;
        assert_eq!(left.num_seconds(), 600);
        // A write of data leaves the expiry.
        let updated = docs.update(&name, &json!({"n": 1})).await.unwrap();
        assert_eq!(updated.date_expires, created.date_expires);
        assert_eq!(docs.set_ttl(&name, Ttl::NEVER).await.unwrap().date_expires, None);
        docs.remove(&name).await.unwrap();
    }

    async fn indexes_are_never_given_out_twice(service: &Service) {
        let name = service.name("log");
        service.sync.lists().create(&name).await.unwrap();
        let log = service.sync.list::<Value>(&name);
        for n in 0..3 {
            assert_eq!(log.add(&json!({"n": n})).await.unwrap().index, n);
        }
        log.remove(1).await.unwrap();
        let index = log.add(&json!({"n": 3})).await.unwrap().index;
        assert!(index > 2, "{index}");
        let indexes: Vec<_> = log.items().map_ok(|item| item.index).try_collect().await.unwrap();
        assert_eq!(indexes, [0, 2, index]);
        let from: Vec<_> = log.items().order(Order::Desc).from(2).map_ok(|item| item.index).try_collect().await.unwrap();
        assert_eq!(from, [2, 0]);
        let after: Vec<_> = log.items().from(0).bounds(Bounds::Exclusive).map_ok(|item| item.index).try_collect().await.unwrap();
        assert_eq!(after, [2, index]);
        service.sync.lists().remove(&name).await.unwrap();
        assert!(log.add(&json!({})).await.unwrap_err().is_not_found());
    }

    async fn map_items_are_listed_by_key(service: &Service) {
        let name = service.name("map");
        service.sync.maps().create(&name).await.unwrap();
        let map = service.sync.map::<Value>(&name);
        for key in ["simple-key", "key.with.dots", "émoji-café-naïve", "key/with/slashes"] {
            assert_eq!(map.set(key, &json!({"key": key})).await.unwrap().outcome, Outcome::Created);
        }
        let keys: Vec<_> = map.items().page_size(2).map_ok(|item| item.key).try_collect().await.unwrap();
        assert_eq!(keys, ["key.with.dots", "key/with/slashes", "simple-key", "émoji-café-naïve"]);
        assert_eq!(map.items_with_prefix("key").count().await, 2);
        let error = map.create("simple-key", &json!({})).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (409, Some(54208)));
        let item = map.get("émoji-café-naïve").await.unwrap();
        map.update("émoji-café-naïve", &json!({})).if_match(&item.revision).await.unwrap();
        let stale = map.remove("émoji-café-naïve").if_match(&item.revision).await;
        assert!(stale.unwrap_err().is_revision_conflict());
        map.remove("simple-key").await.unwrap();
        assert_eq!(map.find("simple-key").await.unwrap(), None);
        service.sync.maps().remove(&name).await.unwrap();
    }

    async fn changes_by_many_are_all_kept(service: &Service) {
        let (sync, name) = (&service.sync, service.name("counter"));
        sync.documents::<Value>().create(&name, &json!({"n": 0})).await.unwrap();
        let increments = (0..5).map(|_| {
            sync.documents::<Value>().mutate(&name, |data| data["n"] = json!(data["n"].as_u64().unwrap() + 1)).into_future()
        });
        for written in futures_util::future::join_all(increments).await {
            written.unwrap();
        }
        let docs = sync.documents::<Value>();
        assert_eq!(docs.get(&name).await.unwrap().data, json!({"n": 5}));
        let merged = docs.merge(&name, &json!({"n": null, "m": 1})).await.unwrap();
        assert_eq!(merged.object.data, json!({"m": 1}));
        let same = docs.update_or_create(&name, &json!({"m": 1})).unless_equal().await;
        assert_eq!(same.unwrap().outcome, Outcome::Unchanged);
        docs.remove(&name).await.unwrap();
    }

    async fn names_are_unique_by_kind(service: &Service) {
        let (sync, name) = (&service.sync, service.name("same"));
        sync.documents::<Value>().create(&name, &json!({})).await.unwrap();
        sync.lists().create(&name).await.unwrap();
        sync.maps().create(&name).await.unwrap();
        sync.streams().create(&name).await.unwrap();
        assert_eq!(sync.lists().create(&name).await.unwrap_err().code(), Some(54301));
        let sid = sync.stream::<Value>(&name).publish(&json!({"open": true})).await.unwrap();
        assert!(sid.as_str().starts_with("TZ"), "{sid}");
        sync.documents::<Value>().remove(&name).await.unwrap();
        sync.lists().remove(&name).await.unwrap();
        sync.maps().remove(&name).await.unwrap();
        sync.streams().remove(&name).await.unwrap();
        assert!(sync.stream::<Value>(&name).publish(&json!({})).await.unwrap_err().is_not_found());
    }

    async fn refusals_are_typed(service: &Service) {
        let (sync, name) = (&service.sync, service.name("desk"));
        let form = twilio_sync::api::types::CreateDocumentRequest {
            data: Some("{no json".to_owned()),
            ..Default::default()
        };
        let error = sync.api().create_document(sync.service(), &form).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (400, Some(54008)));
        let form = twilio_sync::api::types::CreateDocumentRequest {
            data: Some(json!({"x": "y".repeat(17_000)}).to_string()),
            ..Default::default()
        };
        let error = sync.api().create_document(sync.service(), &form).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (413, Some(54006)));
        assert_eq!(sync.documents::<Value>().search(&name).await.unwrap(), None);
    }
}
