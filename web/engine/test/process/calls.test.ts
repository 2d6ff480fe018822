import { encode } from "@msgpack/msgpack";
import { build } from "esbuild";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as passed } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FORMAT, STATE, SYNC } from "../../src/contract.ts";

const ENTRY = `
  import { parentPort, workerData } from "node:worker_threads";
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  const { attach, callSync } = await import("./calls.ts");
  attach(workerData);
  const answers = [callSync("fs.realpath", "/first"), callSync("fs.realpath", "/second")];
  parentPort.postMessage({ kind: "answers", answers });
`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "calls-"));
  await build({
    stdin: { contents: ENTRY, resolveDir: new URL("../../src/process", import.meta.url).pathname },
    outfile: join(folder, "worker.mjs"), bundle: true, format: "esm", platform: "node", logLevel: "silent",
  });
});
afterAll(() => rm(folder, { recursive: true }));

test("a call that is woken by the late word for the answer before waits for its own", async () => {
  const memory = new SharedArrayBuffer(SYNC.SIZE);
  const words = new Int32Array(memory, 0, SYNC.DATA / 4);
  const put = (value: unknown): void => {
    const data = encode(value);
    new Uint8Array(memory, SYNC.DATA).set(data);
    Atomics.store(words, SYNC.LENGTH, data.length);
    Atomics.store(words, SYNC.FORMAT, FORMAT.VALUE);
    Atomics.store(words, SYNC.STATE, STATE.DONE);
    Atomics.notify(words, SYNC.STATE);
  };
  const worker = new Worker(join(folder, "worker.mjs"), { workerData: memory });
  const heard: unknown[] = [];
  const answers = await new Promise((resolve, reject) => {
    worker.on("error", reject);
    worker.on("message", (message: { kind: string; args?: unknown[]; answers?: unknown }) => {
      heard.push(message.kind);
      if (message.kind === "answers") resolve(message.answers);
      else if (message.args?.[0] === "/first") put("a long answer to the first call");
      else if (message.args?.[0] === "/second") {
        // As when the kernel is stopped between its answer and its notification.
        void passed(100).then(() => Atomics.notify(words, SYNC.STATE));
        void passed(200).then(() => put("short"));
      }
    });
  });
  await worker.terminate();
  expect(answers).toEqual(["a long answer to the first call", "short"]);
  expect(heard).toEqual(["call", "call", "answers"]);
});
