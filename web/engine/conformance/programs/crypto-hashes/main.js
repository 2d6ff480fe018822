const assert = require("assert");
const crypto = require("crypto");

// RFC 1321, RFC 3174, FIPS 180-4, RFC 2202, RFC 4231, ISO/IEC 10118-3.
const vectors = {
  md5: ["d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"],
  sha1: ["da39a3ee5e6b4b0d3255bfef95601890afd80709", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  sha224: ["d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"],
  sha256: ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  sha384: ["38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"],
  sha512: ["cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"],
  ripemd160: ["9c1185a5c5e9fc54612808977ee8f548b2258d31", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"],
};
for (const [name, [empty, abc]] of Object.entries(vectors)) {
  const own = crypto.createHash(name).update("").digest("hex");
  const got = crypto.createHash(name).update("a").update(Buffer.from("bc")).digest("hex");
  assert.strictEqual(own, empty);
  assert.strictEqual(got, abc);
  console.log(name, got);
}
console.log(crypto.createHash("sha256").update("a".repeat(1_000_000)).digest("hex"));
console.log(crypto.createHash("SHA512-256").update("abc").digest("hex"), crypto.createHash("sha3-256").update("abc").digest("hex"));
console.log(crypto.createHash("sha256").update("ü").digest("base64"), crypto.createHash("sha1").update("c3bc", "hex").digest("base64url"), crypto.createHash("md5").update("x").digest());
const hmac = (name, key, data) => crypto.createHmac(name, key).update(data).digest("hex");
assert.strictEqual(hmac("md5", Buffer.alloc(16, 11), "Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
assert.strictEqual(hmac("sha256", "Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
console.log(hmac("sha1", "key", "data"), hmac("sha512", Buffer.alloc(200, 0xaa), "long key"), hmac("sha256", "", ""));
const copied = crypto.createHash("sha256").update("a");
console.log(copied.copy().update("b").digest("hex"), copied.digest("hex"));
for (const attempt of [() => copied.update("x"), () => copied.digest(), () => crypto.createHash("nonsense"), () => crypto.createHmac("sha256"), () => crypto.createHash("sha256").update(5)]) {
  try { attempt(); console.log("no error"); } catch (error) { console.log(error.name, error.code, error.message); }
}
console.log(["md5", "sha1", "sha256", "sha512"].every((name) => crypto.getHashes().includes(name)), crypto.timingSafeEqual(Buffer.from("a"), Buffer.from("a")));
const stream = crypto.createHash("sha1");
stream.on("readable", () => { const digest = stream.read(); if (digest) console.log("streamed", digest.toString("hex")); });
stream.write("abc");
stream.end();
