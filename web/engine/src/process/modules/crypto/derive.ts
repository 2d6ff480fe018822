/** Keys from passwords and secrets: PBKDF2, scrypt, HKDF, by `@noble/hashes`. */

import { hkdf as nobleHkdf } from "@noble/hashes/hkdf.js";
import { pbkdf2 as noblePbkdf2 } from "@noble/hashes/pbkdf2.js";
import { scrypt as nobleScrypt } from "@noble/hashes/scrypt.js";
import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError } from "../errors.ts";
import { runLater } from "../later.ts";
import { validateFunction, validateInteger, validateString, validateUint32 } from "../validate.ts";
import { knownDigest, secretBytes } from "./hashes.ts";

function bytes(value: unknown, name: string): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw invalidArgType(name, ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"], value);
}

/** Check the arguments now; the work itself may be later. */
function pbkdf2Work(args: readonly unknown[]): () => Uint8Array {
  const [password, salt, iterations, length, digest] = args;
  validateString(digest, "digest");
  const [secret, grain] = [bytes(password, "password"), bytes(salt, "salt")];
  validateInteger(iterations, "iterations", 1, 2 ** 31 - 1);
  validateInteger(length, "keylen", 0, 2 ** 31 - 1);
  const found = knownDigest(digest);
  if (length === 0) return () => Buffer.alloc(0);
  return () => Buffer.from(noblePbkdf2(found, secret, grain, { c: iterations, dkLen: length }));
}

export const pbkdf2Sync = (...args: unknown[]): Uint8Array => pbkdf2Work(args)();

export function pbkdf2(...args: unknown[]): void {
  const callback = args[5] ?? args[4];
  const digest = typeof args[4] === "function" ? undefined : args[4];
  const work = pbkdf2Work([...args.slice(0, 4), digest]);
  validateFunction(callback, "callback");
  runLater(work, callback);
}

function option(options: Readonly<Record<string, unknown>>, names: readonly [string, string], preset: number): number {
  const [short, long] = names;
  if (options[short] !== undefined && options[long] !== undefined) throw nodeError(TypeError, "ERR_INCOMPATIBLE_OPTION_PAIR", `Option "${short}" cannot be used in combination with option "${long}"`);
  const value = options[short] ?? options[long];
  if (value === undefined) return preset;
  validateUint32(value, options[short] === undefined ? long : short);
  return value === 0 ? preset : value;
}

const badScrypt = (why: string): Error => nodeError(RangeError, "ERR_CRYPTO_INVALID_SCRYPT_PARAMS", `Invalid scrypt params${why}`);

function scryptWork(password: unknown, salt: unknown, length: unknown, given: unknown): () => Uint8Array {
  const [secret, grain] = [bytes(password, "password"), bytes(salt, "salt")];
  validateInteger(length, "keylen", 0, 2 ** 31 - 1);
  const options = (given ?? {}) as Readonly<Record<string, unknown>>;
  const N = option(options, ["N", "cost"], 16384);
  const r = option(options, ["r", "blockSize"], 8);
  const p = option(options, ["p", "parallelization"], 1);
  const maxmem = (options.maxmem as number | undefined) ?? 32 * 1024 * 1024;
  if (N < 2 || (N & (N - 1)) !== 0) throw badScrypt("");
  if (128 * N * r > maxmem) throw badScrypt(": error:030000AC:digital envelope routines::memory limit exceeded");
  return () => Buffer.from(nobleScrypt(secret, grain, { N, r, p, dkLen: length, maxmem: maxmem + 2 ** 20 }));
}

export const scryptSync = (password: unknown, salt: unknown, length: unknown, options?: unknown): Uint8Array => scryptWork(password, salt, length, options)();

export function scrypt(password: unknown, salt: unknown, length: unknown, ...rest: unknown[]): void {
  const callback = rest.at(-1);
  const work = scryptWork(password, salt, length, rest.length > 1 ? rest[0] : undefined);
  validateFunction(callback, "callback");
  runLater(work, callback);
}

function hkdfWork(args: readonly unknown[]): () => ArrayBuffer {
  const [digest, key, salt, info, length] = args;
  validateString(digest, "digest");
  const [secret, grain, context] = [secretBytes(key), bytes(salt, "salt"), bytes(info, "info")];
  validateInteger(length, "length", 0, 2 ** 31 - 1);
  const found = knownDigest(digest);
  if (length > 255 * found.outputLen) throw nodeError(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
  return () => nobleHkdf(found, secret, grain, context, length).slice().buffer;
}

export const hkdfSync = (...args: unknown[]): ArrayBuffer => hkdfWork(args)();

export function hkdf(...args: unknown[]): void {
  const work = hkdfWork(args);
  validateFunction(args[5], "callback");
  runLater(work, args[5]);
}
