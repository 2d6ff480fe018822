/** Digests and HMACs, by the kept package `@noble/hashes`. */

import { blake2b, blake2s } from "@noble/hashes/blake2.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, ripemd160, sha1 } from "@noble/hashes/legacy.js";
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from "@noble/hashes/sha2.js";
import { sha3_224, sha3_256, sha3_384, sha3_512, shake128, shake256 } from "@noble/hashes/sha3.js";
import type { CHash } from "@noble/hashes/utils.js";
import { Transform } from "readable-stream/lib/stream.js";
import { Buffer } from "../buffer.ts";
import { encodingOf, knownEncoding } from "../buffer/encodings.ts";
import { invalidArgType, nodeError } from "../errors.ts";
import { noteKeyObject } from "../util/types.ts";
import { validateString, validateUint32, type Callback } from "../validate.ts";

const ALGORITHMS: Readonly<Record<string, CHash>> = {
  md5, sha1, sha224, sha256, sha384, sha512, "sha512-224": sha512_224, "sha512-256": sha512_256, ripemd160,
  "sha3-224": sha3_224, "sha3-256": sha3_256, "sha3-384": sha3_384, "sha3-512": sha3_512,
  blake2b512: blake2b, blake2s256: blake2s,
};
const EXTENDABLE: Readonly<Record<string, (data: Uint8Array, options: { dkLen: number }) => Uint8Array>> = { shake128, shake256 };
const SHAKE_LENGTH: Readonly<Record<string, number>> = { shake128: 16, shake256: 32 };
const ALIASES: Readonly<Record<string, string>> = { ripemd: "ripemd160", rmd160: "ripemd160", "sha512/224": "sha512-224", "sha512/256": "sha512-256", "sha-1": "sha1", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512", "sha-224": "sha224" };

/** The name in small letters, without a signature's. */
export function nameOf(algorithm: string): string {
  const lower = algorithm.toLowerCase().replace(/^rsa-/, "").replace(/withrsaencryption$/, "");
  return ALIASES[lower] ?? lower;
}

/** The algorithm of a name, or undefined. */
export function digestOf(algorithm: string): CHash | undefined {
  return ALGORITHMS[nameOf(algorithm)];
}

/** The algorithm of a name, or ERR_CRYPTO_INVALID_DIGEST. */
export function knownDigest(algorithm: string): CHash {
  const found = digestOf(algorithm);
  if (found === undefined) throw nodeError(TypeError, "ERR_CRYPTO_INVALID_DIGEST", `Invalid digest: ${algorithm}`);
  return found;
}

/** Names of what there is. */
export const getHashes = (): string[] => [
  "RSA-MD5", "RSA-RIPEMD160", "RSA-SHA1", "RSA-SHA224", "RSA-SHA256", "RSA-SHA384", "RSA-SHA512", ...Object.keys(ALGORITHMS), "shake128", "shake256",
].toSorted();

/** Bytes of data that a program gives. */
export function bytesOf(data: unknown, encoding: unknown, name = "data"): Uint8Array {
  if (typeof data === "string") return Buffer.from(data, (encoding === "buffer" ? "utf8" : knownEncoding(encoding)) as "utf8");
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw invalidArgType(name, ["string", "Buffer", "TypedArray", "DataView"], data);
}

/** Bytes as a Buffer, or as text when an encoding is named. */
export function encoded(bytes: Uint8Array, encoding: unknown): Buffer | string {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  return typeof encoding === "string" && encoding !== "buffer" ? buffer.toString(encoding) : buffer;
}

interface Running {
  update(data: Uint8Array): unknown;
  digest(): Uint8Array;
  clone?(): Running;
}

/** What all is kept of a digest of any length: the data, as the package gives no running form with a length. */
class Extendable implements Running {
  private readonly parts: Uint8Array[];
  private readonly name: string;
  private readonly length: number;

  constructor(name: string, length: number, parts: readonly Uint8Array[] = []) {
    this.name = name;
    this.length = length;
    this.parts = [...parts];
  }

  update(data: Uint8Array): void {
    this.parts.push(data.slice());
  }

  digest(): Uint8Array {
    return EXTENDABLE[this.name]?.(Buffer.concat(this.parts), { dkLen: this.length }) ?? new Uint8Array(0);
  }

  clone(): Running {
    return new Extendable(this.name, this.length, this.parts);
  }
}

function running(algorithm: string, length: unknown): Running {
  const name = nameOf(algorithm);
  if (length !== undefined) validateUint32(length, "options.outputLength");
  if (EXTENDABLE[name] !== undefined) return new Extendable(name, length ?? SHAKE_LENGTH[name] ?? 32);
  const found = ALGORITHMS[name];
  if (found === undefined) throw new Error("Digest method not supported");
  if (length !== undefined && length !== found.outputLen) {
    throw Object.assign(new Error("error:030000B2:digital envelope routines::not XOF or invalid length"), { library: "digital envelope routines", reason: "not XOF or invalid length", code: "ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH" });
  }
  return found.create();
}

interface State {
  readonly running: Running;
  finished: boolean;
  result?: Uint8Array;
}
const states = new WeakMap<object, State>();
const finalized = (): Error => nodeError(Error, "ERR_CRYPTO_HASH_FINALIZED", "Digest already called");

type Done = (error?: Error | null) => void;
type HashStream = Transform & { update(data: unknown, encoding?: unknown): HashStream; digest(encoding?: unknown): Buffer | string };

/** Digests take text of an encoding that there is not as UTF-8, and give their bytes for one, as Node's do. */
const hashEncoding = (encoding: unknown): unknown => (encodingOf(encoding) === undefined ? undefined : encoding);

const common = {
  update(this: HashStream, data: unknown, encoding?: unknown): HashStream {
    const state = states.get(this);
    if (state === undefined || state.finished) throw finalized();
    state.running.update(bytesOf(data, hashEncoding(encoding)));
    return this;
  },
  _transform(this: HashStream, chunk: unknown, encoding: unknown, done: Done): void {
    this.update(chunk, encoding);
    done();
  },
  _flush(this: HashStream, done: Done): void {
    this.push(this.digest());
    done();
  },
};

type HashClass = { new (...args: unknown[]): HashStream; prototype: HashStream };

function hashClass(name: string, start: (args: readonly unknown[]) => Running, options: (args: readonly unknown[]) => unknown): HashClass {
  const Class = function (this: unknown, ...args: unknown[]): HashStream {
    if (!(this instanceof (Class as unknown as new () => object))) return new (Class as unknown as new (...given: unknown[]) => HashStream)(...args);
    const stream = this as HashStream;
    states.set(stream, { running: start(args), finished: false });
    Reflect.apply(Transform as unknown as Callback, stream, [options(args)]);
    return stream;
  } as unknown as HashClass;
  Object.defineProperty(Class, "name", { value: name, configurable: true });
  Object.setPrototypeOf(Class, Transform);
  Object.setPrototypeOf(Class.prototype, Transform.prototype);
  Object.assign(Class.prototype, common);
  return Class;
}

/** A digest as a stream, and by `update` and `digest`. */
export const Hash = hashClass("Hash", ([algorithm, options]) => {
  validateString(algorithm, "algorithm");
  return running(algorithm, (options as { outputLength?: unknown } | undefined)?.outputLength);
}, (args) => args[1]);

Object.assign(Hash.prototype, {
  digest(this: HashStream, encoding?: unknown): Buffer | string {
    const state = states.get(this);
    if (state === undefined || state.finished) throw finalized();
    state.finished = true;
    return encoded(state.running.digest(), hashEncoding(encoding));
  },
  copy(this: HashStream, options?: unknown): HashStream {
    const state = states.get(this);
    if (state?.running.clone === undefined || state.finished) throw finalized();
    const copied = Object.create(Hash.prototype) as HashStream;
    states.set(copied, { running: state.running.clone(), finished: false });
    Reflect.apply(Transform as unknown as Callback, copied, [options]);
    return copied;
  },
});

const keys = new WeakMap<object, Uint8Array>();

/** Remember the bytes of a secret KeyObject. */
export function keepSecret(key: object, bytes: Uint8Array): void {
  keys.set(key, bytes);
  noteKeyObject(key);
}

/** Bytes of a secret: text, bytes or a secret KeyObject. */
export function secretBytes(key: unknown, encoding?: unknown): Uint8Array {
  if (typeof key === "string") return bytesOf(key, encoding, "key");
  if (ArrayBuffer.isView(key)) return bytesOf(key, undefined, "key");
  if (key instanceof ArrayBuffer) return new Uint8Array(key);
  const known = typeof key === "object" && key !== null ? keys.get(key) : undefined;
  if (known === undefined) throw invalidArgType("key", ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView", "KeyObject", "CryptoKey"], key);
  return known;
}

/** A keyed digest as a stream, and by `update` and `digest`. */
export const Hmac = hashClass("Hmac", ([algorithm, key, options]) => {
  validateString(algorithm, "hmac");
  const secret = secretBytes(key, (options as { encoding?: unknown } | undefined)?.encoding);
  return hmac.create(knownDigest(algorithm), secret);
}, (args) => args[2]);

Object.assign(Hmac.prototype, {
  digest(this: HashStream, encoding?: unknown): Buffer | string {
    const state = states.get(this);
    // Asked again, Node gives nothing, and no error.
    const bytes = state === undefined || state.finished ? new Uint8Array(0) : state.running.digest();
    if (state !== undefined) state.finished = true;
    return encoded(bytes, hashEncoding(encoding));
  },
});

/** A digest of data at once. */
export function hash(algorithm: unknown, data: unknown, encoding: unknown = "hex"): Buffer | string {
  validateString(algorithm, "algorithm");
  if (typeof data !== "string" && !ArrayBuffer.isView(data)) throw invalidArgType("input", ["string", "Buffer", "TypedArray", "DataView"], data);
  const state = running(algorithm, undefined);
  state.update(bytesOf(data, "utf8"));
  return encoded(state.digest(), encoding);
}
