// Twilio's SDK writes and the Rust client watches, and the other way about. The Rust client is the
// program's: `twilio-sync map watch` and `twilio-sync stream listen`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";

import { Clients, VERSIONS, live, record, until, within } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

/** The number of changes whose times are taken. */
const CHANGES = process.env.TWILIO_SYNC_LONG_TESTS ? 2000 : 100;

/** Starts the program with the credentials of an emulator. */
function program(emulator, ...command) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("TWILIO_")),
  );
  Object.assign(env, {
    TWILIO_ACCOUNT_SID: emulator.account_sid,
    TWILIO_API_KEY: emulator.api_key,
    TWILIO_API_SECRET: emulator.api_secret,
    TWILIO_SYNC_SERVICE_SID: emulator.service_sid,
    TWILIO_SYNC_BASE_URL: emulator.url,
  });
  return spawn(process.env.TWILIO_SYNC_PROGRAM, command, { env });
}

/** A command of the program that watches. */
class Watching {
  events = [];

  static async start(emulator, ...command) {
    const watching = new Watching();
    watching.child = program(emulator, ...command);
    createInterface({ input: watching.child.stdout }).on("line", (line) => {
      watching.events.push({ ...JSON.parse(line), at: performance.now() });
    });
    const [notice] = await within(once(watching.child.stderr, "data"), "the program watches");
    assert.match(String(notice), /^Watching /);
    return watching;
  }

  async stop() {
    this.child.kill();
    await once(this.child, "exit");
  }
}

for (const version of VERSIONS) {
  describe(`with the Rust client, ${version}`, () => {
    let emulator, clients, alice;

    before(async () => {
      emulator = await Emulator.start();
      clients = new Clients(emulator, version);
      alice = await clients.connect("alice");
    });
    after(async () => {
      await clients.close();
      await emulator.stop();
    });

    test("what the SDK writes is watched", async () => {
      const map = await alice.map("written");
      const watching = await Watching.start(emulator, "map", "watch", "written");
      await map.set("k 1/ž", { n: 1 });
      await map.set("k 1/ž", { n: 2 });
      await map.remove("k 1/ž");
      await until(() => watching.events.length === 3, "three events");
      const told = watching.events.map(({ event, key, data }) => [event, key, data]);
      assert.deepEqual(told, [
        ["added", "k 1/ž", { n: 1 }],
        ["updated", "k 1/ž", { n: 2 }],
        ["removed", "k 1/ž", { n: 2 }],
      ]);
      await watching.stop();
    });

    test("messages that the SDK publishes are heard", async () => {
      const stream = await alice.stream("heard");
      const watching = await Watching.start(emulator, "stream", "listen", "heard");
      const message = await stream.publishMessage({ hello: "Rust" });
      await until(() => watching.events.length === 1, "a message");
      const { event, sid, data } = watching.events[0];
      assert.deepEqual([event, sid, data], ["message", message.sid, { hello: "Rust" }]);
      await watching.stop();
    });

    test("what Rust writes is seen by the SDK", async () => {
      const map = await live(await alice.map("seen"));
      const seen = record(map, "itemAdded", "itemUpdated", "itemRemoved");
      const child = program(emulator, "map", "set", "seen", "k", '{"n": 1}');
      assert.deepEqual(await once(child, "exit"), [0, null]);
      await until(() => seen.length === 1, "itemAdded");
      assert.deepEqual(seen, [["itemAdded", { item: { n: 1 }, isLocal: false }]]);
    });

    test("both see each change, in the same order", async (context) => {
      const map = await live(await alice.map("raced"));
      const watching = await Watching.start(emulator, "map", "watch", "raced");
      const seen = [];
      for (const event of ["itemAdded", "itemUpdated"]) {
        map.on(event, ({ item }) => seen.push({ data: item.data, at: performance.now() }));
      }
      for (let n = 0; n < CHANGES; n += 1) {
        const data = { n, at: performance.now() };
        await emulator.rest("POST", n ? "/Maps/raced/Items/k" : "/Maps/raced/Items", {
          Data: data,
          ...(n ? {} : { Key: "k" }),
        });
      }
      await until(() => seen.length === CHANGES && watching.events.length === CHANGES, "all");
      const at = (events, part) => {
        const times = events.map(({ data, at }) => at - data.at).sort((one, other) => one - other);
        return times[Math.floor((times.length - 1) * part)];
      };
      for (const part of [0.5, 0.99]) {
        const [sdk, rust] = [at(seen, part), at(watching.events, part)];
        context.diagnostic(
          `p${part * 100} from write to event: SDK ${sdk.toFixed(2)} ms, Rust ${rust.toFixed(2)} ms`,
        );
      }
      assert.deepEqual(
        watching.events.map(({ data }) => data.n),
        seen.map(({ data }) => data.n),
      );
      await watching.stop();
    });
  });
}
