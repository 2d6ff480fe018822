/** `crypto`: what the kept packages do rightly; everything else is refused by name. */

import { nodeError, refusal } from "../errors.ts";
import { validateString } from "../validate.ts";
import { createCipheriv, createDecipheriv, getCipherInfo, getCiphers } from "./ciphers.ts";
import { constants } from "./constants.ts";
import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from "./derive.ts";
import { getHashes, Hash, hash, Hmac } from "./hashes.ts";
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPair, KeyObject, rsa, Sign, sign, Verify, verify } from "./keys.ts";
import { vendor } from "./vendor.ts";
import { randomBytes, randomFill, randomFillSync, randomInt, randomUUID, timingSafeEqual, webcrypto } from "./random.ts";

const no = (name: string, why = ""): unknown => refusal(`crypto.${name}`, why);
const DERIVE = "crypto.subtle.deriveBits does it";

/** One of the groups with a published prime; of those nothing is wrong. Own primes are refused: the package cannot check them. */
function getDiffieHellman(name: unknown): object {
  validateString(name, "name");
  if (!/^modp(1|2|5|14|15|16|17|18)$/i.test(name)) throw nodeError(Error, "ERR_CRYPTO_UNKNOWN_DH_GROUP", "Unknown DH group");
  const made = vendor<{ getDiffieHellman(name: string): object }>().getDiffieHellman(name.toLowerCase());
  return Object.defineProperty(made, "verifyError", { value: 0, enumerable: true, configurable: true });
}
const SYNC = "the browser makes keys only asynchronously: use generateKeyPair";

const functions: Record<string, unknown> = {
  createCipheriv, createDecipheriv,
  createDiffieHellman: no("createDiffieHellman", "getDiffieHellman gives the published groups"), createDiffieHellmanGroup: getDiffieHellman, createECDH: no("createECDH", DERIVE),
  createHash: (algorithm: unknown, options?: unknown) => new Hash(algorithm, options),
  createHmac: (algorithm: unknown, key: unknown, options?: unknown) => new Hmac(algorithm, key, options),
  createPrivateKey, createPublicKey, createSecretKey,
  createSign: (algorithm: unknown) => new Sign(algorithm),
  createVerify: (algorithm: unknown) => new Verify(algorithm),
  getCiphers, getCipherInfo, getCurves: () => ["prime256v1", "secp224r1", "secp256k1", "secp384r1", "secp521r1"],
  getDiffieHellman, getHashes, hkdf, hkdfSync, pbkdf2, pbkdf2Sync, generateKeyPair,
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
