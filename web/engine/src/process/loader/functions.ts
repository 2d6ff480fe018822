/**
 * `new Function(text)` and its asynchronous sister: what a text imports or awaits goes through the engine as in files.
 *
 * The file that calls the constructor is the one that the text's `import()` starts from, as in Node.
 */

import { parse } from "acorn";
import { placeOf } from "../stacks.ts";
import { awaitEdits, RUNTIME } from "./awaits.ts";
import { edited, sorted } from "./compile.ts";
import { pathOf } from "./resolve.ts";
import { runtimeFor } from "./runtime.ts";

const MAY_NEED = /\b(?:await|import)\b/;

/** A constructor of functions from texts. */
type Maker = (...texts: string[]) => unknown;

function callerFile(): string {
  const file = placeOf(new Error("who calls").stack)?.file ?? "/[function]";
  return file.startsWith("file:") ? pathOf(new URL(file)) : file;
}

/** The function made from an edited text; undefined when the text needs no edit, or is wrong anyway. */
function madeFrom(keyword: string, texts: readonly string[]): unknown {
  const body = texts.at(-1) ?? "";
  if (!MAY_NEED.test(body)) return undefined;
  const whole = `(${keyword} anonymous(${texts.slice(0, -1).join(",")}\n) {\n${body}\n})`;
  let text: string;
  try {
    const edits = sorted(awaitEdits(parse(whole, { ecmaVersion: "latest", sourceType: "script" }), undefined).edits);
    if (edits.length === 0) return undefined;
    text = edited(whole, edits);
  } catch {
    return undefined;
  }
   
  return (new Original(RUNTIME, `return ${text}`) as Maker)(runtimeFor(callerFile()) as never);
}

const Original = Function;

function replace(holder: { readonly prototype: object }, keyword: string): unknown {
  const original = holder as unknown as Maker;
  const make = (texts: readonly unknown[]): unknown => madeFrom(keyword, texts.map(String)) ?? Reflect.construct(original, texts);
  const replaced: Maker = new Proxy(original, {
    apply: (_, _receiver, texts: unknown[]) => make(texts),
    construct: (_, texts: unknown[], target) => (target === replaced ? make(texts) : Reflect.construct(original, texts, target)) as object,
  });
  Object.defineProperty(holder.prototype, "constructor", { value: replaced, writable: true, configurable: true, enumerable: false });
  return replaced;
}

/** Put the constructors in place. */
export function installFunctions(): void {
  const asynchronous = (async (): Promise<void> => Promise.resolve()).constructor as unknown as { readonly prototype: object };
  // Only where the build keeps asynchronous functions as they are.
  if ((asynchronous as unknown) !== Original) replace(asynchronous, "async function");
  Object.defineProperty(globalThis, "Function", { value: replace(Original, "function"), writable: true, configurable: true, enumerable: false });
}
