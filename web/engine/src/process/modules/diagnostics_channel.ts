/** `diagnostics_channel`. */

import { invalidArgType, refusal } from "./errors.ts";
import { validateFunction, type Callback } from "./validate.ts";

type Name = string | symbol;

interface Store {
  run(value: unknown, body: Callback, ...args: unknown[]): unknown;
}

/** A named place where messages are published. */
export class Channel {
  readonly name: Name;
  #subscribers: Callback[] = [];
  readonly #stores = new Map<Store, Callback | undefined>();

  constructor(name: Name) {
    this.name = name;
  }

  get hasSubscribers(): boolean {
    return this.#subscribers.length > 0 || this.#stores.size > 0;
  }

  subscribe(subscriber: unknown): void {
    validateFunction(subscriber, "subscription");
    this.#subscribers = [...this.#subscribers, subscriber];
  }

  unsubscribe(subscriber: unknown): boolean {
    const at = this.#subscribers.indexOf(subscriber as Callback);
    if (at === -1) return false;
    this.#subscribers = this.#subscribers.toSpliced(at, 1);
    return true;
  }

  bindStore(store: Store, transform?: Callback): void {
    this.#stores.set(store, transform);
  }

  unbindStore(store: Store): boolean {
    return this.#stores.delete(store);
  }

  publish(message: unknown): void {
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(message, this.name);
      } catch (error) {
        // What a subscriber throws is nobody's who publishes.
        (globalThis as unknown as { process: { nextTick(body: () => void): void } }).process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  runStores(message: unknown, body: Callback, self?: unknown, ...args: unknown[]): unknown {
    let run = (): unknown => {
      this.publish(message);
      return Reflect.apply(body, self, args);
    };
    for (const [store, transform] of this.#stores) {
      const inner = run;
      run = () => store.run(transform === undefined ? message : transform(message), inner);
    }
    return run();
  }
}

const channels = new Map<Name, Channel>();

function channel(name: unknown): Channel {
  if (typeof name !== "string" && typeof name !== "symbol") throw invalidArgType("channel", ["string", "symbol"], name);
  const known = channels.get(name) ?? new Channel(name);
  channels.set(name, known);
  return known;
}

const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
type Context = Record<string, unknown>;

/** Five channels that follow a call. */
class TracingChannel {
  declare readonly start: Channel;
  declare readonly end: Channel;
  declare readonly asyncStart: Channel;
  declare readonly asyncEnd: Channel;
  declare readonly error: Channel;

  constructor(source: unknown) {
    for (const event of EVENTS) {
      const found = typeof source === "string" ? channel(`tracing:${source}:${event}`) : (source as Record<string, Channel>)[event];
      Object.defineProperty(this, event, { value: found, enumerable: true });
    }
  }

  get hasSubscribers(): boolean {
    return EVENTS.some((event) => this[event].hasSubscribers);
  }

  subscribe(handlers: Record<string, unknown>): void {
    for (const event of EVENTS) if (handlers[event] !== undefined) this[event].subscribe(handlers[event]);
  }

  unsubscribe(handlers: Record<string, unknown>): boolean {
    return EVENTS.map((event) => handlers[event] === undefined || this[event].unsubscribe(handlers[event])).every(Boolean);
  }

  traceSync(body: Callback, context: Context = {}, self?: unknown, ...args: unknown[]): unknown {
    return this.start.runStores(context, () => {
      try {
        context.result = Reflect.apply(body, self, args);
        return context.result;
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }

  tracePromise(body: Callback, context: Context = {}, self?: unknown, ...args: unknown[]): unknown {
    const settled = (): void => {
      this.asyncStart.publish(context);
      this.asyncEnd.publish(context);
    };
    return this.start.runStores(context, () => {
      try {
        return Promise.resolve(Reflect.apply(body, self, args)).then(
          (result) => {
            context.result = result;
            settled();
            return result;
          },
          (error: unknown) => {
            context.error = error;
            this.error.publish(context);
            settled();
            throw error;
          },
        );
      } catch (error) {
        context.error = error;
        this.error.publish(context);
        throw error;
      } finally {
        this.end.publish(context);
      }
    });
  }
}
Object.defineProperty(TracingChannel.prototype, "traceCallback", { value: refusal("diagnostics_channel.TracingChannel.traceCallback"), configurable: true, writable: true });

/** The module, with the keys of Node's in its order. */
export const diagnosticsChannel = {
  channel,
  hasSubscribers: (name: Name) => channels.get(name)?.hasSubscribers ?? false,
  subscribe: (name: Name, subscriber: unknown) => channel(name).subscribe(subscriber),
  tracingChannel: (source: unknown) => new TracingChannel(source),
  unsubscribe: (name: Name, subscriber: unknown) => channel(name).unsubscribe(subscriber),
  Channel,
};
