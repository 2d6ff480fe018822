import { Duplex, PassThrough, Readable, Writable, compose } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { arrayBuffer, buffer, json, text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

async function* numbers() { for (let n = 1; n <= 5; n++) { await sleep(1); yield n; } }
const collected = [];
await pipeline(numbers, async function* (source) { for await (const n of source) if (n % 2) yield n * 10; }, async (source) => { for await (const n of source) collected.push(n); });
console.log(collected);
console.log(await Readable.from([1, 2, 3, 4]).filter((n) => n > 1).map(async (n) => n * n, { concurrency: 2 }).toArray());
console.log(await Readable.from([1, 2, 3]).reduce((sum, n) => sum + n, 0), await Readable.from([1, 2, 3]).some((n) => n > 2), await Readable.from("abc").take(1).toArray(), await Readable.from([[1], [2, 3]]).flatMap((list) => list).toArray(), await Readable.from([5, 6]).find((n) => n > 5));
console.log(await text(Readable.from(["a", "b"])), await json(Readable.from(['{"x":', "1}"])), await buffer(Readable.from([Buffer.from("z")])), (await arrayBuffer(Readable.from(["1234"]))).byteLength);

const stream = Readable.from(numbers());
for await (const n of stream) { if (n === 2) break; }
console.log("destroyed", stream.destroyed);
const failing = new Readable({ read() { this.destroy(new Error("broken")); } });
try { for await (const chunk of failing) console.log(chunk); } catch (error) { console.log("caught", error.message); }
await pipeline(Readable.from(["x"]), new Writable({ write(chunk, _, done) { done(new Error("refused")); } })).catch((error) => console.log(error.message));
const sink = new PassThrough();
setImmediate(() => sink.resume().end("bye"));
await finished(sink);
console.log("finished", sink.readableEnded);
const upper = new Duplex.from(async function* (source) { for await (const chunk of source) yield String(chunk).toUpperCase(); });
upper.end("shout");
console.log(await text(upper));
console.log(await text(compose(Readable.from(["a", "b"]), async function* (source) { for await (const part of source) yield `<${part}>`; })));

const web = new ReadableStream({ start(controller) { controller.enqueue("one"); controller.enqueue("two"); controller.close(); } });
for await (const chunk of web) console.log("web", chunk);
console.log(await text(Readable.fromWeb(new Blob(["blob text"]).stream())));
const back = Readable.toWeb(Readable.from([Buffer.from("q")])).getReader();
console.log((await back.read()).value, (await back.read()).done);
const through = new ReadableStream({ start(c) { c.enqueue("x"); c.close(); } }).pipeThrough(new TransformStream({ transform(chunk, c) { c.enqueue(chunk + chunk); } }));
console.log(await new Response(through.pipeThrough(new TextEncoderStream())).text());
const gz = new Response(new Blob(["compress me"]).stream().pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")));
console.log(await gz.text());
