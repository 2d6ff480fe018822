import { parse } from "acorn";
import { describe, expect, it } from "vitest";
import { enter, frame, hold, recover, resume, steps, take, within, type Frame } from "../../src/process/async/context.ts";
import { awaitEdits, RUNTIME, SAVED } from "../../src/process/loader/awaits.ts";
import { edited, sorted } from "../../src/process/loader/edits.ts";

const key = {};
const runtime = { hold, take, resume, recover, steps, load: (name: string) => Promise.resolve(`loaded ${name}`) };
const framed = (value: string): Frame => new Map([[key, value]]);
const store = (): unknown => frame()?.get(key);

function transform(text: string): string {
  return edited(text, sorted(awaitEdits(parse(text, { ecmaVersion: "latest", sourceType: "script" }), undefined).edits));
}

/** Run the body of an async function, once as it is and once edited; both get `log` and `store`. */
async function run(body: string, edit: boolean): Promise<string[]> {
  const whole = `(async function main(log, store, other) {${body}})`;
  const text = edit ? transform(whole) : whole;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const make = new Function(RUNTIME, `return ${text}`) as (given: object) => (log: (word: unknown) => void, store: () => unknown, other: () => void) => Promise<void>;
  const words: string[] = [];
  await within(framed("mine"), () => make(runtime)((word) => words.push(String(word)), store, () => enter(framed("of another"))));
  enter(undefined);
  return words;
}

/** Other code runs between and leaves its own frame behind. */
const DISTURB = "const disturb = () => Promise.resolve().then(other);";

describe("awaits keep the frame", () => {
  const bodies: Record<string, string> = {
    "a value": "await disturb(); log(store());",
    "an expression within others": "log([await disturb(), store(), (await disturb(), store())].slice(1));",
    "nested awaits": "await (await disturb(), disturb()); log(store());",
    "a caught rejection": "try { await disturb().then(() => { throw new Error('x') }); } catch { log(store()); } finally { log(store()); }",
    "an uncaught one, seen in finally": "const f = async () => { try { await disturb().then(() => { throw 1 }); } finally { log(store()); } }; await f().catch(() => 0); log(store());",
    "for await": "for await (const x of (async function* () { yield 1; await disturb(); yield 2; })()) log(x + String(store())); log(store());",
    "for await over values, labelled, without a block": "outer: for await (const x of [disturb(), 2]) if (x === 2) break outer; else log(store()); log(store());",
    "arrow functions": "const f = async () => (await disturb(), store()); log(await f());",
    "async generators": "async function* g() { await disturb(); yield store(); } for await (const s of g()) log(s);",
    "directives stay first": "const f = async function () { 'use strict'; try { await disturb(); } catch {} return this === undefined; }; log(await f()); log(store());",
    "an await that ends a line without semicolon": "const x = await disturb()\nlog(store())\n;[1].map(log)",
  };
  for (const [name, body] of Object.entries(bodies)) {
    it(name, async () => {
      const words = await run(DISTURB + body, true);
      expect(words.filter((word) => word.includes("of another"))).toEqual([]);
      expect(words.some((word) => word.includes("mine"))).toBe(true);
    });
  }

  it("sees what an awaited call entered before it suspended", async () => {
    const words = await run("const f = async () => { other(); }; await f(); log(store());", true);
    expect(words).toEqual(["of another"]);
  });

  it("keeps what was entered between an await and a throw of the function's own", async () => {
    const words = await run("await null; try { other(); throw 1; } catch { log(store()); }", true);
    expect(words).toEqual(["of another"]);
  });
});

it("takes as many ticks as before", async () => {
  const body = `
    const thenable = { then(done) { log("thenable"); done(); } };
    const one = async (name, value) => { await value; log(name + 1); try { await Promise.reject(name); } catch { log(name + 2); } for await (const x of [1, Promise.resolve(2)]) log(name + x); };
    const count = (async () => { for (let i = 0; i < 12; i += 1) { await 0; log("tick" + i); } })();
    await Promise.all([one("a", 0), one("b", Promise.resolve()), one("c", thenable), count]);`;
  expect(await run(body, true)).toEqual(await run(body, false));
});

it("gives import() to the engine, and leaves words in strings and comments alone", async () => {
  expect(await run("log(await import('x')); log('await import(1)' /* await */);", true)).toEqual(["loaded x", "await import(1)"]);
});

it("keeps the lines of a text", () => {
  const text = "async function f() {\n  try {\n    await g(\n      1,\n    )\n  } finally {}\n}\n";
  const lines = transform(text).split("\n");
  expect(lines.length).toBe(text.split("\n").length);
  expect(lines[0]).toContain(`var ${SAVED};`);
});
