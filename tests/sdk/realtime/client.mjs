// Clients of the official SDK, and what checks wait for.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The versions of the SDK, newest first. */
export const VERSIONS = ["twilio-sync-4", "twilio-sync-3"];

/** The time after which a check fails. */
const PATIENCE = 30_000;

export function sdk(version) {
  return require(version).SyncClient;
}

export function within(promise, what, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The arguments of the next event that `wanted` accepts. */
export function next(emitter, event, wanted = () => true) {
  const seen = [];
  const promise = new Promise((resolve) => {
    const listener = (args) => {
      seen.push(args);
      if (!wanted(args)) return;
      emitter.removeListener(event, listener);
      resolve(args);
    };
    emitter.on(event, listener);
  });
  return within(promise, `${event}, only ${seen.length} others`);
}

/** Waits until `check` passes. */
export async function until(check, what, ms = PATIENCE) {
  const end = Date.now() + ms;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await pause(10);
  }
}

/** Waits until an object's subscription is established, so that it misses no event. */
export async function live(object) {
  const impl = Object.values(object).find((member) => member?.subscriptionState !== undefined);
  await until(() => impl.subscriptionState === "established", "the subscription is established");
  return object;
}

/** An object as each of these clients opens it, subscribed. */
export async function opened(clients, open) {
  const objects = [];
  for (const client of clients) objects.push(await live(await open(client)));
  return objects;
}

/** The events of an object so far, by name, in their order. */
export function record(object, ...events) {
  const seen = [];
  for (const event of events) {
    object.on(event, (args) => {
      const shown = { ...args };
      if (args?.item) shown.item = args.item.data;
      seen.push([event, shown]);
    });
  }
  return seen;
}

/** The error of a promise that must fail, with its status and code. */
export async function fails(promise, status, code) {
  let error;
  try {
    await within(promise, "a failure");
  } catch (failure) {
    error = failure;
  }
  assert.ok(error, "it must fail");
  assert.deepEqual([error.status, error.code], [status, code], error.message);
  return error;
}

export class Clients {
  constructor(emulator, version) {
    this.emulator = emulator;
    this.SyncClient = sdk(version);
    this.open = [];
  }

  /** A client that may not be connected yet. */
  create(identity, token = this.emulator.token(identity), options = {}) {
    const uri = this.emulator.realtime_url;
    const client = new this.SyncClient(token, { Twilsock: { uri }, ...options });
    client.states = [];
    client.on("connectionStateChanged", (state) => client.states.push(state));
    this.open.push(client);
    return client;
  }

  /** A client that is connected. */
  async connect(identity, token = undefined, options = undefined) {
    const client = this.create(identity, token, options);
    await connected(client);
    return client;
  }

  async close() {
    await Promise.all(this.open.map((client) => client.shutdown().catch(() => {})));
    this.open = [];
  }
}

export const connected = (client) => state(client, "connected");

export async function state(client, wanted) {
  const is = () => client.connectionState === wanted && client.states.at(-1) === wanted;
  await until(is, `${wanted} (${client.states})`);
}

/** All items of a collection, page by page. */
export async function all(collection, options) {
  const pages = [];
  let page = await collection.getItems(options);
  for (;;) {
    pages.push(page.items);
    if (!page.hasNextPage) return pages;
    page = await page.nextPage();
  }
}
