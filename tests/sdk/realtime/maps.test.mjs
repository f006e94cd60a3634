import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, all, fails, live, next, opened, record, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const EVENTS = ["itemAdded", "itemUpdated", "itemRemoved", "removed"];

for (const version of VERSIONS) {
  describe(`maps, ${version}`, () => {
    let emulator, clients, alice, bob;
    let count = 0;
    const name = () => `map-${(count += 1)}`;
    const both = async () => {
      const id = name();
      return [...(await opened([alice, bob], (client) => client.map(id))), id];
    };

    before(async () => {
      emulator = await Emulator.start();
      clients = new Clients(emulator, version);
      [alice, bob] = await Promise.all([clients.connect("alice"), clients.connect("bob")]);
    });
    after(async () => {
      await clients.close();
      await emulator.stop();
    });

    test("a new Map is empty", async () => {
      const map = await alice.map(name());
      const page = await map.getItems();
      assert.deepEqual([page.items, page.hasNextPage, page.hasPrevPage], [[], false, false]);
      assert.match(map.sid, /^MP[0-9a-f]{32}$/);
    });

    test("set of a new key is added, for both clients", async () => {
      const [one, other] = await both();
      const [mine, yours] = [record(one, ...EVENTS), record(other, ...EVENTS)];
      const item = await one.set("k", { n: 1 });
      assert.deepEqual([item.key, item.data], ["k", { n: 1 }]);
      await until(() => yours.length > 0, "itemAdded");
      assert.deepEqual(mine, [["itemAdded", { item: { n: 1 }, isLocal: true }]]);
      assert.deepEqual(yours, [["itemAdded", { item: { n: 1 }, isLocal: false }]]);
    });

    test("what is written before the SDK has subscribed comes as it was written", async () => {
      const id = name();
      const map = await bob.map(id);
      const seen = record(map, ...EVENTS);
      const path = `/Maps/${id}/Items`;
      await emulator.rest("POST", path, { Key: "k", Data: { n: 1 } });
      await emulator.rest("POST", `${path}/k`, { Data: { n: 2 } });
      await emulator.rest("DELETE", `${path}/k`);
      await until(() => seen.length >= 3, "three events");
      assert.deepEqual(
        seen.map(([event, args]) => [event, args.item ?? args.previousItemData]),
        [
          ["itemAdded", { n: 1 }],
          ["itemUpdated", { n: 2 }],
          ["itemRemoved", { n: 2 }],
        ],
      );
    });

    test("set of a known key is updated, with the data before", async () => {
      const [one, other] = await both();
      await one.set("k", { n: 1 });
      await until(async () => (await other.get("k").catch(() => null)) !== null, "the item");
      const [mine, yours] = [record(one, ...EVENTS), record(other, ...EVENTS)];
      await one.set("k", { n: 2 });
      await until(() => yours.length > 0, "itemUpdated");
      const args = { item: { n: 2 }, previousItemData: { n: 1 } };
      assert.deepEqual(mine, [["itemUpdated", { ...args, isLocal: true }]]);
      assert.deepEqual(yours, [["itemUpdated", { ...args, isLocal: false }]]);
    });

    test("remove has an event with the data before", async () => {
      const [one, other] = await both();
      await one.set("k", { n: 1 });
      await until(async () => (await other.get("k").catch(() => null)) !== null, "the item");
      const event = next(other, "itemRemoved");
      await one.remove("k");
      assert.deepEqual(await event, {
        key: "k",
        isLocal: false,
        previousItemData: { n: 1 },
      });
    });

    test("get of a missing key fails with 54201", async () => {
      const map = await alice.map(name());
      await fails(map.get("nothing"), 404, 54201);
    });

    test("get of a removed key fails with 54201", async () => {
      const [one, other] = await both();
      await one.set("k", { n: 1 });
      await other.get("k");
      const event = next(other, "itemRemoved");
      await one.remove("k");
      await event;
      await assert.rejects(async () => {
        const item = await other.get("k");
        if (item === null || item === undefined) throw new Error("removed");
      });
    });

    test("a key that was removed can be added again", async () => {
      const [one, other] = await both();
      const seen = record(other, ...EVENTS);
      await one.set("k", { n: 1 });
      await one.remove("k");
      await one.set("k", { n: 2 });
      await until(() => seen.length === 3, "three events");
      assert.deepEqual(seen.map(([event]) => event), ["itemAdded", "itemRemoved", "itemAdded"]);
      assert.deepEqual((await other.get("k")).data, { n: 2 });
    });

    test("update merges members", async () => {
      const map = await alice.map(name());
      await map.set("k", { a: 1 });
      assert.deepEqual((await map.update("k", { b: 2 })).data, { a: 1, b: 2 });
    });

    test("mutate of a missing key creates it", async () => {
      const [one, other] = await both();
      const event = next(other, "itemAdded");
      const item = await one.mutate("k", (data) => ({ ...data, n: 1 }));
      assert.deepEqual(item.data, { n: 1 });
      assert.deepEqual((await event).item.data, { n: 1 });
    });

    test("two clients that mutate a missing key lose no write", async () => {
      const [one, other] = await both();
      const add = (map, who) => map.mutate("k", (data) => ({ ...data, [who]: true }));
      await Promise.all([add(one, "alice"), add(other, "bob")]);
      await until(async () => {
        const data = await Promise.all([one, other].map(async (map) => (await map.get("k")).data));
        return data.every((data) => data.alice && data.bob);
      }, "both members on both sides");
    });

    test("forty concurrent mutates of two clients all count", async () => {
      const [one, other] = await both();
      await one.set("k", { n: 0 });
      const add = (map) => map.mutate("k", (data) => ({ n: data.n + 1 }));
      await Promise.all(Array.from({ length: 40 }, (_, at) => add(at % 2 ? one : other)));
      await until(async () => (await one.get("k")).data.n === 40, "40");
    });

    test("keys of any characters come back", async () => {
      const [one, other] = await both();
      for (const key of ["a b", "a/b", "ž", "🙂", "%41", "?#&=+", "..", "a".repeat(320)]) {
        const event = next(other, "itemAdded", ({ item }) => item.key === key);
        await one.set(key, { key });
        await event;
        await one.update(key, { more: 1 });
        const fresh = await clients.connect("carol");
        assert.deepEqual((await (await fresh.map(one.sid)).get(key)).data, { key, more: 1 });
        await fresh.shutdown();
        await one.remove(key);
      }
    });

    test("an invalid key fails with 54209", async () => {
      const map = await alice.map(name());
      await fails(map.set("a".repeat(321), {}), 400, 54209);
    });

    test("REST adds, changes and removes items, with events", async () => {
      const [one, , id] = await both();
      const seen = record(one, ...EVENTS);
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "k", Data: { n: 1 } });
      await emulator.rest("POST", `/Maps/${id}/Items/k`, { Data: { n: 2 } });
      await emulator.rest("DELETE", `/Maps/${id}/Items/k`);
      await until(() => seen.length === 3, "three events");
      assert.deepEqual(seen, [
        ["itemAdded", { item: { n: 1 }, isLocal: false }],
        ["itemUpdated", { item: { n: 2 }, isLocal: false, previousItemData: { n: 1 } }],
        ["itemRemoved", { key: "k", isLocal: false, previousItemData: { n: 2 } }],
      ]);
      assert.deepEqual((await one.getItems()).items, []);
    });

    describe("pages", () => {
      let sid;
      const keys = Array.from({ length: 120 }, (_, at) => `key-${String(at).padStart(3, "0")}`);
      const fresh = async () => (await clients.connect("reader")).map(sid);

      before(async () => {
        const map = await alice.map(name());
        sid = map.sid;
        for (const key of keys) await map.set(key, { key });
      });

      for (const pageSize of [7, 50, 100, 120]) {
        test(`all items in pages of ${pageSize}`, async () => {
          const pages = await all(await fresh(), { pageSize });
          assert.deepEqual(pages.flat().map((item) => item.key), keys);
        });
      }

      test("all items backwards", async () => {
        const pages = await all(await fresh(), { pageSize: 50, order: "desc" });
        assert.deepEqual(pages.flat().map((item) => item.key), keys.toReversed());
      });

      test("pages from a key", async () => {
        const pages = await all(await fresh(), { pageSize: 20, from: "key-1" });
        assert.deepEqual(pages.flat().map((item) => item.key), keys.slice(100));
      });

      test("back to the page before", async () => {
        const first = await (await fresh()).getItems({ pageSize: 20 });
        const second = await first.nextPage();
        const back = await second.prevPage();
        assert.deepEqual(back.items.map((item) => item.key), keys.slice(0, 20));
        assert.deepEqual([first.hasPrevPage, second.hasPrevPage], [false, true]);
      });

      test("a page in the middle has pages on both sides", async () => {
        const page = await (await fresh()).getItems({ pageSize: 20, from: "key-050" });
        assert.deepEqual([page.hasPrevPage, page.hasNextPage], [true, true]);
      });

      test("includeItems brings items along", async () => {
        const client = await clients.connect("reader");
        const map = await client.map({ id: sid, includeItems: true });
        await emulator.control("DELETE", "frames");
        assert.equal((await map.get("key-007")).data.key, "key-007");
        const { frames } = await emulator.control("GET", "frames");
        const asked = frames.some(({ header }) => header.http_request?.path.endsWith("Items"));
        assert.equal(asked, false);
      });
    });

    test("an item's TTL ends it, with an event", async () => {
      const [one, other] = await both();
      const event = next(other, "itemRemoved");
      await one.set("k", { n: 1 }, { ttl: 1 });
      assert.deepEqual(await event, { key: "k", isLocal: false, previousItemData: { n: 1 } });
    });

    test("setItemTtl moves the expiry of an item", async () => {
      const map = await alice.map(name());
      const item = await map.set("k", { n: 1 });
      await map.setItemTtl("k", 60);
      assert.ok(new Date(item.dateExpires) > new Date());
    });

    test("setTtl of a Map ends it, with an event", async () => {
      const [one, other] = await both();
      const event = next(other, "removed");
      await one.setTtl(1);
      assert.deepEqual(await event, { isLocal: false });
    });

    test("removeMap has one event on each side", async () => {
      const [one, other] = await both();
      const [mine, yours] = [record(one, "removed"), record(other, "removed")];
      await one.removeMap();
      await until(() => yours.length > 0, "removed");
      await live(await alice.map(name()));
      assert.deepEqual(mine, [["removed", { isLocal: true }]]);
      assert.deepEqual(yours, [["removed", { isLocal: false }]]);
    });

    test("set in a removed Map fails with 54200", async () => {
      const map = await alice.map(name());
      await emulator.rest("DELETE", `/Maps/${map.sid}`);
      await fails(map.set("k", {}), 404, 54200);
    });

    test("create_new and open_existing have their codes", async () => {
      const id = name();
      await fails(alice.map({ id, mode: "open_existing" }), 404, 54300);
      await alice.map({ id, mode: "create_new" });
      await fails(bob.map({ id, mode: "create_new" }), 409, 54301);
    });

    test("revisions and ids of events advance by one a write", async () => {
      const [one] = await both();
      const first = await one.set("a", {});
      const second = await one.set("b", {});
      assert.equal(second.lastEventId ?? second.descriptor.last_event_id,
        (first.lastEventId ?? first.descriptor.last_event_id) + 1);
    });
  });
}
