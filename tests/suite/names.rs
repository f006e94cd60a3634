//! Names: whatever text is given either reaches exactly the object it names, or is refused before a
//! request is made, and nothing else in the service changes.

use std::sync::OnceLock;

use futures_util::TryStreamExt;
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use twilio_sync::api::Operation;
use twilio_sync::api::types::{CreateDocumentRequest, UpdateDocumentPermissionRequest};
use twilio_sync::value::{Identity, ItemKey, ObjectReference, ServiceReference, UniqueName};
use twilio_sync::{Emulator, Error, SyncClient};

/// Any text a user might come up with, and those that URLs make something else of.
fn texts() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(vec![
        ".",
        "..",
        "...",
        "%2e",
        "%2E%2e",
        ".%2e",
        "%2f",
        "/",
        "\\",
        "?",
        "#",
        "%",
        "%00",
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        "&",
        "=",
        "+",
        ";",
        ":",
        "@",
        "Items",
        "Permissions",
        "Documents",
        "default",
        "é",
        "😀",
        "\u{202e}",
        "e\u{301}",
        "%25",
        "//",
        "/..",
        "../",
        "..\\",
        "\\..",
        "*",
        "|",
        "^",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "\"",
        "'",
        "`",
        "~",
        "-",
        "_",
    ]);
    prop_oneof![
        prop::collection::vec(tricky, 1..6).prop_map(|parts| parts.concat()),
        prop::collection::vec(any::<char>(), 0..24).prop_map(String::from_iter),
        prop::collection::vec(prop::char::range('\0', '\u{7f}'), 0..12).prop_map(String::from_iter),
        prop::collection::vec(any::<char>(), 300..=322).prop_map(String::from_iter),
    ]
}

/// A service full of objects with names that a mangled path would hit.
struct World {
    runtime: Runtime,
    emulator: Emulator,
    sync: SyncClient,
    before: Vec<String>,
}

const OTHERS: [&str; 8] = ["a", "b", "...", "Items", "Permissions", "%2e%2e", "e", "é"];

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (emulator, sync) = runtime.block_on(crate::start());
        let before = runtime.block_on(async {
            sync.maps().create("map").await.unwrap();
            for other in OTHERS {
                let documents = sync.documents::<Value>();
                documents.create(other, &json!({})).await.unwrap();
                sync.lists().create(other).await.unwrap();
                sync.list(other).add(&json!({})).await.unwrap();
                sync.maps().create(other).await.unwrap();
                sync.streams().create(other).await.unwrap();
                sync.map("map").set(other, &json!({})).await.unwrap();
            }
            state(&sync).await
        });
        emulator.clear_requests();
        Self {
            runtime,
            emulator,
            sync,
            before,
        }
    }

    /// Runs a trial, after which everything must be as it was.
    fn unharmed(&self, trial: impl Future<Output = ()>) {
        self.runtime.block_on(async {
            trial.await;
            let after = state(&self.sync).await;
            let changed = after
                .iter()
                .zip(&self.before)
                .find(|(after, before)| after != before);
            assert_eq!((after.len(), changed), (self.before.len(), None));
            self.emulator.clear_requests();
        });
    }

    /// Checks that a text was refused, and that nothing was sent.
    fn refused(&self, error: &Error) {
        assert!(matches!(error, Error::Input(_)), "{error:?}");
        assert_eq!(self.emulator.requests().len(), 0, "{error}");
    }
}

/// All there is, and at which revision.
async fn state(sync: &SyncClient) -> Vec<String> {
    let mut all = Vec::new();
    let services = sync.api().list_service(None, None, None).await.unwrap();
    let services = services.services.iter();
    all.extend(services.map(|service| format!("{service:?}")));
    macro_rules! add {
        ($listing:expr, |$record:ident| $shown:expr) => {
            let records: Vec<_> = $listing.try_collect().await.unwrap();
            all.extend(records.into_iter().map(|$record| $shown));
        };
    }
    add!(sync.documents::<Value>().all(), |document| format!(
        "{document:?}"
    ));
    add!(sync.lists().all(), |list| format!("{list:?}"));
    add!(sync.streams().all(), |stream| format!("{stream:?}"));
    // A Map in which items come and go changes; what it holds shows in them.
    add!(sync.maps().all(), |map| map.sid.to_string());
    add!(sync.map::<Value>("map").items(), |item| format!("{item:?}"));
    for other in OTHERS {
        add!(sync.list::<Value>(other).items(), |item| format!(
            "{item:?}"
        ));
    }
    all
}

/// The rule, said once more: what is refused, and nothing else.
fn is_refused(name: &str) -> bool {
    name.is_empty() || name == "." || name == ".." || name.chars().count() > 320
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

/// The trials share a world and look at all of it, so they take turns.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn documents(name in texts()) {
        prop_assume!(!OTHERS.contains(&name.as_str()));
        let (_turn, world) = (turn(), world());
        world.unharmed(async {
            let docs = world.sync.documents::<Value>();
            match docs.create(&name, &json!({"for": &name})).await {
                Ok(document) => {
                    assert!(!is_refused(&name), "{name:?} was accepted");
                    assert_eq!(document.unique_name.as_ref(), Some(&name));
                    let read = docs.get(&name).await.unwrap();
                    assert_eq!((read.sid, read.data), (document.sid.clone(), json!({"for": &name})));
                    assert_eq!(docs.search(&name).await.unwrap(), Some(document.sid));
                    docs.update(&name, &json!({})).if_match(&document.revision).await.unwrap();
                    docs.mutate(&name, |data| data["n"] = json!(1)).await.unwrap();
                    docs.remove(&name).await.unwrap();
                    assert!(docs.get(&name).await.unwrap_err().is_not_found());
                }
                Err(error) => {
                    assert!(is_refused(&name), "{name:?}: {error}");
                    world.refused(&error);
                    world.refused(&docs.get(&name).await.unwrap_err());
                    world.refused(&docs.remove(&name).await.unwrap_err());
                }
            }
        });
    }

    #[test]
    fn map_items(key in texts()) {
        prop_assume!(!OTHERS.contains(&key.as_str()));
        let (_turn, world) = (turn(), world());
        world.unharmed(async {
            let map = world.sync.map::<Value>("map");
            match map.set(&key, &json!({"for": &key})).await {
                Ok(written) => {
                    assert!(!is_refused(&key), "{key:?} was accepted");
                    assert!(written.is_created());
                    assert_eq!(written.object.key, key);
                    let read = map.get(&key).await.unwrap();
                    assert_eq!(read.data, json!({"for": &key}));
                    let from = map.items().from(&key).limit(1);
                    assert_eq!(from.try_collect::<Vec<_>>().await.unwrap(), [read]);
                    map.remove(&key).await.unwrap();
                    assert_eq!(map.find(&key).await.unwrap(), None);
                }
                Err(error) => {
                    assert!(is_refused(&key), "{key:?}: {error}");
                    world.refused(&error);
                    world.refused(&map.get(&key).await.unwrap_err());
                    world.refused(&map.find(&key).await.unwrap_err());
                    world.refused(&map.remove(&key).await.unwrap_err());
                }
            }
        });
    }

    /// Removal and reading by a name that nobody has.
    #[test]
    fn names_of_nothing(name in texts()) {
        prop_assume!(!OTHERS.contains(&name.as_str()));
        let (_turn, world) = (turn(), world());
        world.unharmed(async {
            let sync = &world.sync;
            for result in [
                sync.documents::<Value>().remove(&name).await,
                sync.maps().remove(&name).await,
                sync.lists().remove(&name).await,
                sync.streams().remove(&name).await,
                sync.map::<Value>("map").remove(&name).await.map(drop),
                sync.map::<Value>(&name).remove("a").await.map(drop),
                sync.list::<Value>(&name).remove(0).await.map(drop),
            ] {
                let error = result.unwrap_err();
                assert!(error.is_not_found() || matches!(error, Error::Input(_)), "{error}");
            }
        });
    }

    /// The generated layer by itself.
    #[test]
    fn the_generated_layer(name in texts()) {
        prop_assume!(!OTHERS.contains(&name.as_str()));
        let (_turn, world) = (turn(), world());
        world.unharmed(async {
            let (sync, api) = (&world.sync, world.sync.api());
            // Texts for a path that no type has checked.
            let service = sync.service().as_str();
            let path = ["v1", "Services", service, "Documents", &name];
            for call in [
                api.operation(Operation::DeleteDocument, [service, &name]),
                api.request(Method::DELETE, path),
            ] {
                let error = call.await.unwrap_err();
                if is_refused(&name) {
                    world.refused(&error);
                } else {
                    assert!(error.is_not_found(), "{name:?}: {error}");
                }
            }
            if let Ok(service) = ServiceReference::new(&name) {
                assert_eq!(service.as_str(), "default");
            }
            if let Ok(object) = ObjectReference::new(&name) {
                let service = sync.service();
                let error = api.delete_document(service, &object).await.unwrap_err();
                assert!(error.is_not_found(), "{error}");
                let error = api.delete_sync_map(service, &object).await.unwrap_err();
                assert!(error.is_not_found(), "{error}");
                if let Ok(name) = UniqueName::new(&name) {
                    let form = CreateDocumentRequest { unique_name: Some(name), ..Default::default() };
                    api.create_document(service, &form).await.unwrap();
                    api.delete_document(service, &object).await.unwrap();
                }
            }
            if let Ok(key) = ItemKey::new(&name) {
                let map = ObjectReference::new("map").unwrap();
                let delete = api.delete_sync_map_item(sync.service(), &map, &key, None);
                assert!(delete.await.unwrap_err().is_not_found());
            }
            if let Ok(identity) = Identity::new(&name) {
                let document = ObjectReference::new("a").unwrap();
                let service = sync.service();
                let form = UpdateDocumentPermissionRequest { read: true, write: true, manage: true };
                let set = api.update_document_permission(service, &document, &identity, &form);
                assert_eq!(set.await.unwrap().identity, name);
                let delete = api.delete_document_permission(service, &document, &identity);
                delete.await.unwrap();
                let list = api.list_document_permission(service, &document, None, None, None);
                assert_eq!(list.await.unwrap().permissions.len(), 0);
            }
        });
    }
}

#[test]
fn every_ascii_character_by_itself_and_inside() {
    let (_turn, world) = (turn(), world());
    world.unharmed(async {
        let map = world.sync.map::<Value>("map");
        for byte in 0..=127u8 {
            for key in [
                char::from(byte).to_string(),
                format!("x{}y", char::from(byte)),
            ] {
                if key == "." || OTHERS.contains(&key.as_str()) {
                    continue;
                }
                map.set(&key, &json!({"byte": byte})).await.unwrap();
                assert_eq!(map.get(&key).await.unwrap().key, key);
                map.remove(&key).await.unwrap();
            }
        }
    });
}
