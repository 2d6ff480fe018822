/** `mock`: functions and methods that remember their calls and can be given another body. */

import { invalidArgType, invalidArgValue, refusal } from "../errors.ts";

type Fn = (this: unknown, ...args: unknown[]) => unknown;
type Key = string | symbol;

/** One call of a mocked function. */
interface Call {
  readonly arguments: unknown[];
  readonly result: unknown;
  readonly error: unknown;
  readonly stack: Error;
  readonly target: unknown;
  readonly this: unknown;
}

/** What `fn.mock` is. */
export class MockFunctionContext {
  #calls: Call[] = [];
  #implementation: Fn;
  readonly #once = new Map<number, Fn>();
  #left: number;
  #restore: (() => void) | undefined;
  readonly #original: Fn;

  constructor(implementation: Fn, original: Fn, times: number, restore: (() => void) | undefined) {
    this.#implementation = implementation;
    this.#original = original;
    this.#left = times;
    this.#restore = restore;
  }

  get calls(): Call[] {
    return [...this.#calls];
  }

  callCount(): number {
    return this.#calls.length;
  }

  mockImplementation(implementation: Fn): void {
    if (typeof implementation !== "function") throw invalidArgType("implementation", "Function", implementation);
    this.#implementation = implementation;
  }

  mockImplementationOnce(implementation: Fn, onCall = this.#calls.length): void {
    if (typeof implementation !== "function") throw invalidArgType("implementation", "Function", implementation);
    this.#once.set(onCall, implementation);
  }

  restore(): void {
    this.#implementation = this.#original;
    this.#once.clear();
    this.#restore?.();
    this.#restore = undefined;
  }

  resetCalls(): void {
    this.#calls = [];
  }

  /** The body for the next call; after as many as were asked for it is the original again. */
  next(): Fn {
    const at = this.#calls.length;
    const once = this.#once.get(at);
    this.#once.delete(at);
    const body = once ?? this.#implementation;
    this.#left -= 1;
    if (this.#left === 0) this.restore();
    return body;
  }

  remember(call: Call): void {
    this.#calls.push(call);
  }
}

interface Options {
  readonly times?: number;
  readonly getter?: boolean;
  readonly setter?: boolean;
}

function timesOf({ times = Infinity }: Options): number {
  if (times !== Infinity && (!Number.isInteger(times) || times < 1)) throw invalidArgValue("options.times", times, "must be an integer of at least 1");
  return times;
}

function mocked(original: Fn, implementation: Fn, times: number, restore?: () => void): Fn & { readonly mock: MockFunctionContext } {
  const context = new MockFunctionContext(implementation, original, times, restore);
  const observed = (target: unknown, self: unknown, args: unknown[], call: (body: Fn) => unknown): unknown => {
    let [result, error]: unknown[] = [undefined, undefined];
    try {
      result = call(context.next());
      return result;
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      context.remember({ arguments: args, error, result, stack: new Error(), target, this: self });
    }
  };
  return new Proxy(original, {
    apply: (_, self, args: unknown[]) => observed(undefined, self, args, (body) => body.apply(self, args)),
    construct: (target, args: unknown[], newTarget) => observed(target, undefined, args, (body) => Reflect.construct(body, args, newTarget)) as object,
    get: (target, key, self): unknown => (key === "mock" ? context : Reflect.get(target, key, self)),
  }) as Fn & { readonly mock: MockFunctionContext };
}

function ownerOf(object: object, name: Key): PropertyDescriptor | undefined {
  for (let owner: object | null = object; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const found = Object.getOwnPropertyDescriptor(owner, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

type Mocked = Fn & { readonly mock: MockFunctionContext };

/** A set of mocks that are undone together. */
export class MockTracker {
  #contexts: MockFunctionContext[] = [];
  /** Clocks that tests move: not done. */
  readonly timers = { enable: refusal("mock.timers.enable"), reset: refusal("mock.timers.reset"), tick: refusal("mock.timers.tick"), runAll: refusal("mock.timers.runAll"), setTime: refusal("mock.timers.setTime") };
  readonly module = refusal("mock.module");

  fn(original?: Fn | Options, implementation?: Fn | Options, options: Options = {}): Mocked {
    const first = typeof original === "function" ? original : function () {};
    const given = typeof original === "object" ? original : typeof implementation === "object" ? implementation : options;
    return this.#keep(mocked(first, typeof implementation === "function" ? implementation : first, timesOf(given)));
  }

  method(object: object, name: Key, implementation?: Fn | Options, options: Options = {}): Mocked {
    const given = typeof implementation === "object" ? implementation : options;
    const kind = given.getter === true ? "get" : given.setter === true ? "set" : "value";
    const before = ownerOf(object, name);
    const original: unknown = before?.[kind];
    if (before === undefined || typeof original !== "function") throw invalidArgValue("methodName", original, "must be a method");
    const own = Object.hasOwn(object, name);
    const restore = (): void => {
      if (own) Object.defineProperty(object, name, before);
      else Reflect.deleteProperty(object, name);
    };
    const made = mocked(original as Fn, typeof implementation === "function" ? implementation : original as Fn, timesOf(given), restore);
    Object.defineProperty(object, name, { ...before, configurable: true, [kind]: made });
    return this.#keep(made);
  }

  getter(object: object, name: Key, implementation?: Fn | Options, options: Options = {}): Mocked {
    return this.#accessor(object, name, implementation, { ...options, getter: true });
  }

  setter(object: object, name: Key, implementation?: Fn | Options, options: Options = {}): Mocked {
    return this.#accessor(object, name, implementation, { ...options, setter: true });
  }

  reset(): void {
    this.restoreAll();
    this.#contexts = [];
  }

  restoreAll(): void {
    for (const context of this.#contexts) context.restore();
  }

  #accessor(object: object, name: Key, implementation: Fn | Options | undefined, options: Options): Mocked {
    return typeof implementation === "function" ? this.method(object, name, implementation, options) : this.method(object, name, { ...implementation, ...options });
  }

  #keep(made: Mocked): Mocked {
    this.#contexts.push(made.mock);
    return made;
  }
}
