const crypto = require("crypto");

const key = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const iv = Buffer.alloc(16, 7);
for (const [name, length, ivLength] of [["aes-128-cbc", 16, 16], ["aes-192-cbc", 24, 16], ["aes-256-cbc", 32, 16], ["aes-256-ctr", 32, 16], ["aes-128-ecb", 16, 0], ["aes-256-gcm", 32, 12]]) {
  const used = ivLength ? iv.subarray(0, ivLength) : null;
  const cipher = crypto.createCipheriv(name, key.subarray(0, length), used);
  if (name.endsWith("gcm")) cipher.setAAD(Buffer.from("header"));
  const secret = Buffer.concat([cipher.update("a secret that is longer than one block", "utf8"), cipher.final()]);
  const open = crypto.createDecipheriv(name, key.subarray(0, length), used);
  if (name.endsWith("gcm")) { open.setAAD(Buffer.from("header")); open.setAuthTag(cipher.getAuthTag()); console.log(cipher.getAuthTag().toString("hex")); }
  console.log(name, secret.toString("hex"), open.update(secret, undefined, "utf8") + open.final("utf8"));
}
// FIPS 197, appendix C.1.
const block = crypto.createCipheriv("aes-128-ecb", key.subarray(0, 16), null).setAutoPadding(false);
console.log(block.update("00112233445566778899aabbccddeeff", "hex", "hex") + block.final("hex"));
for (const attempt of [
  () => crypto.createCipheriv("aes-256-cbc", key.subarray(1), iv),
  () => crypto.createCipheriv("nonsense", key, iv),
  () => { const d = crypto.createDecipheriv("aes-256-cbc", key, iv); d.update(Buffer.alloc(16)); d.final(); },
  () => { const d = crypto.createDecipheriv("aes-256-gcm", key, iv.subarray(0, 12)); d.setAuthTag(Buffer.alloc(16)); d.update("x"); d.final(); },
]) {
  try { attempt(); console.log("no error"); } catch (error) { console.log(error.name, error.code ?? "", /Unsupported|bad decrypt|wrong final|authenticate|Invalid|cipher/i.test(error.message)); }
}
console.log(crypto.getCiphers().includes("aes-256-cbc"));
