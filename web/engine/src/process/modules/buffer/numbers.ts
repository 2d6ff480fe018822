/** Reading and writing numbers in buffers, with Node's errors. */

import type { Buffer as BufferType } from "buffer/";
import { invalidArgType, nodeError, outOfRange } from "../errors.ts";

type Bytes = Uint8Array;

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where to read or write `size` bytes, or Node's error for that place. */
function place(bytes: Bytes, offset: unknown, size: number): number {
  if (offset === undefined) offset = 0;
  if (typeof offset !== "number") throw invalidArgType("offset", "number", offset);
  const last = bytes.length - size;
  if (Math.floor(offset) !== offset) throw outOfRange("offset", "an integer", offset);
  if (last < 0) throw nodeError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", "Attempt to access memory outside buffer bounds");
  if (offset < 0 || offset > last) throw outOfRange("offset", `>= 0 and <= ${last}`, offset);
  return offset;
}

function widthOf(width: unknown): number {
  if (width === undefined) throw invalidArgType("byteLength", "number", width);
  if (typeof width !== "number") throw invalidArgType("byteLength", "number", width);
  if (!Number.isInteger(width)) throw outOfRange("byteLength", "an integer", width);
  if (width < 1 || width > 6) throw outOfRange("byteLength", ">= 1 and <= 6", width);
  return width;
}

function readWhole(bytes: Bytes, offset: number, width: number, little: boolean): number {
  let value = 0;
  for (let at = 0; at < width; at += 1) value = value * 256 + (bytes[little ? offset + width - 1 - at : offset + at] ?? 0);
  return value;
}

function writeWhole(bytes: Bytes, value: number, offset: number, width: number, little: boolean): number {
  let rest = value < 0 ? value + 2 ** (8 * width) : value;
  for (let at = 0; at < width; at += 1) {
    bytes[little ? offset + at : offset + width - 1 - at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + width;
}

/** Bounds of a whole number in Node's words: powers of two from four bytes on. */
function rangeWords(min: number | bigint, max: number | bigint, width: number): string {
  const n = typeof min === "bigint" ? "n" : "";
  if (width <= 3) return min === 0 ? `>= 0 and <= ${max}` : `>= ${min}${n} and <= ${max}${n}`;
  const bits = width * 8;
  if (width === 4 || min === 0 || min === 0n) {
    if (width === 4 && n === "") return min === 0 ? `>= 0 and <= ${max}` : `>= ${min} and <= ${max}`;
    return `>= 0${n} and < 2${n} ** ${bits}${n}`;
  }
  return `>= -(2${n} ** ${bits - 1}${n}) and < 2${n} ** ${bits - 1}${n}`;
}

function checked(value: unknown, width: number, signed: boolean): number {
  // As Node's arithmetic: BigInts are not turned into numbers.
  if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
  const number = Number(value);
  const min = signed ? -(2 ** (8 * width - 1)) : 0;
  const max = signed ? 2 ** (8 * width - 1) - 1 : 2 ** (8 * width) - 1;
  if (number > max || number < min) throw outOfRange("value", rangeWords(min, max, width), number);
  return Math.trunc(number) || 0;
}

type Methods = Record<string, (this: Bytes, ...args: unknown[]) => unknown>;

function wholeNumbers(size: number, signed: boolean, little: boolean): { read: Methods[string]; write: Methods[string] } {
  const signBit = 2 ** (8 * size - 1);
  return {
    read(offset) {
      const value = readWhole(this, place(this, offset, size), size, little);
      return signed && value >= signBit ? value - 2 * signBit : value;
    },
    write(value, offset) {
      const number = checked(value, size, signed);
      return writeWhole(this, number, place(this, offset, size), size, little);
    },
  };
}

function bigNumbers(signed: boolean, little: boolean): { read: Methods[string]; write: Methods[string] } {
  return {
    read(offset) {
      const at = place(this, offset, 8);
      return signed ? viewOf(this).getBigInt64(at, little) : viewOf(this).getBigUint64(at, little);
    },
    write(value, offset) {
      const [min, max] = signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
      if (typeof value !== "bigint") throw new TypeError(`Cannot mix BigInt and other types, use explicit conversions`);
      if (value < min || value > max) throw outOfRange("value", rangeWords(min, max, 8), value);
      const at = place(this, offset, 8);
      viewOf(this).setBigUint64(at, BigInt.asUintN(64, value), little);
      return at + 8;
    },
  };
}

function variable(signed: boolean, little: boolean): { read: Methods[string]; write: Methods[string] } {
  return {
    read(offset, byteLength) {
      if (offset === undefined) throw invalidArgType("offset", "number", offset);
      const width = widthOf(byteLength);
      const value = readWhole(this, place(this, offset, width), width, little);
      const signBit = 2 ** (8 * width - 1);
      return signed && value >= signBit ? value - 2 * signBit : value;
    },
    write(value, offset, byteLength) {
      const width = widthOf(byteLength);
      if (offset === undefined) throw invalidArgType("offset", "number", offset);
      const number = checked(value, width, signed);
      return writeWhole(this, number, place(this, offset, width), width, little);
    },
  };
}

function floats(size: 4 | 8, little: boolean): { read: Methods[string]; write: Methods[string] } {
  return {
    read(offset) {
      const at = place(this, offset, size);
      return size === 4 ? viewOf(this).getFloat32(at, little) : viewOf(this).getFloat64(at, little);
    },
    write(value, offset) {
      if (typeof value === "bigint") throw new TypeError("Cannot convert a BigInt value to a number");
      const at = place(this, offset, size);
      // The bits of a NaN made of nothing are the engine's to choose; Node's are these.
      const number = Number.isNaN(Number(value)) ? Number.NaN : Number(value);
      if (size === 4) viewOf(this).setFloat32(at, number, little);
      else viewOf(this).setFloat64(at, number, little);
      return at + size;
    },
  };
}

function define(proto: Methods, name: string, pair: { read: Methods[string] | undefined; write: Methods[string] | undefined }, alias: boolean): void {
  for (const [verb, method] of [["read", pair.read], ["write", pair.write]] as const) {
    if (method === undefined) continue;
    Object.defineProperty(method, "name", { value: verb + name, configurable: true });
    const names = alias ? [name, name.replace("UInt", "Uint")] : [name];
    for (const known of names) proto[verb + known] = method;
  }
}

/** Give the class its number functions. */
export function completeNumbers(Base: typeof BufferType): void {
  const proto = Base.prototype as unknown as Methods;
  for (const signed of [false, true]) {
    const kind = signed ? "Int" : "UInt";
    define(proto, `${kind}8`, wholeNumbers(1, signed, true), !signed);
    for (const little of [true, false]) {
      const end = little ? "LE" : "BE";
      for (const size of [2, 4]) define(proto, `${kind}${size * 8}${end}`, wholeNumbers(size, signed, little), !signed);
      define(proto, `${kind}${end}`, variable(signed, little), !signed);
      define(proto, `Big${kind}64${end}`, bigNumbers(signed, little), !signed);
    }
  }
  for (const little of [true, false]) {
    define(proto, `Float${little ? "LE" : "BE"}`, floats(4, little), false);
    define(proto, `Double${little ? "LE" : "BE"}`, floats(8, little), false);
  }
}
