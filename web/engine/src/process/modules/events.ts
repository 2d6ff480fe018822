/** `events`: EventEmitter with all that Node 20 has around it. */

import { invalidArgType, unsupported } from "./errors.ts";
import { captureRejectionSymbol, defaults, emit, errorMonitor, EventEmitter, init, listOf, type EmitterOptions, type Name } from "./events/emitter.ts";
import { addAbortListener, getEventListeners, getMaxListeners, on, once, setMaxListeners } from "./events/sources.ts";
import { validateNumber } from "./validate.ts";

export { addAbortListener, captureRejectionSymbol, errorMonitor, EventEmitter, getEventListeners, getMaxListeners, on, once, setMaxListeners };
export type { EmitterOptions };

/** Old form of `emitter.listenerCount`. */
export function listenerCount(emitter: { listenerCount?: (name: Name) => number }, name: Name): number {
  if (typeof emitter.listenerCount === "function") return emitter.listenerCount(name);
  return listOf(emitter, name).length;
}

type Resource = EventEmitter & {
  asyncResource: { runInAsyncScope: (...args: unknown[]) => unknown; asyncId(): number; triggerAsyncId(): number; emitDestroy(): unknown };
};
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

  get asyncId(): number {
    return this.asyncResource.asyncId();
  }

  get triggerAsyncId(): number {
    return this.asyncResource.triggerAsyncId();
  }

  emitDestroy(): void {
    this.asyncResource.emitDestroy();
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
    get: () => defaults.capture,
    set: (value: unknown) => {
      if (typeof value !== "boolean") throw invalidArgType("EventEmitter.captureRejections", "boolean", value);
      defaults.capture = value;
    },
  },
  EventEmitterAsyncResource: { enumerable: true, configurable: true, value: EventEmitterAsyncResource, writable: true },
  errorMonitor: { enumerable: true, value: errorMonitor },
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaults.limit,
    set: (value: unknown) => {
      validateNumber(value, "defaultMaxListeners", 0);
      defaults.limit = value;
    },
  },
  setMaxListeners: { enumerable: true, configurable: true, value: setMaxListeners, writable: true },
  init: { enumerable: true, configurable: true, value: init, writable: true },
  listenerCount: { enumerable: true, configurable: true, value: listenerCount, writable: true },
});

export default EventEmitter;
