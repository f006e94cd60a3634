import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, fails, live, next, pause, record, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const KINDS = [["document", "Documents"], ["map", "Maps"], ["list", "Lists"]];

for (const version of VERSIONS) {
  describe(`permissions and webhooks, ${version}`, () => {
    let emulator, clients, alice, bob, receiver, posts;
    let count = 0;
    const name = () => `object-${(count += 1)}`;
    const grant = (kind, id, identity, read, write, manage) =>
      emulator.rest("POST", `/${kind}/${id}/Permissions/${identity}`, {
        Read: read,
        Write: write,
        Manage: manage,
      });
    const settings = (form) => emulator.rest("POST", `/Services/${emulator.service_sid}`, form);

    before(async () => {
      emulator = await Emulator.start();
      posts = [];
      receiver = createServer(async (request, response) => {
        let body = "";
        for await (const part of request) body += part;
        posts.push(Object.fromEntries(new URLSearchParams(body)));
        response.end();
      });
      await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
      await settings({ AclEnabled: true });
      clients = new Clients(emulator, version);
      [alice, bob] = await Promise.all([clients.connect("alice"), clients.connect("bob")]);
    });
    after(async () => {
      await clients.close();
      receiver.close();
      await emulator.stop();
    });

    for (const [kind, path] of KINDS) {
      test(`the creator of a ${kind} has all rights`, async () => {
        const object = await live(await alice[kind](name()));
        const rights = await emulator.rest("GET", `/${path}/${object.sid}/Permissions/alice`);
        assert.deepEqual([rights.read, rights.write, rights.manage], [true, true, true]);
        const remove = { document: "removeDocument", map: "removeMap", list: "removeList" };
        await object[remove[kind]]();
      });

      test(`another identity cannot open a ${kind} without read`, async () => {
        const id = name();
        await alice[kind](id);
        await fails(bob[kind](id), 403, 54007);
        await grant(path, id, "bob", false, true, true);
        await fails(bob[kind](id), 403, 54007);
        await grant(path, id, "bob", true, false, false);
        await live(await bob[kind](id));
      });

      test(`a ${kind} cannot be removed without manage`, async () => {
        const id = name();
        await alice[kind](id);
        await grant(path, id, "bob", true, true, false);
        const object = await bob[kind](id);
        const remove = { document: "removeDocument", map: "removeMap", list: "removeList" };
        await fails(object[remove[kind]](), 403, 54007);
        await grant(path, id, "bob", true, true, true);
        await object[remove[kind]]();
      });
    }

    test("data cannot be written without write", async () => {
      const id = name();
      await alice.document(id);
      await grant("Documents", id, "bob", true, false, false);
      const document = await bob.document(id);
      await fails(document.set({ n: 1 }), 403, 54007);
      await fails(document.setTtl(60), 403, 54007);
      await grant("Documents", id, "bob", true, true, false);
      assert.deepEqual(await document.set({ n: 1 }), { n: 1 });
    });

    test("items cannot be written without write", async () => {
      const id = name();
      const [map, list] = [await alice.map(id), await alice.list(id)];
      await map.set("k", { n: 1 });
      await list.push({ n: 1 });
      await grant("Maps", id, "bob", true, false, false);
      await grant("Lists", id, "bob", true, false, false);
      const [maps, lists] = [await bob.map(id), await bob.list(id)];
      assert.deepEqual((await maps.get("k")).data, { n: 1 });
      await fails(maps.set("k", {}), 403, 54007);
      await fails(maps.remove("k"), 403, 54007);
      await fails(lists.push({}), 403, 54007);
      await fails(lists.remove(0), 403, 54007);
    });

    test("a permission that is taken away ends the subscription, with a failure", async () => {
      const id = name();
      await alice.document(id);
      await grant("Documents", id, "bob", true, true, false);
      const document = await live(await bob.document(id));
      const seen = record(document, "updated");
      const failure = next(document, "failure");
      await emulator.rest("DELETE", `/Documents/${id}/Permissions/bob`);
      await emulator.rest("POST", `/Documents/${id}`, { Data: { secret: 1 } });
      const error = await failure;
      assert.deepEqual([error.status, error.code], [403, 54007]);
      await pause(100);
      assert.deepEqual(seen, []);
      const { frames } = await emulator.control("GET", "frames");
      const leaked = frames.some(
        ({ identity, payload }) => identity === "bob" && payload.includes("secret"),
      );
      assert.equal(leaked, false);
    });

    test("a permission without read does so too, of a Map", async () => {
      const id = name();
      await alice.map(id);
      await grant("Maps", id, "bob", true, true, false);
      const failure = next(await live(await bob.map(id)), "failure");
      await grant("Maps", id, "bob", false, true, false);
      assert.equal((await failure).code, 54007);
    });

    test("permissions count from the moment that the ACL is on", async () => {
      await settings({ AclEnabled: false });
      const id = name();
      await emulator.rest("POST", "/Documents", { UniqueName: id });
      const document = await live(await bob.document(id));
      const failure = next(document, "failure");
      await settings({ AclEnabled: true });
      assert.equal((await failure).code, 54007);
    });

    test("without the ACL everybody has all rights", async () => {
      await settings({ AclEnabled: false });
      const document = await alice.document(name());
      assert.deepEqual(await (await bob.document(document.sid)).set({ n: 1 }), { n: 1 });
      await settings({ AclEnabled: true });
    });

    test("Message Streams are open to everybody", async () => {
      const id = name();
      await alice.stream(id);
      await (await bob.stream(id)).publishMessage({ n: 1 });
    });

    test("webhooks of a client's writes have its identity and endpoint", async () => {
      const { port } = receiver.address();
      await settings({ WebhookUrl: `http://127.0.0.1:${port}/` });
      const id = name();
      const document = await alice.document(id);
      await document.set({ n: 1 });
      await until(() => posts.length >= 2, "two webhooks");
      const shown = posts.map((post) => [post.EventType, post.Identity, post.DocumentUniqueName]);
      assert.deepEqual(shown, [
        ["document_created", "alice", id],
        ["document_updated", "alice", id],
      ]);
      assert.match(posts[0].EndpointId, /^twi1-[0-9a-f]{32}$/);
      assert.equal(posts[0].EndpointId, posts[1].EndpointId);
      posts.length = 0;
      await emulator.rest("POST", `/Documents/${id}`, { Data: { n: 2 } });
      await document.set({ n: 3 });
      await until(() => posts.length > 0, "a webhook");
      assert.deepEqual(posts.map((post) => JSON.parse(post.DocumentData).n), [3]);
    });

    test("endpoints that come and go have webhooks", async () => {
      await settings({ ReachabilityWebhooksEnabled: true });
      posts.length = 0;
      const client = await clients.connect("carol");
      await until(() => posts.length === 1, "endpoint_connected");
      await client.shutdown();
      await until(() => posts.length === 2, "endpoint_disconnected");
      assert.deepEqual(posts.map((post) => [post.EventType, post.Identity]), [
        ["endpoint_connected", "carol"],
        ["endpoint_disconnected", "carol"],
      ]);
      assert.equal(posts[0].EndpointId, posts[1].EndpointId);
    });

    test("an endpoint that is back within the window was never away", async () => {
      await settings({
        ReachabilityDebouncingEnabled: true,
        ReachabilityDebouncingWindow: 10_000,
      });
      const client = await clients.connect("dan");
      await until(() => posts.some((post) => post.Identity === "dan"), "endpoint_connected");
      posts.length = 0;
      await emulator.fault({ fault: "cut", identity: "dan" });
      await until(() => client.states.length === 4, "the client is back");
      await pause(300);
      assert.deepEqual(posts, []);
    });
  });
}
