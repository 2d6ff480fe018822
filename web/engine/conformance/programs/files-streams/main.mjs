import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import { createInterface } from "node:readline";
import { once } from "node:events";

const out = fs.createWriteStream("big.txt");
for (let line = 0; line < 20_000; line++) {
  if (!out.write(`line ${line}\n`)) await once(out, "drain");
}
out.end("last");
await once(out, "finish");
console.log(out.bytesWritten, out.path, fs.statSync("big.txt").size);

let size = 0, chunks = 0;
for await (const chunk of fs.createReadStream("big.txt")) {
  size += chunk.length;
  chunks++;
}
console.log(size, chunks);

const part = fs.createReadStream("big.txt", { start: 5, end: 24, encoding: "utf8", highWaterMark: 8 });
part.on("open", (fd) => console.log("open", typeof fd));
part.on("ready", () => console.log("ready"));
part.on("data", (chunk) => console.log("data", JSON.stringify(chunk)));
part.on("end", () => console.log("end"));
await once(part, "close");
console.log("closed", part.destroyed, part.bytesRead);

let lines = 0, last;
for await (const line of createInterface({ input: fs.createReadStream("big.txt"), crlfDelay: Infinity })) {
  lines++;
  last = line;
}
console.log(lines, last);

await pipeline(fs.createReadStream("big.txt", { end: 6 }), async function* (source) {
  for await (const chunk of source) yield chunk.toString().toUpperCase();
}, fs.createWriteStream("small.txt", { flags: "w" }));
await once(fs.createWriteStream("small.txt", { flags: "a" }).end("!"), "close");
console.log(fs.readFileSync("small.txt", "utf8"));

const missing = fs.createReadStream("none.txt");
const [error] = await once(missing, "error");
console.log(error.code, error.message);
fs.rmSync("big.txt");
fs.rmSync("small.txt");
