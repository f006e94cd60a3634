// Two pages in Chromium, which are the example of the documentation with the SDK's build for browsers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { chromium } from "playwright-core";

import { VERSIONS, until } from "./client.mjs";
import { Emulator } from "./emulator.mjs";

const executablePath = process.env.TWILIO_SYNC_CHROMIUM;
// Where CI is set, the tests fail without it.
const skip = !executablePath && !process.env.CI && "TWILIO_SYNC_CHROMIUM names no browser";

const read = (path) => readFileSync(new URL(path, import.meta.url));

/** Serves the page with a version of the SDK. */
async function serve(version) {
  const files = {
    "/realtime.html": ["text/html", read("../../../examples/realtime.html")],
    "/sdk.js": ["text/javascript", read(`node_modules/${version}/builds/twilio-sync.min.js`)],
  };
  const server = createServer((request, response) => {
    const [type, file] = files[new URL(request.url, "http://page").pathname] ?? [];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": type }).end(file);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** A page of an identity, in a browser profile of its own. */
class Page {
  static async open(browser, address, emulator, identity) {
    const page = new Page();
    page.context = await browser.newContext();
    page.page = await page.context.newPage();
    const options = new URLSearchParams({ emulator: emulator.url, identity, sdk: "/sdk.js" });
    page.address = `${address}/realtime.html?${options}`;
    await page.load();
    return page;
  }

  async load() {
    await this.page.goto(this.address);
    await until(() => this.page.locator("#controls:enabled").count(), "the page has its objects");
  }

  /** The document of another origin, so that this one's ends. */
  leave() {
    return this.page.goto("about:blank");
  }

  async setOffline(offline) {
    await this.context.setOffline(offline);
    const is = async () => ((await this.text("#state")) === "connected") !== offline;
    await until(is, offline ? "the connection ends" : "the connection is back");
  }

  text(selector) {
    return this.page.locator(selector).textContent();
  }

  add() {
    return this.page.click("#add");
  }

  async submit(form, texts) {
    for (const [name, text] of Object.entries(texts)) {
      await this.page.fill(`${form} [name=${name}]`, text);
    }
    await this.page.click(`${form} button`);
  }

  set(key, text) {
    return this.submit("#set", { key, text });
  }

  push(text) {
    return this.submit("#push", { text });
  }

  remove(list, name) {
    return this.page.locator(`${list} li`, { hasText: `${name}: ` }).locator("button").click();
  }

  /** What it shows: the count, the entries of the Map and the lines of the List. */
  async shown() {
    const items = (list) =>
      this.page.locator(list).evaluate((list) => [...list.children].map((item) => item.firstChild.data.trim()));
    const [entries, lines] = [await items("#entries"), await items("#lines")];
    return { count: await this.text("#count"), entries: entries.sort(), lines: lines.sort() };
  }

  /** The events that it has logged, oldest first: those of one object, in their order. */
  async events(wanted) {
    const texts = await this.page
      .locator("#log")
      .evaluate((log) => [...log.children].map((item) => item.lastChild.data));
    return texts.reverse().filter((text) => wanted.test(text));
  }
}

const DOCUMENT = /^updated/;
const ENTRIES = /^item.* write: [a-z]/;
const LINES = /^item.* write: [0-9]/;

/** Waits until each page shows this. */
async function all(pages, wanted) {
  for (const page of pages) {
    let shown;
    const is = async () => {
      shown = { ...(await page.shown()) };
      return Object.entries(wanted).every(
        ([name, value]) => JSON.stringify(shown[name]) === JSON.stringify(value),
      );
    };
    await until(is, JSON.stringify(wanted)).catch((error) => {
      throw new Error(`${error.message}, but ${JSON.stringify(shown)}`);
    });
  }
}

for (const version of VERSIONS) {
  describe(`pages, ${version}`, { skip }, () => {
    let browser, server, address, emulator, alice, bob;

    before(async () => {
      assert.ok(executablePath, "TWILIO_SYNC_CHROMIUM names no browser");
      browser = await chromium.launch({ executablePath });
      server = await serve(version);
      address = `http://127.0.0.1:${server.address().port}`;
    });
    after(async () => {
      await browser?.close();
      server?.close();
    });
    beforeEach(async () => {
      emulator = await Emulator.start("--page-tokens");
      alice = await Page.open(browser, address, emulator, "alice");
      bob = await Page.open(browser, address, emulator, "bob");
    });
    afterEach(async () => {
      for (const page of [alice, bob]) await page?.context.close();
      await emulator.stop();
    });

    test("both see each other's writes to a Document, once each", async () => {
      await alice.add();
      await all([alice, bob], { count: "1" });
      await bob.add();
      await all([alice, bob], { count: "2" });
      await emulator.rest("POST", "/Documents/counter", { Data: { count: 7 } });
      await all([alice, bob], { count: "7" });
      const write = (writer, count) => `updated, ${writer} write: {"count":${count}}`;
      assert.deepEqual(await alice.events(DOCUMENT), [write("own", 1), write("other", 2), write("other", 7)]);
      assert.deepEqual(await bob.events(DOCUMENT), [write("other", 1), write("own", 2), write("other", 7)]);
    });

    test("both see each other's writes to a Map, once each", async () => {
      await alice.set("a", "1");
      await all([alice, bob], { entries: ["a: 1"] });
      await bob.set("a", "2");
      await all([alice, bob], { entries: ["a: 2"] });
      await bob.set("b", "1");
      await all([alice, bob], { entries: ["a: 2", "b: 1"] });
      await alice.remove("#entries", "a");
      await all([alice, bob], { entries: ["b: 1"] });
      await emulator.rest("POST", "/Maps/entries/Items", { Key: "c", Data: { text: "1" } });
      await all([alice, bob], { entries: ["b: 1", "c: 1"] });
      assert.deepEqual(await bob.events(ENTRIES), [
        "itemAdded, other write: a: 1",
        "itemUpdated, own write: a: 2",
        "itemAdded, own write: b: 1",
        "itemRemoved, other write: a",
        "itemAdded, other write: c: 1",
      ]);
    });

    test("both see each other's writes to a List, once each", async () => {
      await alice.push("x");
      await all([alice, bob], { lines: ["0: x"] });
      await bob.push("y");
      await all([alice, bob], { lines: ["0: x", "1: y"] });
      await emulator.rest("POST", "/Lists/lines/Items", { Data: { text: "z" } });
      await all([alice, bob], { lines: ["0: x", "1: y", "2: z"] });
      await alice.remove("#lines", "1");
      await all([alice, bob], { lines: ["0: x", "2: z"] });
      assert.deepEqual(await bob.events(LINES), [
        "itemAdded, other write: 0: x",
        "itemAdded, own write: 1: y",
        "itemAdded, other write: 2: z",
        "itemRemoved, other write: 1",
      ]);
    });

    test("a page that was offline gets all that it missed, once", async () => {
      await alice.set("kept", "0");
      await alice.set("removed", "0");
      await alice.push("first");
      const before = { count: "0", entries: ["kept: 0", "removed: 0"], lines: ["0: first"] };
      await all([alice, bob], before);
      await bob.setOffline(true);
      for (const count of ["1", "2", "3"]) {
        await alice.add();
        await all([alice], { count });
      }
      await alice.set("kept", "1");
      await alice.remove("#entries", "removed");
      await alice.set("new", "1");
      for (const text of ["second", "third"]) await alice.push(text);
      const missed = { count: "3", entries: ["kept: 1", "new: 1"], lines: ["0: first", "1: second", "2: third"] };
      await all([alice], missed);
      assert.deepEqual(await bob.shown(), before);

      await bob.setOffline(false);
      await all([bob], missed);
      await bob.add();
      await bob.set("after", "1");
      await bob.push("fourth");
      const end = {
        count: "4",
        entries: ["after: 1", "kept: 1", "new: 1"],
        lines: ["0: first", "1: second", "2: third", "3: fourth"],
      };
      await all([alice, bob], end);
      // Events of an object come in their order, so one that came twice would be here.
      assert.deepEqual(
        await bob.events(DOCUMENT),
        [1, 2, 3].map((n) => `updated, other write: {"count":${n}}`).concat('updated, own write: {"count":4}'),
      );
      assert.deepEqual((await bob.events(ENTRIES)).slice(2), [
        "itemUpdated, other write: kept: 1",
        "itemRemoved, other write: removed",
        "itemAdded, other write: new: 1",
        "itemAdded, own write: after: 1",
      ]);
      assert.deepEqual((await bob.events(LINES)).slice(1), [
        "itemAdded, other write: 1: second",
        "itemAdded, other write: 2: third",
        "itemAdded, own write: 3: fourth",
      ]);
    });

    test("both are offline at times, and end with the same", async () => {
      for (let round = 0; round < 3; round += 1) {
        for (const [away, here] of [[alice, bob], [bob, alice]]) {
          await away.setOffline(true);
          await here.add();
          await here.set(`k${round}`, "1");
          await here.push("x");
          await away.setOffline(false);
        }
      }
      const lines = [0, 1, 2, 3, 4, 5].map((index) => `${index}: x`);
      await all([alice, bob], { count: "6", entries: ["k0: 1", "k1: 1", "k2: 1"], lines });
      for (const page of [alice, bob]) assert.equal((await page.events(DOCUMENT)).length, 6);
    });

    test("a page that was loaded again opens from its storage, and shows the newest state", async () => {
      await bob.add();
      await bob.set("a", "1");
      await bob.push("x");
      await all([alice, bob], { count: "1", entries: ["a: 1"], lines: ["0: x"] });
      await bob.leave();
      await alice.add();
      await alice.set("a", "2");
      await alice.set("b", "1");
      await alice.push("y");
      const newest = { count: "2", entries: ["a: 2", "b: 1"], lines: ["0: x", "1: y"] };
      await all([alice], newest);
      await emulator.control("DELETE", "requests");
      await bob.load();
      await all([bob], newest);
      const { requests } = await emulator.control("GET", "requests");
      const own = requests.filter(({ identity }) => identity === "bob").map(({ operation }) => operation);
      assert.ok(!own.includes("FetchDocument") && own.includes("ListSyncMapItem"), own.join());
      await bob.add();
      await alice.set("c", "1");
      await all([alice, bob], { count: "3", entries: ["a: 2", "b: 1", "c: 1"] });
    });

    test("after a reset a page that is loaded again has the new objects", async () => {
      await bob.add();
      await all([alice, bob], { count: "1" });
      await emulator.control("POST", "reset");
      for (const page of [alice, bob]) {
        await until(async () => (await page.events(/removed/)).length > 0, "the Document is removed");
        await page.load();
      }
      await all([alice, bob], { count: "0", entries: [], lines: [] });
      await bob.add();
      await all([alice, bob], { count: "1" });
    });
  });
}
