import zlib from "node:zlib";
import { promisify } from "node:util";
import { pipeline } from "node:stream/promises";
import { Readable, Writable } from "node:stream";

const text = "the quick brown fox jumps over the lazy dog. ".repeat(200);
for (const [pack, unpack] of [["gzipSync", "gunzipSync"], ["deflateSync", "inflateSync"], ["deflateRawSync", "inflateRawSync"]]) {
  const packed = zlib[pack](text);
  console.log(pack, packed.length < 300, zlib[unpack](packed).toString() === text, zlib.unzipSync && pack !== "deflateRawSync" ? zlib.unzipSync(packed).length : "-");
}
console.log(zlib.inflateSync(Buffer.from("eJzLSM3JyVcozy/KSQEAGgsEXQ==", "base64")).toString());
console.log(zlib.gunzipSync(Buffer.from("H4sIAAAAAAAAA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA==", "base64")).toString());
console.log(zlib.crc32 ? zlib.crc32("hello") === 907060870 : true, zlib.constants.Z_BEST_COMPRESSION, zlib.constants.Z_FINISH);
const packed = await promisify(zlib.gzip)(text, { level: 9 });
console.log((await promisify(zlib.gunzip)(packed)).length, (await promisify(zlib.inflate)(await promisify(zlib.deflate)("short"))).toString());
const parts = [];
await pipeline(Readable.from([text, text]), zlib.createGzip(), zlib.createGunzip(), new Writable({ write(chunk, _, done) { parts.push(chunk); done(); } }));
console.log(Buffer.concat(parts).toString() === text + text);
for (const attempt of [() => zlib.gunzipSync("not gzip"), () => zlib.inflateSync(packed.subarray(0, 20)), () => zlib.gunzipSync(packed.subarray(0, 40)), () => zlib.deflateSync(5), () => zlib.gzipSync("x", { level: 99 })]) {
  try { attempt(); console.log("no error"); } catch (error) { console.log(error.name, error.code, error.message); }
}
await promisify(zlib.gunzip)(Buffer.from("broken")).catch((error) => console.log(error.code));
const broken = zlib.createInflate();
broken.on("error", (error) => console.log("stream", error.code, error.errno));
broken.end("broken");
console.log(zlib.deflateRawSync("", { level: 0 }).length, zlib.gunzipSync(Buffer.concat([zlib.gzipSync("one"), zlib.gzipSync("two")])).toString(), zlib.inflateSync(zlib.deflateSync("with dictionary", { dictionary: Buffer.from("dictionary") }), { dictionary: Buffer.from("dictionary") }).toString());
