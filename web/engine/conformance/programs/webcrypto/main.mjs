import { webcrypto } from "node:crypto";

const { subtle } = webcrypto;
const hex = (bytes) => Buffer.from(bytes).toString("hex");
console.log(hex(await subtle.digest("SHA-256", new TextEncoder().encode("abc"))), globalThis.crypto.subtle === subtle);
const key = await subtle.importKey("raw", Buffer.from("Jefe"), { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"]);
const mac = await subtle.sign("HMAC", key, Buffer.from("what do ya want for nothing?"));
console.log(hex(mac), await subtle.verify("HMAC", key, mac, Buffer.from("no")), key.type, key.algorithm.name);
const aes = await subtle.importKey("raw", Buffer.alloc(16, 1), "AES-GCM", false, ["encrypt", "decrypt"]);
const iv = Buffer.alloc(12, 2);
const secret = await subtle.encrypt({ name: "AES-GCM", iv }, aes, Buffer.from("hidden"));
console.log(hex(secret), Buffer.from(await subtle.decrypt({ name: "AES-GCM", iv }, aes, secret)).toString());
const pair = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
const signed = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, Buffer.from("m"));
console.log(signed.byteLength, await subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signed, Buffer.from("m")), (await subtle.exportKey("jwk", pair.publicKey)).crv);
const derived = await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt: Buffer.from("salt"), iterations: 1 }, await subtle.importKey("raw", Buffer.from("passwd"), "PBKDF2", false, ["deriveBits"]), 512);
console.log(hex(derived));
await subtle.exportKey("raw", aes).catch((error) => console.log(error.name));
