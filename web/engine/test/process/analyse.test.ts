import { describe, expect, it } from "vitest";
import { analyse, ENVIRONMENT } from "../../src/process/loader/esm/analyse.ts";
import { edited } from "../../src/process/loader/edits.ts";

/** The body of a module's text, its edits done. */
function body(text: string): string {
  return edited(text, analyse(text, "body").edits);
}

/** Run a module's text on environments by the order of its requests; its exports, and what it logged. */
function run(text: string, environments: readonly object[] = []): { exports: Record<string, () => unknown>; step: () => unknown; log: unknown[] } {
  const found = analyse(text, "body");
  const log: unknown[] = [];
  let exports: Record<string, () => unknown> = {};
  const runtime = { exports: (getters: typeof exports) => (exports = getters), named: (made: object) => Object.defineProperty(made, "name", { value: "default" }) };
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const make = new Function("log", `return (${found.head}${edited(text, found.edits)}\n})`) as (log: (...words: unknown[]) => void) => (...args: unknown[]) => Generator;
  const generator = make((...words) => log.push(...words))(runtime, ...environments);
  generator.next();
  return { exports, step: () => generator.next(), log };
}

const KEY = (at: number, name: string): string => `${ENVIRONMENT}${at}[${JSON.stringify(name)}]`;

describe("uses of imported names", () => {
  const cases: Record<string, [string, string]> = {
    reads: ["x + 1", `${KEY(0, "x")} + 1`],
    calls: ["f(x)", `f(${KEY(0, "x")})`],
    "a call that begins a line": ["a\nx()", `a\n;(0,${KEY(0, "x")})()`],
    "a call behind a condition": ["if (a) x()", `if (a) (0,${KEY(0, "x")})()`],
    templates: ["x`t`", `;(0,${KEY(0, "x")})\`t\``],
    shorthand: ["({ x })", `({ x: ${KEY(0, "x")} })`],
    "keys and properties": ["({ x: 1 }).x", "({ x: 1 }).x"],
    "computed keys": ["({ [x]: o[x] })", `({ [${KEY(0, "x")}]: o[${KEY(0, "x")}] })`],
    parameters: ["(x) => x", "(x) => x"],
    "defaults of parameters": ["(y = x) => y", `(y = ${KEY(0, "x")}) => y`],
    "block scopes": ["{ const x = 1; f(x) } f(x)", `{ const x = 1; f(x) } f(${KEY(0, "x")})`],
    "var in a block": ["function f() { x; { var x; } }", "function f() { x; { var x; } }"],
    "catch parameters": ["try {} catch (x) { f(x) }", "try {} catch (x) { f(x) }"],
    "named class expressions": ["(class x extends x {})", "(class x extends x {})"],
    "class members": ["class A { x = x; static { f(x); } }", `class A { x = ${KEY(0, "x")}; static { f(${KEY(0, "x")}); } }`],
    labels: ["x: for (;;) { break x }", "x: for (;;) { break x }"],
    "loop heads": ["for (const x of x1) f(x)", "for (const x of x1) f(x)"],
    destructuring: ["const { x: y = x } = o", `const { x: y = ${KEY(0, "x")} } = o`],
    typeof: ["typeof x", `typeof ${KEY(0, "x")}`],
    new: ["new x()", `new ${KEY(0, "x")}()`],
  };
  for (const [name, [text, wanted]] of Object.entries(cases)) {
    it(name, () => expect(body(`import { x } from 'm';${text}`)).toBe(`;${wanted}`));
  }

  it("are live and called without a receiver", () => {
    let value = 1;
    const environment = { get x() { return value; }, f(this: unknown) { return this; } };
    const { step, log, exports } = run("import { x, f } from 'm';\nexport const read = () => x;\nlog(x, f());", [environment]);
    step();
    value = 2;
    expect(log).toEqual([1, undefined]);
    expect(exports.read?.()).toBeTypeOf("function");
    expect((exports.read?.() as () => number)()).toBe(2);
  });
});

describe("exports", () => {
  it("are live, and functions are there before the body runs", () => {
    const { exports, step } = run("export let n = 1; export function f() { return n; } n = 2; export { n as other, f as 'a name' }");
    expect((exports.f?.() as () => number).name).toBe("f");
    expect(() => exports.n?.()).toThrow(ReferenceError);
    step();
    expect([exports.n?.(), exports.other?.(), exports["a name"]?.()]).toEqual([2, 2, exports.f?.()]);
  });

  const defaults: Record<string, [string, unknown]> = {
    "an expression": ["export default 1 + 1", 2],
    "in parentheses": ["export default (1, 2);", 2],
    "an anonymous function": ["export default function () {}", "default"],
    "an anonymous arrow": ["export default () => {}", "default"],
    "an anonymous class": ["export default class {}", "default"],
    "an async generator, oddly written": ["export /* a */ default async function /* ( */ * () {}", "default"],
    "a named class": ["export default class Named {}", "Named"],
    "before a line that could continue it": ["export default [1]\n;[2].forEach(log)", [1]],
  };
  for (const [name, [text, wanted]] of Object.entries(defaults)) {
    it(`default: ${name}`, () => {
      const { exports, step } = run(text);
      step();
      const value = exports.default?.();
      expect(typeof value === "function" ? value.name : value).toEqual(wanted);
    });
  }

  it("of imported names belong to the other module", () => {
    const found = analyse("import { a } from 'm'; import * as ns from 'n'; export { a as b, ns }; export * from 'o'; export * as all from 'o'; export { c as default } from 'm';", "body");
    expect([...found.locals]).toEqual([]);
    expect([...found.indirect].map(([name, { request, name: from }]) => [name, request, from])).toEqual([["all", 2, "*"], ["default", 0, "c"], ["b", 0, "a"], ["ns", 1, "*"]]);
    expect([found.requests.map(({ specifier }) => specifier), found.stars]).toEqual([["m", "n", "o"], [2]]);
  });
});

it("asks once for a module, and apart for one with attributes", () => {
  const found = analyse("import a from './d.json' with { type: 'json' }; import './m'; import b from './m'; import './d.json';", "body");
  expect(found.requests).toEqual([{ specifier: "./d.json", attributes: { type: "json" } }, { specifier: "./m", attributes: {} }, { specifier: "./d.json", attributes: {} }]);
});

it("keeps every line where it was", () => {
  const text = "import {\n  a,\n  b,\n} from 'm'\n(a)\nexport {\n  b\n}\nexport\n default\n a";
  expect(body(text).split("\n").length).toBe(text.split("\n").length);
});

it("knows whether the program itself awaits", () => {
  expect(analyse("async () => { await 1 }", "b").awaits).toBe(false);
  expect(analyse("await 1", "b").awaits).toBe(true);
  expect(analyse("for await (const x of y);", "b").awaits).toBe(true);
});
