import real from "node:vm";
import { expect, it } from "vitest";
import { vmModule } from "../../src/process/vm/index.ts";

const ours = vmModule() as typeof real;

/** What texts give in one context after another, as far as it can be compared. */
function outcomes(vm: typeof real, object: Record<string, unknown>, texts: readonly string[]): unknown[] {
  const context = vm.createContext(object);
  const seen = texts.map((text) => {
    try {
      const value: unknown = vm.runInContext(text, context);
      return typeof value === "function" || (typeof value === "object" && value !== null) ? JSON.parse(`[${JSON.stringify(value)}]`) as unknown : value;
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
  });
  return [...seen, Object.keys(object)];
}

const programs: Record<string, string[]> = {
  variables: ["var a = 1; b = 2; a + b", "a + b", "typeof b"],
  functions: ["f(1); function f(x) { return x + base } f(2)", "typeof f", "f(3)"],
  "lexical names": ["let l = 1; const c = 2; class K { m() { return l } } new K().m() + c", "l += 5; l", "c = 3", "typeof K", "let l = 2"],
  "globals of the process": ["typeof process", "typeof setTimeout", "typeof require", "typeof globalThis.process"],
  "names of the process that a context does not have": ["process", "setTimeout(1)", "typeof process + typeof missing", "(() => process)()", "typeof (() => { try { return process } catch (e) { return e.name } })()", "if (false) later = 1; later", "typeof later"],
  "the language": ["[1, 2].map((x) => x * 2)", "JSON.stringify({ m: Math.max(1, 2) })", "new Date(0).toISOString()", "typeof Array"],
  this: ["this.x = 1; x", "globalThis.y = x + 1; y", "(() => this === globalThis)()"],
  errors: ["missing", "throw new TypeError('thrown')", "null.x"],
  values: ["1; 2", "if (base) { 'yes' } else { 'no' }", "({ a: base })", "''"],
  destructuring: ["var { p, q: [r] } = { p: 1, q: [2] }; [p, r]", "const { s } = { s: 3 }; s", "s"],
  strict: ["'use strict'; (function () { return this })() === undefined", "var plain = 1; plain"],
  loops: ["for (var i = 0, sum = 0; i < 3; i++) sum += i; sum", "i", "for (k in { a: 1 }); k"],
};
for (const [name, texts] of Object.entries(programs)) {
  it(`does what Node does: ${name}`, () => {
    expect(outcomes(ours, { base: 10 }, texts)).toEqual(outcomes(real, { base: 10 }, texts));
  });
}

it("stops a script that runs too long", () => {
  for (const text of ["while (true);", "for (;;) {}", "do { } while (true)", "(function f() { for (const x of [1]) f2(); function f2() { while (1) ; } })()"]) {
    expect(() => void ours.runInNewContext(text, {}, { timeout: 15 })).toThrow(expect.objectContaining({ code: "ERR_SCRIPT_EXECUTION_TIMEOUT", message: "Script execution timed out after 15ms" }) as Error);
  }
});

it("refuses in words what it cannot do", () => {
  expect(() => new ours.Script("1").createCachedData()).toThrow(/script\.createCachedData is not supported by the local WebContainer engine/);
  expect(() => ours.createContext({}, { microtaskMode: "afterEvaluate" })).toThrow(/microtaskMode/);
  expect(() => ours.compileFunction("1", [], { parsingContext: {} })).toThrow(/parsingContext/);
});
