/**
 * The host page's script: `globalThis.runnerHost`, what the runner calls over the browser's debugging protocol.
 *
 * Files travel by requests to the page's own server, small things as base64. Every method rejects with a HostError,
 * whose message is `HostError {json}` with `code`, `message` and, for files, `errno`. Events go to
 * `globalThis.runnerEmit`, which the runner puts there, in batches and in order.
 */
import { fromBase64, toBase64 } from "./bytes.ts";
import type { ToolEvent, ToolState } from "./events.ts";
import { asHostError, HostError } from "./failure.ts";
import type { HostCode } from "./failure.ts";
import { WebContainerTool } from "./tool.ts";
import type { Booted, BootRequest, ExportRequest, SpawnRequest } from "./tool.ts";

declare global {
  // Globals are declared by `var` only.
  var runnerHost: HostPage;
  var runnerEmit: ((events: ToolEvent[]) => Promise<void>) | undefined;
}

/** The page's functions; a page has one container in its life. */
export class HostPage {
  #tool: WebContainerTool | null = null;
  #before: "none" | "booting" | "gone" = "none";

  /** How the container is; `none` before the boot, `gone` also after one that failed. */
  get state(): ToolState | "none" {
    return this.#tool?.state ?? this.#before;
  }

  /** Boot the page's container. Rejects with `internal` when there is or was one: the engine lives as long as its page. */
  async boot(request: BootRequest): Promise<Booted> {
    if (this.#before !== "none") throw new HostError("internal", "this page has booted its container already");
    this.#before = "booting";
    try {
      this.#tool = await WebContainerTool.boot(request, async (events) => await globalThis.runnerEmit?.(events));
      return this.#tool.booted;
    } catch (error) {
      this.#before = "gone";
      throw asHostError(error, "internal");
    }
  }

  /** Fetch a snapshot (msgpack or JSON) and put it into the container. */
  async mount(url: string, mountPoint?: string): Promise<void> {
    const answer = await request(url, { cache: "no-store" }, "mount");
    await this.#here.mount(new Uint8Array(await answer.arrayBuffer()), mountPoint);
  }

  /** Send a folder of the container as a msgpack snapshot. Says how many bytes it has. */
  async exportTo(path: string, url: string, options: ExportRequest): Promise<{ bytes: number }> {
    const snapshot = await this.#here.export(path, options);
    await put(url, snapshot, "application/msgpack");
    return { bytes: snapshot.byteLength };
  }

  /** Start a process. `input` is all the input that it gets; without it, `write` and `endInput` give it. */
  async spawn(id: string, request: SpawnRequest, input?: string): Promise<void> {
    await this.#here.spawn(id, request, input);
  }

  async write(id: string, text: string): Promise<void> {
    await this.#here.write(id, text);
  }

  async endInput(id: string): Promise<void> {
    await this.#here.endInput(id);
  }

  // What takes no time is told like everything else, as a promise: failures of one kind for the runner.
  /** Ask a process to end; with `hard`, twice at once, which our engine takes for SIGKILL to all that comes from it. */
  async kill(id: string, hard = false): Promise<void> {
    this.#here.kill(id);
    if (hard) this.#here.kill(id);
    await Promise.resolve();
  }

  async resize(id: string, cols: number, rows: number): Promise<void> {
    await Promise.resolve(this.#here.resize(id, cols, rows));
  }

  /** A file's bytes as base64; null when there are more than `most`: `sendFile` is for those. */
  async readFile(path: string, most = Infinity): Promise<string | null> {
    const bytes = await this.#here.readFile(path);
    return bytes.byteLength > most ? null : toBase64(bytes);
  }

  /** Send a file's bytes. Says how many there are. */
  async sendFile(path: string, url: string): Promise<{ bytes: number }> {
    const bytes = await this.#here.readFile(path);
    await put(url, bytes, "application/octet-stream");
    return { bytes: bytes.byteLength };
  }

  /** Write a file of the bytes that are given as base64. */
  async writeFile(path: string, base64: string): Promise<void> {
    await this.#here.writeFile(path, fromBase64(base64));
  }

  async readdir(path: string): Promise<{ name: string; kind: "file" | "folder" }[]> {
    return await this.#here.readdir(path);
  }

  async mkdir(path: string, options?: { recursive?: boolean }): Promise<void> {
    await this.#here.mkdir(path, options);
  }

  async rm(path: string, options?: { recursive?: boolean; force?: boolean }): Promise<void> {
    await this.#here.rm(path, options);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#here.rename(from, to);
  }

  async watch(id: string, path: string, options?: { recursive?: boolean }): Promise<void> {
    await this.#here.watch(id, path, options);
  }

  async unwatch(id: string): Promise<void> {
    await Promise.resolve(this.#here.unwatch(id));
  }

  /** Milliseconds that the engine needs for a cheap answer; rejects with `gone` after `timeoutMs`. */
  async ping(timeoutMs: number): Promise<number> {
    return await this.#here.ping(timeoutMs);
  }

  /** End the container; nothing happens when there is none. */
  async teardown(): Promise<void> {
    await this.#tool?.teardown();
  }

  get #here(): WebContainerTool {
    if (this.#tool === null) throw new HostError("gone", "no container has booted in this page");
    return this.#tool;
  }
}

/** The same bytes in memory that can be sent: an engine may hand out shared memory, which cannot. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/**
 * Send bytes to the page's server. As a Blob, for of a body that is plain bytes the browser makes a copy in text for
 * whoever debugs it, which the runner does: ten times as slow.
 */
async function put(url: string, bytes: Uint8Array, type: string): Promise<void> {
  await request(url, { method: "PUT", body: new Blob([unshared(bytes)], { type }) }, "export");
}

async function request(url: string, init: RequestInit, code: HostCode): Promise<Response> {
  try {
    const answer = await fetch(url, init);
    if (answer.ok) return answer;
    throw new HostError(code, `the runner's file server answered ${answer.status} to ${init.method ?? "GET"}`);
  } catch (error) {
    throw asHostError(error, code);
  }
}

globalThis.runnerHost = new HostPage();
