/** A thread, seen from inside: it waits to hear what it is to run, and talks with whoever started it. */

import { beforeExit } from "../calls.ts";
import { handle, turn, type Handle } from "../loop.ts";
import type { Thread } from "../../contract.ts";
import { EventEmitter } from "../modules/events.ts";
import { nodeError } from "../modules/errors.ts";
import type { NodeProcess } from "../process.ts";
import { sendOn } from "./ports.ts";
import { packError, type FromThread, type ThreadStart, type ToThread } from "./protocol.ts";

/** `parentPort`: an emitter, holding the thread while it listens for messages. */
class ParentPort extends (EventEmitter as unknown as new () => EventEmitter) {
  readonly #port: MessagePort;
  #hold: Handle | undefined;
  #closed = false;
  #handler: ((event: MessageEvent) => void) | null = null;
  readonly #waiting: unknown[] = [];

  constructor(port: MessagePort) {
    super();
    this.#port = port;
    this.on("newListener", (name: unknown) => {
      if (name === "message") queueMicrotask(() => this.#listen());
    });
    this.on("removeListener", (name: unknown) => {
      if (name === "message" && this.listenerCount("message") === 0) this.unref();
    });
  }

  /** A message came; it waits for a listener. */
  hear(message: unknown): void {
    if (this.#closed) return;
    if (this.listenerCount("message") === 0 && this.#handler === null) this.#waiting.push(message);
    else this.#tell(message);
  }

  #tell(message: unknown): void {
    this.#handler?.(new MessageEvent("message", { data: message }));
    this.emit("message", message);
  }

  #listen(): void {
    if (this.#closed) return;
    this.#hold ??= handle();
    for (const message of this.#waiting.splice(0)) turn(() => this.#tell(message));
  }

  postMessage(message: unknown, transfer?: unknown): void {
    if (this.#closed) return;
    const handed = Array.isArray(transfer) ? transfer : (transfer as { transfer?: unknown[] } | undefined)?.transfer ?? [];
    sendOn(this.#port, { kind: "message", message } satisfies FromThread, handed);
  }

  get onmessage(): ((event: MessageEvent) => void) | null {
    return this.#handler;
  }

  set onmessage(handler: ((event: MessageEvent) => void) | null) {
    this.#handler = handler;
    if (handler === null) this.unref();
    else this.#listen();
  }

  addEventListener(name: string, listener: (event: MessageEvent) => void): void {
    this.on(name, (data: unknown) => listener(new MessageEvent(name, { data })));
  }

  start(): void {
    this.#listen();
  }

  close(): void {
    if (this.#closed) return;
    this.unref();
    this.#closed = true;
    turn(() => this.emit("close"));
  }

  ref(): void {
    if (!this.#closed) this.#hold ??= handle();
  }

  unref(): void {
    this.#hold?.close();
    this.#hold = undefined;
  }
}

/** The thread's side of its port. */
export interface Inside {
  readonly threadId: number;
  readonly parentPort: ParentPort;
  readonly start: ThreadStart;
  /** Tell whoever started it. */
  readonly tell: (message: FromThread) => void;
}

/** Wait for the first message, then run. */
export function awaitStart({ id, port }: Thread, run: (inside: Inside) => void): void {
  const parentPort = new ParentPort(port);
  const tell = (message: FromThread): void => sendOn(port, message);
  port.onmessage = (event: MessageEvent<ToThread>) => {
    const word = event.data;
    if (word.kind === "start") {
      beforeExit(() => tell({ kind: "over" }));
      run({ threadId: id, parentPort, start: word.start, tell });
    } else turn(() => parentPort.hear(word.message));
  };
}

/** How an error that nobody caught leaves a thread. */
export function reportError(inside: Inside): (error: unknown) => void {
  return (error) => inside.tell({ kind: "error", error: packError(error) });
}

const MAIN_ONLY = ["abort", "chdir", "initgroups", "setgroups", "setegid", "seteuid", "setgid", "setuid"];

/** What a process cannot do in a thread. */
export function restrict(process: NodeProcess): void {
  for (const name of MAIN_ONLY) {
    process[name] = (): never => {
      throw nodeError(TypeError, "ERR_WORKER_UNSUPPORTED_OPERATION", `process.${name}() is not supported in workers`);
    };
  }
}
