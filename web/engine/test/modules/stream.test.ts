import * as nodeStream from "node:stream";
import { describe, expect, it } from "vitest";
import { stream } from "../../src/process/modules/stream/index.ts";

type Streams = typeof nodeStream;
const ours = stream;

/** What each of them tells, in its order. */
async function told(body: (streams: Streams, tell: (...words: unknown[]) => void) => Promise<unknown>): Promise<void> {
  const found = [ours, nodeStream].map(async (streams) => {
    const words: unknown[] = [];
    const end = await body(streams, (...said) => void words.push(said)).catch((error: unknown) => [(error as Error).name, (error as { code?: string }).code, (error as Error).message]);
    return [...words, end];
  });
  const [own, nodes] = await Promise.all(found);
  expect(own).toEqual(nodes);
}

describe("streams do what Node's do", () => {
  it("operators of readable streams", () => told(async ({ Readable }) => {
    const numbers = (): nodeStream.Readable => Readable.from([1, 2, 3, 4]);
    return [
      await numbers().map((each: number) => each * 2).toArray(), await numbers().filter((each: number) => each > 2).toArray(), await numbers().drop(1).take(2).toArray(),
      await numbers().reduce((sum: number, each: number) => sum + each), await numbers().flatMap((each: number) => [each, each]).toArray(),
    ];
  }));

  it("a pipeline that fails", () => told(({ Readable, Transform, promises }) =>
    promises.pipeline(Readable.from(["a", "b"]), new Transform({ transform: (chunk, _encoding, done) => done(String(chunk) === "b" ? new Error("no b") : null, chunk) }), async function* (source: AsyncIterable<unknown>) {
      for await (const chunk of source) yield chunk;
    })));

  it("back-pressure, and the order of events at the end", () => told(async ({ Writable }, tell) => {
    const writable = new Writable({ highWaterMark: 3, write: (_chunk, _encoding, done) => void setImmediate(done) });
    for (const name of ["drain", "prefinish", "finish", "close"]) writable.on(name, () => tell(name));
    tell(writable.write("ab"), writable.write("cd"), writable.writableLength, writable.writableNeedDrain);
    await new Promise((resolve) => writable.once("drain", resolve));
    writable.end(() => tell("ended"));
    await new Promise((resolve) => writable.once("close", resolve));
  }));

  it("views of any kind are bytes", () => told(async ({ Readable }) => {
    const readable = new Readable({ read: () => undefined });
    readable.push(new Uint16Array([0x6261]));
    readable.push(null);
    return (await readable.toArray()).map(String);
  }));

  it("web streams in both directions", () => told(async ({ Readable, Duplex }) => {
    const upper = Duplex.fromWeb(new TransformStream({ transform: (chunk, controller) => controller.enqueue(String(chunk).toUpperCase()) }) as never, { encoding: "utf8" });
    upper.end("abc");
    const given = new Readable({ read: () => undefined });
    const web = Readable.toWeb(given);
    given.destroy();
    const early = await web.getReader().read().catch((error: unknown) => (error as Error).name);
    return [await upper.toArray(), early];
  }));
});
