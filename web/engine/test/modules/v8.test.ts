import real from "node:v8";
import { expect, it } from "vitest";
import { deserialize } from "../../src/process/modules/v8/reader.ts";
import { serialize } from "../../src/process/modules/v8/writer.ts";

const cycle: Record<string, unknown> = { a: 1 };
cycle.self = cycle;
const shared = [1];
const values: unknown[] = [
  1, -1, 2 ** 31, -(2 ** 31), 1.5, NaN, -0, "a", "é", "€", "ab€", true, null, undefined, 5n, -(2n ** 70n), 0n, [], [1, 2.5], [1, {}, 2.5],
  Object.assign([1], { x: 2 }), { 1: 2, a: 3 }, [shared, shared], new Map<unknown, unknown>([[1, { a: 2 }]]), new Set([1, "a"]), new Date(5), /a/giu,
  Object(true), Object("s€"), Object(2), Object(1n), new Uint8Array([1, 2]), new Float64Array([1.5]), new BigInt64Array([1n]), "x".repeat(200), cycle,
];
it.each(values.map((value, index) => [index, value] as const))("writes and reads what Node does: value %i", (_, value) => {
  expect([...serialize(value)]).toEqual([...real.serialize(value)]);
  expect(deserialize(real.serialize(value))).toEqual(value);
});

it("keeps holes and errors", () => {
  expect(deserialize(real.serialize([1, , 3]))).toEqual([1, , 3]);
  const error = deserialize(serialize(new TypeError("no", { cause: 1 }))) as TypeError;
  expect([error instanceof TypeError, error.message, error.cause]).toEqual([true, "no", 1]);
});

it("refuses what has no bytes, and bytes that are no value", () => {
  for (const value of [() => 1, Symbol("a"), new WeakMap(), Promise.resolve(), new Proxy({}, {})]) expect(() => serialize(value)).toThrow(/could not be cloned/);
  for (const bytes of ["ff0f", "ff0f6f", "ff0f22", "ff0f5e05", "ff0f2205"]) expect(() => deserialize(Buffer.from(bytes, "hex"))).toThrow("Unable to deserialize cloned data.");
  expect(() => deserialize(Buffer.from("ff115f", "hex"))).toThrow(/unsupported version/);
});
