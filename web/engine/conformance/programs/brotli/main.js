const zlib = require("zlib");

const text = "the quick brown fox jumps over the lazy dog. ".repeat(50);
const packed = zlib.brotliCompressSync(text);
console.log(packed.length < 200, zlib.brotliDecompressSync(packed).toString() === text);
console.log(zlib.brotliDecompressSync(Buffer.from("CwWAaGVsbG8gd29ybGQD", "base64")).toString());
zlib.brotliCompress("x", (error, packed) => zlib.brotliDecompress(packed, (error, text) => console.log(error, text.toString())));
try { zlib.brotliDecompressSync("broken"); } catch (error) { console.log(error.name); }
