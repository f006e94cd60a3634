import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  Clients, VERSIONS, connected, fails, live, next, pause, record, state, until, within,
} from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const seconds = () => Math.floor(Date.now() / 1000);

for (const version of VERSIONS) {
  describe(`connections, ${version}`, () => {
    let emulator, clients;
    let count = 0;
    const name = () => `object-${(count += 1)}`;
    /** The error of a client whose token is refused. */
    const refused = async (token) => {
      const client = clients.create("alice", token);
      const error = await next(client, "connectionError");
      await state(client, "denied");
      assert.equal(error.terminal, true);
      return [error.httpStatusCode, error.errorCode];
    };

    before(async () => {
      emulator = await Emulator.start();
      clients = new Clients(emulator, version);
    });
    after(async () => {
      await clients.close();
      await emulator.stop();
    });

    test("a client connects", async () => {
      const client = await clients.connect("alice");
      assert.deepEqual(client.states, ["connecting", "connected"]);
    });

    test("a client shuts down", async () => {
      const client = await clients.connect("alice");
      await client.shutdown();
      await state(client, "disconnected");
    });

    test("a token with a wrong signature is refused with 20151", async () => {
      assert.deepEqual(await refused(emulator.token("alice", {}, "other")), [401, 20151]);
    });

    test("what is no token is refused with 20101", async () => {
      assert.deepEqual(await refused("token"), [401, 20101]);
    });

    test("an expired token is refused with 20104, with the event tokenExpired", async () => {
      const token = emulator.token("alice", { iat: seconds() - 100, exp: seconds() - 10 });
      const client = clients.create("alice", token);
      const [error] = await Promise.all([
        next(client, "connectionError"),
        next(client, "tokenExpired"),
      ]);
      assert.deepEqual([error.httpStatusCode, error.errorCode], [401, 20104]);
    });

    test("a token of another API key is refused with 20103", async () => {
      const token = emulator.token("alice", { iss: `SK${"0".repeat(32)}` });
      assert.deepEqual(await refused(token), [401, 20103]);
    });

    test("a token that is not valid yet is refused with 20105", async () => {
      const token = emulator.token("alice", { nbf: seconds() + 600 });
      assert.deepEqual(await refused(token), [401, 20105]);
    });

    test("a token for an unknown Service is refused with 20106", async () => {
      const grants = { identity: "alice", data_sync: { service_sid: `IS${"0".repeat(32)}` } };
      assert.deepEqual(await refused(emulator.token("alice", { grants })), [401, 20106]);
    });

    test("a token without an identity is refused with 20106", async () => {
      const grants = { data_sync: { service_sid: emulator.service_sid } };
      assert.deepEqual(await refused(emulator.token("alice", { grants })), [401, 20106]);
    });

    test("the Service may be named default", async () => {
      const grants = { identity: "alice", data_sync: { service_sid: "default" } };
      const client = await clients.connect("alice", emulator.token("alice", { grants }));
      const id = name();
      await client.document(id);
      await emulator.rest("GET", `/Documents/${id}`);
    });

    test("another Service has objects of its own", async () => {
      const service = await emulator.rest("POST", "/Services", { FriendlyName: "other" });
      const grants = { identity: "alice", data_sync: { service_sid: service.sid } };
      const other = await clients.connect("alice", emulator.token("alice", { grants }));
      const own = await clients.connect("alice");
      const id = name();
      const document = await own.document(id);
      await fails(other.document({ id, mode: "open_existing" }), 404, 54300);
      await fails(other.document({ id: document.sid, mode: "open_existing" }), 404, 54100);
    });

    test("a control gives a token", async () => {
      const { token } = await emulator.control("POST", "token", { identity: "dave" });
      const client = await clients.connect("dave", token);
      const id = name();
      await client.document(id);
      assert.equal((await emulator.rest("GET", `/Documents/${id}`)).created_by, "dave");
    });

    test("updateToken keeps the connection", async () => {
      const client = await clients.connect("alice");
      await client.updateToken(emulator.token("alice", { exp: seconds() + 1_000 }));
      assert.deepEqual(client.states, ["connecting", "connected"]);
      await client.document(name());
    });

    test("updateToken for another identity fails with 51130", async () => {
      const client = await clients.connect("alice");
      await fails(client.updateToken(emulator.token("bob")), 400, 51130);
    });

    test("updateToken revives a client that was denied", async () => {
      const client = clients.create("alice", emulator.token("alice", {}, "other"));
      await state(client, "denied");
      await client.updateToken(emulator.token("alice"));
      await connected(client);
    });

    test("a token that is about to expire has an event, and a new one is enough", async () => {
      const client = await clients.connect("erin", emulator.token("erin", { exp: seconds() + 500 }));
      const warned = next(client, "tokenAboutToExpire");
      await emulator.advance(300_000);
      await warned;
      await client.updateToken(emulator.token("erin", { exp: seconds() + 7_200 }));
      await emulator.advance(300_000);
      await client.document(name());
      assert.equal(client.connectionState, "connected");
    });

    test("a token that expires has an event, and a new one revives the client", async () => {
      const now = new Date((await emulator.control("GET", "clock")).now) / 1000;
      const token = emulator.token("erin", { iat: seconds(), exp: Math.floor(now) + 100 });
      const client = await clients.connect("erin", token);
      const expired = next(client, "tokenExpired");
      await emulator.advance(200_000);
      await expired;
      await state(client, "disconnected");
      await client.updateToken(emulator.token("erin", { exp: seconds() + 7_200 }));
      await connected(client);
    });

    test("a fault expires a token now", async () => {
      const client = await clients.connect("frank");
      const expired = next(client, "tokenExpired");
      await emulator.fault({ fault: "expire_token", identity: "frank" });
      await expired;
    });

    test("a connection that was cut comes back, with what was missed", async () => {
      const client = await clients.connect("alice");
      const id = name();
      const document = await live(await client.document(id));
      const map = await live(await client.map(id));
      const list = await live(await client.list(id));
      await map.set("changed", { n: 0 });
      await map.set("removed", { n: 0 });
      const maps = record(map, "itemAdded", "itemUpdated", "itemRemoved");
      const lists = record(list, "itemAdded");
      const documents = record(document, "updated");
      await emulator.fault({ fault: "refuse", status: 500, identity: "alice", times: 1 });
      await emulator.fault({ fault: "cut", identity: "alice" });
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 1 } });
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 2 } });
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "added", Data: { n: 1 } });
      await emulator.rest("POST", `/Maps/${id}/Items/changed`, { Data: { n: 1 } });
      await emulator.rest("DELETE", `/Maps/${id}/Items/removed`);
      await emulator.rest("POST", `/Lists/${id}/Items`, { Data: { n: 1 } });
      await until(() => maps.length === 3 && lists.length === 1 && documents.length > 0, "all events");
      assert.deepEqual(maps.map(([event]) => event), ["itemAdded", "itemUpdated", "itemRemoved"]);
      await until(() => document.data.n === 2, "the newest data");
      assert.deepEqual(client.states.slice(0, 4), ["connecting", "connected", "connecting", "connected"]);
    });

    test("without its log the emulator makes clients right from the state", async () => {
      const client = await clients.connect("grace");
      const id = name();
      const document = await live(await client.document(id));
      const map = await live(await client.map(id));
      for (const key of ["a", "b", "c"]) await map.set(key, { n: 0 });
      const maps = record(map, "itemAdded", "itemUpdated", "itemRemoved");
      await emulator.fault({ fault: "cut", identity: "grace" });
      for (let n = 1; n < 4; n += 1) {
        await emulator.rest("POST", `/Documents/${id}`, { Data: { n } });
        await emulator.rest("POST", `/Maps/${id}/Items/a`, { Data: { n } });
      }
      await emulator.rest("DELETE", `/Maps/${id}/Items/b`);
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "d", Data: { n: 1 } });
      await emulator.fault({ fault: "forget_log" });
      await until(() => maps.length === 3 && document.data.n === 3, "all changes");
      const items = (await map.getItems()).items.map(({ key, data }) => [key, data.n]);
      assert.deepEqual(items, [["a", 3], ["c", 0], ["d", 1]]);
    });

    test("a client that missed too many removals gets a failure, and is right when it opens again", async () => {
      const client = await clients.connect("ivy");
      const id = name();
      const map = await live(await client.map(id));
      await map.set("kept", { n: 1 });
      const failed = new Promise((resolve) => map.on("failure", resolve));
      await emulator.fault({ fault: "refuse", status: 429, back_off_ms: [500, 1_000], identity: "ivy", always: true });
      await emulator.fault({ fault: "cut", identity: "ivy" });
      const keys = Array.from({ length: 1_000 }, (_, n) => `k${n}`);
      const add = async () => {
        for (let Key; (Key = keys.pop()); ) {
          await emulator.rest("POST", `/Maps/${id}/Items`, { Key, Data: {}, Ttl: 300 });
        }
      };
      await Promise.all(Array.from({ length: 8 }, add));
      await emulator.advance(300_000);
      await emulator.control("DELETE", "live_faults");
      const error = await within(failed, "a failure");
      assert.deepEqual([error.status, error.code], [410, 20410]);
      map.close();
      const again = await live(await client.map(id));
      assert.deepEqual((await again.getItems()).items.map(({ key }) => key), ["kept"]);
      const added = next(again, "itemAdded");
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "new", Data: {} });
      await added;
    });

    test("an object that was removed meanwhile has the event removed", async () => {
      const client = await clients.connect("heidi");
      const id = name();
      const document = await live(await client.document(id));
      const map = await live(await client.map(id));
      const removed = [next(document, "removed"), next(map, "removed")];
      await emulator.fault({ fault: "cut", identity: "heidi" });
      await emulator.rest("DELETE", `/Documents/${id}`);
      await emulator.rest("DELETE", `/Maps/${id}`);
      await Promise.all(removed);
    });

    test("close 308 has clients come back after the back-off", async () => {
      const client = await clients.connect("ivan");
      const began = Date.now();
      await emulator.fault({ fault: "close", status: 308, back_off_ms: [1_500, 3_000], identity: "ivan" });
      await until(() => client.states.length >= 3, "the connection ends");
      await connected(client);
      assert.ok(Date.now() - began > 1_000, `${Date.now() - began} ms`);
    });

    test("close 429 has clients come back", async () => {
      const client = await clients.connect("judy");
      await emulator.fault({ fault: "close", status: 429, identity: "judy" });
      await until(() => client.states.length >= 3, "the connection ends");
      await connected(client);
    });

    test("refuse 429 has clients come back after the back-off", async () => {
      await emulator.fault({ fault: "refuse", status: 429, back_off_ms: [500, 1_000], identity: "ken" });
      const client = clients.create("ken");
      const error = await next(client, "connectionError");
      assert.deepEqual([error.terminal, error.httpStatusCode, error.errorCode], [false, 429, 51202]);
      await connected(client);
    });

    test("a stalled connection delivers late", async () => {
      const client = await clients.connect("leo");
      const id = name();
      const document = await live(await client.document(id));
      const event = next(document, "updated");
      await emulator.fault({ fault: "stall", time_ms: 700, identity: "leo" });
      const began = Date.now();
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 1 } });
      await event;
      assert.ok(Date.now() - began > 400, `${Date.now() - began} ms`);
    });

    test("a delayed event comes late, and those after it not before", async () => {
      const client = await clients.connect("mia");
      const id = name();
      const document = await live(await client.document(id));
      const seen = record(document, "updated");
      await emulator.fault({ fault: "delay", time_ms: 500, identity: "mia" });
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 1 } });
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 2 } });
      await pause(200);
      assert.deepEqual(seen, []);
      await until(() => seen.length === 2, "two events");
      assert.deepEqual(seen.map(([, { data }]) => data.n), [1, 2]);
    });

    test("a doubled event is emitted once", async () => {
      const client = await clients.connect("nina");
      const id = name();
      const map = await live(await client.map(id));
      const seen = record(map, "itemAdded", "itemUpdated");
      await emulator.fault({ fault: "duplicate", identity: "nina" });
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "a", Data: { n: 1 } });
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "b", Data: { n: 1 } });
      await until(() => seen.some(([, { item }]) => item) && seen.length >= 2, "two events");
      assert.equal(seen.length, 2);
    });

    test("events that changed places end in the newest data", async () => {
      const client = await clients.connect("otto");
      const id = name();
      const map = await live(await client.map(id));
      await emulator.fault({ fault: "reorder", identity: "otto" });
      await emulator.rest("POST", `/Maps/${id}/Items`, { Key: "a", Data: { n: 1 } });
      await emulator.rest("POST", `/Maps/${id}/Items/a`, { Data: { n: 2 } });
      await until(async () => (await map.get("a").catch(() => ({ data: {} }))).data.n === 2, "2");
      const { frames } = await emulator.control("GET", "frames");
      const types = frames
        .filter(({ identity, sender }) => identity === "otto" && sender === "service")
        .map(({ payload }) => payload.match(/"event_type":"(map_item_\w+)"/)?.[1])
        .filter(Boolean);
      assert.deepEqual(types, ["map_item_updated", "map_item_added"]);
    });

    test("a request that fails with 503 is tried again by the client", async () => {
      const client = await clients.connect("pat");
      const id = name();
      await emulator.control("POST", "faults", { fault: "status", status: 503, on: "FetchDocument" });
      assert.equal((await within(client.document(id), "a retry", 20_000)).uniqueName, id);
    });

    test("the logs show tunnelled requests and frames, without tokens", async () => {
      const token = emulator.token("quinn");
      const client = await clients.connect("quinn", token);
      const id = name();
      await client.document({ id, data: { n: 1 } });
      const { requests } = await emulator.control("GET", "requests");
      const own = requests.filter(({ identity }) => identity === "quinn");
      assert.deepEqual(
        own.map(({ operation, method, path, status, code }) => [operation, method, path, status, code]),
        [
          ["FetchDocument", "GET", `/v3/Documents/${id}`, 404, 54300],
          ["CreateDocument", "POST", "/v3/Documents", 201, null],
        ],
      );
      assert.equal(JSON.parse(own[1].body).unique_name, id);
      const { frames } = await emulator.control("GET", "frames");
      assert.ok(frames.some(({ header }) => header.method === "init"));
      assert.ok(!JSON.stringify(frames).includes(token));
    });

    test("a reset has the event removed for all objects", async () => {
      const client = await clients.connect("rosa");
      const document = await live(await client.document(name()));
      const removed = next(document, "removed");
      await emulator.control("POST", "reset");
      await removed;
      await client.document(name());
    });
  });
}
