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
  return { mode, name: mode === "gcm" ? `id-aes${keyLength * 8}-gcm` : found.name, blockSize, ...(ivLength > 0 ? { ivLength } : {}), keyLength };
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

const stateError = (): Error => nodeError(Error, "ERR_CRYPTO_INVALID_STATE", "Invalid state for operation final");

/** Give a cipher of the package Node's checks. */
function guarded(cipher: Cipher, kind: Kind, opens: boolean): Cipher {
  const { update, final } = { update: cipher.update.bind(cipher), final: cipher.final.bind(cipher) };
  let finished = false;
  let tagged = false;
  const setTag = cipher.setAuthTag?.bind(cipher);
  Object.assign(cipher, {
    update: (data: unknown, from?: unknown, to?: unknown) => {
      if (finished) throw nodeError(Error, "ERR_CRYPTO_INVALID_STATE", "Invalid state");
      bytesOf(data, from ?? "utf8");
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
        return final(to);
      } catch (error) {
        throw translated(error);
      }
    },
    ...(setTag === undefined ? {} : {
      setAuthTag: (tag: unknown, encoding?: unknown) => {
        tagged = true;
        setTag(bytesOf(tag, encoding, "buffer"));
        return cipher;
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
  const [name, key, iv] = args;
  validateString(name, "cipher");
  const secret = secretBytes(key);
  const start = vector(iv);
  const kind = kindOf(name);
  if (kind === undefined) throw nodeError(Error, "ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher");
  if (secret.length !== kind.keyLength) throw nodeError(RangeError, "ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length");
  checkVector(kind, start.length);
  const makers = vendor<Record<"createCipheriv" | "createDecipheriv", (cipher: string, key: Uint8Array, iv: Uint8Array) => Cipher>>();
  const bytes = (data: Uint8Array): Uint8Array => Buffer.from(data);
  return guarded(makers[opens ? "createDecipheriv" : "createCipheriv"](kind.name, bytes(secret), bytes(start)), kind, opens);
}

export const createCipheriv = (...args: unknown[]): Cipher => make(false, args);
export const createDecipheriv = (...args: unknown[]): Cipher => make(true, args);
