import node from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { crypto } from "../../src/process/modules/crypto/index.ts";
import { same } from "./same.ts";

// The modules are written for a Worker.
vi.hoisted(() => Object.assign(globalThis, { postMessage: () => undefined }));
// On Node the package would hand on to Node's own module: take what a browser gets.
vi.mock("../../src/process/modules/crypto/vendor.ts", async () => {
  const { buildSync } = await import("esbuild");
  const folder = mkdtempSync(join(tmpdir(), "crypto-"));
  const outfile = join(folder, "crypto.cjs");
  const alias = { buffer: "buffer/", stream: "readable-stream/lib/stream.js", util: "util/", assert: "assert/", string_decoder: "string_decoder/" };
  buildSync({ stdin: { contents: 'module.exports = require("crypto-browserify")', resolveDir: import.meta.dirname }, outfile, bundle: true, platform: "browser", format: "cjs", alias, define: { global: "globalThis" } });
  const found = createRequire(import.meta.url)(outfile) as object;
  rmSync(folder, { recursive: true });
  return { vendor: () => found };
});

const ours = crypto as unknown as typeof node;
const both = (body: (c: typeof node) => unknown): void => same(() => body(ours), () => body(node));
const REFUSED = expect.objectContaining({ code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM" }) as Error;
const refused = (body: () => unknown): void => expect(body).toThrow(REFUSED);

const PEM = { publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } } as const;
interface Pair {
  readonly publicKey: string;
  readonly privateKey: string;
}
const rsa = node.generateKeyPairSync("rsa", { modulusLength: 1024, ...PEM }) as unknown as Pair;
const ec = node.generateKeyPairSync("ec", { namedCurve: "prime256v1", ...PEM }) as unknown as Pair;
const ed = node.generateKeyPairSync("ed25519", PEM) as unknown as Pair;
const old = node.createPrivateKey(rsa.privateKey).export({ type: "pkcs1", format: "pem" }) as string;
const data = Buffer.from("hello");

describe("signatures", () => {
  it.each(["sha1", "RSA-SHA1", "md5", "sha224", "SHA256", "RSA-SHA256", "sha384", "sha512", "ripemd160"])("of RSA by %s are Node's", (name) => {
    both((c) => c.createSign(name).update(data).sign(rsa.privateKey, "hex"));
    both((c) => c.sign(name, data, old).toString("hex"));
    both((c) => c.verify(name, data, rsa.publicKey, node.sign(name, data, rsa.privateKey)));
  });

  it.each(["sha1", "sha224", "sha256", "sha384", "sha512"])("of curves by %s are Node's to verify, and the other way", (name) => {
    expect(node.verify(name, data, ec.publicKey, ours.sign(name, data, ec.privateKey))).toBe(true);
    expect(ours.verify(name, data, ec.publicKey, node.sign(name, data, ec.privateKey))).toBe(true);
    expect(ours.verify(name, Buffer.from("x"), ec.publicKey, node.sign(name, data, ec.privateKey))).toBe(false);
  });

  it("are not of what is none", () => {
    both((c) => c.verify("sha256", data, rsa.publicKey, Buffer.alloc(128)));
    both((c) => c.verify("sha256", data, ec.publicKey, Buffer.alloc(64)));
    both((c) => c.sign("sha256", data, "no key"));
    both((c) => c.sign("sha256", data, rsa.publicKey));
    both((c) => c.createSign("nonsense"));
  });

  it("are refused by name where they would be wrong", () => {
    refused(() => ours.sign(null, data, ed.privateKey));
    refused(() => ours.sign("sha256", data, ed.privateKey));
    refused(() => ours.sign("sha3-256", data, rsa.privateKey));
    refused(() => ours.sign("sha256", data, { key: rsa.privateKey, padding: node.constants.RSA_PKCS1_PSS_PADDING }));
    refused(() => ours.sign("sha256", data, { key: ec.privateKey, dsaEncoding: "ieee-p1363" }));
  });
});

describe("keys", () => {
  it("tell their kind and come out as they came in", () => {
    for (const key of [rsa, ec, ed]) {
      both((c) => c.createPrivateKey(key.privateKey).asymmetricKeyType);
      both((c) => c.createPublicKey(key.publicKey).asymmetricKeyType);
      both((c) => c.createPublicKey(key.publicKey).export({ type: "spki", format: "pem" }));
      both((c) => c.createPrivateKey(key.privateKey).export({ type: "pkcs8", format: "der" }).toString("hex"));
    }
    both((c) => c.createPrivateKey("nothing"));
    both((c) => c.createSecretKey(data).export().toString("hex"));
  });

  it("are never given in another form than is asked for", () => {
    refused(() => ours.createPrivateKey(rsa.privateKey).export({ type: "pkcs1", format: "pem" }));
    refused(() => ours.createPrivateKey(old).export({ type: "pkcs8", format: "pem" }));
    refused(() => ours.createPrivateKey(node.createPrivateKey(rsa.privateKey).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "p" })));
    refused(() => ours.createPublicKey({ key: { kty: "RSA", n: "AQAB", e: "AQAB" }, format: "jwk" }));
  });
});

describe("RSA", () => {
  it("opens what Node seals, and the other way", () => {
    expect(ours.privateDecrypt(rsa.privateKey, node.publicEncrypt(rsa.publicKey, data)).toString()).toBe("hello");
    expect(node.privateDecrypt(rsa.privateKey, ours.publicEncrypt(rsa.publicKey, data)).toString()).toBe("hello");
    both((c) => c.privateEncrypt(rsa.privateKey, data).toString("hex"));
    both((c) => c.publicDecrypt(rsa.publicKey, node.privateEncrypt(rsa.privateKey, data)).toString());
  });

  it("fails as Node does, and takes no option for another", () => {
    both((c) => c.publicEncrypt(rsa.publicKey, Buffer.alloc(500)));
    both((c) => c.privateDecrypt(rsa.privateKey, Buffer.alloc(128, 1)));
    both((c) => c.privateDecrypt({ key: rsa.privateKey, padding: node.constants.RSA_PKCS1_PADDING }, Buffer.alloc(128)));
    const labelled = node.publicEncrypt({ key: rsa.publicKey, oaepLabel: Buffer.from("a") }, data);
    refused(() => ours.privateDecrypt({ key: rsa.privateKey, oaepLabel: Buffer.from("b") }, labelled));
    refused(() => ours.publicEncrypt({ key: rsa.publicKey, oaepHash: "sha256" }, data));
    refused(() => ours.publicEncrypt(ec.publicKey, data));
  });
});

describe("ciphers", () => {
  const key = Buffer.alloc(16, 3);
  const iv = Buffer.alloc(12, 7);

  it.each(["128", "192", "256"].flatMap((bits) => ["cbc", "ctr", "ecb", "cfb", "cfb8", "ofb", "gcm"].map((mode) => `aes-${bits}-${mode}`)))("%s", (name) => {
    const secret = Buffer.alloc(Number(name.slice(4, 7)) / 8, 5);
    const start = name.endsWith("ecb") ? null : Buffer.alloc(name.endsWith("gcm") ? 12 : 16, 255);
    both((c) => {
      const cipher = c.createCipheriv(name, secret, start);
      return [1, 20, 0, 37].map((length) => cipher.update(Buffer.alloc(length, 9), undefined, "hex")).join("") + cipher.final("hex");
    });
    both((c) => c.getCipherInfo(name));
  });

  it("say what is wrong as Node does", () => {
    const gcm = (c: typeof node): node.DecipherGCM => c.createDecipheriv("aes-128-gcm", key, iv);
    both((c) => gcm(c).setAuthTag(Buffer.alloc(3)));
    both((c) => c.createCipheriv("aes-128-gcm", key, iv).getAuthTag());
    both((c) => c.createDecipheriv("aes-128-cbc", key, Buffer.alloc(16)).update(Buffer.alloc(5), undefined, "hex"));
    both((c) => {
      const open = c.createDecipheriv("aes-128-cbc", key, Buffer.alloc(16));
      open.update(Buffer.alloc(5));
      return open.final("hex");
    });
    both((c) => {
      const cipher = c.createCipheriv("aes-128-cbc", key, Buffer.alloc(16));
      cipher.final();
      return cipher.final("hex");
    });
    refused(() => gcm(ours).setAuthTag(Buffer.alloc(8)));
    refused(() => ours.createCipheriv("aes-128-gcm", key, iv, { authTagLength: 8 }));
    refused(() => ours.createCipheriv("aes-128-gcm", key, Buffer.alloc(16)));
  });
});

describe("key exchange", () => {
  it("by published groups gives both sides the same secret", () => {
    const [a, b] = [ours.getDiffieHellman("modp5"), node.getDiffieHellman("modp5")];
    a.generateKeys();
    b.generateKeys();
    expect(a.computeSecret(b.getPublicKey()).toString("hex")).toBe(b.computeSecret(a.getPublicKey()).toString("hex"));
    both((c) => [c.getDiffieHellman("modp14").getPrime("hex"), c.getDiffieHellman("modp14").verifyError]);
    both((c) => c.getDiffieHellman("modp99"));
  });

  it("by curves and by own primes is refused", () => {
    refused(() => ours.createECDH("secp256k1"));
    refused(() => ours.createDiffieHellman(Buffer.from("17", "hex"), 5));
  });
});
