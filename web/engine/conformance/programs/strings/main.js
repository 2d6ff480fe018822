const { StringDecoder } = require("string_decoder");
const querystring = require("querystring");

const bytes = Buffer.from("a€😀ü");
for (const encoding of ["utf8", "utf16le", "base64", "hex", "latin1"]) {
  const decoder = new StringDecoder(encoding);
  const parts = [];
  for (const byte of bytes) parts.push(decoder.write(Buffer.from([byte])));
  parts.push(decoder.end());
  console.log(encoding, JSON.stringify(parts));
}
const decoder = new StringDecoder("utf8");
console.log(JSON.stringify(decoder.write(Buffer.from([0xe2, 0x82]))), JSON.stringify(decoder.end()), JSON.stringify(decoder.end(Buffer.from([0xff, 0x41]))));
try { new StringDecoder("nonsense"); } catch (error) { console.log(error.code, error.message); }

console.log(querystring.parse("a=1&b=2&a=3&c=%C3%BC+x&d&=e&%zz=1"), querystring.parse("a:1;b:2", ";", ":"), querystring.parse("a=1&b=2&c=3", null, null, { maxKeys: 2 }));
console.log(querystring.stringify({ a: ["x", "y z"], b: true, c: null, d: 1n, e: "ü&=", f: {}, g: NaN }), querystring.stringify({ a: 1, b: 2 }, ";", ":"));
console.log(querystring.escape("a b&ü'()"), querystring.unescape("a%20b%zz"), querystring.encode === querystring.stringify);
for (const [encoding, bytes] of [["utf8", [0x61]], ["utf8", [0xc3]], ["utf8", [0xf0, 0x9f]], ["utf16le", [0x61]], ["utf16le", [0x3d, 0xd8]], ["base64", [1, 2, 3, 4]]]) {
  const decoder = new StringDecoder(encoding);
  decoder.write(Buffer.from(bytes));
  console.log(encoding, decoder.lastNeed, decoder.lastTotal, decoder.lastChar.length);
}
