import node from "node:zlib";
import { describe, expect, it } from "vitest";
import { zlib } from "../../src/process/modules/zlib/index.ts";
import { same } from "./same.ts";

type Zlib = typeof node & { crc32(data: unknown, start?: number): number };
const ours = zlib as unknown as Zlib;
const text = "the quick brown fox ".repeat(500);
const both = (body: (z: Zlib) => unknown): void => same(() => body(ours), () => body(node));

describe("zlib", () => {
  it("has Node's names and constants", () => {
    expect(Object.keys(zlib)).toEqual(Object.keys(node));
    expect(JSON.stringify(zlib.constants)).toBe(JSON.stringify(node.constants));
  });

  it("packs what Node unpacks, byte for byte, and the other way round", () => {
    for (const [pack, unpack] of [["gzipSync", "gunzipSync"], ["deflateSync", "inflateSync"], ["deflateRawSync", "inflateRawSync"]] as const) {
      expect(Buffer.compare(ours[pack](text), node[pack](text))).toBe(0);
      expect(ours[unpack](node[pack](text)).toString()).toBe(text);
    }
  });

  it("finds the same wrong as Node", () => {
    both((z) => z.gunzipSync("not gzip"));
    both((z) => z.inflateSync(node.deflateSync("hello there you fox").subarray(0, 12)));
    both((z) => z.deflateSync(5 as never));
    both((z) => z.gzipSync("x", { level: 99 }));
    both((z) => z.gzipSync("x", { windowBits: 3 }));
    both((z) => z.inflateSync(node.deflateSync("abc", { dictionary: Buffer.from("x") })));
    both((z) => z.inflateSync(node.deflateSync("abcabc", { dictionary: Buffer.from("abc") }), { dictionary: Buffer.from("zz") }));
    both((z) => z.gunzipSync(Buffer.concat([node.gzipSync("a").subarray(0, -5), Buffer.from("zzzzz")])));
    both((z) => z.inflateSync(node.deflateSync("a".repeat(5000)), { maxOutputLength: 10 }));
    both((z) => z.gunzipSync(Buffer.concat([node.gzipSync("a"), Buffer.from("trail")])).toString());
    both((z) => z.inflateRawSync(Buffer.from("ffff", "hex")));
  });

  it("reads several members, padding and dictionaries", () => {
    expect(ours.gunzipSync(Buffer.concat([node.gzipSync("one"), node.gzipSync("two"), Buffer.alloc(5)])).toString()).toBe("onetwo");
    const dictionary = Buffer.from("abc");
    expect(ours.inflateSync(ours.deflateSync("abcabc", { dictionary }), { dictionary }).toString()).toBe("abcabc");
    expect(ours.unzipSync(node.deflateSync("either")).toString()).toBe("either");
  });

  it("streams", async () => {
    const parts: Uint8Array[] = [];
    await new Promise((resolve, reject) => {
      const packed = ours.createGzip();
      packed.pipe(ours.createGunzip()).on("data", (part: Uint8Array) => parts.push(part)).on("end", resolve).on("error", reject);
      packed.write(text);
      packed.end("end");
    });
    expect(Buffer.concat(parts).toString()).toBe(`${text}end`);
  });

  it("refuses Brotli by name", () => {
    expect(() => ours.brotliCompressSync("x")).toThrow("zlib.brotliCompressSync is not supported by the local WebContainer engine");
  });
});
