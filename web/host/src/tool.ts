/** `WebContainerTool`: one container of the genuine `@webcontainer/api` client, with reasons, bounds and states. */
import { configureAPIKey, WebContainer } from "@webcontainer/api";
import type { IFSWatcher, SpawnOptions } from "@webcontainer/api";
import { checkPage, EngineWatch, VENDOR } from "./engine.ts";
import { Outbox } from "./events.ts";
import type { Emit, ToolEvent, ToolState } from "./events.ts";
import { asHostError, HostError, sentence } from "./failure.ts";
import type { HostCode } from "./failure.ts";
import { Heartbeat } from "./heartbeat.ts";
import { HostProcess } from "./process.ts";

/** What a container is booted with. */
export interface BootRequest {
  /** The engine's origin; null is the vendor's. Fixed by the first boot of a page. */
  engine: string | null;
  /** The vendor's API key, for the vendor's engine. Fixed by the first boot of a page. */
  apiKey?: string;
  /** The page's own Cross-Origin-Embedder-Policy. Fixed by the first boot of a page. */
  coep?: "require-corp" | "credentialless" | "none";
  /** The name of the working folder. */
  workdirName: string;
  /** Milliseconds that the engine has to boot. */
  timeoutMs: number;
}

/** What a process is started with. */
export interface SpawnRequest {
  command: string;
  args: string[];
  /** From the working folder, or absolute. */
  cwd?: string;
  env?: Record<string, string>;
  terminal?: { cols: number; rows: number };
}

/** What of a folder is exported: glob patterns, as the client takes them; all of it where the format is `described`. */
export interface ExportRequest {
  format?: "binary" | "described";
  includes?: string[];
  excludes?: string[];
}

/** What booting gave. */
export interface Booted {
  /** The absolute path of the working folder. */
  workdir: string;
  /** The value of PATH for processes. */
  path: string;
  /** Whether the page is cross-origin isolated. */
  isolated: boolean;
  /** Milliseconds that it took. */
  ms: number;
}

/** One container. A page has one at a time. Every method rejects with a HostError. */
export class WebContainerTool {
  readonly #outbox: Outbox;
  readonly #processes = new Map<string, HostProcess>();
  readonly #watchers = new Map<string, IFSWatcher>();
  readonly #network = new AbortController();
  readonly #gone: Promise<never>;
  #lose: (error: HostError) => void = () => undefined;
  #state: ToolState = "booting";
  #heartbeat: Heartbeat | null = null;
  #container: WebContainer | null = null;
  #booted: Booted | null = null;

  private constructor(emit: Emit) {
    this.#outbox = new Outbox(emit);
    this.#gone = new Promise((_, reject) => {
      this.#lose = reject;
    });
    this.#gone.catch(() => undefined);
  }

  /**
   * Boot a container. `emit` gets what happens in it from then on, in order.
   *
   * Rejects with a HostError: not-isolated, no-service-worker, engine-unreachable, engine-refused, boot-timeout.
   */
  static async boot(request: BootRequest, emit: Emit): Promise<WebContainerTool> {
    checkPage(request.coep);
    const tool = new WebContainerTool(emit);
    await tool.#boot(request);
    return tool;
  }

  /** How the container is. */
  get state(): ToolState {
    return this.#state;
  }

  /** What booting gave. */
  get booted(): Booted {
    if (this.#booted === null) throw new HostError("internal", "the container has not booted");
    return this.#booted;
  }

  // ------------------------------------------------------------ files

  /** Put a snapshot (msgpack or JSON) into the container, below `mountPoint`, which is made. */
  async mount(snapshot: Uint8Array, mountPoint?: string): Promise<void> {
    await this.#guard("mount", async (container) => {
      if (mountPoint === undefined) {
        await container.mount(snapshot);
      } else {
        await container.fs.mkdir(mountPoint, { recursive: true });
        await container.mount(snapshot, { mountPoint });
      }
    });
  }

  /** A folder of the container as a msgpack snapshot; `described`, with modes and times, is what our own engine knows. */
  async export(path: string, { format = "binary", ...globs }: ExportRequest = {}): Promise<Uint8Array> {
    // The client hands on what it does not know, as its types do not.
    const options = { ...globs, format: format as "binary" };
    return await this.#guard("export", (container) => container.export(path, options));
  }

  async readFile(path: string): Promise<Uint8Array> {
    return await this.#guard("fs", (container) => container.fs.readFile(path));
  }

  async writeFile(path: string, data: Uint8Array | string): Promise<void> {
    await this.#guard("fs", (container) => container.fs.writeFile(path, data));
  }

  /** The entries of a folder, sorted by name. A link is told as what the engine says of it. */
  async readdir(path: string): Promise<{ name: string; kind: "file" | "folder" }[]> {
    return await this.#guard("fs", async (container) => {
      const entries = await container.fs.readdir(path, { withFileTypes: true });
      return entries
        .map((entry) => ({ name: entry.name, kind: entry.isDirectory() ? ("folder" as const) : ("file" as const) }))
        .sort((one, other) => (one.name < other.name ? -1 : 1));
    });
  }

  async mkdir(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    await this.#guard("fs", async ({ fs }) => {
      await (options.recursive === true ? fs.mkdir(path, { recursive: true }) : fs.mkdir(path));
    });
  }

  async rm(path: string, options: { recursive?: boolean; force?: boolean } = {}): Promise<void> {
    await this.#guard("fs", (container) => container.fs.rm(path, options));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#guard("fs", (container) => container.fs.rename(from, to));
  }

  /** Tell of changes of a file or folder under an id, as `watch` events. */
  async watch(id: string, path: string, options: { recursive?: boolean } = {}): Promise<void> {
    await this.#guard("fs", async (container) => {
      // The client watches whatever it is given and only logs a refusal: ask for the path first.
      await this.#exists(container, path);
      this.#watchers.get(id)?.close();
      const watcher = container.fs.watch(path, { recursive: options.recursive ?? false }, (event, name) => {
        this.#tell({ kind: "watch", id, event, name: typeof name === "string" ? name : new TextDecoder().decode(name) });
      });
      this.#watchers.set(id, watcher);
    });
  }

  /** Tell no more of changes under this id; nothing happens where there is no such id. */
  unwatch(id: string): void {
    this.#watchers.get(id)?.close();
    this.#watchers.delete(id);
  }

  // ------------------------------------------------------------ processes

  /**
   * Start a process under an id of the caller's; `output` events and one `exit` event tell of it. `input` is all that it
   * gets, as `write` and `endInput` would give it: one request instead of three.
   */
  async spawn(id: string, request: SpawnRequest, input?: string): Promise<void> {
    if (this.#processes.has(id)) throw new HostError("spawn", `there is a process ${id} already`);
    const { command, args, ...options } = request;
    const genuine = await this.#guard("spawn", (container) => container.spawn(command, args, options satisfies SpawnOptions));
    const process = new HostProcess(genuine, request.env?.["RUNNER_STDIN"] === "framed", {
      output: (data) => this.#tell({ kind: "output", id, data }),
      exit: (code) => this.#ended(id, code),
      lost: (reason) => this.#lost(`the engine died under a process: ${sentence(reason)}`),
    });
    this.#processes.set(id, process);
    if (input !== undefined) void process.feed(input);
  }

  async write(id: string, text: string): Promise<void> {
    const process = this.#process(id);
    await this.#guard("spawn", () => process.write(text));
  }

  /** End a process's input, where its engine can; see HostProcess. */
  async endInput(id: string): Promise<void> {
    const process = this.#process(id);
    await this.#guard("spawn", () => process.endInput());
  }

  /** Kill a process; nothing happens when it has ended. */
  kill(id: string): void {
    this.#processes.get(id)?.kill();
  }

  resize(id: string, cols: number, rows: number): void {
    this.#process(id).resize(cols, rows);
  }

  // ------------------------------------------------------------ life

  /** Milliseconds that the engine needs for a cheap answer. Rejects with `gone` when none comes within `timeoutMs`. */
  async ping(timeoutMs: number): Promise<number> {
    const began = performance.now();
    const late = new HostError("gone", `the engine did not answer within ${timeoutMs} ms`);
    await within(this.#guard("internal", (container) => container.fs.readdir(".")), timeoutMs, () => late);
    return performance.now() - began;
  }

  /** End the container. Its events are all told before this resolves. */
  async teardown(): Promise<void> {
    const container = this.#container;
    if (container === null) return;
    this.#container = null;
    this.#lost("the container was torn down");
    container.teardown();
    await this.#outbox.flushed();
  }

  async #boot(request: BootRequest): Promise<void> {
    const began = performance.now();
    const origin = new URL(request.engine ?? VENDOR).origin;
    const watch = new EngineWatch(origin);
    try {
      if (request.engine !== null) Object.assign(globalThis, { WEBCONTAINER_API_IFRAME_URL: request.engine });
      if (request.apiKey !== undefined) configureAPIKey(request.apiKey);
      const booting = WebContainer.boot({
        workdirName: request.workdirName,
        // Only the vendor's engine can; ours says that it cannot.
        forwardPreviewErrors: request.engine === null,
        ...(request.coep === undefined ? {} : { coep: request.coep }),
      });
      const engine = Promise.race([booting, watch.failed]);
      this.#container = await within(engine, request.timeoutMs, () => watch.silence(request.timeoutMs));
    } catch (error) {
      this.#state = "gone";
      throw asHostError(error, "internal");
    } finally {
      watch.end();
    }
    this.#booted = {
      workdir: this.#container.workdir,
      path: this.#container.path,
      isolated: globalThis.crossOriginIsolated,
      ms: performance.now() - began,
    };
    this.#listen(this.#container);
  }

  #listen(container: WebContainer): void {
    container.on("port", (port, state, url) => this.#tell({ kind: "port", port, state, url }));
    container.on("server-ready", (port, url) => this.#tell({ kind: "server-ready", port, url }));
    container.on("error", ({ message }) => this.#tell({ kind: "error", message }));
    container.on("preview-message", (message) => this.#tell({ kind: "preview-message", message }));
    const { signal } = this.#network;
    window.addEventListener("online", () => this.#tell({ kind: "network", online: true }), { signal });
    window.addEventListener("offline", () => this.#tell({ kind: "network", online: false }), { signal });
    this.#heartbeat = new Heartbeat(() => container.fs.readdir("."), {
      missed: (reason) => this.#become("unresponsive", reason),
      back: () => this.#become("ready", ""),
      dead: (reason) => this.#lost(reason),
    });
    this.#become("ready", "");
  }

  #become(state: ToolState, reason: string): void {
    if (this.#state === state || this.#state === "gone") return;
    this.#state = state;
    this.#tell({ kind: "state", state, reason });
  }

  /** The container is no more, whatever it still seems to do. */
  #lost(reason: string): void {
    this.#become("gone", reason);
    this.#heartbeat?.stop();
    this.#network.abort();
    this.#processes.clear();
    this.#watchers.clear();
    this.#lose(new HostError("gone", reason));
  }

  #tell(event: ToolEvent): void {
    if (this.#state !== "gone" || event.kind === "state") this.#outbox.push(event);
  }

  #ended(id: string, code: number): void {
    this.#processes.delete(id);
    this.#tell({ kind: "exit", id, code });
  }

  #process(id: string): HostProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new HostError("spawn", `there is no process ${id}, or it has ended`);
    return process;
  }

  async #exists(container: WebContainer, path: string): Promise<void> {
    try {
      await container.fs.readdir(path);
    } catch {
      await container.fs.readFile(path); // a file is no folder; what is neither rejects with the reason
    }
  }

  /** Do something with the container; the answer of a dead engine is not waited for. */
  async #guard<T>(code: HostCode, work: (container: WebContainer) => Promise<T>): Promise<T> {
    if (this.#container === null) throw new HostError("gone", "the container was torn down");
    try {
      return await Promise.race([work(this.#container), this.#gone]);
    } catch (error) {
      throw asHostError(error, code);
    }
  }
}

/** The promise's value, or after `ms` the error that `late` gives. */
async function within<T>(promise: Promise<T>, ms: number, late: () => HostError | Promise<HostError>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), ms);
  });
  try {
    promise.catch(() => undefined); // it may fail after its time
    const first = await Promise.race([promise.then((value) => ({ value })), timeout]);
    if (first === "late") throw await late();
    return first.value;
  } finally {
    clearTimeout(timer);
  }
}
