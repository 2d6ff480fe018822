/** Errors as Node makes them: a name, a `code`, and Node's wording. Facts: Node 20's documentation and what it prints. */

import { inspect } from "node-inspect-extracted";

/** An error with Node's `code`. */
export type CodedError = Error & { code: string };

type ErrorClass = new (message: string) => Error;

/**
 * An error whose stack and `toString()` show the code in brackets behind the class's name, as Node's own do.
 * `caller` and what it called are left out of the stack.
 */
export function nodeError(Base: ErrorClass, code: string, message: string, caller: unknown = nodeError): CodedError {
  const error = new Base(message) as CodedError;
  const shown = `${Base.name} [${code}]`;
  // The header of a stack is made when the stack is captured.
  Object.defineProperty(error, "name", { value: shown, configurable: true, writable: true, enumerable: false });
  (Error as unknown as { captureStackTrace?: (target: object, above: unknown) => void }).captureStackTrace?.(error, caller);
  // Some engines make the header only when it is read.
  Reflect.get(error, "stack");
  delete (error as { name?: string }).name;
  error.code = code;
  Object.defineProperty(error, "toString", {
    value: () => `${error.name} [${code}]: ${error.message}`,
    configurable: true, writable: true, enumerable: false,
  });
  return error;
}

const PRIMITIVES = new Set(["string", "function", "number", "object", "boolean", "bigint", "symbol"]);

/** What a value is, in the words of Node's argument errors: `type string ('x')`, `an instance of Map`. */
export function received(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return value.name === "" ? "function " : `function ${value.name}`;
  if (typeof value === "object") {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" && name !== "" ? `an instance of ${name}` : inspect(value, { depth: -1 });
  }
  let shown = inspect(value, { colors: false });
  if (shown.length > 28) shown = `${shown.slice(0, 25)}...`;
  return `type ${typeof value} (${shown})`;
}

function list(words: readonly string[], last: string): string {
  if (words.length <= 1) return words.join("");
  if (words.length === 2) return words.join(` ${last} `);
  return `${words.slice(0, -1).join(", ")}, ${last} ${words.at(-1) ?? ""}`;
}

/** A name that is a class's, not a description as `Agent-like Object`. */
const CLASS = /^([A-Z][a-z0-9]*)+$/;

function expectation(expected: readonly string[]): string {
  const types = expected.filter((word) => PRIMITIVES.has(word.toLowerCase())).map((word) => word.toLowerCase());
  const instances = expected.filter((word) => CLASS.test(word) && !PRIMITIVES.has(word.toLowerCase()));
  const others = expected.filter((word) => !PRIMITIVES.has(word.toLowerCase()) && !CLASS.test(word));
  if (instances.length > 0 && types.includes("object")) {
    types.splice(types.indexOf("object"), 1);
    instances.push("Object");
  }
  return [ofTypes(types), ofInstances(instances), ofOthers(others)].filter((part) => part !== "").join(" or ");
}

const ofTypes = (types: readonly string[]): string => (types.length === 0 ? "" : `${types.length > 1 ? "one of type" : "of type"} ${list(types, "or")}`);
const ofInstances = (names: readonly string[]): string => (names.length === 0 ? "" : `an instance of ${list(names, "or")}`);

/** Words that are neither, as `integer`; with an article when one with capitals within stands alone. */
function ofOthers(words: readonly string[]): string {
  const [first = ""] = words;
  if (words.length > 1) return `one of ${list(words, "or")}`;
  return first !== first.toLowerCase() ? `an ${first}` : first;
}

/** `The "x" argument`, `The "a.b" property`, or the words themselves when they end so. */
function subject(name: string): string {
  if (name.endsWith(" argument")) return `The ${name}`;
  return `The "${name}" ${name.includes(".") ? "property" : "argument"}`;
}

/** ERR_INVALID_ARG_TYPE. */
export function invalidArgType(name: string, expected: string | readonly string[], actual: unknown): CodedError {
  const kinds = typeof expected === "string" ? [expected] : expected;
  return nodeError(TypeError, "ERR_INVALID_ARG_TYPE", `${subject(name)} must be ${expectation(kinds)}. Received ${received(actual)}`, invalidArgType);
}

/** ERR_INVALID_ARG_VALUE. */
export function invalidArgValue(name: string, value: unknown, reason = "is invalid"): CodedError {
  let shown = inspect(value);
  if (shown.length > 128) shown = `${shown.slice(0, 128)}...`;
  const kind = name.includes(".") ? "property" : "argument";
  return nodeError(TypeError, "ERR_INVALID_ARG_VALUE", `The ${kind} '${name}' ${reason}. Received ${shown}`, invalidArgValue);
}

/** Digits in groups of three, as Node writes large numbers in range errors. */
function grouped(value: string): string {
  const [, sign = "", digits = ""] = /^(-?)(\d+)$/.exec(value) ?? [];
  return digits === "" ? value : sign + digits.replace(/\B(?=(\d{3})+$)/g, "_");
}

/** ERR_OUT_OF_RANGE. */
export function outOfRange(name: string, range: string, actual: unknown): CodedError {
  let shown: string;
  if (typeof actual === "number" && Number.isInteger(actual) && Math.abs(actual) > 2 ** 32) shown = grouped(String(actual));
  else if (typeof actual === "bigint") shown = `${actual > 2n ** 32n || actual < -(2n ** 32n) ? grouped(String(actual)) : String(actual)}n`;
  else shown = inspect(actual);
  return nodeError(RangeError, "ERR_OUT_OF_RANGE", `The value of "${name}" is out of range. It must be ${range}. Received ${shown}`, outOfRange);
}

/** What this engine does not do: an error that names it, never a wrong answer. */
export function unsupported(feature: string, why = ""): CodedError {
  return nodeError(Error, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", unsupportedText(feature, why), unsupported);
}

function unsupportedText(feature: string, why: string): string {
  const reason = why === "" ? "" : ` (${why})`;
  return `${feature} is not supported by the local WebContainer engine${reason}`;
}

/** Marks functions that refuse, with the text of their error: the published list of what is supported is made from it. */
const REFUSED = Symbol.for("runner.refusal");

/** A function that refuses, for a place in a module's interface that is not done. It may be called with `new`. */
export function refusal(feature: string, why = ""): (...args: unknown[]) => never {
  const refuse = function refuse(): never {
    throw unsupported(feature, why);
  };
  Object.defineProperty(refuse, "name", { value: feature.slice(feature.lastIndexOf(".") + 1), configurable: true });
  return Object.defineProperty(refuse, REFUSED, { value: unsupportedText(feature, why) });
}

/** The error with which Node ends what a signal aborted. */
export class AbortError extends Error {
  readonly code = "ABORT_ERR";

  constructor(options?: { cause?: unknown }) {
    super("The operation was aborted", options);
    this.name = "AbortError";
  }
}

/** The callback of an API was left out or is no function. */
export function invalidCallback(value: unknown, name = "cb"): CodedError {
  return invalidArgType(name, "Function", value);
}

export function invalidReturnValue(expected: string, name: string, value: unknown): CodedError {
  const kind = value === null || value === undefined ? String(value) : received(value);
  return nodeError(TypeError, "ERR_INVALID_RETURN_VALUE", `Expected ${expected} to be returned from the "${name}" function but got ${kind}.`);
}
