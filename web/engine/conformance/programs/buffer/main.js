const { Blob, Buffer, File, atob, btoa, constants, isUtf8, transcode } = require("buffer");

for (const encoding of ["utf8", "hex", "base64", "base64url", "latin1", "ascii", "utf16le", "binary"]) {
  const text = encoding === "hex" ? "c3bcff" : encoding.startsWith("base64") ? "w7z_/w==" : "üÿ€x";
  console.log(encoding, Buffer.from(text, encoding), Buffer.from("ü€😀").toString(encoding), Buffer.byteLength(text, encoding));
}
const buffer = Buffer.alloc(32);
console.log(buffer.writeUInt8(255), buffer.writeInt16BE(-2, 1), buffer.writeUInt32LE(0xdeadbeef, 3), buffer.writeDoubleBE(1.5, 7), buffer.writeBigInt64LE(-5n, 15), buffer.writeUIntBE(0x123456, 23, 3), buffer.write("hé", 26));
console.log(buffer);
console.log(buffer.readUInt8(0), buffer.readInt16BE(1), buffer.readUInt32LE(3), buffer.readDoubleBE(7), buffer.readBigInt64LE(15), buffer.readUIntBE(23, 3), buffer.readFloatLE(0), buffer.readIntLE(3, 6));
for (const attempt of [() => buffer.readUInt32BE(30), () => buffer.writeUInt8(256), () => Buffer.from(5), () => Buffer.alloc(-1), () => Buffer.from("x", "nonsense"), () => buffer.readUInt8("0")]) {
  try { attempt(); } catch (error) { console.log(error.name, error.code, error.message); }
}
console.log(Buffer.concat([Buffer.from("ab"), Buffer.from("cd")], 3).toString(), Buffer.compare(Buffer.from("a"), Buffer.from("b")), Buffer.from("a").equals(Buffer.from("a")));
const text = Buffer.from("this is a test of a buffer");
console.log(text.indexOf("is"), text.lastIndexOf("is"), text.includes("test"), text.indexOf(Buffer.from("a"), -8), text.indexOf(102), text.subarray(5, 7).toString(), text.slice(-6).toString());
console.log(Buffer.alloc(5, "ab").toString(), Buffer.from("abc").fill("x", 1).toString(), Buffer.from([1, 2, 3, 4]).swap16(), Buffer.from("1234").reverse().toString(), [...Buffer.from("ab").entries()]);
console.log(JSON.stringify(Buffer.from("hi")), Buffer.from(JSON.parse(JSON.stringify(Buffer.from("hi")))), Buffer.isBuffer(new Uint8Array(1)), Buffer.isEncoding("UTF-8"), Buffer.poolSize, constants.MAX_LENGTH > 2 ** 30);
const shared = new Uint8Array([1, 2, 3]);
const view = Buffer.from(shared.buffer, 1, 2);
shared[1] = 9;
console.log(view, Buffer.from(shared) instanceof Uint8Array, Buffer.from("x").parent instanceof ArrayBuffer, text.copy(buffer, 0, 0, 4), buffer.toString("utf8", 0, 4));
console.log(Buffer.from([0xe2, 0x82]).toString(), Buffer.from("abc", "hex"), Buffer.from("4é", "ascii"), Buffer.of(1, 2), isUtf8(Buffer.from([255])), transcode(Buffer.from("€"), "utf8", "latin1"), atob(btoa("x")));
(async () => {
  const blob = new Blob(["ab", Buffer.from("cd")], { type: "text/plain" });
  console.log(blob.size, blob.type, await blob.slice(1, 3).text(), Buffer.from(await blob.arrayBuffer()), new File(["x"], "n.txt").name);
  console.log(blob, Buffer.alloc(60));
})();
