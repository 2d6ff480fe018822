/** `assert` and `assert/strict`. */

import { inspect } from "node-inspect-extracted";
import { invalidArgType, invalidArgValue, invalidReturnValue, nodeError, refusal } from "../errors.ts";
import { deepEqual as isDeepEqual } from "../util/equal.ts";
import { types } from "../util/types.ts";
import { validateFunction, type Callback } from "../validate.ts";
import { AssertionError, type AssertionOptions } from "./error.ts";
import { callSource } from "./source.ts";

type Check = (...args: unknown[]) => unknown;

function failWith(options: AssertionOptions): never {
  if (options.message instanceof Error) throw options.message;
  throw new AssertionError(options);
}

function missing(args: readonly unknown[]): void {
  if (args.length < 2) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "actual" and "expected" arguments must be specified');
}

/** Throw unless the value is truthy; the message shows the call's source. */
function truthy(above: Check, args: readonly unknown[]): void {
  const [value, message] = args;
  if (value) return;
  if (message !== undefined && message !== null) failWith({ actual: value, expected: true, message, operator: "==", stackStartFn: above });
  let text: string | undefined;
  if (args.length === 0) text = "No value argument passed to `assert.ok()`";
  else {
    const source = callSource(above);
    if (source !== undefined) text = `The expression evaluated to a falsy value:\n\n  ${source}\n`;
  }
  const error = new AssertionError({ actual: value, expected: true, operator: "==", stackStartFn: above, ...(text === undefined ? {} : { message: text }) });
  Object.assign(error, { generatedMessage: true });
  throw error;
}

function ok(...args: unknown[]): void {
  truthy(ok, args);
}

/** A comparison that fails with its operator. */
function comparison(operator: string, passes: (actual: unknown, expected: unknown) => boolean, name = operator): Check {
  const check: Check = (...args) => {
    missing(args);
    const [actual, expected, message] = args;
    if (!passes(actual, expected)) failWith({ actual, expected, message, operator, stackStartFn: check });
  };
  return Object.defineProperty(check, "name", { value: name, configurable: true });
}

const looseEqual = (a: unknown, b: unknown): boolean => a == b || (Number.isNaN(a) && Number.isNaN(b));

const equal = comparison("==", looseEqual, "equal");
const notEqual = comparison("!=", (a, b) => !looseEqual(a, b), "notEqual");
const deepEqual = comparison("deepEqual", (a, b) => isDeepEqual(a, b, false));
const notDeepEqual = comparison("notDeepEqual", (a, b) => !isDeepEqual(a, b, false));
const deepStrictEqual = comparison("deepStrictEqual", (a, b) => isDeepEqual(a, b, true));
const notDeepStrictEqual = comparison("notDeepStrictEqual", (a, b) => !isDeepEqual(a, b, true));
const strictEqual = comparison("strictEqual", Object.is);
const notStrictEqual = comparison("notStrictEqual", (a, b) => !Object.is(a, b));

function fail(...args: unknown[]): never {
  if (args.length <= 1) {
    const [message] = args;
    if (message instanceof Error) throw message;
    const error = new AssertionError({ message: message ?? "Failed", operator: "fail", stackStartFn: fail });
    if (message === undefined) Object.assign(error, { generatedMessage: true });
    throw error;
  }
  const [actual, expected, message, operator, above] = args;
  return failWith({ actual, expected, message, operator: (operator as string | undefined) ?? (args.length === 2 ? "!=" : "fail"), stackStartFn: above ?? fail });
}

const NONE = Symbol("no exception");

/** Objects of this class print as what the message compares. */
class Comparison {
  /** Take what is compared of an object. */
  take(source: object, keys: readonly string[], patterns?: Record<string, unknown>): this {
    for (const key of keys) {
      if (!(key in source)) continue;
      const value = (source as Record<string, unknown>)[key];
      const pattern = patterns?.[key];
      // A text that the pattern matches is shown as the pattern, so that it is no difference.
      Object.assign(this, { [key]: typeof value === "string" && pattern instanceof RegExp && pattern.test(value) ? pattern : value });
    }
    return this;
  }
}

function compareProperties(actual: object, expected: Record<string, unknown>, options: { message: unknown; operator: string; above: Check }): void {
  const keys = Object.keys(expected);
  if (expected instanceof Error) keys.push("name", "message");
  else if (keys.length === 0) throw invalidArgValue("error", expected, "may not be an empty object");
  for (const key of keys) {
    const [value, wanted] = [(actual as Record<string, unknown>)[key], expected[key]];
    if (typeof value === "string" && wanted instanceof RegExp && wanted.test(value)) continue;
    if (key in actual && isDeepEqual(value, wanted, true)) continue;
    if (options.message instanceof Error) throw options.message;
    const error = new AssertionError({
      actual: new Comparison().take(actual, keys, expected), expected: new Comparison().take(expected, keys), operator: "deepStrictEqual", stackStartFn: options.above,
      ...(options.message === undefined ? {} : { message: options.message }),
    });
    throw Object.assign(error, { actual, expected, operator: options.operator, generatedMessage: options.message === undefined });
  }
}

interface Expectation {
  readonly expected: unknown;
  readonly message: unknown;
  readonly operator: string;
  readonly above: Check;
}

function refuse(actual: unknown, how: Expectation, text: string): never {
  if (how.message instanceof Error) throw how.message;
  const error = new AssertionError({ actual, expected: how.expected, message: how.message ?? text, operator: how.operator, stackStartFn: how.above });
  throw Object.assign(error, { generatedMessage: how.message === undefined });
}

function instanceMessage(actual: unknown, expected: Callback): string {
  const start = `The error is expected to be an instance of "${expected.name}". Received `;
  if (actual instanceof Error) return `${start}"${actual.name}"\n\nError message:\n\n${actual.message}`;
  const name = (actual as { constructor?: { name?: string } } | null)?.constructor?.name;
  return `${start}"${name === undefined || typeof actual !== "object" ? inspect(actual, { depth: -1 }) : name}"`;
}

/** Whether a class was given, not a function that validates. */
function isErrorClass(expected: Callback): boolean {
  return Object.prototype.isPrototypeOf.call(Error, expected) || expected === (Error as unknown);
}

/** Check what was thrown against a pattern, or against the properties of an object. */
function checkThrownText(actual: unknown, how: Expectation): void {
  const { expected } = how;
  if (types.isRegExp(expected)) {
    const text = String(actual);
    if (!(expected as RegExp).test(text)) refuse(actual, how, `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(text)}\n`);
    return;
  }
  if (typeof actual !== "object" || actual === null) {
    const error = new AssertionError({ actual, expected, operator: "deepStrictEqual", stackStartFn: how.above, ...(how.message === undefined ? {} : { message: how.message }) });
    throw Object.assign(error, { operator: how.operator });
  }
  compareProperties(actual, expected as Record<string, unknown>, how);
}

/** Check what was thrown against a pattern, a class, an object or a function. */
function checkThrown(actual: unknown, how: Expectation): void {
  const { expected } = how;
  if (typeof expected !== "function") return checkThrownText(actual, how);
  const validator = expected as Callback;
  if (validator.prototype !== undefined && actual instanceof (validator as unknown as new () => object)) return;
  if (isErrorClass(validator)) refuse(actual, how, instanceMessage(actual, validator));
  const answer = Reflect.apply(validator, {}, [actual]);
  if (answer === true) return;
  const name = validator.name === "" ? "" : `"${validator.name}" `;
  const shownError = types.isNativeError(actual) ? `\n\nCaught error:\n\n${inspect(actual)}` : "";
  refuse(actual, how, `The ${name}validation function is expected to return "true". Received ${inspect(answer)}${shownError}`);
}

/** Arguments after the function: what is expected, and the message. */
function expectation(args: readonly unknown[], actual: unknown, operator: string, above: Check): Expectation {
  const [expected, message] = args;
  if (typeof expected !== "string") {
    if (expected !== undefined && typeof expected !== "function" && (typeof expected !== "object" || expected === null)) {
      throw invalidArgType("error", ["Function", "Error", "RegExp", "Object"], expected);
    }
    return { expected, message, operator, above };
  }
  if (args.length === 2) throw invalidArgType("error", ["Function", "Error", "RegExp", "Object"], expected);
  const same = typeof actual === "object" && actual !== null ? (actual as Error).message === expected : actual === expected;
  if (same) {
    const subject = typeof actual === "object" && actual !== null ? "error message" : "error";
    throw nodeError(TypeError, "ERR_AMBIGUOUS_ARGUMENT", `The "error/message" argument is ambiguous. The ${subject} ${inspectText(expected)} is identical to the message.`);
  }
  return { expected: undefined, message: expected, operator, above };
}

const inspectText = (text: string): string => `"${text}"`;

function expectThrown(actual: unknown, args: readonly unknown[], operator: "throws" | "rejects", above: Check): void {
  const how = expectation(args, actual === NONE ? undefined : actual, operator, above);
  if (actual !== NONE) {
    if (how.expected !== undefined) checkThrown(actual, how);
    return;
  }
  const name = (how.expected as { name?: string } | undefined)?.name;
  const detail = `${name === undefined || name === "" ? "" : ` (${name})`}${how.message === undefined ? "." : `: ${String(how.message)}`}`;
  const kind = operator === "rejects" ? "rejection" : "exception";
  failWith({ actual: undefined, expected: how.expected, operator, message: how.message instanceof Error ? how.message : `Missing expected ${kind}${detail}`, stackStartFn: above });
}

function expectNone(actual: unknown, args: readonly unknown[], operator: "doesNotThrow" | "doesNotReject", above: Check): void {
  if (actual === NONE) return;
  const [expected, message] = typeof args[0] === "string" ? [undefined, args[0]] : args;
  if (expected !== undefined && !matches(actual, expected)) throw actual as Error;
  const detail = message === undefined ? "." : `: ${String(message)}`;
  const kind = operator === "doesNotReject" ? "rejection" : "exception";
  failWith({ actual, expected, operator, message: `Got unwanted ${kind}${detail}\nActual message: "${String((actual as Error | undefined)?.message)}"`, stackStartFn: above });
}

function matches(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "function") return (expected as RegExp).test(String(actual));
  const validator = expected as Callback;
  if (validator.prototype !== undefined && actual instanceof (validator as unknown as new () => object)) return true;
  return !isErrorClass(validator) && Reflect.apply(validator, {}, [actual]) === true;
}

function thrownBy(body: unknown): unknown {
  validateFunction(body, "fn");
  try {
    body();
  } catch (error) {
    return error;
  }
  return NONE;
}

async function rejectedBy(source: unknown): Promise<unknown> {
  let promise = source;
  const isThenable = (value: unknown): boolean => types.isPromise(value) || (typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function" && typeof (value as { catch?: unknown }).catch === "function");
  if (typeof source === "function") {
    promise = (source as Callback)();
    if (!isThenable(promise)) throw invalidReturnValue("instance of Promise", "promiseFn", promise);
  } else if (!isThenable(source)) throw invalidArgType("promiseFn", ["Function", "Promise"], source);
  try {
    await (promise as Promise<unknown>);
  } catch (error) {
    return error;
  }
  return NONE;
}

function throws(body: unknown, ...args: unknown[]): void {
  expectThrown(thrownBy(body), args, "throws", throws);
}

async function rejects(source: unknown, ...args: unknown[]): Promise<void> {
  expectThrown(await rejectedBy(source), args, "rejects", rejects);
}

function doesNotThrow(body: unknown, ...args: unknown[]): void {
  expectNone(thrownBy(body), args, "doesNotThrow", doesNotThrow);
}

async function doesNotReject(source: unknown, ...args: unknown[]): Promise<void> {
  expectNone(await rejectedBy(source), args, "doesNotReject", doesNotReject);
}

function ifError(error: unknown): void {
  if (error === null || error === undefined) return;
  let text = "ifError got unwanted exception: ";
  if (typeof error === "object" && typeof (error as Error).message === "string") {
    const { message, constructor } = error as Error;
    text += message === "" ? constructor.name : message;
  } else text += inspect(error);
  throw new AssertionError({ actual: error, expected: null, operator: "ifError", message: text, stackStartFn: ifError });
}

function matching(operator: "match" | "doesNotMatch"): Check {
  const check: Check = (text, pattern, message) => {
    if (!types.isRegExp(pattern)) throw invalidArgType("regexp", "RegExp", pattern);
    const found = typeof text === "string" && (pattern as RegExp).test(text);
    if (typeof text === "string" && found === (operator === "match")) return;
    if (message instanceof Error) throw message;
    const shownText = typeof text !== "string"
      ? `The "string" argument must be of type string. Received type ${typeof text} (${inspect(text)})`
      : `${operator === "match" ? "The input did not match the regular expression " : "The input was expected to not match the regular expression "}${inspect(pattern)}. Input:\n\n${inspect(text)}\n`;
    const error = new AssertionError({ actual: text, expected: pattern, message: message ?? shownText, operator, stackStartFn: check });
    throw Object.assign(error, { generatedMessage: message === undefined });
  };
  return Object.defineProperty(check, "name", { value: operator, configurable: true });
}

const CallTracker = refusal("assert.CallTracker", "it is deprecated; use the mocks of node:test");

const common = {
  fail, AssertionError, ok, equal, notEqual, deepEqual, notDeepEqual, deepStrictEqual, notDeepStrictEqual, strictEqual, notStrictEqual,
  throws, rejects, doesNotThrow, doesNotReject, ifError, match: matching("match"), doesNotMatch: matching("doesNotMatch"), CallTracker,
};

/** `assert/strict`: the loose names compare strictly. */
export const strict = Object.assign(function strict(...args: unknown[]): void {
  truthy(strict, args);
}, common, { equal: strictEqual, deepEqual: deepStrictEqual, notEqual: notStrictEqual, notDeepEqual: notDeepStrictEqual }) as unknown as Check & Record<string, unknown>;
strict.strict = strict;

/** The module, a function. */
export const assert = Object.assign(function assert(...args: unknown[]): void {
  truthy(assert, args);
}, common, { strict }) as unknown as Check & Record<string, unknown>;
