/** `async_hooks`: `AsyncLocalStorage` and `AsyncResource` over the frames of the async context. */

import { invalidArgType, nodeError, unsupported } from "../modules/errors.ts";
import { provideAsyncResource } from "../modules/events.ts";
import { activate, bound, enter, frame, kept, whenUsed, within, type Frame } from "./context.ts";
import { execution, inExecution, newAsyncId } from "./ids.ts";

type Callback = (this: unknown, ...args: never[]) => unknown;

function withValue(from: Frame | undefined, key: object, value: unknown): Frame {
  return new Map([...from ?? [], [key, value]]);
}

function without(from: Frame | undefined, key: object): Frame {
  const rest = new Map(from);
  rest.delete(key);
  return rest;
}

/** A value that follows the callbacks and awaits of the code that it was given to. */
export class AsyncLocalStorage<T = unknown> {
  /** A function that runs in the context of now. */
  static bind(callback: Callback): Callback {
    return AsyncResource.bind(callback);
  }

  /** A function that runs others in the context of now. */
  static snapshot(): (callback: Callback, ...args: never[]) => unknown {
    return bound((callback: Callback, ...args: never[]) => callback(...args));
  }

  disable(): void {
    enter(without(frame(), this));
  }

  getStore(): T | undefined {
    return frame()?.get(this) as T | undefined;
  }

  enterWith(store: T): void {
    enter(withValue(frame(), this, store));
  }

  run<A extends unknown[], R>(store: T, callback: (...args: A) => R, ...args: A): R {
    return within(withValue(frame(), this, store), () => Reflect.apply<null, A, R>(callback, null, args));
  }

  exit<A extends unknown[], R>(callback: (...args: A) => R, ...args: A): R {
    return within(without(frame(), this), () => Reflect.apply<null, A, R>(callback, null, args));
  }
}

interface ResourceOptions {
  readonly triggerAsyncId?: number;
  readonly requireManualDestroy?: boolean;
}

/** Something of a program's own that calls back later: keeps the context that it was made in. */
export class AsyncResource {
  readonly #frame = frame();
  readonly #id = newAsyncId();
  readonly #trigger: number;

  constructor(type: string, options: ResourceOptions | number = {}) {
    if (typeof type !== "string") throw invalidArgType("type", "string", type);
    const trigger = typeof options === "number" ? options : options.triggerAsyncId ?? execution().id;
    if (!Number.isSafeInteger(trigger) || trigger < -1) throw nodeError(RangeError, "ERR_INVALID_ASYNC_ID", `Invalid triggerAsyncId value: ${trigger}`);
    this.#trigger = trigger;
  }

  runInAsyncScope<A extends unknown[], R>(callback: (this: unknown, ...args: A) => R, receiver?: unknown, ...args: A): R {
    return inExecution({ id: this.#id, trigger: this.#trigger, resource: this }, () => within(this.#frame, () => callback.apply(receiver, args)));
  }

  emitDestroy(): this {
    return this;
  }

  asyncId(): number {
    return this.#id;
  }

  triggerAsyncId(): number {
    return this.#trigger;
  }

  bind(callback: Callback, receiver?: unknown): Callback {
    if (typeof callback !== "function") throw invalidArgType("fn", "Function", callback);
    const run = this.runInAsyncScope.bind(this) as (callback: Callback, receiver: unknown, ...args: never[]) => unknown;
    const made = function (this: unknown, ...args: never[]): unknown {
      return run(callback, receiver ?? this, ...args);
    };
    Object.defineProperties(made, { name: { value: "bound", configurable: true }, length: { value: callback.length, configurable: true } });
    return made;
  }

  static bind(callback: Callback, type?: string, receiver?: unknown): Callback {
    return new AsyncResource(type ?? (callback.name || "bound-anonymous-fn")).bind(callback, receiver);
  }
}

/** Hooks on every promise and handle are not there; asking for them says so, when they are switched on. */
function createHook(callbacks: unknown): object {
  if (typeof callbacks !== "object" || callbacks === null) throw invalidArgType("asyncHook", "Object", callbacks);
  for (const name of ["init", "before", "after", "destroy", "promiseResolve"]) {
    const callback = (callbacks as Record<string, unknown>)[name];
    if (callback !== undefined && typeof callback !== "function") throw nodeError(TypeError, "ERR_ASYNC_CALLBACK", `hook.${name} must be a function`);
  }
  const hook = {
    enable: (): never => {
      throw unsupported("async_hooks.createHook().enable()", "AsyncLocalStorage and AsyncResource are there");
    },
    disable: (): object => hook,
  };
  return hook;
}

type Reaction = ((this: unknown, value: unknown) => unknown) | null | undefined;
type Then = (this: Promise<unknown>, fulfilled?: Reaction, rejected?: Reaction) => Promise<unknown>;

/** Promise reactions run in the frame in which they were asked for. */
function patchThen(): void {
  const before = Reflect.get(Promise.prototype, "then") as Then;
  const reaction = (body: Reaction): Reaction => (typeof body === "function" ? bound((value: unknown) => kept(body(value))) : body);
  const resolve = Reflect.get(Promise, "resolve") as (this: unknown, value?: unknown) => unknown;
  const resolved = function (this: unknown, value?: unknown): unknown {
    return resolve.call(this, kept(value));
  };
  Object.defineProperties(resolved, { name: { value: "resolve" }, length: { value: 1 } });
  void Object.defineProperty(Promise, "resolve", { value: resolved, writable: true, configurable: true, enumerable: false });
  const then = function (this: Promise<unknown>, fulfilled?: Reaction, rejected?: Reaction): Promise<unknown> {
    return before.call(this, reaction(fulfilled), reaction(rejected));
  };
  Object.defineProperties(then, { name: { value: "then" } });
  void Object.defineProperty(Promise.prototype, "then", { value: then, writable: true, configurable: true, enumerable: false });
}

whenUsed(patchThen);

/** Give emitters the resource that `EventEmitterAsyncResource` keeps; making one is asking for async contexts. */
export function provideHooks(): void {
  provideAsyncResource(class extends AsyncResource {
    constructor(type: string) {
      activate();
      super(type);
    }
  } as unknown as Parameters<typeof provideAsyncResource>[0]);
}

/** The module. Asking for it is what makes promise reactions carry frames. */
export function asyncHooksModule(): object {
  activate();
  return {
    AsyncLocalStorage,
    createHook,
    executionAsyncId: () => execution().id,
    triggerAsyncId: () => execution().trigger,
    executionAsyncResource: () => execution().resource,
    asyncWrapProviders: Object.freeze(Object.create(null) as object),
    AsyncResource,
  };
}
