/** `fs.watch` and `fs.watchFile`. */

import { call, callSync, on, SystemError } from "../../calls.ts";
import { handle, type Handle } from "../../loop.ts";
import { clearInterval, setInterval, type Timeout } from "../../timers.ts";
import { AbortError } from "../errors.ts";
import { EventEmitter } from "../events.ts";
import { validateFunction, validateInteger, type Callback } from "../validate.ts";
import { flagOf, nameIn, optionsOf, pathOf } from "./arguments.ts";
import { statsOf, type Stats } from "./stats.ts";
import { systemFailure } from "./steps.ts";

const Emitter = EventEmitter as unknown as new () => EventEmitter;
const watchers = new Map<number, FSWatcher>();

let hearing = false;
function hear(): void {
  if (hearing) return;
  hearing = true;
  on("watch", ({ watcher, event, name }) => watchers.get(watcher)?.changed(event, name));
}

/** Tells of changes below a path. */
export class FSWatcher extends Emitter {
  readonly #number: number;
  readonly #encoding: unknown;
  #hold: Handle | undefined;

  constructor(path: unknown, recursive: boolean, persistent: boolean, encoding: unknown) {
    super();
    const found = pathOf(path, "filename");
    hear();
    try {
      this.#number = callSync("fs.watch", found.full, recursive);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw Object.assign(systemFailure(error.code, { syscall: "watch", path: found.given }), { filename: found.given });
    }
    this.#encoding = encoding;
    this.#hold = handle();
    if (!persistent) this.#hold.unref();
    watchers.set(this.#number, this);
  }

  changed(event: "rename" | "change", name: string): void {
    if (this.#hold !== undefined) this.emit("change", event, nameIn(name, this.#encoding));
  }

  close(): void {
    if (this.#hold === undefined) return;
    watchers.delete(this.#number);
    callSync("fs.unwatch", this.#number);
    this.#hold.close();
    this.#hold = undefined;
    (globalThis as unknown as { process: { nextTick(callback: Callback): void } }).process.nextTick(() => this.emit("close"));
  }

  ref(): this {
    this.#hold?.ref();
    return this;
  }

  unref(): this {
    this.#hold?.unref();
    return this;
  }
}

export function watch(path: unknown, ...args: unknown[]): FSWatcher {
  const listener = args.find((arg) => typeof arg === "function");
  const given = optionsOf(args[0], {});
  const watcher = new FSWatcher(path, flagOf(given, "recursive"), given.persistent !== false, given.encoding);
  const signal = given.signal as AbortSignal | undefined;
  if (signal?.aborted === true) (globalThis as unknown as { process: { nextTick(callback: Callback): void } }).process.nextTick(() => watcher.close());
  signal?.addEventListener("abort", () => watcher.close(), { once: true });
  if (listener !== undefined) watcher.on("change", listener as Callback);
  return watcher;
}

/** `fs.promises.watch`: changes as they come, until the loop over them ends or the signal aborts. */
export async function* watchChanges(path: unknown, options?: unknown): AsyncGenerator<{ eventType: string; filename: unknown }> {
  const given = optionsOf(options, {});
  const signal = given.signal as AbortSignal | undefined;
  if (signal?.aborted === true) throw new AbortError({ cause: signal.reason });
  const changes: { eventType: string; filename: unknown }[] = [];
  let wake: () => void = () => undefined;
  const watcher = new FSWatcher(path, flagOf(given, "recursive"), given.persistent !== false, given.encoding);
  watcher.on("change", (eventType, filename) => {
    changes.push({ eventType: eventType as string, filename });
    wake();
  });
  signal?.addEventListener("abort", () => wake(), { once: true });
  const ended = (): boolean => signal?.aborted === true;
  try {
    for (;;) {
      const change = changes.shift();
      if (change !== undefined) yield change;
      else if (ended()) throw new AbortError({ cause: signal?.reason });
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    watcher.close();
  }
}

const nothing = (bigint: boolean): Stats => statsOf({ dev: 0, ino: 0, mode: 0, nlink: 0, uid: 0, gid: 0, size: 0, atimeMs: 0, mtimeMs: 0, ctimeMs: 0, birthtimeMs: 0 }, bigint);

const polled = new Map<string, StatWatcher>();

/** Looks at a file's metadata again and again, as `watchFile` promises. */
class StatWatcher extends Emitter {
  private last: Stats | undefined;
  private readonly timer: Timeout;
  private readonly path: string;
  private readonly bigint: boolean;

  constructor(path: string, interval: number, persistent: boolean, bigint: boolean) {
    super();
    this.path = path;
    this.bigint = bigint;
    this.timer = setInterval(() => void this.look(), interval);
    if (!persistent) this.timer.unref();
    void this.look();
  }

  private async look(): Promise<void> {
    const now = await call("fs.stat", this.path).then((stat) => statsOf(stat, this.bigint), () => nothing(this.bigint));
    const before = this.last;
    this.last = now;
    const missing = Number(now.ino) === 0;
    if (before === undefined ? missing : before.mtimeMs !== now.mtimeMs || before.size !== now.size || before.ino !== now.ino) this.emit("change", now, before ?? now);
  }

  ref(): this {
    this.timer.ref();
    return this;
  }

  unref(): this {
    this.timer.unref();
    return this;
  }

  stop(): void {
    clearInterval(this.timer);
    this.emit("stop");
  }
}

export function watchFile(path: unknown, ...args: unknown[]): StatWatcher {
  const { full } = pathOf(path, "filename");
  const given = optionsOf(args[0], {});
  const listener = args.find((arg) => typeof arg === "function");
  validateFunction(listener, "listener");
  const interval = given.interval ?? 5007;
  validateInteger(interval, "interval", 0);
  const watcher = polled.get(full) ?? new StatWatcher(full, interval, given.persistent !== false, given.bigint === true);
  polled.set(full, watcher);
  watcher.on("change", listener);
  return watcher;
}

export function unwatchFile(path: unknown, listener?: unknown): void {
  const { full } = pathOf(path, "filename");
  const watcher = polled.get(full);
  if (watcher === undefined) return;
  if (typeof listener === "function") watcher.removeListener("change", listener as Callback);
  else watcher.removeAllListeners("change");
  if (watcher.listenerCount("change") > 0) return;
  watcher.stop();
  polled.delete(full);
}
