import { AsyncLocalStorage, AsyncResource, executionAsyncId, createHook } from "node:async_hooks";
import { EventEmitter } from "node:events";
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const storage = new AsyncLocalStorage();
const seen = [];
const note = (place) => seen.push(`${place}: ${storage.getStore()}`);

async function request(id, ms) {
  note(`${id} start`);
  await sleep(ms);
  note(`${id} after sleep`);
  await Promise.all([1, 2].map(async (part) => { await null; note(`${id} part ${part}`); }));
  for await (const item of (async function* () { yield 1; await sleep(1); yield 2; })()) note(`${id} item ${item}`);
  await new Promise((done) => setImmediate(() => { note(`${id} immediate`); done(); }));
  await new Promise((done) => process.nextTick(() => { note(`${id} tick`); queueMicrotask(() => { note(`${id} microtask`); done(); }); }));
  await fs.promises.readFile("main.mjs");
  note(`${id} after file`);
  await new Promise((done) => fs.stat("main.mjs", () => { note(`${id} stat`); done(); }));
  try { await Promise.reject(new Error("x")); } catch { note(`${id} caught`); } finally { note(`${id} finally`); }
  await Promise.resolve().then(() => note(`${id} then`));
  await { then(resolve) { note(`${id} thenable`); resolve(); } };
  return id;
}
await Promise.all([storage.run("A", () => request("a", 5)), storage.run("B", () => request("b", 1))]);
console.log(seen.filter((line) => line.startsWith("a")).join("\n"));
console.log(seen.filter((line) => line.startsWith("b")).every((line) => line.endsWith(": B")), storage.getStore());

storage.run("outer", () => {
  storage.run("inner", () => console.log(storage.getStore()));
  console.log(storage.getStore(), storage.exit(() => storage.getStore()));
});
const emitter = new EventEmitter();
storage.run("at listening", () => emitter.on("x", () => console.log("emitted in", storage.getStore())));
storage.run("at emitting", () => emitter.emit("x"));
const resource = storage.run("kept", () => new AsyncResource("MINE"));
console.log(resource.runInAsyncScope(() => storage.getStore()), typeof executionAsyncId());
const bound = storage.run("bound", () => AsyncLocalStorage.bind(() => storage.getStore()));
console.log(storage.run("other", bound), storage.run("snap", () => AsyncLocalStorage.snapshot())(() => storage.getStore()));
storage.enterWith("entered");
await sleep(1);
console.log(storage.getStore(), typeof createHook);
const settled = storage.run("creator", () => Promise.resolve());
await storage.run("awaiter", async () => { await settled; console.log(storage.getStore()); });
