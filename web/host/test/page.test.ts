import { encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { HostPage } from "../src/page.ts";
import { browser, eventually, ScriptedEngine } from "./scripted-engine.ts";

const REQUEST = { engine: "http://token.localhost:2", workdirName: "work", timeoutMs: 300 };

let engine: ScriptedEngine;
let page: HostPage;
let asked: { url: string; method: string; body: Uint8Array | null }[];
let answers: Map<string, Response>;

beforeEach(async () => {
  vi.resetModules();
  engine = new ScriptedEngine();
  asked = [];
  answers = new Map();
  browser(engine, "init");
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
    // Anything but a Blob would be copied in text for the debugger: 10 MB took a second instead of 50 ms.
    const body = init?.body instanceof Blob ? new Uint8Array(await init.body.arrayBuffer()) : null;
    asked.push({ url, method: init?.method ?? "GET", body });
    return await Promise.resolve(answers.get(url) ?? new Response("", { status: 404 }));
  });
  await import("../src/page.ts");
  page = globalThis.runnerHost;
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a page boots once, and says how its container is", async () => {
  expect(page.state).toBe("none");
  await expect(page.readFile("a")).rejects.toMatchObject({ code: "gone", reason: "no container has booted in this page" });
  expect(await page.boot(REQUEST)).toMatchObject({ workdir: "/home/work" });
  expect(page.state).toBe("ready");
  await expect(page.boot(REQUEST)).rejects.toMatchObject({ code: "internal" });
  await page.teardown();
  expect(page.state).toBe("gone");
});

test("a page whose boot failed is gone, and what the runner reads is in the error's message", async () => {
  vi.stubGlobal("crossOriginIsolated", false);
  const error = await page.boot(REQUEST).catch((reason: unknown) => reason as Error);
  expect(error).toBeInstanceOf(Error);
  expect(JSON.parse((error as Error).message.replace(/^HostError /, ""))).toMatchObject({ code: "not-isolated" });
  expect(page.state).toBe("gone");
  await page.teardown();
});

test("snapshots are fetched from the runner, and sent to it", async () => {
  await page.boot(REQUEST);
  answers.set("/files/b/in", new Response(encode({ d: { "a.txt": { f: { c: "a" } } } })));
  answers.set("/files/b/out", new Response(""));
  await page.mount("/files/b/in", "deep");
  expect(engine.mounted[0]?.mountPoints).toBe("deep");
  expect(await page.exportTo("dist", "/files/b/out", { format: "binary", excludes: ["**/x"] })).toEqual({ bytes: 12 });
  const put = asked.find((request) => request.method === "PUT");
  expect(new TextDecoder().decode(put?.body ?? new Uint8Array())).toBe("tree of dist");
});

test("a file server that refuses is told by its status", async () => {
  await page.boot(REQUEST);
  await expect(page.mount("/files/b/none")).rejects.toMatchObject({ code: "mount", reason: "the runner's file server answered 404 to GET" });
  const out = page.exportTo(".", "/files/b/none", { format: "binary" });
  await expect(out).rejects.toMatchObject({ code: "export", reason: "the runner's file server answered 404 to PUT" });
});

test("small files travel as base64, and events reach the runner's binding", async () => {
  const batches: unknown[] = [];
  globalThis.runnerEmit = (events) => Promise.resolve(void batches.push(...events));
  await page.boot(REQUEST);
  await page.writeFile("a.bin", btoa("\u0000\u00ff"));
  expect([...(engine.files.get("a.bin") ?? [])]).toEqual([0, 255]);
  expect(atob((await page.readFile("a.bin")) ?? "")).toBe("\u0000\u00ff");
  expect(await page.readFile("a.bin", 1)).toBeNull();
  answers.set("/files/b/bytes", new Response(""));
  expect(await page.sendFile("a.bin", "/files/b/bytes")).toEqual({ bytes: 2 });
  expect([...(asked.at(-1)?.body ?? [])]).toEqual([0, 255]);
  await page.spawn("p", { command: "node", args: [] });
  await page.kill("p");
  await eventually(() => expect(batches.at(-1)).toEqual({ kind: "exit", id: "p", code: 143 }));
  await expect(page.resize("p", 1, 1)).rejects.toMatchObject({ code: "spawn" });
  globalThis.runnerEmit = undefined;
});
