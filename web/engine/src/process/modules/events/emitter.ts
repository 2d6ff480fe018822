/** The emitter itself. */

import { inspect } from "node-inspect-extracted";
import { invalidArgType, nodeError, outOfRange } from "../errors.ts";
import { validateFunction, type Callback } from "../validate.ts";

/** Name of an event. */
export type Name = string | symbol;
type Listener = Callback & { listener?: Callback; warned?: boolean };
type Kept = Listener | Listener[];

const CAPTURE = Symbol("kCapture");
/** Node marks emitters whose properties were all there from the start; it is printed with them. */
const SHAPE = Symbol("shapeMode");
/** Key of the method that takes rejections of async listeners. */
export const captureRejectionSymbol = Symbol.for("nodejs.rejection");
/** Name of the event that sees errors before the listeners of `error`. */
export const errorMonitor = Symbol("events.errorMonitor");

/** What counts where an emitter says nothing itself. */
export const defaults = { limit: 10, capture: false };

interface Host {
  emitWarning?: (warning: Error) => void;
  nextTick?: (callback: Callback, ...args: unknown[]) => void;
}
const host = (): Host => (globalThis as { process?: Host }).process ?? {};

/** The state of an emitter, in the properties that Node's has and that packages look at. */
interface State {
  _events: Record<Name, Kept | undefined> | undefined;
  _eventsCount: number;
  _maxListeners: number | undefined;
  [CAPTURE]?: boolean;
  [SHAPE]?: boolean;
  [captureRejectionSymbol]?: (error: unknown, name: Name, ...args: unknown[]) => void;
}

const state = (emitter: object): State => emitter as State;

function noEvents(): Record<Name, Kept | undefined> {
  return Object.create(null) as Record<Name, Kept | undefined>;
}

function limitOf(emitter: State): number {
  return emitter._maxListeners ?? defaults.limit;
}

function warnOfLeak(emitter: object, name: Name, list: Listener[] & { warned?: boolean }): void {
  const limit = limitOf(state(emitter));
  if (limit <= 0 || list.length <= limit || list.warned === true) return;
  list.warned = true;
  const shown = inspect(emitter, { depth: -1 });
  const warning = new Error(
    `Possible EventEmitter memory leak detected. ${list.length} ${String(name)} listeners added to ${shown}. MaxListeners is ${limit}. Use emitter.setMaxListeners() to increase limit`,
  );
  Object.assign(warning, { name: "MaxListenersExceededWarning", emitter, type: name, count: list.length });
  host().emitWarning?.(warning);
}

function add(emitter: EventEmitter, name: Name, listener: unknown, first: boolean): EventEmitter {
  validateFunction(listener, "listener");
  const self = state(emitter);
  if (self._events === undefined) {
    self._events = noEvents();
    self._eventsCount = 0;
  } else if (self._events.newListener !== undefined) {
    emitter.emit("newListener", name, (listener as Listener).listener ?? listener);
  }
  const events = self._events;
  const known = events[name];
  if (known === undefined) {
    events[name] = listener;
    self._eventsCount += 1;
    return emitter;
  }
  const list = typeof known === "function" ? [known] : known;
  if (first) list.unshift(listener);
  else list.push(listener);
  events[name] = list;
  warnOfLeak(emitter, name, list);
  return emitter;
}

function once1(emitter: EventEmitter, name: Name, listener: unknown): Listener {
  validateFunction(listener, "listener");
  let fired = false;
  const wrapped: Listener = (...args) => {
    if (fired) return undefined;
    emitter.removeListener(name, wrapped);
    fired = true;
    return Reflect.apply(listener, emitter, args);
  };
  wrapped.listener = listener;
  return wrapped;
}

function unhandledError(args: unknown[]): unknown {
  const [error] = args;
  if (error instanceof Error) return error;
  let shown: string;
  try {
    shown = inspect(error);
  } catch {
    shown = String(error);
  }
  const failure = nodeError(Error, "ERR_UNHANDLED_ERROR", `Unhandled error. (${shown})`);
  (failure as { context?: unknown }).context = error;
  return failure;
}

function caught(emitter: EventEmitter, error: unknown, name: Name, args: unknown[]): void {
  const taker = state(emitter)[captureRejectionSymbol];
  if (typeof taker === "function") {
    taker.call(emitter, error, name, ...args);
    return;
  }
  const before = state(emitter)[CAPTURE] ?? false;
  try {
    // An error of the `error` listener itself must not come back here for ever.
    state(emitter)[CAPTURE] = false;
    emitter.emit("error", error);
  } finally {
    state(emitter)[CAPTURE] = before;
  }
}

function watchRejection(emitter: EventEmitter, result: unknown, name: Name, args: unknown[]): void {
  if (state(emitter)[CAPTURE] !== true || result === undefined || result === null) return;
  const then = (result as { then?: unknown }).then;
  if (typeof then !== "function") return;
  Reflect.apply(then, result, [
    undefined,
    (error: unknown) => host().nextTick?.(() => caught(emitter, error, name, args)),
  ]);
}

/** Options of an emitter. */
export interface EmitterOptions {
  readonly captureRejections?: boolean;
}

/** Calls listeners by the name of an event. A function, not a class: old packages call it without `new`. */
export interface EventEmitter {
  setMaxListeners(limit: number): this;
  getMaxListeners(): number;
  emit(name: Name, ...args: unknown[]): boolean;
  addListener(name: Name, listener: Callback): this;
  on(name: Name, listener: Callback): this;
  prependListener(name: Name, listener: Callback): this;
  once(name: Name, listener: Callback): this;
  prependOnceListener(name: Name, listener: Callback): this;
  removeListener(name: Name, listener: Callback): this;
  off(name: Name, listener: Callback): this;
  removeAllListeners(name?: Name): this;
  listeners(name: Name): Callback[];
  rawListeners(name: Name): Callback[];
  listenerCount(name: Name, listener?: Callback): number;
  eventNames(): Name[];
}

interface EmitterConstructor {
  new (options?: EmitterOptions): EventEmitter;
  (this: unknown, options?: EmitterOptions): void;
  prototype: EventEmitter;
  [name: string]: unknown;
}

/** The constructor; see the interface of the same name. */
export const EventEmitter = function EventEmitter(this: EventEmitter, options?: EmitterOptions): void {
  init.call(this, options);
} as EmitterConstructor;

/** Prepare an emitter: what the constructor does, also for objects that mix the methods in. */
export function init(this: EventEmitter, options?: EmitterOptions): void {
  const self = state(this);
  if (self._events === undefined || self._events === state(Object.getPrototypeOf(this) as object)._events) {
    self._events = noEvents();
    self._eventsCount = 0;
    self[SHAPE] = false;
  }
  self._maxListeners ||= undefined;
  if (options?.captureRejections === undefined) {
    self[CAPTURE] = defaults.capture;
    return;
  }
  if (typeof options.captureRejections !== "boolean") throw invalidArgType("options.captureRejections", "boolean", options.captureRejections);
  self[CAPTURE] = options.captureRejections;
}

Object.defineProperties(EventEmitter.prototype, {
  _events: { value: undefined, writable: true, enumerable: true, configurable: true },
  _eventsCount: { value: 0, writable: true, enumerable: true, configurable: true },
  _maxListeners: { value: undefined, writable: true, enumerable: true, configurable: true },
  [CAPTURE]: { value: false, writable: true, enumerable: false, configurable: true },
});

function forget(emitter: EventEmitter, name: Name): void {
  const self = state(emitter);
  self._eventsCount -= 1;
  if (self._eventsCount === 0) self._events = noEvents();
  else if (self._events !== undefined) Reflect.deleteProperty(self._events, name);
}

function remove(emitter: EventEmitter, name: Name, listener: unknown): EventEmitter {
  validateFunction(listener, "listener");
  const events = state(emitter)._events;
  const known = events?.[name];
  if (events === undefined || known === undefined) return emitter;
  const same = (kept: Listener): boolean => kept === listener || kept.listener === listener;
  let removed: Listener | undefined;
  if (typeof known === "function") {
    if (!same(known)) return emitter;
    removed = known;
    forget(emitter, name);
  } else {
    const at = known.findLastIndex(same);
    if (at < 0) return emitter;
    removed = known[at];
    // The list may be under way in `emit`, which copies it first.
    known.splice(at, 1);
    if (known.length === 1) events[name] = known[0];
  }
  const original = removed?.listener ?? listener;
  if (state(emitter)._events?.removeListener !== undefined) emitter.emit("removeListener", name, original);
  return emitter;
}

function removeAll(emitter: EventEmitter, all: boolean, name: Name): EventEmitter {
  const self = state(emitter);
  const events = self._events;
  if (events === undefined) return emitter;
  if (events.removeListener === undefined) {
    if (all) {
      self._events = noEvents();
      self._eventsCount = 0;
    } else if (events[name] !== undefined) forget(emitter, name);
    return emitter;
  }
  if (all) {
    for (const key of Reflect.ownKeys(events)) if (key !== "removeListener") emitter.removeAllListeners(key);
    emitter.removeAllListeners("removeListener");
    self._events = noEvents();
    self._eventsCount = 0;
    return emitter;
  }
  const known = events[name];
  const list = known === undefined ? [] : typeof known === "function" ? [known] : [...known];
  for (const listener of list.reverse()) emitter.removeListener(name, listener);
  return emitter;
}

/** The listeners of an event as they are kept. */
export function listOf(emitter: object, name: Name): Listener[] {
  const known = state(emitter)._events?.[name];
  if (known === undefined) return [];
  return typeof known === "function" ? [known] : [...known];
}

/** Call the listeners of an event; whether there were any. */
export function emit(this: EventEmitter, name: Name, ...args: unknown[]): boolean {
  const events = state(this)._events;
  if (name === "error") {
    if (events?.[errorMonitor] !== undefined) this.emit(errorMonitor, ...args);
    if (events?.error === undefined) throw unhandledError(args);
  }
  const known = events?.[name];
  if (known === undefined) return false;
  if (typeof known === "function") {
    watchRejection(this, Reflect.apply(known, this, args), name, args);
    return true;
  }
  for (const listener of [...known]) watchRejection(this, Reflect.apply(listener, this, args), name, args);
  return true;
}

const methods: Record<string, (this: EventEmitter, ...args: never[]) => unknown> = {
  setMaxListeners(limit: unknown) {
    if (typeof limit !== "number" || limit < 0 || Number.isNaN(limit)) {
      if (typeof limit !== "number") throw invalidArgType("setMaxListeners", "number", limit);
      throw outOfRange("setMaxListeners", ">= 0", limit);
    }
    state(this)._maxListeners = limit;
    return this;
  },
  getMaxListeners() {
    return limitOf(state(this));
  },
  emit: emit,
  addListener(name: Name, listener: unknown) {
    return add(this, name, listener, false);
  },
  prependListener(name: Name, listener: unknown) {
    return add(this, name, listener, true);
  },
  once(name: Name, listener: unknown) {
    return this.on(name, once1(this, name, listener));
  },
  prependOnceListener(name: Name, listener: unknown) {
    return this.prependListener(name, once1(this, name, listener));
  },
  removeListener(name: Name, listener: unknown) {
    return remove(this, name, listener);
  },
  removeAllListeners(...names: Name[]) {
    return removeAll(this, names.length === 0, names[0] ?? "");
  },
  listeners(name: Name) {
    return listOf(this, name).map((listener) => listener.listener ?? listener);
  },
  rawListeners(name: Name) {
    return listOf(this, name);
  },
  listenerCount(name: Name, listener?: unknown) {
    const list = listOf(this, name);
    if (listener === undefined || listener === null) return list.length;
    return list.filter((known) => known === listener || known.listener === listener).length;
  },
  eventNames() {
    return state(this)._eventsCount > 0 ? Reflect.ownKeys(state(this)._events ?? {}) : [];
  },
};
Object.assign(EventEmitter.prototype, methods);
EventEmitter.prototype.on = EventEmitter.prototype.addListener;
EventEmitter.prototype.off = EventEmitter.prototype.removeListener;
