/** `util`. Printing is by the kept package `node-inspect-extracted`. */

import { format, formatWithOptions, inspect, stripVTControlCharacters } from "node-inspect-extracted";
import { invalidArgType, outOfRange } from "../errors.ts";
import { validateNumber, validateString, type Callback } from "../validate.ts";
import { deepEqual } from "./equal.ts";
import { aborted, callbackify, debuglogOf, deprecate, inherits, parseEnv, promisify, styleText } from "./functions.ts";
import { printWebClasses } from "./inspect-web.ts";
import { MIMEParams, MIMEType } from "./mime.ts";
import { parseArgs } from "./parse-args.ts";
import { SYSTEM_ERRORS, systemErrorMap, systemErrorName } from "./system-errors.ts";
import { types } from "./types.ts";

/** What the browser does not tell of a value is printed as unknown, never guessed. */
function printUnknown(): void {
  const print = Symbol.for("nodejs.util.inspect.custom");
  const hide = (proto: object, shown: string): void => {
    Object.defineProperty(proto, print, { value: () => shown, configurable: true, writable: true, enumerable: false });
  };
  const named = (value: object): string => (value.constructor as { name?: string } | undefined)?.name ?? "Promise";
  void Object.defineProperty(Promise.prototype, print, {
    value(this: object) {
      return `${named(this)} { <unknown> }`;
    },
    configurable: true, writable: true, enumerable: false,
  });
  hide(Object.getPrototypeOf(new Map()[Symbol.iterator]()) as object, "[Map Iterator] { <items unknown> }");
  hide(Object.getPrototypeOf(new Set()[Symbol.iterator]()) as object, "[Set Iterator] { <items unknown> }");
}
printUnknown();
printWebClasses();

const debuglog = debuglogOf(format);

function systemError(number: unknown, syscall: unknown, suffix: string): Error {
  validateNumber(number, "err", Number.MIN_SAFE_INTEGER, -1);
  const code = systemErrorName(number) ?? `Unknown system error ${number}`;
  const where = suffix === "" ? "" : ` ${suffix}`;
  return Object.assign(new Error(`${String(syscall)} ${code}${where}`), { errno: number, code, syscall });
}

function getSystemErrorName(number: unknown): string | undefined {
  validateNumber(number, "err");
  if (number >= 0 || !Number.isSafeInteger(number)) throw outOfRange("err", "a negative integer", number);
  return systemErrorName(number) ?? `Unknown system error ${number}`;
}

function withHostPort(number: unknown, syscall: unknown, address: unknown, port?: unknown, more?: unknown): Error {
  const where = `${String(address)}${port !== undefined && port !== 0 ? `:${String(port)}` : ""}${more === undefined ? "" : ` - Local (${String(more)})`}`;
  const error = systemError(number, syscall, where);
  return Object.assign(error, { address }, port === undefined || port === 0 ? {} : { port });
}

/** Copy the own properties of a source into a target: old form of `Object.assign`. */
function extend(target: object, source: unknown): object {
  return typeof source === "object" && source !== null ? Object.assign(target, source) : target;
}

const isPrimitive = (value: unknown): boolean => value === null || (typeof value !== "object" && typeof value !== "function");
const printTime = (): string => {
  const now = new Date();
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][now.getMonth()] ?? "";
  const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
  return `${now.getDate()} ${month} ${clock}`;
};

/** Lone surrogates replaced, as `String.prototype.toWellFormed` does. */
function toUSVString(value: unknown): string {
  return Array.from(String(value), (char) => (/^[\ud800-\udfff]$/.test(char) ? "\ufffd" : char)).join("");
}

/** The module, with the keys of Node's in its order. */
export const util = {
  _errnoException: (number: unknown, syscall: unknown, original?: unknown) => systemError(number, syscall, original === undefined ? "" : String(original)),
  _exceptionWithHostPort: withHostPort,
  _extend: extend,
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format,
  styleText,
  formatWithOptions,
  getSystemErrorMap: systemErrorMap,
  getSystemErrorName,
  inherits,
  inspect,
  isArray: Array.isArray,
  isBoolean: (value: unknown) => typeof value === "boolean",
  isBuffer: (value: unknown) => value instanceof Uint8Array && "readUInt8" in value,
  isDeepStrictEqual: (a: unknown, b: unknown) => deepEqual(a, b, true),
  isNull: (value: unknown) => value === null,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isNumber: (value: unknown) => typeof value === "number",
  isString: (value: unknown) => typeof value === "string",
  isSymbol: (value: unknown) => typeof value === "symbol",
  isUndefined: (value: unknown) => value === undefined,
  isRegExp: types.isRegExp,
  isObject: (value: unknown) => value !== null && typeof value === "object",
  isDate: types.isDate,
  isError: (value: unknown) => types.isNativeError(value) || value instanceof Error,
  isFunction: (value: unknown) => typeof value === "function",
  isPrimitive,
  log: (...words: unknown[]) => globalThis.console.log("%s - %s", printTime(), format(...words)),
  promisify,
  stripVTControlCharacters: (text: unknown) => {
    validateString(text, "str");
    return stripVTControlCharacters(text);
  },
  toUSVString,
  transferableAbortSignal: (signal: unknown) => {
    if (!(signal instanceof AbortSignal)) throw invalidArgType("signal", "AbortSignal", signal);
    return signal;
  },
  transferableAbortController: () => new AbortController(),
  aborted,
  types,
  parseEnv,
  parseArgs,
  TextDecoder: globalThis.TextDecoder,
  TextEncoder: globalThis.TextEncoder,
  MIMEType,
  MIMEParams,
};

/** The number of a system error's name. */
export const errorNumber = (name: string): number | undefined => SYSTEM_ERRORS[name]?.[0];
/** Any function, for users of this module. */
export type { Callback };
