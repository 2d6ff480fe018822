/** Ciphers: AES by the kept package `crypto-browserify`, with Node's checks and errors. */

import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError, unsupported } from "../errors.ts";
import { validateString } from "../validate.ts";
import { bytesOf, secretBytes } from "./hashes.ts";
import { vendor } from "./vendor.ts";

interface Kind {
  readonly mode: string;
  readonly name: string;
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
}

const MODES = { cbc: 16, ctr: 1, ecb: 16, gcm: 1, cfb: 1, cfb8: 1, ofb: 1 } as const;

const KINDS: Readonly<Record<string, Kind>> = Object.fromEntries(
  [128, 192, 256].flatMap((bits) => Object.entries(MODES).map(([mode, blockSize]): [string, Kind] => [
    `aes-${bits}-${mode}`,
    { mode, name: `aes-${bits}-${mode}`, keyLength: bits / 8, ivLength: mode === "ecb" ? 0 : mode === "gcm" ? 12 : 16, blockSize },
  ])),
);
/** OpenSSL's numbers of the ciphers, in the order of `MODES`. */
const NUMBERS: Readonly<Record<number, readonly number[]>> = { 16: [419, 904, 418, 895, 421, 653, 420], 24: [423, 905, 422, 898, 425, 654, 424], 32: [427, 906, 426, 901, 429, 655, 428] };
const ALIASES: Readonly<Record<string, string>> = {
  aes128: "aes-128-cbc", aes192: "aes-192-cbc", aes256: "aes-256-cbc", "id-aes128-gcm": "aes-128-gcm", "id-aes192-gcm": "aes-192-gcm", "id-aes256-gcm": "aes-256-gcm",
};

const kindOf = (name: string): Kind | undefined => KINDS[ALIASES[name.toLowerCase()] ?? name.toLowerCase()];

export const getCiphers = (): string[] => [...Object.keys(KINDS), ...Object.keys(ALIASES)].toSorted();

export function getCipherInfo(name: unknown): object | undefined {
  if (typeof name !== "string") throw invalidArgType("nameOrNid", ["string", "number"], name);
  const found = kindOf(name);
  if (found === undefined) return undefined;
  const { mode, keyLength, ivLength, blockSize } = found;
  const nid = NUMBERS[keyLength]?.[Object.keys(MODES).indexOf(mode)];
  return { mode: mode === "cfb8" ? "cfb" : mode, name: mode === "gcm" ? `id-aes${keyLength * 8}-gcm` : found.name, nid, blockSize, ...(ivLength > 0 ? { ivLength } : {}), keyLength };
}

interface Cipher {
  update(data: unknown, from?: unknown, to?: unknown): unknown;
  final(to?: unknown): unknown;
  setAutoPadding(on?: boolean): Cipher;
  getAuthTag?(): Uint8Array;
  setAuthTag?(tag: Uint8Array): Cipher;
  setAAD?(data: Uint8Array): Cipher;
  constructor: unknown;
}

const library = (code: string, text: string, reason: string): Error =>
  Object.assign(new Error(text), { library: "Provider routines", reason, code });

/** Errors of the package as OpenSSL words them. */
function translated(error: unknown): unknown {
  const text = error instanceof Error ? error.message : String(error);
  if (/authenticate/.test(text)) return new Error("Unsupported state or unable to authenticate data");
  if (/wrong final block length|data not multiple of block length/.test(text)) return library("ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH", "error:1C80006B:Provider routines::wrong final block length", "wrong final block length");
  if (/unable to decrypt data|bad decrypt/.test(text)) return library("ERR_OSSL_BAD_DECRYPT", "error:1C800064:Provider routines::bad decrypt", "bad decrypt");
  return error;
}

const stateError = (what = ""): Error => nodeError(Error, "ERR_CRYPTO_INVALID_STATE", `Invalid state${what}`);

/** Node takes shorter tags; the package does not. */
function checkTag(length: number): void {
  if (length === 16) return;
  if (length === 4 || length === 8 || (length >= 12 && length < 16)) throw unsupported(`An authentication tag of ${length} bytes`, "16 bytes are");
  throw nodeError(TypeError, "ERR_CRYPTO_INVALID_AUTH_TAG", `Invalid authentication tag length: ${length}`);
}

/** Give a cipher of the package Node's checks. */
function guarded(cipher: Cipher, kind: Kind, opens: boolean): Cipher {
  const { update, final } = { update: cipher.update.bind(cipher), final: cipher.final.bind(cipher) };
  let finished = false;
  let tagged = false;
  let taken = 0;
  const { setTag, getTag } = { setTag: cipher.setAuthTag?.bind(cipher), getTag: cipher.getAuthTag?.bind(cipher) };
  Object.assign(cipher, {
    update: (data: unknown, from?: unknown, to?: unknown) => {
      if (finished) throw new Error("Trying to add data in unsupported state");
      taken += bytesOf(data, from ?? "utf8").length;
      try {
        return update(data, from, to);
      } catch (error) {
        throw translated(error);
      }
    },
    final: (to?: unknown) => {
      if (finished) throw stateError();
      finished = true;
      if (opens && kind.mode === "gcm" && !tagged) throw new Error("Unsupported state or unable to authenticate data");
      try {
        if (opens && kind.blockSize > 1 && taken % kind.blockSize !== 0) throw new Error("wrong final block length");
        return final(to);
      } catch (error) {
        throw translated(error);
      }
    },
    ...(setTag === undefined ? {} : {
      setAuthTag: (tag: unknown, encoding?: unknown) => {
        const bytes = bytesOf(tag, encoding, "buffer");
        checkTag(bytes.length);
        tagged = true;
        setTag(bytes);
        return cipher;
      },
    }),
    ...(getTag === undefined ? {} : {
      getAuthTag: () => {
        if (!finished || opens) throw stateError(" for operation getAuthTag");
        return getTag();
      },
    }),
  });
  return cipher;
}

/** Bytes of what a program gives as an initialization vector. */
function vector(iv: unknown): Uint8Array {
  if (iv === null) return new Uint8Array(0);
  if (iv instanceof ArrayBuffer) return new Uint8Array(iv);
  if (typeof iv !== "string" && !ArrayBuffer.isView(iv)) throw invalidArgType("iv", ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView"], iv);
  return bytesOf(iv, "utf8", "iv");
}

function checkVector(kind: Kind, length: number): void {
  const right = kind.mode === "gcm" ? length > 0 : length === kind.ivLength;
  if (!right) throw nodeError(TypeError, "ERR_CRYPTO_INVALID_IV", "Invalid initialization vector");
  // The package computes the counter of another length wrongly.
  if (kind.mode === "gcm" && length !== kind.ivLength) throw unsupported(`${kind.name} with an initialization vector of ${length} bytes`, "12 bytes are");
}

function make(opens: boolean, args: readonly unknown[]): Cipher {
  const [name, key, iv, options] = args;
  validateString(name, "cipher");
  const secret = secretBytes(key);
  const start = vector(iv);
  const kind = kindOf(name);
  if (kind === undefined) throw nodeError(Error, "ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher");
  if (secret.length !== kind.keyLength) throw nodeError(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
  checkVector(kind, start.length);
  const tagLength = (options as { authTagLength?: number } | null | undefined)?.authTagLength;
  if (kind.mode === "gcm" && tagLength !== undefined) checkTag(tagLength);
  const makers = vendor<Record<"createCipheriv" | "createDecipheriv", (cipher: string, key: Uint8Array, iv: Uint8Array) => Cipher>>();
  const bytes = (data: Uint8Array): Uint8Array => Buffer.from(data);
  return guarded(makers[opens ? "createDecipheriv" : "createCipheriv"](kind.name, bytes(secret), bytes(start)), kind, opens);
}

export const createCipheriv = (...args: unknown[]): Cipher => make(false, args);
export const createDecipheriv = (...args: unknown[]): Cipher => make(true, args);
