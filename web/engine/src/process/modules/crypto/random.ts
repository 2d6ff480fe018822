/** Random bytes and numbers, by the browser's generator. */

import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError, outOfRange } from "../errors.ts";
import { runLater } from "../later.ts";
import { validateFunction, validateNumber, validateBoolean, validateObject, type Callback } from "../validate.ts";

/** The browser's own, whatever a program makes of the global. */
export const webcrypto = globalThis.crypto;

/** The browser fills at most this many bytes at once. */
const AT_ONCE = 65_536;

function fill(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += AT_ONCE) {
    // The generator takes no shared memory: fill a copy.
    const part = webcrypto.getRandomValues(new Uint8Array(Math.min(AT_ONCE, bytes.length - at)));
    bytes.set(part, at);
  }
}

function sizeOf(size: unknown): number {
  validateNumber(size, "size");
  if (!(size >= 0 && size <= 2 ** 31 - 1)) throw outOfRange("size", ">= 0 && <= 2147483647", size);
  return Math.trunc(size);
}

export function randomBytes(size: unknown, callback?: unknown): Uint8Array | undefined {
  const length = sizeOf(size);
  const make = (): Uint8Array => {
    const bytes = Buffer.alloc(length);
    fill(bytes);
    return bytes;
  };
  if (callback === undefined) return make();
  validateFunction(callback, "callback");
  runLater(make, callback);
  return undefined;
}

function target(value: unknown, offset: unknown, size: unknown): Uint8Array {
  const isMemory = value instanceof ArrayBuffer;
  if (!isMemory && !ArrayBuffer.isView(value)) throw invalidArgType("buf", ["ArrayBuffer", "ArrayBufferView"], value);
  const bytes = isMemory ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const unit = (value as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  const from = (typeof offset === "number" ? offset : 0) * unit;
  if (from < 0 || from > bytes.length) throw outOfRange("offset", `>= 0 && <= ${bytes.length / unit}`, offset);
  const length = size === undefined ? bytes.length - from : Number(size) * unit;
  if (length < 0 || from + length > bytes.length) throw outOfRange("size + offset", `<= ${bytes.length}`, from + length);
  return bytes.subarray(from, from + length);
}

export function randomFillSync<T>(value: T, offset?: unknown, size?: unknown): T {
  fill(target(value, offset, size));
  return value;
}

export function randomFill(value: unknown, ...rest: unknown[]): void {
  const callback = rest.at(-1);
  const [offset, size] = rest.slice(0, -1);
  const bytes = target(value, offset, size);
  validateFunction(callback, "callback");
  runLater(() => {
    fill(bytes);
    return value;
  }, callback);
}

const LARGEST = 2 ** 48 - 1;

/** A whole number below a bound, each as likely as the others. */
function below(range: number): number {
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const bytes = Buffer.alloc(6);
    fill(bytes);
    const value = bytes.readUIntBE(0, 6);
    if (value < limit) return value % range;
  }
}

export function randomInt(...args: unknown[]): number | undefined {
  const callback = typeof args.at(-1) === "function" ? (args.pop() as Callback) : undefined;
  const [min, max] = args.length > 1 ? args : [0, args[0]];
  if (!Number.isSafeInteger(min)) throw invalidArgType("min", ["a safe integer"], min);
  if (!Number.isSafeInteger(max)) throw invalidArgType("max", ["a safe integer"], max);
  const [from, to] = [min as number, max as number];
  if (to <= from) throw outOfRange("max", `greater than the value of "min" (${from})`, to);
  if (to - from > LARGEST) throw outOfRange(args.length > 1 ? "max - min" : "max", `<= ${LARGEST}`, to - from);
  if (callback === undefined) return from + below(to - from);
  // Node says `undefined` here where other functions say null.
  runLater(() => from + below(to - from), (_error, value) => callback(undefined, value));
  return undefined;
}

export function randomUUID(options?: unknown): string {
  if (options !== undefined) validateObject(options, "options");
  if (options?.disableEntropyCache !== undefined) validateBoolean(options.disableEntropyCache, "options.disableEntropyCache");
  return webcrypto.randomUUID();
}

export function timingSafeEqual(a: unknown, b: unknown): boolean {
  const view = (value: unknown, name: string): Uint8Array => {
    if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) throw invalidArgType(name, ["ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
    return value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  };
  const [left, right] = [view(a, "buf1"), view(b, "buf2")];
  if (left.length !== right.length) throw nodeError(RangeError, "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH", "Input buffers must have the same byte length");
  return left.reduce((difference, byte, at) => difference | (byte ^ (right[at] ?? 0)), 0) === 0;
}
