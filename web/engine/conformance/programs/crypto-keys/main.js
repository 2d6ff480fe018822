const crypto = require("crypto");

// RFC 6070, RFC 7914, RFC 5869.
console.log(crypto.pbkdf2Sync("password", "salt", 1, 20, "sha1").toString("hex"));
console.log(crypto.pbkdf2Sync("passwd", "salt", 1, 64, "sha256").toString("hex"));
console.log(crypto.pbkdf2Sync("p", Buffer.from("s"), 1000, 32, "sha512").toString("base64"));
console.log(crypto.scryptSync("", "", 64, { N: 16, r: 1, p: 1 }).toString("hex"));
console.log(crypto.scryptSync("password", "NaCl", 64, { N: 1024, r: 8, p: 16 }).toString("hex"));
console.log(Buffer.from(crypto.hkdfSync("sha256", Buffer.alloc(22, 0x0b), Buffer.from("000102030405060708090a0b0c", "hex"), Buffer.from("f0f1f2f3f4f5f6f7f8f9", "hex"), 42)).toString("hex"));
crypto.pbkdf2("a", "b", 5, 8, "sha256", (error, key) => {
  console.log("pbkdf2", error, key);
  crypto.scrypt("a", "b", 8, (error, key) => console.log("scrypt", error, key));
});
for (const attempt of [() => crypto.pbkdf2Sync("a", "b", 0, 8, "sha1"), () => crypto.pbkdf2Sync("a", "b", 1, 8, "nonsense"), () => crypto.scryptSync("a", "b", 8, { N: 3 })]) {
  try { attempt(); } catch (error) { console.log(error.name, error.code, error.message); }
}
