import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, fails, live, next, opened, record, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

for (const version of VERSIONS) {
  describe(`documents, ${version}`, () => {
    let emulator, clients, alice, bob;
    let count = 0;
    const name = () => `document-${(count += 1)}`;
    /** The same Document for both clients, subscribed. */
    const both = async (data = {}) => {
      const id = name();
      const open = (client) => client.document(client === alice ? { id, data } : id);
      return [...(await opened([alice, bob], open)), id];
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

    test("a name that is free is created, by its identity", async () => {
      const id = name();
      const document = await alice.document(id);
      assert.deepEqual([document.data, document.uniqueName], [{}, id]);
      assert.match(document.sid, /^ET[0-9a-f]{32}$/);
      const rest = await emulator.rest("GET", `/Documents/${id}`);
      assert.deepEqual([rest.sid, rest.created_by], [document.sid, "alice"]);
    });

    test("a name that is taken is opened, with its data", async () => {
      const [one, other] = await both({ n: 1 });
      assert.deepEqual([other.sid, other.data], [one.sid, { n: 1 }]);
    });

    test("a Document without a name is created", async () => {
      const document = await alice.document();
      assert.equal(document.uniqueName, null);
      const same = await bob.document(document.sid);
      assert.equal(same.sid, document.sid);
    });

    test("create_new fails with 54301 where the name is taken", async () => {
      const id = name();
      await alice.document(id);
      await fails(bob.document({ id, mode: "create_new" }), 409, 54301);
    });

    test("open_existing fails with 54300 where there is none", async () => {
      await fails(alice.document({ id: name(), mode: "open_existing" }), 404, 54300);
    });

    test("open_existing fails with 54100 for an unknown SID", async () => {
      const id = `ET${"0".repeat(32)}`;
      await fails(alice.document({ id, mode: "open_existing" }), 404, 54100);
    });

    test("a name of a SID's form fails with 54302", async () => {
      const id = `AB${"0".repeat(32)}`;
      await fails(alice.document({ id, mode: "create_new" }), 400, 54302);
    });

    test("two clients that create the same name get the same Document", async () => {
      const id = name();
      const [one, other] = await Promise.all([alice.document(id), bob.document(id)]);
      assert.equal(one.sid, other.sid);
    });

    test("set has an event for the writer, as its own, and one for the other client", async () => {
      const [one, other] = await both();
      const [mine, yours] = [record(one, "updated"), record(other, "updated")];
      await one.set({ n: 1 });
      const local = { data: { n: 1 }, isLocal: true, previousData: {} };
      assert.deepEqual(mine, [["updated", local]]);
      await until(() => yours.length > 0, "the event of the other client");
      assert.deepEqual(yours, [["updated", { ...local, isLocal: false }]]);
      assert.equal(mine.length, 1);
    });

    test("one hundred own writes have one event each, as own", async () => {
      const document = await live(await alice.document(name()));
      const seen = record(document, "updated");
      for (let n = 0; n < 100; n += 1) await document.set({ n });
      await live(await alice.document(name()));
      assert.deepEqual(seen.map(([, args]) => args.isLocal), Array(100).fill(true));
    });

    test("update merges members", async () => {
      const [one, other] = await both({ a: 1 });
      const event = next(other, "updated");
      assert.deepEqual(await one.update({ b: 2 }), { a: 1, b: 2 });
      assert.deepEqual((await event).data, { a: 1, b: 2 });
    });

    test("mutate that returns nothing writes nothing", async () => {
      const document = await alice.document({ id: name(), data: { a: 1 } });
      const { revision } = document;
      assert.deepEqual(await document.mutate(() => null), { a: 1 });
      assert.equal(document.revision, revision);
    });

    test("forty concurrent mutates of two clients all count", async () => {
      const [one, other] = await both({ n: 0 });
      const add = (document) => document.mutate((data) => ({ n: data.n + 1 }));
      const writes = Array.from({ length: 40 }, (_, at) => add(at % 2 ? one : other));
      await Promise.all(writes);
      await until(() => one.data.n === 40 && other.data.n === 40, "40 on both sides");
    });

    test("a write over REST has an event", async () => {
      const [one, , id] = await both({ n: 1 });
      const event = next(one, "updated");
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 2 } });
      assert.deepEqual(await event, {
        data: { n: 2 },
        isLocal: false,
        previousData: { n: 1 },
      });
    });

    test("a write of a client is read over REST, with its revision", async () => {
      const [one, , id] = await both();
      await one.set({ text: "ž 🙂 \u0000" });
      const rest = await emulator.rest("GET", `/Documents/${id}`);
      assert.deepEqual([rest.data, rest.revision], [{ text: "ž 🙂 \u0000" }, one.revision]);
    });

    test("events of five writes come in their order", async () => {
      const [one, , id] = await both();
      const seen = record(one, "updated");
      for (let n = 0; n < 5; n += 1) {
        await emulator.rest("POST", `/Documents/${id}`, { Data: { n } });
      }
      await until(() => seen.length === 5, "five events");
      assert.deepEqual(seen.map(([, args]) => args.data.n), [0, 1, 2, 3, 4]);
    });

    test("data over 16 KiB fails with 54006", async () => {
      const document = await alice.document(name());
      await fails(document.set({ text: "x".repeat(17_000) }), 413, 54006);
    });

    test("a TTL at the creation is its expiry", async () => {
      const document = await alice.document({ id: name(), ttl: 60 });
      const left = new Date(document.dateExpires) - Date.now();
      assert.ok(left > 50_000 && left < 70_000, `${left}`);
    });

    test("setTtl moves the expiry, and 0 removes it", async () => {
      const document = await alice.document(name());
      await document.setTtl(60);
      assert.ok(new Date(document.dateExpires) > new Date());
      await document.setTtl(0);
      assert.equal(document.dateExpires, null);
    });

    test("a TTL alone is an event for the other client", async () => {
      const [one, other] = await both({ n: 1 });
      const event = next(other, "updated");
      await one.setTtl(60);
      assert.deepEqual((await event).data, { n: 1 });
    });

    test("expiry has the event removed, when it is due", async () => {
      const [one, other] = await both({ n: 1 });
      await one.set({ n: 2 }, { ttl: 7_200 });
      const events = [next(one, "removed"), next(other, "removed")];
      const clock = (await emulator.control("GET", "clock")).now;
      // Not beyond the life of the tokens.
      await one.setTtl(1);
      const [mine] = await Promise.all(events);
      assert.deepEqual(mine, { isLocal: false, previousData: { n: 2 } });
      assert.ok(clock);
    });

    test("removeDocument has a local and a remote event", async () => {
      const [one, other] = await both({ n: 1 });
      const [mine, yours] = [record(one, "removed"), record(other, "removed")];
      await one.removeDocument();
      await until(() => yours.length > 0, "removed");
      assert.deepEqual(mine, [["removed", { isLocal: true, previousData: { n: 1 } }]]);
      assert.deepEqual(yours, [["removed", { isLocal: false, previousData: { n: 1 } }]]);
    });

    test("a removal over REST has an event", async () => {
      const [one, , id] = await both();
      const event = next(one, "removed");
      await emulator.rest("DELETE", `/Documents/${id}`);
      assert.equal((await event).isLocal, false);
    });

    test("a write to a removed Document fails with 54100", async () => {
      const document = await alice.document(name());
      await document.removeDocument();
      await fails(document.set({ n: 1 }), 404, 54100);
    });

    test("a name is free again after its removal", async () => {
      const id = name();
      const first = await alice.document({ id, data: { n: 1 } });
      await first.removeDocument();
      const second = await alice.document(id);
      assert.notEqual(second.sid, first.sid);
      assert.deepEqual(second.data, {});
    });

    test("a Document that was closed gets no events any more", async () => {
      const [one, other, id] = await both();
      const seen = record(other, "updated");
      other.close();
      const event = next(one, "updated");
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 1 } });
      await event;
      assert.deepEqual(seen, []);
      const again = await live(await bob.document(id));
      assert.deepEqual(again.data, { n: 1 });
      const later = next(again, "updated");
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 2 } });
      assert.deepEqual((await later).data, { n: 2 });
    });

    test("two hundred Documents are subscribed in batches", async () => {
      const names = Array.from({ length: 200 }, () => name());
      const documents = await Promise.all(names.map((id) => alice.document(id)));
      await Promise.all(documents.map(live));
      const last = documents.at(-1);
      const event = next(last, "updated");
      await emulator.rest("POST", `/Documents/${last.sid}`, { Data: { n: 1 } });
      await event;
    });
  });
}
