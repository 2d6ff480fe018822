/** `events`: EventEmitter with all that Node 20 has around it. */

import { inspect } from "node-inspect-extracted";
import { AbortError, invalidArgType, nodeError, outOfRange, unsupported } from "./errors.ts";
import { validateAbortSignal, validateFunction, validateNumber, validateObject, type Callback } from "./validate.ts";

type Name = string | symbol;
type Listener = Callback & { listener?: Callback; warned?: boolean };
type Kept = Listener | Listener[];

const CAPTURE = Symbol("kCapture");
/** Key of the method that takes rejections of async listeners. */
export const captureRejectionSymbol = Symbol.for("nodejs.rejection");
/** Name of the event that sees errors before the listeners of `error`. */
export const errorMonitor = Symbol("events.errorMonitor");
const targetLimit = Symbol("events.maxEventTargetListeners");

let defaultLimit = 10;
let captureByDefault = false;

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
  [captureRejectionSymbol]?: (error: unknown, name: Name, ...args: unknown[]) => void;
}

const state = (emitter: object): State => emitter as State;

function noEvents(): Record<Name, Kept | undefined> {
  return Object.create(null) as Record<Name, Kept | undefined>;
}

function limitOf(emitter: State): number {
  return emitter._maxListeners ?? defaultLimit;
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

function init(this: EventEmitter, options?: EmitterOptions): void {
  const self = state(this);
  if (self._events === undefined || self._events === state(Object.getPrototypeOf(this) as object)._events) {
    self._events = noEvents();
    self._eventsCount = 0;
  }
  self._maxListeners ||= undefined;
  if (options?.captureRejections === undefined) {
    const inherited = (this as unknown as State)[CAPTURE];
    if (captureByDefault || inherited === undefined) self[CAPTURE] = captureByDefault;
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

function listOf(emitter: object, name: Name): Listener[] {
  const known = state(emitter)._events?.[name];
  if (known === undefined) return [];
  return typeof known === "function" ? [known] : [...known];
}

function emit(this: EventEmitter, name: Name, ...args: unknown[]): boolean {
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

type Target = EventTarget & { [targetLimit]?: number };

const isTarget = (value: unknown): value is Target => value instanceof EventTarget;
const isEmitter = (value: unknown): value is EventEmitter => typeof (value as Partial<EventEmitter> | undefined)?.on === "function";

/** Hear one event of an emitter or an EventTarget; the answer stops hearing. */
function hear(source: unknown, name: Name, listener: Callback, isOnce: boolean): () => void {
  if (isEmitter(source)) {
    if (isOnce) source.once(name, listener);
    else source.on(name, listener);
    return () => source.removeListener(name, listener);
  }
  if (isTarget(source)) {
    source.addEventListener(String(name), listener, { once: isOnce });
    return () => source.removeEventListener(String(name), listener);
  }
  throw invalidArgType("emitter", "EventEmitter", source);
}

/** A promise of the arguments with which an event comes first; an `error` event before rejects it. */
export async function once(source: unknown, name: Name, options: { signal?: AbortSignal } = {}): Promise<unknown[]> {
  validateObject(options, "options");
  const signal = (options).signal;
  validateAbortSignal(signal, "options.signal");
  if (signal?.aborted === true) throw new AbortError({ cause: signal.reason });
  return await new Promise((resolve, reject) => {
    const stops: (() => void)[] = [];
    const settle = (body: () => void): void => {
      for (const stop of stops) stop();
      body();
    };
    stops.push(hear(source, name, (...args) => settle(() => resolve(args)), true));
    // EventTargets have no errors in Node's sense.
    if (isEmitter(source) && name !== "error") {
      stops.push(hear(source, "error", (error) => settle(() => reject(error)), true));
    }
    if (signal !== undefined) {
      stops.push(hear(signal, "abort", () => settle(() => reject(new AbortError({ cause: signal.reason }))), true));
    }
  });
}

interface OnOptions {
  readonly signal?: AbortSignal;
  readonly close?: readonly string[];
  readonly highWaterMark?: number;
  readonly lowWaterMark?: number;
}

type Result = IteratorResult<unknown[], undefined>;

/** What events that nobody waited for, and waits that no event answered, look like. */
class EventQueue {
  private readonly events: unknown[][] = [];
  private readonly waits: { resolve: (result: Result) => void; reject: (error: unknown) => void }[] = [];
  private failure: { error: unknown } | undefined;
  private finished = false;

  put(args: unknown[]): void {
    const wait = this.waits.shift();
    if (wait === undefined) this.events.push(args);
    else wait.resolve({ value: args, done: false });
  }

  fail(error: unknown): void {
    const wait = this.waits.shift();
    if (wait === undefined) this.failure = { error };
    else wait.reject(error);
  }

  finish(): void {
    this.finished = true;
    for (const wait of this.waits.splice(0)) wait.resolve({ value: undefined, done: true });
  }

  next(): Promise<Result> {
    const args = this.events.shift();
    if (args !== undefined) return Promise.resolve({ value: args, done: false });
    if (this.failure !== undefined) {
      const { error } = this.failure;
      this.failure = undefined;
      return Promise.reject(error);
    }
    if (this.finished) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.waits.push({ resolve, reject }));
  }
}

/** An async iterator over the arguments of an event. */
export function on(source: unknown, name: Name, options: OnOptions = {}): AsyncIterableIterator<unknown[]> {
  validateObject(options, "options");
  const given = options as OnOptions;
  validateAbortSignal(given.signal, "options.signal");
  if (given.signal?.aborted === true) throw new AbortError({ cause: given.signal.reason });
  const queue = new EventQueue();
  const stops: (() => void)[] = [];
  const stop = (): void => {
    for (const end of stops.splice(0)) end();
    queue.finish();
  };
  const fail = (error: unknown): void => {
    queue.fail(error);
    stop();
  };
  stops.push(hear(source, name, (...args) => queue.put(args), false));
  if (name !== "error" && isEmitter(source)) stops.push(hear(source, "error", fail, false));
  for (const end of given.close ?? []) stops.push(hear(source, end, stop, false));
  const signal = given.signal;
  if (signal !== undefined) stops.push(hear(signal, "abort", () => fail(new AbortError({ cause: signal.reason })), true));
  return {
    next: () => queue.next(),
    return: () => {
      stop();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw: (error: unknown) => {
      if (!(error instanceof Error)) return Promise.reject(invalidArgType("EventEmitter.AsyncIterator", "Error", error));
      fail(error);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const targetListeners = new WeakMap<EventTarget, Map<string, Set<unknown>>>();

/** EventTargets do not tell who listens; from the first look on, additions are noted. */
function noteTargets(): void {
  const proto = EventTarget.prototype;
  const { addEventListener, removeEventListener } = proto;
  proto.addEventListener = function noted(this: EventTarget, type, listener, options) {
    const byType = targetListeners.get(this) ?? new Map<string, Set<unknown>>();
    targetListeners.set(this, byType);
    const known = byType.get(type) ?? new Set();
    byType.set(type, known);
    if (listener !== null) known.add(listener);
    Reflect.apply(addEventListener, this, [type, listener, options]);
  };
  proto.removeEventListener = function noted(this: EventTarget, type, listener, options) {
    targetListeners.get(this)?.get(type)?.delete(listener);
    Reflect.apply(removeEventListener, this, [type, listener, options]);
  };
}
noteTargets();

/** The listeners of an event, as a copy. */
export function getEventListeners(source: unknown, name: Name): unknown[] {
  if (isTarget(source)) return [...(targetListeners.get(source)?.get(String(name)) ?? [])];
  if (typeof (source as Partial<EventEmitter> | undefined)?.listeners === "function") return (source as EventEmitter).listeners(name);
  throw invalidArgType("emitter", ["EventEmitter", "EventTarget"], source);
}

export function getMaxListeners(source: unknown): number {
  if (isTarget(source)) return source[targetLimit] ?? defaultLimit;
  if (typeof (source as Partial<EventEmitter> | undefined)?.getMaxListeners === "function") return (source as EventEmitter).getMaxListeners();
  throw invalidArgType("emitter", ["EventEmitter", "EventTarget"], source);
}

/** Set the limit above which Node warns of a leak: for these sources, or for all. */
export function setMaxListeners(limit: number = defaultLimit, ...sources: unknown[]): void {
  validateNumber(limit, "setMaxListeners", 0);
  if (sources.length === 0) defaultLimit = limit;
  for (const source of sources) {
    if (isTarget(source)) source[targetLimit] = limit;
    else if (typeof (source as Partial<EventEmitter> | undefined)?.setMaxListeners === "function") (source as EventEmitter).setMaxListeners(limit);
    else throw invalidArgType("eventTargets", ["EventEmitter", "EventTarget"], source);
  }
}

/** Old form of `emitter.listenerCount`. */
export function listenerCount(emitter: { listenerCount?: (name: Name) => number }, name: Name): number {
  if (typeof emitter.listenerCount === "function") return emitter.listenerCount(name);
  return listOf(emitter, name).length;
}

/** Hear `abort` once, also when somebody stops the event's propagation; at once when it has happened. */
export function addAbortListener(signal: AbortSignal, listener: Callback): Disposable {
  validateAbortSignal(signal, "signal");
  validateFunction(listener, "listener");
  let remove: (() => void) | undefined;
  if (signal.aborted) queueMicrotask(() => listener());
  else remove = hear(signal, "abort", listener, true);
  return { [(Symbol as { dispose?: symbol }).dispose ?? Symbol.for("nodejs.dispose")]: () => remove?.() };
}

interface Disposable {
  readonly [name: symbol]: () => void;
}

type Resource = EventEmitter & { asyncResource: { runInAsyncScope: (...args: unknown[]) => unknown } };
let resourceClass: (new (type: string) => Resource["asyncResource"]) | undefined;

/** Tell this module of `AsyncResource`, which needs the loader's context and comes later. */
export function provideAsyncResource(found: new (type: string) => Resource["asyncResource"]): void {
  resourceClass = found;
}

/** An emitter whose listeners run in the async context in which it was made. */
export class EventEmitterAsyncResource extends (EventEmitter as unknown as new (options?: EmitterOptions) => EventEmitter) {
  readonly asyncResource: Resource["asyncResource"];

  constructor(options?: EmitterOptions & { name?: string }) {
    super(options);
    if (resourceClass === undefined) throw unsupported("EventEmitterAsyncResource");
    this.asyncResource = new resourceClass(options?.name ?? new.target.name);
  }

  override emit(name: Name, ...args: unknown[]): boolean {
    return this.asyncResource.runInAsyncScope(emit, this, name, ...args) as boolean;
  }
}

const shared = {
  addAbortListener, once, on, getEventListeners, getMaxListeners, EventEmitter, usingDomains: false,
  captureRejectionSymbol,
};
Object.assign(EventEmitter, shared);
Object.defineProperties(EventEmitter, {
  captureRejections: {
    enumerable: true, configurable: true,
    get: () => captureByDefault,
    set: (value: unknown) => {
      if (typeof value !== "boolean") throw invalidArgType("EventEmitter.captureRejections", "boolean", value);
      captureByDefault = value;
    },
  },
  EventEmitterAsyncResource: { enumerable: true, configurable: true, value: EventEmitterAsyncResource, writable: true },
  errorMonitor: { enumerable: true, value: errorMonitor },
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaultLimit,
    set: (value: unknown) => {
      validateNumber(value, "defaultMaxListeners", 0);
      defaultLimit = value;
    },
  },
  setMaxListeners: { enumerable: true, configurable: true, value: setMaxListeners, writable: true },
  init: { enumerable: true, configurable: true, value: init, writable: true },
  listenerCount: { enumerable: true, configurable: true, value: listenerCount, writable: true },
});

export default EventEmitter;
