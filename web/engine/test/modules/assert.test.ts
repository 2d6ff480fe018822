import node from "node:assert";
import { describe, expect, it, vi } from "vitest";
import { assert } from "../../src/process/modules/assert/index.ts";
import { same } from "./same.ts";

// The module reads sources by the calls of a Worker, which this is not; no call is made here.
vi.hoisted(() => Object.assign(globalThis, { postMessage: () => undefined }));

const ours = assert as unknown as typeof node;
const both = (body: (a: typeof node) => unknown): void => same(() => body(ours), () => body(node));
const range = (change: number): number[] => Array.from({ length: 30 }, (_, at) => (at === 15 ? change : at));

describe("assert", () => {
  it("has Node's names", () => {
    expect(Object.keys(assert)).toEqual(Object.keys(node));
  });

  it.each([
    [1, 2], ["a", "b"], ["a".repeat(50), "b"], [{ a: 1 }, { a: 1 }], [[1, 2, 3], [1, 2, 4]], [Number.NaN, 0], ["a\nb\nc", "a\nb\nd"],
    [undefined, null], [-0, 0], [range(15), range(99)], ["x", "x"],
  ])("strictEqual(%j, %j) says what Node says", (a, b) => {
    both((z) => z.strictEqual(a, b));
    both((z) => z.notStrictEqual(a, b));
    both((z) => z.deepStrictEqual(a, b));
    both((z) => z.notDeepStrictEqual(a, b));
    both((z) => z.equal(a, b));
    both((z) => z.deepEqual(a, b));
    both((z) => z.strictEqual(a, b, "own words"));
  });

  it("compares what has inner state as Node does", () => {
    const pairs: [unknown, unknown][] = [
      [new Map([[1, 2]]), new Map([[1, 3]])], [new Set([{ a: 1 }]), new Set([{ a: 1 }])], [new Date(0), new Date(1)], [/a/g, /a/i], [new Error("x"), new Error("y")],
      [[1, , 3], [1, undefined, 3]], [Object.create(null), {}], [new Uint8Array([1]), new Uint8Array([2])], [[1, 2, 3], [1, 3]], [{}, { a: undefined }],
      [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 1]])], [1n, 1], [Object(1), Object(2)],
    ];
    for (const [a, b] of pairs) {
      both((z) => z.deepStrictEqual(a, b));
      both((z) => z.deepEqual(a, b));
    }
  });

  it("checks what is thrown as Node does", () => {
    const thrower = (): never => {
      throw new TypeError("abc");
    };
    both((z) => z.throws(() => undefined));
    both((z) => z.throws(() => undefined, TypeError));
    both((z) => z.throws(() => undefined, "said"));
    both((z) => z.throws(thrower, /x/));
    both((z) => z.throws(thrower, { message: "x" }));
    both((z) => z.throws(thrower, { name: "TypeError", message: /b/ }));
    both((z) => z.throws(thrower, RangeError));
    both((z) => z.throws(thrower, "abc"));
    both((z) => z.throws("x" as never));
    both((z) => z.doesNotThrow(thrower));
    both((z) => z.doesNotThrow(thrower, "hey"));
    both((z) => z.ifError(new Error("q")));
    both((z) => z.ifError("s"));
    both((z) => z.match("abc", /x/));
    both((z) => z.doesNotMatch("abc", /a/));
    both((z) => z.fail());
    both((z) => z.fail("x"));
  });

  it("rejects as Node does", async () => {
    for (const body of [() => Promise.resolve(), () => 1, () => Promise.reject(new Error("w"))]) {
      const message = (z: typeof node): Promise<string> => z.rejects(body as never, TypeError).then(() => "fulfilled", (error: unknown) => (error as Error).message);
      expect(await message(ours)).toBe(await message(node));
    }
  });
});
