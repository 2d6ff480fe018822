/**
 * `new Function(text)` and its asynchronous sister: what a text imports or awaits goes through the engine as in files.
 *
 * The file that calls the constructor is the one that the text's `import()` starts from, as in Node.
 */

import { parse } from "acorn";
import { RUNTIME } from "./awaits.ts";
import { runtimeOfCaller } from "./caller.ts";
import { edited, sorted } from "./edits.ts";
import { nativeEval, programEdits } from "./evals.ts";
import type { Runtime } from "./runtime.ts";
import { noteEdited, standsFor } from "./shown.ts";

const MAY_NEED = /\b(?:await|import|eval)\b/;

/** A constructor of functions from texts. */
interface Maker {
  (...texts: string[]): unknown;
  new (...texts: string[]): object;
  readonly prototype: object;
}

const Original = Function;

/** The function made from an edited text; undefined when the text needs no edit, or is wrong anyway. */
function madeFrom(keyword: string, texts: readonly string[]): object | undefined {
  if (!texts.some((text) => MAY_NEED.test(text))) return undefined;
  const head = `${keyword} anonymous(${texts.slice(0, -1).join(",")}\n) {`;
  const whole = `(${head}\n${texts.at(-1) ?? ""}\n})`;
  let text: string;
  try {
    const program = parse(whole, { ecmaVersion: "latest", sourceType: "script" });
    const edits = sorted(programEdits(program).edits);
    if (edits.length === 0 || !isOne(program.body)) return undefined;
    text = edited(whole, edits);
    noteEdited(whole, edits);
  } catch {
    return undefined;
  }
  return (new Original(RUNTIME, `return ${text}`) as (runtime: Runtime) => object)(runtimeOfCaller());
}

/** A text that closes the function and opens another is refused by the original. */
const isOne = (body: readonly { readonly type: string }[]): boolean => body.length === 1 && body[0]?.type === "ExpressionStatement" && /Function/.test((body[0] as unknown as { expression: { type: string } }).expression.type);

function replace(original: Maker, keyword: string): unknown {
  const make = (texts: readonly unknown[], target: Maker | undefined): object => {
    const words = texts.map(String);
    const made = madeFrom(keyword, words);
    if (made === undefined) return Reflect.construct(original, words, target ?? original);
    return target === undefined ? made : Object.setPrototypeOf(made, target.prototype) as object;
  };
  const replaced: Maker = new Proxy(original, {
    apply: (_, _receiver, texts: unknown[]) => make(texts, undefined),
    construct: (_, texts: unknown[], target) => make(texts, (target as unknown) === replaced ? undefined : target as unknown as Maker),
  });
  standsFor(replaced, original);
  const own = Object.getOwnPropertyDescriptor(original.prototype, "constructor");
  Object.defineProperty(original.prototype, "constructor", { ...own, value: replaced });
  return replaced;
}

/** Put the constructors in place. Made from texts, as the build turns the engine's own asynchronous functions into others. */
export function installFunctions(): void {
  for (const keyword of ["async function", "function*", "async function*"]) {
    replace((nativeEval(`(${keyword}(){})`) as { constructor: Maker }).constructor, keyword);
  }
  Object.defineProperty(globalThis, "Function", { value: replace(Original as unknown as Maker, "function"), writable: true, configurable: true, enumerable: false });
}
