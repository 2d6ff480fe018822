/**
 * The browser's own classes, where programs see that they are not Node's: errors get Node's codes, and work that goes
 * on outside of the event loop keeps the process alive, as it does in Node.
 *
 * Imported before all else: modules take these classes from the global object when they are loaded.
 */

import { handle } from "./loop.ts";
import { nodeError } from "./modules/errors.ts";

type Method = (this: object, ...args: unknown[]) => unknown;

/** Replace methods by ones that call them through `around`. Names that a prototype lacks are passed over. */
function wrap(prototype: object | undefined, names: readonly string[], around: (method: Method) => Method): void {
  for (const name of names) {
    const own = prototype === undefined ? undefined : Object.getOwnPropertyDescriptor(prototype, name);
    if (prototype === undefined || typeof own?.value !== "function") continue;
    const made = around(own.value as Method);
    Object.defineProperty(made, "name", { value: name, configurable: true });
    Object.defineProperty(prototype, name, { ...own, value: made });
  }
}

/** The process stays alive until the promise that a method gives is settled. */
const held = (method: Method): Method => function (...args) {
  const result = method.apply(this, args);
  if (!(result instanceof Promise)) return result;
  const keeper = handle();
  const done = (): void => keeper.close();
  result.then(done, done);
  return result;
};

const BODY = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];

function holdWork(): void {
  wrap(Blob.prototype, BODY, held);
  wrap(Response.prototype, BODY, held);
  wrap(Request.prototype, BODY, held);
  wrap(SubtleCrypto.prototype, Object.getOwnPropertyNames(SubtleCrypto.prototype).filter((name) => name !== "constructor"), held);
  wrap(WebAssembly, ["compile", "instantiate", "compileStreaming", "instantiateStreaming"], held);
}

/** Streams whose data the browser makes outside of the program: of blobs, bodies, and of compression. */
const outside = new WeakSet();
const outsideReaders = new WeakSet();

const noted = (stream: unknown): unknown => {
  if (typeof stream === "object" && stream !== null) outside.add(stream);
  return stream;
};

function noteGetter(prototype: object, name: string): void {
  const own = Object.getOwnPropertyDescriptor(prototype, name) as { get?: () => unknown; enumerable?: boolean; configurable?: boolean } | undefined;
  const getter = own?.get as (() => unknown) | undefined;
  if (own === undefined || getter === undefined) return;
  Object.defineProperty(prototype, name, {
    ...own,
    get(this: object): unknown {
      return noted(Reflect.apply(getter, this, []));
    },
  });
}

/** Reading such streams holds the process; reading others is the program's own affair, and ends with it. */
function holdStreams(): void {
  wrap(Blob.prototype, ["stream"], (method) => function (...args) {
    return noted(method.apply(this, args));
  });
  for (const { prototype } of [Response, Request]) noteGetter(prototype, "body");
  for (const { prototype } of [CompressionStream, DecompressionStream]) noteGetter(prototype, "readable");
  const streams = ReadableStream.prototype;
  wrap(streams, ["getReader"], (method) => function (...args) {
    const reader = method.apply(this, args) as object;
    if (outside.has(this)) outsideReaders.add(reader);
    return reader;
  });
  for (const { prototype } of [ReadableStreamDefaultReader, ReadableStreamBYOBReader]) {
    wrap(prototype, ["read"], (method) => function (...args) {
      return outsideReaders.has(this) ? held(method).apply(this, args) : method.apply(this, args);
    });
  }
  wrap(streams, ["pipeTo"], (method) => function (...args) {
    return outside.has(this) ? held(method).apply(this, args) : method.apply(this, args);
  });
  wrap(streams, ["pipeThrough"], (method) => function (...args) {
    const result = method.apply(this, args);
    return outside.has(this) ? noted(result) : result;
  });
  wrap(streams, ["tee"], (method) => function (...args) {
    const parts = method.apply(this, args) as object[];
    if (outside.has(this)) parts.forEach(noted);
    return parts;
  });
  wrap(streams, ["values"], iterated);
  const values = Object.getOwnPropertyDescriptor(streams, "values") as { value: unknown };
  Object.defineProperty(streams, Symbol.asyncIterator, { ...values, enumerable: false });
}

/** Iteration by a reader that was seen. */
const iterated = (method: Method): Method => function (...args) {
  if (!outside.has(this)) return method.apply(this, args);
  const { preventCancel = false } = (args[0] ?? {}) as { preventCancel?: boolean };
  const reader = (this as ReadableStream<unknown>).getReader();
  const iterator = {
    next: async () => {
      const { done, value } = await reader.read();
      if (done) reader.releaseLock();
      return { done, value };
    },
    return: async (value: unknown) => {
      if (!preventCancel) await reader.cancel(value);
      reader.releaseLock();
      return { done: true, value };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
};

const text = (value: unknown): string => (value as { toString(): string }).toString();

/** This browser lets a space and the like stand, escaped, in the name of a host, which the standard forbids; a `*` it allows. */
const escapedHost = (url: URL): boolean => url.hostname.replace(/%2a/gi, "*").includes("%") && /^(?:https?|wss?|ftp|file):$/.test(url.protocol);

/** Hosts that the standard forbids are not set either: the URL stays what it was. */
function strictHosts(native: typeof URL): void {
  for (const name of ["host", "hostname"] as const) {
    const own = Object.getOwnPropertyDescriptor(native.prototype, name) as { set: (this: URL, value: unknown) => void; get: (this: URL) => string };
    Object.defineProperty(native.prototype, name, {
      ...own,
      set(this: URL, value: unknown) {
        const before = Reflect.apply(own.get, this, []);
        Reflect.apply(own.set, this, [value]);
        if (escapedHost(this)) Reflect.apply(own.set, this, [before]);
      },
    });
  }
  const canParse = (url: string, base?: string): boolean => {
    try {
      return !escapedHost(new native(url, base));
    } catch {
      return false;
    }
  };
  Object.defineProperty(native, "canParse", { value: canParse, writable: true, configurable: true, enumerable: true });
}

const AUTHORITY = /^((?:https?|wss?|ftp|file):\/\/(?:[^/?#]*@)?)([^/?#]*)/;

/** A `*` in the name of a host, which this browser escapes, is shown as it stands. */
function plainStars(native: typeof URL): void {
  const { prototype } = native;
  const own = Object.getOwnPropertyDescriptors(prototype) as unknown as Readonly<Record<string, { readonly get: Method; readonly value: Method }>>;
  const unescaped = (text: string): string => text.replaceAll("%2A", "*");
  const whole = (href: string): string => href.replace(AUTHORITY, (_, before: string, host: string) => before + unescaped(host));
  const shown = (url: URL, method: Method | undefined, show: (text: string) => string): string => {
    const text = method?.call(url) as string;
    return text.includes("%2A") && AUTHORITY.test(own.href?.get.call(url) as string) ? show(text) : text;
  };
  for (const [name, show] of Object.entries({ host: unescaped, hostname: unescaped, origin: unescaped, href: whole })) {
    Object.defineProperty(prototype, name, { ...own[name], get(this: URL) { return shown(this, own[name]?.get, show); } });
  }
  for (const name of ["toString", "toJSON"]) {
    Object.defineProperty(prototype, name, { ...own[name], value: { [name](this: URL) { return shown(this, own[name]?.value, whole); } }[name] });
  }
}

/** `new URL(text)` that fails: Node's error has a code and the input. */
function codedUrl(): void {
  const native = globalThis.URL;
  const coded: typeof URL = new Proxy(native, {
    construct(target, args: unknown[], newTarget) {
      try {
        const made = Reflect.construct(target, args, newTarget === coded ? target : newTarget) as URL;
        if (escapedHost(made)) throw new TypeError("Invalid URL");
        return made;
      } catch (error) {
        const [input, base] = args;
        if (args.length === 0 || typeof input === "symbol") throw error;
        const given = { input: text(input), ...(base === undefined ? {} : { base: text(base) }) };
        throw Object.assign(nodeError(TypeError, "ERR_INVALID_URL", "Invalid URL", coded), given);
      }
    },
  });
  strictHosts(native);
  plainStars(native);
  Object.defineProperty(native.prototype, "constructor", { value: coded, writable: true, configurable: true });
  Object.defineProperty(globalThis, "URL", { value: coded, writable: true, configurable: true });
}

function codedDecoder(): void {
  const native = globalThis.TextDecoder;
  const coded: typeof TextDecoder = new Proxy(native, {
    construct(target, args: unknown[], newTarget) {
      try {
        return Reflect.construct(target, args, newTarget === coded ? target : newTarget) as object;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw nodeError(RangeError, "ERR_ENCODING_NOT_SUPPORTED", `The "${text(args[0])}" encoding is not supported`);
      }
    },
  });
  Object.defineProperty(native.prototype, "constructor", { value: coded, writable: true, configurable: true });
  Object.defineProperty(globalThis, "TextDecoder", { value: coded, writable: true, configurable: true });
  wrap(TextDecoder.prototype, ["decode"], (method) => function (...args) {
    try {
      return method.apply(this, args);
    } catch (error) {
      if (!(error instanceof TypeError) || !(this as unknown as TextDecoder).fatal) throw error;
      throw nodeError(TypeError, "ERR_ENCODING_INVALID_ENCODED_DATA", `The encoded data was not valid for encoding ${(this as unknown as TextDecoder).encoding}`);
    }
  });
}

holdWork();
holdStreams();
codedUrl();
codedDecoder();
