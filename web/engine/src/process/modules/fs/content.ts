/** Reading and writing what is in files. */

import { invalidArgType, nodeError, outOfRange } from "../errors.ts";
import { validateInteger } from "../validate.ts";
import { bytesOf, checkAborted, checkEncoding, decoded, descriptorOf, flagsOf, modeOf, optionsOf, pathOf, type Options } from "./arguments.ts";
import { ask, system, type Operation } from "./steps.ts";

/** Bytes asked for at once when a whole file is read by its descriptor. */
const CHUNK = 512 * 1024;

type View = Uint8Array;

function viewOf(value: unknown, name = "buffer"): View {
  if (!ArrayBuffer.isView(value)) throw invalidArgType(name, ["Buffer", "TypedArray", "DataView"], value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function viewsOf(value: unknown): View[] {
  if (!Array.isArray(value) || !value.every((item) => ArrayBuffer.isView(item))) {
    throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", invalidArgType("buffers", "Array", value).message.replace("an instance of Array", "an ArrayBufferView[]"));
  }
  return value.map((item) => viewOf(item));
}

const positionOf = (value: unknown): number | null => {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number") throw invalidArgType("position", ["integer", "bigint"], value);
  validateInteger(value, "position", -1);
  return value < 0 ? null : value;
};

/** What `read` takes, in any of its forms, as one. */
export interface ReadArguments {
  readonly view: ArrayBufferView;
  readonly offset: number;
  readonly length: number;
  readonly position: number | null;
}

/** What was given in any of the forms as `[buffer, offset, length, position]`. */
function inOrder(args: readonly unknown[], fresh: () => Uint8Array): readonly unknown[] {
  const [first, second] = args;
  if (first === undefined || first === null || (typeof first === "object" && !ArrayBuffer.isView(first))) {
    const options = (first ?? {}) as Options;
    return [options.buffer ?? fresh(), options.offset, options.length, options.position];
  }
  if (typeof second !== "object" || second === null) return args;
  const options = second as Options;
  return [first, options.offset, options.length, options.position];
}

/** `(buffer, offset, length, position)`, `(buffer, options)` or `(options)`. */
export function readArguments(args: readonly unknown[], fresh: () => Uint8Array): ReadArguments {
  const given = inOrder(args, fresh);
  const bytes = viewOf(given[0]);
  const offset = given[1] ?? 0;
  validateInteger(offset, "offset", 0);
  const length = given[2] ?? bytes.byteLength - offset;
  validateInteger(length, "length");
  if (length !== 0) {
    if (bytes.byteLength === 0) throw nodeError(TypeError, "ERR_INVALID_ARG_VALUE", "The argument 'buffer' is empty and cannot be written. Received Uint8Array(0) []");
    if (offset > bytes.byteLength) throw outOfRange("offset", `>= 0 && <= ${bytes.byteLength}`, offset);
    if (length < 0) throw outOfRange("length", ">= 0", length);
    if (length > bytes.byteLength - offset) throw outOfRange("length", `<= ${bytes.byteLength - offset}`, length);
  }
  return { view: given[0] as ArrayBufferView, offset, length, position: positionOf(given[3]) };
}

export function* read(fd: unknown, ...args: unknown[]): Operation<number> {
  const known = descriptorOf(fd);
  const { view, offset, length, position } = readArguments(args, () => new Uint8Array(16384));
  if (length === 0) return 0;
  const bytes = yield* ask("fs.read", [known, length, position], { syscall: "read" });
  viewOf(view).set(bytes, offset);
  return bytes.length;
}

export function* readv(fd: unknown, buffers: unknown, position?: unknown): Operation<number> {
  const known = descriptorOf(fd);
  const views = viewsOf(buffers);
  const total = views.reduce((sum, view) => sum + view.length, 0);
  if (total === 0) return 0;
  const bytes = yield* ask("fs.read", [known, total, typeof position === "number" ? position : null], { syscall: "read" });
  let taken = 0;
  for (const view of views) {
    const part = bytes.subarray(taken, taken + view.length);
    view.set(part);
    taken += part.length;
  }
  return bytes.length;
}

function writeArguments(args: readonly unknown[]): { data: Uint8Array; position: number | null } {
  const [value, second, third, fourth] = args;
  if (ArrayBuffer.isView(value)) {
    const bytes = viewOf(value);
    const named = typeof second === "object" && second !== null ? (second as Options) : { offset: second, length: third, position: fourth };
    const offset = named.offset ?? 0;
    validateInteger(offset, "offset", 0);
    const length = named.length ?? bytes.length - offset;
    if (offset > bytes.length) throw outOfRange("offset", `<= ${bytes.length}`, offset);
    validateInteger(length, "length");
    if (length > bytes.length - offset) throw outOfRange("length", `<= ${bytes.length - offset}`, length);
    if (length < 0) throw outOfRange("length", ">= 0", length);
    return { data: bytes.subarray(offset, offset + length), position: positionOf(named.position) };
  }
  if (typeof value !== "string") throw invalidArgType("buffer", ["string", "Buffer", "TypedArray", "DataView"], value);
  checkEncoding(third);
  return { data: bytesOf(value, third), position: typeof second === "number" ? second : null };
}

export function* write(fd: unknown, ...args: unknown[]): Operation<number> {
  const known = descriptorOf(fd);
  const { data, position } = writeArguments(args);
  return yield* ask("fs.write", [known, data, position], { syscall: "write" });
}

export function* writev(fd: unknown, buffers: unknown, position?: unknown): Operation<number> {
  const known = descriptorOf(fd);
  const views = viewsOf(buffers);
  let written = 0;
  for (const view of views) {
    const at = typeof position === "number" ? position + written : null;
    written += yield* ask("fs.write", [known, view, at], { syscall: "write" });
  }
  return written;
}

/** All that is left of an open file. */
export function* readRest(fd: number): Operation<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = yield* ask("fs.read", [fd, CHUNK, null], { syscall: "read" });
    if (part.length === 0) break;
    parts.push(part);
  }
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let taken = 0;
  for (const part of parts) {
    all.set(part, taken);
    taken += part.length;
  }
  return all;
}

export function* readFile(path: unknown, options?: unknown): Operation<string | Uint8Array> {
  const given = optionsOf(options, { flag: "r" });
  checkAborted(given);
  if (typeof path === "number" && Number.isInteger(path)) {
    // Node asks for the size first.
    yield* system("fs.fstat", [descriptorOf(path)], { syscall: "fstat" });
    return decoded(yield* readRest(path), given.encoding);
  }
  const found = pathOf(path);
  const flags = flagsOf(given.flag);
  if (flags === "r") {
    return decoded(yield* ask("fs.readFile", [found.full], { syscall: "open", path: found.given }), given.encoding);
  }
  const fd = yield* ask("fs.open", [found.full, flags, 0o666], { syscall: "open", path: found.given });
  try {
    return decoded(yield* readRest(fd), given.encoding);
  } finally {
    yield* ask("fs.close", [fd], { syscall: "close" });
  }
}

/** Write all bytes to an open file. */
export function* writeRest(fd: number, data: Uint8Array): Operation<void> {
  let rest = data;
  do {
    const written = yield* ask("fs.write", [fd, rest, null], { syscall: "write" });
    rest = rest.subarray(written);
  } while (rest.length > 0);
}

function* put(path: unknown, data: unknown, options: unknown, flag: string): Operation<void> {
  const given = optionsOf(options, { encoding: "utf8", mode: 0o666, flag });
  const bytes = bytesOf(data, given.encoding);
  checkAborted(given);
  if (typeof path === "number" && Number.isInteger(path)) return yield* writeRest(descriptorOf(path), bytes);
  const found = pathOf(path);
  const mode = modeOf(given.mode, "mode", 0o666);
  yield* ask("fs.writeFile", [found.full, bytes, flagsOf(given.flag ?? flag), mode], { syscall: "open", path: found.given });
}

export const writeFile = (path: unknown, data: unknown, options?: unknown): Operation<void> => put(path, data, options, "w");
export const appendFile = (path: unknown, data: unknown, options?: unknown): Operation<void> => put(path, data, options, "a");
