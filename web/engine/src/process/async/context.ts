/**
 * The async context: what `AsyncLocalStorage` hands through callbacks and awaits.
 *
 * A frame is an immutable map from storages to their values. One variable holds the frame of the code that runs now.
 * Whoever keeps a callback for later captures the frame and runs the callback in it; awaits do the same by the calls
 * that the transform puts around them (`hold`, `take`, `resume`, `recover`).
 */

/** Values by storage. Never changed once made. */
export type Frame = ReadonlyMap<object, unknown>;

let current: Frame | undefined;
let held: unknown;

/** Whether anybody has asked for async contexts; until then all frames are empty. */
let used = false;
const waiting: (() => void)[] = [];

/** The frame of the code that runs now. */
export function frame(): Frame | undefined {
  return current;
}

/** Go on in another frame. */
export function enter(next: Frame | undefined): void {
  current = next;
}

/** Run a function in a frame and come back to the present one. */
export function within<T>(wanted: Frame | undefined, body: () => T): T {
  const before = current;
  current = wanted;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** The same function, always run in the frame of now. */
export function bound<A extends unknown[], R>(body: (this: unknown, ...args: A) => R): (this: unknown, ...args: A) => R {
  const wanted = current;
  return function (this: unknown, ...args: A): R {
    return within(wanted, () => body.apply(this, args));
  };
}

/** Make promise reactions carry frames from now on; called when a program asks for async hooks. */
export function activate(): void {
  if (used) return;
  used = true;
  for (const start of waiting.splice(0)) start();
}

/** Call back when (or if already) somebody uses async contexts. */
export function whenUsed(start: () => void): void {
  if (used) start();
  else waiting.push(start);
}

/** What an await saved, so that a rejection can be told from an error of the function's own. */
export interface Saved {
  readonly frame: Frame | undefined;
}

/** Before an await: keep its operand, and hand out the frame to come back to. */
export function hold(operand: unknown): Saved {
  held = operand;
  return { frame: current };
}

/** The operand that `hold` kept: nothing runs between the two. */
export function take(): unknown {
  const operand = held;
  held = undefined;
  return used ? kept(operand) : operand;
}

/** A value whose own `then`, called later by the language, runs in the frame of now; promises have none of their own. */
export function kept(value: unknown): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || value instanceof Promise || current === undefined) return value;
  let then: unknown;
  try {
    ({ then } = value as { then?: unknown });
  } catch {
    // The language reads it again, and rejects.
    return value;
  }
  if (typeof then !== "function") return value;
  const wanted = current;
  const method = then as (...args: unknown[]) => unknown;
  return { then: (...args: unknown[]) => within(wanted, () => Reflect.apply(method, value, args)) };
}

/** After an await that succeeded: back to the saved frame, on with its value. */
export function resume<T>(saved: Saved, value: T): T {
  current = saved.frame;
  return value;
}

/** At the start of a `catch` or `finally`: when an await led here, back to the frame that it saved. */
export function recover(saved: Saved | null | undefined): null {
  if (saved) current = saved.frame;
  return null;
}

/** The iterable of a `for await`, telling `save` at each step what to come back to. */
export function steps(iterable: unknown, save: (saved: Saved) => void): unknown {
  const source = iterable as Record<symbol, ((this: unknown) => AsyncIterator<unknown>) | null | undefined>;
  const key = source[Symbol.asyncIterator] == null ? Symbol.iterator : Symbol.asyncIterator;
  const open = source[key];
  // Not iterable: the loop itself says so, in the language's own words.
  if (typeof open !== "function") return iterable;
  return {
    [key]: () => {
      const inner = open.call(source);
      const next = inner.next.bind(inner);
      return {
        next: () => {
          save({ frame: current });
          return next();
        },
        get return() {
          return inner.return === undefined ? undefined : (value: unknown) => {
            save({ frame: current });
            return inner.return?.(value);
          };
        },
      };
    },
  };
}
