/** `vm`: scripts in this context and in others. */

import { compileFunction as compileText, evaluateText, mapText, syntaxPlace } from "../loader/compile.ts";
import { edited } from "../loader/edits.ts";
import { editsOf } from "../loader/script.ts";
import { RUNTIME } from "../loader/awaits.ts";
import { runtimeFor, runtimeWith, type Runtime } from "../loader/runtime.ts";
import { globalEdits } from "../loader/evals.ts";
import { emitWarning } from "../warnings.ts";
import { invalidArgType, nodeError, refusal, unsupported } from "../modules/errors.ts";
import { contextify, contextOf, type Context } from "./context.ts";
import { HELPER, prepare, type Prepared } from "./script.ts";

interface Options {
  readonly filename?: string;
  readonly lineOffset?: number;
  readonly columnOffset?: number;
  readonly timeout?: number;
  readonly breakOnSigint?: boolean;
  readonly cachedData?: unknown;
  readonly produceCachedData?: boolean;
  readonly importModuleDynamically?: unknown;
  readonly microtaskMode?: unknown;
}

let unnamed = 0;

function optionsOf(given: unknown): Options {
  if (typeof given === "string") return { filename: given };
  if (given === undefined || given === null) return {};
  if (typeof given !== "object") throw invalidArgType("options", "Object", given);
  const options: Options = given;
  if (options.filename !== undefined && typeof options.filename !== "string") throw invalidArgType("options.filename", "string", options.filename);
  if (options.microtaskMode !== undefined) throw unsupported("the option microtaskMode of vm");
  return options;
}

const nameOf = (options: Options): string => options.filename ?? `evalmachine.<anonymous>`;

/** The constant that stands for Node's own way to import. */
const DEFAULT_LOADER = Symbol("vm_dynamic_import_main_context_default");
let warned = false;

/** What edited texts call, with the `import()` that the options of their script give. */
function importing({ filename, importModuleDynamically: given }: Options): Runtime {
  if (given === DEFAULT_LOADER) {
    if (!warned) emitWarning("vm.USE_MAIN_CONTEXT_DEFAULT_LOADER is an experimental feature and might change at any time", "ExperimentalWarning");
    warned = true;
    return runtimeFor(filename?.startsWith("/") === true ? filename : "/[vm]");
  }
  return runtimeWith(() => Promise.reject(given === undefined
    ? nodeError(TypeError, "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING", "A dynamic import callback was not specified.")
    : nodeError(TypeError, "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG", "A dynamic import callback was invoked without --experimental-vm-modules")));
}

function fail(error: unknown, name: string, text: string): never {
  if (error instanceof SyntaxError && (error as { place?: unknown }).place === undefined) {
    const place = syntaxPlace(name, text, "script");
    if (place !== undefined) Object.defineProperty(error, "place", { value: place, configurable: true });
  }
  throw error;
}

/** Read a text only: V8 says in its own words what is wrong with it, with the place ahead of its stack as Node has it. */
function checkSyntax(text: string, name: string): void {
  try {
    compileText({ name: `${name}#${(unnamed += 1)}`, text, edits: [], head: "function () {with({}){", tail: "}}" });
  } catch (error) {
    const place = syntaxPlace(name, text, "script");
    if (!(error instanceof SyntaxError) || place === undefined) return;
    const line = text.split(/\r?\n/)[place.line - 1] ?? "";
    error.stack = `${name}:${place.line}\n${line}\n${" ".repeat(place.column - 1)}^\n\n${String(error)}\n    at new Script (node:vm)`;
    throw error;
  }
}

/** A text, read once, to run in any context. */
class Script {
  readonly #text: string;
  readonly #options: Options;
  cachedDataRejected: boolean | undefined;
  sourceMapURL: string | undefined;

  constructor(text: unknown, options?: unknown) {
    this.#text = String(text);
    this.#options = optionsOf(options);
    if (this.#options.cachedData !== undefined) this.cachedDataRejected = true;
    checkSyntax(this.#text, nameOf(this.#options));
    Reflect.deleteProperty(this, "sourceMapURL");
    if (this.cachedDataRejected === undefined) Reflect.deleteProperty(this, "cachedDataRejected");
  }

  runInThisContext(options?: unknown): unknown {
    const { timeout } = optionsOf(options);
    if (timeout !== undefined) throw unsupported("the option timeout of runInThisContext");
    const name = nameOf(this.#options);
    const edits = globalEdits(editsOf(this.#text, name), importing(this.#options));
    return evaluateText({ name, text: this.#text, edits, head: "", tail: "" });
  }

  runInContext(context: unknown, options?: unknown): unknown {
    if (typeof context !== "object" || context === null) throw invalidArgType("contextifiedObject", "Object", context);
    const found = contextOf(context);
    if (found === undefined) throw invalidArgType("contextifiedObject", "vm.Context", context);
    return runIn(found, this.#text, this.#options, optionsOf(options).timeout);
  }

  runInNewContext(object?: unknown, options?: unknown): unknown {
    return this.runInContext(createContext(object), options);
  }

  createCachedData(): never {
    throw unsupported("script.createCachedData");
  }
}

/** Stops a script that runs too long, at its next loop or call. */
function ticker(timeout: number | undefined): () => void {
  if (timeout === undefined) return () => undefined;
  if (!Number.isInteger(timeout) || timeout <= 0) throw nodeError(RangeError, "ERR_OUT_OF_RANGE", `The value of "options.timeout" is out of range. It must be >= 1 && <= 4294967295. Received ${timeout}`);
  const end = performance.now() + timeout;
  return () => {
    if (performance.now() > end) throw nodeError(Error, "ERR_SCRIPT_EXECUTION_TIMEOUT", `Script execution timed out after ${timeout}ms`);
  };
}

function declare(context: Context, prepared: Prepared): void {
  const { global, lexical, assignable } = context;
  for (const name of [...prepared.constants, ...prepared.lexical]) {
    if (lexical.has(name)) throw new SyntaxError(`Identifier '${name}' has already been declared`);
    lexical.set(name, { value: undefined, constant: prepared.constants.includes(name), set: false });
  }
  for (const name of prepared.variables) if (!(name in global)) Reflect.set(global, name, undefined);
  if (!prepared.strict) for (const name of prepared.assigned) assignable.add(name);
}

function runIn(context: Context, text: string, options: Options, timeout: number | undefined): unknown {
  const name = nameOf(options);
  const tick = ticker(timeout);
  let prepared: Prepared;
  try {
    prepared = prepare(text, timeout !== undefined);
  } catch (error) {
    return fail(error, name, text);
  }
  declare(context, prepared);
  // Functions are made behind the scope, where only `aside` lets them be seen; then the context gets them.
  const names = prepared.functions;
  const pickUp = names.length === 0 ? "" : `${HELPER}.give(() => ({${names.join(", ")}}));`;
  const helper = {
    asks: (name: string) => {
      context.asked = name;
    },
    asked: (kind: string) => {
      context.asked = undefined;
      return kind;
    },
    tick,
    give: (pick: () => Record<string, unknown>) => {
      context.aside = true;
      try {
        Object.assign(context.global, pick());
      } finally {
        context.aside = false;
      }
    },
  };
  mapText(name, text, prepared.edits, pickUp.length);
  const body = `${prepared.strict ? '"use strict";' : ""}${pickUp}${edited(text, prepared.edits)}\n//# sourceURL=${name}`;
  try {
    context.entering = true;
    return inside.call(context.global, context.scope, helper, importing(options), body);
  } finally {
    for (const [key, kept] of context.lexical) if (!kept.set && prepared.lexical.includes(key)) kept.set = true;
  }
}

// A function made from text is not strict, as `with` needs; its one free name is the text to evaluate.
// eslint-disable-next-line @typescript-eslint/no-implied-eval
const inside = new Function("__runner$scope", HELPER, RUNTIME, "__runner$body", "with (__runner$scope) { return eval(__runner$body); }") as (this: object, scope: object, helper: object, runtime: Runtime, body: string) => unknown;

function createContext(object: unknown = {}, options?: unknown): object {
  if (typeof object !== "object" || object === null) throw invalidArgType("contextObject", "Object", object);
  if ((options as { microtaskMode?: unknown } | undefined)?.microtaskMode !== undefined) throw unsupported("the option microtaskMode of vm.createContext");
  contextify(object);
  return object;
}

function compileFunction(text: unknown, parameters: unknown = [], options?: unknown): unknown {
  if (typeof text !== "string") throw invalidArgType("code", "string", text);
  if (!Array.isArray(parameters)) throw invalidArgType("params", "Array", parameters);
  const given = optionsOf(options) as Options & { parsingContext?: unknown; contextExtensions?: unknown[] };
  if (given.parsingContext !== undefined) throw unsupported("the option parsingContext of vm.compileFunction");
  if ((given.contextExtensions ?? []).length > 0) throw unsupported("the option contextExtensions of vm.compileFunction");
  const name = given.filename ?? "";
  const head = `function (${(parameters as unknown[]).join(",")}) {`;
  const edits = editsOf(text, name);
  if (edits.length === 0) return compileText({ name, text, edits, head, tail: "}" });
  return compileText({ name, text, edits, head: `function (${RUNTIME}) {return ${head}`, tail: "}}" })(importing(given));
}

let modules: object = {};

/** `--experimental-vm-modules`: its classes are there, and refuse. */
export function allowVmModules(): void {
  modules = { Module: refusal("vm.Module"), SourceTextModule: refusal("vm.SourceTextModule"), SyntheticModule: refusal("vm.SyntheticModule") };
}

/** The module. */
export function vmModule(): object {
  return {
    ...modules,
    Script,
    createContext,
    createScript: (text: unknown, options?: unknown) => new Script(text, options),
    runInContext: (text: unknown, context: unknown, options?: unknown) => new Script(text, options).runInContext(context, options),
    runInNewContext: (text: unknown, object?: unknown, options?: unknown) => new Script(text, options).runInNewContext(object, options),
    runInThisContext: (text: unknown, options?: unknown) => new Script(text, options).runInThisContext(options),
    isContext: (object: unknown): boolean => {
      if (typeof object !== "object" || object === null) throw invalidArgType("object", "Object", object);
      return contextOf(object) !== undefined;
    },
    compileFunction,
    measureMemory: refusal("vm.measureMemory"),
    constants: Object.freeze({ __proto__: null, USE_MAIN_CONTEXT_DEFAULT_LOADER: DEFAULT_LOADER }),
  };
}
