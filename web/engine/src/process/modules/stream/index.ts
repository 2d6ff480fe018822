/** `stream`: the kept package `readable-stream` 4, completed by Node's bridges to web streams. */

import legacy from "readable-stream/lib/stream.js";
import { duplexPair } from "./pair.ts";
import { fromWebDuplex, fromWebReadable, fromWebWritable, readableFrom, toWebDuplex, toWebReadable, toWebWritable } from "./web.ts";

type Properties = Record<string, unknown>;

Object.assign(legacy.Readable, { toWeb: toWebReadable, fromWeb: fromWebReadable });
Object.assign(legacy.Writable, { toWeb: toWebWritable, fromWeb: fromWebWritable });
Object.assign(legacy.Duplex, { toWeb: toWebDuplex, fromWeb: fromWebDuplex });
// The package asks `_isUint8Array` what it takes as bytes: in Node 20 that is any view.
Object.assign(legacy as unknown as Properties, { duplexPair, _isArrayBufferView: ArrayBuffer.isView, _isUint8Array: ArrayBuffer.isView });
if (!("from" in ReadableStream)) Object.defineProperty(ReadableStream, "from", { value: readableFrom, writable: true, configurable: true, enumerable: true });

/** The module: a function, the old `Stream` class, with the rest as its properties. */
export const stream: typeof legacy = legacy;

/** `stream/promises`. */
export const { promises } = legacy;

const given = globalThis as unknown as Properties;

/** `stream/web`: the browser's own. */
export const webStreams = Object.fromEntries(
  [
    "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest",
    "ReadableByteStreamController", "ReadableStreamDefaultController", "TransformStream", "TransformStreamDefaultController",
    "WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController", "ByteLengthQueuingStrategy",
    "CountQueuingStrategy", "TextEncoderStream", "TextDecoderStream", "CompressionStream", "DecompressionStream",
  ].map((name) => [name, given[name]]),
);
