/** `perf_hooks`: the browser's performance timeline, with what Node has beside it. */

import { outOfRange, refusal, unsupported } from "./errors.ts";
import { validateFunction, validateInteger, validateNumber, type Callback } from "./validate.ts";

/** Captured when the process starts: its clock begins there. */
const clock = globalThis.performance;

/** Counts whole numbers, exactly where Node keeps three figures of large ones, and tells of their distribution. */
class Histogram {
  readonly #values: number[] = [];

  get count(): number {
    return this.#values.length;
  }

  get min(): number {
    return this.#values.length === 0 ? Number.MAX_SAFE_INTEGER : Math.min(...this.#values);
  }

  get max(): number {
    return this.#values.length === 0 ? 0 : Math.max(...this.#values);
  }

  get mean(): number {
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }

  get stddev(): number {
    const { mean } = this;
    return Math.sqrt(this.#values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / this.#values.length);
  }

  /** None is too large, as without options in Node. */
  get exceeds(): number {
    return 0;
  }

  /** Node's are at shares that follow from how it keeps the numbers. */
  get percentiles(): never {
    throw unsupported("Histogram.percentiles", "Histogram.percentile is");
  }

  record(value: unknown): void {
    validateInteger(value, "val", 1);
    this.#values.push(value);
  }

  percentile(share: unknown): number {
    validateNumber(share, "percentile");
    if (share <= 0 || share > 100) throw outOfRange("percentile", "> 0 && <= 100", share);
    return this.#values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil((share / 100) * this.#values.length) - 1)] ?? 0;
  }

  reset(): void {
    this.#values.length = 0;
  }
}

/** How busy the loop was. A Worker cannot see its own waiting: all the time counts as active. */
function eventLoopUtilization(): { idle: number; active: number; utilization: number } {
  return { idle: 0, active: clock.now(), utilization: 1 };
}

/** The same function: its calls are no entries of the timeline, as nobody asked for them by an observer. */
function timerify(body: unknown, options?: { readonly histogram?: unknown }): Callback {
  validateFunction(body, "fn");
  if (options?.histogram !== undefined) throw unsupported("performance.timerify with a histogram");
  const timed = function timed(this: unknown, ...args: unknown[]): unknown {
    return (new.target as unknown) === undefined ? Reflect.apply(body, this, args) : (Reflect.construct(body, args, body) as unknown);
  };
  return Object.defineProperties(timed, {
    name: { value: `timerified ${body.name}`, configurable: true },
    length: { value: body.length, configurable: true },
  });
}

// Where Node has them: on the class, so that its instance inherits them.
Object.defineProperties(globalThis.Performance.prototype, {
  nodeTiming: {
    configurable: true, enumerable: true,
    get: () => ({ name: "node", entryType: "node", startTime: 0, duration: clock.now(), nodeStart: 0, v8Start: 0, environment: 0, bootstrapComplete: 0, loopStart: 0, loopExit: -1, idleTime: 0 }),
  },
  timerify: { configurable: true, enumerable: true, writable: true, value: timerify },
  eventLoopUtilization: { configurable: true, enumerable: true, writable: true, value: eventLoopUtilization },
  markResourceTiming: { configurable: true, enumerable: true, writable: true, value: refusal("performance.markResourceTiming") },
});

function createHistogram(options?: Readonly<Record<string, unknown>>): Histogram {
  if (["lowest", "highest", "figures"].some((name) => options?.[name] !== undefined)) throw unsupported("perf_hooks.createHistogram with options");
  return new Histogram();
}

const given = globalThis as unknown as Record<string, unknown>;

/** The module, with the keys of Node's in its order. */
export const perfHooks = {
  Performance: given.Performance,
  PerformanceEntry: given.PerformanceEntry,
  PerformanceMark: given.PerformanceMark,
  PerformanceMeasure: given.PerformanceMeasure,
  PerformanceObserver: given.PerformanceObserver,
  PerformanceObserverEntryList: given.PerformanceObserverEntryList,
  PerformanceResourceTiming: given.PerformanceResourceTiming,
  monitorEventLoopDelay: refusal("perf_hooks.monitorEventLoopDelay"),
  createHistogram,
  performance: clock,
  constants: {
    NODE_PERFORMANCE_GC_MAJOR: 4, NODE_PERFORMANCE_GC_MINOR: 1, NODE_PERFORMANCE_GC_INCREMENTAL: 8, NODE_PERFORMANCE_GC_WEAKCB: 16,
    NODE_PERFORMANCE_GC_FLAGS_NO: 0, NODE_PERFORMANCE_GC_FLAGS_CONSTRUCT_RETAINED: 2, NODE_PERFORMANCE_GC_FLAGS_FORCED: 4,
    NODE_PERFORMANCE_GC_FLAGS_SYNCHRONOUS_PHANTOM_PROCESSING: 8, NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE: 16,
    NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY: 32, NODE_PERFORMANCE_GC_FLAGS_SCHEDULE_IDLE: 64,
  },
};
