import { expect } from "vitest";

/** What a call gives or throws, as text that can be compared between this engine's module and Node's own. */
export function outcome(body: () => unknown): string {
  try {
    return JSON.stringify(body(), (_key, value: unknown) => (value === undefined ? "undefined" : typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : value));
  } catch (error) {
    const { name, code, errno, message } = error as Error & { code?: string; errno?: number };
    return [name, code, errno, message].join(" | ");
  }
}

/** Expect the same of both. */
export function same(ours: () => unknown, nodes: () => unknown): void {
  expect(outcome(ours)).toBe(outcome(nodes));
}
