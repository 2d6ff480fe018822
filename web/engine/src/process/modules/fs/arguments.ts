/** Arguments of file functions: paths, modes, times, encodings, options. */

import { Buffer } from "../buffer.ts";
import { encodingOf } from "../buffer/encodings.ts";
import { AbortError, invalidArgType, invalidArgValue, nodeError } from "../errors.ts";
import { fileURLToPath } from "../url/files.ts";
import { validateAbortSignal, validateInteger, validateObject } from "../validate.ts";

/** A path as it was given, and made absolute for the kernel. */
export interface Path {
  readonly given: string;
  readonly full: string;
}

const cwd = (): string => (globalThis as unknown as { process: { cwd(): string } }).process.cwd();

function textOf(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof URL) return fileURLToPath(value);
  throw invalidArgType(name, ["string", "Buffer", "URL"], value);
}

/** A path from a string, a Buffer or a `file:` URL. */
export function pathOf(value: unknown, name = "path"): Path {
  const given = textOf(value, name);
  if (given.includes("\0")) throw invalidArgValue(name, given, "must be a string, Uint8Array, or URL without null bytes");
  return { given, full: given.startsWith("/") ? given : given === "" ? "" : `${cwd()}/${given}` };
}

/** A descriptor. */
export function descriptorOf(value: unknown): number {
  validateInteger(value, "fd", 0, 2 ** 31 - 1);
  return value;
}

/** File mode: a number or octal digits. */
export function modeOf(value: unknown, name: string, preset?: number): number {
  const given = value ?? preset;
  if (typeof given === "string") {
    if (!/^[0-7]+$/.test(given)) throw invalidArgValue(name, given, "must be a 32-bit unsigned integer or an octal string");
    return Number.parseInt(given, 8);
  }
  validateInteger(given, name, 0, 2 ** 32 - 1);
  return given;
}

const FLAGS = /^(?:[rwa]s?\+?|[wa]x\+?|xw\+?|xa\+?|rs\+?|sr\+?|as\+?|sa\+?)$/;

/** Flags of `open`: Node's words or Linux's numbers. */
export function flagsOf(value: unknown, name = "flags"): string | number {
  if (value === undefined || value === null) return "r";
  if (typeof value === "number") {
    validateInteger(value, name, -(2 ** 31), 2 ** 31 - 1);
    return value;
  }
  if (typeof value !== "string" || !FLAGS.test(value)) throw invalidArgValue("flags", value);
  return value;
}

/** A time in milliseconds from seconds, a Date or a number as text. */
export function timeOf(value: unknown): number {
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value) * 1000;
  if (typeof value === "number" && Number.isFinite(value)) return value < 0 ? Date.now() : value * 1000;
  if (value instanceof Date) return value.getTime();
  throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", invalidArgType("time", ["Date"], value).message.replace("instance of Date", "instance of Date or an Time in seconds"));
}

/** Options given as an object or as the name of an encoding. */
export type Options = Readonly<Record<string, unknown>>;

/** Options with presets; the encoding and the signal are checked. */
export function optionsOf(value: unknown, presets: Options = {}): Options {
  if (value === undefined || value === null || typeof value === "function") return presets;
  if (typeof value === "string") {
    checkEncoding(value);
    return { ...presets, encoding: value };
  }
  if (typeof value !== "object") throw invalidArgType("options", ["string", "Object"], value);
  const merged: Options = { ...presets, ...value };
  checkEncoding(merged.encoding);
  validateAbortSignal(merged.signal, "options.signal");
  return merged;
}

/** Throw for an encoding that is neither known nor `buffer`. */
export function checkEncoding(value: unknown): void {
  if (value === undefined || value === null || value === "buffer" || value === "") return;
  if (typeof value !== "string" || encodingOf(value) === undefined) throw invalidArgValue("encoding", value, "is invalid encoding");
}

/** Throw when the signal of the options has aborted. */
export function checkAborted(options: Options): void {
  const signal = options.signal as AbortSignal | undefined;
  if (signal?.aborted === true) throw new AbortError({ cause: signal.reason });
}

/** Bytes in the encoding that was asked for; a Buffer when none was. */
export function decoded(bytes: Uint8Array, encoding: unknown): string | Buffer {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  return typeof encoding === "string" && encoding !== "buffer" && encoding !== "" ? buffer.toString(encoding) : buffer;
}

/** A name in the encoding that was asked for. */
export function nameIn(name: string, encoding: unknown): string | Buffer {
  if (encoding === "buffer") return Buffer.from(name);
  return typeof encoding === "string" && encoding !== "utf8" && encoding !== "utf-8" ? Buffer.from(name).toString(encoding) : name;
}

/** Bytes of what is to be written. */
export function bytesOf(value: unknown, encoding: unknown, name = "data"): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, (encoding ?? "utf8") as "utf8");
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw invalidArgType(name, ["string", "Buffer", "TypedArray", "DataView"], value);
}

/** A boolean of the options. */
export function flagOf(options: Options, name: string): boolean {
  const value = options[name];
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw invalidArgType(`options.${name}`, "boolean", value);
  return value;
}

/** Options that must be an object when given. */
export function objectOptions(value: unknown): Options {
  if (value === undefined || value === null) return {};
  validateObject(value, "options");
  return value;
}
