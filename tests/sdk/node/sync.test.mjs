// Twilio's Node SDK, old and new, unchanged but for the base URL of its Sync domain.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";

import { start } from "./emulator.mjs";

const require = createRequire(import.meta.url);

for (const name of ["twilio", "twilio-3"]) {
  const version = require(`${name}/package.json`).version;
  describe(`twilio ${version}`, () => suite(require(name)));
}

function suite(twilio) {
  let emulator;
  let client;
  let service;

  /** A client of the emulator with these credentials. */
  function connect(user, password) {
    const made = twilio(user, password, { accountSid: emulator.account_sid });
    made.sync.baseUrl = emulator.url;
    return made;
  }

  before(async () => {
    emulator = await start();
    client = connect(emulator.api_key, emulator.api_secret);
    service = client.sync.v1.services(emulator.service_sid);
  });

  after(async () => {
    assert.equal(await emulator.stop(), 0);
  });

  /** What the SDK throws has this status and code. */
  function refused(promise, status, code) {
    return assert.rejects(promise, (error) => {
      assert.equal(error.status, status, error.message);
      assert.equal(error.code, code, error.message);
      assert.match(error.moreInfo, new RegExp(`/${code}$`));
      return true;
    });
  }

  /** Reads a collection in pages, by every way the SDK has: 7 entries of these keys. */
  async function paged(collection, key, expected) {
    const keys = (entries) => entries.map((entry) => entry[key]);
    assert.deepEqual(keys(await collection.list({ pageSize: 3 })), expected);
    assert.deepEqual(keys(await collection.list({ pageSize: 2, limit: 5 })), expected.slice(0, 5));
    assert.deepEqual(keys(await collection.list({ limit: 4 })), expected.slice(0, 4));

    let page = await collection.page({ pageSize: 3 });
    const seen = [keys(page.instances)];
    while (page.getNextPageUrl() ?? page.nextPageUrl) {
      page = await page.nextPage();
      seen.push(keys(page.instances));
    }
    assert.deepEqual(seen, [expected.slice(0, 3), expected.slice(3, 6), expected.slice(6)]);
    const before = await page.previousPage();
    assert.deepEqual(keys(before.instances), expected.slice(3, 6));

    const each = [];
    await new Promise((resolve, reject) =>
      collection.each({
        pageSize: 3,
        callback: (entry) => each.push(entry[key]),
        done: (error) => (error ? reject(error) : resolve()),
      }),
    );
    assert.deepEqual(each, expected);
  }

  /** Grants, reads, lists and revokes what an identity may do with an object. */
  async function permissions(collection) {
    const bob = collection("bob é");
    const all = { read: true, write: true, manage: true };
    await refused(bob.fetch(), 404, 20404);
    const granted = await bob.update({ read: true, write: false, manage: false });
    assert.equal(granted.identity, "bob é");
    assert.deepEqual([granted.read, granted.write, granted.manage], [true, false, false]);
    assert.equal((await bob.update(all)).manage, true);
    assert.equal((await bob.fetch()).write, true);
    for (const identity of ["a", "c"]) await collection(identity).update(all);
    const listed = await collection.list({ pageSize: 1 });
    assert.deepEqual(listed.map((entry) => entry.identity), ["a", "bob é", "c"]);
    assert.equal(await bob.remove(), true);
    await refused(bob.remove(), 404, 20404);
  }

  test("services", async () => {
    const made = await client.sync.v1.services.create({
      friendlyName: "test",
      aclEnabled: true,
      reachabilityDebouncingWindow: 2000,
    });
    assert.match(made.sid, /^IS[0-9a-f]{32}$/);
    assert.equal(made.aclEnabled, true);
    assert.ok(made.dateCreated instanceof Date);
    assert.equal((await client.sync.v1.services(made.sid).update({ friendlyName: "other" })).friendlyName, "other");
    const fetched = await client.sync.v1.services(made.sid).fetch();
    assert.equal(fetched.reachabilityDebouncingWindow, 2000);
    assert.equal((await client.sync.v1.services("default").fetch()).sid, emulator.service_sid);

    const others = [];
    for (let i = 0; i < 5; i += 1) others.push(await client.sync.v1.services.create());
    const expected = [emulator.service_sid, made.sid, ...others.map((other) => other.sid)];
    await paged(client.sync.v1.services, "sid", expected);
    for (const sid of expected.slice(1)) {
      assert.equal(await client.sync.v1.services(sid).remove(), true);
    }
    await refused(client.sync.v1.services(made.sid).fetch(), 404, 20404);
  });

  test("documents", async () => {
    const made = await service.documents.create({
      uniqueName: "desk 7/ü",
      data: { busy: false, names: ["é"] },
      ttl: 3600,
    });
    assert.deepEqual(made.data, { busy: false, names: ["é"] });
    assert.equal(made.revision, "0");
    assert.equal(made.createdBy, "system");
    assert.equal(made.dateExpires - made.dateCreated, 3_600_000);
    await refused(service.documents.create({ uniqueName: "desk 7/ü" }), 409, 54301);

    const document = service.documents(made.sid);
    const updated = await document.update({ data: { busy: true }, ifMatch: made.revision });
    assert.equal(updated.revision, "1");
    await refused(document.update({ data: {}, ifMatch: "0" }), 412, 54103);
    assert.deepEqual((await document.fetch()).data, { busy: true });
    assert.equal((await document.update({ ttl: 0 })).dateExpires, null);
    await refused(document.update({}), 400, 54010);
    await refused(document.update({ data: "{" }), 400, 54008);
    await refused(document.update({ ttl: -1 }), 400, 54011);
    await refused(document.update({ data: { big: "x".repeat(17_000) } }), 413, 54006);
    await permissions(document.documentPermissions);

    const sids = [made.sid];
    for (let i = 0; i < 6; i += 1) sids.push((await service.documents.create()).sid);
    await paged(service.documents, "sid", sids);
    for (const sid of sids) assert.equal(await service.documents(sid).remove(), true);
    await refused(document.fetch(), 404, 20404);
    await refused(document.remove(), 404, 20404);
  });

  test("lists", async () => {
    const made = await service.syncLists.create({ uniqueName: "log", collectionTtl: 60 });
    assert.equal((await service.syncLists("log").fetch()).sid, made.sid);
    assert.equal((await service.syncLists("log").update({ ttl: 0 })).dateExpires, null);
    await refused(service.syncLists.create({ uniqueName: "log" }), 409, 54301);

    const items = service.syncLists("log").syncListItems;
    for (let call = 0; call < 7; call += 1) {
      const item = await items.create({ data: { call }, itemTtl: 60 });
      assert.equal(item.index, call);
    }
    const indexes = [0, 1, 2, 3, 4, 5, 6];
    await paged(items, "index", indexes);
    const back = await items.list({ order: "desc", from: "3", bounds: "exclusive", pageSize: 2 });
    assert.deepEqual(back.map((item) => item.index), [2, 1, 0]);

    const third = await items(3).fetch();
    const updated = await items(3).update({ data: { call: "x" }, ifMatch: third.revision });
    assert.deepEqual(updated.data, { call: "x" });
    await refused(items(3).update({ data: {}, ifMatch: third.revision }), 412, 54155);
    await refused(items(3).remove({ ifMatch: third.revision }), 412, 54155);
    assert.equal(await items(3).remove({ ifMatch: updated.revision }), true);
    await refused(items(3).fetch(), 404, 20404);
    await refused(items.create({ data: "[]" }), 400, 54008);
    await permissions(service.syncLists("log").syncListPermissions);

    const sids = [made.sid];
    for (let i = 0; i < 6; i += 1) sids.push((await service.syncLists.create()).sid);
    await paged(service.syncLists, "sid", sids);
    for (const sid of sids) assert.equal(await service.syncLists(sid).remove(), true);
    await refused(items.list(), 404, 20404);
  });

  test("maps", async () => {
    const made = await service.syncMaps.create({ uniqueName: "phones", ttl: 60 });
    assert.equal((await service.syncMaps("phones").fetch()).sid, made.sid);
    assert.equal((await service.syncMaps("phones").update({ collectionTtl: 0 })).dateExpires, null);

    const items = service.syncMaps("phones").syncMapItems;
    const keys = ["+815012345678", "a b", "b&c=d", "ü", "日本", "[z]", "~k"].sort(byBytes);
    for (const key of keys) {
      const item = await items.create({ key, data: { key } });
      assert.equal(item.key, key);
      assert.deepEqual((await items(key).fetch()).data, { key });
    }
    await refused(items.create({ key: "ü", data: {} }), 409, 54208);
    await refused(items.create({ key: "", data: {} }), 400, 54209);
    await paged(items, "key", keys);
    const from = await items.list({ order: "desc", from: "a b" });
    assert.deepEqual(from.map((item) => item.key), keys.slice(0, keys.indexOf("a b") + 1).reverse());

    const before = await items("a b").fetch();
    const updated = await items("a b").update({ data: { n: 2 }, ifMatch: before.revision });
    assert.notEqual(updated.revision, before.revision);
    await refused(items("a b").update({ data: {}, ifMatch: before.revision }), 412, 54205);
    await refused(items("a b").remove({ ifMatch: before.revision }), 412, 54205);
    assert.equal(await items("a b").remove({ ifMatch: updated.revision }), true);
    await refused(items("a b").fetch(), 404, 20404);
    await permissions(service.syncMaps("phones").syncMapPermissions);

    const sids = [made.sid];
    for (let i = 0; i < 6; i += 1) sids.push((await service.syncMaps.create()).sid);
    await paged(service.syncMaps, "sid", sids);
    for (const sid of sids) assert.equal(await service.syncMaps(sid).remove(), true);
    await refused(service.syncMaps("phones").fetch(), 404, 20404);
  });

  test("streams", async () => {
    const made = await service.syncStreams.create({ uniqueName: "events", ttl: 60 });
    const stream = service.syncStreams("events");
    assert.equal((await stream.fetch()).sid, made.sid);
    assert.equal((await stream.update({ ttl: 0 })).dateExpires, null);
    const message = await stream.streamMessages.create({ data: { hello: "world" } });
    assert.match(message.sid, /^TZ[0-9a-f]{32}$/);
    assert.deepEqual(message.data, { hello: "world" });
    await refused(stream.streamMessages.create({ data: { big: "x".repeat(5000) } }), 413, 54006);

    const sids = [made.sid];
    for (let i = 0; i < 6; i += 1) sids.push((await service.syncStreams.create()).sid);
    await paged(service.syncStreams, "sid", sids);
    for (const sid of sids) assert.equal(await service.syncStreams(sid).remove(), true);
    await refused(stream.streamMessages.create({ data: {} }), 404, 20404);
  });

  test("webhooks", async () => {
    const receiver = createServer();
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const url = `http://127.0.0.1:${receiver.address().port}/hook?a=1`;
    const made = await client.sync.v1.services.create({
      webhookUrl: url,
      webhooksFromRestEnabled: true,
    });
    const told = once(receiver, "request");
    await client.sync.v1.services(made.sid).documents.create({ data: { "ü &": [1] } });

    const [request, response] = await told;
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end();
    receiver.close();
    const form = Object.fromEntries(new URLSearchParams(body));
    assert.equal(form.EventType, "document_created");
    assert.deepEqual(JSON.parse(form.DocumentData), { "ü &": [1] });
    const signature = request.headers["x-twilio-signature"];
    const isValid = (token) => twilio.validateRequest(token, signature, url, form);
    assert.equal(isValid(emulator.auth_token), true);
    assert.equal(isValid("wrong"), false);
    await client.sync.v1.services(made.sid).remove();
  });

  test("credentials", async () => {
    const account = connect(emulator.account_sid, emulator.auth_token);
    const fetched = await account.sync.v1.services(emulator.service_sid).fetch();
    assert.equal(fetched.accountSid, emulator.account_sid);
    const stranger = connect(emulator.account_sid, "wrong");
    await refused(stranger.sync.v1.services.list(), 401, 20003);
  });
}

function byBytes(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
