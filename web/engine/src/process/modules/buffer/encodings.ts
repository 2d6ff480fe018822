/** Encodings of buffers: text to bytes and back, by the browser's own coders where it has one. */

import type { Buffer as BufferType } from "buffer/";
import { invalidArgType, nodeError } from "../errors.ts";
import { validateInteger } from "../validate.ts";

/** The encodings by one name each. */
export type Encoding = "utf8" | "utf16le" | "latin1" | "ascii" | "base64" | "base64url" | "hex";

const NAMES: Readonly<Record<string, Encoding>> = {
  utf8: "utf8", "utf-8": "utf8", ucs2: "utf16le", "ucs-2": "utf16le", utf16le: "utf16le", "utf-16le": "utf16le",
  latin1: "latin1", binary: "latin1", ascii: "ascii", base64: "base64", base64url: "base64url", hex: "hex",
};

/** The encoding that a name means, in any case; undefined when there is none. */
export function encodingOf(name: unknown): Encoding | undefined {
  if (name === undefined || name === null || name === "") return "utf8";
  return typeof name === "string" ? NAMES[name] ?? NAMES[name.toLowerCase()] : undefined;
}

/** The encoding of a name, or Node's ERR_UNKNOWN_ENCODING. */
export function knownEncoding(name: unknown): Encoding {
  const found = encodingOf(name);
  if (found === undefined) throw nodeError(TypeError, "ERR_UNKNOWN_ENCODING", `Unknown encoding: ${String(name)}`);
  return found;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decoder16 = new TextDecoder("utf-16le", { ignoreBOM: true });
const CHUNK = 8192;

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL = `${BASE64.slice(0, 62)}-_`;
const SEXTETS = new Int8Array(256).fill(-1);
[...BASE64].forEach((char, index) => {
  SEXTETS[char.charCodeAt(0)] = index;
});
SEXTETS["-".charCodeAt(0)] = 62;
SEXTETS["_".charCodeAt(0)] = 63;

/** Both alphabets, anything else skipped, the end at the first `=`: as Node reads base64. */
function fromBase64(text: string): Uint8Array {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x3d) break;
    const value = char < 256 ? SEXTETS[char] ?? -1 : -1;
    if (value < 0) continue;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[length] = (held >> bits) & 0xff;
    length += 1;
  }
  return out.subarray(0, length);
}

function toBase64(bytes: Uint8Array, alphabet: string, pad: boolean): string {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += 3 * CHUNK) {
    const end = Math.min(start + 3 * CHUNK, bytes.length);
    let part = "";
    for (let at = start; at < end; at += 3) {
      const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      part += alphabet.charAt(word >> 18) + alphabet.charAt((word >> 12) & 63);
      if (at + 1 < end) part += alphabet.charAt((word >> 6) & 63);
      else if (pad) part += "=";
      if (at + 2 < end) part += alphabet.charAt(word & 63);
      else if (pad) part += "=";
    }
    parts.push(part);
  }
  return parts.join("");
}

/** Pairs of hex digits up to the first that is none. */
function fromHex(text: string): Uint8Array {
  const out = new Uint8Array(text.length >> 1);
  for (let at = 0; at < out.length; at += 1) {
    const pair = text.slice(2 * at, 2 * at + 2);
    if (!/^[0-9a-fA-F]{2}$/.test(pair)) return out.subarray(0, at);
    out[at] = Number.parseInt(pair, 16);
  }
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function fromUnits(text: string, mask: number): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) out[at] = text.charCodeAt(at) & mask;
  return out;
}

function fromUtf16(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    out[2 * at] = unit & 0xff;
    out[2 * at + 1] = unit >> 8;
  }
  return out;
}

function toUnits(bytes: Uint8Array, mask: number): string {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += CHUNK) {
    const part = bytes.subarray(start, start + CHUNK);
    parts.push(String.fromCharCode(...(mask === 0xff ? part : part.map((byte) => byte & mask))));
  }
  return parts.join("");
}

/** Halves of surrogate pairs must stay as they are, which a TextDecoder does not do. */
function toUtf16(bytes: Uint8Array): string {
  const even = bytes.subarray(0, bytes.length & ~1);
  const text = decoder16.decode(even);
  if (!text.includes("\ufffd")) return text;
  const units: string[] = [];
  for (let at = 0; at < even.length; at += 2) units.push(String.fromCharCode((even[at] ?? 0) | ((even[at + 1] ?? 0) << 8)));
  return units.join("");
}

/** Bytes of a text. */
export function encode(text: string, encoding: Encoding): Uint8Array {
  switch (encoding) {
    case "utf8": return encoder.encode(text);
    case "utf16le": return fromUtf16(text);
    case "latin1": case "ascii": return fromUnits(text, 0xff);
    case "base64": case "base64url": return fromBase64(text);
    case "hex": return fromHex(text);
  }
}

/** Text of bytes. */
export function decode(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case "utf8": return decoder.decode(bytes.buffer instanceof ArrayBuffer ? (bytes) : bytes.slice());
    case "utf16le": return toUtf16(bytes);
    case "latin1": return toUnits(bytes, 0xff);
    case "ascii": return toUnits(bytes, 0x7f);
    case "base64": return toBase64(bytes, BASE64, true);
    case "base64url": return toBase64(bytes, BASE64_URL, false);
    case "hex": return Array.from(bytes, (byte) => HEX[byte] ?? "").join("");
  }
}

/** Bytes that a text takes, without making them where that is possible. */
function byteLength(text: string, encoding: Encoding): number {
  if (encoding === "latin1" || encoding === "ascii") return text.length;
  if (encoding === "utf16le") return text.length * 2;
  if (encoding === "hex") return text.length >>> 1;
  if (encoding === "utf8") return encode(text, encoding).length;
  // Node computes it from the length alone, without looking at characters that will be skipped.
  let length = text.length;
  if (length > 1 && text.endsWith("=")) length -= text.endsWith("==") ? 2 : 1;
  return Math.floor((length * 3) / 4);
}

/** What fits of a text's bytes into `room`: never a part of a character. */
function fitting(text: string, encoding: Encoding, room: number): Uint8Array {
  if (encoding === "utf8") {
    const out = new Uint8Array(Math.min(room, text.length * 3));
    return out.subarray(0, encoder.encodeInto(text, out).written);
  }
  const bytes = encode(text, encoding);
  if (bytes.length <= room) return bytes;
  return bytes.subarray(0, encoding === "utf16le" ? room & ~1 : room);
}

type Constructor = typeof BufferType;

/** Give the class its text functions. */
export function completeEncodings(Base: Constructor): void {
  const proto = Base.prototype as unknown as Record<string, unknown>;
  Object.assign(Base, {
    isEncoding: (name: unknown) => typeof name === "string" && name !== "" && encodingOf(name) !== undefined,
    byteLength: (value: unknown, encoding?: unknown) => {
      if (typeof value === "string") return byteLength(value, encodingOf(encoding) ?? "utf8");
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer)) return value.byteLength;
      throw invalidArgType("string", ["string", "Buffer", "ArrayBuffer"], value);
    },
  });
  proto.toString = function toString(this: Uint8Array, encoding?: unknown, start = 0, end = this.length): string {
    const whole = arguments.length === 0;
    const from = whole ? 0 : Math.max(Math.trunc(Number(start)) || 0, 0);
    const to = whole ? this.length : Math.min(Math.trunc(Number(end)) || 0, this.length);
    if (to <= from) return "";
    if (encoding === null) throw nodeError(TypeError, "ERR_UNKNOWN_ENCODING", "Unknown encoding: null");
    const found = whole ? "utf8" : knownEncoding(encoding);
    return decode(from === 0 && to === this.length ? this : Uint8Array.prototype.subarray.call(this, from, to), found);
  };
  proto.toLocaleString = proto.toString;
  proto.write = function write(this: Uint8Array, text: unknown, ...rest: unknown[]): number {
    if (typeof text !== "string") throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", "argument must be a string");
    const { offset, length, encoding } = writeArguments(this, rest);
    const bytes = fitting(text, encoding, length);
    Uint8Array.prototype.set.call(this, bytes, offset);
    return bytes.length;
  };
  completeNamed(proto);
}

function writeArguments(target: Uint8Array, rest: unknown[]): { offset: number; length: number; encoding: Encoding } {
  const args = [...rest];
  let offset = 0;
  if (typeof args[0] === "number" || args[0] === undefined) offset = (args.shift() as number | undefined) ?? 0;
  const room = target.length - offset;
  validateInteger(offset, "offset", 0, target.length);
  let length = room;
  if (typeof args[0] === "number" || (args[0] === undefined && args.length > 0)) {
    const given = args.shift();
    if (given !== undefined) validateInteger(given, "length", 0, target.length);
    length = Math.min(given ?? room, room);
  }
  return { offset, length, encoding: knownEncoding(args[0]) };
}

/** `utf8Write`, `hexSlice` and so on: old names that packages still call. */
function completeNamed(proto: Record<string, unknown>): void {
  for (const [prefix, encoding] of [["utf8", "utf8"], ["ucs2", "utf16le"], ["latin1", "latin1"], ["ascii", "ascii"], ["base64", "base64"], ["base64url", "base64url"], ["hex", "hex"]] as const) {
    proto[`${prefix}Slice`] = function slice(this: Uint8Array, start = 0, end = this.length): string {
      if (start > this.length || end > this.length) throw nodeError(RangeError, "ERR_OUT_OF_RANGE", "Index out of range");
      return decode(Uint8Array.prototype.subarray.call(this, start, end), encoding);
    };
    proto[`${prefix}Write`] = function write(this: Uint8Array, text: string, offset = 0, length = this.length - offset): number {
      if (offset > this.length) throw nodeError(RangeError, "ERR_BUFFER_OUT_OF_BOUNDS", '"offset" is outside of buffer bounds');
      const bytes = fitting(text, encoding, Math.min(length, this.length - offset));
      Uint8Array.prototype.set.call(this, bytes, offset);
      return bytes.length;
    };
  }
}

