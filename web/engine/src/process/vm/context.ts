/**
 * Contexts of `vm`: global objects of their own. Their built-in objects are those of the process: a Worker has no
 * second realm, so `vm.runInNewContext('[]') instanceof Array` is true here.
 */

import { RUNTIME } from "../loader/awaits.ts";
import { nativeEval } from "../loader/evals.ts";
import { HELPER } from "./script.ts";

/** The names of the language, which every context has. */
const LANGUAGE = new Set([
  "Object", "Function", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined", "Boolean", "String", "Symbol", "Date",
  "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError",
  "JSON", "Math", "Intl", "ArrayBuffer", "Atomics", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array", "Int32Array",
  "Float32Array", "Float64Array", "Uint8ClampedArray", "BigUint64Array", "BigInt64Array", "DataView", "Map", "BigInt", "Set", "WeakMap",
  "WeakSet", "WeakRef", "Proxy", "Reflect", "FinalizationRegistry", "decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent",
  "escape", "unescape", "isFinite", "isNaN", "SharedArrayBuffer", "WebAssembly", "eval",
]);

/** What belongs to one context. */
export interface Context {
  readonly global: object;
  /** Stands for the global object in `with`. */
  readonly scope: object;
  /** `let`, `const` and classes of scripts: seen by later scripts, no properties of the global object. */
  readonly lexical: Map<string, { value: unknown; readonly constant: boolean; set: boolean }>;
  /** Names whose assignment makes a property. */
  readonly assignable: Set<string>;
  /** While true, the scope hides nothing: functions of a script are picked up behind it. */
  aside: boolean;
  /** While true, the next `eval` that is read is the language's own: it evaluates the script. */
  entering: boolean;
  /** The name that a `typeof` asks for now. */
  asked: string | undefined;
}

const contexts = new WeakMap<object, Context>();

/** The context of an object that `createContext` was given; undefined for others. */
export function contextOf(object: object): Context | undefined {
  return contexts.get(object);
}

/** Make a context of an object, once. */
export function contextify(global: object): Context {
  const known = contexts.get(global);
  if (known !== undefined) return known;
  const context: Context = { global, scope: {}, lexical: new Map(), assignable: new Set(), aside: false, entering: false, asked: undefined };
  Object.assign(context, { scope: new Proxy(Object.create(null) as object, traps(context)) });
  contexts.set(global, context);
  return context;
}

function traps(context: Context): ProxyHandler<object> {
  const { global, lexical, assignable } = context;
  const self = (name: string): boolean => name === "globalThis" && !(name in global);
  return {
    has: (_, key) => {
      if (typeof key !== "string" || context.aside || HIDDEN.has(key)) return false;
      return lexical.has(key) || key in global || self(key) || LANGUAGE.has(key) || assignable.has(key) || key in globalThis;
    },
    get: (_, key) => {
      if (typeof key !== "string") return undefined;
      if (key === "eval" && context.entering) {
        context.entering = false;
        return nativeEval;
      }
      const kept = lexical.get(key);
      if (kept !== undefined) {
        if (!kept.set) throw new ReferenceError(`Cannot access '${key}' before initialization`);
        return kept.value;
      }
      if (key in global) return Reflect.get(global, key) as unknown;
      if (self(key)) return global;
      if (LANGUAGE.has(key)) return Reflect.get(globalThis, key) as unknown;
      // The process has it, or a script assigns to it somewhere: the context does not have it.
      if (context.asked !== key) throw new ReferenceError(`${key} is not defined`);
      return undefined;
    },
    set: (_, key, value) => {
      const kept = typeof key === "string" ? lexical.get(key) : undefined;
      if (kept === undefined) {
        Reflect.set(global, key, value);
        return true;
      }
      if (kept.constant && kept.set) throw new TypeError("Assignment to constant variable.");
      kept.value = value;
      kept.set = true;
      return true;
    },
    deleteProperty: (_, key) => Reflect.deleteProperty(global, key),
  };
}

/** The names that scripts reach past their context: what their edited text calls. */
const HIDDEN: ReadonlySet<string> = new Set([HELPER, RUNTIME]);
