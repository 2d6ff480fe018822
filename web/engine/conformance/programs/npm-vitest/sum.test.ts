import { describe, expect, it, vi } from "vitest";
import { sum } from "./sum";

describe("sum", () => {
  it("adds", () => expect(sum(1, 2)).toBe(3));
  it("fails", () => expect(sum(1, 2)).toBe(4));
  it("matches", () => expect({ a: [1, { b: 2 }] }).toMatchObject({ a: [1, {}] }));
  it("mocks", async () => { const called = vi.fn(async () => 5); expect(await called()).toBe(5); expect(called).toHaveBeenCalledTimes(1); });
});
