import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";

import { Clients, VERSIONS, connected, live, next, record, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

for (const version of VERSIONS) {
  describe(`restarts, ${version}`, () => {
    let folder, emulator, clients;
    const restart = async () => {
      const { port } = emulator;
      emulator = await Emulator.start("--port", port, "--data", join(folder, "data"));
      return emulator;
    };

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), "realtime-"));
      emulator = await Emulator.start("--data", join(folder, "data"));
      clients = new Clients(emulator, version);
    });
    afterEach(async () => {
      await clients.close();
      await emulator.stop();
      rmSync(folder, { recursive: true });
    });

    test("SIGTERM ends connections at once", async () => {
      const client = await clients.connect("alice");
      await client.document("document");
      const began = Date.now();
      assert.equal(await emulator.stop(), 0);
      assert.ok(Date.now() - began < 2_000, `${Date.now() - began} ms`);
      await until(() => client.connectionState !== "connected", "the client has noticed");
    });

    test("kill -9 loses no acknowledged write of a client", async () => {
      const client = await clients.connect("alice");
      const list = await client.list("log");
      const map = await client.map("map");
      const acknowledged = [];
      const write = async () => {
        for (let n = 0; ; n += 1) {
          const item = await list.push({ n });
          await map.set(`k${n}`, { n });
          acknowledged.push([item.index, n]);
        }
      };
      const writing = write().catch(() => {});
      await until(() => acknowledged.length >= 20, "twenty writes");
      await emulator.stop("SIGKILL");
      await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 100))]);
      const known = [...acknowledged];
      await restart();
      for (const [index, n] of known) {
        const item = await emulator.rest("GET", `/Lists/log/Items/${index}`);
        assert.deepEqual(item.data, { n });
        assert.deepEqual((await emulator.rest("GET", `/Maps/map/Items/k${n}`)).data, { n });
      }
    });

    test("after a restart clients come back and get what they missed", async () => {
      const client = await clients.connect("alice");
      const document = await live(await client.document({ id: "document", data: { n: 1 } }));
      const map = await live(await client.map("map"));
      for (const key of ["a", "b", "c"]) await map.set(key, { n: 0 });
      const seen = record(map, "itemAdded", "itemUpdated", "itemRemoved");
      await emulator.fault({ fault: "stall", time_ms: 60_000 });
      await emulator.rest("POST", "/Documents/document", { Data: { n: 2 } });
      await emulator.rest("POST", "/Maps/map/Items/a", { Data: { n: 1 } });
      await emulator.rest("DELETE", "/Maps/map/Items/b");
      await emulator.rest("POST", "/Maps/map/Items", { Key: "d", Data: { n: 1 } });
      await emulator.stop("SIGKILL");
      await restart();
      await connected(client);
      await until(() => document.data.n === 2 && seen.length === 3, "all changes");
      const items = (await map.getItems()).items.map(({ key, data }) => [key, data.n]);
      assert.deepEqual(items, [["a", 1], ["c", 0], ["d", 1]]);
      const event = next(document, "updated");
      await emulator.rest("POST", "/Documents/document", { Data: { n: 3 } });
      await event;
    });

    test("an object that was set back while a client was away is removed for it", async () => {
      const client = await clients.connect("alice");
      const document = await live(await client.document("document"));
      const before = await emulator.control("GET", "dump");
      for (let n = 0; n < 7; n += 1) await document.set({ n });
      const removed = next(document, "removed");
      await emulator.fault({ fault: "refuse", status: 429, back_off_ms: [10, 20], always: true });
      await emulator.fault({ fault: "cut" });
      await until(() => client.connectionState !== "connected", "the client has noticed");
      await emulator.control("POST", "seed", before);
      await emulator.control("DELETE", "live_faults");
      await removed;
    });

    test("an emulator without a file has other objects after a restart", async () => {
      const other = await Emulator.start();
      const own = new Clients(other, version);
      const client = await own.connect("alice");
      const document = await live(await client.document("document"));
      const removed = next(document, "removed");
      const { port, account_sid, api_key, api_secret, service_sid } = other;
      await other.stop();
      const environment = {
        TWILIO_ACCOUNT_SID: account_sid,
        TWILIO_API_KEY: api_key,
        TWILIO_API_SECRET: api_secret,
        TWILIO_SYNC_SERVICE_SID: service_sid,
      };
      const again = await Emulator.startWith(environment, "--port", port);
      await removed;
      await own.close();
      await again.stop();
    });
  });
}
