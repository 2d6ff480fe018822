/** `zlib`: streams, whole buffers now, and whole buffers later. Brotli is refused: no kept package of it fits a page. */

import { Transform } from "readable-stream/lib/stream.js";
import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError, refusal } from "../errors.ts";
import { runLater } from "../later.ts";
import { validateFunction, validateUint32, type Callback } from "../validate.ts";
import { Codec, type Kind } from "./codec.ts";
import { codes, constants } from "./constants.ts";
import { bytesOf, choicesOf, type Choices } from "./options.ts";

type Done = (error?: Error | null) => void;

/** What a stream keeps beside its own state. */
interface Inner {
  readonly codec: Codec;
  readonly choices: Choices;
  closed: boolean;
}
const inners = new WeakMap<object, Inner>();

type ZlibStream = Transform & { bytesWritten: number; _level: number; _strategy: number; close(done?: Callback): void };

function inner(stream: object): Inner {
  const found = inners.get(stream);
  if (found === undefined) throw invalidArgType("this", "Zlib", stream);
  return found;
}

function work(stream: ZlibStream, bytes: Uint8Array, flush: number, done: Done): void {
  try {
    for (const part of inner(stream).codec.run(bytes, flush)) stream.push(Buffer.from(part));
  } catch (error) {
    return done(error as Error);
  }
  stream.bytesWritten += bytes.length;
  done();
}

const methods = {
  _transform(this: ZlibStream, chunk: Uint8Array, _encoding: unknown, done: Done): void {
    work(this, bytesOf(chunk), inner(this).choices.flush, done);
  },
  _flush(this: ZlibStream, done: Done): void {
    work(this, new Uint8Array(0), inner(this).choices.finishFlush, done);
  },
  flush(this: ZlibStream, kind: unknown, done?: unknown): void {
    const mode = typeof kind === "number" ? kind : 3;
    const after = (typeof kind === "function" ? kind : done) as Callback | undefined;
    // Behind what was written and waits.
    this.write(Buffer.alloc(0), () => work(this, new Uint8Array(0), mode, (error) => {
      if (error) this.destroy(error);
      after?.();
    }));
  },
  params(this: ZlibStream, level: number, strategy: number, done: Callback): void {
    choicesOf({ level, strategy }, "Deflate");
    this.write(Buffer.alloc(0), () => {
      if (inner(this).codec.retune(level, strategy)) {
        Object.assign(this, { _level: level, _strategy: strategy });
        return done();
      }
      return refusal("zlib.params after the first byte")();
    });
  },
  reset(this: ZlibStream): void {
    inner(this).codec.reset();
  },
  close(this: ZlibStream, done?: Callback): void {
    if (done !== undefined) this.once("close", () => void done());
    this.destroy();
  },
};

type ZlibClass = { new (options?: unknown): ZlibStream; (options?: unknown): ZlibStream; prototype: ZlibStream };

function zlibClass(kind: Kind): ZlibClass {
  const Class = function (this: unknown, options?: unknown): ZlibStream {
    if (!(this instanceof (Class as unknown as new () => object))) return new (Class as unknown as new (given: unknown) => ZlibStream)(options);
    const stream = this as ZlibStream;
    const choices = choicesOf(options, kind);
    inners.set(stream, { codec: new Codec(kind, choices), choices, closed: false });
    Reflect.apply(Transform as unknown as Callback, stream, [{ autoDestroy: true, ...(options as object | undefined) }]);
    stream.bytesWritten = 0;
    Object.assign(stream, { _level: choices.level, _strategy: choices.strategy });
    return stream;
  } as unknown as ZlibClass;
  Object.defineProperty(Class, "name", { value: kind, configurable: true });
  Object.setPrototypeOf(Class, Transform);
  Object.setPrototypeOf(Class.prototype, Transform.prototype);
  Object.assign(Class.prototype, methods);
  for (const name of Object.keys(methods)) Object.defineProperty(Class.prototype, name, { enumerable: false });
  return Class;
}

function whole(kind: Kind, value: unknown, options: unknown): unknown {
  const bytes = bytesOf(value);
  const choices = choicesOf(options, kind);
  const codec = new Codec(kind, choices);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const part of codec.run(bytes, choices.finishFlush)) {
    parts.push(part);
    length += part.length;
    if (length > choices.maxOutputLength) throw nodeError(RangeError, "ERR_BUFFER_TOO_LARGE", `Cannot create a Buffer larger than ${choices.maxOutputLength} bytes`);
  }
  const buffer = Buffer.concat(parts);
  return choices.info ? { buffer, engine: codec } : buffer;
}

const KINDS: readonly Kind[] = ["Deflate", "Inflate", "Gzip", "Gunzip", "DeflateRaw", "InflateRaw", "Unzip"];
const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
const named = <F extends object>(name: string, body: F): F => Object.defineProperty(body, "name", { value: name, configurable: true });

function forms(): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const kind of KINDS) {
    const Class = zlibClass(kind);
    const name = lower(kind);
    made[kind] = Class;
    made[`create${kind}`] = named(`create${kind}`, (options?: unknown) => new Class(options));
    made[`${name}Sync`] = named(`${name}Sync`, (value: unknown, options?: unknown) => whole(kind, value, options));
    made[name] = named(name, (value: unknown, options: unknown, callback?: unknown): void => {
      const [given, done] = typeof options === "function" ? [undefined, options] : [options, callback];
      validateFunction(done, "callback");
      bytesOf(value);
      choicesOf(given, kind);
      runLater(() => whole(kind, value, given), done);
    });
  }
  return made;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data: unknown, start: unknown = 0): number {
  if (typeof data !== "string" && !ArrayBuffer.isView(data)) throw invalidArgType("data", ["string", "Buffer", "TypedArray", "DataView"], data);
  validateUint32(start, "value");
  let value = ~start >>> 0;
  for (const byte of bytesOf(data)) value = (CRC[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

function assemble(): Record<string, unknown> {
  const made = forms();
  const no = (name: string): unknown => refusal(`zlib.${name}`);
  const order = "crc32 Deflate Inflate Gzip Gunzip DeflateRaw InflateRaw Unzip BrotliCompress BrotliDecompress deflate deflateSync gzip gzipSync deflateRaw deflateRawSync unzip unzipSync inflate inflateSync gunzip gunzipSync inflateRaw inflateRawSync brotliCompress brotliCompressSync brotliDecompress brotliDecompressSync createDeflate createInflate createDeflateRaw createInflateRaw createGzip createGunzip createUnzip createBrotliCompress createBrotliDecompress".split(" ");
  const module: Record<string, unknown> = Object.fromEntries(order.map((name) => [name, made[name] ?? no(name)]));
  module.crc32 = crc32;
  Object.defineProperty(module, "constants", { value: constants, enumerable: true });
  Object.defineProperty(module, "codes", { value: codes, enumerable: true });
  return module;
}

/** The module, with the keys of Node's in its order. */
export const zlib = assemble();
