import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createServer, preview } from "vite";
import type { InlineConfig } from "vite";
import { isolation } from "../src/vite.ts";

const PAGE = '<!doctype html><title>t</title><script type="module" src="/main.js"></script>';
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "runner-vite-"));
  await mkdir(join(root, "dist"));
  for (const file of ["index.html", "dist/index.html"]) await writeFile(join(root, file), PAGE);
  await writeFile(join(root, "main.js"), "export const answer = 42;\n");
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

function config(coep?: "credentialless"): InlineConfig {
  const here = { host: "127.0.0.1", port: 0, strictPort: false };
  const plugins = [isolation(coep === undefined ? {} : { coep })];
  return { root, configFile: false, logLevel: "silent", plugins, server: here, preview: here, optimizeDeps: { noDiscovery: true } };
}

async function headersOf(base: string | undefined, path: string): Promise<Record<string, string | null>> {
  const answer = await fetch(new URL(path, base));
  await answer.arrayBuffer();
  const wanted = ["opener-policy", "embedder-policy", "resource-policy"];
  return Object.fromEntries(wanted.map((name) => [name, answer.headers.get(`cross-origin-${name}`)]));
}

const ISOLATED = { "opener-policy": "same-origin", "embedder-policy": "require-corp", "resource-policy": "cross-origin" };

describe("a page that vite serves is cross-origin isolated", () => {
  test("by its development server: pages, modules, and what is missing", async () => {
    const server = await createServer(config());
    await server.listen();
    const base = server.resolvedUrls?.local[0];
    for (const path of ["/", "/main.js", "/@vite/client", "/missing.css"]) expect(await headersOf(base, path)).toEqual(ISOLATED);
    await server.close();
  });

  test("by its preview server, in the way that was asked for", async () => {
    const server = await preview(config("credentialless"));
    const found = await headersOf(server.resolvedUrls?.local[0], "/");
    expect(found).toEqual({ ...ISOLATED, "embedder-policy": "credentialless" });
    await server.close();
  });
});
