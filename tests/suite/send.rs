//! Every future and stream can go to another thread, whatever is in the data.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use twilio_sync::{Policy, SyncClient};

/// Data that is `Send`, and not `Sync`.
#[derive(Default, Serialize, Deserialize)]
struct Counter {
    n: Cell<u32>,
}

fn is_send<T: Send>(_: T) {}

#[expect(dead_code, reason = "that it compiles is the test")]
fn futures(sync: &SyncClient) {
    let data = Counter::default();
    let docs = sync.documents::<Counter>();
    is_send(docs.create("x", &data).into_future());
    is_send(docs.get("x"));
    is_send(docs.search("x"));
    is_send(docs.update("x", &data).into_future());
    is_send(
        docs.update_or_create("x", &data)
            .policy(Policy::Merge)
            .into_future(),
    );
    is_send(docs.mutate("x", |counter| counter.n.set(1)).into_future());
    is_send(docs.mutate("x", |_| ()).or_default().into_future());
    is_send(docs.remove("x"));
    is_send(docs.all());
    let list = sync.list::<Counter>("x");
    is_send(list.add(&data).into_future());
    is_send(list.items());
    is_send(list.remove_items("x"));
    is_send(list.add_many([Counter::default()]));
    is_send(list.remove_all().into_future());
    let map = sync.map::<Counter>("x");
    is_send(map.set("x", &data).into_future());
    is_send(map.get("x"));
    is_send(map.set_many([("x", Counter::default())]).into_future());
    is_send(sync.stream::<Counter>("x").publish(&data));
    is_send(sync.call(sync.api().list_service(None, None, None)));
}

/// A function over any kind of list, which is what the traits are public for.
#[expect(dead_code, reason = "that it compiles is the test")]
async fn count<R: twilio_sync::Listed>(listing: twilio_sync::Listing<R>) -> usize {
    use futures_util::StreamExt;
    listing.count().await
}
