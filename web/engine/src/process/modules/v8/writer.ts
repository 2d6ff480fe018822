/** `v8.serialize`: values as bytes, in version 15 of V8's own format, as Node 20 writes it. */

import { inspect } from "node-inspect-extracted";
import { Buffer } from "../buffer.ts";
import { unsupported } from "../errors.ts";
import { types } from "../util/types.ts";
import { ERROR_TAGS, FLAGS, VIEWS, type View } from "./format.ts";

/** Bytes of a growing buffer. */
class Bytes {
  #bytes = new Uint8Array(256);
  length = 0;

  byte(value: number): void {
    this.room(1);
    this.#bytes[this.length] = value;
    this.length += 1;
  }

  tag(tag: string): void {
    this.byte(tag.charCodeAt(0));
  }

  varint(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.byte((left % 0x80) | 0x80);
      left = Math.floor(left / 0x80);
    }
    this.byte(left);
  }

  double(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  taken(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  private room(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + more));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }
}

/** Whether V8 keeps a number as a small integer. */
const isSmall = (value: number): boolean => Number.isInteger(value) && value >= -0x80000000 && value <= 0x7fffffff && !Object.is(value, -0);

const isIndex = (key: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(key) && Number(key) < 0xffffffff;

const REFUSED: readonly ((value: object) => boolean)[] = [
  types.isProxy, types.isPromise, types.isWeakMap, types.isWeakSet, types.isGeneratorObject, types.isMapIterator, types.isSetIterator,
  types.isSharedArrayBuffer, types.isArgumentsObject, (value) => value instanceof WeakRef, (value) => value instanceof FinalizationRegistry,
  (value) => value === globalThis, (value) => /^\[object (?:Array|String|RegExp String) Iterator\]$/.test(Object.prototype.toString.call(value)),
];

const WITHOUT_CLASS = /^\[object (?:Arguments|DedicatedWorkerGlobalScope|\S+ Iterator|RegExp String Iterator)\]$/;

function unclonable(value: unknown): Error {
  const kind = Object.prototype.toString.call(value);
  if (typeof value !== "object") return new Error(`${String(value)} could not be cloned.`);
  if (kind === "[object Generator]") return new Error(`${kind} could not be cloned.`);
  const named = value === globalThis || types.isProxy(value) || WITHOUT_CLASS.test(kind) ? "Object" : value?.constructor.name ?? "Object";
  return new Error(`#<${named}> could not be cloned.`);
}

/** Writes one value with all below it; what appears twice is written once. */
class Writer {
  readonly bytes = new Bytes();
  readonly #ids = new Map<object, number>();

  value(value: unknown): void {
    if (typeof value === "number") return this.number(value);
    if (typeof value === "string") return this.string(value);
    if (typeof value === "bigint") return this.bigint("Z", value);
    if (typeof value === "boolean") return this.bytes.tag(value ? "T" : "F");
    if (value === undefined) return this.bytes.tag("_");
    if (value === null) return this.bytes.tag("0");
    if (typeof value !== "object") throw unclonable(value);
    const known = this.#ids.get(value);
    if (known !== undefined) {
      this.bytes.tag("^");
      return this.bytes.varint(known);
    }
    this.#ids.set(value, this.#ids.size);
    if (REFUSED.some((is) => is(value))) throw unclonable(value);
    this.object(value);
  }

  private number(value: number): void {
    if (!isSmall(value)) return this.double("N", value);
    this.bytes.tag("I");
    this.bytes.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  private double(tag: string, value: number): void {
    this.bytes.tag(tag);
    this.bytes.double(value);
  }

  private string(text: string): void {
    if (/^[\0-\u00ff]*$/.test(text)) {
      this.bytes.tag('"');
      this.bytes.varint(text.length);
      return this.bytes.raw(Buffer.from(text, "latin1"));
    }
    const size = text.length * 2;
    let width = 1;
    for (let left = size; left >= 0x80; left = Math.floor(left / 0x80)) width += 1;
    // Its characters begin at an even place.
    if ((this.bytes.length + 1 + width) % 2 === 1) this.bytes.byte(0);
    this.bytes.tag("c");
    this.bytes.varint(size);
    this.bytes.raw(Buffer.from(text, "utf16le"));
  }

  private bigint(tag: string, value: bigint): void {
    this.bytes.tag(tag);
    let left = value < 0n ? -value : value;
    const digits: bigint[] = [];
    for (; left > 0n; left >>= 64n) digits.push(left & 0xffffffffffffffffn);
    this.bytes.varint(digits.length * 16 + (value < 0n ? 1 : 0));
    this.bytes.raw(new Uint8Array(new BigUint64Array(digits).buffer));
  }

  private object(value: object): void {
    if (Array.isArray(value)) return this.array(value as unknown[]);
    if (ArrayBuffer.isView(value)) return this.view(value);
    if (types.isDate(value)) return this.double("D", Number(value));
    if (types.isRegExp(value)) return this.expression(value as RegExp);
    if (types.isMap(value)) return this.collection(";", ":", [...value as Map<unknown, unknown>].flatMap((entry) => entry));
    if (types.isSet(value)) return this.collection("'", ",", [...value as Set<unknown>]);
    if (types.isBoxedPrimitive(value)) return this.boxed(value);
    if (types.isAnyArrayBuffer(value)) return this.buffer(value as ArrayBuffer);
    if (types.isNativeError(value)) return this.error(value as Error);
    if (value instanceof MessagePort) throw new Error(`Unserializable host object: ${inspect(value)}`);
    this.bytes.tag("o");
    const written = this.properties(value, Object.keys(value));
    this.bytes.tag("{");
    this.bytes.varint(written);
  }

  private properties(value: object, keys: readonly string[]): number {
    let written = 0;
    for (const key of keys) {
      // A getter may have deleted what came after it.
      if (!Object.hasOwn(value, key)) continue;
      this.value(isIndex(key) ? Number(key) : key);
      this.value(Reflect.get(value, key));
      written += 1;
    }
    return written;
  }

  private array(value: readonly unknown[]): void {
    const keys = Object.keys(value);
    const { length } = value;
    let dense = true;
    for (let index = 0; dense && index < length; index += 1) dense = Object.hasOwn(value, index);
    this.bytes.tag(dense ? "A" : "a");
    this.bytes.varint(length);
    // V8 keeps an array of numbers as doubles when one of them is no small integer.
    const doubles = dense && value.every((item) => typeof item === "number") && !value.every((item) => isSmall(item));
    if (dense) for (let index = 0; index < length; index += 1) {
      if (doubles) this.double("N", value[index] as number);
      else this.value(value[index]);
    }
    const written = this.properties(value, dense ? keys.filter((key) => !isIndex(key)) : keys);
    this.bytes.tag(dense ? "$" : "@");
    this.bytes.varint(written);
    this.bytes.varint(length);
  }

  private view(view: View): void {
    const type = Buffer.isBuffer(view) ? 10 : VIEWS.findIndex((known) => view.constructor === known);
    if (type === -1) throw new Error(`Unserializable host object: ${inspect(view)}`);
    this.bytes.tag("\\");
    this.bytes.varint(type);
    this.bytes.varint(view.byteLength);
    this.bytes.raw(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  private buffer(value: ArrayBuffer): void {
    if ((value as { resizable?: boolean }).resizable === true) throw unsupported("v8.serialize() of a resizable ArrayBuffer");
    this.bytes.tag("B");
    this.bytes.varint(value.byteLength);
    this.bytes.raw(new Uint8Array(value));
  }

  private expression(value: RegExp): void {
    this.bytes.tag("R");
    this.string(value.source);
    this.bytes.varint([...value.flags].reduce((bits, flag) => bits | (FLAGS[flag] ?? 0), 0));
  }

  private collection(open: string, close: string, items: readonly unknown[]): void {
    this.bytes.tag(open);
    for (const item of items) this.value(item);
    this.bytes.tag(close);
    this.bytes.varint(items.length);
  }

  private boxed(value: object): void {
    const primitive: unknown = (value as { valueOf(): unknown }).valueOf();
    if (typeof primitive === "boolean") this.bytes.tag(primitive ? "y" : "x");
    else if (typeof primitive === "number") this.double("n", primitive);
    else if (typeof primitive === "bigint") this.bigint("z", primitive);
    else if (typeof primitive === "string") {
      this.bytes.tag("s");
      this.string(primitive);
    } else throw unclonable(value);
  }

  private error(value: Error): void {
    this.bytes.tag("r");
    const kind = ERROR_TAGS.get(String(value.name));
    if (kind !== undefined) this.bytes.tag(kind);
    if (Object.hasOwn(value, "message")) {
      this.bytes.tag("m");
      this.string(String(value.message));
    }
    if (Object.hasOwn(value, "cause")) {
      this.bytes.tag("c");
      this.value(value.cause);
    }
    if (typeof value.stack === "string") {
      this.bytes.tag("s");
      this.string(value.stack);
    }
    this.bytes.tag(".");
  }
}

/** Throws Error for what has no bytes, as functions. */
export function serialize(value: unknown): Buffer {
  const writer = new Writer();
  writer.bytes.raw(new Uint8Array([0xff, 15]));
  writer.value(value);
  const { buffer, byteLength } = writer.bytes.taken();
  return Buffer.from(buffer as ArrayBuffer, 0, byteLength);
}
