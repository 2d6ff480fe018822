/** `v8.deserialize`: values from the bytes of V8's own format, up to version 15. */

import { Buffer } from "../buffer.ts";
import { ERROR_TAGS, FLAGS, VIEWS } from "./format.ts";

const LATEST = 15;
const broken = (): Error => new Error("Unable to deserialize cloned data.");
const NATIVE: Readonly<Record<string, ErrorConstructor>> = {
  E: EvalError, R: RangeError, F: ReferenceError, S: SyntaxError, T: TypeError, U: URIError,
};
const LETTERS = new Set(ERROR_TAGS.values());

/** Reads one value with all below it. */
class Reader {
  #at = 0;
  #known: unknown[] = [];

  constructor(private readonly bytes: Uint8Array<ArrayBuffer>) {}

  header(): void {
    const version = this.bytes[0] === 0xff ? this.bytes[1] : undefined;
    if (version === undefined || version > LATEST || version < 13) throw new Error("Unable to deserialize cloned data due to invalid or unsupported version.");
    this.#at = 2;
  }

  value(): unknown {
    const tag = this.tag();
    const read = READ[tag];
    if (read === undefined) throw broken();
    return read(this);
  }

  /** The next tag; padding is passed over. */
  tag(): string {
    let byte = 0;
    do byte = this.byte();
    while (byte === 0);
    return String.fromCharCode(byte);
  }

  /** The next tag, left where it is. */
  peek(): string {
    const before = this.#at;
    const tag = this.tag();
    this.#at = before;
    return tag;
  }

  byte(): number {
    const byte = this.bytes[this.#at];
    if (byte === undefined) throw broken();
    this.#at += 1;
    return byte;
  }

  varint(): number {
    let value = 0;
    let unit = 1;
    for (let byte = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = this.byte();
      value += (byte & 0x7f) * unit;
    }
    return value;
  }

  /** Bytes of their own. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    return this.within(length).slice();
  }

  /** Bytes of the memory that is read. */
  within(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.bytes.length - this.#at) throw broken();
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  double(): number {
    return new DataView(this.raw(8).buffer).getFloat64(0, true);
  }

  bigint(): bigint {
    const bits = this.varint();
    const digits = new BigUint64Array(this.raw(Math.floor(bits / 16) * 8).buffer);
    const size = digits.reduceRight((sum, digit) => (sum << 64n) | digit, 0n);
    return bits % 2 === 1 ? -size : size;
  }

  latin1(): string {
    return Buffer.from(this.raw(this.varint())).toString("latin1");
  }

  utf16(): string {
    return Buffer.from(this.raw(this.varint())).toString("utf16le");
  }

  /** A string with its tag. */
  string(): string {
    const value = this.value();
    if (typeof value !== "string") throw broken();
    return value;
  }

  /** Objects are known from the moment they begin: those below may refer to them. */
  keep<T>(value: T): T {
    this.#known.push(value);
    return value;
  }

  /** For what is made only when it has been read. */
  later(): (value: object) => object {
    const at = this.#known.push(undefined) - 1;
    return (value) => {
      this.#known[at] = value;
      return value;
    };
  }

  known(): unknown {
    const id = this.varint();
    if (id >= this.#known.length) throw broken();
    return this.#known[id];
  }

  /** Keys and values up to a tag. */
  properties(into: object, close: string): void {
    let count = 0;
    for (; this.peek() !== close; count += 1) {
      const key = this.value() as string | number;
      Object.defineProperty(into, key, { value: this.value(), writable: true, enumerable: true, configurable: true });
    }
    this.tag();
    if (this.varint() !== count) throw broken();
  }

  /** Values up to a tag. */
  items(close: string): unknown[] {
    const items: unknown[] = [];
    while (this.peek() !== close) items.push(this.value());
    this.tag();
    if (this.varint() !== items.length) throw broken();
    return items;
  }
}

function denseArray(reader: Reader): unknown[] {
  const length = reader.varint();
  const array = reader.keep([] as unknown[]);
  array.length = length;
  for (let index = 0; index < length; index += 1) {
    if (reader.peek() === "-") reader.tag();
    else array[index] = reader.value();
  }
  reader.properties(array, "$");
  if (reader.varint() !== length) throw broken();
  return array;
}

function sparseArray(reader: Reader): unknown[] {
  const length = reader.varint();
  const array = reader.keep([] as unknown[]);
  array.length = length;
  reader.properties(array, "@");
  if (reader.varint() !== length) throw broken();
  return array;
}

function map(reader: Reader): Map<unknown, unknown> {
  const made = reader.keep(new Map<unknown, unknown>());
  const items = reader.items(":");
  for (let at = 0; at < items.length; at += 2) made.set(items[at], items[at + 1]);
  return made;
}

function set(reader: Reader): Set<unknown> {
  const made = reader.keep(new Set<unknown>());
  for (const item of reader.items(",")) made.add(item);
  return made;
}

/** What Node writes itself: views of buffers. */
function view(reader: Reader): unknown {
  const keep = reader.later();
  const type = reader.varint();
  const bytes = reader.within(reader.varint());
  if (type === 10) return keep(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const View = VIEWS[type];
  if (View === undefined) throw broken();
  const unit = (View as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  const placed = bytes.byteOffset % unit === 0 ? bytes : bytes.slice();
  return keep(new View(placed.buffer, placed.byteOffset, placed.byteLength / unit));
}

function error(reader: Reader): unknown {
  const keep = reader.later();
  let Kind: ErrorConstructor = Error;
  const found: { message?: string; stack?: string; cause?: { value: unknown } } = {};
  for (let tag = reader.tag(); tag !== "."; tag = reader.tag()) {
    if (tag === "m") found.message = reader.string();
    else if (tag === "s") found.stack = reader.string();
    else if (tag === "c") found.cause = { value: reader.value() };
    else if (LETTERS.has(tag)) Kind = NATIVE[tag] ?? Error;
    else throw broken();
  }
  const made = new Kind(found.message);
  Object.defineProperty(made, "stack", { value: found.stack, writable: true, configurable: true, enumerable: false });
  if (found.cause !== undefined) Object.defineProperty(made, "cause", { ...found.cause, writable: true, configurable: true, enumerable: false });
  return keep(made);
}

function expression(reader: Reader): RegExp {
  const keep = reader.later();
  const source = reader.string();
  const bits = reader.varint();
  return keep(new RegExp(source, Object.keys(FLAGS).filter((flag) => (bits & (FLAGS[flag] ?? 0)) !== 0).join(""))) as RegExp;
}

function object(reader: Reader): object {
  const made = reader.keep({});
  reader.properties(made, "{");
  return made;
}

const boxed = (primitive: unknown): object => Object(primitive) as object;

function boxedString(reader: Reader): object {
  const keep = reader.later();
  return keep(boxed(reader.string()));
}

function integer(reader: Reader): number {
  const bits = reader.varint();
  return bits % 2 === 1 ? -(bits + 1) / 2 : bits / 2;
}

const READ: Readonly<Record<string, (reader: Reader) => unknown>> = {
  _: () => undefined, 0: () => null, T: () => true, F: () => false,
  I: integer, U: (reader) => reader.varint(), N: (reader) => reader.double(), Z: (reader) => reader.bigint(),
  '"': (reader) => reader.latin1(), c: (reader) => reader.utf16(), S: (reader) => Buffer.from(reader.raw(reader.varint())).toString("utf8"),
  "^": (reader) => reader.known(), o: object, A: denseArray, a: sparseArray, ";": map, "'": set,
  D: (reader) => reader.keep(new Date(reader.double())), R: expression, r: error, "\\": view,
  y: (reader) => reader.keep(boxed(true)), x: (reader) => reader.keep(boxed(false)),
  n: (reader) => reader.keep(boxed(reader.double())), z: (reader) => reader.keep(boxed(reader.bigint())), s: boxedString,
  B: (reader) => reader.keep(reader.raw(reader.varint()).buffer),
};

/** Throws TypeError for what is no view, Error for bytes that V8 would not read. */
export function deserialize(given: unknown): unknown {
  if (!ArrayBuffer.isView(given)) throw new TypeError("buffer must be a TypedArray or a DataView");
  const reader = new Reader(new Uint8Array(given.buffer as ArrayBuffer, given.byteOffset, given.byteLength));
  reader.header();
  return reader.value();
}
