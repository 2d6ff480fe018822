import { parse } from "acorn";
import { describe, expect, it } from "vitest";
import { edited, sorted } from "../../src/process/loader/edits.ts";
import { installEval, nativeEval, programEdits } from "../../src/process/loader/evals.ts";
import { noteEdited, originalOf } from "../../src/process/loader/shown.ts";
import { importBy, runtimeWith } from "../../src/process/loader/runtime.ts";
import { compileCommonJs } from "../../src/process/loader/script.ts";
import { RUNTIME } from "../../src/process/loader/awaits.ts";

const transform = (text: string): string => edited(text, sorted(programEdits(parse(text, { ecmaVersion: "latest", sourceType: "script" })).edits));

/** The value of a text, with `eval` as the engine gives it to programs. */
function valueOf(text: string, edit: boolean): unknown {
  const runtime = runtimeWith(() => Promise.resolve("loaded"));
  let announced = false;
  const scope = {
    get eval(): unknown {
      const found = announced ? nativeEval : (code: string): unknown => `indirect ${code}`;
      announced = false;
      return edit ? found : nativeEval;
    },
  };
  const direct = (): void => {
    announced = true;
  };
  const got = (): { isGlobal: boolean; hidden: string } => ({ isGlobal: !announced, hidden: "" });
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const body = new Function("scope", RUNTIME, `with (scope) {${edit ? transform(`(${text})`) : `return (${text})`}\n}`.replace("with (scope) {(", "with (scope) {return ("));
  return (body as (scope: object, runtime: object) => unknown)(scope, { ...runtime, direct, got });
}

describe("direct evals", () => {
  const texts: Record<string, string> = {
    "see and make names around them": "(function () { let a = 1; eval('var b = a + 1'); return b; })()",
    "see arguments": "(function () { return eval('arguments.length'); })(1, 2, 3)",
    "in evals": "(function (a) { return eval(eval('\"a\"')); })(5)",
    "with more arguments": "(function (a) { return eval('a', a = 2); })(5)",
    "called on what they give": "(function (a) { return eval('[a]').length + eval('a')?.toFixed(1); })(5)",
    "begin a statement without a semicolon": "(function (a) { let b = a\neval('b += 1')\nreturn b })(5)",
    "are the body of a condition": "(function (a) { if (a) eval('a += 1'); else eval('a -= 1'); return a })(5)",
    "of what is no text": "eval(42)",
    "of another function of that name": "(function (eval) { return eval('x'); })((word) => word + '!')",
  };
  it.each(Object.entries(texts))("%s", (_, text) => {
    expect(valueOf(text, true)).toEqual(valueOf(text, false));
  });

  it("with spread arguments are none, as in V8", () => {
    expect(valueOf("(function (a) { return eval(...['a']); })(5)", true)).toBe("indirect a");
  });

  it("import by the engine", async () => {
    await expect(valueOf("eval('import(\"x\")')", true)).resolves.toBe("loaded");
  });

  it("let the awaits around them keep their value", async () => {
    await expect(valueOf("(async (a) => eval(await Promise.resolve('a')) + await eval('a'))(2)", true)).resolves.toBe(4);
  });
});

describe("evals of files", () => {
  const file = (text: string): unknown => {
    installEval(() => runtimeWith(() => Promise.resolve("loaded")));
    importBy(() => Promise.resolve("loaded"));
    const module = { exports: {} as { made?: unknown } };
    try {
      compileCommonJs(text, "/program.js").call(undefined, module.exports, undefined, module, "/program.js", "/");
    } finally {
      globalThis.eval = nativeEval;
    }
    return module.exports.made;
  };

  it("that are long import by the engine and see the names around", async () => {
    await expect(file(`/*${"x".repeat(2_000_000)}*/ const name = "x"; exports.made = eval("import(name)");`)).resolves.toBe("loaded");
  });

  it("that the engine cannot read are refused by name", () => {
    expect(() => file("new.target; exports.made = eval('1');")).toThrow("eval is not supported by the local WebContainer engine (the engine cannot read /program.js)");
  });
});

describe("functions look as they were written", () => {
  it.each(["async function f(a) { await a; return eval('a'); }", "async () => await 1", "function g() { return import('x') }"])("%s", (text) => {
    const whole = `const before = 1; keep(${text}); after()`;
    const edits = sorted(programEdits(parse(whole, { ecmaVersion: "latest", sourceType: "script" })).edits);
    noteEdited(whole, edits);
    const piece = transform(`(${text})`).slice(1, -1);
    expect(piece).not.toBe(text);
    expect(originalOf(piece)).toBe(text);
  });
});
