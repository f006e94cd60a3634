// Many writes by REST and by clients, through connections that are cut, closed and stalled: each client's view
// is that of the store, and no event comes twice. TWILIO_SYNC_LONG_TESTS=1 makes it long.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, all, live, pause, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const [WRITES, FAULTS] = process.env.TWILIO_SYNC_LONG_TESTS ? [5_000, 50] : [150, 3];
/** The time of a fault and of what makes clients right after it: back-off included. */
const PATIENCE = 120_000;

const FAULT = [
  { fault: "cut" },
  { fault: "stall", time_ms: 300 },
  { fault: "close", status: 308, back_off_ms: [100, 200] },
];

for (const version of VERSIONS) {
  describe(`soak, ${version}`, () => {
    let emulator, clients;

    before(async () => {
      emulator = await Emulator.start();
      clients = new Clients(emulator, version);
    });
    after(async () => {
      await clients.close();
      await emulator.stop();
    });

    test(`${WRITES} writes through ${FAULTS} faults: nothing is lost, nothing comes twice`, async (t) => {
      const views = [];
      for (const identity of ["alice", "bob", "carol"]) {
        const client = await clients.connect(identity);
        const map = await live(await client.map("map"));
        const view = { client, map, items: new Map(), seen: new Set(), doubled: [] };
        for (const event of ["itemAdded", "itemUpdated"]) {
          map.on(event, ({ item: { key, data } }) => {
            const write = JSON.stringify(data);
            if (view.seen.has(write)) view.doubled.push(write);
            view.seen.add(write);
            view.items.set(key, data);
          });
        }
        map.on("itemRemoved", ({ key }) => view.items.delete(key));
        views.push(view);
      }

      let done = 0;
      const key = (n) => `k${n % 37}`;
      // Each writer has keys of its own, so that a write that has no reply can be made again.
      const share = Math.floor(WRITES / 3);
      const rest = async () => {
        const known = new Set();
        for (let n = 0; n < share; n += 1, done += 1) {
          const name = `rest-${key(n)}`;
          if (n % 11 === 10 && known.delete(name)) {
            await emulator.rest("DELETE", `/Maps/map/Items/${name}`);
          } else {
            const Data = { writer: "rest", n };
            if (known.has(name)) await emulator.rest("POST", `/Maps/map/Items/${name}`, { Data });
            else await emulator.rest("POST", "/Maps/map/Items", { Key: name, Data });
            known.add(name);
          }
        }
      };
      const write = async (writer, { map }) => {
        for (let n = 0; n < share; n += 1, done += 1) {
          const name = `${writer}-${key(n)}`;
          for (let attempt = 0; ; attempt += 1) {
            try {
              await map.set(name, { writer, n, attempt });
              if (n % 11 === 10) await map.remove(name);
              break;
            } catch (error) {
              // Its connection has ended, or it was removed by an attempt without a reply.
              if (error.code === 54201) break;
              await pause(50);
            }
          }
        }
      };
      const fault = async () => {
        for (let n = 1; n <= FAULTS; n += 1) {
          await until(() => done >= (n * 3 * share) / (FAULTS + 1), "writes go on", PATIENCE);
          await emulator.fault(FAULT[n % FAULT.length]);
          const back = () => clients.open.every(({ connectionState }) => connectionState === "connected");
          await pause(20);
          await until(back, "all are connected again", PATIENCE);
        }
      };
      const began = Date.now();
      await Promise.all([rest(), write("alice", views[0]), write("bob", views[1]), fault()]);

      const stored = {};
      for (let page = "/Maps/map/Items?PageSize=100"; page; ) {
        const { items, meta } = await emulator.rest("GET", page);
        for (const item of items) stored[item.key] = item.data;
        page = meta.next_page_url?.replace(/^.*?\/Maps/, "/Maps");
      }
      for (const { map, items, doubled } of views) {
        const same = () => {
          try {
            assert.deepEqual(Object.fromEntries(items), stored);
            return true;
          } catch {
            return false;
          }
        };
        await until(same, "the view of events is that of the store", PATIENCE);
        const pages = await all(map, { pageSize: 100 });
        assert.deepEqual(Object.fromEntries(pages.flat().map(({ key, data }) => [key, data])), stored);
        assert.deepEqual(doubled, []);
      }
      t.diagnostic(`${done} writes, ${FAULTS} faults, ${Date.now() - began} ms: 0 lost, 0 doubled`);
    });
  });
}
