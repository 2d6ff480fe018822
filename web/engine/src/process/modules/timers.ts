/** `timers` and `timers/promises`, over the timers of the process's loop. */

import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "../timers.ts";
import { AbortError, refusal } from "./errors.ts";
import { validateAbortSignal, validateBoolean, validateObject } from "./validate.ts";

interface Options {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

function checked(options: unknown): Options {
  validateObject(options, "options");
  const { signal, ref } = options as { signal?: unknown; ref?: unknown };
  validateAbortSignal(signal, "options.signal");
  if (ref !== undefined) validateBoolean(ref, "options.ref");
  return options;
}

interface Timer {
  unref(): unknown;
}

/** A promise that a timer fulfils with a value and a signal's abort rejects. */
function promised<T>(start: (done: () => void) => Timer, stop: (timer: Timer) => void, value: T, options: unknown): Promise<T> {
  let found: Options;
  try {
    found = checked(options);
  } catch (error) {
    return Promise.reject(error);
  }
  const { signal } = found;
  if (signal?.aborted === true) return Promise.reject(new AbortError({ cause: signal.reason }));
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      stop(timer);
      reject(new AbortError({ cause: signal?.reason }));
    };
    const timer = start(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    });
    if (found.ref === false) timer.unref();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function after<T>(delay?: number, value?: T, options: unknown = {}): Promise<T | undefined> {
  return promised((done) => setTimeout(done, delay), clearTimeout, value, options);
}

function soon<T>(value?: T, options: unknown = {}): Promise<T | undefined> {
  return promised((done) => setImmediate(done), clearImmediate, value, options);
}

/** A value again and again, until the loop over them ends or the signal aborts. */
async function* every<T>(delay?: number, value?: T, options: unknown = {}): AsyncGenerator<T | undefined> {
  const { signal, ref } = checked(options);
  if (signal?.aborted === true) throw new AbortError({ cause: signal.reason });
  const ended = (): boolean => signal?.aborted === true;
  let due = 0;
  let wake: () => void = () => undefined;
  const timer = setInterval(() => {
    due += 1;
    wake();
  }, delay);
  if (ref === false) timer.unref();
  const abort = (): void => wake();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      if (ended()) throw new AbortError({ cause: signal?.reason });
      if (due === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      for (; due > 0; due -= 1) yield value;
    }
  } finally {
    clearInterval(timer);
    signal?.removeEventListener("abort", abort);
  }
}

Object.defineProperty(after, "name", { value: "setTimeout" });
Object.defineProperty(soon, "name", { value: "setImmediate" });
Object.defineProperty(every, "name", { value: "setInterval" });

/** `timers/promises`. */
export const promises = {
  setTimeout: after,
  setImmediate: soon,
  setInterval: every,
  scheduler: { wait: (delay: number, options?: Options) => after(delay, undefined, options ?? {}), yield: () => soon() },
};

const custom = Symbol.for("nodejs.util.promisify.custom");
for (const [timer, promise] of [[setTimeout, after], [setImmediate, soon]] as const) {
  Object.defineProperty(timer, custom, { configurable: true, enumerable: true, get: () => promise });
}

const old = "it was removed from what programs should use";

/** The module, with the keys of Node's in its order. */
export const timers = {
  setTimeout, clearTimeout, setImmediate, clearImmediate, setInterval, clearInterval,
  _unrefActive: refusal("timers._unrefActive", old), active: refusal("timers.active", old),
  unenroll: refusal("timers.unenroll", old), enroll: refusal("timers.enroll", old), promises,
};
