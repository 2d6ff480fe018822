import { runInThisContext } from "node:vm";
import { inspect } from "node:util";
import { expect } from "vitest";

type Given = Readonly<Record<string, unknown>>;

/** What an expression gives or throws, as text. */
function shown(expression: string, given: Given): string {
  const source = expression.startsWith("{") ? expression : `{ return (${expression}); }`;
  const body = runInThisContext(`(function (${Object.keys(given).join(", ")}) ${source})`) as (...values: unknown[]) => unknown;
  try {
    return inspect(body(...Object.values(given)), { depth: 6, maxArrayLength: 300 });
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return [name, code, message].join(" | ");
  }
}

/** The expressions of a list, one a line. */
export const linesOf = (list: string): string[] => list.split("\n").map((line) => line.trim()).filter((line) => line !== "");

/** Expect of each expression that it gives the same with this engine's module as with Node's. */
export function sameOfAll(expressions: readonly string[], ours: Given, nodes: Given): void {
  const told = (given: Given): string[] => expressions.map((expression) => `${expression}: ${shown(expression, given)}`);
  expect(told(ours)).toEqual(told(nodes));
}
