/**
 * A scripted engine for tests of the host side: the wire of an engine (comlink 4.3.0 over real message ports), the
 * answers of a script. The client over it is the genuine one; the browser around it is the least that the client asks for.
 */
import * as Comlink from "comlink";
import { vi } from "vitest";

type Output = (data: Uint8Array | null) => void;

/** A process of the script: what the client asked for, and ways to make it speak and end. */
export class ScriptedProcess {
  readonly written: string[] = [];
  readonly sizes: { cols: number; rows: number }[] = [];
  readonly onExit: Promise<number>;
  #end: (code: number) => void = () => undefined;

  constructor(
    readonly asked: { command: string; args: string[]; cwd?: string; env?: Record<string, string> },
    private readonly output: Output,
  ) {
    this.onExit = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  say(text: string): void {
    this.output(new TextEncoder().encode(text));
  }

  close(): void {
    this.output(null);
  }

  exit(code: number): void {
    this.#end(code);
  }

  write(text: string): void {
    this.written.push(text);
  }

  kill(): void {
    this.close();
    this.exit(143);
  }

  resize(size: { cols: number; rows: number }): void {
    this.sizes.push(size);
  }
}

/** The engine: files by path, processes in the order of their start, listeners by event. */
export class ScriptedEngine {
  readonly files = new Map<string, Uint8Array>();
  readonly folders = new Set<string>(["."]);
  readonly processes: ScriptedProcess[] = [];
  readonly mounted: { bytes: Uint8Array; mountPoints?: string }[] = [];
  readonly listeners = new Map<string, (...values: unknown[]) => void>();
  watcher: ((event: string, name: string) => void) | null = null;
  build: unknown = null;
  /** Answers nothing any more, like an engine that crashed. */
  silent = false;
  tornDown = false;

  emit(event: string, ...values: unknown[]): void {
    this.listeners.get(event)?.(...values);
  }

  /** What the client's `init` port leads to. */
  server(): object {
    return {
      build: (options: unknown) => {
        this.build = options;
        return Comlink.proxy(this.#instance());
      },
    };
  }

  #instance(): object {
    return {
      fs: () => Comlink.proxy(this.#fs()),
      previewScript: () => Comlink.proxy({}),
      runtimeInfo: () => ({ path: "/bin", cwd: "/home/work" }),
      run: (asked: ScriptedProcess["asked"], _out: unknown, _err: unknown, output: Output) => {
        if (asked.command === "missing") throw new Error("command not found: missing");
        const process = new ScriptedProcess(asked, output);
        this.processes.push(process);
        return Comlink.proxy(process);
      },
      loadFiles: (bytes: Uint8Array, options: { mountPoints?: string }) => void this.mounted.push({ bytes, ...options }),
      serialize: (path: string, { format }: { format: string }) => {
        const bytes = new TextEncoder().encode(`${format === "binary" ? "" : `${format} `}tree of ${path}`);
        return Comlink.transfer(bytes, [bytes.buffer]) as Uint8Array;
      },
      on: (event: string, listener: (...values: unknown[]) => void) => {
        this.listeners.set(event, listener);
        return Comlink.proxy(() => void this.listeners.delete(event));
      },
      teardown: () => {
        this.tornDown = true;
      },
    };
  }

  #fs(): object {
    const missing = (path: string): never => {
      throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    };
    return {
      readdir: (path: string, options?: { withFileTypes?: boolean }) => {
        if (this.silent) return new Promise(() => undefined);
        if (!this.folders.has(path)) return missing(path);
        const names = [...this.files.keys()];
        return options?.withFileTypes === true ? names.map((name) => ({ name, "Symbol(type)": 1 })) : names;
      },
      readFile: (path: string) => this.files.get(path) ?? missing(path),
      writeFile: (path: string, data: Uint8Array) => void this.files.set(path, data),
      mkdir: (path: string) => void this.folders.add(path),
      rm: (path: string) => void this.files.delete(path),
      rename: (from: string, to: string) => void this.files.set(to, this.files.get(from) ?? missing(from)),
      watch: (_path: string, _options: unknown, listener: (event: string, name: string) => void) => {
        this.watcher = listener;
        return Comlink.proxy({ close: () => void (this.watcher = null) });
      },
    };
  }
}

/** What the engine's frame does when the client makes it. */
export type Frame = "init" | "nothing" | "load" | { type: string; level?: string; message: string };

class FakeFrame {
  src = "";
  style: Record<string, string> = {};
  readonly #loaded: (() => void)[] = [];
  setAttribute(): void {
    // The client asks for cross-origin isolation.
  }
  addEventListener(_type: string, listener: () => void): void {
    this.#loaded.push(listener);
  }
  load(): void {
    for (const listener of this.#loaded) listener();
  }
}

/** The least of a browser that the client and the tool ask for, with the frame behaving as told. */
export function browser(engine: ScriptedEngine, frame: Frame, isolated = true): EventTarget {
  const window = new EventTarget();
  const frames: ((changes: { addedNodes: unknown[] }[]) => void)[] = [];
  const location = { host: "127.0.0.1:1", origin: "http://127.0.0.1:1", search: "" };
  const document = Object.assign(new EventTarget(), {
    createElement: () => new FakeFrame(),
    body: {
      insertBefore: (made: FakeFrame) => {
        for (const seen of frames) seen([{ addedNodes: [made] }]);
        setTimeout(() => act(window, engine, made, frame));
      },
    },
  });
  class MutationObserver {
    constructor(seen: (changes: { addedNodes: unknown[] }[]) => void) {
      frames.push(seen);
    }
    observe(): void {
      // Every frame that is made is told.
    }
    disconnect(): void {
      frames.length = 0;
    }
  }
  Object.assign(window, { location, crossOriginIsolated: isolated });
  const globals = { window, document, location, MutationObserver, HTMLIFrameElement: FakeFrame };
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
  vi.stubGlobal("crossOriginIsolated", isolated);
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("navigator", { onLine: true, serviceWorker: {} });
  return window;
}

function act(window: EventTarget, engine: ScriptedEngine, made: FakeFrame, frame: Frame): void {
  const { origin } = new URL(made.src);
  if (frame === "load") made.load();
  if (frame === "nothing" || frame === "load") return;
  const { port1, port2 } = new MessageChannel();
  Comlink.expose(engine.server(), port1);
  const data = frame === "init" ? { type: "init" } : frame;
  window.dispatchEvent(Object.assign(new Event("message"), { origin, data, ports: [port2] }));
}

/** Wait until a check holds: far longer than it ever takes, for machines may be busy. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 15_000, interval: 10 });
}
