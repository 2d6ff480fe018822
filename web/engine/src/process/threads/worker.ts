/** `worker_threads`: a Worker of the browser per thread, started by the kernel. */

import { frame, within } from "../async/context.ts";
import { callWith, call, on } from "../calls.ts";
import { handle, turn } from "../loop.ts";
import { Buffer } from "../modules/buffer.ts";
import { invalidArgType, nodeError, refusal, unsupported } from "../modules/errors.ts";
import { EventEmitter } from "../modules/events.ts";
import { posix } from "../modules/path.ts";
import { stream } from "../modules/stream/index.ts";
import { pathOf } from "../loader/resolve.ts";
import { setTimeout } from "../timers.ts";
import { BadOption, parseOptions, wrongForThread } from "../options.ts";
import type { NodeProcess } from "../process.ts";
import { installPorts, receiveMessageOnPort, sendOn } from "./ports.ts";
import { unpackError, type FromThread, type ThreadStart, type ToThread } from "./protocol.ts";

interface Options {
  readonly argv?: readonly unknown[];
  readonly env?: unknown;
  readonly eval?: boolean;
  readonly execArgv?: readonly string[];
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly workerData?: unknown;
  readonly transferList?: readonly unknown[];
  readonly name?: string;
}

const SHARE_ENV = Symbol.for("nodejs.worker_threads.SHARE_ENV");
const environmentData = new Map<unknown, unknown>();
const running = new Map<number, Worker>();
let listening = false;

function scriptOf(script: unknown, options: Options, cwd: string): string {
  if (options.eval === true) {
    if (typeof script !== "string") throw nodeError(TypeError, "ERR_INVALID_ARG_VALUE", "The property 'options.eval' must be false when 'filename' is not a string. Received true");
    return script;
  }
  if (script instanceof URL) return script.protocol === "data:" ? script.href : pathOf(script);
  if (typeof script !== "string") throw invalidArgType("filename", ["string", "URL"], script);
  if (script.startsWith("/")) return script;
  if (script.startsWith("./") || script.startsWith("../")) return posix.resolve(cwd, script);
  const hint = script.startsWith("file:") ? " Wrap file:// URLs with `new URL`." : "";
  throw nodeError(TypeError, "ERR_WORKER_PATH", `The worker script or module filename must be an absolute path or a relative path starting with './' or '../'.${hint} Received "${script}"`);
}

/** Refuse what cannot be done, or what Node refuses. */
function checkOptions({ env, stdin, argv, execArgv }: Options): void {
  if (env === SHARE_ENV) throw unsupported("SHARE_ENV of worker_threads");
  if (stdin === true) throw unsupported("the option stdin of a Worker");
  if (env !== undefined && env !== null && typeof env !== "object") throw invalidArgType("options.env", ["object", "undefined", "null", "worker_threads.SHARE_ENV"], env);
  if (argv !== undefined && !Array.isArray(argv)) throw invalidArgType("options.argv", "Array", argv);
  if (execArgv !== undefined && !Array.isArray(execArgv)) throw invalidArgType("options.execArgv", "Array", execArgv);
}

/** Refuse options of `node` that a thread cannot have. */
function checkNodeOptions({ env, execArgv = [] }: Options): void {
  const wrong = wrongForThread(execArgv.map(String));
  if (wrong !== null) throw wrongOptions(`execArgv flags: ${wrong}`);
  const { NODE_OPTIONS } = (env ?? {}) as { NODE_OPTIONS?: unknown };
  if (typeof NODE_OPTIONS === "string") checkVariable(NODE_OPTIONS);
}

const wrongOptions = (what: string): Error => nodeError(Error, "ERR_WORKER_INVALID_EXEC_ARGV", `Initiated Worker with invalid ${what}`);

function checkVariable(text: string): void {
  try {
    parseOptions([], text);
  } catch (error) {
    throw error instanceof BadOption ? wrongOptions(`NODE_OPTIONS env variable: ${error.message}`) : error;
  }
}

function listen(): void {
  if (listening) return;
  listening = true;
  on("thread-exit", ({ thread, code }) => running.get(thread)?.over(code));
}

const theProcess = (): NodeProcess => (globalThis as unknown as { process: NodeProcess }).process;

/** Milliseconds after the end of a thread in which its last word may come; one that broke down says none. */
const SILENCE = 1000;

/** A thread, seen from where it was started. */
class Worker extends (EventEmitter as unknown as new () => EventEmitter) {
  #threadId = -1;
  readonly #stdout: object;
  readonly #stderr: object;
  readonly performance = { eventLoopUtilization: refusal("worker.performance.eventLoopUtilization") };
  readonly #port: MessagePort;
  #heardLast = false;
  #finish: (() => void) | undefined;
  readonly #hold = handle();
  readonly #frame = frame();
  readonly #started: Promise<number>;
  #exit: number | undefined;
  #terminated = false;
  readonly #waiting: ((code: number) => void)[] = [];

  constructor(script: unknown, options: Options = {}) {
    super();
    const process = theProcess();
    let path: string;
    try {
      checkOptions(options);
      checkNodeOptions(options);
      path = scriptOf(script, options, (process.cwd as () => string)());
    } catch (error) {
      // What never begins keeps no process alive.
      this.#hold.close();
      throw error;
    }
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = (event: MessageEvent<FromThread>) => turn(() => within(this.#frame, () => this.#hear(event.data)));
    (port1 as unknown as { unref(): void }).unref();
    this.#stdout = new stream.Readable({ read: () => undefined });
    this.#stderr = new stream.Readable({ read: () => undefined });
    const start: ThreadStart = {
      script: path, evaluate: options.eval === true, argv: (options.argv ?? []).map(String), execArgv: (options.execArgv ?? process.execArgv).map(String),
      data: options.workerData, environment: environmentData, stdout: options.stdout === true, stderr: options.stderr === true, title: options.name ?? "",
    };
    const env = Object.fromEntries(Object.entries(options.env ?? process.env).map(([name, value]) => [name, String(value)]));
    listen();
    // Sent first, so that what cannot be cloned is known before anything runs.
    sendOn(port1, { kind: "start", start } satisfies ToThread, options.transferList);
    this.#started = callWith([port2], "process.thread", { program: "node", args: [], env }, port2).then((id) => {
      this.#threadId = id;
      running.set(id, this);
      return id;
    });
  }

  get threadId(): number {
    return this.#threadId;
  }

  get stdin(): null {
    return null;
  }

  get stdout(): object {
    return this.#stdout;
  }

  get stderr(): object {
    return this.#stderr;
  }

  get resourceLimits(): object {
    return {};
  }

  #hear(message: FromThread): void {
    if (this.#terminated) return;
    if (message.kind === "over") this.#last();
    else if (message.kind === "online") this.emit("online");
    else if (message.kind === "message") this.emit("message", message.message);
    else if (message.kind === "error") this.emit("error", unpackError(message.error));
    else (message.fd === 1 ? this.stdout as { push(data: unknown): void } : this.stderr as { push(data: unknown): void }).push(Buffer.from(message.data));
  }

  #last(): void {
    this.#heardLast = true;
    this.#finish?.();
  }

  /** Called when the kernel says that it ended. */
  over(code: number): void {
    running.delete(this.threadId);
    this.#threadId = -1;
    // What it said last is still on its way.
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      this.#exit = this.#terminated ? 1 : code;
      for (const out of [this.stdout, this.stderr] as { push(data: unknown): void }[]) out.push(null);
      this.#port.close();
      this.#hold.close();
      within(this.#frame, () => this.emit("exit", this.#exit));
      for (const done of this.#waiting.splice(0)) done(this.#exit);
    };
    if (this.#terminated || this.#heardLast) return finish();
    setTimeout(finish, SILENCE).unref();
    this.#finish = finish;
  }

  postMessage(message: unknown, transfer?: unknown): void {
    const handed = Array.isArray(transfer) ? transfer : (transfer as { transfer?: unknown[] } | undefined)?.transfer ?? [];
    sendOn(this.#port, { kind: "message", message } satisfies ToThread, handed);
  }

  /** End it at once; the promise gives the exit code. */
  terminate(): Promise<number | undefined> {
    if (this.#exit !== undefined) return Promise.resolve(undefined);
    this.#terminated = true;
    this.#hold.ref();
    void this.#started.then((id) => call("process.endThread", id));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  ref(): void {
    if (this.#exit === undefined) this.#hold.ref();
  }

  unref(): void {
    if (this.#exit === undefined) this.#hold.unref();
  }

  getHeapSnapshot(): never {
    throw unsupported("worker.getHeapSnapshot");
  }
}

/** A channel that only this process hears, kept apart from those of others in the container. */
function channelClass(pid: number): typeof BroadcastChannel {
  const Native = BroadcastChannel;
  return class BroadcastChannel extends Native {
    readonly #hold = handle();
    readonly #name: string;
    readonly #frame = frame();
    readonly #listeners = new Map<unknown, (event: Event) => void>();

    constructor(name: unknown) {
      super(`${pid}:${String(name)}`);
      this.#name = String(name);
    }

    override get name(): string {
      return this.#name;
    }

    /** Listeners run where the channel was made. */
    override addEventListener(name: string, listener: EventListenerOrEventListenerObject | null, options?: AddEventListenerOptions | boolean): void {
      if (typeof listener !== "function") return super.addEventListener(name, listener as EventListenerObject, options);
      const heard = this.#listeners.get(listener) ?? ((event: Event): void => within(this.#frame, () => listener.call(this, event)));
      this.#listeners.set(listener, heard);
      super.addEventListener(name, heard, options);
    }

    override removeEventListener(name: string, listener: EventListenerOrEventListenerObject | null, options?: EventListenerOptions | boolean): void {
      super.removeEventListener(name, this.#listeners.get(listener) ?? listener as EventListenerObject, options);
    }

    override close(): void {
      this.#hold.close();
      super.close();
    }

    ref(): this {
      this.#hold.ref();
      return this;
    }

    unref(): this {
      this.#hold.unref();
      return this;
    }
  };
}

/** What a thread knows of itself; without it, this is the main thread. */
export interface Self {
  readonly threadId: number;
  readonly parentPort: unknown;
  readonly workerData: unknown;
  readonly environment: ReadonlyMap<unknown, unknown>;
}

/** The module, for a process and the thread of it that runs here. */
export function threadsModule(pid: number, self: Self | undefined): () => object {
  const Channel = installPorts();
  const Broadcast = channelClass(pid);
  Object.defineProperty(globalThis, "BroadcastChannel", { value: Broadcast, writable: true, configurable: true, enumerable: false });
  for (const [key, value] of self?.environment ?? []) environmentData.set(key, value);
  return () => ({
    isMainThread: self === undefined,
    MessagePort,
    MessageChannel: Channel,
    markAsUntransferable: refusal("worker_threads.markAsUntransferable"),
    moveMessagePortToContext: refusal("worker_threads.moveMessagePortToContext"),
    receiveMessageOnPort,
    resourceLimits: {},
    postMessageToThread: refusal("worker_threads.postMessageToThread"),
    threadId: self?.threadId ?? 0,
    SHARE_ENV,
    Worker,
    parentPort: self?.parentPort ?? null,
    workerData: self?.workerData ?? null,
    BroadcastChannel: Broadcast,
    setEnvironmentData: (key: unknown, value?: unknown) => {
      if (value === undefined) environmentData.delete(key);
      else environmentData.set(key, value);
    },
    getEnvironmentData: (key: unknown) => environmentData.get(key),
  });
}
