/**
 * `eval`: texts that a program evaluates go through the engine as its files do, so that their `import()`s and awaits
 * are the engine's.
 *
 * A direct `eval(X)` must stay one, or it would not see the names around it. So the global `eval` is an accessor: it
 * gives the language's own function to a call that announced itself, and a function that edits its text to all others.
 * `eval(X)` → `(direct(), eval(text(got(), X)))`; `got` tells whether it was the global one that the call found.
 */

import { parse, type AnyNode, type CallExpression, type Program } from "acorn";
import { awaitEdits, children, RUNTIME, type Awaits } from "./awaits.ts";
import { edited, sorted, type Edit } from "./edits.ts";
import { referenceEdits, type References } from "./esm/references.ts";
import type { Scopes } from "./esm/scopes.ts";
import { noteEdited, standsFor } from "./shown.ts";
import type { Runtime } from "./runtime.ts";

/** Texts without these words need no edits. */
export const MAY_EVAL = /\beval\b/;
const MAY_NEED = /\b(?:await|import|eval)\b/;

/** Kept before programs run. */
export const nativeEval = globalThis.eval;

/** What a call of `eval` found: the global one, or some other function of that name. */
export interface Found {
  readonly isGlobal: boolean;
  /** Imported names that the call does not see, separated by blanks: others of the same name hide them. */
  readonly hidden: string;
}

/** Edits for direct calls of `eval`. Of those at one place, `inner` go before what awaits need, `outer` behind. */
interface Evals {
  readonly inner: Edit[];
  readonly outer: Edit[];
}

/** `hiding`: the scopes of a module that hide names of its imports. */
function evalEdits(program: Program, hiding?: Scopes): Evals {
  const evals: Evals = { inner: [], outer: [] };
  const starts = new Set<number>();
  const visit = (node: AnyNode, hidden: readonly string[]): void => {
    if (node.type === "Program" || node.type === "BlockStatement" || node.type === "StaticBlock") noteStarts(node.body, starts);
    else if (node.type === "SwitchCase") noteStarts(node.consequent, starts);
    const names = hiding?.get(node);
    const inside = names === undefined ? hidden : [...hidden, ...names];
    if (isDirect(node)) callEdits(node, inside.join(" "), starts.has(node.start), evals);
    for (const child of children(node)) visit(child, inside);
  };
  visit(program, []);
  return evals;
}

/** All that a program needs for its awaits, `import()`s and evals, not in order yet; `awaits` are what was found. */
export function programEdits(program: Program, metaName?: string, hiding?: Scopes): { readonly edits: Edit[]; readonly awaits: Awaits } {
  const awaits = awaitEdits(program, metaName);
  const evals = evalEdits(program, hiding);
  return { edits: [...evals.inner, ...awaits.edits, ...evals.outer], awaits };
}

function noteStarts(statements: readonly AnyNode[], starts: Set<number>): void {
  for (const statement of statements) if (statement.type === "ExpressionStatement") starts.add(statement.start);
}

/** With its text spread it is none for V8. */
const isDirect = (node: AnyNode): node is CallExpression => node.type === "CallExpression" && !node.optional && node.callee.type === "Identifier"
  && node.callee.name === "eval" && node.arguments.length > 0 && node.arguments[0]?.type !== "SpreadElement";

/** `begins`: the call begins a statement, whose parenthesis would continue the line above. */
function callEdits(node: CallExpression, hidden: string, begins: boolean, evals: Evals): void {
  const [first] = node.arguments;
  if (first === undefined) return;
  const found = `${RUNTIME}.got(${hidden === "" ? "" : JSON.stringify(hidden)}),`;
  evals.outer.push({ at: node.start, remove: 0, insert: `${begins ? ";" : ""}(${RUNTIME}.direct(),` }, { at: node.end, remove: 0, insert: ")", closes: node.start });
  evals.inner.push({ at: first.start, remove: 0, insert: `${RUNTIME}.text(${found}` });
  evals.inner.push({ at: first.end, remove: 0, insert: ")", closes: first.start });
}

let announced = false;

/** A direct call is about to read `eval`. */
function direct(): void {
  announced = true;
}

/** What the call read. */
function got(hidden = ""): Found {
  const isGlobal = !announced;
  announced = false;
  return { isGlobal, hidden };
}

/** The calls that edited texts make for `eval`; `references` are the imported names of the module around. */
export function evalRuntime(references: References = new Map()): Pick<Runtime, "direct" | "got" | "text"> {
  const text = (found: Found, value: unknown): unknown => (found.isGlobal && typeof value === "string" ? directText(value, seen(references, found.hidden)) : value);
  return { direct, got, text };
}

function seen(references: References, hidden: string): References {
  if (hidden === "" || references.size === 0) return references;
  const without = new Set(hidden.split(" "));
  return new Map([...references].filter(([name]) => !without.has(name)));
}

/** In a method all that a direct eval may name is allowed: `super`, `new.target`, `arguments`. */
const METHOD = "({m(){";

/** The text of a direct eval, edited. */
function directText(text: string, references: References): string {
  if (references.size === 0 && !MAY_NEED.test(text)) return text;
  try {
    const program = parse(`${METHOD}${text}\n}})`, { ecmaVersion: "latest", sourceType: "script", checkPrivateFields: false });
    const edits = [...programEdits(program).edits, ...referenceEdits(program, references)];
    return withEdits(text, sorted(edits.map((edit) => shifted(edit, -METHOD.length))));
  } catch {
    // The language's engine reads it next and says in its own words what is wrong.
    return text;
  }
}

function shifted(edit: Edit, by: number): Edit {
  return { ...edit, at: edit.at + by, ...edit.closes === undefined ? {} : { closes: edit.closes + by } };
}

function withEdits(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text;
  noteEdited(text, edits);
  return edited(text, edits);
}

/** Runtimes of texts that run in the global scope, where no name of a file is seen. */
const GLOBAL = `${RUNTIME}by`;
const runtimes: Runtime[] = [];

/** Edits of a text that is to run in the global scope: their calls go to this runtime. */
export function globalEdits(edits: readonly Edit[], runtime: Runtime): Edit[] {
  if (edits.length === 0) return [];
  const known = runtimes.indexOf(runtime);
  const at = known === -1 ? runtimes.push(runtime) - 1 : known;
  Object.defineProperty(globalThis, GLOBAL, { value: runtimes, configurable: true, writable: true, enumerable: false });
  return edits.map((edit) => ({ ...edit, insert: edit.insert.replaceAll(`${RUNTIME}.`, `${GLOBAL}[${at}].`) }));
}

/** The text of an indirect eval, edited: its calls go to the runtime of the file that evaluates it. */
function globalText(text: string, runtimeOfCaller: () => Runtime): string {
  if (!MAY_NEED.test(text)) return text;
  try {
    const edits = sorted(programEdits(parse(text, { ecmaVersion: "latest", sourceType: "script" })).edits);
    if (edits.length === 0) return text;
    return withEdits(text, globalEdits(edits, runtimeOfCaller()));
  } catch {
    return text;
  }
}

/** Put the accessor in place; `runtimeOfCaller` gives the runtime of the file that is running. */
export function installEval(runtimeOfCaller: () => Runtime): void {
  const indirect = { eval: (text: unknown): unknown => nativeEval((typeof text === "string" ? globalText(text, runtimeOfCaller) : text) as string) }.eval;
  standsFor(indirect, nativeEval);
  Object.defineProperty(globalThis, "eval", {
    configurable: true,
    enumerable: false,
    get: () => {
      if (!announced) return indirect;
      announced = false;
      return nativeEval;
    },
    set: (value: unknown) => Object.defineProperty(globalThis, "eval", { value, writable: true, configurable: true, enumerable: false }),
  });
}
