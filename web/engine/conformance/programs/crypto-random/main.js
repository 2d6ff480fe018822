const crypto = require("crypto");

const first = crypto.randomBytes(32), second = crypto.randomBytes(32);
console.log(first.length, Buffer.isBuffer(first), first.equals(second), new Set(crypto.randomBytes(10_000)).size > 250);
console.log(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
const seen = new Set(Array.from({ length: 500 }, () => crypto.randomInt(3, 7)));
console.log([...seen].sort(), crypto.randomInt(1));
console.log(crypto.randomFillSync(Buffer.alloc(8)).equals(Buffer.alloc(8)), crypto.getRandomValues(new Uint32Array(4)).length, globalThis.crypto.randomUUID().length);
console.log(crypto.randomBytes(100_000).length);
crypto.randomBytes(4, (error, bytes) => {
  console.log("callback", error, bytes.length);
  // After it: Node makes the bytes on another thread, so that the order of two that do not wait is left open.
  crypto.randomInt(10, (error, n) => setImmediate(() => console.log("integer", error, n >= 0 && n < 10)));
});
try { crypto.randomBytes(-1); } catch (error) { console.log(error.name, error.code); }
