/**
 * The timers of a process: `setTimeout`, `setInterval`, `setImmediate` and their objects, as Node has them.
 *
 * Times are in milliseconds of the loop's own clock, which stands still while a callback runs, as libuv's does.
 */

import { enter, frame, type Frame } from "./async/context.ts";
import { checkLater, handle, nextTick, schedule, type Handle } from "./loop.ts";
import { invalidArgType } from "./modules/errors.ts";
import { emitWarning } from "./warnings.ts";

type Callback = (...args: unknown[]) => void;

/** Node turns longer delays into 1 ms, with a warning. */
const LONGEST = 2 ** 31 - 1;

const started = performance.now();
const clock = performance.now.bind(performance);
let now = 0;
let last = 0;
const heap: Timeout[] = [];
const byId = new Map<number, Timeout>();

/** Let the loop's clock catch up with the real one. */
export function advance(): void {
  now = Math.floor(clock() - started);
}

/** The loop's clock in milliseconds. */
export function loopTime(): number {
  return now;
}

/** Milliseconds until the next timer is due; undefined when there is none. */
export function nextDue(): number | undefined {
  const first = heap[0];
  return first === undefined ? undefined : Math.max(0, first.due - (clock() - started));
}

/** A callback of the next timer that is due by the loop's clock. */
export function takeDue(): (() => void) | undefined {
  const first = heap[0];
  if (first === undefined || first.due > now) return undefined;
  remove(first);
  return () => fire(first);
}

function fire(timer: Timeout): void {
  enter(timer.frame);
  try {
    if (timer._onTimeout !== null) timer._onTimeout(...timer._timerArgs ?? []);
  } finally {
    if (timer._repeat !== null && !timer._destroyed && timer.at === -1) {
      timer._idleTimeout = timer._repeat;
      start(timer);
    } else if (timer.at === -1) end(timer);
  }
}

function start(timer: Timeout): void {
  timer._idleStart = now;
  timer.due = now + timer._idleTimeout;
  timer.order = ++last;
  insert(timer);
  schedule();
}

function end(timer: Timeout): void {
  if (timer._destroyed) return;
  timer._destroyed = true;
  timer.hold.close();
  if (timer.number !== undefined) byId.delete(timer.number);
}

function before(a: Timeout, b: Timeout): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function insert(timer: Timeout): void {
  heap.push(timer);
  rise(heap.length - 1, timer);
}

function rise(from: number, timer: Timeout): void {
  let at = from;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(timer, parent)) break;
    place(parent, at);
    at = up;
  }
  place(timer, at);
}

function sink(from: number, timer: Timeout): void {
  let at = from;
  for (;;) {
    let down = 2 * at + 1;
    const left = heap[down], right = heap[down + 1];
    if (left === undefined) break;
    if (right !== undefined && before(right, left)) down += 1;
    const child = heap[down];
    if (child === undefined || !before(child, timer)) break;
    place(child, at);
    at = down;
  }
  place(timer, at);
}

function place(timer: Timeout, at: number): void {
  heap[at] = timer;
  timer.at = at;
}

function remove(timer: Timeout): void {
  const at = timer.at;
  if (at < 0) return;
  timer.at = -1;
  const moved = heap.pop();
  if (moved === undefined || moved === timer) return;
  const up = heap[(at - 1) >> 1];
  if (at > 0 && up !== undefined && before(moved, up)) rise(at, moved);
  else sink(at, moved);
}

function delayOf(wanted: unknown): number {
  const ms = Number(wanted);
  if (ms >= 1 && ms <= LONGEST) return Math.trunc(ms);
  if (ms > LONGEST) {
    emitWarning(`${ms} does not fit into a 32-bit signed integer.\nTimeout duration was set to 1.`, "TimeoutOverflowWarning");
  }
  return 1;
}

/** What `setTimeout` and `setInterval` return. Names with an underscore are those that programs have come to read. */
export class Timeout {
  _idleTimeout: number;
  _idleStart = 0;
  _onTimeout: Callback | null;
  _timerArgs: unknown[] | undefined;
  _repeat: number | null;
  _destroyed = false;
  declare due: number;
  declare order: number;
  declare at: number;
  declare number: number | undefined;
  declare hold: Handle;
  declare frame: Frame | undefined;

  constructor(callback: Callback, after: unknown, args: unknown[] | undefined, repeat: boolean) {
    this._idleTimeout = delayOf(after);
    this._onTimeout = callback;
    this._timerArgs = args;
    this._repeat = repeat ? this._idleTimeout : null;
    // Hidden, as Node hides its own by symbols: people print timers.
    for (const [name, value] of Object.entries({ due: 0, order: 0, at: -1, number: undefined, hold: handle(), frame: frame() })) {
      Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: false });
    }
    start(this);
  }

  ref(): this {
    if (!this._destroyed) this.hold.ref();
    return this;
  }

  unref(): this {
    if (!this._destroyed) this.hold.unref();
    return this;
  }

  hasRef(): boolean {
    return this.hold.hasRef();
  }

  /** Start again from now. */
  refresh(): this {
    if (this._destroyed) {
      if (this._onTimeout === null) return this;
      this._destroyed = false;
      this.hold = handle();
    }
    remove(this);
    start(this);
    return this;
  }

  close(): this {
    clearTimeout(this);
    return this;
  }

  [Symbol.toPrimitive](): number {
    if (this.number === undefined) {
      this.number = this.order;
      if (!this._destroyed) byId.set(this.number, this);
    }
    return this.number;
  }

  [Symbol.dispose](): void {
    clearTimeout(this);
  }
}

/** What `setImmediate` returns. */
export class Immediate {
  _onImmediate: Callback | null;
  _argv: unknown[] | undefined;
  declare hold: Handle;

  constructor(callback: Callback, args: unknown[] | undefined) {
    this._onImmediate = callback;
    this._argv = args;
    Object.defineProperty(this, "hold", { value: handle(), enumerable: false });
    const wanted = frame();
    checkLater(() => {
      const due = this._onImmediate;
      if (due === null) return;
      this._onImmediate = null;
      this.hold.close();
      enter(wanted);
      due(...this._argv ?? []);
    });
  }

  ref(): this {
    this.hold.ref();
    return this;
  }

  unref(): this {
    this.hold.unref();
    return this;
  }

  hasRef(): boolean {
    return this.hold.hasRef();
  }

  [Symbol.dispose](): void {
    clearImmediate(this);
  }
}

function checked(callback: unknown): Callback {
  if (typeof callback !== "function") throw invalidArgType("callback", "function", callback);
  return callback as Callback;
}

const list = (args: unknown[]): unknown[] | undefined => (args.length === 0 ? undefined : args);

export function setTimeout(callback: unknown, after?: unknown, ...args: unknown[]): Timeout {
  return new Timeout(checked(callback), after, list(args), false);
}

export function setInterval(callback: unknown, repeat?: unknown, ...args: unknown[]): Timeout {
  return new Timeout(checked(callback), repeat, list(args), true);
}

export function setImmediate(callback: unknown, ...args: unknown[]): Immediate {
  return new Immediate(checked(callback), list(args));
}

/** Also for intervals, and by number. */
export function clearTimeout(timer?: unknown): void {
  const found = timer instanceof Timeout ? timer : byId.get(Number(timer));
  if (found === undefined) return;
  remove(found);
  found._onTimeout = null;
  end(found);
}

export const clearInterval = function clearInterval(timer?: unknown): void {
  clearTimeout(timer);
};

export function clearImmediate(immediate?: unknown): void {
  if (!(immediate instanceof Immediate)) return;
  immediate._onImmediate = null;
  immediate.hold.close();
}

/** `process.nextTick`. */
export function processNextTick(callback: unknown, ...args: unknown[]): void {
  const due = checked(callback);
  const wanted = frame();
  nextTick(() => {
    enter(wanted);
    due(...args);
  });
}

/** `queueMicrotask`, with errors going where a process's errors go. */
export function microtask(queue: (body: () => void) => void, failed: (error: unknown) => void): (callback: unknown) => void {
  return function queueMicrotask(callback: unknown): void {
    const due = checked(callback);
    const wanted = frame();
    queue(() => {
      enter(wanted);
      try {
        due();
      } catch (error) {
        failed(error);
      }
    });
  };
}
