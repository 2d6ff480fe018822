/** `crypto`: what the kept packages do rightly; everything else is refused by name. */

import { refusal } from "../errors.ts";
import { createCipheriv, createDecipheriv, getCipherInfo, getCiphers } from "./ciphers.ts";
import { constants } from "./constants.ts";
import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from "./derive.ts";
import { getHashes, Hash, hash, Hmac } from "./hashes.ts";
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPair, KeyObject, rsa, Sign, sign, Verify, verify } from "./keys.ts";
import { vendor } from "./vendor.ts";
import { randomBytes, randomFill, randomFillSync, randomInt, randomUUID, timingSafeEqual, webcrypto } from "./random.ts";

const no = (name: string, why = ""): unknown => refusal(`crypto.${name}`, why);
type Exchange = Record<"createECDH" | "createDiffieHellman" | "getDiffieHellman", (...args: unknown[]) => unknown>;
const exchange = (name: keyof Exchange) => (...args: unknown[]): unknown => vendor<Exchange>()[name](...args);
const SYNC = "the browser makes keys only asynchronously: use generateKeyPair";

const functions: Record<string, unknown> = {
  createCipheriv, createDecipheriv,
  createDiffieHellman: exchange("createDiffieHellman"), createDiffieHellmanGroup: exchange("getDiffieHellman"), createECDH: exchange("createECDH"),
  createHash: (algorithm: unknown, options?: unknown) => new Hash(algorithm, options),
  createHmac: (algorithm: unknown, key: unknown, options?: unknown) => new Hmac(algorithm, key, options),
  createPrivateKey, createPublicKey, createSecretKey,
  createSign: (algorithm: unknown) => new Sign(algorithm),
  createVerify: (algorithm: unknown) => new Verify(algorithm),
  getCiphers, getCipherInfo, getCurves: () => ["prime256v1", "secp224r1", "secp256k1", "secp384r1", "secp521r1"],
  getDiffieHellman: exchange("getDiffieHellman"), getHashes, hkdf, hkdfSync, pbkdf2, pbkdf2Sync, generateKeyPair,
  generateKeyPairSync: no("generateKeyPairSync", SYNC),
  privateDecrypt: rsa("privateDecrypt"), privateEncrypt: rsa("privateEncrypt"), publicDecrypt: rsa("publicDecrypt"), publicEncrypt: rsa("publicEncrypt"),
  randomBytes, randomFill, randomFillSync, randomInt, randomUUID, scrypt, scryptSync, sign, timingSafeEqual, verify, hash,
  getFips: () => 0, Hash, Hmac, KeyObject, Sign, Verify,
  secureHeapUsed: () => ({ total: 0, used: 0, utilization: 0, min: 0 }),
  constants, webcrypto, subtle: webcrypto.subtle,
  getRandomValues: (array: Uint8Array<ArrayBuffer>) => webcrypto.getRandomValues(array),
};

const ORDER = (
  "checkPrime checkPrimeSync createCipheriv createDecipheriv createDiffieHellman createDiffieHellmanGroup createECDH createHash createHmac "
  + "createPrivateKey createPublicKey createSecretKey createSign createVerify diffieHellman generatePrime generatePrimeSync getCiphers getCipherInfo "
  + "getCurves getDiffieHellman getHashes hkdf hkdfSync pbkdf2 pbkdf2Sync generateKeyPair generateKeyPairSync generateKey generateKeySync "
  + "privateDecrypt privateEncrypt publicDecrypt publicEncrypt randomBytes randomFill randomFillSync randomInt randomUUID scrypt scryptSync sign "
  + "setEngine timingSafeEqual getFips setFips verify hash Certificate Cipher Cipheriv Decipher Decipheriv DiffieHellman DiffieHellmanGroup ECDH "
  + "Hash Hmac KeyObject Sign Verify X509Certificate secureHeapUsed constants webcrypto subtle getRandomValues"
).split(" ");

/** The module, with the keys of Node's in its order. */
export const crypto: Record<string, unknown> = Object.fromEntries(ORDER.map((name) => [name, functions[name] ?? no(name)]));
