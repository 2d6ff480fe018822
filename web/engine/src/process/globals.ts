/** The globals of a process: Node's are added, the browser's are taken away. */

import { nodeFetch } from "./net/fetch.ts";
import type { NodeProcess } from "./process.ts";
import { builtin } from "./modules/index.ts";
import { clearImmediate, clearInterval, clearTimeout, microtask, setImmediate, setInterval, setTimeout } from "./timers.ts";

/** What Node 20 has of the browser's globals; everything else that is not the language's goes. */
const SHARED = new Set([
  "AbortController", "AbortSignal", "Blob", "BroadcastChannel", "ByteLengthQueuingStrategy", "CompressionStream", "CountQueuingStrategy",
  "Crypto", "CryptoKey", "CustomEvent", "DOMException", "DecompressionStream", "Event", "EventTarget", "File", "FormData", "Headers",
  "MessageChannel", "MessageEvent", "MessagePort", "Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure",
  "PerformanceObserver", "PerformanceObserverEntryList", "PerformanceResourceTiming", "ReadableByteStreamController", "ReadableStream",
  "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController", "ReadableStreamDefaultReader", "Request",
  "Response", "SubtleCrypto", "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream",
  "TransformStreamDefaultController", "URL", "URLSearchParams", "WebAssembly", "WritableStream", "WritableStreamDefaultController",
  "WritableStreamDefaultWriter", "atob", "btoa", "console", "crypto", "fetch", "performance", "queueMicrotask", "structuredClone",
]);

const LANGUAGE = new Set([
  "Object", "Function", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined", "Boolean", "String", "Symbol", "Date",
  "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError",
  "globalThis", "JSON", "Math", "Intl", "ArrayBuffer", "Atomics", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array",
  "Int32Array", "Float32Array", "Float64Array", "Uint8ClampedArray", "BigUint64Array", "BigInt64Array", "DataView", "Map", "BigInt", "Set",
  "WeakMap", "WeakSet", "WeakRef", "Proxy", "Reflect", "FinalizationRegistry", "decodeURI", "decodeURIComponent", "encodeURI",
  "encodeURIComponent", "escape", "unescape", "eval", "isFinite", "isNaN", "SharedArrayBuffer",
]);

const define = (name: string, value: unknown, enumerable = false): void => {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable });
};

/** What the engine keeps of the browser before programs run; see `keep`. */
export interface Native {
  readonly queueMicrotask: (body: () => void) => void;
  /** Collects garbage, where the browser was started with `--expose-gc`. */
  readonly gc: (() => unknown) | undefined;
  readonly listen: (name: "error" | "unhandledrejection" | "rejectionhandled", listener: (event: Event) => void) => void;
}

/** Take what the engine itself needs from the browser's globals. */
export function keep(): Native {
  return {
    gc: (globalThis as { gc?: () => unknown }).gc,
    queueMicrotask: globalThis.queueMicrotask.bind(globalThis),
    listen: (name, listener) => EventTarget.prototype.addEventListener.call(globalThis, name, listener),
  };
}

function hide(): void {
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!SHARED.has(name) && !LANGUAGE.has(name)) Reflect.deleteProperty(globalThis, name);
  }
  // The rest comes from the prototypes of a Worker's global object.
  let at: object = Object.getPrototypeOf(globalThis) as object;
  while (at !== EventTarget.prototype && at !== Object.prototype) {
    for (const name of methodsOf(at)) Reflect.deleteProperty(at, name);
    at = Object.getPrototypeOf(at) as object;
  }
  // Programs use this prototype for their own targets; only the global object's share of it is hidden.
  for (const name of methodsOf(EventTarget.prototype)) define(name, undefined);
}

const methodsOf = (prototype: object): string[] => Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");

/** What is an accessor or comes from a prototype becomes a plain value of the global object. */
function settle(): void {
  for (const name of SHARED) {
    const value = (globalThis as Record<string, unknown>)[name];
    const own = Object.getOwnPropertyDescriptor(globalThis, name);
    if (value !== undefined && (own === undefined || own.get !== undefined)) define(name, value);
  }
}

/** What the browser's language has and that of Node 20 has not: programs that look for it do then what they do there. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  Object: ["groupBy"],
  Map: ["groupBy"],
  "Map.prototype": ["getOrInsert", "getOrInsertComputed"],
  "WeakMap.prototype": ["getOrInsert", "getOrInsertComputed"],
  "Set.prototype": ["union", "intersection", "difference", "symmetricDifference", "isSubsetOf", "isSupersetOf", "isDisjointFrom"],
  Promise: ["withResolvers", "try"],
  Array: ["fromAsync"],
  RegExp: ["escape"],
  Math: ["sumPrecise", "f16round"],
  Error: ["isError"],
  JSON: ["rawJSON", "isRawJSON"],
  "ArrayBuffer.prototype": ["transfer", "transferToFixedLength", "detached"],
  Uint8Array: ["fromBase64", "fromHex"],
  "Uint8Array.prototype": ["toBase64", "toHex", "setFromBase64", "setFromHex"],
  "DataView.prototype": ["getFloat16", "setFloat16"],
  "Date.prototype": ["toTemporalInstant"],
  Atomics: ["pause"],
  Intl: ["DurationFormat"],
};
const ITERATOR_HELPERS = ["map", "filter", "take", "drop", "flatMap", "reduce", "toArray", "forEach", "some", "every", "find"];

function takeLater(): void {
  for (const [path, names] of Object.entries(LATER)) {
    const [owner = "", inside] = path.split(".");
    const constructor = (globalThis as Record<string, unknown>)[owner] as Record<string, object> | undefined;
    const holder: object | undefined = inside === undefined ? constructor : constructor?.[inside];
    if (holder !== undefined) for (const name of names) Reflect.deleteProperty(holder, name);
  }
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
  for (const name of ITERATOR_HELPERS) Reflect.deleteProperty(iterator, name);
}

/** Messages of `JSON.parse` as Node 20 words them: later ones add the line and column. */
function rewordJson(): void {
  const parse = (text: string, reviver?: Parameters<typeof JSON.parse>[1]): unknown => {
    try {
      return before(text, reviver) as unknown;
    } catch (error) {
      if (error instanceof SyntaxError) error.message = error.message.replace(/ \(line \d+ column \d+\)$/, "");
      if (error instanceof SyntaxError && typeof error.stack === "string") error.stack = error.stack.replace(/ \(line \d+ column \d+\)$/m, "");
      throw error;
    }
  };
  const before = JSON.parse;
  Object.defineProperty(JSON, "parse", { value: parse, writable: true, configurable: true, enumerable: false });
}

/** The enumerable globals of Node, in its order. */
const ENUMERABLE = [
  "global", "clearImmediate", "setImmediate", "clearInterval", "clearTimeout", "setInterval", "setTimeout", "queueMicrotask", "structuredClone",
  "atob", "btoa", "performance", "fetch", "crypto",
];

function enumerate(): void {
  for (const name of ENUMERABLE) {
    const own = Object.getOwnPropertyDescriptor(globalThis, name);
    if (own?.configurable !== true) continue;
    Reflect.deleteProperty(globalThis, name);
    Object.defineProperty(globalThis, name, { ...own, enumerable: true });
  }
}

/** Replace the globals. The browser's own are gone afterwards. */
export function installGlobals(process: NodeProcess, native: Native, failed: (error: unknown) => void): void {
  settle();
  hide();
  takeLater();
  rewordJson();
  define("global", globalThis);
  Object.defineProperty(globalThis, Symbol.toStringTag, { value: "global", configurable: true });
  define("process", process);
  for (const [name, value] of Object.entries({ setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate })) define(name, value, true);
  define("fetch", Object.defineProperty(nodeFetch, "name", { value: "fetch" }), true);
  define("queueMicrotask", microtask(native.queueMicrotask, failed), true);
  enumerate();
  for (const [name, from] of [["Buffer", "buffer"], ["console", "console"], ["atob", "buffer"], ["btoa", "buffer"]] as const) {
    let value: unknown;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: ENUMERABLE.includes(name),
      get: () => (value ??= name === "console" ? builtin(from) : (builtin(from) as Record<string, unknown>)[name]),
      set: (other: unknown) => define(name, other),
    });
  }
}
