/** Events of emitters and EventTargets alike: as promises, as iterators, and who listens. */

import { AbortError, invalidArgType } from "../errors.ts";
import { validateAbortSignal, validateFunction, validateNumber, validateObject, type Callback } from "../validate.ts";
import { defaults, type EventEmitter, type Name } from "./emitter.ts";

const targetLimit = Symbol("events.maxEventTargetListeners");
type Target = EventTarget & { [targetLimit]?: number };

const isTarget = (value: unknown): value is Target => value instanceof EventTarget;
const isEmitter = (value: unknown): value is EventEmitter => typeof (value as Partial<EventEmitter> | undefined)?.on === "function";

/** Hear one event of an emitter or an EventTarget; the answer stops hearing. */
function hear(source: unknown, name: Name, listener: Callback, isOnce: boolean): () => void {
  if (isEmitter(source)) {
    if (isOnce) source.once(name, listener);
    else source.on(name, listener);
    // As Node asks it: what only has `on` and `once` will do.
    return () => (source as Partial<typeof source>).removeListener?.(name, listener);
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
  if (isTarget(source)) return source[targetLimit] ?? defaults.limit;
  if (typeof (source as Partial<EventEmitter> | undefined)?.getMaxListeners === "function") return (source as EventEmitter).getMaxListeners();
  throw invalidArgType("emitter", ["EventEmitter", "EventTarget"], source);
}

/** Set the limit above which Node warns of a leak: for these sources, or for all. */
export function setMaxListeners(limit: number = defaults.limit, ...sources: unknown[]): void {
  validateNumber(limit, "setMaxListeners", 0);
  if (sources.length === 0) defaults.limit = limit;
  for (const source of sources) {
    if (isTarget(source)) source[targetLimit] = limit;
    else if (typeof (source as Partial<EventEmitter> | undefined)?.setMaxListeners === "function") (source as EventEmitter).setMaxListeners(limit);
    else throw invalidArgType("eventTargets", ["EventEmitter", "EventTarget"], source);
  }
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
