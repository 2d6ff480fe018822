/** How objects of the web platform are printed: as Node prints its own of the same classes. */

import { inspect } from "node-inspect-extracted";

const custom = Symbol.for("nodejs.util.inspect.custom");

interface Context {
  readonly depth?: number | null;
  readonly stylize?: (text: string, style: string) => string;
}

type Print = (value: never, depth: number, options: Context) => string;

function printedBy(name: string, print: Print): void {
  const found = (globalThis as Record<string, unknown>)[name] as { prototype?: object } | undefined;
  if (found?.prototype === undefined) return;
  Object.defineProperty(found.prototype, custom, {
    value(this: never, depth: number, options: Context) {
      return print(this, depth, options);
    },
    configurable: true, writable: true, enumerable: false,
  });
}

const nameOf = (value: object, preset: string): string => (value.constructor as { name?: string } | undefined)?.name ?? preset;

const picked = (keys: readonly string[]) => (value: Record<string, unknown>): object => Object.fromEntries(keys.map((key) => [key, value[key]]));

/** An object as its class and some of its properties. */
const fields = (name: string, keys: readonly string[]): void => shallow(name, picked(keys));

/** An object as its class and what is told of it, one level less deep. */
function shallow(name: string, facts: (value: never) => object): void {
  printedBy(name, (value: object, depth, options) => {
    const title = nameOf(value, name);
    if (typeof depth === "number" && depth < 0) return options.stylize?.(`[${title}]`, "special") ?? `[${title}]`;
    const inner = facts(value as never);
    return `${title} ${inspect(inner, { ...options, depth: options.depth === null || options.depth === undefined ? null : options.depth - 1 })}`;
  });
}

function pairs(value: Iterable<[string, unknown]>, name: string, options: Context): string {
  const items = [...value].map(([key, item]) => `${inspect(key, options)} => ${inspect(item, options)}`);
  if (items.length === 0) return `${name} {}`;
  const line = items.join(", ");
  return line.length + name.length < 72 ? `${name} { ${line} }` : `${name} {\n  ${items.join(",\n  ")}\n}`;
}

/** What the browser tells nobody. */
const unknown = { [custom]: () => "<unknown>" };

/** An object as its class and what is told of it. Node's classes of fetch begin anew with the depth that was asked for. */
function told(name: string, facts: (value: never) => object): void {
  printedBy(name, (value: object, depth, options) => `${nameOf(value, name)} ${inspect(facts(value as never), { depth, ...options })}`);
}

/** Names with their values; those that come more than once with all of them. */
function grouped(entries: Iterable<[string, unknown]>): object {
  const found = new Map<string, unknown[]>();
  for (const [key, value] of entries) found.set(key, [...(found.get(key) ?? []), value]);
  return Object.fromEntries([...found].map(([key, values]) => [key, values.length === 1 ? values[0] : values]));
}

const DECODER_KEYS = ["encoding", "fatal", "ignoreBOM"];
const PAIR_KEYS = ["readable", "writable"];

/** Readers, writers, strategies: what they are and how much they hold. */
function printStreamParts(): void {
  for (const name of ["ByteLengthQueuingStrategy", "CountQueuingStrategy"]) fields(name, ["highWaterMark"]);
  shallow("WritableStreamDefaultWriter", (value: WritableStreamDefaultWriter) => ({ stream: unknown, close: value.closed, ready: value.ready, desiredSize: unknown }));
  for (const name of ["ReadableStreamDefaultReader", "ReadableStreamBYOBReader"]) {
    shallow(name, (value: ReadableStreamDefaultReader) => ({ stream: unknown, readRequests: unknown, close: value.closed }));
  }
}

/** Headers, bodies and streams: those of Node's that fetch gives. */
function printFetchClasses(): void {
  told("Headers", (value: Headers) => Object.fromEntries(value));
  told("FormData", (value: FormData) => grouped(value));
  told("Response", picked(["status", "statusText", "headers", "body", "bodyUsed", "ok", "redirected", "type", "url"]));
  told("Request", (value: Request) => ({
    ...picked(["method", "url", "headers", "destination", "referrer", "referrerPolicy", "mode", "credentials", "cache", "redirect", "integrity", "keepalive"])(value as never),
    isReloadNavigation: false, isHistoryNavigation: false, signal: value.signal,
  }));
  shallow("ReadableStream", (value: ReadableStream) => ({ locked: value.locked, state: unknown, supportsBYOB: unknown }));
  shallow("WritableStream", (value: WritableStream) => ({ locked: value.locked, state: unknown }));
  shallow("TransformStream", (value: TransformStream) => ({ readable: value.readable, writable: value.writable, backpressure: unknown }));
  for (const name of ["CompressionStream", "DecompressionStream"]) fields(name, PAIR_KEYS);
  fields("TextDecoderStream", [...DECODER_KEYS, ...PAIR_KEYS]);
  fields("TextEncoderStream", ["encoding", ...PAIR_KEYS]);
  fields("TextDecoder", DECODER_KEYS);
  // Node prints these without their class.
  printedBy("TextEncoder", (value: TextEncoder, _depth, options) => inspect({ encoding: value.encoding }, options));
}

/** Iterators of the browser's own collections do not tell what is left in them without giving it away. */
function hideIterators(): void {
  const hidden: readonly [object, string][] = [[new URLSearchParams().entries(), "URLSearchParams Iterator { <items unknown> }"], [new Headers().entries(), "Object [Headers Iterator] {}"]];
  for (const [iterator, shown] of hidden) {
    Object.defineProperty(Object.getPrototypeOf(iterator) as object, custom, { value: () => shown, configurable: true, writable: true, enumerable: false });
  }
}

const URL_KEYS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "searchParams", "hash"];

/** Teach the classes; once in a process. */
export function printWebClasses(): void {
  printFetchClasses();
  printStreamParts();
  hideIterators();
  fields("URL", URL_KEYS);
  fields("Blob", ["size", "type"]);
  fields("File", ["size", "type", "name", "lastModified"]);
  fields("AbortSignal", ["aborted"]);
  fields("AbortController", ["signal"]);
  fields("Event", ["type", "defaultPrevented", "cancelable", "timeStamp"]);
  printedBy("URLSearchParams", (value: URLSearchParams, depth, options) => (depth < 0 ? "[Object]" : pairs(value, "URLSearchParams", options)));
  printedBy("DOMException", (value: DOMException) => (value.stack ?? `${value.name}: ${value.message}`).replace(/^\w+(?=:)/, (name) => `DOMException [${name}]`));
}
