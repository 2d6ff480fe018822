/** `buffer`: the kept package `buffer`, completed to what Node 20 has and with Node's errors. */

import { Buffer as Base } from "buffer/";
import { invalidArgType, nodeError, outOfRange, unsupported } from "./errors.ts";
import { completeEncodings } from "./buffer/encodings.ts";
import { completeNumbers } from "./buffer/numbers.ts";
import { completeMethods } from "./buffer/methods.ts";

/** Node's limits on a 64-bit machine of version 20. */
export const constants = Object.freeze({ MAX_LENGTH: 4294967296, MAX_STRING_LENGTH: 536870888 });

completeEncodings(Base);
completeNumbers(Base);
completeMethods(Base);

export { Base as Buffer };

/** An un-pooled buffer: old form of `Buffer.allocUnsafeSlow`. */
export function SlowBuffer(length: number): Uint8Array {
  return Base.allocUnsafeSlow(length);
}

/** The browser's own: the globals of a process become these functions. */
const browser = { btoa: globalThis.btoa.bind(globalThis), atob: globalThis.atob.bind(globalThis) };

const bytesOf = (value: unknown, name: string): Uint8Array => {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidArgType(name, ["ArrayBuffer", "Buffer", "TypedArray"], value);
};

export function isUtf8(input: unknown): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(input, "input").slice());
    return true;
  } catch (error) {
    if (error instanceof TypeError && "code" in error && error.code === "ERR_INVALID_ARG_TYPE") throw error;
    return false;
  }
}

export function isAscii(input: unknown): boolean {
  return bytesOf(input, "input").every((byte) => byte < 0x80);
}

const TRANSCODABLE = new Set(["utf8", "utf-8", "ucs2", "ucs-2", "utf16le", "utf-16le", "latin1", "binary", "ascii"]);

/** Bytes of one encoding as bytes of another; what cannot be said becomes `?`. */
export function transcode(source: unknown, from: string, to: string): Uint8Array {
  if (!(source instanceof Uint8Array)) throw invalidArgType("source", ["Buffer", "Uint8Array"], source);
  if (!TRANSCODABLE.has(from.toLowerCase()) || !TRANSCODABLE.has(to.toLowerCase())) {
    throw Object.assign(new Error("Unable to transcode Buffer [U_ILLEGAL_ARGUMENT_ERROR]"), { code: "U_ILLEGAL_ARGUMENT_ERROR", errno: 1 });
  }
  const text = Base.from(source).toString(from);
  const limit = { ascii: 0x7f, latin1: 0xff, binary: 0xff }[to.toLowerCase()];
  const said = limit === undefined ? text : Array.from(text, (char) => ((char.codePointAt(0) ?? 0) > limit ? "?" : char)).join("");
  return Base.from(said, to as "utf8");
}

/** Blob URLs belong to the page, not to a process. */
export function resolveObjectURL(): never {
  throw unsupported("buffer.resolveObjectURL");
}

/** The browser's coder, with Node's words for what it refuses. */
function wellEncoded(code: () => string, text?: string): string {
  try {
    return code();
  } catch {
    const bare = text?.replace(/[\t\n\f\r ]/g, "");
    const short = bare !== undefined && bare.length % 4 === 1 && /^[A-Za-z0-9+/]*$/.test(bare);
    throw new DOMException(short ? "The string to be decoded is not correctly encoded." : "Invalid character", "InvalidCharacterError");
  }
}

export function btoa(input: unknown): string {
  if (arguments.length === 0) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "input" argument must be specified');
  return wellEncoded(() => browser.btoa(String(input)));
}

export function atob(input: unknown): string {
  if (arguments.length === 0) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "input" argument must be specified');
  return wellEncoded(() => browser.atob(String(input)), String(input));
}

let inspectMax = 50;

/** The module, with the keys of Node's in its order. */
export const bufferModule = {
  Buffer: Base,
  SlowBuffer,
  transcode,
  isUtf8,
  isAscii,
  kMaxLength: constants.MAX_LENGTH,
  kStringMaxLength: constants.MAX_STRING_LENGTH,
  btoa,
  atob,
  constants,
  get INSPECT_MAX_BYTES() {
    return inspectMax;
  },
  set INSPECT_MAX_BYTES(value: number) {
    if (typeof value !== "number" || Number.isNaN(value) || value < 0) throw outOfRange("INSPECT_MAX_BYTES", ">= 0", value);
    inspectMax = value;
  },
  Blob: globalThis.Blob,
  resolveObjectURL,
  File: globalThis.File,
};

/** How many bytes of a buffer are printed. */
export const inspectLimit = (): number => inspectMax;
