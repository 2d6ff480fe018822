/** `assert.AssertionError`. */

import { inspect } from "node-inspect-extracted";
import { invalidArgType } from "../errors.ts";
import { cutLines, difference, HEADS, shown } from "./difference.ts";

const LONGEST = 512;

/** What an AssertionError is made of. */
export interface AssertionOptions {
  readonly message?: unknown;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly operator?: string;
  readonly stackStartFn?: unknown;
  readonly stackStartFunction?: unknown;
}

function unequalMessage(actual: unknown, operator: string): string {
  const isObject = (typeof actual === "object" && actual !== null) || typeof actual === "function";
  const head = HEADS[operator === "notStrictEqual" && isObject ? "notStrictEqualObject" : operator] ?? "";
  const lines = cutLines(shown(actual).split("\n"));
  const [first = ""] = lines;
  if (lines.length === 1) return `${head}${first.length > 5 ? "\n\n" : " "}${first}`;
  return `${head}\n\n${lines.join("\n")}\n`;
}

function looseMessage(actual: unknown, expected: unknown, operator: string): string {
  const [left, right] = [shown(actual), shown(expected)];
  const head = HEADS[operator];
  if (operator === "notDeepEqual" && left === right) {
    const whole = `${head ?? ""}\n\n${left}`;
    return whole.length > 1024 ? `${whole.slice(0, 1021)}...` : whole;
  }
  const [a, b] = [left.slice(0, LONGEST), right.slice(0, LONGEST)];
  if (operator === "deepEqual") return `${head ?? ""}\n\n${a}\n\nshould loosely deep-equal\n\n${b}`;
  if (operator === "notDeepEqual") return `Expected values not to be loosely deep-equal:\n\n${a}\n\nshould not loosely deep-equal\n\n${b}`;
  return `${a} ${operator} ${b}`;
}

/** An error without its stack: where two errors were made is no difference. */
function withoutStack(error: Error): object {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(error) as object) as object, error);
  return Object.defineProperty(copy, "message", { value: error.message });
}

function messageOf(options: AssertionOptions): string {
  const { message, operator = "" } = options;
  let { actual, expected } = options;
  if (actual instanceof Error && expected instanceof Error) [actual, expected] = [withoutStack(actual), withoutStack(expected)];
  const text = message === undefined || message === null ? undefined : typeof message === "string" ? message : String(message);
  if (operator === "deepStrictEqual" || operator === "strictEqual") return difference(actual, expected, operator, text);
  if (text !== undefined) return text;
  if (operator === "notDeepStrictEqual" || operator === "notStrictEqual") return unequalMessage(actual, operator);
  return looseMessage(actual, expected, operator);
}

const hidden = (value: unknown): PropertyDescriptor => ({ value, enumerable: false, writable: true, configurable: true });

/** Long texts are printed in part. */
function shortened(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const lines = value.split("\n", 11);
  if (lines.length > 10) return `${lines.slice(0, 10).join("\n")}\n...`;
  return value.length > LONGEST ? `${value.slice(0, LONGEST)}...` : value;
}

/** The error of a failed assertion. */
export class AssertionError extends Error {
  // Declared only: they are made in Node's order, which serialisers show.
  declare generatedMessage: boolean;
  declare code: "ERR_ASSERTION";
  declare actual: unknown;
  declare expected: unknown;
  declare operator: string | undefined;

  constructor(options: AssertionOptions) {
    const given: unknown = options;
    if (given === null || typeof given !== "object") throw invalidArgType("options", "Object", given);
    super(messageOf(options));
    this.generatedMessage = options.message === undefined || options.message === null;
    Object.defineProperty(this, "name", hidden("AssertionError [ERR_ASSERTION]"));
    this.code = "ERR_ASSERTION";
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator;
    const above = options.stackStartFn ?? options.stackStartFunction;
    (Error as unknown as { captureStackTrace(target: object, above: unknown): void }).captureStackTrace(this, typeof above === "function" ? above : AssertionError);
    Reflect.get(this, "stack");
    this.name = "AssertionError";
  }

  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, context: object): string {
    const { actual, expected } = this;
    this.actual = shortened(actual);
    this.expected = shortened(expected);
    const text = inspect(this, { ...context, customInspect: false, depth: 0 });
    this.actual = actual;
    this.expected = expected;
    return text;
  }
}
