// Twilio's Node SDK as a contender: takes one measurement and prints it, as worker.rs does.

import { createRequire } from "node:module";
import { cpuUsage, resourceUsage } from "node:process";
import { performance } from "node:perf_hooks";

// The SDK is the one the tests install.
const require = createRequire(new URL("../../tests/sdk/node/", import.meta.url));
const twilio = require("twilio");

const { contender, work, at, seconds, server } = JSON.parse(process.argv[2]);
const client = twilio(server.api_key, server.api_secret, { accountSid: server.account_sid });
client.sync.baseUrl = server.url;
const service = client.sync.v1.services(server.service_sid);

// The by-name algorithm of the JavaScript library this crate follows: all objects, then the one.
async function sidOf(name) {
  const documents = await service.documents.list();
  const found = documents.find((document) => document.uniqueName === name);
  if (!found) throw new Error(`no document is named ${name}`);
  return found.sid;
}
const address = contender === "node-list" ? sidOf : async (name) => name;

const text = "an item of usual length";
const calls = {
  get: async (n) => (await service.documents(await address(`doc-${n}`)).fetch()).data,
  update: async (n) =>
    (await service.documents(await address(`doc-${n}`)).update({ data: { n, text } })).data,
  set: async (n) =>
    (await service.syncMaps("map").syncMapItems(`key-${n}`).update({ data: { n, text } })).data,
  add: async (n) => (await service.syncLists("log").syncListItems.create({ data: { n, text } })).data,
  upsert: async (n) => {
    const data = { n, text };
    try {
      return (await service.documents(`doc-${n}`).update({ data })).data;
    } catch (error) {
      if (error.status !== 404) throw error;
      return (await service.documents.create({ uniqueName: `doc-${n}`, data })).data;
    }
  },
};

async function remove(list) {
  const collection = service.syncLists(list).syncListItems;
  const items = await collection.list();
  let removed = 0;
  for (const item of items) {
    const keys = Object.keys(item.data);
    if (keys.length === 1 && keys[0] === "call") {
      // As text, for the SDK takes the number 0 for none.
      await collection(String(item.index)).remove({ ifMatch: item.revision });
      removed += 1;
    }
  }
  return removed;
}

function stream(most) {
  let count = 0;
  return new Promise((resolve, reject) => {
    service.syncLists("long").syncListItems.each({
      limit: most,
      pageSize: 50,
      callback: (item) => {
        if (item.data.text !== text) reject(new Error("another item"));
        count += 1;
      },
      done: (error) => (error ? reject(error) : resolve(count)),
    });
  });
}

const times = [];

async function task(number, end, lists) {
  if (work.action === "stream") return stream(lists === "warm" ? Math.min(work.size, 10000) : work.size);
  if (work.action === "remove") return remove(`${lists}-${number}`);
  const call = calls[work.action];
  let count = 0;
  let now = performance.now();
  while (now < end || count === 0) {
    const data = await call((number * 77 + count) % Math.max(work.size, 1));
    if (data.text !== text) throw new Error("another object");
    const done = performance.now();
    if (lists !== "warm") times.push(done - now);
    count += 1;
    now = done;
  }
  return count;
}

async function phase(milliseconds, lists) {
  const end = performance.now() + milliseconds;
  const counts = await Promise.all(Array.from({ length: at }, (_, number) => task(number, end, lists)));
  return counts.reduce((sum, count) => sum + count, 0);
}

// V8 needs longer than machine code until it is at its best.
const warm = await phase(Math.max(seconds * 1000, 500), "warm");
const before = cpuUsage();
const begun = performance.now();
const done = await phase(seconds * 1000, "log");
const elapsed = (performance.now() - begun) / 1000;
const cpu = cpuUsage(before);
times.sort((one, other) => one - other);
const part = (share) => {
  const time = times[Math.floor(times.length * share)];
  return time === undefined ? null : time * 1000;
};
console.log(JSON.stringify({
  calls: done,
  seconds: elapsed,
  all_calls: warm + done,
  cpu_seconds: (cpu.user + cpu.system) / 1e6,
  p50: part(0.5),
  p99: part(0.99),
  peak_kib: resourceUsage().maxRSS,
}));
process.exit(0);
