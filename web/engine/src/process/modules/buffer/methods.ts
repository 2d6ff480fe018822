/** Making, comparing, searching, filling and printing buffers, with Node's checks. */

import type { Buffer as BufferType } from "buffer/";
import { inspect } from "node-inspect-extracted";
import { invalidArgType, invalidArgValue, nodeError, outOfRange } from "../errors.ts";
import { validateInteger, validateNumber } from "../validate.ts";
import { encode, knownEncoding, type Encoding } from "./encodings.ts";

type Constructor = typeof BufferType;
type Bytes = Uint8Array;

const MAX_LENGTH = 4294967296;
let printLimit = (): number => 50;

/** Where the limit of printed bytes is kept. */
export function limitPrinting(limit: () => number): void {
  printLimit = limit;
}

function own(Base: Constructor, bytes: Uint8Array): Bytes {
  Object.setPrototypeOf(bytes, Base.prototype);
  return bytes;
}

function sizeOf(size: unknown): number {
  validateNumber(size, "size", 0, MAX_LENGTH);
  return size;
}

const isAnyBuffer = (value: unknown): value is ArrayBuffer =>
  value instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer)
  || /^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value));

const FROM_KINDS = ["string", "Buffer", "ArrayBuffer", "Array"] as const;

function fromError(value: unknown): Error {
  const wording = invalidArgType("first argument", FROM_KINDS, value).message;
  const [, got = ""] = /Received ([^]*)$/.exec(wording) ?? [];
  return nodeError(TypeError, "ERR_INVALID_ARG_TYPE", `The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${got}`);
}

function fromMemory(Base: Constructor, memory: ArrayBuffer, offset: unknown, length: unknown): Bytes {
  let at = offset === undefined ? 0 : Number(offset);
  if (Number.isNaN(at)) at = 0;
  const room = memory.byteLength - at;
  if (room < 0) throw nodeError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", '"offset" is outside of buffer bounds');
  let size = length === undefined ? room : Number(length);
  if (!(size > 0)) size = 0;
  if (size > room) throw nodeError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", '"length" is outside of buffer bounds');
  return own(Base, new Uint8Array(memory, at, size));
}

/** Of what has a length, or is what `toJSON` of a buffer gives. */
function itemsOf(value: object): ArrayLike<number> | undefined {
  const { buffer, length, type, data } = value as { buffer?: unknown; length?: unknown; type?: unknown; data?: unknown };
  if ("length" in value || isAnyBuffer(buffer)) return typeof length === "number" ? (value as ArrayLike<number>) : [];
  return type === "Buffer" && Array.isArray(data) ? (data as number[]) : undefined;
}

function fromObject(Base: Constructor, value: object, encoding: unknown, length: unknown): Bytes | undefined {
  if (isAnyBuffer(value)) return fromMemory(Base, value, encoding, length);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return own(Base, Uint8Array.from(value as Uint8Array));
  const primitive: unknown = (value as { valueOf?: () => unknown }).valueOf?.();
  if (primitive !== null && primitive !== value && (typeof primitive === "string" || typeof primitive === "object")) {
    return bytesFrom(Base, primitive, encoding, length);
  }
  const items = itemsOf(value);
  if (items !== undefined) return own(Base, Uint8Array.from(items));
  const toPrimitive = (value as { [Symbol.toPrimitive]?: (hint: string) => unknown })[Symbol.toPrimitive];
  const text = typeof toPrimitive === "function" ? toPrimitive.call(value, "string") : undefined;
  return typeof text === "string" ? bytesFrom(Base, text, encoding, length) : undefined;
}

function bytesFrom(Base: Constructor, value: unknown, encoding: unknown, length: unknown): Bytes {
  if (typeof value === "string") return own(Base, encode(value, typeof encoding === "string" && encoding !== "" ? knownEncoding(encoding) : "utf8"));
  const made = typeof value === "object" && value !== null ? fromObject(Base, value, encoding, length) : undefined;
  if (made === undefined) throw fromError(value);
  return made;
}

function filled(Base: Constructor, size: unknown, fill: unknown, encoding: unknown): Bytes {
  const bytes = own(Base, new Uint8Array(sizeOf(size)));
  if (fill === undefined || fill === 0 || bytes.length === 0) return bytes;
  return fillBytes.call(bytes, fill, encoding);
}

function joined(Base: Constructor, list: unknown, total: unknown): Bytes {
  if (!Array.isArray(list)) throw invalidArgType("list", "Array", list);
  const parts = list as unknown[];
  parts.forEach((part, index) => {
    if (!(part instanceof Uint8Array)) throw invalidArgType(`list[${index}]`, ["Buffer", "Uint8Array"], part);
  });
  if (parts.length === 0) return own(Base, new Uint8Array(0));
  if (total !== undefined) validateInteger(total, "length", 0);
  const length = total ?? (parts as Bytes[]).reduce((sum, part) => sum + part.length, 0);
  const all = own(Base, new Uint8Array(length));
  let at = 0;
  for (const part of parts as Bytes[]) {
    if (at >= length) break;
    Uint8Array.prototype.set.call(all, part.length > length - at ? part.subarray(0, length - at) : part, at);
    at += part.length;
  }
  return all;
}

function order(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

function statics(Base: Constructor): Record<string, unknown> {
  return {
    poolSize: 8192,
    // Functions, not methods: `new Buffer.from(x)` is wrong and works in Node.
    from: function from(value: unknown, encoding?: unknown, length?: unknown) {
      return bytesFrom(Base, value, encoding, length);
    },
    of: (...items: number[]) => own(Base, Uint8Array.from(items)),
    alloc: function alloc(size: unknown, fill?: unknown, encoding?: unknown) {
      return filled(Base, size, fill, encoding);
    },
    allocUnsafe: (size: unknown) => own(Base, new Uint8Array(sizeOf(size))),
    allocUnsafeSlow: (size: unknown) => own(Base, new Uint8Array(sizeOf(size))),
    isBuffer: (value: unknown) => value instanceof Base,
    concat: (list: unknown, total?: unknown) => joined(Base, list, total),
    compare: (a: unknown, b: unknown) => {
      if (!(a instanceof Uint8Array)) throw invalidArgType("buf1", ["Buffer", "Uint8Array"], a);
      if (!(b instanceof Uint8Array)) throw invalidArgType("buf2", ["Buffer", "Uint8Array"], b);
      return order(a, b);
    },
    copyBytesFrom: (view: unknown, offset?: unknown, length?: unknown) => {
      if (!ArrayBuffer.isView(view) || view instanceof DataView) throw invalidArgType("view", ["TypedArray"], view);
      const items = view as Uint8Array;
      if (offset !== undefined) validateInteger(offset, "offset", 0);
      if (length !== undefined) validateInteger(length, "length", 0);
      const start = offset ?? 0;
      const part = items.slice(start, length === undefined ? undefined : start + length);
      return own(Base, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    },
  };
}

function pattern(value: unknown, encoding: Encoding): Bytes | number {
  if (typeof value === "string") return encode(value, encoding);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "number") return value & 0xff;
  throw invalidArgType("value", ["number", "string", "Buffer", "Uint8Array"], value);
}

function startOf(bytes: Bytes, offset: unknown, forward: boolean): number {
  const number = Number(offset);
  if (offset === undefined || Number.isNaN(number)) return forward ? 0 : bytes.length;
  const whole = Math.trunc(number);
  return whole < 0 ? whole + bytes.length : whole;
}

const isAt = (bytes: Bytes, needle: Uint8Array, from: number): boolean => needle.every((byte, index) => bytes[from + index] === byte);

function next(bytes: Bytes, needle: Uint8Array, start: number, step: number): number {
  for (let from = start; from <= bytes.length - needle.length; from += step) if (isAt(bytes, needle, from)) return from;
  return -1;
}

function previous(bytes: Bytes, needle: Uint8Array, start: number): number {
  for (let from = Math.min(start, bytes.length - needle.length); from >= 0; from -= 1) if (isAt(bytes, needle, from)) return from;
  return -1;
}

function search(bytes: Bytes, value: unknown, offset: unknown, encoding: unknown, forward: boolean): number {
  const [at, named] = typeof offset === "string" ? [undefined, offset] : [offset, encoding];
  const coding = knownEncoding(named);
  const wanted = pattern(value, coding);
  const needle = typeof wanted === "number" ? Uint8Array.of(wanted) : wanted;
  let start = startOf(bytes, at, forward);
  if (start < 0) {
    if (!forward) return -1;
    start = 0;
  }
  if (needle.length === 0) return Math.min(start, bytes.length);
  return forward ? next(bytes, needle, start, coding === "utf16le" && typeof value === "string" ? 2 : 1) : previous(bytes, needle, start);
}

function fillBytes(this: Bytes, value: unknown, ...rest: unknown[]): Bytes {
  const encoding = rest.find((item) => typeof item === "string");
  const [offset, end] = rest.filter((item) => typeof item !== "string");
  if (offset !== undefined) validateInteger(offset, "offset", 0, MAX_LENGTH);
  if (end !== undefined) validateInteger(end, "end", 0, this.length);
  const from = offset ?? 0;
  const to = end ?? this.length;
  if (from > this.length) throw outOfRange("offset", `>= 0 && <= ${this.length}`, from);
  const unit = typeof value === "string" ? encode(value, knownEncoding(encoding)) : value;
  if (!(unit instanceof Uint8Array)) {
    Uint8Array.prototype.fill.call(this, Number(unit) & 0xff, from, to);
    return this;
  }
  if (unit.length === 0) {
    if (value !== "") throw invalidArgValue("value", value);
    Uint8Array.prototype.fill.call(this, 0, from, to);
    return this;
  }
  for (let at = from; at < to; at += 1) this[at] = unit[(at - from) % unit.length] ?? 0;
  return this;
}

function compare(this: Bytes, target: unknown, ...bounds: unknown[]): number {
  if (!(target instanceof Uint8Array)) throw invalidArgType("target", ["Buffer", "Uint8Array"], target);
  const [targetStart = 0, targetEnd = target.length, start = 0, end = this.length] = bounds as (number | undefined)[];
  const names = ["targetStart", "targetEnd", "sourceStart", "sourceEnd"];
  const limits = [MAX_LENGTH, target.length, MAX_LENGTH, this.length];
  bounds.forEach((bound, index) => {
    if (bound !== undefined) validateInteger(bound, names[index] ?? "", 0, limits[index]);
  });
  return order(this.subarray(start, Math.max(start, end)), target.subarray(targetStart, Math.max(targetStart, targetEnd)));
}

function copy(this: Bytes, target: unknown, targetStart: unknown = 0, start: unknown = 0, end: unknown = this.length): number {
  if (!(target instanceof Uint8Array)) throw invalidArgType("target", ["Buffer", "Uint8Array"], target);
  const whole = (value: unknown): number => Math.trunc(Number(value)) || 0;
  const [at, from, to] = [whole(targetStart), whole(start), whole(end)];
  if (at < 0) throw outOfRange("targetStart", ">= 0", at);
  if (from < 0 || from > this.length) throw outOfRange("sourceStart", `>= 0 && <= ${this.length}`, from);
  if (to < 0) throw outOfRange("sourceEnd", ">= 0", to);
  const count = Math.min(to - from, this.length - from, target.length - at);
  if (count <= 0) return 0;
  Uint8Array.prototype.set.call(target, Uint8Array.prototype.subarray.call(this, from, from + count), at);
  return count;
}

function print(this: Bytes, _depth: unknown, context?: unknown): string {
  const limit = printLimit();
  let shown = Array.from(this.subarray(0, limit), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const more = this.length - limit;
  if (more > 0) shown += ` ... ${more} more byte${more > 1 ? "s" : ""}`;
  const extras = Reflect.ownKeys(this).filter((key) => !(typeof key === "string" && /^(0|[1-9]\d*)$/.test(key)) && Object.getOwnPropertyDescriptor(this, key)?.enumerable === true);
  if (extras.length > 0 && typeof context === "object") {
    const named = Object.fromEntries(extras.map((key) => [key, (this as unknown as Record<string | symbol, unknown>)[key]]));
    // The braces and spaces of the printed object go.
    shown += `${this.length > 0 ? ", " : ""}${inspect(named, { ...context, breakLength: Number.POSITIVE_INFINITY, compact: true }).slice(2, -2)}`;
  }
  return `<${(this.constructor as { name: string }).name} ${shown}>`;
}

function swap(size: number): (this: Bytes) => Bytes {
  return function swapped(this: Bytes): Bytes {
    if (this.length % size !== 0) throw nodeError(RangeError, "ERR_INVALID_BUFFER_SIZE", `Buffer size must be a multiple of ${size * 8}-bits`);
    for (let at = 0; at < this.length; at += size) Uint8Array.prototype.reverse.call(Uint8Array.prototype.subarray.call(this, at, at + size));
    return this;
  };
}

/** Give the class its other functions. */
export function completeMethods(Base: Constructor): void {
  Object.assign(Base, statics(Base));
  const part = function subarray(this: Bytes, start?: number, end?: number): Bytes {
    const cut = Uint8Array.prototype.subarray.call(plain(this), start, end);
    return own(Base, cut);
  };
  const proto = Base.prototype as unknown as Record<string | symbol, unknown>;
  Object.assign(proto, {
    fill: fillBytes, compare, copy, subarray: part,
    slice: part,
    equals(this: Bytes, other: unknown) {
      if (!(other instanceof Uint8Array)) throw invalidArgType("otherBuffer", ["Buffer", "Uint8Array"], other);
      return this === other || (this.length === other.length && order(this, other) === 0);
    },
    indexOf(this: Bytes, value: unknown, offset?: unknown, encoding?: unknown) {
      return search(this, value, offset, encoding, true);
    },
    lastIndexOf(this: Bytes, value: unknown, offset?: unknown, encoding?: unknown) {
      return search(this, value, offset, encoding, false);
    },
    includes(this: Bytes, value: unknown, offset?: unknown, encoding?: unknown) {
      return search(this, value, offset, encoding, true) !== -1;
    },
    toJSON(this: Bytes) {
      return { type: "Buffer", data: Array.from(this) };
    },
    swap16: swap(2), swap32: swap(4), swap64: swap(8),
    inspect: print,
  });
  Object.defineProperty(proto, Symbol.for("nodejs.util.inspect.custom"), { value: print, configurable: true, writable: true });
  const species = fastBuffer(Base);
  Object.defineProperty(Base, Symbol.species, { configurable: true, get: () => species });
}

/** What Node calls FastBuffer: it takes what Uint8Array takes, and makes Buffers. `ws` makes its own by it. */
function fastBuffer(Base: Constructor): (...args: ConstructorParameters<typeof Uint8Array>) => object {
  const made = function FastBuffer(...args: ConstructorParameters<typeof Uint8Array>): object {
    return own(Base, new Uint8Array(...args));
  };
  Object.defineProperty(made, "prototype", { value: Base.prototype });
  return made;
}

/** The same bytes without the class: `subarray` of a subclass would ask its constructor. */
function plain(bytes: Bytes): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
