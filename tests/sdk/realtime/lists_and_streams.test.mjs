import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, all, fails, live, next, opened, record, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const EVENTS = ["itemAdded", "itemUpdated", "itemRemoved", "removed"];

for (const version of VERSIONS) {
  describe(`lists and streams, ${version}`, () => {
    let emulator, clients, alice, bob;
    let count = 0;
    const name = () => `object-${(count += 1)}`;
    const both = async (open) => {
      const id = name();
      return [...(await opened([alice, bob], (client) => open(client, id))), id];
    };
    const lists = () => both((client, id) => client.list(id));
    const streams = () => both((client, id) => client.stream(id));

    before(async () => {
      emulator = await Emulator.start();
      clients = new Clients(emulator, version);
      [alice, bob] = await Promise.all([clients.connect("alice"), clients.connect("bob")]);
    });
    after(async () => {
      await clients.close();
      await emulator.stop();
    });

    test("push gives indexes from 0, with events for both", async () => {
      const [one, other] = await lists();
      const [mine, yours] = [record(one, ...EVENTS), record(other, ...EVENTS)];
      assert.equal((await one.push({ n: 0 })).index, 0);
      assert.equal((await one.push({ n: 1 })).index, 1);
      await until(() => yours.length === 2, "two events");
      assert.deepEqual(mine, [0, 1].map((n) => ["itemAdded", { item: { n }, isLocal: true }]));
      assert.deepEqual(yours, [0, 1].map((n) => ["itemAdded", { item: { n }, isLocal: false }]));
    });

    test("set replaces, update merges, mutate computes", async () => {
      const [one, other] = await lists();
      await one.push({ a: 1 });
      assert.deepEqual((await one.set(0, { b: 1 })).data, { b: 1 });
      assert.deepEqual((await one.update(0, { c: 1 })).data, { b: 1, c: 1 });
      const event = next(other, "itemUpdated", ({ item }) => item.data.b === 2);
      await one.mutate(0, (data) => ({ ...data, b: data.b + 1 }));
      assert.deepEqual((await event).item.data, { b: 2, c: 1 });
    });

    test("set of a missing index fails with 54151", async () => {
      const list = await alice.list(name());
      await fails(list.set(7, {}), 404, 54151);
    });

    test("get of a missing index fails with 54151", async () => {
      const list = await alice.list(name());
      await fails(list.get(7), 404, 54151);
    });

    test("remove has an event with the data before", async () => {
      const [one, other] = await lists();
      await one.push({ n: 1 });
      const event = next(other, "itemRemoved");
      await one.remove(0);
      assert.deepEqual(await event, { index: 0, isLocal: false, previousItemData: { n: 1 } });
    });

    test("forty concurrent pushes get indexes of their own", async () => {
      const [one, other] = await lists();
      const pushes = Array.from({ length: 40 }, (_, n) => (n % 2 ? one : other).push({ n }));
      const indexes = (await Promise.all(pushes)).map((item) => item.index);
      assert.equal(new Set(indexes).size, 40);
      const fresh = await (await clients.connect("reader")).list(one.sid);
      assert.equal((await all(fresh)).flat().length, 40);
    });

    test("forty concurrent mutates of two clients all count", async () => {
      const [one, other] = await lists();
      await one.push({ n: 0 });
      const add = (list) => list.mutate(0, (data) => ({ n: data.n + 1 }));
      await Promise.all(Array.from({ length: 40 }, (_, at) => add(at % 2 ? one : other)));
      await until(async () => (await one.get(0)).data.n === 40, "40");
    });

    test("all items in pages, both ways, with gaps", async () => {
      const list = await alice.list(name());
      for (let n = 0; n < 60; n += 1) await list.push({ n });
      for (let n = 0; n < 60; n += 7) await list.remove(n);
      const left = Array.from({ length: 60 }, (_, n) => n).filter((n) => n % 7);
      const fresh = async () => (await clients.connect("reader")).list(list.sid);
      const up = await all(await fresh(), { pageSize: 11 });
      assert.deepEqual(up.flat().map((item) => item.index), left);
      const down = await all(await fresh(), { pageSize: 11, order: "desc" });
      assert.deepEqual(down.flat().map((item) => item.index), left.toReversed());
      const from = await all(await fresh(), { pageSize: 11, from: 21 });
      assert.deepEqual(from.flat().map((item) => item.index), left.filter((n) => n >= 21));
    });

    test("REST adds, changes and removes items, with events", async () => {
      const [one, , id] = await lists();
      const seen = record(one, ...EVENTS);
      await emulator.rest("POST", `/Lists/${id}/Items`, { Data: { n: 1 } });
      await emulator.rest("POST", `/Lists/${id}/Items/0`, { Data: { n: 2 } });
      await emulator.rest("DELETE", `/Lists/${id}/Items/0`);
      await until(() => seen.length === 3, "three events");
      assert.deepEqual(seen, [
        ["itemAdded", { item: { n: 1 }, isLocal: false }],
        ["itemUpdated", { item: { n: 2 }, isLocal: false, previousItemData: { n: 1 } }],
        ["itemRemoved", { index: 0, isLocal: false, previousItemData: { n: 2 } }],
      ]);
    });

    test("a List has the context of its creation", async () => {
      const id = name();
      const list = await alice.list({ id, purpose: "queue", context: { colour: "blue" } });
      assert.deepEqual(await list.getContext(), { colour: "blue" });
      assert.deepEqual(await (await bob.list(id)).getContext(), { colour: "blue" });
      assert.deepEqual(await (await alice.list(name())).getContext(), {});
    });

    test("an item's TTL ends it, with an event", async () => {
      const [one, other] = await lists();
      const event = next(other, "itemRemoved");
      await one.push({ n: 1 }, { ttl: 1 });
      assert.deepEqual(await event, { index: 0, isLocal: false, previousItemData: { n: 1 } });
    });

    test("setItemTtl and setTtl move expiries", async () => {
      const list = await alice.list(name());
      const item = await list.push({ n: 1 });
      await list.setItemTtl(0, 60);
      await list.setTtl(60);
      assert.ok(new Date(item.dateExpires) > new Date());
      assert.ok(new Date(list.dateExpires) > new Date());
    });

    test("removeList has one event on each side", async () => {
      const [one, other] = await lists();
      const [mine, yours] = [record(one, "removed"), record(other, "removed")];
      await one.removeList();
      await until(() => yours.length > 0, "removed");
      assert.deepEqual(mine, [["removed", { isLocal: true }]]);
      assert.deepEqual(yours, [["removed", { isLocal: false }]]);
      await fails(one.push({}), 404, 54150);
    });

    test("a List's codes of opening", async () => {
      const id = name();
      await fails(alice.list({ id, mode: "open_existing" }), 404, 54300);
      await alice.list({ id, mode: "create_new" });
      await fails(bob.list({ id, mode: "create_new" }), 409, 54301);
    });

    test("a message has an event for the writer and for the other client", async () => {
      const [one, other] = await streams();
      const [mine, yours] = [record(one, "messagePublished"), record(other, "messagePublished")];
      const message = await one.publishMessage({ n: 1 });
      assert.match(message.sid, /^TZ[0-9a-f]{32}$/);
      await until(() => yours.length > 0 && mine.length > 1, "events on both sides");
      assert.deepEqual(yours, [["messagePublished", { message, isLocal: false }]]);
      assert.deepEqual(mine.map(([, args]) => args.isLocal), [true, false]);
    });

    test("a message over REST has an event", async () => {
      const [one, , id] = await streams();
      const event = next(one, "messagePublished");
      const { sid } = await emulator.rest("POST", `/Streams/${id}/Messages`, { Data: { n: 1 } });
      assert.deepEqual(await event, { message: { sid, data: { n: 1 } }, isLocal: false });
    });

    test("fifty messages come in their order", async () => {
      const [, other, id] = await streams();
      const seen = record(other, "messagePublished");
      for (let n = 0; n < 50; n += 1) {
        await emulator.rest("POST", `/Streams/${id}/Messages`, { Data: { n } });
      }
      await until(() => seen.length === 50, "fifty messages");
      const numbers = seen.map(([, { message }]) => message.data.n);
      assert.deepEqual(numbers, Array.from({ length: 50 }, (_, n) => n));
    });

    test("a message over 4 KiB fails with 54006", async () => {
      const stream = await alice.stream(name());
      await fails(stream.publishMessage({ text: "x".repeat(5_000) }), 413, 54006);
    });

    test("messages before a subscription are not sent again", async () => {
      const id = name();
      const one = await alice.stream(id);
      await one.publishMessage({ n: 1 });
      const other = await bob.stream(id);
      const seen = record(other, "messagePublished");
      await live(other);
      await one.publishMessage({ n: 2 });
      await until(() => seen.length > 0, "a message");
      assert.deepEqual(seen.map(([, { message }]) => message.data.n), [2]);
    });

    test("setTtl of a Stream ends it, with an event", async () => {
      const [one, other] = await streams();
      const event = next(other, "removed");
      await one.setTtl(1);
      assert.deepEqual(await event, { isLocal: false });
    });

    test("removeStream has one event on each side", async () => {
      const [one, other] = await streams();
      const [mine, yours] = [record(one, "removed"), record(other, "removed")];
      await one.removeStream();
      await until(() => yours.length > 0, "removed");
      assert.deepEqual(mine, [["removed", { isLocal: true }]]);
      assert.deepEqual(yours, [["removed", { isLocal: false }]]);
      await fails(one.publishMessage({}), 404, 54250);
    });

    test("live queries are not there, with a status that is not retried", async () => {
      await fails(alice.liveQuery("index", 'data.a == "b"'), 501, 20501);
    });
  });
}
