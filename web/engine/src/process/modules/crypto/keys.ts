/** Keys: secret ones; public and private ones of RSA and of curves as PEM text, for `crypto-browserify`. */

import { Buffer } from "../buffer.ts";
import { invalidArgType, nodeError, unsupported } from "../errors.ts";
import { bytesOf, digestOf, encoded, keepSecret, secretBytes } from "./hashes.ts";
import { webcrypto } from "./random.ts";
import { vendor } from "./vendor.ts";
import { validateFunction, validateString } from "../validate.ts";
import { bound } from "../../async/context.ts";
import { handle, turn } from "../../loop.ts";

const pems = new WeakMap<object, string>();

/** A key. It is made by `createSecretKey`, `createPublicKey` and `createPrivateKey`. */
export class KeyObject {
  readonly type: "secret" | "public" | "private";

  constructor(type: "secret" | "public" | "private", content: Uint8Array | string) {
    this.type = type;
    if (typeof content === "string") pems.set(this, content);
    else keepSecret(this, content);
  }

  static from(): never {
    throw unsupported("crypto.KeyObject.from");
  }

  get symmetricKeySize(): number | undefined {
    return this.type === "secret" ? secretBytes(this).length : undefined;
  }

  get asymmetricKeyType(): string | undefined {
    if (this.type === "secret") return undefined;
    throw unsupported("KeyObject.asymmetricKeyType");
  }

  export(options: { format?: string } = {}): unknown {
    const pem = pems.get(this);
    if (pem === undefined) {
      const bytes = Buffer.from(secretBytes(this));
      return options.format === "jwk" ? { kty: "oct", k: bytes.toString("base64url") } : bytes;
    }
    if (options.format === "pem") return pem;
    if (options.format === "der") return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    throw unsupported(`KeyObject.export as ${String(options.format)}`);
  }

  equals(other: unknown): boolean {
    if (!(other instanceof KeyObject)) throw invalidArgType("otherKeyObject", "KeyObject", other);
    if (this.type !== other.type) return false;
    const [a, b] = [pems.get(this), pems.get(other)];
    return a === undefined ? Buffer.from(secretBytes(this)).equals(Buffer.from(secretBytes(other))) : a === b;
  }
}

export function createSecretKey(key: unknown, encoding?: unknown): KeyObject {
  return new KeyObject("secret", Buffer.from(bytesOf(key, encoding, "key")));
}

/** The PEM text of what a program gives as a key. */
function pemOf(key: unknown): string {
  if (key instanceof KeyObject) {
    const pem = pems.get(key);
    if (pem === undefined) throw nodeError(TypeError, "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE", `Invalid key object type ${key.type}, expected private or public.`);
    return pem;
  }
  const content: unknown = typeof key === "object" && key !== null && "key" in key ? key.key : key;
  if (content instanceof KeyObject) return pemOf(content);
  if (typeof content === "string") return content;
  if (content instanceof Uint8Array) {
    const text = Buffer.from(content).toString("latin1");
    if (text.includes("-----BEGIN")) return text;
    throw unsupported("A key that is not PEM");
  }
  throw invalidArgType("key", ["string", "ArrayBuffer", "Buffer", "TypedArray", "DataView", "KeyObject", "CryptoKey"], key);
}

function pemKey(type: "public" | "private", key: unknown): KeyObject {
  const pem = pemOf(key);
  if (!/-----BEGIN [A-Z ]+-----/.test(pem)) throw Object.assign(new Error("error:1E08010C:DECODER routines::unsupported"), { library: "DECODER routines", reason: "unsupported", code: "ERR_OSSL_UNSUPPORTED" });
  if (type === "public" && pem.includes("PRIVATE KEY")) throw unsupported("crypto.createPublicKey of a private key");
  return new KeyObject(type, pem);
}

export const createPrivateKey = (key: unknown): KeyObject => pemKey("private", key);
export const createPublicKey = (key: unknown): KeyObject => pemKey("public", key);

interface Signer {
  update(data: Uint8Array): unknown;
  sign(key: unknown): Uint8Array;
  verify(key: unknown, signature: Uint8Array): boolean;
}
type Signers = Record<"createSign" | "createVerify", (algorithm: string) => Signer>;

const OTHER_PADDING = ["padding", "saltLength", "dsaEncoding"] as const;

/** The key for the package: PEM, with a passphrase; other paddings than PKCS #1 v1.5 are refused. */
function signingKey(key: unknown): unknown {
  const pem = pemOf(key);
  if (typeof key !== "object" || key === null || key instanceof KeyObject) return pem;
  const options = key as Record<string, unknown>;
  for (const name of OTHER_PADDING) if (options[name] !== undefined && options[name] !== 1) throw unsupported(`The option ${name} of a signature`);
  return options.passphrase === undefined ? pem : { key: pem, passphrase: options.passphrase };
}

function checkedAlgorithm(algorithm: unknown): string {
  validateString(algorithm, "options.algorithm");
  if (digestOf(algorithm) === undefined) throw nodeError(TypeError, "ERR_CRYPTO_INVALID_DIGEST", "Invalid digest");
  return /^rsa-/i.test(algorithm) ? algorithm.toUpperCase() : algorithm.toLowerCase();
}

/** Signs data. */
export class Sign {
  readonly #signer: Signer;

  constructor(algorithm: unknown) {
    this.#signer = vendor<Signers>().createSign(checkedAlgorithm(algorithm));
  }

  update(data: unknown, encoding?: unknown): this {
    this.#signer.update(Buffer.from(bytesOf(data, encoding)));
    return this;
  }

  sign(key: unknown, encoding?: unknown): Uint8Array | string {
    return encoded(this.#signer.sign(signingKey(key)), encoding);
  }
}

/** Verifies signatures. */
export class Verify {
  readonly #signer: Signer;

  constructor(algorithm: unknown) {
    this.#signer = vendor<Signers>().createVerify(checkedAlgorithm(algorithm));
  }

  update(data: unknown, encoding?: unknown): this {
    this.#signer.update(Buffer.from(bytesOf(data, encoding)));
    return this;
  }

  verify(key: unknown, signature: unknown, encoding?: unknown): boolean {
    return this.#signer.verify(signingKey(key), Buffer.from(bytesOf(signature, encoding, "signature")));
  }
}

export function sign(algorithm: unknown, data: unknown, key: unknown, callback?: unknown): Uint8Array | string | undefined {
  if (algorithm === null || algorithm === undefined) throw unsupported("crypto.sign without a digest (Ed25519 and Ed448)");
  const made = new Sign(algorithm).update(data).sign(key);
  return answered(made, callback);
}

export function verify(algorithm: unknown, data: unknown, key: unknown, signature: unknown, ...rest: unknown[]): boolean | undefined {
  if (algorithm === null || algorithm === undefined) throw unsupported("crypto.verify without a digest (Ed25519 and Ed448)");
  return answered(new Verify(algorithm).update(data).verify(key, signature), rest[0]);
}

function answered<T>(value: T, callback: unknown): T | undefined {
  if (callback === undefined) return value;
  validateFunction(callback, "callback");
  queueMicrotask(() => turn(() => void callback(null, value)));
  return undefined;
}

interface PairOptions {
  readonly modulusLength?: number;
  readonly publicExponent?: number;
  readonly namedCurve?: string;
  readonly publicKeyEncoding?: { readonly type: string; readonly format: string };
  readonly privateKeyEncoding?: { readonly type: string; readonly format: string; readonly cipher?: string };
}

const CURVES: Readonly<Record<string, string>> = { "P-256": "P-256", prime256v1: "P-256", "P-384": "P-384", secp384r1: "P-384", "P-521": "P-521", secp521r1: "P-521" };

function generation(type: unknown, options: PairOptions): RsaHashedKeyGenParams | EcKeyGenParams {
  if (type === "rsa") {
    const exponent = options.publicExponent ?? 65537;
    return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: options.modulusLength ?? 2048, publicExponent: Uint8Array.of(exponent >> 16, (exponent >> 8) & 255, exponent & 255) };
  }
  const curve = CURVES[options.namedCurve ?? ""];
  if (type !== "ec" || curve === undefined) throw unsupported(`crypto.generateKeyPair of ${String(type)} ${options.namedCurve ?? ""}`.trimEnd());
  return { name: "ECDSA", namedCurve: curve };
}

function pem(bytes: ArrayBuffer, label: string): string {
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function inForm(text: string, type: "public" | "private", form: { readonly type: string; readonly format: string; readonly cipher?: string } | undefined): unknown {
  const key = new KeyObject(type, text);
  if (form === undefined) return key;
  if (form.type !== (type === "public" ? "spki" : "pkcs8") || form.cipher !== undefined) throw unsupported(`A ${type} key as ${form.type}${form.cipher === undefined ? "" : `, enciphered`}`);
  return key.export(form);
}

/** Make a pair by the browser's WebCrypto, which works only asynchronously. */
export function generateKeyPair(type: unknown, ...rest: unknown[]): void {
  const callback = rest.at(-1);
  validateFunction(callback, "callback");
  const options = (rest.length > 1 ? rest[0] : {}) as PairOptions;
  const how = generation(type, options);
  const hold = handle();
  const back = bound(callback);
  const finish = (...args: unknown[]): void => {
    turn(() => void back(...args));
    hold.close();
  };
  const make = async (): Promise<[unknown, unknown]> => {
    const pair = await webcrypto.subtle.generateKey(how, true, ["sign", "verify"]);
    const open = pem(await webcrypto.subtle.exportKey("spki", pair.publicKey), "PUBLIC KEY");
    const closed = pem(await webcrypto.subtle.exportKey("pkcs8", pair.privateKey), "PRIVATE KEY");
    return [inForm(open, "public", options.publicKeyEncoding), inForm(closed, "private", options.privateKeyEncoding)];
  };
  make().then(([open, closed]) => finish(null, open, closed), (error: unknown) => finish(error));
}
Object.defineProperty(generateKeyPair, Symbol.for("nodejs.util.promisify.custom"), {
  value: (type: unknown, options: unknown) => new Promise((resolve, reject) => {
    generateKeyPair(type, options, ((error: unknown, publicKey: unknown, privateKey: unknown) => (error ? reject(error) : resolve({ publicKey, privateKey }))));
  }),
});

type Crypt = (key: unknown, data: Uint8Array) => Uint8Array;
type Crypts = Record<"publicEncrypt" | "privateDecrypt" | "privateEncrypt" | "publicDecrypt", Crypt>;

/** RSA on one block; the digest of OAEP is SHA-1, as there and as Node's preset. */
export function rsa(name: keyof Crypts): (key: unknown, data: unknown) => Uint8Array {
  return (key, data) => {
    const options = typeof key === "object" && key !== null && !(key instanceof KeyObject) ? (key as Record<string, unknown>) : {};
    if (options.oaepHash !== undefined && options.oaepHash !== "sha1") throw unsupported("The option oaepHash");
    const given = { ...options, key: pemOf(key) };
    return Buffer.from(vendor<Crypts>()[name](given, Buffer.from(bytesOf(data, undefined, "buffer"))));
  };
}
