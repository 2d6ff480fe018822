/** Keys: secret ones; public and private ones of RSA and of curves as PEM text, for `crypto-browserify`. */

import { Buffer } from "../buffer.ts";
import { invalidArgType, invalidArgValue, nodeError, unsupported } from "../errors.ts";
import { bytesOf, digestOf, encoded, keepSecret, nameOf, secretBytes } from "./hashes.ts";
import { webcrypto } from "./random.ts";
import { vendor } from "./vendor.ts";
import { validateFunction, validateObject, validateString, validateUint32 } from "../validate.ts";
import { bound } from "../../async/context.ts";
import { handle, turn } from "../../loop.ts";

const pems = new WeakMap<object, string>();

/** Forms of keys by the labels of their PEM texts. */
const FORMS: Readonly<Record<string, string>> = { "PUBLIC KEY": "spki", "PRIVATE KEY": "pkcs8", "RSA PUBLIC KEY": "pkcs1", "RSA PRIVATE KEY": "pkcs1", "EC PRIVATE KEY": "sec1" };
/** Object identifiers of algorithms, with tag and length. */
const KINDS: Readonly<Record<string, string>> = {
  "06092a864886f70d010101": "rsa", "06092a864886f70d01010a": "rsa-pss", "06072a8648ce3d0201": "ec", "06072a8648ce380401": "dsa",
  "06032b6570": "ed25519", "06032b6571": "ed448", "06032b656e": "x25519", "06032b656f": "x448",
};

const openssl = (text: string, library: string, code: string): Error => Object.assign(new Error(text), { library, reason: text.slice(text.lastIndexOf(":") + 1), code });

const labelOf = (pem: string): string => /-----BEGIN ((?:[A-Z0-9]+ )*(?:KEY|CERTIFICATE))-----/.exec(pem)?.[1] ?? "";
const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");

/** The algorithm of a key, in Node's words. Throws for a text that is no key, and for enciphered ones. */
function kindOf(pem: string): string {
  const label = labelOf(pem);
  if (label === "") throw openssl("error:1E08010C:DECODER routines::unsupported", "DECODER routines", "ERR_OSSL_UNSUPPORTED");
  if (label.startsWith("ENCRYPTED") || pem.includes("Proc-Type:")) throw unsupported("An enciphered private key");
  if (label.startsWith("RSA")) return "rsa";
  if (label.startsWith("EC")) return "ec";
  // In keys the algorithm comes first; in certificates somewhere.
  const hex = derOf(pem).toString("hex").slice(0, label === "CERTIFICATE" ? undefined : 100);
  const [, kind] = Object.entries(KINDS).find(([oid]) => hex.includes(oid)) ?? [];
  if (kind === undefined) throw unsupported("A key of this algorithm");
  return kind;
}

const KIND_NAMES = { secret: "SecretKeyObject", public: "PublicKeyObject", private: "PrivateKeyObject" } as const;

/** A key. It is made by `createSecretKey`, `createPublicKey` and `createPrivateKey`. */
export class KeyObject {
  readonly #type: "secret" | "public" | "private";

  constructor(type: "secret" | "public" | "private", content: Uint8Array | string) {
    this.#type = type;
    if (typeof content === "string") pems.set(this, content);
    else keepSecret(this, content);
  }

  static from(): never {
    throw unsupported("crypto.KeyObject.from");
  }

  get type(): "secret" | "public" | "private" {
    return this.#type;
  }

  /** Printed as Node's: nothing of the key itself. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `${KIND_NAMES[this.#type]} [KeyObject] { [Symbol(kKeyType)]: '${this.#type}' }`;
  }

  get symmetricKeySize(): number | undefined {
    return this.type === "secret" ? secretBytes(this).length : undefined;
  }

  get asymmetricKeyType(): string | undefined {
    const pem = pems.get(this);
    return pem === undefined ? undefined : kindOf(pem);
  }

  get asymmetricKeyDetails(): undefined {
    if (this.type === "secret") return undefined;
    throw unsupported("KeyObject.asymmetricKeyDetails");
  }

  export(options?: { format?: string; type?: string; cipher?: string }): unknown {
    const pem = pems.get(this);
    if (pem === undefined) {
      const bytes = Buffer.from(secretBytes(this));
      return options?.format === "jwk" ? { kty: "oct", k: bytes.toString("base64url") } : bytes;
    }
    validateObject(options, "options");
    const { format, type, cipher } = options;
    if (format !== "pem" && format !== "der") throw unsupported(`KeyObject.export as ${String(format)}`);
    if (type === undefined) throw invalidArgValue("options.type", type);
    const form = FORMS[labelOf(pem)] ?? "another form";
    if (type !== form || pem.indexOf("-----BEGIN") !== pem.lastIndexOf("-----BEGIN")) throw unsupported(`KeyObject.export as ${String(type)} of a key that came as ${form}`);
    if (cipher !== undefined) throw unsupported("KeyObject.export with a cipher");
    return format === "pem" ? pem : derOf(pem);
  }

  equals(other: unknown): boolean {
    if (!(other instanceof KeyObject)) throw invalidArgType("otherKeyObject", "KeyObject", other);
    if (this.type !== other.type) return false;
    const [a, b] = [pems.get(this), pems.get(other)];
    return a === undefined ? Buffer.from(secretBytes(this)).equals(Buffer.from(secretBytes(other))) : a === b;
  }
}

export function createSecretKey(key: unknown, encoding?: unknown): KeyObject {
  if (typeof key !== "string" && !ArrayBuffer.isView(key)) throw invalidArgType("key", ["ArrayBuffer", "Buffer", "TypedArray", "DataView"], key);
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
  if ((key as { format?: unknown } | null | undefined)?.format === "jwk") throw unsupported("A key as JWK");
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
  kindOf(pem);
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

const SHA2 = { sha224: "sha224", sha256: "sha256", sha384: "sha384", sha512: "sha512" };
/** The package's names of signatures, by the kind of the key and by the digest. */
const SIGNATURES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rsa: { ...SHA2, sha1: "RSA-SHA1", md5: "RSA-MD5", ripemd160: "RSA-RIPEMD160" },
  ec: { ...SHA2, sha1: "ecdsa-with-SHA1" },
};

/** The key for the package, as PEM; other paddings than PKCS #1 v1.5 are refused. */
function signingKey(key: unknown): string {
  const pem = pemOf(key);
  if (typeof key !== "object" || key === null || key instanceof KeyObject) return pem;
  const options = key as Record<string, unknown>;
  for (const name of OTHER_PADDING) if (options[name] !== undefined && options[name] !== 1) throw unsupported(`The option ${name} of a signature`);
  return pem;
}

function checkedAlgorithm(algorithm: unknown): string {
  validateString(algorithm, "options.algorithm");
  if (digestOf(algorithm) === undefined) throw nodeError(TypeError, "ERR_CRYPTO_INVALID_DIGEST", "Invalid digest");
  return nameOf(algorithm);
}

/** The package's signer for a key, which has taken the data. */
function signer(make: keyof Signers, digest: string, pem: string, data: Uint8Array): Signer {
  const kind = kindOf(pem);
  const name = SIGNATURES[kind]?.[digest];
  if (name === undefined) throw unsupported(`A signature by ${digest} with a key of ${kind}`);
  const made = vendor<Signers>()[make](name);
  made.update(data);
  return made;
}

/** Signs data. */
export class Sign {
  readonly #digest: string;
  readonly #parts: Uint8Array[] = [];

  constructor(algorithm: unknown) {
    this.#digest = checkedAlgorithm(algorithm);
  }

  update(data: unknown, encoding?: unknown): this {
    this.#parts.push(Buffer.from(bytesOf(data, encoding)));
    return this;
  }

  sign(key: unknown, encoding?: unknown): Uint8Array | string {
    const pem = signingKey(key);
    if (!labelOf(pem).endsWith("PRIVATE KEY")) throw openssl("error:1E08010C:DECODER routines::unsupported", "DECODER routines", "ERR_OSSL_UNSUPPORTED");
    return encoded(signer("createSign", this.#digest, pem, Buffer.concat(this.#parts)).sign(pem), encoding);
  }
}

/** Verifies signatures. */
export class Verify {
  readonly #digest: string;
  readonly #parts: Uint8Array[] = [];

  constructor(algorithm: unknown) {
    this.#digest = checkedAlgorithm(algorithm);
  }

  update(data: unknown, encoding?: unknown): this {
    this.#parts.push(Buffer.from(bytesOf(data, encoding)));
    return this;
  }

  verify(key: unknown, signature: unknown, encoding?: unknown): boolean {
    const pem = signingKey(key);
    const bytes = Buffer.from(bytesOf(signature, encoding, "signature"));
    try {
      return signer("createVerify", this.#digest, pem, Buffer.concat(this.#parts)).verify(pem, bytes);
    } catch (error) {
      // Bytes that are no signature of a curve at all.
      if (error instanceof Error && error.message === "Signature without r or s") return false;
      throw error;
    }
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
    validateUint32(options.modulusLength, "options.modulusLength");
    const exponent = options.publicExponent ?? 65537;
    return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: options.modulusLength, publicExponent: Uint8Array.of(exponent >> 16, (exponent >> 8) & 255, exponent & 255) };
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

/** Errors of the package as OpenSSL words them. */
function rsaError(error: unknown): unknown {
  const text = error instanceof Error ? error.message : "";
  if (/too long/.test(text)) return openssl("error:0200006E:rsa routines::data too large for key size", "rsa routines", "ERR_OSSL_RSA_DATA_TOO_LARGE_FOR_KEY_SIZE");
  if (text === "decryption error") return openssl("error:02000079:rsa routines::oaep decoding error", "rsa routines", "ERR_OSSL_RSA_OAEP_DECODING_ERROR");
  return error;
}

function checkRsa(name: keyof Crypts, options: Readonly<Record<string, unknown>>, pem: string): void {
  if (options.oaepHash !== undefined && options.oaepHash !== "sha1") throw unsupported("The option oaepHash");
  if (options.oaepLabel !== undefined) throw unsupported("The option oaepLabel");
  if (name === "privateDecrypt" && options.padding === 1) {
    throw nodeError(TypeError, "ERR_INVALID_ARG_VALUE", "RSA_PKCS1_PADDING is no longer supported for private decryption, this can be reverted with --security-revert=CVE-2023-46809");
  }
  const kind = kindOf(pem);
  if (kind !== "rsa") throw unsupported(`crypto.${name} with a key of ${kind}`);
}

/** RSA on one block; the digest of OAEP is SHA-1, as there and as Node's preset. */
export function rsa(name: keyof Crypts): (key: unknown, data: unknown) => Uint8Array {
  return (key, data) => {
    const options = typeof key === "object" && key !== null && !(key instanceof KeyObject) ? (key as Record<string, unknown>) : {};
    const pem = pemOf(key);
    checkRsa(name, options, pem);
    const bytes = Buffer.from(bytesOf(data, undefined, "buffer"));
    try {
      return Buffer.from(vendor<Crypts>()[name]({ ...options, key: pem }, bytes));
    } catch (error) {
      throw rsaError(error);
    }
  };
}
